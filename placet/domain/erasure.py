"""Erasing a person: what somebody asks for, what is found about them, and what may stay."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from placet.domain.access import Address
from placet.domain.base import Model, Stored
from placet.domain.ledger import Hex64, Receipt, UtcInstant
from placet.domain.plurals import plural
from placet.domain.text import TEXT_LIMIT, Line, clean_text

PIPELINE = "erase"
EFFECT = "erase"

REQUEST_PREFIX = "request:"
"""Begins the subject of what is about nobody whom the directory knows."""


def _reason(value: Any) -> Any:
    text = clean_text(value, TEXT_LIMIT) if isinstance(value, str) else value
    if text == "":
        raise ValueError("it is empty; say why, and name nobody")
    return text


Reason = Annotated[str, BeforeValidator(_reason), Field(max_length=TEXT_LIMIT)]
"""A text that says something."""


def _subject(value: str) -> str:
    if len(value.encode()) > 1_000:  # noqa: PLR2004 - what the database takes
        raise ValueError("it is too long for a person's id; write the id that the ledger shows")
    return value


class EraseRequest(Model):
    """Erase what is personal about somebody.

    Attributes:
        pipeline: Always ``erase``; part of the digest, so no other kind of request has the same.
        requester: An address of the person who asks, as they wrote it.
        reference: The requester's own key for it; the same key twice is the same request.
        subject: The person's id. An address or another spelling is taken and the id kept.
        reason: Why, for instance that they asked for it; it should name nobody.
    """

    pipeline: Literal["erase"] = "erase"
    requester: Address
    reference: Line | None = None
    subject: Annotated[Address, AfterValidator(_subject)]
    reason: Reason


class Concern(Stored):
    """What is recorded about somebody.

    Attributes:
        subject: The person's id.
        events: In how many events something is said about them.
        requests: The requests that they have made.
        open: Those of them, and those of others that name them, that are not at rest.
        paid: Those of theirs that have paid.
        reviews: How many verdicts they have given.
        plain: How many events of their requests, and verdicts of theirs, are older than the sealing
            of what is personal.
        holds: The legal holds that forbid to erase them.
        contents: Digests of what is stored of their requests, and of no other as far as is known.
        kept: Digests of what is stored of requests of theirs that are open or have paid.
    """

    subject: str
    events: int = 0
    requests: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    paid: tuple[str, ...] = ()
    reviews: int = 0
    plain: int = 0
    holds: tuple[str, ...] = ()
    contents: tuple[Hex64, ...] = ()
    kept: tuple[Hex64, ...] = ()

    @property
    def nothing(self) -> bool:
        """Say whether there is nothing to erase."""
        return not (self.events or self.requests or self.contents or self.plain)

    def counts(self) -> dict[str, JsonValue]:
        """Return how much there is of each, for people and policies."""
        return {
            "events": self.events,
            "requests": len(self.requests),
            "open": len(self.open),
            "paid": len(self.paid),
            "reviews": self.reviews,
            "files": len(self.contents),
        }


class Scope(Stored):
    """What an erasure will touch, as far as people are told.

    Attributes:
        subject: Whom it is about.
        events: In how many events something is said about them.
        files: How many stored contents belong to requests of theirs.
        stays: What stays, and why it may.
    """

    subject: str
    events: int
    files: int
    stays: tuple[str, ...]


class Stays(Stored):
    """Something that is not erased, and why it may stay."""

    what: str
    why: str


_DUTY = "a legal duty to keep it, GDPR article 17(3)(b)"
_CLAIMS = "legal claims, GDPR article 17(3)(e)"


def what_stays(concern: Concern, shared: int = 0) -> Iterator[Stays]:
    """Yield what is left of somebody after an erasure.

    Args:
        concern: What was found about them.
        shared: How many files of theirs belong to requests of others too.
    """
    yield Stays(
        what=f"events under the id {concern.subject}, without names and texts",
        why=f"they prove who approved what: {_DUTY}, and {_CLAIMS}",
    )
    if concern.plain:
        yield Stays(
            what=f"{plural(concern.plain, 'event')} with names and texts, older than their sealing",
            why="what is recorded cannot be changed, as it proves who approved what: "
            f"{_DUTY}; prune them when they are old enough",
        )
    if concern.paid:
        yield Stays(
            what=f"payments of {plural(len(concern.paid), 'request')}, with their requests and "
            "receipts",
            why=f"tax and commercial law: {_DUTY}; remove them when that time is over",
        )
    if concern.open:
        yield Stays(
            what=f"what belongs to {plural(len(concern.open), 'open request')}",
            why="it is still needed for its purpose, GDPR article 17(1)(a); erase again when they "
            "are closed",
        )
    if shared:
        yield Stays(
            what=plural(shared, "file"),
            why="requests of others hold the very same files",
        )
    yield Stays(
        what="Temporal's histories, notices, payment files and copies of the keys",
        why="they expire by their own retention; the directory's entry is not Placet's",
    )


class ErasureState(StrEnum):
    """How far an erasure has come; what is erased is yet to be told in the ledger."""

    RUNNING = "running"
    ERASED = "erased"
    DONE = "done"


class ErasureEntry(Stored):
    """An erasure that is to begin.

    Attributes:
        plan: SHA-256 of what was found about the person, an :class:`ErasurePlan`.
    """

    permit_id: str
    request: str
    digest: Hex64
    subject: str
    plan: Hex64


class ErasurePlan(Stored):
    """What an erasure takes away: found before the key is destroyed, as nobody can find it after.

    Attributes:
        subjects: Whose keys are destroyed: the person's, and those of their requests.
        contents: Digests of what is deleted.
        stays: What is not.
    """

    subjects: tuple[str, ...]
    contents: tuple[Hex64, ...]
    stays: tuple[Stays, ...]


class ErasureRow(Stored):
    """An erasure as recorded."""

    permit_id: str
    request: str
    digest: Hex64
    subject: str
    plan: Hex64
    state: ErasureState
    began_at: UtcInstant
    ended_at: UtcInstant | None


class ErasureResult(Stored):
    """An erasure as recorded, and whether this call moved it."""

    first: bool
    erasure: ErasureRow
    receipts: tuple[Receipt, ...] = ()


class Erased(Stored):
    """What an erasure has taken away so far: digests, and how many of the rest."""

    ciphertexts: tuple[Hex64, ...] = ()
    contents: tuple[Hex64, ...] = ()
    steps: int = 0
    addresses: int = 0

    def counts(self) -> dict[str, JsonValue]:
        """Return how much of each kind is gone."""
        return {
            "texts": len(self.ciphertexts),
            "files": len(self.contents),
            "steps": self.steps,
            "addresses": self.addresses,
        }

    def told(self) -> str:
        """Say how much of each kind is gone."""
        return ", ".join(
            (
                plural(len(self.ciphertexts), "text"),
                plural(len(self.contents), "file"),
                plural(self.steps, "step"),
                plural(self.addresses, "address", "addresses"),
            )
        )


def summary(subject: str, erased: Erased, stays: Sequence[Stays]) -> str:
    """Say in one line what is gone and what stays."""
    gone = (
        f"{plural(len(erased.ciphertexts), 'text')} and {plural(len(erased.contents), 'file')} "
        f"about {subject} are gone"
    )
    return f"{gone}; what stays: {_joined(each.what for each in stays)}"


class HoldRow(Stored):
    """A legal hold that stands.

    Attributes:
        hold: Its name.
        on_what: ``subject`` or ``request``.
        target: The person's id, or the request's.
    """

    hold: str = Field(min_length=1)
    on_what: Literal["subject", "request"]
    target: str
    placed_at: UtcInstant


class StandingHold(HoldRow):
    """A legal hold that stands, with what the ledger's event says of it.

    Attributes:
        placed_by: The id of who placed it; None when the event's body was pruned.
        placed_by_name: Their printed name, likewise; it may be erased.
        reason: Why, likewise.
    """

    placed_by: str | None
    placed_by_name: str | None
    reason: str | None


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts)
