"""What each login can do to an erasure: no more than its part of what was approved."""

from typing import Any, NamedTuple

import psycopg
import pytest
from pydantic import JsonValue

from placet.digest import canonical
from placet.domain.erasure import ErasureEntry, ErasurePlan
from placet.domain.errors import ConflictError
from placet.domain.orders import EffectOrder
from tests.conftest import Database
from tests.ledger.raw import append_raw
from tests.ledger.stories import event
from tests.personal import test_erasing
from tests.personal.erasable import (
    ALICE,
    BOB,
    PERMIT,
    RECEIPT,
    REQUEST,
    SHARED,
    approved,
    sha256,
    tell,
)
from tests.personal.test_erasing import World

pytestmark = pytest.mark.rule(number=11)

world = test_erasing.world
PLAN_TYPE = "application/vnd.placet.erasure+json"


class Scene(NamedTuple):
    """Requests of Alice's and Bob's, and an erasure of Alice that is approved.

    Attributes:
        alices: The digest of a file of hers.
        bobs: That of a file of his.
    """

    world: World
    order: EffectOrder
    alices: str
    bobs: str
    app_url: str

    async def begin(
        self,
        *contents: str,
        subject: str = "alice",
        subjects: tuple[str, ...] = ("alice", "request:expense-1"),
        plan_type: str = PLAN_TYPE,
    ) -> None:
        """Begin the erasure, as the application does, by a plan of the caller's own."""
        ledger = self.world.ledger
        plan = ErasurePlan(subjects=subjects, contents=contents, stays=())
        entry = ErasureEntry(
            permit_id=PERMIT,
            request=REQUEST,
            digest=self.order.digest,
            subject=subject,
            plan=await ledger.put_content(canonical(plan), plan_type),
        )
        await ledger.erasures.begin(entry, [self.order.consumed])

    def connected(self, login: str) -> psycopg.Connection:
        """Connect as the application or as the eraser."""
        url = self.world.admin_url.replace("postgres@", "placet_app_eraser@")
        return psycopg.connect(self.app_url if login == "app" else url, autocommit=True)

    def left(self) -> tuple[int, int, int]:
        """Count ciphertexts, content and addresses that are not erased."""
        return (
            self.world.count("select count(*) from audit.pii where subject in ('alice', 'bob')"),
            self.world.count("select count(*) from content.blob"),
            self.world.count("select count(*) from effect.delivery where address ~ '@'"),
        )


@pytest.fixture
async def scene(world: World, database: Database) -> Scene:
    await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    await tell(world.ledger, "expense-2", BOB, SHARED)
    with psycopg.connect(world.admin_url) as connection:
        connection.execute(
            "insert into effect.permit"
            " (permit_id, request, digest, effect, issued_at, issued_event)"
            " values ('p', 'send-1', repeat('a', 64), 'mail', now(), 'x')"
        )
        connection.execute(
            "insert into effect.mailing (permit_id, request, digest, recipients, total, holder,"
            " ended_at, ending)"
            " values ('p', 'send-1', repeat('a', 64), repeat('b', 64), 2, 'h', now(), 'done')"
        )
        connection.execute(
            "insert into effect.delivery (permit_id, place, address, message_id, status)"
            " values ('p', 1, 'alice@example.com', 'm1', 'sent'),"
            " ('p', 2, 'bob@example.com', 'm2', 'sent')"
        )
    order = await approved(world.ledger)
    return Scene(world, order, sha256(RECEIPT), sha256(SHARED), database.app_url)


DENIED = "permission denied"
BOTH = (
    f"select effect.erase_contents('{PERMIT}', array[decode('{sha256(RECEIPT)}', 'hex'),"
    f" decode('{sha256(SHARED)}', 'hex')])"
)


@pytest.mark.parametrize(
    ("login", "attempt", "told"),
    [
        # Content of somebody else, alone or among that of the plan.
        (
            "eraser",
            f"select effect.erase_contents('{PERMIT}', array[decode('{sha256(SHARED)}', 'hex')])",
            "is not in the plan of permit .* Erase what the plan",
        ),
        (
            "eraser",
            BOTH,
            "is not in the plan of permit",
        ),
        # Another permit.
        ("eraser", "select effect.erase_contents('p', '{}')", "has no erasure under way"),
        ("eraser", "select effect.erase_personal('p', 10)", "has no erasure under way"),
        ("eraser", "select effect.erase_steps('p')", "has no erasure under way"),
        ("eraser", "select effect.erase_addresses('p')", "has no erasure under way"),
        ("eraser", "select effect.finish_erasing('p')", "has no erasure under way"),
        # Addresses of its own choice.
        (
            "eraser",
            f"select effect.erase_addresses('{PERMIT}', array['bob@example.com'])",
            "does not exist",
        ),
        (
            "eraser",
            f"select effect.plan_addresses('{PERMIT}', array['bob@example.com'])",
            DENIED,
        ),
        # It says that it is done, and is not.
        ("eraser", f"select effect.finish_erasing('{PERMIT}')", "are not erased yet: erase them"),
        # The part of the others.
        ("eraser", f"select effect.begin_erasure('p', 'send-1', 'bob', '{'0' * 64}')", DENIED),
        ("eraser", f"select effect.end_erasure('{PERMIT}')", DENIED),
        (
            "eraser",
            "select effect.take_plan(x) from effect.erasure x",
            DENIED,
        ),
        ("eraser", "insert into effect.planned values ('p', 'content', 'x')", DENIED),
        ("eraser", "update effect.erasure set subject = 'bob'", DENIED),
        ("eraser", "delete from content.blob", DENIED),
        ("eraser", "delete from audit.pii", DENIED),
        ("eraser", "update effect.delivery set address = ''", DENIED),
        # It ends what nobody has erased.
        (
            "app",
            f"select effect.end_erasure('{PERMIT}')",
            "is under way: let the eraser's login finish it first",
        ),
        ("app", f"select effect.finish_erasing('{PERMIT}')", DENIED),
        ("eraser", f"select effect.confirm_erasing('{PERMIT}')", DENIED),
        ("app", "select effect.confirm_erasing('p')", "has no erasure under way"),
        ("eraser", f"select effect.plan_contents('{PERMIT}', '{{}}')", DENIED),
        ("app", "select effect.plan_contents('p', '{}')", "has no erasure under way"),
        (
            "app",
            f"select effect.plan_contents('{PERMIT}', array['{sha256(SHARED)}'])",
            "No request of alice names the content",
        ),
        ("app", f"select effect.plan_contents('{PERMIT}', '{{x}}')", "names the content x"),
        ("app", f"select effect.erase_personal('{PERMIT}', 10)", DENIED),
        ("app", f"select effect.erase_steps('{PERMIT}')", DENIED),
        ("app", f"select effect.erase_contents('{PERMIT}', '{{}}')", DENIED),
        ("app", f"select effect.erase_addresses('{PERMIT}')", DENIED),
        ("app", "select effect.plan_addresses('p', '{}')", "has no erasure under way"),
        (
            "app",
            f"select effect.plan_addresses('{PERMIT}', array_fill('a'::text, array[1001]))",
            "Nobody has 1001 addresses",
        ),
        ("app", "insert into effect.planned values ('p', 'content', 'x')", DENIED),
        ("app", "delete from effect.planned", DENIED),
        ("app", "update effect.erasure set state = 'erased'", DENIED),
        ("app", "delete from content.blob", DENIED),
        ("app", "delete from audit.pii", DENIED),
    ],
)
async def test_neither_login_takes_away_what_is_not_its_part(
    scene: Scene, login: str, attempt: Any, told: str
) -> None:
    await scene.begin(scene.alices)
    before = scene.left()
    with scene.connected(login) as connection, pytest.raises(psycopg.Error, match=told):
        connection.execute(attempt)
    assert scene.left() == before
    assert scene.world.count("select count(*) from effect.erasure where state = 'running'") == 1


async def test_addresses_that_nobody_has_planned_stay(scene: Scene) -> None:
    await scene.begin(scene.alices)
    with scene.connected("eraser") as eraser:
        row = eraser.execute("select effect.erase_addresses(%s)", [PERMIT]).fetchone()
        assert row == (0,)
        with scene.connected("app") as app:
            app.execute("select effect.plan_addresses(%s, '{Alice@Example.com}')", [PERMIT])
        row = eraser.execute("select effect.erase_addresses(%s)", [PERMIT]).fetchone()
        assert row == (1,)
    rows = await scene.world.ledger.deliveries.rows("p")
    assert [each.address for each in rows] == ["[erased] 1", "bob@example.com"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"subject": "bob", "subjects": ("bob",)}, "was approved to erase alice, not bob: ask"),
        ({"subjects": ("alice", "bob")}, "names bob, who is not alice: plan the erasure again"),
        ({"subjects": ("request:expense-2",)}, "names request:expense-2, who is not alice"),
        ({"plan_type": "application/json"}, "is not stored: store it before"),
        ({"contents": sha256(SHARED)}, "which no request of alice does: plan the erasure again"),
        ({"contents": "0" * 64}, "which no request of alice does"),
    ],
)
async def test_no_erasure_begins_by_another_plan_than_that_of_whom_people_approved(
    scene: Scene, wrong: dict[str, Any], told: str
) -> None:
    contents = [wrong.pop("contents")] if "contents" in wrong else []
    before = scene.left()
    with pytest.raises(ConflictError, match=told):
        await scene.begin(scene.alices, *contents, **wrong)
    assert await scene.world.ledger.erasures.rows() == []
    after = scene.left()
    assert (after[0], after[2]) == (before[0], before[2])
    await scene.world.erase(scene.order)


async def test_a_file_whose_digest_somebody_typed_is_not_theirs_for_that(scene: Scene) -> None:
    typed = event(request="expense-1", step="typed", actor=ALICE, reason=f"see {scene.bobs}")
    await scene.world.ledger.append([typed])
    assert scene.bobs not in (await scene.world.ledger.concern("alice")).contents
    await scene.world.erase(scene.order)
    assert await scene.world.ledger.get_content(scene.bobs) == SHARED


def end_and_tell(app: psycopg.Connection, digests: list[JsonValue]) -> None:
    """End the erasure as the application does, and tell that these are gone."""
    data: dict[str, JsonValue] = {"subject": "alice", "permit": PERMIT, "digests": digests}
    with app.transaction():
        app.execute("select effect.end_erasure(%s)", [PERMIT])
        append_raw(app, [event("system:subject:erased", request=REQUEST, data=data)])


async def test_what_is_finished_takes_nothing_more_and_ends_only_with_its_event(
    scene: Scene,
) -> None:
    await scene.begin(scene.alices)
    with scene.connected("eraser") as eraser, scene.connected("app") as app:
        app.execute("select effect.plan_addresses(%s, '{alice@example.com}')", [PERMIT])
        eraser.execute("select effect.erase_personal(%s, 1000)", [PERMIT])
        # Not before who records says that the keys are gone.
        with pytest.raises(psycopg.Error, match="let the worker confirm first that keys and files"):
            eraser.execute("select effect.finish_erasing(%s)", [PERMIT])
        app.execute("select effect.confirm_erasing(%s)", [PERMIT])
        eraser.execute("select effect.finish_erasing(%s)", [PERMIT])
        with pytest.raises(psycopg.Error, match="has no erasure under way"):
            eraser.execute(
                "select effect.erase_contents(%s, array[decode(%s, 'hex')])", [PERMIT, scene.alices]
            )
        with pytest.raises(psycopg.Error, match="without an event that says what is gone"):
            app.execute("select effect.end_erasure(%s)", [PERMIT])
        erased = await scene.world.ledger.erasures.erased(PERMIT)
        digests: list[JsonValue] = [*erased.ciphertexts]
        assert digests
        # An event that leaves out anything is none that says what is gone.
        incomplete: list[list[JsonValue]] = [[], digests[1:], ["0" * 64]]
        for some in incomplete:
            with pytest.raises(psycopg.Error, match="without an event that says that"):
                end_and_tell(app, some)
        end_and_tell(app, digests)
        row = app.execute("select state from effect.erasure").fetchone()
        assert row == ("done",)
    # Whose addresses they were is not kept.
    assert scene.world.count("select count(*) from effect.planned where what = 'address'") == 0
    assert scene.world.count("select count(*) from effect.planned where what = 'content'") == 1
