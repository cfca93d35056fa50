"""The table of attacks (tests/attacks/table.toml) and the tests that are marked with its rows."""

import ast
import dataclasses
import pathlib
import tomllib

TESTS = pathlib.Path(__file__).resolve().parents[1]
MARKS = ("attack", "invariant")


@dataclasses.dataclass
class Row:
    """`id` is a number for attacks, a name for invariants; `tests` are (file, name) pairs."""

    id: int | str
    attack: str
    answer: str
    none: str = ""
    open: str = ""
    missing: str = ""
    also: list[str] = dataclasses.field(default_factory=list)
    tests: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def state(self) -> str:
        if self.tests:
            return "partly shown" if self.missing else "shown"
        return "not concerned" if self.none else "open"


def rows() -> list[Row]:
    """Attacks in the order of their numbers, then the invariants; without tests."""
    table = tomllib.loads((TESTS / "attacks/table.toml").read_text())
    attacks = [Row(id=row.pop("number"), **row) for row in table["row"]]
    return [*attacks, *(Row(**row) for row in table["invariant"])]


def _marks_in(node: ast.AST) -> list[ast.Call]:
    return [
        found
        for found in ast.walk(node)
        if isinstance(found, ast.Call)
        and isinstance(found.func, ast.Attribute)
        and found.func.attr in MARKS
        and ast.unparse(found.func.value) == "pytest.mark"
    ]


def marked(folder: pathlib.Path = TESTS) -> dict[int | str, list[tuple[str, str]]]:
    """Every marked test by the rows that it names. Fails on a mark that stands on no test."""
    found: dict[int | str, list[tuple[str, str]]] = {}
    for file in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(file.read_text())
        counted = 0
        for parent in ast.walk(tree):
            for node in ast.iter_child_nodes(parent):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                name = (
                    f"{parent.name}::{node.name}" if isinstance(parent, ast.ClassDef) else node.name
                )
                for decorator in node.decorator_list:
                    for mark in _marks_in(decorator):
                        counted += 1
                        assert node.name.startswith("test_"), f"{file}: {name} is no test"
                        for argument in map(ast.literal_eval, mark.args):
                            place = (str(file.relative_to(folder)), name)
                            if place not in found.setdefault(argument, []):
                                found[argument].append(place)
        assert counted == len(_marks_in(tree)), f"{file}: a mark of an attack stands on no test"
    return found


def answered() -> list[Row]:
    """The table with its tests; fails when a test names a row that is not there."""
    by_row = marked()
    table = rows()
    unknown = set(by_row) - {row.id for row in table}
    assert not unknown, f"tests are marked with rows that the table does not have: {unknown}"
    for row in table:
        row.tests = by_row.get(row.id, [])
    return table


def page(table: list[Row]) -> str:
    """docs/reference/attacks.md."""
    attacks = [row for row in table if isinstance(row.id, int)]
    others = [row for row in table if isinstance(row.id, str)]
    states = ["shown", "partly shown", "not concerned", "open"]
    lines = [
        "# Attacks and what answers them",
        "",
        "Generated from `tests/attacks/table.toml` and from the tests that are marked with its rows; a test fails when this",
        "page is stale. Every test named here asks the real binary. *Partly shown*: tests show it but for what is said to be",
        "missing. *Not concerned*: nothing of Holdfast is touched by it, for the reason that is given. *Open*: no test shows",
        "it yet.",
        "",
        "| | rows | " + " | ".join(states) + " |",
        "| --- | --- |" + " --- |" * len(states),
    ]
    for title, some in (("attacks", attacks), ("what befell others", others)):
        counts = [str(sum(row.state() == state for row in some)) for state in states]
        lines.append(f"| {title} | {len(some)} | " + " | ".join(counts) + " |")
    tests = {test for row in table for test in row.tests}
    lines += ["", f"{len(tests)} tests are marked, many of them tables of cases of their own.", ""]
    for title, some in (("Attacks", attacks), ("What befell others", others)):
        lines += [f"## {title}", ""]
        lines += ["| | what is sent or happens | answer | state | shown by |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += [_line(row) for row in some]
        lines += [""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _line(row: Row) -> str:
    state = row.state()
    if state == "not concerned":
        state += f": {row.none}"
    elif not row.tests and row.open:
        state += f": {row.open}"
    elif row.missing:
        state += f": {row.missing}"
    by_file: dict[str, list[str]] = {}
    for file, name in row.tests:
        by_file.setdefault(file, []).append(f"`{name}`")
    shown = [
        f"[{pathlib.Path(file).name}](../../tests/{file}): " + ", ".join(names)
        for file, names in by_file.items()
    ]
    shown += [f"[{pathlib.Path(file).name}](../../{file})" for file in row.also]
    return f"| {row.id} | {row.attack} | {row.answer} | {state} | {'; '.join(shown)} |"
