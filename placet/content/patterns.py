"""Find what a policy forbids to say, in time that grows with the text and with nothing else.

RE2 has no back-tracking: neither a careless pattern in a policy nor a text that somebody wrote
for it can keep a worker busy.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import re2  # type: ignore[import-untyped]

from placet.domain.content_rules import ForbiddenPattern
from placet.domain.errors import InvalidInputError

_MEMORY = 8 * 1024 * 1024


class PatternError(InvalidInputError):
    """A pattern cannot be understood, fits everything, or would need too much memory."""

    code = "invalid-pattern"


class Hit(NamedTuple):
    """A forbidden thing that is said: on which line, counted from 1, and why it is forbidden."""

    line: int
    why: str


class Text:
    """A text to be searched, and where its lines end."""

    def __init__(self, text: str) -> None:
        self.raw = text.encode("utf-8", "replace")
        self._ends = [newline.start() for newline in re.finditer(b"\n", self.raw)]

    def search(self, pattern: Any) -> Iterator[tuple[int, Any]]:
        """Yield each match with its line, counted from 1."""
        for match in pattern.finditer(self.raw):
            yield bisect_left(self._ends, match.start()) + 1, match


@lru_cache(maxsize=512)
def compiled(pattern: str, *, ignore_case: bool = False, across_lines: bool = False) -> Any:
    """Return a pattern for a :class:`Text`, which is tried on each line unless ``across_lines``.

    Raises:
        PatternError: RE2 does not take it, or it fits an empty line.
    """
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_nl = not across_lines
    try:
        made = re2.compile(f"(?m){pattern}", options)
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"{said}; write it in RE2's syntax") from None
    if made.search(b"") is not None:
        raise PatternError("it fits an empty line, and so everything; say what must be there")
    return made


def forbidden(text: Text, rules: Sequence[ForbiddenPattern]) -> Iterator[Hit]:
    """Find the lines on which something forbidden is said, once for each line and rule."""
    for rule in rules:
        found = {line for line, _ in text.search(compiled(rule.pattern, ignore_case=True))}
        for line in sorted(found):
            yield Hit(line, rule.why)
