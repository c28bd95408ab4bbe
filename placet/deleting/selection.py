"""An approved selection: the keys of its rows, in parts that are compressed and kept by digest."""

import hashlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from placet.deleting.keys import Key, read_key
from placet.domain.deletion import Reference
from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.selection import Survey

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PART_TYPE = "application/zstd"
PART_BYTES = 2 * 1024 * 1024
"""So much text is in a part at most: it is in memory as a whole, and the plan names every part."""
MOST_BYTES = 64 * 1024 * 1024
"""Of all parts together."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Returns stored bytes by their SHA-256 (64 hex)."""


@dataclass(frozen=True)
class Part:
    """Something that belongs to a selection: its SHA-256 (64 hex), its kind and all of it."""

    sha256: str
    media_type: str
    content: bytes

    @classmethod
    def of(cls, content: bytes, media_type: str) -> "Part":
        """Return ``content`` with its digest."""
        return cls(hashlib.sha256(content).hexdigest(), media_type, content)


@dataclass(frozen=True)
class Keys:
    """The keys of a selection, as they were in one instant.

    Attributes:
        rows: How many there are.
        sha256: Of their text (64 hex).
        parts: That text in order, compressed.
    """

    rows: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Frozen:
    """A selection that is to be deleted, as it was in one instant.

    Attributes:
        survey: How much it selects, and some of it.
        keys: Of its rows.
        references: What refers to its table.
    """

    survey: Survey
    keys: Keys
    references: tuple[Reference, ...]


class AlteredError(ConflictError):
    """Something that is kept is not what was approved."""

    code = "altered-content"

    def __init__(self, what: str) -> None:
        """Say what."""
        super().__init__(
            f"{what} is not what was approved; nothing more is deleted, restore the content store "
            "from a backup or ask for a new approval"
        )


class Freezing:
    """Takes keys line by line as Postgres copies them, and keeps them in parts."""

    def __init__(self, most_rows: int, most_bytes: int = MOST_BYTES) -> None:
        """Take so many rows, and so many bytes after compression."""
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._text = bytearray()
        self._rows = 0
        self._bytes = 0
        self._sha256 = hashlib.sha256()
        self._parts: list[Part] = []

    def add(self, line: bytes) -> None:
        """Take the next line, with its end.

        Raises:
            InvalidInputError: There are too many, or what should be a key is none.
        """
        self._rows += 1
        if self._rows > self._most_rows:
            raise InvalidInputError(
                f"the filters select more than {self._most_rows:,} rows, which is the most that "
                "one deletion may have; split it by another filter"
            )
        if line.startswith(b"\\N") or b"\t\\N" in line:
            raise InvalidInputError(
                "a row that is selected has no key: one of its columns is null; correct key in "
                "datasets.yaml, or leave such rows out by a filter"
            )
        if len(self._text) + len(line) > PART_BYTES:
            self._close_part()
        self._text += line

    def finish(self) -> Keys:
        """Return all of them."""
        if self._text:
            self._close_part()
        return Keys(self._rows, self._sha256.hexdigest(), tuple(self._parts))

    def _close_part(self) -> None:
        self._sha256.update(self._text)
        content = zstd.compress(self._text)
        self._text.clear()
        self._bytes += len(content)
        if self._bytes > self._most_bytes:
            raise InvalidInputError(
                f"the keys of the selected rows take more than {self._most_bytes:,} bytes; split "
                "the deletion by another filter"
            )
        self._parts.append(Part.of(content, PART_TYPE))


class Selection:
    """The keys of an approved selection, read in their order."""

    def __init__(self, fetch: Fetch, parts: Sequence[str], sha256: str) -> None:
        """Read parts with ``fetch``; all their text has the digest ``sha256``."""
        self._fetch = fetch
        self._parts = parts
        self._sha256 = sha256

    def reader(self, start: int = 0) -> "Reader":
        """Return a reader of the keys behind the first ``start``."""
        return Reader(self._fetch, self._parts, self._sha256, start)


class Reader:
    """Reads keys, part by part, so that only one of them is in memory."""

    def __init__(self, fetch: Fetch, parts: Sequence[str], sha256: str, start: int) -> None:
        self._fetch = fetch
        self._parts = list(parts)
        self._expected = sha256
        self._found = hashlib.sha256()
        self._lines: list[str] = []
        self._at = 0
        self._skip = start
        self.place = start

    async def take(self, count: int) -> list[Key]:
        """Return the next keys, at most so many; none at the end.

        Raises:
            NotFoundError: A part is not stored any more.
            AlteredError: A part, or all of them, are not what was approved.
        """
        while self._at >= len(self._lines):
            if not self._parts:
                return []
            await self._next_part()
        lines = self._lines[self._at : self._at + count]
        self._at += len(lines)
        self.place += len(lines)
        return [read_key(line) for line in lines]

    async def _next_part(self) -> None:
        name = self._parts.pop(0)
        content = await self._fetch(name)
        if hashlib.sha256(content).hexdigest() != name:
            raise AlteredError(f"the stored keys {name}")
        text = zstd.decompress(content)
        self._found.update(text)
        if not self._parts and self._found.hexdigest() != self._expected:
            raise AlteredError("the stored selection")
        lines = text.decode().split("\n")
        del lines[-1]
        skipped = min(self._skip, len(lines))
        self._skip -= skipped
        self._lines, self._at = lines, skipped
