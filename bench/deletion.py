"""Measure a deletion of a million rows: `python -m bench.deletion [ROWS]`.

The whole service deletes them, first marking rows and taking the marks away again, then for good.
The database itself logs how long each statement of the role that deletes has taken; none of those
that touch rows may take longer than a second. Rows a second depend on the machine.
"""

import asyncio
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from bench.processes import usage, worker
from placet.connections import app_url
from placet.db import migrate, open_pool
from placet.ledger.postgres import PostgresLedger
from placet.local.stack import LocalStack
from placet.sample.preparing import prepare
from placet.settings import TASK_QUEUE

ROOT = Path(__file__).resolve().parent.parent
ROWS = 1_000_000
OTHERS = 5
"""One row in so many stays."""
PATIENCE = 600.0

DATASETS = """\
sources:
  sample: {read_env: PLACET_SAMPLE_READ_URL, delete_env: PLACET_SAMPLE_DELETE_URL}
datasets:
  marked:
    about: Rows that are marked
    source: sample
    table: shop.thing
    key: [id]
    owner: [{role: data-owner}]
    columns: {id: {}, kind: {}, note: {}}
    delete: {soft: deleted_at, undo: 7d, purge: true}
  gone:
    about: Rows that are gone
    source: sample
    table: shop.other
    key: [id]
    owner: [{role: data-owner}]
    columns: {id: {}, kind: {}, note: {}}
    delete: {hard: true}
"""

_TOOK = re.compile(r"duration: ([0-9.]+) ms\s+(?:execute <unnamed>|statement): (\w+)")


FILL = """
create table shop.thing (
    id bigint primary key, kind text not null, note text, deleted_at timestamptz
);
insert into shop.thing
select n, case when n % {others} > 0 then 'old' else 'new' end, md5(n::text)
  from generate_series(1, {count} * {others} / ({others} - 1)) n;
create index on shop.thing (kind);
create table shop.other (like shop.thing including all);
insert into shop.other select * from shop.thing;
alter table shop.other drop column deleted_at;
grant select on shop.thing, shop.other to sample_reader;
grant select, delete on shop.thing, shop.other to sample_deleter;
grant update (deleted_at) on shop.thing to sample_deleter;
alter role sample_deleter set log_min_duration_statement = 0;
alter role sample_deleter set log_parameter_max_length = 0;
"""


def fill(admin_url: str, count: int) -> None:
    """Make the tables, and have the database log what the role that deletes does."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(FILL.format(count=count, others=OTHERS).encode())
        connection.execute("vacuum analyze shop.thing, shop.other")


def longest(log: Path, start: int) -> dict[str, tuple[float, int]]:
    """Return, by kind of statement, the seconds of the longest and how many there were."""
    found: dict[str, tuple[float, int]] = {}
    text = log.read_text(encoding="utf-8", errors="replace")[start:]
    for took, kind in _TOOK.findall(text):
        most, number = found.get(kind.lower(), (0.0, 0))
        found[kind.lower()] = (max(most, float(took) / 1000), number + 1)
    return found


async def delete(client: Client, ledger: PostgresLedger, dataset: str) -> tuple[Any, float]:
    """Have rows deleted; return the case, and the seconds it took from when it began."""
    request = {
        "requester": "alice@example.com",
        "dataset": dataset,
        "filters": [{"column": "kind", "op": "eq", "value": "old"}],
        "reason": "Benchmark",
    }
    handle: Any = await client.start_workflow(
        "delete", request, id=f"bench-{dataset}", task_queue=TASK_QUEUE
    )
    for person in ("carol", "heidi", "grace"):
        await handle.signal("approve", {"actor": f"{person}@example.com", "decision_id": person})
    await until(lambda: state_of(ledger, handle.id), lambda state: state is not None)
    begin = time.perf_counter()
    await until(lambda: state_of(ledger, handle.id), lambda state: state != "running")
    return handle, time.perf_counter() - begin


async def state_of(ledger: PostgresLedger, case: str) -> str | None:
    """Return where a case's deletion stands; None before it has begun."""
    rows = await ledger.deletions.deletions(request=case)
    return rows[0].state.value if rows else None


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> None:
    """Look until what is seen is what is wanted."""
    async with asyncio.timeout(PATIENCE):
        while not wanted(await look()):  # noqa: ASYNC110 - a database raises no event
            await asyncio.sleep(0.05)


async def measure(console: Console, count: int) -> None:
    """Delete rows both ways and print what it took."""
    home = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    policies = home / "policies"
    shutil.copytree(ROOT / "policies", policies)
    (policies / "datasets.yaml").write_text(DATASETS, encoding="utf-8")
    policy = policies / "delete.yaml"
    text = policy.read_text(encoding="utf-8").replace("most_rows: 1000000", "most_rows: 5000000")
    policy.write_text(text, encoding="utf-8")
    table = Table("rows to delete", f"{count:,}", "", "")
    async with LocalStack(home, throwaway=True) as address:
        await asyncio.to_thread(migrate, address.database_url)
        sample = await asyncio.to_thread(prepare, address.database_url)
        admin_url = psycopg.conninfo.make_conninfo(address.database_url, dbname="sample")
        await asyncio.to_thread(fill, admin_url, count)
        log = home / "logs" / "postgres.log"
        environment = {
            "PLACET_HOME": str(home),
            "PLACET_POLICIES": str(policies),
            "PLACET_DATABASE_URL": app_url(address.database_url),
            "TEMPORAL_ADDRESS": address.temporal_address,
            "PYTHONPATH": str(ROOT),
            **sample,
        }
        client = await Client.connect(address.temporal_address)
        async with (
            open_pool(app_url(address.database_url)) as pool,
            worker([str(ROOT / "worker.py")], environment, home / "worker.log") as pid,
        ):
            ledger = PostgresLedger(pool)
            output = home / "worker.log"
            await until(_text_of(output), lambda text: "worker_started" in text)
            idle = usage(pid).memory
            start = log.stat().st_size
            handle, seconds = await delete(client, ledger, "marked")
            tell(table, "marked", count, seconds, longest(log, start))
            marked = handle
            await until(lambda: marked.query("status"), lambda told: told["effect"] == "in_force")
            start, begin = log.stat().st_size, time.perf_counter()
            await handle.signal("withdraw", {"actor": "alice@example.com", "decision_id": "back"})
            result = await asyncio.wait_for(handle.result(), PATIENCE)
            tell(table, result["summary"], count, time.perf_counter() - begin, longest(log, start))
            start = log.stat().st_size
            handle, seconds = await delete(client, ledger, "gone")
            result = await asyncio.wait_for(handle.result(), PATIENCE)
            tell(table, result["summary"], count, seconds, longest(log, start))
            history = await handle.fetch_history()
            peak = _peak(pid)
    table.add_row("events in the history of the last", f"{len(history.events)}", "", "")
    more = f"{(peak - idle) / 1e6:.0f} above idle"
    table.add_row("worker's memory at its peak, MB", f"{peak / 1e6:.0f}", more, "")
    console.print(table)


def tell(
    table: Table, what: str, count: int, seconds: float, took: dict[str, tuple[float, int]]
) -> None:
    """Add what one deletion, or its undoing, took."""
    table.add_row(what, f"{seconds:.1f} s", f"{count / seconds:,.0f} rows/s", "")
    for kind in sorted(took.keys() & {"update", "delete", "select"}):
        most, number = took[kind]
        table.add_row(f"  longest {kind}", f"{1000 * most:.0f} ms", f"of {number:,}", "")


def _text_of(file: Path) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return await asyncio.to_thread(file.read_text, "utf-8")

    return read


def _peak(pid: int) -> int:
    """Return the most bytes that a process has had in memory (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    asyncio.run(measure(Console(), int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
