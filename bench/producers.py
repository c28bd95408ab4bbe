"""Producers of `python -m bench.ledger`: append steps as a worker does, as fast as may be.

One process of them: it makes its events, says that it is ready, waits for a line, appends, and
prints what each append took.
"""

import asyncio
import gc
import hashlib
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from placet.db import open_pool
from placet.domain.ledger import LedgerEvent, LedgerStep
from placet.ledger import PostgresLedger
from placet.ledger.encoding import Encoder
from placet.personal.vault import open_vault
from placet.signing import open_signer

PEOPLE = 200
"""So many people ask and review."""

_BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
_STORY: tuple[tuple[str, ...], ...] = (
    ("requester:request:submitted", "system:request:planned", "system:stage:opened"),
    ("timer:stage:reminded",),
    (
        "reviewer:review:approved",
        "system:stage:passed",
        "system:request:decided",
        "system:permit:issued",
    ),
    ("effect:run:done",),
)
"""What each step of a case records. In recorded histories a step has 2.3 events in the mean."""


def story(request: str, number: int) -> list[LedgerStep]:
    """Return the steps of one case, with bodies as the gate writes them and the outcomes.

    Args:
        request: Its id.
        number: Any number, which says who asks and who reviews.
    """
    return [_step(request, number, place) for place in range(1, len(_STORY) + 1)]


def _step(request: str, number: int, place: int) -> LedgerStep:
    events = tuple(_event(request, number, place, kind) for kind in _STORY[place - 1])
    state = {"case": [event.body for event in events], "cursor": {"chain": "run-1", "at": place}}
    return LedgerStep(
        stream=request, chain="run-1", number=place, outcome=json.dumps(state), events=events
    )


def _event(request: str, number: int, place: int, kind: str) -> LedgerEvent:
    occurred = _BEGIN + timedelta(minutes=place)
    asking, reviewing = (_person(number + shift) for shift in (0, 1))
    actor = reviewing if kind.startswith("reviewer:") else asking
    digest = hashlib.sha256(request.encode()).hexdigest()
    body: dict[str, JsonValue] = {
        "schema": "placet.event/1",
        "kind": kind,
        "request": request,
        "pipeline": "expense",
        "revision": 1,
        "digest": digest,
        "occurred": occurred.isoformat().replace("+00:00", "Z"),
        "service": {"workflow_id": request, "run_id": "run-1", "task_queue": "placet"},
        "requester": asking["id"],
    }
    if kind.startswith(("requester:", "reviewer:")):
        body["actor"] = {**actor, "assurance": "verified", "channel": "web"}
        body["reason"] = "The receipt names two guests; both are in the list now."
        body["decision_id"] = f"decision-{request}"
    if kind == "system:stage:opened":
        body["waiting_for"] = [
            {**_person(number + shift, "person"), "group": "managers", "on_behalf_of": None}
            for shift in (1, 2)
        ]
    if kind == "system:permit:issued":
        body["data"] = {
            "permit": f"permit-{request}",
            "effect": "payment",
            "digest": digest,
            "expires": None,
        }
    else:
        body["state"] = {
            "title": f"Team dinner of {request}",
            "requester": asking,
            "status": "pending" if place < len(_STORY) - 1 else "approved",
            "stage": "manager",
            "due": "2026-03-04T08:00:00Z",
            "outcome": None,
            "amount": "120.00 EUR",
            "route": "manager",
            "effect": None,
        }
    return LedgerEvent(
        event_id=hashlib.sha256(f"{request} {kind}".encode()).hexdigest(),
        stream=request,
        kind=kind,
        occurred=occurred,
        body=body,
    )


def _person(number: int, key: str = "id") -> dict[str, JsonValue]:
    name = f"person-{number % PEOPLE}"
    return {key: name, "name": f"{name.title()} of the Long Family Name"}


async def produce(url: str, keys: Path, name: str, producers: int, cases: int) -> list[float]:
    """Append the steps of ``cases`` cases by each of the producers.

    Returns:
        When the first began and the last ended, in seconds of a clock that processes share, how
        many events there were, and the seconds of each append.
    """
    work = [
        [
            step
            for case in range(cases)
            for step in story(f"{name}-{producer}-{case}", producer * cases + case)
        ]
        for producer in range(producers)
    ]
    events = sum(len(step.events) for steps in work for step in steps)
    encoder = Encoder(
        open_signer(keys / "writer.pem", "bench.example/ledger/writer"), open_vault(keys)
    )
    seconds: list[float] = []

    async def one(ledger: PostgresLedger, steps: list[LedgerStep]) -> None:
        for each in steps:
            began = time.perf_counter()
            await ledger.append_step(each)
            seconds.append(time.perf_counter() - began)

    async with open_pool(url, min_size=4) as pool:
        ledger = PostgresLedger(pool, encoder)
        for number in range(PEOPLE):
            for step in story(f"{name}-warm-{number}", number):
                await ledger.append_step(step)
        gc.collect()
        gc.freeze()
        print("ready", flush=True)  # noqa: T201 - to whoever started it
        await asyncio.to_thread(sys.stdin.readline)
        began = time.perf_counter()
        await asyncio.gather(*(one(ledger, steps) for steps in work))
        return [began, time.perf_counter(), events, *seconds]


if __name__ == "__main__":
    url, keys, name, producers, cases = sys.argv[1:]
    answer = json.dumps(asyncio.run(produce(url, Path(keys), name, int(producers), int(cases))))
    print(answer)  # noqa: T201
