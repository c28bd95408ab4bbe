from pathlib import Path

import pytest

from tests.guarantees.marks import Marked, MarkError, marked_tests
from tests.guarantees.page import COMMAND, PAGE, page
from tests.guarantees.rules import RULES


def test_the_rules_are_numbered_one_to_twelve() -> None:
    assert [rule.number for rule in RULES] == list(range(1, 13))


def test_every_rule_has_a_test() -> None:
    held = {mark.rule for mark in marked_tests()}
    assert [rule.name for rule in RULES if rule.number not in held] == []


def test_every_mark_names_a_rule() -> None:
    known = {rule.number for rule in RULES}
    assert [mark for mark in marked_tests() if mark.rule not in known] == []


def test_the_page_lists_exactly_the_tests_that_are_there() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"run: {COMMAND}"


def test_a_mark_is_collected_by_pytest_under_the_same_number(
    request: pytest.FixtureRequest,
) -> None:
    """What reading the files finds is what pytest finds, in as far as it collected them."""
    read = {(mark.file, mark.test, mark.rule) for mark in marked_tests()}
    collected = {
        (
            item.path.relative_to(request.config.rootpath).as_posix(),
            item.originalname,
            mark.kwargs["number"],
        )
        for item in request.session.items
        if isinstance(item, pytest.Function)
        for mark in item.iter_markers("rule")
    }
    assert collected <= read


@pytest.mark.parametrize(
    "decorator",
    [
        "@pytest.mark.rule",
        "@pytest.mark.rule(7)",
        '@pytest.mark.rule(number="7")',
        "@pytest.mark.rule(rule=7)",
    ],
)
def test_a_mark_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, decorator: str) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_it.py").write_text(f"import pytest\n\n{decorator}\ndef test_it(): ...\n")
    with pytest.raises(MarkError, match=r"tests/test_it\.py:3: write"):
        marked_tests(folder)


def test_marks_are_found_on_every_kind_of_test(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.rule(number=3)\n"
        "@pytest.mark.rule(number=1)\n"
        "async def test_two() -> None: ...\n"
        "@pytest.mark.parametrize('x', [1])\n"
        "@pytest.mark.rule(number=2)\n"
        "def test_one(x) -> None: ...\n"
        "def test_none() -> None: ...\n"
    )
    file = "tests/deep/test_it.py"
    assert marked_tests(folder) == [
        Marked(3, file, "test_two"),
        Marked(1, file, "test_two"),
        Marked(2, file, "test_one"),
    ]
