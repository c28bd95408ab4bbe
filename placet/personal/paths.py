"""Which texts of an event are personal, and about whom: the one table that says so.

What an event's data holds is personal unless this table declares it plain: a new field is sealed
until somebody has looked at it. Plain is what names nobody: identifiers (also those of people in
the directory, which are pseudonyms), names of a policy's parts, digests, amounts, counts, instants.
``docs/personal-data.md`` explains the table to whoever answers for it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from placet.domain.ledger import LedgerEvent
from placet.domain.vocabulary import Kind


class Whose(Enum):
    """Whom a text is about, or who wrote it."""

    REQUESTER = "who asked"
    ACTOR = "who acted"
    PERSON = "whom the effect is for"


class Personal(NamedTuple):
    """One personal value of an event: where it stands, about whom, and what it says."""

    path: tuple[str | int, ...]
    subject: str
    value: Any


_REQUESTED = frozenset({"amount", "group", "replaces", "voided_reviews", "edited_by", "proposal"})
_REVIEWED = frozenset({"verdict", "group", "moved", "held", "received"})
_REFUSED = frozenset({"refusal", "action", "size", "sha256", "held", "received"})
_TOLD = frozenset({"notice", "number", "to"})
_PERMIT = frozenset({"permit", "effect"})
_HOLD = frozenset({"hold", "on", "target"})
_EFFECT = _PERMIT | {
    # of everything that lasts, and of a payment
    *("until", "amount", "payment", "file", "sha256"),
    # of an export, a deletion and a mail: counts, and the digest of what lists the rest
    *("rows", "bytes", "approved", "selected", "matching", "was_there", "report"),
    # of a page and of a granted role
    *("slug", "action", "version", "replaces", "targets", "target", "role", "person"),
    # of an erasure
    *("subject", "erased"),
}

PLAIN: Mapping[str, frozenset[str]] = {
    Kind.SUBMITTED: _REQUESTED,
    Kind.RESUBMITTED: _REQUESTED,
    Kind.EDITED: _REQUESTED,
    Kind.EDIT_PROPOSED: _REQUESTED,
    Kind.WITHDRAWN: frozenset(),
    Kind.CANCELLED: frozenset(),
    Kind.PLANNED: frozenset(
        {"route", "stages", "rules", "effect_at", "effect_after_minutes", "kept_out"}
    ),
    Kind.UNPLANNABLE: frozenset(),
    Kind.STAGE_OPENED: frozenset({"deadline", "final", "reminders", "escalations", "seats"}),
    Kind.STAGE_PASSED: frozenset({"by"}),
    Kind.STAGE_STUCK: frozenset(),
    Kind.ROSTER_CHANGED: frozenset({"seats"}),
    Kind.APPROVED: _REVIEWED,
    Kind.REJECTED: _REVIEWED,
    Kind.CHANGES_REQUESTED: _REVIEWED,
    Kind.HELD: _REVIEWED,
    Kind.COMMENTED: frozenset(),
    Kind.REASSIGNED: frozenset({"from", "to"}),
    Kind.REFUSED: _REFUSED,
    Kind.LATE: _REFUSED,
    Kind.REMINDED: frozenset({"to", "number"}),
    Kind.ESCALATED: frozenset({"level", "mode", "to", "seats"}),
    Kind.EXTENDED: frozenset({"until"}),
    Kind.DEADLINE_PASSED: frozenset({"then"}),
    Kind.FAILED: frozenset(),
    Kind.DECIDED: frozenset({"outcome", "by"}),
    Kind.PERMIT_ISSUED: _PERMIT | {"digest", "expires"},
    Kind.EFFECT_DUE: frozenset(),
    Kind.REVOKED: _PERMIT,
    Kind.STOP_REQUESTED: _PERMIT,
    Kind.EFFECT_OVER: frozenset(),
    Kind.GLASS_BROKEN: frozenset({"at_most_minutes", "permitted"}),
    Kind.FOLLOWED: frozenset({"case"}),
    Kind.FOLLOWER_ENDED: frozenset({"case", "outcome"}),
    Kind.NOTIFIED: _TOLD,
    Kind.NOTICE_FAILED: _TOLD,
    Kind.PERMIT_CONSUMED: _PERMIT,
    Kind.EFFECT_DONE: _EFFECT,
    Kind.EFFECT_STOPPED: _EFFECT,
    Kind.EFFECT_ENDED: _EFFECT,
    Kind.EFFECT_FAILED: _PERMIT,
    Kind.PAYMENT_REJECTED: frozenset({"effect", "payment", "message"}),
    Kind.PAYMENT_SETTLED: frozenset({"effect", "payment", "message"}),
    Kind.SUBJECT_ERASED: frozenset(
        {"permit", "subject", "digests", "content", "part", "parts", "erased", "stays"}
    ),
    Kind.HOLD_PLACED: _HOLD,
    Kind.HOLD_RELEASED: _HOLD,
    Kind.LOSS_ACCEPTED: frozenset({"place", "held", "found"}),
    Kind.PARTITION_PRUNED: frozenset(
        {"from_seq", "to_seq", "first_position", "last_position", "count", "before", "partition"}
    ),
}

PERSONAL: Mapping[str, Whose] = {
    "title": Whose.REQUESTER,
    "why": Whose.REQUESTER,
    "facts": Whose.REQUESTER,
    "findings": Whose.REQUESTER,
    "scope": Whose.REQUESTER,
    "summary": Whose.REQUESTER,
    "said": Whose.ACTOR,
    "name": Whose.ACTOR,
    "account": Whose.PERSON,
}
"""Fields of an event's data that are known to be personal; of any kind of event."""

FILES = frozenset({"version", "sample", "survey", "selection", "parts", "recipients"})
"""Fields of a plan's scope that name what was made for the request alone, by its SHA-256.

These digests stay plain: an erasure that comes after the person's key was destroyed still has to
find these files. What many requests share, such as an entry of the catalogue, is not among them."""

STRUCTURE = frozenset({"schema", "kind", "request", "occurred", "service"})
"""Parts of a body that say where it belongs; nothing in them is ever sealed or revealed."""

_DIGEST = re.compile("[0-9a-f]{64}")
_UNKNOWN = "unknown"
_MAX_SUBJECT = 1_000


def subject_of_request(request: str) -> str:
    """Return the subject of what is about nobody whom the directory knows: the request itself."""
    subject = f"request:{request}"
    if len(subject.encode()) > _MAX_SUBJECT:
        return f"request:sha256:{hashlib.sha256(request.encode()).hexdigest()}"
    return subject


def personal_values(event: LedgerEvent) -> Iterator[Personal]:
    """Yield what is personal in an event; texts that say nothing are left as they are."""
    body = event.body
    actor = _object(body.get("actor"))
    state = _object(body.get("state"))
    data = _object(body.get("data"))
    nobody = subject_of_request(event.stream)
    requester = _requester(body, state, actor) or nobody
    acted = _person(actor.get("id"))
    # Somebody whom the directory does not know is known by this request only.
    actors = acted or (nobody if actor else requester)
    subjects = {
        Whose.REQUESTER: requester,
        Whose.ACTOR: actors,
        Whose.PERSON: _person(data.get("person")) or requester,
    }
    yield from _texts(actor, ("name", "address"), ("actor",), actors)
    yield from _texts(body, ("reason", "attestation"), (), actors)
    yield from _texts(state, ("title",), ("state",), requester)
    for part, field in (("requester", "name"), ("outcome", "reason")):
        yield from _texts(_object(state.get(part)), (field,), ("state", part), requester)
    waiting = body.get("waiting_for")
    for place, entry in enumerate(waiting if isinstance(waiting, list) else ()):
        told = _object(entry)
        subject = _person(told.get("person")) or nobody
        yield from _texts(told, ("name",), ("waiting_for", place), subject)
    plain = PLAIN.get(event.kind, frozenset())
    for name, value in data.items():
        if name not in plain and _says_something(value):
            subject = subjects[PERSONAL.get(name, Whose.REQUESTER)]
            if name == "scope" and isinstance(value, dict):
                yield from _scope(value, subject)
            else:
                yield Personal(("data", name), subject, value)


def _scope(scope: Mapping[str, Any], subject: str) -> Iterator[Personal]:
    """Yield all of a plan's scope but the digests of the request's own files."""
    for name, value in scope.items():
        digests = value if isinstance(value, list) else [value]
        named = all(isinstance(each, str) and _DIGEST.fullmatch(each) for each in digests)
        if value is not None and not (name in FILES and named):
            yield Personal(("data", "scope", name), subject, value)


def _texts(
    holder: Mapping[str, Any], names: Iterable[str], at: tuple[str | int, ...], subject: str
) -> list[Personal]:
    return [Personal((*at, name), subject, value) for name in names if (value := holder.get(name))]


def undeclared(event: LedgerEvent) -> list[str]:
    """Return the fields of an event's data that hold text and stand in neither table."""
    declared = PLAIN.get(event.kind, frozenset()) | PERSONAL.keys()
    return sorted(
        name
        for name, value in _object(event.body.get("data")).items()
        if name not in declared and _says_something(value)
    )


def _requester(
    body: Mapping[str, Any], state: Mapping[str, Any], actor: Mapping[str, Any]
) -> str | None:
    found = _person(body.get("requester")) or _person(_object(state.get("requester")).get("id"))
    if found is None and str(body.get("kind")).startswith("requester:"):
        return _person(actor.get("id"))
    return found


def _person(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in {"", _UNKNOWN} else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _says_something(value: Any) -> bool:
    """Say whether a value may hold a text: a number alone says nothing of a person."""
    return isinstance(value, (str, dict, list)) and bool(value)
