"""Measure a mail to ten thousand: `python -m bench.sending [RECIPIENTS]`.

The whole service sends it, to a real SMTP server of another process that keeps nothing. One
address in twenty is on the list twice. What counts is how large the history and the worker become,
and whether everybody got one mail; messages a second depend on the machine, and most of that time
is Python speaking SMTP on both sides.
"""

import asyncio
import hashlib
import multiprocessing
import socket
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from bench.processes import usage, worker
from placet.connections import app_url
from placet.db import migrate, open_pool
from placet.ledger.postgres import PostgresLedger
from placet.local.stack import LocalStack
from placet.settings import TASK_QUEUE

ROOT = Path(__file__).resolve().parent.parent
RECIPIENTS = 10_000
TWICE = 20
PATIENCE = 1_800.0

_processes = multiprocessing.get_context("spawn")


class _Counting:
    """Takes every mail, and counts it by Message-ID and recipient."""

    def __init__(self) -> None:
        self.taken: Counter[tuple[str, str]] = Counter()

    async def handle_DATA(self, *told: Any) -> str:  # noqa: N802 - aiosmtpd's
        """Count a mail."""
        envelope: Envelope = told[-1]
        head = (envelope.original_content or b"").partition(b"\r\n")[0].decode()
        for recipient in envelope.rcpt_tos:
            self.taken[head, recipient] += 1
        return "250 taken"


def serve(listening: socket.socket, stop: Event, answer: Any) -> None:
    """Be a mail server until told to stop, then tell how often it took which mail."""

    async def run() -> None:
        counting = _Counting()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(counting), sock=listening)
        await loop.run_in_executor(None, stop.wait)
        server.close()
        answer.send((len(counting.taken), sum(counting.taken.values())))

    asyncio.run(run())


def people(count: int) -> bytes:
    """Return a list of so many, one in twenty written twice."""
    lines = [f"Person {n} <person{n}@mail{n % 200}.example.net>" for n in range(count)]
    lines += [f"PERSON{n}@mail{n % 200}.example.net" for n in range(0, count, TWICE)]
    return "\n".join(lines).encode()


def a_mail(content: bytes) -> dict[str, Any]:
    """Return a mail for each on the list."""
    told = {
        "name": "people.txt",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }
    return {
        "requester": "alice@example.com",
        "sender": "News <news@example.com>",
        "lists": [told],
        "subject": "Benchmark",
        "text": "Good morning!\n\n" + "This is what the mail says. " * 50,
        "html": "<p>Good morning!</p>" + "<p>This is what the mail says.</p>" * 50,
    }


async def measure(console: Console, count: int) -> None:
    """Send one mail and print what it took."""
    listening = socket.create_server(("127.0.0.1", 0))
    stop = _processes.Event()
    answer, tell = _processes.Pipe(duplex=False)
    server = _processes.Process(target=serve, args=(listening, stop, tell), daemon=True)
    server.start()
    home = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    content = people(count)
    async with LocalStack(home, throwaway=True) as address:
        await asyncio.to_thread(migrate, address.database_url)
        environment = {
            "PLACET_HOME": str(home),
            "PLACET_POLICIES": str(ROOT / "policies"),
            "PLACET_DATABASE_URL": app_url(address.database_url),
            "PLACET_SMTP_URL": f"smtp+plain://127.0.0.1:{listening.getsockname()[1]}",
            "TEMPORAL_ADDRESS": address.temporal_address,
            "PYTHONPATH": str(ROOT),
        }
        client = await Client.connect(address.temporal_address)
        async with (
            open_pool(app_url(address.database_url)) as pool,
            worker([str(ROOT / "worker.py")], environment, home / "worker.log") as pid,
        ):
            ledger = PostgresLedger(pool)
            await ledger.put_content(content, "text/plain")
            begin = time.perf_counter()
            handle: Any = await client.start_workflow(
                "send", a_mail(content), id="bench-send", task_queue=TASK_QUEUE
            )
            for person in ("bob", "carol", "grace"):
                decision = {"actor": f"{person}@example.com", "decision_id": person}
                await handle.signal("approve", decision)
            planned = None
            while not await ledger.deliveries.mailings(request=handle.id):
                planned = time.perf_counter()
                await asyncio.sleep(0.05)
            sending = time.perf_counter()
            result = await asyncio.wait_for(handle.result(), PATIENCE)
            seconds = time.perf_counter() - sending
            history = await handle.fetch_history()
            spent = usage(pid).cpu
            peak = _peak(pid)
    stop.set()
    mails, taken = answer.recv()
    server.join()
    table = Table("a mail to", f"{count:,}")
    for name, value in {
        "what became of it": result["summary"],
        "different mails, and taken in all": f"{mails:,}, {taken:,}",
        "seconds until it began": f"{(planned or sending) - begin:.1f}",
        "seconds to send it": f"{seconds:.1f}",
        "messages a second": f"{count / seconds:.0f}",
        "events in the history": f"{len(history.events)}",
        "worker's memory at its peak, MB": f"{peak / 1e6:.0f}",
        "worker's CPU, ms a message": f"{1000 * spent / count:.2f}",
    }.items():
        table.add_row(name, value)
    console.print(table)


def _peak(pid: int) -> int:
    """Return the most bytes that a process has had in memory (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    asyncio.run(measure(Console(), int(sys.argv[1]) if len(sys.argv) > 1 else RECIPIENTS))
