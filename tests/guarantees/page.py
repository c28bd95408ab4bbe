"""Makes the page that lists the rules with their tests."""

from collections.abc import Sequence
from pathlib import Path

from tests.guarantees.marks import REPOSITORY, Marked, marked_tests
from tests.guarantees.rules import RULES

PAGE = REPOSITORY / "docs" / "guarantees.md"
COMMAND = "python -m tests.guarantees"

_HEAD = f"""# What always holds

<!-- Made by `{COMMAND}` from the marks on the tests; change those, not this page. -->

Twelve rules hold for every request, whatever the channel, the pipeline and the day. Each is held by
the tests below it; `make test` runs them all, and `pytest -m 'rule(number=7)'` those of one rule.
"""


def page(marks: Sequence[Marked] | None = None) -> str:
    """Return the page as it should be."""
    found = marked_tests() if marks is None else marks
    parts = [_HEAD]
    for rule in RULES:
        lines = [f"## {rule.number}. {rule.name}", "", rule.says, ""]
        files = dict.fromkeys(mark.file for mark in found if mark.rule == rule.number)
        for file in files:
            lines.append(f"- [{file}](../{file})")
            lines += [
                f"    - `{mark.test}`"
                for mark in found
                if mark.rule == rule.number and mark.file == file
            ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def write(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(page(), encoding="utf-8")
