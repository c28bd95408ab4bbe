"""Measure approvals against a bare workflow: `make bench`, or `python -m bench [COUNT]`.

Both run on the same Temporal server with the same number of requests under way, in turn, several
times; what counts is the ratio within a round, not the figure of a day.
"""

import asyncio
import hashlib
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from bench.bare import QUEUE
from bench.load import Result, Subject, approvals, waiting
from bench.processes import worker
from placet.connections import app_url
from placet.db import migrate, open_pool
from placet.ledger.postgres import PostgresLedger
from placet.local.stack import LocalStack
from placet.settings import TASK_QUEUE

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
AT_ONCE = 16
COUNT = 100
WAITING = 200


RECEIPT = ROOT / "examples" / "receipts" / "dinner.pdf"


def expense(number: int) -> dict[str, Any]:
    """Return an expense that its requester's manager decides."""
    content = RECEIPT.read_bytes()
    return {
        "title": f"Benchmark {number}",
        "requester": "alice@example.com",
        "cost_centre": "CC-1",
        "purpose": "To measure.",
        "lines": [
            {
                "date": datetime.now(UTC).date().isoformat(),
                "description": "Lunch",
                "category": "meals",
                "amount": f"{100 + number}.00 EUR",
                "receipt": {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "name": RECEIPT.name,
                    "media_type": "application/pdf",
                    "size": len(content),
                },
            }
        ],
        "payee": {"name": "Alice Adams", "iban": "DE89370400440532013000"},
    }


async def measure(console: Console, count: int) -> None:
    """Run everything and print the table."""
    home = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    async with LocalStack(home, throwaway=True) as address:
        await asyncio.to_thread(migrate, address.database_url)
        environment = {
            "PLACET_HOME": str(home),
            "PLACET_POLICIES": str(ROOT / "policies"),
            "PLACET_DATABASE_URL": app_url(address.database_url),
            "TEMPORAL_ADDRESS": address.temporal_address,
            "PYTHONPATH": str(ROOT),
        }
        async with open_pool(app_url(address.database_url)) as pool:
            await PostgresLedger(pool).put_content(RECEIPT.read_bytes(), "application/pdf")
        client = await Client.connect(address.temporal_address)
        async with (
            worker(["-m", "bench.bare"], environment, home / "bare.log") as bare_pid,
            worker([str(ROOT / "worker.py")], environment, home / "worker.log") as placet_pid,
        ):
            bare = Subject("bare", QUEUE, lambda number: f"request {number}", (), bare_pid)
            decision = {"actor": "bob@example.com", "reason": "ok"}
            placet = Subject("expense", TASK_QUEUE, expense, (decision,), placet_pid)
            await approvals(client, bare, AT_ONCE, AT_ONCE)
            await approvals(client, placet, AT_ONCE, AT_ONCE)
            rounds: list[tuple[Result, Result]] = []
            for number in range(1, ROUNDS + 1):
                console.print(f"round {number} of {ROUNDS} …", style="dim")
                rounds.append(
                    (
                        await approvals(client, bare, count, AT_ONCE),
                        await approvals(client, placet, count, AT_ONCE),
                    )
                )
            memory = await waiting(client, bare, WAITING), await waiting(client, placet, WAITING)
    console.print(_table(rounds, memory))


def _table(rounds: list[tuple[Result, Result]], memory: tuple[float, float]) -> Table:
    table = Table(title=f"{ROUNDS} rounds of {rounds[0][0].count} approvals, {AT_ONCE} at once")
    for heading in ("", "bare", "placet", "ratio"):
        table.add_column(heading, justify="left" if not heading else "right")

    def row(name: str, bare: list[float], placet: list[float], form: str) -> None:
        ratio = statistics.median(p / b for b, p in zip(bare, placet, strict=True))
        table.add_row(
            name,
            format(statistics.median(bare), form),
            format(statistics.median(placet), form),
            f"{ratio:.2f}",
        )

    bare, placet = [b for b, _ in rounds], [p for _, p in rounds]
    row("approvals per second", [r.rate for r in bare], [r.rate for r in placet], ".1f")
    row("worker CPU, ms each", [r.cpu_ms for r in bare], [r.cpu_ms for r in placet], ".1f")
    row("history events", [float(r.events) for r in bare], [float(r.events) for r in placet], ".0f")
    row("memory per waiting, KiB", [memory[0] / 1024], [memory[1] / 1024], ".0f")
    return table


if __name__ == "__main__":
    asyncio.run(measure(Console(), int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
