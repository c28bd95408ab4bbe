"""Somebody about whom much is recorded, and an erasure of theirs that people have approved."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from pydantic import JsonValue

from activities.erasing import ErasureActivities
from placet.db import open_pool
from placet.digest import canonical
from placet.directory import YamlDirectory
from placet.domain.erasure import EraseRequest
from placet.domain.ledger import LedgerEvent, LedgerStep
from placet.domain.orders import EffectOrder
from placet.domain.plan import PersonRef, Plan, PolicyRef
from placet.ledger import PostgresLedger
from placet.ledger.erasing import PostgresEraser
from placet.personal.keys import FileKeys
from tests.ledger.stories import event, state, submitted
from tests.policy.example import SHIPPED

REQUEST = "erase-1"
PERMIT = "ef" * 32
APPROVED = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
RECEIPT = b"%PDF-1.7 a receipt of Alice's"
SHARED = b"%PDF-1.7 a receipt that two people handed in"

ALICE: dict[str, JsonValue] = {"id": "alice", "name": "Alice Novak", "address": "alice@example.com"}
BOB: dict[str, JsonValue] = {"id": "bob", "name": "Bob Okafor", "address": "bob@example.com"}


async def revision(ledger: PostgresLedger, request: str, *files: bytes) -> str:
    """Store a revision with its files and return its digest."""
    digests = [await ledger.put_content(each, "application/pdf") for each in files]
    told = {"request": request, "files": [{"sha256": each} for each in digests]}
    return await ledger.put_content(canonical(told), "application/json")


async def tell(
    ledger: PostgresLedger,
    request: str,
    who: dict[str, JsonValue],
    *files: bytes,
    open_: bool = False,
) -> str:
    """Record a request of somebody's, with a review by Bob or Alice; return its digest."""
    digest = await revision(ledger, request, *files)
    requester: dict[str, JsonValue] = {"id": who["id"], "name": who["name"]}
    reviewer = BOB if who is ALICE else ALICE
    await ledger.append([submitted(request)])
    step = LedgerStep(
        stream=request,
        chain=f"run of {request}",
        number=1,
        outcome=f'{{"said by": "{who["name"]}"}}',
        events=(
            event(
                "reviewer:review:approved",
                request=request,
                step="approved",
                actor=reviewer,
                reason=f"fine, {who['name']}",
                requester=who["id"],
                state=state(
                    "pending" if open_ else "approved",
                    title=f"Dinner of {who['name']}",
                    requester=requester,
                ),
                data={"verdict": "approve", "group": "manager"},
            ).model_copy(update={}),
        ),
    )
    told = step.events[0]
    body = {**told.body, "digest": digest}
    await ledger.append_step(
        step.model_copy(update={"events": (told.model_copy(update={"body": body}),)})
    )
    return digest


async def stranger(ledger: PostgresLedger, request: str) -> None:
    """Record what somebody nobody knows said in a request."""
    who: dict[str, JsonValue] = {"id": None, "name": None, "address": "mallory@example.net"}
    await ledger.append(
        [
            event(
                "caller:message:refused",
                request=request,
                step="stranger",
                actor=who,
                reason="nobody goes by mallory@example.net",
                data={"refusal": "unknown_person", "action": "approve", "said": "let me in"},
            )
        ]
    )


async def approved(ledger: PostgresLedger, subject: str = "alice") -> EffectOrder:
    """Record an erasure as approved and return the order to carry it out."""
    request = EraseRequest(requester="heidi@example.com", subject=subject, reason="They asked")
    digest = await ledger.put_content(canonical(request), "application/json")
    issued = event(
        "system:permit:issued",
        request=REQUEST,
        step="issued",
        data={"permit": PERMIT, "effect": "erase", "digest": digest, "expires": None},
    )
    heidi: dict[str, JsonValue] = {"id": "heidi", "name": "Heidi Tanaka"}
    pending = state("approved", effect="pending", requester=heidi, title=f"Erase {subject}")
    await ledger.append(
        [submitted(REQUEST), event(request=REQUEST, step="pending", state=pending), issued]
    )
    plan = Plan(
        policy=PolicyRef(id="erase", version=1, digest="b" * 64),
        route="everybody",
        why="true",
        requester=PersonRef(id="heidi", name="Heidi Tanaka", address="heidi@example.com"),
        title=f"Erase {subject}",
    )
    return EffectOrder(
        request_id=REQUEST,
        revision=1,
        permit=PERMIT,
        effect="erase",
        digest=digest,
        plan=plan,
        approved=APPROVED,
        consumed=_told("effect:permit:consumed", "pending"),
        done=_told("effect:run:done", "done"),
        stopped=_told("effect:run:stopped", "stopped"),
    )


def _told(kind: str, effect: str) -> LedgerEvent:
    data: dict[str, JsonValue] = {"permit": PERMIT, "effect": effect}
    return event(kind, request=REQUEST, step=kind, requester="heidi", data=data)


def erasing(ledger: Any, keys: Any, eraser: Any) -> ErasureActivities:
    """Return the activities that erase with these."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield eraser

    return ErasureActivities(ledger, keys, YamlDirectory(SHIPPED / "directory.yaml"), opened)


@asynccontextmanager
async def eraser_at(url: str) -> AsyncIterator[PostgresEraser]:
    """Open the eraser's login."""
    async with open_pool(url) as pool:
        yield PostgresEraser(pool)


def keys_at(directory: Path) -> FileKeys:
    """Return the keys in a directory."""
    return FileKeys(directory)


def sha256(content: bytes) -> str:
    """Return the digest of content."""
    return hashlib.sha256(content).hexdigest()


def mailed(admin_url: str, *addresses: str) -> None:
    """Record, under the permit ``p``, mails that have gone out."""
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "insert into effect.permit"
            " (permit_id, request, digest, effect, issued_at, issued_event)"
            " values ('p', 'send-1', repeat('a', 64), 'mail', now(), 'x')"
        )
        connection.execute(
            "insert into effect.mailing (permit_id, request, digest, recipients, total, holder,"
            " ended_at, ending)"
            " values ('p', 'send-1', repeat('a', 64), repeat('b', 64), %s, 'h', now(), 'done')",
            [len(addresses)],
        )
        for place, address in enumerate(addresses, 1):
            connection.execute(
                "insert into effect.delivery (permit_id, place, address, message_id, status)"
                " values ('p', %s, %s, %s, 'sent')",
                [place, address, f"m{place}"],
            )
