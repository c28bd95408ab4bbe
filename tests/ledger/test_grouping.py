"""How callers are put together, without a database: a fake that writes, refuses, or waits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.domain.errors import ConflictError, InvalidInputError, UnavailableError
from placet.ledger.grouping import (
    MOST_CALLERS,
    MOST_EVENTS,
    MOST_UNDER_WAY,
    Grouping,
)
from tests.support.waiting import eventually


@dataclass(frozen=True)
class Item:
    """Something to write; ``fault`` says how it goes wrong."""

    name: str
    streams: frozenset[str]
    size: int = 1
    fault: str = ""
    turns: int = 0


def item(name: str, *streams: str, size: int = 1, fault: str = "", turns: int = 1) -> Item:
    return Item(name, frozenset(streams or (name,)), size, fault, turns)


@dataclass
class Book:
    """Writes groups whole or not at all, as the database does."""

    written: list[Item] = field(default_factory=list)
    groups: list[list[Item]] = field(default_factory=list)
    under_way: list[Item] = field(default_factory=list)
    statements: int = 0
    most_statements: int = 0
    gate: asyncio.Event | None = None
    down: bool = False

    async def together(self, items: Sequence[Item]) -> list[str]:
        """Write all or nothing."""
        self.groups.append(list(items))
        streams = [stream for each in (*self.under_way, *items) for stream in each.streams]
        assert len(streams) == len(set(streams)), "two items of a stream are under way"
        self.under_way.extend(items)
        self.statements += 1
        self.most_statements = max(self.most_statements, self.statements)
        try:
            for _ in range(max(each.turns for each in items)):
                await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
            if self.down:
                raise UnavailableError("down")
            for each in items:
                _raise_fault(each)
            if any(each.fault == "alone" for each in items):
                raise InvalidInputError("not together")
            self.written.extend(items)
            return [each.name for each in items]
        finally:
            self.statements -= 1
            for each in items:
                self.under_way.remove(each)

    async def alone(self, each: Item) -> str:
        """Write what was refused together."""
        assert each.fault
        await asyncio.sleep(0)
        _raise_fault(each)
        self.written.append(each)
        return f"{each.name} alone"


def _raise_fault(each: Item) -> None:
    if each.fault == "conflict":
        raise ConflictError(each.name)
    if each.fault == "defect":
        raise ZeroDivisionError(each.name)


def grouping(book: Book) -> Grouping[Item, str]:
    return Grouping[Item, str](book.together, book.alone)


async def test_who_calls_at_the_same_time_shares_the_statements_under_way() -> None:
    book = Book()
    group = grouping(book)
    names = [f"{number}" for number in range(20)]
    assert await asyncio.gather(*(group.write(item(name)) for name in names)) == names
    assert len(book.groups) == MOST_UNDER_WAY
    assert [each.name for each in book.written] == names


async def test_who_comes_alone_does_not_wait_for_anybody() -> None:
    book = Book()
    assert await grouping(book).write(item("one")) == "one"
    assert book.groups == [[item("one")]]


async def test_groups_that_end_together_are_answered_one_after_the_other() -> None:
    """While the next statement of the first is on its way, that of the second is made."""
    book = Book(gate=asyncio.Event())
    group = grouping(book)
    told: list[str] = []

    async def call(name: str) -> None:
        await group.write(item(name))
        told.append(f"{len(book.groups)} groups when {name} is answered")
        await group.write(item(f"{name} again"))

    assert book.gate is not None
    calling = [asyncio.create_task(call(name)) for name in "abcd"]
    await eventually(lambda: len(book.under_way) == 4, "two groups under way")
    book.gate.set()
    await asyncio.gather(*calling)
    assert told == [
        "2 groups when a is answered",
        "2 groups when b is answered",
        "3 groups when c is answered",
        "3 groups when d is answered",
    ]


async def test_a_group_has_an_upper_limit_of_callers_and_of_events() -> None:
    for items in (
        [item(str(number)) for number in range(5 * MOST_CALLERS)],
        [item(str(number), size=MOST_EVENTS // 4) for number in range(50)],
        [item(str(number), size=MOST_EVENTS * 2) for number in range(5)],
    ):
        book = Book()
        group = grouping(book)
        await asyncio.gather(*map(group.write, items))
        assert max(len(each) for each in book.groups) <= MOST_CALLERS
        assert all(
            len(each) == 1 or sum(one.size for one in each) <= MOST_EVENTS for each in book.groups
        )
        assert len(book.written) == len(items)


async def test_an_error_is_told_to_whom_it_is_meant_for_and_the_others_are_written() -> None:
    book = Book()
    group = grouping(book)
    items = [
        item(str(n), fault={7: "conflict", 31: "defect", 12: "alone"}.get(n, "")) for n in range(40)
    ]
    answers = await asyncio.gather(*map(group.write, items), return_exceptions=True)
    for each, answer in zip(items, answers, strict=True):
        if each.fault == "conflict":
            assert isinstance(answer, ConflictError)
            assert str(answer) == each.name
        elif each.fault == "defect":
            assert isinstance(answer, ZeroDivisionError)
        elif each.fault == "alone":
            assert answer == f"{each.name} alone"
        else:
            assert answer == each.name
    # By halves, so that one fault costs few statements.
    assert len(book.groups) < 30


async def test_when_the_database_does_not_answer_everybody_is_told_and_nothing_is_tried_again() -> (
    None
):
    book = Book(down=True)
    group = grouping(book)
    answers = await asyncio.gather(
        *(group.write(item(str(n))) for n in range(10)), return_exceptions=True
    )
    assert all(isinstance(answer, UnavailableError) for answer in answers)
    assert len(book.groups) == MOST_UNDER_WAY
    book.down = False
    assert await group.write(item("after")) == "after"


async def test_a_caller_who_gives_up_takes_nobody_along() -> None:
    book = Book(gate=asyncio.Event())
    group = grouping(book)
    tasks = [asyncio.create_task(group.write(item(str(n)))) for n in range(6)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(book.under_way) == 6
    waiting = [asyncio.create_task(group.write(item(f"later {n}"))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    waiting[1].cancel()
    assert book.gate is not None
    book.gate.set()
    answers = await asyncio.gather(*tasks, *waiting, return_exceptions=True)
    assert isinstance(answers.pop(7), asyncio.CancelledError)
    assert isinstance(answers.pop(2), asyncio.CancelledError)
    assert answers == ["0", "1", "3", "4", "5", "later 0", "later 2"]
    # Who was waiting still is not written; who was under way may have been.
    names = {each.name for each in book.written}
    assert "later 1" not in names
    assert "2" in names


async def test_who_has_to_wait_alone_holds_back_its_own_stream_only() -> None:
    released = asyncio.Event()
    book = Book()

    async def alone(each: Item) -> str:
        await released.wait()
        return f"{each.name} alone"

    group = Grouping[Item, str](book.together, alone)
    stuck = [
        asyncio.create_task(group.write(item(f"stuck {n}", f"s{n}", fault="alone")))
        for n in range(2 * MOST_UNDER_WAY)
    ]
    behind = asyncio.create_task(group.write(item("behind", "s0")))
    assert await group.write(item("other")) == "other"
    assert not behind.done()
    assert not any(task.done() for task in stuck)
    released.set()
    assert await asyncio.gather(*stuck) == [f"stuck {n} alone" for n in range(len(stuck))]
    assert await behind == "behind"


items = st.builds(
    Item,
    name=st.just(""),
    streams=st.frozensets(st.sampled_from("abcdef"), min_size=1, max_size=2),
    size=st.integers(1, MOST_EVENTS + 1),
    fault=st.sampled_from(["", "", "", "conflict", "defect", "alone"]),
    turns=st.integers(0, 3),
)


@settings(deadline=None)
@given(
    bursts=st.lists(st.lists(items, max_size=8), max_size=6),
    pauses=st.lists(st.integers(0, 4), min_size=6, max_size=6),
)
def test_whatever_comes_when_each_has_its_own_answer_and_streams_keep_their_order(
    bursts: list[list[Item]], pauses: list[int]
) -> None:
    told = [
        [
            Item(f"{b}.{n}", each.streams, each.size, each.fault, each.turns)
            for n, each in enumerate(burst)
        ]
        for b, burst in enumerate(bursts)
    ]
    book = Book()

    async def run() -> list[object]:
        group = grouping(book)
        tasks = []
        for burst, pause in zip(told, pauses, strict=False):
            tasks += [asyncio.create_task(group.write(each)) for each in burst]
            for _ in range(pause):
                await asyncio.sleep(0)
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    answers = asyncio.run(run())
    flat = [each for burst in told for each in burst]
    for each, answer in zip(flat, answers, strict=True):
        match each.fault:
            case "conflict":
                assert isinstance(answer, ConflictError)
                assert str(answer) == each.name
            case "defect":
                assert isinstance(answer, ZeroDivisionError)
            case "alone":
                assert answer == f"{each.name} alone"
            case _:
                assert answer == each.name
    good = [each for each in flat if each.fault in {"", "alone"}]
    for stream in "abcdef":
        order = [each for each in book.written if stream in each.streams]
        assert order == [each for each in good if stream in each.streams]
    if all(not each.fault for each in flat):
        assert book.most_statements <= MOST_UNDER_WAY


async def test_when_the_program_ends_callers_are_let_go() -> None:
    book = Book(gate=asyncio.Event())
    group = grouping(book)
    caller = asyncio.create_task(group.write(item("one")))
    while not book.under_way:  # noqa: ASYNC110 - it takes a turn or two
        await asyncio.sleep(0)
    (statement,) = asyncio.all_tasks() - {caller, asyncio.current_task()}
    statement.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
