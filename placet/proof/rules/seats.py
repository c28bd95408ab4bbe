"""The seats of an open stage, the votes on them, and whether these are enough.

One person fills one seat, and a seat is filled by one person: its holder, or who stands in for
them. The events say who sat down where.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from .values import whole

Seat = tuple[str, str]
"""A seat's group, and the id of the person who holds it."""


class Vote(NamedTuple):
    """What one person said in the open stage.

    Attributes:
        approves: Or else they reject.
        seat: The one they fill.
        options: All that they could fill when they spoke.
    """

    approves: bool
    seat: Seat
    options: tuple[Seat, ...]


class Table:
    """Who may sit at the open stage, and who has voted.

    Attributes:
        rule: The stage as the plan has it.
        groups: Group to how many must approve and reject; those of a level that took over.
        people: Seat to the ids of all who may fill it, its holder first.
        there: Those of them who can be expected to.
        guests: Seats that an escalation has brought: they raise no threshold.
        votes: Person to what they said.
        filled: The seats that they fill.
        earlier: Who has reviewed, or for whom, a stage that needs other people than this one.
        deadline: Microseconds since 1970, as every instant here.
        final: The second deadline, where there is one.
        escalations: When levels of the ladder come in by time; some never do.
        reached: Names of the levels that have come in.
        extended: Whether the first deadline has passed.
        stuck: Whether the event before said that the stage is out of reach.
        misjudged: Whether that was said once when it was not so.
    """

    __slots__ = (
        "_options",
        "deadline",
        "earlier",
        "escalations",
        "extended",
        "filled",
        "final",
        "groups",
        "guests",
        "misjudged",
        "people",
        "reached",
        "rule",
        "stuck",
        "there",
        "votes",
    )

    def __init__(self, rule: dict[str, Any], deadline: int, final: int | None) -> None:
        """Lay the table for a stage."""
        self.rule = rule
        self.groups: dict[str, dict[str, Any]] = {each["name"]: each for each in rule["groups"]}
        self.people: dict[Seat, tuple[str, ...]] = {}
        self.there: set[str] = set()
        self.guests: set[Seat] = set()
        self.votes: dict[str, Vote] = {}
        self.filled: set[Seat] = set()
        self.earlier: frozenset[str] = frozenset()
        self.deadline = deadline
        self.final = final
        self.escalations: dict[str, int] = {}
        self.reached: list[str] = []
        self.extended = False
        self.stuck = False
        self.misjudged = False
        self._options: dict[str, list[Seat]] | None = None

    @property
    def due(self) -> int:
        """Return the deadline that is in force."""
        return self.final if self.extended and self.final is not None else self.deadline

    def seat(self, told: list[dict[str, Any]]) -> None:
        """Let exactly these seats count from now on; everybody who has voted keeps theirs."""
        self.people = {
            (each["group"], each["holder"]): (each["holder"], *each["stand_ins"]) for each in told
        }
        self._options = None
        self.there = {
            person
            for each in told
            for person in ([each["holder"]] * bool(each["present"]) + each["stand_ins"])
        }
        brought = {(each["group"], each["holder"]) for each in told if each.get("guest")}
        self.guests = (self.guests | brought) - (self.people.keys() - brought)

    def hand_over(self, source: str, target: str) -> None:
        """Give every seat of one person to another, who has no stand-ins yet."""
        self.people = {
            (group, target) if holder == source else (group, holder): (target,)
            if holder == source
            else who
            for (group, holder), who in self.people.items()
        }
        self._options = None
        self.guests |= {(group, target) for group, holder in self.guests if holder == source}
        self.there.add(target)

    def options(self, person: str) -> tuple[Seat, ...]:
        """Return the seats that somebody may fill."""
        if self._options is None:
            found: dict[str, list[Seat]] = {}
            for seat, who in self.people.items():
                for each in dict.fromkeys(who):
                    found.setdefault(each, []).append(seat)
            self._options = found
        return tuple(self._options.get(person, ()))

    def replace(self, level: dict[str, Any]) -> None:
        """Let a level take over: nothing that was said before counts."""
        self.groups = {level["name"]: level}
        self.votes, self.filled = {}, set()

    def has_room(self, votes: Mapping[str, Vote]) -> bool:
        """Say whether these votes, new or moved, fill a seat each that nobody else fills."""
        seats = {vote.seat for vote in votes.values()}
        left = {self.votes[name].seat for name in votes if name in self.votes}
        return len(seats) == len(votes) and self.filled.isdisjoint(seats - left)

    def cast(self, votes: Mapping[str, Vote]) -> None:
        """Count votes, new or moved: what each costs must not grow with those before it."""
        self.filled -= {self.votes[name].seat for name in votes if name in self.votes}
        self.filled |= {vote.seat for vote in votes.values()}
        self.votes |= votes

    def enough(self) -> bool:
        """Say whether every group has its approvals."""
        needs = self._needs("approve")
        seated = Counter(vote.seat[0] for vote in self.votes.values() if vote.approves)
        if all(seated[group] >= need for group, need in needs.items()):
            return True
        return can_fill(self._free(approves=True), needs)

    def rejected(self, *, surely: bool = False) -> bool:
        """Say whether some group has its rejections.

        Args:
            surely: Count guests as members. A roster tells who is a guest when it changes, and a
                hand-over does not, so there are more rejections needed than otherwise.
        """
        free = self._free(approves=False)
        needs = self._needs("reject", guests_too=surely)
        return bool(free) and any(can_fill(free, {name: need}) for name, need in needs.items())

    def surely_in_reach(self) -> bool:
        """Say whether those who are there could still approve it, whoever sits where."""
        against = {
            seat for vote in self.votes.values() if not vote.approves for seat in vote.options
        }
        hopes = {name: self.options(name) for name in self.there if name not in self.votes}
        hopes |= {name: vote.options for name, vote in self.votes.items() if vote.approves}
        free = {name: [s for s in seats if s not in against] for name, seats in hopes.items()}
        return can_fill(free, self._needs("approve", guests_too=True))

    def _free(self, *, approves: bool) -> dict[str, list[Seat]]:
        """Return which seats those who said so may fill, less those that the others fill."""
        taken = {vote.seat for vote in self.votes.values() if vote.approves is not approves}
        return {
            person: [seat for seat in vote.options if seat not in taken]
            for person, vote in self.votes.items()
            if vote.approves is approves
        }

    def _needs(self, verdict: str, *, guests_too: bool = False) -> dict[str, int]:
        """Return how many of each group must say so.

        Percentages are of the group's own seats; who has voted and left since keeps theirs.
        """
        seats = {*self.people, *(vote.seat for vote in self.votes.values())}
        sizes = Counter(seat[0] for seat in seats if guests_too or seat not in self.guests)
        return {name: _share(group[verdict], sizes[name]) for name, group in self.groups.items()}


def _share(threshold: dict[str, int], seats: int) -> int:
    if "count" in threshold:
        return whole(threshold["count"])
    return max(1, -(-seats * whole(threshold["percent"]) // 100))


Node = tuple[str, ...]
Room = defaultdict[Node, dict[Node, int]]
"""From where to where, and how many still fit."""


def can_fill(options: Mapping[str, Iterable[Seat]], needs: Mapping[str, int]) -> bool:
    """Say whether people can sit so that each group has as many as it needs.

    A flow from people over seats into groups, grown by all shortest paths at once (Dinic 1970):
    whoever writes a story with ten thousand seats does not keep us for hours.
    """
    begin: Node = ("begin",)
    end: Node = ("end",)
    room: Room = defaultdict(dict)
    for person, seats in options.items():
        room[begin]["person", person] = 1
        for seat in seats:
            room["person", person]["seat", *seat] = 1
            room["seat", *seat]["group", seat[0]] = 1
    missing = 0
    for group, need in needs.items():
        room["group", group][end] = max(0, need)
        missing += max(0, need)
    while missing > 0:
        levels = _levels(room, begin)
        if end not in levels:
            return False
        missing -= _grown(room, levels, begin, end)
    return True


def _levels(room: Room, begin: Node) -> dict[Node, int]:
    """Return how many steps each node is away."""
    levels = {begin: 0}
    waiting = deque([begin])
    while waiting:
        node = waiting.popleft()
        for other, left in room[node].items():
            if left and other not in levels:
                levels[other] = levels[node] + 1
                waiting.append(other)
    return levels


def _grown(room: Room, levels: Mapping[Node, int], begin: Node, end: Node) -> int:
    """Let as many through as shortest paths can take, one at a time; return how many."""
    ways = {node: list(room[node]) for node in levels}
    tried: dict[Node, int] = defaultdict(int)
    grown, path = 0, [begin]
    while path:
        node = path[-1]
        if node == end:
            for one, other in pairwise(path):
                room[one][other] -= 1
                room[other][one] = room[other].get(one, 0) + 1
            grown, path = grown + 1, [begin]
            continue
        while tried[node] < len(ways[node]):
            other = ways[node][tried[node]]
            if room[node][other] and levels.get(other) == levels[node] + 1:
                path.append(other)
                break
            tried[node] += 1
        else:
            path.pop()
            if path:
                tried[path[-1]] += 1
    return grown
