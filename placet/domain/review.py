"""Who acted, what their review was, and what they are told."""

from collections.abc import Iterable

from pydantic import AwareDatetime

from placet.domain.base import Stored
from placet.domain.errors import PlacetError
from placet.domain.message import Message
from placet.domain.plan import Assurance, PersonRef
from placet.domain.seating import SeatKey
from placet.domain.vocabulary import Action, Refusal, Status

ADMINISTRATOR = "placet-admin"
"""The directory's role whose people may reassign anybody's seat."""


class Actor(Stored):
    """Who a message comes from, as the directory and the signature say.

    Attributes:
        claimed: What the message called itself.
        person: Whom the directory knows under that name; None for nobody.
        roles: The person's roles and groups at that time.
        assurance: ``verified`` when the message carried a good signature.
        problem: Why its signature does not count, or why nobody can say who it is; else None.
        later_stage: The first stage after the current one in which this person would have a seat.
        target: For ``reassign``: whom ``to`` names; None for nobody.
        source: For ``reassign``: whom ``from`` names; None for nobody.
        breaks_glass: For ``break_glass``: whether the policy lets this person do it.
        permitted: For ``break_glass``: the ids of all whom the policy lets do it, if they are told.
        alarms: For ``break_glass``: whom the policy has told of it.
    """

    claimed: str
    person: PersonRef | None = None
    roles: tuple[str, ...] = ()
    assurance: Assurance = Assurance.CLAIMED
    problem: str | None = None
    later_stage: str | None = None
    target: PersonRef | None = None
    source: PersonRef | None = None
    breaks_glass: bool = False
    permitted: tuple[str, ...] = ()
    alarms: tuple[PersonRef, ...] = ()


class Review(Stored):
    """One person's verdict on one revision, in one stage.

    ``seats`` are those the person might fill when they reviewed, their own first; which one they
    fill is a matter of all reviews together, and ``on_behalf_of`` follows it. ``counts`` turns
    False when an escalation level takes over the stage.
    """

    person: PersonRef
    action: Action
    stage: str
    seats: tuple[SeatKey, ...]
    on_behalf_of: PersonRef | None = None
    assurance: Assurance = Assurance.CLAIMED
    channel: str
    reason: str = ""
    at: AwareDatetime
    counts: bool = True


def votes(reviews: Iterable[Review]) -> list[Review]:
    """Return those that count towards a threshold."""
    return [r for r in reviews if r.counts and r.action in {Action.APPROVE, Action.REJECT}]


class Answer(Stored):
    """What a caller is told; the receipt is filled in once the ledger has it.

    ``event`` is the id of the ledger event that this message became, ``leaf`` its leaf hash.
    """

    accepted: bool
    message: str
    status: Status
    decision_id: str
    refusal: Refusal | None = None
    event: str | None = None
    leaf: str | None = None
    seq: int | None = None


class Call(Stored):
    """A message that was understood, with its key and who it comes from.

    ``decision_id`` is the caller's, or one the gate made for a message without.
    """

    message: Message
    decision_id: str
    actor: Actor


class RefusedError(PlacetError):
    """A message that changes nothing; it carries why, and says what to do instead."""

    code = "refused"

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal
