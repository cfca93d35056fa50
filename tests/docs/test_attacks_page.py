"""docs/reference/attacks.md is what the table of attacks and the marked tests say."""

import os
import pathlib

import pytest
from support import attacks

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/attacks.md"


@pytest.fixture(scope="module")
def table():
    return attacks.answered()


def test_the_page_is_what_the_tests_say(table):
    want = attacks.page(table)
    if "HOLDFAST_UPDATE_GOLDENS" in os.environ:
        PAGE.write_text(want)
    assert PAGE.read_text() == want, "docs/reference/attacks.md is stale: ./dev test --update"


def test_every_row_has_tests_or_a_reason(table):
    silent = [row.id for row in table if not (row.tests or row.none or row.open)]
    assert not silent, f"these rows have no test and no reason: {silent}"
    both = [row.id for row in table if row.none and (row.tests or row.open or row.missing)]
    assert not both, f"these rows are said not to concern Holdfast, and have more to say: {both}"


def test_the_table_is_whole(table):
    numbers = [row.id for row in table if isinstance(row.id, int)]
    assert numbers == list(range(1, len(numbers) + 1))
    names = [row.id for row in table if isinstance(row.id, str)]
    assert len(set(names)) == len(names)
    assert not [
        row.id
        for row in table
        if "|" in f"{row.attack}{row.answer}{row.none}{row.open}{row.missing}"
    ]


def test_further_tests_named_are_there(table):
    missing = [name for row in table for name in row.also if not (ROOT / name).is_file()]
    assert not missing, missing


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("@pytest.mark.attack(1)\ndef helper(): pass\n", "is no test"),
        ("pytestmark = pytest.mark.attack(1)\ndef test_a(): pass\n", "stands on no test"),
        ("@pytest.mark.attack(ROW)\ndef test_a(): pass\n", "malformed"),
    ],
)
def test_a_mark_in_a_wrong_place_is_found(tmp_path, text, says):
    (tmp_path / "test_wrong.py").write_text("import pytest\n\n" + text)
    with pytest.raises((AssertionError, ValueError), match=says):
        attacks.marked(tmp_path)


def test_marks_of_functions_classes_and_cases_are_found(tmp_path):
    (tmp_path / "test_right.py").write_text(
        "@pytest.mark.attack(1, 2)\n"
        "@pytest.mark.invariant('CVE-1')\n"
        "@pytest.mark.parametrize('a', [pytest.param(1, marks=pytest.mark.attack(3))])\n"
        "def test_one(a): pass\n"
        "class TestTwo:\n"
        "    @pytest.mark.attack(2)\n"
        "    async def test_in(self): pass\n"
    )
    assert attacks.marked(tmp_path) == {
        1: [("test_right.py", "test_one")],
        2: [("test_right.py", "test_one"), ("test_right.py", "TestTwo::test_in")],
        3: [("test_right.py", "test_one")],
        "CVE-1": [("test_right.py", "test_one")],
    }
