"""The benchmark's figures as text of at most 80 columns."""

import os
import pathlib
import platform
import re
import statistics
import subprocess


def first_line(command: list[str]) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return "?"
    return ((run.stdout + run.stderr).splitlines() or ["?"])[0].strip()


def conditions(binaries: dict[str, str]) -> dict[str, str]:
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    nginx = os.environ.get("HOLDFAST_NGINX", "nginx")
    haproxy = os.environ.get("HOLDFAST_HAPROXY", "haproxy")
    load = os.getloadavg()[0]
    return {
        "processor": f"{cpu[1] if cpu else platform.processor()}, {os.cpu_count()} cores",
        "kernel": platform.release(),
        "nginx": first_line([nginx, "-v"]).removeprefix("nginx version: "),
        "haproxy": first_line([haproxy, "-v"]).removeprefix("HAProxy version ").split(" ")[0],
        "wrk": first_line(["wrk", "-v"]).split(" [")[0],
        "load before": f"{load:.2f}",
        **{name: first_line([path, "version"]) for name, path in binaries.items()},
    }


def median(runs: list[dict], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def ratio(over: list[dict], under: list[dict], key: str) -> float:
    """The median of the ratios of runs that followed one another."""
    pairs = zip(over, under, strict=True)
    return statistics.median(a[key] / max(b[key], 1e-9) for a, b in pairs)


def pass_through(results: list[dict], mine: str, other: str) -> str:
    lines = [
        "Whole answers (1.5 kB), medians; a ratio above 1 is better than " + other,
        "",
        "               requests a second        CPU us a request      busy cores",
        f"body conns {mine:>9} {other:>9} ratio {mine:>9} {other:>9} ratio   proxy load",
    ]
    for one in results:
        a, b = one[mine], one[other]
        lines.append(
            f"{one['body_bytes'] // 1024:>3}K {one['connections']:>5} "
            f"{median(a, 'requests_per_second'):>9.0f} {median(b, 'requests_per_second'):>9.0f} "
            f"{ratio(a, b, 'requests_per_second'):>5.2f} "
            f"{median(a, 'cpu_us'):>9.1f} {median(b, 'cpu_us'):>9.1f} "
            f"{ratio(b, a, 'cpu_us'):>5.2f} "
            f"{median(a, 'busy'):>7.0%} {median(a, 'load_busy'):>4.0%}"
        )
    return "\n".join(lines)


def streaming(result: dict, names: list[str]) -> str:
    pace = f"at {result['rate']} chunks a second each" if result["rate"] else "unpaced"
    lines = [
        f"{result['streams']} streams {pace}, medians",
        "",
        "              chunks/s  CPU us/chunk   p50 us   p99 us   added: p50    p99  busy",
    ]
    direct = result["direct"]
    for name in ["direct", *names]:
        runs = result[name]
        p50, p99 = median(runs, "p50_us"), median(runs, "p99_us")
        line = f"{name:<12} {median(runs, 'chunks_per_second'):>9.0f} "
        line += "              " if name == "direct" else f"{median(runs, 'cpu_us'):>13.2f} "
        line += f"{p50:>8.0f} {p99:>8.0f} "
        if name != "direct":
            line += (
                f"{p50 - median(direct, 'p50_us'):>12.0f} {p99 - median(direct, 'p99_us'):>6.0f}"
            )
            line += f" {median(runs, 'busy'):>5.0%}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def translated(result: dict) -> str:
    """What a translated stream costs over one that passes: the figure is the ratio."""
    lines = [
        f"{result['streams']} streams at {result['rate']} chunks a second each, from a provider "
        "of OpenAI's dialect, medians",
        "",
        "client        chunks/s  CPU us/chunk  of passed   p50 us   p99 us  busy",
    ]
    passed = result["passed"]
    for name in [name for name in result if isinstance(result[name], list)]:
        runs = result[name]
        lines.append(
            f"{name:<12} {median(runs, 'chunks_per_second'):>9.0f} {median(runs, 'cpu_us'):>13.2f} "
            f"{ratio(runs, passed, 'cpu_us'):>10.2f} {median(runs, 'p50_us'):>8.0f} "
            f"{median(runs, 'p99_us'):>8.0f} {median(runs, 'busy'):>5.0%}"
        )
    return "\n".join(lines)


def memory(result: dict, names: list[str]) -> str:
    lines = ["Resident memory, MiB", "", "              at rest   at the streams   KiB a stream"]
    for name in names:
        rest, full = result["rest_kib"][name], median(result[name], "rss_kib")
        each = (full - rest) / result["streams"]
        lines.append(f"{name:<12} {rest / 1024:>8.1f} {full / 1024:>16.1f} {each:>14.1f}")
    return "\n".join(lines)


def failover(result: dict) -> str:
    def seconds(value) -> str:
        return "-" if value is None else f"{value:.2f} s"

    def part(count: int, one: dict) -> str:
        return f"{100 * count / one['requests']:.3f} %"

    lines = [
        f"The first of three targets fails, {result['rate']} requests a second, half of them streams",
        "",
        "                     requests    errors  of whole    broken detected normal  p99",
    ]
    for scenario in [name for name in result if name != "rate"]:
        for name, one in result[scenario].items():
            whole = "" if one["errors_whole"] is None else str(one["errors_whole"])
            normal = "-" if one["normal_s"] is None else f"{one['normal_s']:.0f} s"
            lines.append(
                f"{scenario:<10} {name:<10} {one['requests']:>7} {part(one['errors'], one):>9} "
                f"{whole:>9} {part(one['broken'], one):>9} {seconds(one['detected_s']):>8} "
                f"{normal:>6} {one['usual_p99_s']:>4.2f}"
            )
            scenario = ""
    return "\n".join(lines)


def families(result: dict) -> str:
    def time_of(value) -> str:
        return "-" if value is None else f"{value:.2f}"

    def times(one: dict, key: str) -> str:
        return f"{time_of(one['measured'][key]):>6} {time_of(one['simulated'][key]):>5}"

    def counts(one: dict, key: str) -> str:
        return f"{one['measured'][key]:>5} {one['simulated'][key]:>4}"

    lines = [
        f"The first of three targets fails, {result['rate']} requests a second of one family and kind;",
        "errors had nothing of an answer, broken streams had begun; seconds until the",
        "target is known to be out, and until the p99 of the first content is usual;",
        "each as measured and as simulated",
        "",
        "                                   errors     broken    detected    p99 usual",
        "family    kind   scenario  asked  real  sim  real  sim   real   sim   real   sim",
    ]
    for one in result["rows"]:
        lines.append(
            f"{one['family']:<9} {one['kind']:<6} {one['scenario']:<9} "
            f"{one['measured']['requests']:>5} {counts(one, 'errors')} {counts(one, 'broken')} "
            f"{times(one, 'detected_s')} {times(one, 'normal_s')}"
        )
    return "\n".join(lines)


def budget(result: dict) -> str:
    def dollars(nano: int) -> str:
        return f"{nano / 1e9:12.6f} USD"

    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(result["outcomes"].items()))
    return "\n".join(
        [
            f"{result['requests']} requests on one budget in {result['seconds']:.1f} s:",
            outcomes,
            "",
            f"the budget's amount     {dollars(result['amount_nano_usd'])}",
            f"spent at the provider   {dollars(result['spent_nano_usd'])}  "
            f"by {result['at_the_provider']} requests",
            f"counted by the budget   {dollars(result['counted_nano_usd'])}",
            f"overspent               {dollars(result['overspent_nano_usd'])}",
        ]
    )


def protection(result: dict, bare: str) -> str:
    lines = [
        "Whole answers, 1 KiB, 16 connections, medians; what protects is added line by line",
        "",
        "              requests/s  of bare   CPU us  of bare  busy",
    ]
    for name, runs in result.items():
        lines.append(
            f"{name:<12} {median(runs, 'requests_per_second'):>11.0f} "
            f"{ratio(runs, result[bare], 'requests_per_second'):>8.3f} "
            f"{median(runs, 'cpu_us'):>8.2f} {ratio(runs, result[bare], 'cpu_us'):>8.3f} "
            f"{median(runs, 'busy'):>5.0%}"
        )
    return "\n".join(lines)
