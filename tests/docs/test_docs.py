"""What the documents say, held against the tree: links, configurations, verbs, codes, rooms."""

import os
import pathlib
import re
import subprocess

import pytest
from support.processes import BINARY

ROOT = pathlib.Path(__file__).resolve().parents[2]
LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"],
    cwd=ROOT, capture_output=True, text=True, check=True,
).stdout.split()  # fmt: skip
PAGES = sorted({ROOT / name for name in LISTED if (ROOT / name).exists()})
OPERATORS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^[ \t]*(```+)(\w*)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.M | re.S)
CODE_LIKE = re.compile(r'"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)"')


def name_of(page: pathlib.Path) -> str:
    return str(page.relative_to(ROOT))


def prose_of(page: pathlib.Path) -> str:
    """The page without its code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))


def anchors_of(page: pathlib.Path) -> set[str]:
    """The anchors that a page's headings get where Markdown is shown."""
    headings = re.findall(r"^#+ +(.*)$", FENCE.sub("", page.read_text()), re.M)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in kept}


def blocks(page: pathlib.Path, *languages: str) -> list[str]:
    return [text for _, language, text in FENCE.findall(page.read_text()) if language in languages]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page):
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if (not found.exists() or not found.is_relative_to(ROOT)) or (
            anchor and anchor not in anchors_of(found)
        ):
            wrong.append(target)
    assert not wrong, f"{name_of(page)}: these links lead nowhere: {wrong}"


CONFIGURATIONS = [
    pytest.param(text, id=f"{name_of(page)}-{number}")
    for page in OPERATORS
    for number, text in enumerate(blocks(page, "yaml", "yml"), 1)
]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_every_configuration_shown_is_right(binary, tmp_path, authority, text):
    file = tmp_path / "shown.yaml"
    if "tls:" in text:  # the files that such a page has made
        pair = authority.leaf("shown", ["localhost"])
        (tmp_path / "server.pem").symlink_to(pair["cert"])
        (tmp_path / "server.key").symlink_to(pair["key"])
        (tmp_path / "ca.pem").symlink_to(authority.file)
    file.write_text(text)
    named = set(re.findall(r"env:([A-Za-z_][A-Za-z0-9_]*)", text))
    named |= set(re.findall(r"\$\{([A-Za-z_][A-Za-z0-9_]*)", text))
    # Each its own: two client keys must not be equal.
    dummies = {name: f"not-a-secret-{name.lower().replace('_', '-')}" for name in named}
    checked = subprocess.run(
        [str(binary), "config", "check", str(file)],
        env=os.environ | dummies, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, f"{text}\n{checked.stdout}{checked.stderr}"


def test_there_are_configurations_to_check():
    assert BINARY.name == "holdfast" and len(CONFIGURATIONS) >= 2


def dev_verbs() -> set[str]:
    text = (ROOT / "dev").read_text() + "".join(
        path.read_text() for path in (ROOT / "tools").glob("*.sh")
    )
    return set(re.findall(r"^verb_(\w+)\(\)", text, re.M)) | {"help"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_dev_verb_named_exists(page):
    named = set(re.findall(r"\./dev ([a-z]+)", page.read_text()))
    assert named <= dev_verbs(), f"{name_of(page)}: unknown verbs {sorted(named - dev_verbs())}"


@pytest.mark.parametrize("page", OPERATORS, ids=name_of)
def test_every_holdfast_verb_shown_exists(binary, page):
    listed = subprocess.run(
        [str(binary), "help", "--markdown"], capture_output=True, text=True, check=True
    ).stdout
    verbs = set(re.findall(r"^## holdfast ([a-z -]+)$", listed, re.M))
    shown = set()
    for text in blocks(page, "sh", "bash", ""):
        for line in text.splitlines():
            if found := re.match(
                r"holdfast ((?:[a-z][a-z-]* ?)+)(?= |$)", line.split("#")[0].strip()
            ):
                shown.add(found[1].strip())
    wrong = [words for words in shown if not any(f"{words} ".startswith(f"{v} ") for v in verbs)]
    assert not wrong, f"{name_of(page)}: {wrong}; there are {sorted(verbs)}"


def field_names(source: str) -> set[str]:
    """Names of fields in request.cpp, which look like codes and are none."""
    tables = re.findall(r"constexpr [^;]*?_fields\[\] = \{(.*?)\};", source, re.S)
    compared = re.findall(r'== "(\w+)"', source)
    return set(re.findall(r'"(\w+)"', " ".join(tables))) | set(compared)


def test_every_error_code_is_documented():
    page = (ROOT / "docs/reference/errors.md").read_text()
    documented = set(re.findall(r"`(\w+)`", page))
    request = (ROOT / "src/dialect/openai/request.cpp").read_text()
    said = set(CODE_LIKE.findall(request)) - field_names(request)
    for path in (ROOT / "src/gateway").glob("*.cpp"):
        if not path.name.endswith(("_test.cpp", "_fuzz.cpp")):
            said |= set(CODE_LIKE.findall(re.sub(r'R"\(.*?\)"', "", path.read_text())))
    assert {"no_target_available", "invalid_json"} <= said, "the codes were not found in the source"
    said -= {"after_id", "before_id", "previous_response_id", "response_id"}  # fields
    said -= {"starting_after", "input_tokens", "best_of"}  # fields, a path
    said -= {"web_search_options", "mcp_servers"}  # fields
    missing = said - documented
    assert not missing, f"docs/reference/errors.md does not name {sorted(missing)}"


def test_every_error_type_is_documented_with_its_status():
    page = (ROOT / "docs/reference/errors.md").read_text()
    source = (ROOT / "src/gateway/answers.cpp").read_text()
    body = re.search(r"string_view error_type\(int status\) \{(.*?)\n\}", source, re.S)[1]
    mapped = set(re.findall(r'case (\d{3}):\s*return "(\w+)"', body))
    told = set(re.findall(r"\b(\d{3}) `(\w+_error)`", page))
    assert mapped and mapped == told, f"in the source {mapped}, on the page {told}"


def failure_classes() -> list[str]:
    header = (ROOT / "src/base/failure.h").read_text()
    body = re.search(r"enum class FailureClass[^{]*\{(.*?)\};", header, re.S)[1]
    return re.findall(r"^\s*(\w+) = \d+,", body, re.M)


def test_every_class_of_failure_is_documented():
    classes = failure_classes()
    assert len(classes) > 30
    errors = (ROOT / "docs/reference/errors.md").read_text()
    # These are told by another code; their rows are in the other page.
    by_another_code = {"revoked", "unpaid", "rate_limited"}
    missing = [c for c in classes if c not in by_another_code and f"`{c}`" not in errors]
    assert not missing, f"docs/reference/errors.md does not name {missing}"
    life = (ROOT / "docs/life-of-a-request.md").read_text()
    missing = [name for name in classes if f"\n| `{name}` |" not in life]
    assert not missing, f"docs/life-of-a-request.md has no row for {missing}"


def test_every_status_of_the_strict_reader_is_documented():
    page = (ROOT / "docs/reference/errors.md").read_text()
    row = next(line for line in page.splitlines() if "| `bad_http` |" in line)
    source = (ROOT / "src/net/http_head.cpp").read_text()
    said = set(re.findall(r"\bproblem\((\d{3}),", source))
    said |= set(re.findall(r"\{(4\d\d|5\d\d), ", (ROOT / "src/net/http_server.cpp").read_text()))
    missing = {status for status in said - {"413", "499", "500"} if status not in row}
    assert said and not missing, f"the row of bad_http does not name {sorted(missing)}"


def test_every_room_says_what_it_is():
    rooms = {
        path.parent.name for path in (ROOT / "src").glob("*/*") if path.suffix in (".h", ".cpp")
    }
    listed = (ROOT / "src/layers.txt").read_text()
    without = sorted(room for room in rooms if not (ROOT / "src" / room / "README.md").exists())
    assert not without, f"these rooms have no README.md: {without}"
    unknown = [room for room in rooms if not re.search(rf"^{room}\b", listed, re.M)]
    assert not unknown, f"these rooms are not in src/layers.txt: {unknown}"
    architecture = (ROOT / "docs/architecture.md").read_text()
    untold = sorted(room for room in rooms if f"\n| `{room}/` |" not in architecture)
    assert not untold, f"docs/architecture.md does not tell of these rooms: {untold}"


@pytest.mark.parametrize("page", sorted((ROOT / "src").glob("*/README.md")), ids=name_of)
def test_a_rooms_readme_opens_with_its_name(page):
    assert page.read_text().startswith(f"# {page.parent.name}\n")


def test_every_decision_is_listed():
    folder = ROOT / "docs/adr"
    pages = sorted(page for page in folder.glob("*.md") if page.name != "README.md")
    index = (folder / "README.md").read_text()
    for number, page in enumerate(pages, 1):
        text = page.read_text()
        assert page.name.startswith(f"{number:04}-") and f"({page.name})" in index
        assert text.startswith(f"# {number:04}: ")
        for part in ("**Context.**", "**Decision.**", "**Numbers.**", "**What would reverse it.**"):
            assert part in text, f"{page.name}: no {part}"
        assert len(text.splitlines()) < 60, f"{page.name} is longer than a page"


def switch_over_classes(file: str, function: str, result: str) -> dict[str, tuple]:
    """What `function` returns for each class, as the groups of the pattern `result`."""
    source = (ROOT / file).read_text()
    body = source[source.index(f"{function}(FailureClass failure) {{") :]
    body = body[: body.index("\n}")]
    found, waiting = {}, []
    for case, *groups in re.findall(rf"case FailureClass::(\w+):|return {result}", body):
        if case:
            waiting.append(case)
        else:
            found |= dict.fromkeys(waiting, tuple(groups))
            waiting = []
    return found


def test_the_table_of_classes_is_what_the_code_does():
    life = (ROOT / "docs/life-of-a-request.md").read_text()
    rows = {
        cells[1].strip(" `"): [cell.strip() for cell in cells[2:-1]]
        for cells in (line.split("|") for line in life.splitlines())
        if len(cells) == 7 and cells[1].strip(" `") in failure_classes()
    }
    finals = switch_over_classes("src/gateway/answers.cpp", "final_answer", r'\{(\d+), "(\w*)"')
    verdicts = switch_over_classes("src/routing/health.cpp", "verdict_on", r"Verdict::(\w+);")
    assert len(rows) == len(failure_classes()) == len(finals) == len(verdicts)
    wrong = []
    for name, (_, _, breaker, final) in rows.items():
        verdict = verdicts[name][0]
        if breaker != {"open_for_operator": "operator"}.get(verdict, verdict) and name != "none":
            wrong.append(f"{name}: breaker is {verdict}, told is {breaker!r}")
        status, code = finals[name]
        if re.match(r"\d{3} `", final) and not final.startswith(f"{status} `{code or name}`"):
            wrong.append(f"{name}: final is {status} {code or name}, told is {final!r}")
    assert not wrong, wrong
