"""What can be wrong with a bundle: one code for each, so that programs can tell them apart."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """Every finding there is, by the part of the bundle that it is about."""

    FILE_CHANGED = "file-changed"
    FILE_MISSING = "file-missing"
    FILE_UNEXPECTED = "file-unexpected"
    BUNDLE_DIFFERS = "bundle-differs"

    LINE_UNREADABLE = "line-unreadable"
    LEAF_CHANGED = "leaf-changed"
    POSITION_GAP = "position-gap"
    SEQ_REPEATED = "seq-repeated"
    EVENT_ID_REPEATED = "event-id-repeated"
    STREAM_GAP = "stream-gap"
    OTHER_REQUEST = "other-request"

    BODY_NOT_CANONICAL = "body-not-canonical"
    BODY_DIFFERS = "body-differs"
    BODY_MISSING = "body-missing"
    POLICY_MISSING = "policy-missing"
    POLICY_CHANGED = "policy-changed"

    SIGNATURE_FALSE = "signature-false"
    SIGNATURE_MISSING = "signature-missing"
    WRITER_UNKNOWN = "writer-unknown"
    WRITER_RETIRED = "writer-retired"

    NOTE_UNREADABLE = "note-unreadable"
    NOTE_UNSIGNED = "note-unsigned"
    NOTE_FALSE = "note-false"
    NOTE_OTHER_KEY = "note-other-key"
    NOTE_OTHER_ORIGIN = "note-other-origin"
    NOTE_ORDER = "note-order"
    WITNESS_FALSE = "witness-false"
    WITNESS_MISSING = "witness-missing"
    ROOT_DIFFERS = "root-differs"
    PROOF_FALSE = "proof-false"
    STAMP_FALSE = "stamp-false"
    HELD_ROLLBACK = "held-rollback"
    HELD_FORK = "held-fork"
    HELD_UNPROVED = "held-unproved"

    ANCHOR_UNKNOWN = "anchor-unknown"
    ANCHOR_LATER = "anchor-later"
    TIME_BACKWARDS = "time-backwards"
    TIME_AFTER_WITNESS = "time-after-witness"

    PERSONAL_MISSING = "personal-missing"
    PERSONAL_CHANGED = "personal-changed"
    PERSONAL_UNUSED = "personal-unused"

    ATTESTATION_MISSING = "attestation-missing"
    ATTESTATION_FALSE = "attestation-false"
    ATTESTATION_OTHER = "attestation-other"
    ATTESTATION_UNKNOWN_KEY = "attestation-unknown-key"


class UnusableError(ValueError):
    """What was given is no bundle, no trust file or no note; the message says what to do."""


class MissingError(UnusableError):
    """A file that was named is not there, or cannot be read."""


class DamagedError(UnusableError):
    """A file of a bundle cannot be judged at all: no export makes one like it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; keep this bundle as it is, and ask for another export")


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        code: A :class:`Code`.
        place: Where, such as ``position 7`` or ``checkpoint``.
        sentence: What is wrong, for people.
    """

    code: StrEnum
    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.code} {self.place}: {self.sentence}"


class Findings:
    """All that was found: how often, and the first of each code.

    Attributes:
        counts: How often each code was found.
        first: At most :attr:`KEPT` findings of each code, in the order they were found.
    """

    KEPT = 100

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: list[Finding] = []

    def add(self, findings: Iterable[Finding]) -> None:
        """Count findings, and keep them while there are few of their code."""
        for each in findings:
            self.counts[each.code] += 1
            if self.counts[each.code] <= self.KEPT:
                self.first.append(each)


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number with what it counts, such as ``1 event`` or ``2 events``."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def shown(text: object) -> str:
    """Return what somebody else wrote, short and in ASCII: no terminal obeys anything in it."""
    told = ascii(text)
    return told if len(told) <= 80 else f"{told[:77]}..."  # noqa: PLR2004 - a line's width
