"""People as the directory knows them: a snapshot, and the pure rules that read it."""

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from placet.domain.base import Model
from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.keys import PublicKey
from placet.domain.plan import PersonRef
from placet.domain.problems import Problem, suggestion

MAX_ADDRESS = 320  # Characters: 64 for the local part, the sign, and 255 for the domain.
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_IDENTIFIER = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class UnknownPersonError(NotFoundError):
    """Nobody in the directory has this address or id."""

    code = "unknown-person"


class InactivePersonError(InvalidInputError):
    """The person is in the directory, but has left."""

    code = "inactive-person"


def known_zone(name: str) -> str:
    """Return ``name`` when it is an IANA time zone, else raise :class:`ValueError`."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"'{name}' is no time zone; write an IANA name such as Europe/Berlin or UTC"
        raise ValueError(message) from None
    return name


TimeZone = Annotated[str, AfterValidator(known_zone)]


def _day_as_text(value: object) -> object:
    """Keep a date from being widened to midnight: it means the whole day."""
    return value.isoformat() if type(value) is date else value


Moment = Annotated[
    AwareDatetime | date, Field(union_mode="left_to_right"), BeforeValidator(_day_as_text)
]


class Window(Model):
    """A span of time: whole days in the person's time zone (both included), or exact instants.

    Attributes:
        from_: A date, or a date and time with its offset.
        until: A date (that day still counts), or a date and time (no longer inside).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_alias=True, validate_by_name=True
    )

    from_: Moment = Field(alias="from")
    until: Moment

    def bounds(self, zone: str) -> tuple[datetime, datetime]:
        """Return its first instant and the first one after it, in UTC."""
        last = self.until
        if not isinstance(last, datetime):
            last += timedelta(days=1)
        return _instant(self.from_, zone), _instant(last, zone)

    def holds(self, now: datetime, zone: str) -> bool:
        """Say whether ``now`` (aware) is inside."""
        starts, ends = self.bounds(zone)
        return starts <= now < ends


def _instant(moment: datetime | date, zone: str) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), ZoneInfo(zone))
    return moment.astimezone(UTC)


class Delegation(Window):
    """Somebody may review in another's place during a window.

    Attributes:
        to: Id of the person who may act.
        pipelines: For which pipelines; empty means all.
    """

    to: str
    pipelines: tuple[str, ...] = ()


class Person(Model):
    """One human being, whatever number of addresses and accounts they have.

    Attributes:
        id: Short lasting name, such as ``bob``; never reused for somebody else.
        name: How people read it.
        addresses: All their addresses and account names; the first is where mail goes.
        manager: Id of their manager.
        deputy: Id of who takes over for them on an escalation.
        groups: Groups they belong to, such as ``finance``.
        roles: Roles they have, such as ``executive``.
        time_zone: IANA name; without one the directory's counts.
        absences: When they are away.
        delegations: Whom they let review in their place, and when.
        keys: Ed25519 public keys that prove a review is theirs.
        active: False for somebody who left; they then hold no seat.
    """

    id: str = Field(pattern=_IDENTIFIER)
    name: str = Field(min_length=1, max_length=200)
    addresses: tuple[Annotated[str, Field(min_length=1, max_length=MAX_ADDRESS)], ...] = Field(
        min_length=1
    )
    manager: str | None = None
    deputy: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    time_zone: TimeZone | None = None
    absences: tuple[Window, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    keys: tuple[PublicKey, ...] = ()
    active: bool = True

    def ref(self) -> PersonRef:
        """Return them as plans, rosters and the ledger name people."""
        return PersonRef(id=self.id, name=self.name, address=self.addresses[0])


def canonical(address: str, *, plus_addressing: bool = False) -> str:
    """Return the one spelling under which an address is compared.

    Width and compatibility variants (NFKC), letter case, surrounding space, invisible characters
    and the domain's IDNA form make no difference. With ``plus_addressing`` neither does a
    ``+tag``. Letters of another alphabet that merely look alike stay different, so such an
    address is nobody's.
    """
    text = _plain(_plain(address).casefold())
    local, at, domain = text.rpartition("@")
    if not at:
        return text
    if plus_addressing:
        local = local.partition("+")[0] or local
    return f"{local.strip()}@{_ascii_domain(domain.strip())}"


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    return "".join(c for c in folded if unicodedata.category(c) not in _INVISIBLE).strip()


def _ascii_domain(domain: str) -> str:
    try:
        return domain.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain


class DirectoryFile(Model):
    """The directory as its file says it, each entry well formed but not yet checked together.

    Attributes:
        time_zone: Of everybody who names none.
        plus_addressing: Whether ``bob+claims@example.com`` is ``bob@example.com``.
        people: Everybody.
    """

    time_zone: TimeZone = "UTC"
    plus_addressing: bool = True
    people: tuple[Person, ...] = Field(min_length=1)

    def problems(self) -> list[Problem]:
        """Return everything that contradicts itself; empty when it is sound."""
        return [*self._identities(), *self._references(), *self._circles()]

    def _identities(self) -> Iterator[Problem]:
        seen: dict[str, str] = {}
        owner: dict[str, str] = {}
        for index, person in enumerate(self.people):
            if person.id in seen:
                text = f"the id '{person.id}' is given to two people; rename one"
                yield Problem(("people", index, "id"), text)
            seen[person.id] = person.id
            for place, address in enumerate(person.addresses):
                path = ("people", index, "addresses", place)
                key = canonical(address, plus_addressing=self.plus_addressing)
                if not key:
                    yield Problem(path, "the address is blank; write one or take it out")
                elif owner.setdefault(key, person.id) != person.id:
                    text = f"'{address}' already belongs to '{owner[key]}'; keep it with one person"
                    yield Problem(path, text)
        for index, person in enumerate(self.people):
            if owner.get(person.id, person.id) != person.id:
                text = f"'{person.id}' is also an address of '{owner[person.id]}'; rename one"
                yield Problem(("people", index, "id"), text)

    def _references(self) -> Iterator[Problem]:
        ids = {person.id for person in self.people}
        for index, person in enumerate(self.people):
            here = ("people", index)
            named: list[tuple[tuple[str | int, ...], str | None]] = [
                ((*here, "manager"), person.manager),
                ((*here, "deputy"), person.deputy),
            ]
            for place, delegation in enumerate(person.delegations):
                named.append(((*here, "delegations", place, "to"), delegation.to))
            for path, target in named:
                if target == person.id:
                    yield Problem(path, f"'{target}' cannot be this for themselves; name another")
                elif target is not None and target not in ids:
                    text = f"nobody has the id '{target}'" + suggestion(target, ids)
                    yield Problem(path, text)
            zone = person.time_zone or self.time_zone
            for field in ("absences", "delegations"):
                for place, window in enumerate(getattr(person, field)):
                    starts, ends = window.bounds(zone)
                    if ends <= starts:
                        text = "'until' is before 'from'; exchange them"
                        yield Problem((*here, field, place, "until"), text)

    def _circles(self) -> Iterator[Problem]:
        managers = {person.id: person.manager for person in self.people}
        reported: set[str] = set()
        for index, person in enumerate(self.people):
            chain = [person.id]
            while (above := managers.get(chain[-1])) and above not in chain:
                chain.append(above)
            if above == person.id and len(chain) > 1 and not reported.intersection(chain):
                reported.update(chain)
                way = " > ".join([*chain, person.id])
                text = f"managers go round in a circle: {way}; end it at somebody without a manager"
                yield Problem(("people", index, "manager"), text)


class Directory(DirectoryFile):
    """A checked snapshot of everybody, as it was at one moment.

    Raises:
        ValueError: On construction, naming every problem.
    """

    @model_validator(mode="after")
    def _is_sound(self) -> "Directory":
        found = self.problems()
        if found:
            raise ValueError("\n".join(problem.message for problem in found))
        return self

    @cached_property
    def _by_id(self) -> dict[str, Person]:
        return {person.id: person for person in self.people}

    @cached_property
    def _by_address(self) -> dict[str, Person]:
        return {self.canonical(address): p for p in self.people for address in p.addresses}

    def canonical(self, address: str) -> str:
        """Return ``address`` in the one spelling this directory compares."""
        return canonical(address, plus_addressing=self.plus_addressing)

    def get(self, person_id: str | None) -> Person | None:
        """Return the person with exactly this id, or None."""
        return None if person_id is None else self._by_id.get(person_id)

    def resolve(self, address_or_id: str) -> Person | None:
        """Return whose address, account or id this is under any spelling, or None."""
        if len(address_or_id) > MAX_ADDRESS:
            return None
        key = self.canonical(address_or_id)
        return self._by_address.get(key) or self._by_id.get(key)

    def require(self, address_or_id: str) -> Person:
        """Return the active person this names.

        Raises:
            UnknownPersonError: Nobody has it.
            InactivePersonError: They left.
        """
        person = self.resolve(address_or_id)
        shown = address_or_id[:MAX_ADDRESS]
        if person is None:
            raise UnknownPersonError(
                f"nobody in the directory has the address {shown!r}; check the spelling, or add "
                "them to the directory"
            )
        if not person.active:
            raise InactivePersonError(
                f"{person.name} ({shown!r}) is not active; somebody who is must do this"
            )
        return person

    def manager_of(self, person: Person) -> Person | None:
        """Return their manager, or None at the top."""
        return self.get(person.manager)

    def deputy_of(self, person: Person) -> Person | None:
        """Return who takes over for them, or None when nobody is named."""
        return self.get(person.deputy)

    def members_of(self, group: str) -> tuple[Person, ...]:
        """Return everybody in ``group``, active or not, in the file's order."""
        return tuple(person for person in self.people if group in person.groups)

    def with_role(self, role: str) -> tuple[Person, ...]:
        """Return everybody with ``role``, active or not, in the file's order."""
        return tuple(person for person in self.people if role in person.roles)

    def zone_of(self, person: Person) -> str:
        """Return the IANA name of their time zone."""
        return person.time_zone or self.time_zone

    def absent(self, person: Person, now: datetime) -> bool:
        """Say whether they are away at ``now`` (aware)."""
        zone = self.zone_of(person)
        return any(window.holds(now, zone) for window in person.absences)

    def delegates_of(self, person: Person, now: datetime, pipeline: str) -> tuple[Person, ...]:
        """Return whom they let act for them at ``now`` in ``pipeline``: one step, no chains."""
        zone = self.zone_of(person)
        found = (
            self.get(delegation.to)
            for delegation in person.delegations
            if (not delegation.pipelines or pipeline in delegation.pipelines)
            and delegation.holds(now, zone)
        )
        return tuple(dict.fromkeys(p for p in found if p is not None))

    def next_change(self, people: Iterable[Person], after: datetime) -> datetime | None:
        """Return the next instant (UTC) at which an absence or delegation of theirs turns."""
        turns = (
            instant
            for person in people
            for window in (*person.absences, *person.delegations)
            for instant in window.bounds(self.zone_of(person))
        )
        return min((instant for instant in turns if instant > after), default=None)
