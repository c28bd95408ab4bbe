"""What the checks of a request found: shown to reviewers, and counted for the policy."""

from collections.abc import Sequence

from placet.domain.base import Stored
from placet.domain.plurals import plural

SHOWN_FINDINGS = 50
"""How many findings a plan carries; the facts count all of them."""


class Finding(Stored):
    """One thing a reviewer should know.

    Attributes:
        kind: What was found, such as ``broken-link``: lower-case letters and hyphens.
        where: The place, such as ``index.md:12``.
        message: What it is and what to do, in one sentence; a secret is never repeated.
    """

    kind: str
    where: str
    message: str


def found_text(count: int) -> str:
    """Say how many things the checks found."""
    return f"the checks found {plural(count, 'thing')}"


def shown(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return those that a plan carries: the first 50."""
    return tuple(findings[:SHOWN_FINDINGS])
