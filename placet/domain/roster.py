"""Who may review a stage right now: the policy's selectors applied to the directory.

Four rules have no exception. The requester, and whom the request is for, hold no seat and stand in
for nobody, under any address; what they delegate gives nobody a seat; who has left holds no seat;
and somebody who reviewed a stage that must be decided by other people does not review this one.
Delegation is followed one step: a delegate's own delegates may not act.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from placet.domain.people import Directory, Person
from placet.domain.plan import PersonRef, Roster, Seat, Selector, StagePlan

_REQUESTER = "requester"
_REVIEWERS = "reviewers"


def named(selectors: Iterable[Selector], directory: Directory) -> list[Person]:
    """Return the active people whom ``person``, ``role`` and ``group`` selectors name."""
    found: dict[Person, None] = {}
    for selector in selectors:
        for person in _directly_named(selector, directory):
            if person.active:
                found[person] = None
    return list(found)


def _directly_named(selector: Selector, directory: Directory) -> list[Person]:
    if selector.role is not None:
        return list(directory.with_role(selector.role))
    if selector.group is not None:
        return list(directory.members_of(selector.group))
    person = directory.resolve(selector.person or "")
    return [] if person is None else [person]


def roster(  # noqa: PLR0913 - each is a separate fact about one moment.
    stage: StagePlan,
    directory: Directory,
    *,
    requester: PersonRef,
    kept_out: Iterable[PersonRef] = (),
    pipeline: str,
    now: datetime,
    earlier: Mapping[str, frozenset[str]] | None = None,
    reassigned: Mapping[str, str] | None = None,
    open_holders: frozenset[str] | None = None,
) -> Roster:
    """Return who may review ``stage`` at ``now``.

    Args:
        stage: The stage as planned.
        directory: As it is now.
        requester: Who asks; every person any of their spellings resolves to is kept out.
        kept_out: Whom it is for, likewise.
        pipeline: Limits delegations that name pipelines.
        now: An aware instant.
        earlier: Stage name to the ids of the people who reviewed it, or on whose behalf.
        reassigned: Id of a holder to the id of who was handed their seat. Ignored when that
            person may not hold it, so that a seat is never lost by handing it over.
        open_holders: Ids of holders whose seats have no review yet; None means all. Only they
            are the ``reviewers`` of a ladder's ``manager_of`` and ``deputy_of``, beside those who
            are named and may hold no seat.

    Returns:
        The seats of every group and of every ladder level, each holder once a group, in the order
        of the selectors.
    """
    moment = _Moment(
        stage=stage,
        directory=directory,
        requester=requester,
        kept_out=tuple(kept_out),
        pipeline=pipeline,
        now=now,
        earlier=earlier or {},
        reassigned=reassigned or {},
    )
    seats: list[Seat] = []
    selected: list[Person] = []
    for group in stage.groups:
        chosen = moment.select(group.reviewers, ())
        selected += chosen
        seats += moment.seats(group.name, chosen)
    waiting = [
        person
        for person in dict.fromkeys(moment.heir(chosen) for chosen in selected)
        if open_holders is None or person.id in open_holders or not moment.may_act(person)
    ]
    ladder = tuple(
        tuple(moment.seats(level.name, moment.select(level.to, waiting))) for level in stage.ladder
    )
    return Roster(
        seats=tuple(seats),
        ladder=ladder,
        changes_at=directory.next_change(moment.involved, now.astimezone(UTC)),
        tells_guests=True,
    )


@dataclass(frozen=True)
class _Moment:
    """One question to the directory, remembering everybody it looked at."""

    stage: StagePlan
    directory: Directory
    requester: PersonRef
    kept_out: tuple[PersonRef, ...]
    pipeline: str
    now: datetime
    earlier: Mapping[str, frozenset[str]]
    reassigned: Mapping[str, str]
    involved: dict[Person, None] = field(default_factory=dict)

    @cached_property
    def _interested(self) -> frozenset[str]:
        refs = (self.requester, *self.kept_out)
        named = (self.directory.resolve(told) for ref in refs for told in (ref.id, ref.address))
        return frozenset(
            {*(ref.id for ref in refs), *(person.id for person in named if person is not None)}
        )

    @cached_property
    def _barred(self) -> frozenset[str]:
        reviewed = (self.earlier.get(name, frozenset()) for name in self.stage.distinct_from)
        return self._interested.union(*reviewed)

    def may_act(self, person: Person) -> bool:
        return person.active and person.id not in self._barred

    def heir(self, person: Person) -> Person:
        """Return who has this person's seat after every hand-over.

        Somebody who is kept out hands nothing on: they would be choosing a reviewer.
        """
        if person.id in self._barred:
            return person
        seen = {person.id}
        last = person
        while (target := self.reassigned.get(last.id)) is not None and target not in seen:
            seen.add(target)
            heir = self.directory.get(target)
            if heir is None:
                break
            last = heir
        return last if self.may_act(last) else person

    def select(self, selectors: Iterable[Selector], reviewers: Iterable[Person]) -> list[Person]:
        found: dict[Person, None] = {}
        for selector in selectors:
            for person in self._named_by(selector, reviewers):
                found[person] = None
        return list(found)

    def _named_by(self, selector: Selector, reviewers: Iterable[Person]) -> list[Person]:
        directory = self.directory
        if selector.manager_of is not None:
            bases = self._bases(selector.manager_of, reviewers)
            return [p for base in bases if (p := directory.manager_of(base)) is not None]
        if selector.deputy_of is not None:
            bases = self._bases(selector.deputy_of, reviewers)
            return [p for base in bases if (p := directory.deputy_of(base)) is not None]
        return _directly_named(selector, directory)

    def _bases(self, named: str, reviewers: Iterable[Person]) -> list[Person]:
        if named == _REVIEWERS:
            return [person for person in reviewers if person.id not in self._interested]
        asked = self.requester.id if named == _REQUESTER else named
        person = self.directory.resolve(asked)
        return [] if person is None else [person]

    def seats(self, group: str, chosen: Iterable[Person]) -> list[Seat]:
        holders: dict[Person, None] = {}
        for person in chosen:
            self.involved[person] = None
            holder = self.heir(person)
            if self.may_act(holder):
                holders[holder] = None
        return [self._seat(group, holder) for holder in holders]

    def _seat(self, group: str, holder: Person) -> Seat:
        self.involved[holder] = None
        delegates = self.directory.delegates_of(holder, self.now, self.pipeline)
        self.involved.update(dict.fromkeys(delegates))
        return Seat(
            group=group,
            holder=holder.ref(),
            present=not self.directory.absent(holder, self.now),
            stand_ins=tuple(
                delegate.ref()
                for delegate in delegates
                if self.may_act(delegate) and not self.directory.absent(delegate, self.now)
            ),
        )
