"""The package, as an operator meets it: install, start the way the unit says, ask, remove, purge.

systemd itself does not run where tests run, so the command, the user and the state folder are read
from the installed unit and carried out by hand, without any capability.
"""

import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.request

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build/package"
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
NOT_LINKED = ["adduser", "ca-certificates"]  # what the package needs besides libraries
PLACES = ["/etc", "/usr", "/lib/systemd", "/var/lib", "/var/cache", "/opt"]


def sh(*command: str, check: bool = True, **kwargs) -> subprocess.CompletedProcess:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
        **kwargs,
    )
    assert not check or done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}"
    return done


def as_root(*command: str, check: bool = True) -> subprocess.CompletedProcess:
    return sh(*AS_ROOT, "env", "DEBIAN_FRONTEND=noninteractive", *command, check=check)


def traces() -> set[str]:
    """Every path on the system that has the program's name in it."""
    found = as_root("find", *PLACES, "-xdev", "-name", "*holdfast*", check=False).stdout
    return {line for line in found.splitlines() if line.startswith("/")}


@pytest.fixture(scope="module")
def package() -> pathlib.Path:
    sh("bash", "packaging/build.sh", cwd=ROOT)
    (deb,) = OUT.glob("*.deb")
    return deb


@pytest.fixture(scope="module")
def installed(package: pathlib.Path):
    if AS_ROOT and subprocess.run([*AS_ROOT, "true"], capture_output=True).returncode != 0:
        pytest.skip("installing a package needs root or sudo without a password")
    status = sh("dpkg-query", "-W", "-f", "${db:Status-Status}", "holdfast", check=False).stdout
    if status.startswith("installed"):
        pytest.skip("holdfast is installed on this machine; the test would replace it")
    before = traces()
    as_root("dpkg", "-i", str(package))
    try:
        yield before
    finally:
        as_root("dpkg", "--purge", "holdfast")


def unit_settings() -> dict[str, str]:
    text = pathlib.Path("/lib/systemd/system/holdfast.service").read_text()
    return dict(re.findall(r"^(\w+)=(.*)$", text, flags=re.MULTILINE))


def test_same_tree_same_bytes(package: pathlib.Path):
    first = (OUT / "SHA256SUMS").read_text()
    sh("bash", "packaging/build.sh", cwd=ROOT)
    assert (OUT / "SHA256SUMS").read_text() == first


def test_control_fields(package: pathlib.Path):
    field = sh("dpkg-deb", "--field", str(package)).stdout
    assert "libc6" in field and "libssl3" in field, field
    assert "@" not in field.replace("maintainers@holdfast.invalid", ""), field
    if shutil.which("lintian"):
        errors = sh("lintian", "--fail-on", "error", "--tag-display-limit", "0", str(package))
        assert errors.returncode == 0


def test_bill_of_materials(package: pathlib.Path, tmp_path: pathlib.Path):
    """It is valid, says what is in the package, and names each library that the binary loads."""
    (path,) = OUT.glob("*.cdx.json")
    text = path.read_text()
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert problem is None, problem
    bill = json.loads(text)
    (tarball,) = OUT.glob("*.tar.gz")
    sh("tar", "-xzf", str(tarball), "-C", str(tmp_path))
    (folder,) = tmp_path.iterdir()
    assert (folder / "share/doc/holdfast/sbom.cdx.json").read_text() == text

    def digest(component: dict) -> str:
        return component["hashes"][0]["content"]

    by_name = {one["name"]: one for one in bill["components"]}
    for component, file in (
        (bill["metadata"]["component"], "bin/holdfast"),
        (by_name["llama-server"], "lib/holdfast/llama-server"),
    ):
        assert digest(component) == hashlib.sha256((folder / file).read_bytes()).hexdigest(), file
    depends = sh("dpkg-deb", "--field", str(package), "Depends").stdout
    libraries = [name for name in by_name if name != "llama-server"]
    shown = sh("dpkg-query", "-W", "-f", "${Provides}, ", *libraries).stdout
    provided = {one.split(" ")[0] for one in shown.split(", ")}  # "NAME (= VERSION)"
    for name in re.findall(r"(?:^|, )([a-z0-9.+-]+)", depends):
        assert name in {*by_name, *provided, *NOT_LINKED}, f"{name}: not in the bill"
    assert {"libssl3", "libsqlite3-0", "libsodium23", "libboost1.81-dev"} <= set(by_name)
    for name, one in by_name.items():
        assert one["version"] and one["purl"], name


def test_nothing_that_no_package_owns_is_packed(tmp_path: pathlib.Path):
    program = tmp_path / "program"
    library = tmp_path / "libunknown.so"
    (tmp_path / "unknown.c").write_text("int unknown(void) { return 0; }\n")
    (tmp_path / "main.c").write_text("int unknown(void);\nint main(void) { return unknown(); }\n")
    sh("clang-19", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "unknown.c"))
    sh("clang-19", "-o", str(program), str(tmp_path / "main.c"), str(library))
    done = sh(sys.executable, "packaging/sbom.py", "build/release", str(program), str(program),
              "0.1.0", "0", cwd=ROOT, check=False)  # fmt: skip
    assert done.returncode != 0 and f"{library} went into the program" in done.stdout, done.stdout


def test_tarball_runs_where_it_is_unpacked(package: pathlib.Path, tmp_path: pathlib.Path):
    (path,) = OUT.glob("*.tar.gz")
    sh("tar", "-xzf", str(path), "-C", str(tmp_path))
    (folder,) = tmp_path.iterdir()
    version = json.loads(sh(str(folder / "bin/holdfast"), "version", "--json").stdout)
    assert version["version"] in path.name
    for name in ("LICENSE", "lib/holdfast/LICENSE", "share/systemd/holdfast.service"):
        assert (folder / name).is_file(), name


def test_unit_is_sound(installed):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = "/lib/systemd/system/holdfast.service"
    sh("systemd-analyze", "verify", "--man=no", unit)
    # The threshold is in tenths; systemd calls up to 2.0 safe enough to say "OK" with a smile.
    sh("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit)


def test_installed_configuration_is_valid(installed):
    as_root("/usr/bin/holdfast", "config", "check", "/etc/holdfast/holdfast.yaml")


def test_llama_server_is_carried(installed):
    sh("/usr/lib/holdfast/llama-server", "--version")


def test_installed_service_answers(installed):
    as_root("sed", "-i", "s/127.0.0.1:808[01]/127.0.0.1:0/", "/etc/holdfast/holdfast.yaml")
    unit = unit_settings()
    command = shlex.split(unit["ExecStart"])
    assert command[0] == "/usr/bin/holdfast"
    assert f"/var/lib/{unit['StateDirectory']}" in command
    process = subprocess.Popen(
        [
            *AS_ROOT,
            "setpriv",
            f"--reuid={unit['User']}",
            f"--regid={unit['Group']}",
            "--init-groups",
            "--no-new-privs",
            "--bounding-set=-all",
            "--reset-env",
            *command,
        ],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        seen, administration = [], None
        for line in process.stdout:
            seen.append(line)
            if match := re.search(r"listening on (http://\S+) \(administration\)", line):
                administration = match.group(1)
                break
        assert administration, "".join(seen)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{administration}/healthz", timeout=10) as answer:
            assert answer.status == 200
        owners = as_root("find", "/var/lib/holdfast", "-printf", "%u %m %p\\n").stdout
        assert all(line.startswith("holdfast ") for line in owners.splitlines()), owners
        process.terminate()
        rest = process.stdout.read()
        assert process.wait(30) == 0, "".join(seen) + rest
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()


def test_remove_keeps_what_is_the_operators_and_purge_leaves_nothing(installed):
    before = installed
    as_root("dpkg", "--remove", "holdfast")
    assert not pathlib.Path("/usr/bin/holdfast").exists()
    assert pathlib.Path("/etc/holdfast").is_dir()
    assert pathlib.Path("/var/lib/holdfast").is_dir()
    as_root("dpkg", "--purge", "holdfast")
    assert traces() - before == set()
    assert sh("getent", "passwd", "holdfast", check=False).returncode == 2
    assert sh("getent", "group", "holdfast", check=False).returncode == 2
