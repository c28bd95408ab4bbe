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
from placet.signing import open_signer

STORY = 8
"""So many steps has each request."""


def step(request: str, number: int) -> LedgerStep:
    """Return one step of one event, with a body of about 800 bytes and the state of its case."""
    occurred = datetime(2026, 3, 2, 8, tzinfo=UTC) + timedelta(minutes=number)
    kind = "requester:request:submitted" if number == 1 else "person:case:commented"
    body: dict[str, JsonValue] = {
        "schema": "placet.event/1",
        "kind": kind,
        "request": request,
        "pipeline": "expense",
        "revision": 1,
        "digest": hashlib.sha256(request.encode()).hexdigest(),
        "occurred": occurred.isoformat().replace("+00:00", "Z"),
        "data": {"text": "The receipt names two guests; both are in the list now."},
        "actor": {"id": "alice", "name": "Alice Ash", "assurance": "verified", "channel": "web"},
        "service": {"workflow_id": request, "run_id": "run-1", "task_queue": "placet"},
        "state": {
            "title": f"Team dinner of {request}",
            "requester": {"id": "alice", "name": "Alice Ash"},
            "status": "pending",
            "stage": "manager",
            "due": "2026-03-04T08:00:00Z",
            "outcome": None,
            "amount": "120.00 EUR",
            "route": "manager",
            "effect": None,
        },
    }
    event = LedgerEvent(
        event_id=hashlib.sha256(f"{request} {number}".encode()).hexdigest(),
        stream=request,
        kind=kind,
        occurred=occurred,
        body=body,
    )
    outcome = json.dumps({"case": body, "cursor": {"chain": "run-1", "number": number}})
    return LedgerStep(
        stream=request, chain="run-1", number=number, outcome=outcome, events=(event,)
    )


async def produce(url: str, keys: Path, name: str, producers: int, steps: int) -> list[float]:
    """Append ``steps`` steps by each of the producers.

    Returns:
        When the first began and the last ended, in seconds of a clock that processes share, and
        the seconds of each append.
    """
    stories = [
        [step(f"{name}-{producer}-{place // STORY}", place % STORY + 1) for place in range(steps)]
        for producer in range(producers)
    ]
    signer = open_signer(keys / "writer.pem", "bench.example/ledger/writer")
    seconds: list[float] = []

    async def one(ledger: PostgresLedger, story: list[LedgerStep]) -> None:
        for each in story:
            began = time.perf_counter()
            await ledger.append_step(each)
            seconds.append(time.perf_counter() - began)

    async with open_pool(url, min_size=4) as pool:
        ledger = PostgresLedger(pool, Encoder(signer))
        for number in range(8):
            await ledger.append_step(step(f"{name}-warm-{number}", 1))
        gc.collect()
        gc.freeze()
        print("ready", flush=True)  # noqa: T201 - to whoever started it
        await asyncio.to_thread(sys.stdin.readline)
        began = time.perf_counter()
        await asyncio.gather(*(one(ledger, story) for story in stories))
        return [began, time.perf_counter(), *seconds]


if __name__ == "__main__":
    url, keys, name, producers, steps = sys.argv[1:]
    answer = json.dumps(asyncio.run(produce(url, Path(keys), name, int(producers), int(steps))))
    print(answer)  # noqa: T201
