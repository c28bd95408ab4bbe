"""Finds the tests that name a rule, by reading the test files without running them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests"


class MarkError(Exception):
    """A mark that no rule can be read from; write ``@pytest.mark.rule(number=7)``."""


class Marked(NamedTuple):
    """A test that names a rule: the rule's number, its file below the repository, its name."""

    rule: int
    file: str
    test: str


def marked_tests(folder: Path = TESTS) -> list[Marked]:
    """Return every test below ``folder`` that names a rule, in the order of files and lines.

    Raises:
        MarkError: A mark cannot be read; the message names its file and line.
    """
    return [mark for path in sorted(folder.rglob("test_*.py")) for mark in _in_file(path, folder)]


def _in_file(path: Path, folder: Path) -> Iterator[Marked]:
    name = path.relative_to(folder.parent).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    of_all = [
        mark for statement in tree.body for mark in _of_module(statement) if _names_rule(mark)
    ]
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = list(filter(_names_rule, function.decorator_list))
            if function.name.startswith("test_"):
                marks += of_all
            for mark in marks:
                yield Marked(_number(mark, name), name, function.name)


def _of_module(statement: ast.stmt) -> list[ast.expr]:
    """Return the marks that a module gives to all its tests, as ``pytestmark = …``."""
    if not isinstance(statement, ast.Assign) or ast.unparse(statement.targets[0]) != "pytestmark":
        return []
    value = statement.value
    return value.elts if isinstance(value, ast.List | ast.Tuple) else [value]


def _names_rule(mark: ast.expr) -> bool:
    target = mark.func if isinstance(mark, ast.Call) else mark
    return ast.unparse(target) == "pytest.mark.rule"


def _number(decorator: ast.expr, name: str) -> int:
    match decorator:
        case ast.Call(
            args=[], keywords=[ast.keyword(arg="number", value=ast.Constant(value=number))]
        ):
            if isinstance(number, int):
                return number
    message = f"{name}:{decorator.lineno}: write @pytest.mark.rule(number=7)"
    raise MarkError(message)
