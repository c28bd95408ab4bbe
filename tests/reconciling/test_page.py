"""The page says what to do about everything that can be found, and about nothing else."""

import re
from pathlib import Path

from placet.reconciling.finding import Code

PAGE = Path(__file__).parents[2] / "docs" / "reconcile.md"


def test_every_code_has_its_row_with_what_to_do() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert [code for code, _, _ in rows] == [code.value for code in Code]
