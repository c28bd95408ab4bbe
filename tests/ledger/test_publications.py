import asyncio
import hashlib
from datetime import timedelta

import psycopg
import pytest

from placet.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PlacetError,
    UnavailableError,
)
from placet.domain.ledger import LedgerEvent
from placet.domain.ledger_rows import (
    Publication,
    PublicationEntry,
    PublicationState,
    TargetState,
)
from placet.ledger import PostgresLedger, open_pool
from tests.conftest import Database
from tests.ledger.stories import (
    DIGEST,
    OTHER_DIGEST,
    event,
    permit_consumed,
    permit_issued,
    submitted,
)

ONE, TWO, THREE = (hashlib.sha256(text).hexdigest() for text in (b"1", b"2", b"3"))
SITE, SHOP = "file:///srv/site", "https://s3.example.com/pages/live"
DONE, FAILED = PublicationState.DONE, PublicationState.FAILED


def entry(permit: str = "permit-1", **changes: object) -> PublicationEntry:
    """Return the first publication of a page, on two targets."""
    return PublicationEntry.model_validate(
        {
            "permit_id": permit,
            "request": f"publish-{permit}",
            "digest": DIGEST,
            "slug": "spring-offer",
            "action": "publish",
            "title": "Spring offer",
            "version": ONE,
            "replaces": None,
            "targets": {"site": SITE, "shop": SHOP},
            **changes,
        }
    )


def done(permit: str) -> LedgerEvent:
    return event(
        "effect:run:done", request=f"publish-{permit}", step=permit, data={"effect": "done"}
    )


async def begin(ledger: PostgresLedger, wanted: PublicationEntry) -> Publication:
    """Begin a publication with a permit of its own."""
    await ledger.append([submitted(wanted.request, wanted.permit_id)])
    await ledger.append([permit_issued(wanted.permit_id, wanted.request, effect="publication")])
    return await again(ledger, wanted)


async def again(ledger: PostgresLedger, wanted: PublicationEntry) -> Publication:
    return await ledger.publishing.begin(
        wanted, [permit_consumed(wanted.permit_id, wanted.request)]
    )


async def mark(ledger: PostgresLedger, permit: str, *marks: tuple[str, str]) -> None:
    for target, state in marks:
        await ledger.publishing.mark(permit, target, TargetState(state), "a reason")


async def publish(ledger: PostgresLedger, wanted: PublicationEntry) -> None:
    """Publish on every target."""
    await begin(ledger, wanted)
    for target in wanted.targets:
        await mark(ledger, wanted.permit_id, (target, "switching"), (target, "switched"))
    await ledger.publishing.end(wanted.permit_id, DONE, [done(wanted.permit_id)])


@pytest.mark.rule(number=5)
@pytest.mark.rule(number=1)
async def test_a_permit_begins_one_publication_and_ends_it_once(ledger: PostgresLedger) -> None:
    begun = await begin(ledger, entry())
    assert await again(ledger, entry()) == begun
    assert [event.kind for event in await ledger.timeline("publish-permit-1")][2:] == [
        "effect:permit:consumed"
    ]
    assert begun.state is PublicationState.UNDER_WAY
    assert [(row.target, row.location, row.before, row.sure) for row in begun.targets] == [
        ("site", SITE, None, True),
        ("shop", SHOP, None, True),
    ]
    assert await ledger.published("spring-offer") is None
    marks = [("site", "switching"), ("site", "switched"), ("shop", "switching")]
    await mark(ledger, "permit-1", *marks, ("shop", "switched"))

    receipts = await ledger.publishing.end("permit-1", DONE, [done("permit-1")])
    assert await ledger.publishing.end("permit-1", DONE, [done("permit-1")]) == receipts
    assert len(await ledger.timeline("publish-permit-1")) == 4
    row = await ledger.published("spring-offer")
    assert row is not None
    assert (row.version, row.replaces, row.state, row.request) == (
        ONE,
        None,
        DONE,
        "publish-permit-1",
    )
    assert await ledger.publications("spring-offer") == [row]
    assert await ledger.publishing.find("permit-9") is None


async def test_a_slug_remembers_its_versions_the_newest_first(ledger: PostgresLedger) -> None:
    await publish(ledger, entry("p1"))
    await publish(ledger, entry("p2", version=TWO, replaces=ONE))
    gone = entry("p3", action="unpublish", version=None, replaces=TWO)
    await publish(ledger, gone)
    await publish(ledger, entry("other", slug="about"))

    rows = await ledger.publications("spring-offer")
    assert [(row.action, row.version) for row in rows] == [
        ("unpublish", None),
        ("publish", TWO),
        ("publish", ONE),
    ]
    assert len(await ledger.publications("spring-offer", limit=2)) == 2
    head = await ledger.published("spring-offer")
    assert head is not None
    assert (head.version, head.permit_id) == (None, "p3")


@pytest.mark.rule(number=4)
async def test_a_publication_planned_against_another_version_is_refused_with_both_named(
    ledger: PostgresLedger,
) -> None:
    await publish(ledger, entry("p1"))
    await publish(ledger, entry("p2", version=TWO, replaces=ONE))

    with pytest.raises(ConflictError, match=f"(?s){ONE}.*{TWO}.*submit it again"):
        await begin(ledger, entry("p3", version=THREE, replaces=ONE))
    assert await ledger.publishing.find("p3") is None
    permits = await ledger.timeline("publish-p3")
    assert "effect:permit:consumed" not in {event.kind for event in permits}


@pytest.mark.rule(number=5)
async def test_eight_publications_of_a_slug_at_once_are_one_and_the_others_wait(
    database: Database, ledger: PostgresLedger
) -> None:
    wanted = [entry(f"p{n}", version=hashlib.sha256(b"%d" % n).hexdigest()) for n in range(8)]
    for each in wanted:
        await ledger.append([submitted(each.request, each.permit_id)])
        await ledger.append([permit_issued(each.permit_id, each.request, effect="publication")])
    async with open_pool(database.app_url, max_size=8, patience=60) as pool:
        crowd = PostgresLedger(pool)
        async with asyncio.timeout(60):
            results = await asyncio.gather(
                *(again(crowd, each) for each in wanted), return_exceptions=True
            )
        begun = [result for result in results if isinstance(result, Publication)]
        assert len(begun) == 1
        others = [result for result in results if not isinstance(result, Publication)]
        assert all(isinstance(other, UnavailableError) for other in others)
        assert all(begun[0].request in str(other) for other in others)
        # When the first is done, the others learn that they were planned against another version.
        for row in begun[0].targets:
            await mark(
                crowd, begun[0].permit_id, (row.target, "switching"), (row.target, "switched")
            )
        await crowd.publishing.end(begun[0].permit_id, DONE, [done(begun[0].permit_id)])
        for each in wanted:
            if each.permit_id != begun[0].permit_id:
                with pytest.raises(ConflictError, match=str(begun[0].version)):
                    await again(crowd, each)


async def test_it_is_only_done_when_every_target_is_switched(ledger: PostgresLedger) -> None:
    await begin(ledger, entry())
    await mark(ledger, "permit-1", ("site", "switching"), ("site", "switched"))
    with pytest.raises(ConflictError, match="not all its targets"):
        await ledger.publishing.end("permit-1", DONE, [done("permit-1")])
    with pytest.raises(ConflictError, match="not all its targets"):
        await ledger.publishing.end("permit-1", FAILED)
    assert len(await ledger.timeline("publish-permit-1")) == 3


async def test_what_is_given_up_goes_back_only_and_frees_the_slug(ledger: PostgresLedger) -> None:
    await begin(ledger, entry())
    await mark(ledger, "permit-1", ("site", "switching"), ("site", "switched"))
    await ledger.publishing.give_up("permit-1", "shop refuses")
    await ledger.publishing.give_up("permit-1", "another reason")

    for target, state in (("shop", "switching"), ("site", "switched"), ("shop", "undone")):
        with pytest.raises(UnavailableError, match="another worker has gone on"):
            await mark(ledger, "permit-1", (target, state))
    with pytest.raises(ConflictError, match="not all its targets"):
        await ledger.publishing.end("permit-1", FAILED)
    await mark(ledger, "permit-1", ("site", "stuck"), ("site", "stuck"))
    await ledger.publishing.end("permit-1", FAILED)
    await ledger.publishing.end("permit-1", FAILED)

    failed = await ledger.publishing.find("permit-1")
    assert failed is not None
    assert (failed.state, failed.reason) == (FAILED, "shop refuses")
    assert [(row.state, row.why) for row in failed.targets] == [
        (TargetState.STUCK, "a reason"),
        (TargetState.UNTOUCHED, None),
    ]
    assert await ledger.published("spring-offer") is None
    # Nobody knows what stands where it could not be put back.
    following = await begin(ledger, entry("p2", version=TWO))
    assert [(row.before, row.sure) for row in following.targets] == [(None, False), (None, True)]
    await ledger.publishing.give_up("permit-1", "too late")
    with pytest.raises(ConflictError):
        await ledger.publishing.end("permit-1", DONE, [done("permit-1")])


async def test_each_target_knows_what_the_last_change_has_left_there(
    ledger: PostgresLedger,
) -> None:
    await publish(ledger, entry("p1"))
    await publish(ledger, entry("p2", version=TWO, replaces=ONE, targets={"site": SITE}))
    moved = {"site": SITE, "shop": "https://s3.example.net/pages", "hook": "https://example.com"}
    third = await begin(ledger, entry("p3", version=THREE, replaces=TWO, targets=moved))

    assert [(row.target, row.before, row.sure) for row in third.targets] == [
        ("site", TWO, True),
        ("shop", ONE, False),
        ("hook", None, True),
    ]


async def test_a_target_that_is_away_is_away_since_it_first_was(
    database: Database, ledger: PostgresLedger
) -> None:
    await begin(ledger, entry())
    assert await ledger.publishing.away("permit-1", "shop", "no answer") < timedelta(minutes=1)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(
            "update effect.publication_target set away_since = away_since - '2h'::interval"
        )
    away = await ledger.publishing.away("permit-1", "shop", "still none")
    assert timedelta(hours=2) <= away < timedelta(hours=3)
    await mark(ledger, "permit-1", ("shop", "switching"))
    assert await ledger.publishing.away("permit-1", "shop", "once more") < timedelta(minutes=1)
    with pytest.raises(NotFoundError):
        await ledger.publishing.away("permit-9", "shop", "no answer")


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"permit_id": "permit-9"}, NotFoundError, "unknown"),
        ({"digest": OTHER_DIGEST}, ConflictError, f"{DIGEST}.*{OTHER_DIGEST}"),
        ({"request": "publish-2"}, NotFoundError, "not one of request"),
        ({"slug": "../../etc"}, InvalidInputError, "correct the value"),
        ({"slug": "spring-offer\n"}, InvalidInputError, "correct the value"),
        ({"version": None}, InvalidInputError, "correct the value"),
        ({"version": "latest"}, InvalidInputError, "correct the value"),
        ({"targets": {}}, InvalidInputError, "at least one target"),
        ({"title": "\x00"}, InvalidInputError, "NUL"),
    ],
)
async def test_a_publication_that_the_permit_does_not_cover_or_no_target_could_take_is_refused(
    ledger: PostgresLedger, wrong: dict[str, object], error: type[PlacetError], message: str
) -> None:
    good = entry()
    await ledger.append([submitted(good.request)])
    await ledger.append([permit_issued("permit-1", good.request, effect="publication")])

    with pytest.raises(error, match=message):
        await again(ledger, good.model_copy(update=wrong))
    assert await ledger.publishing.find("permit-1") is None
    assert (await again(ledger, good)).state is PublicationState.UNDER_WAY


@pytest.mark.rule(number=5)
async def test_another_change_under_a_used_permit_is_refused(ledger: PostgresLedger) -> None:
    await begin(ledger, entry())
    for change in ({"version": TWO}, {"slug": "about"}, {"replaces": TWO}):
        with pytest.raises(ConflictError, match="another approval"):
            await again(ledger, entry(**change))


@pytest.mark.rule(number=4)
async def test_a_permit_for_another_effect_does_not_publish(ledger: PostgresLedger) -> None:
    await ledger.append([submitted("publish-permit-1")])
    await ledger.append([permit_issued("permit-1", "publish-permit-1")])
    with pytest.raises(ConflictError, match="allows the effect payment, not publication"):
        await again(ledger, entry())


@pytest.mark.rule(number=5)
async def test_a_permit_consumed_for_something_else_does_not_publish_later(
    ledger: PostgresLedger,
) -> None:
    await ledger.append([submitted("publish-permit-1")])
    await ledger.append([permit_issued("permit-1", "publish-permit-1", effect="publication")])
    told = [permit_consumed("permit-1", "publish-permit-1")]
    await ledger.consume("permit-1", DIGEST, "publication", told)
    with pytest.raises(ConflictError, match="do not publish"):
        await again(ledger, entry())
