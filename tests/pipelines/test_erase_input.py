from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.cli.records import LocalFiles
from placet.directory import load_directory
from placet.domain.erasure import Concern, EraseRequest
from placet.domain.errors import InvalidInputError
from placet.pipelines import erase
from placet.pipelines.pipeline import Prepared, Surroundings, Viewed
from placet.policy.loader import load_policies

SHIPPED = Path(__file__).parents[2] / "policies"
SNAPSHOT = load_policies(SHIPPED).for_pipeline("erase").snapshot
PEOPLE = load_directory(SHIPPED / "directory.yaml")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "requester": "heidi@example.com",
    "subject": "A.Novak+x@Example.com",
    "reason": "They asked for it",
}
KNOWN = Concern(
    subject="alice",
    events=7,
    requests=("expense-1", "expense-2"),
    open=("expense-2",),
    paid=("expense-1",),
    reviews=2,
    contents=("a" * 64,),
)


class Recorded(LocalFiles):
    """What is recorded: so much about somebody."""

    def __init__(self, concern: Concern) -> None:
        super().__init__(())
        self._concern = concern

    async def concern(self, subject: str) -> Concern:
        """Return it, of whoever is asked for."""
        return self._concern.model_copy(update={"subject": subject})


async def prepared(concern: Concern = KNOWN, *, offline: bool = False, **changes: Any) -> Prepared:
    """Understand a request."""
    surroundings = Surroundings(
        NOW,
        SNAPSHOT.rates,
        SNAPSHOT.policy,
        Recorded(concern),
        people=lambda: PEOPLE,
        offline=offline,
    )
    return await erase.DOOR.prepare(GOOD | changes, surroundings)


async def refusal(concern: Concern = KNOWN, **changes: Any) -> str:
    """Return what a request is refused with."""
    with pytest.raises(InvalidInputError) as caught:
        await prepared(concern, **changes)
    return str(caught.value)


async def test_whoever_is_meant_is_named_by_their_id_and_by_nothing_else() -> None:
    found = await prepared()
    assert isinstance(found.request, EraseRequest)
    assert found.request.subject == "alice"
    assert found.title == "Erase what is personal about alice"
    assert "novak" not in repr((found.request, found.title, found.facts, found.scope)).casefold()
    assert found.kept_out == ("alice@example.com",)


async def test_people_and_policies_are_told_how_much_there_is_and_what_stays() -> None:
    found = await prepared()
    assert found.facts == {
        "events": 7,
        "requests": 2,
        "open": 1,
        "paid": 1,
        "reviews": 2,
        "files": 1,
    }
    assert found.facts.keys() == erase.DOOR.facts.keys()
    assert [(each.kind, each.where) for each in found.findings] == [
        ("still-open", "expense-2"),
        ("payment-kept", "expense-1"),
    ]
    stays: Any = found.scope["stays"]
    assert any("tax and commercial law" in each for each in stays)
    assert any("1 open request" in each for each in stays)


async def test_of_many_requests_the_first_ten_are_named() -> None:
    many = KNOWN.model_copy(update={"open": tuple(f"expense-{n:02}" for n in range(12))})
    found = await prepared(many)
    listed = [each for each in found.findings if each.kind == "still-open"]
    assert len(listed) == 11
    assert listed[-1].message == "and 2 more"


async def test_whoever_has_left_is_named_by_the_id_they_had() -> None:
    found = await prepared(subject="zoe-of-old")
    assert isinstance(found.request, EraseRequest)
    assert found.request.subject == "zoe-of-old"
    assert found.kept_out == ()


async def test_nobody_asks_for_their_own_erasure() -> None:
    said = await refusal(requester="alice@example.com", subject="alice")
    assert "subject: nobody asks for their own erasure here" in said


async def test_what_is_held_is_refused_and_the_hold_is_named() -> None:
    said = await refusal(KNOWN.model_copy(update={"holds": ("h1", "h2")}))
    assert "a legal hold forbids it (h1, h2)" in said


async def test_nothing_to_erase_is_told_where_the_ledger_is_known() -> None:
    assert "nothing personal is recorded about 'alice'" in await refusal(Concern(subject="alice"))
    assert await prepared(Concern(subject="alice"), offline=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": ""}, "subject: it is empty"),
        ({"subject": "x" * 2_000}, "subject:"),
        ({"reason": "  "}, "reason: it is empty"),
        ({"requester": "nobody@example.com"}, "requester: nobody in the directory"),
        ({"colour": "red"}, "colour: there is no such field"),
    ],
)
async def test_what_is_wrong_is_told(changes: dict[str, Any], said: str) -> None:
    assert said in await refusal(**changes)


async def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not a JSON object"):
        erase.parse_erase([])


async def shown(found: Prepared, concern: Concern) -> str:
    """Return the preview of a request, with what is recorded by then."""
    viewed = Viewed(
        request=found.request.model_dump(mode="json"),
        digest="d" * 64,
        case="erase-1",
        facts=found.facts,
        findings=found.findings,
        scope=found.scope,
        effect_at=None,
    )
    assert erase.DOOR.preview is not None
    return (await erase.DOOR.preview(viewed, Recorded(concern))).decode()


async def test_the_preview_says_when_a_hold_was_placed_after_the_planning() -> None:
    found = await prepared()
    assert "legal hold" not in await shown(found, KNOWN)
    page = await shown(found, KNOWN.model_copy(update={"holds": ("5f0c<2a9", "court")}))
    assert "A legal hold forbids it now (5f0c&lt;2a9, court)." in page
    assert "nothing is erased while the hold stands" in page


@pytest.mark.rule(number=12)
async def test_the_preview_shows_what_goes_and_what_stays_and_runs_nothing() -> None:
    found = await prepared(reason="<script>alert(1)</script>")
    page = await shown(found, KNOWN)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "expense-2: it is not closed" in page
    assert "17(3)(b)" in page
    assert "placet approve erase-1 --as ADDRESS" in page
