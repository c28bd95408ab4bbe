"""Measure an export of narrow rows: `python -m bench.export [ROWS]`.

The whole service makes it, from the approval to the file: it counts the rows, copies them, guards
the texts against formulas, compresses and hashes. What counts is how making the file compares to
`psql -c "COPY … TO STDOUT" | zstd` in the same run and on the same machine, and how much more
memory the worker needs than before. Both are done in turn, and the best time of each counts.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import conninfo
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from bench.processes import usage, worker
from placet.connections import app_url
from placet.db import migrate, open_pool
from placet.domain.export import ExportState
from placet.ledger.postgres import PostgresLedger
from placet.local.binaries import find_postgres
from placet.local.stack import LocalStack
from placet.sample import prepare
from placet.settings import TASK_QUEUE

ROOT = Path(__file__).resolve().parent.parent
ROWS = 10_000_000
ROUNDS = 3
PATIENCE = 1_800.0
COLUMNS = ["id", "name", "country", "credit"]

_DATASETS = """\
sources:
  sample: {read_env: PLACET_SAMPLE_READ_URL}
datasets:
  narrow:
    about: Narrow rows
    source: sample
    table: shop.narrow
    key: [id]
    owner: [{role: data-owner}]
    columns: {id: {}, name: {}, country: {}, credit: {}}
"""

_TABLE = """
create table shop.narrow as
select id::bigint, 'customer ' || id as name, (array['DE', 'FR', 'IT'])[1 + id % 3] as country,
       ((id * 37 % 100000) / 100.0)::numeric(8, 2) as credit
  from generate_series(1, {}) as id
"""

_BASELINE = (
    "copy (select id, name, country, credit from shop.narrow) to stdout (format csv, header)"
)

_PACK = """\
import sys
from backports.zstd import ZstdCompressor
packer = ZstdCompressor()
while piece := sys.stdin.buffer.read(1 << 20):
    sys.stdout.buffer.write(packer.compress(piece))
sys.stdout.buffer.write(packer.flush())
"""


class Made(NamedTuple):
    """A file, and what it took.

    Attributes:
        waited: Seconds from the approval, of which the gate takes some, and counting the rows.
        seconds: From the permit to the ledger's word that the file is there.
        bytes: Of the file.
    """

    waited: float
    seconds: float
    bytes: int


def an_export(number: int, **changes: Any) -> dict[str, Any]:
    """Return an export of everything that nobody has to see encrypted."""
    return {
        "requester": "alice@example.com",
        "reference": f"bench-{number}",
        "dataset": "narrow",
        "columns": COLUMNS,
        "purpose": "To measure how fast it is.",
        "recipient": {"address": "dan@example.com"},
        **changes,
    }


async def measure(console: Console, count: int) -> None:
    """Export and print what it took."""
    home = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    policies = Path(shutil.copytree(ROOT / "policies", home / "policies"))
    (policies / "datasets.yaml").write_text(_DATASETS, encoding="utf-8")
    async with LocalStack(home / "stack", throwaway=True) as address:
        await asyncio.to_thread(migrate, address.database_url)
        sample = await asyncio.to_thread(prepare, address.database_url)
        console.print(f"making {count:,} rows …", style="dim")
        await asyncio.to_thread(_fill, address.database_url, count)
        environment = {
            **sample,
            "PLACET_HOME": str(home),
            "PLACET_POLICIES": str(policies),
            "PLACET_DATABASE_URL": app_url(address.database_url),
            "TEMPORAL_ADDRESS": address.temporal_address,
            "PYTHONPATH": str(ROOT),
        }
        client = await Client.connect(address.temporal_address)
        async with (
            open_pool(app_url(address.database_url)) as pool,
            worker([str(ROOT / "worker.py")], environment, home / "worker.log") as pid,
        ):
            ledger = PostgresLedger(pool)
            few = [{"column": "id", "op": "le", "value": "1000"}]
            await _exported(client, ledger, an_export(0, filters=few))
            idle, spent = usage(pid).memory, usage(pid).cpu
            plain, packed, ours = [], [], list[Made]()
            for number in range(1, ROUNDS + 1):
                console.print(f"round {number} of {ROUNDS} …", style="dim")
                plain.append(await _copied(sample, home, packer=None))
                packed.append(await _copied(sample, home, packer=_packer()))
                ours.append(await _exported(client, ledger, an_export(number)))
            peak, spent = _peak(pid), usage(pid).cpu - spent
    best = min(made.seconds for made in ours)
    told = {
        "psql COPY, to nowhere, seconds": f"{min(plain):.1f}",
        f"psql COPY | {_packer_text()}, seconds": f"{min(packed):.1f}",
        "from the approval to the file, seconds": f"{min(made.waited for made in ours):.1f}",
        "of that, making the file, seconds": f"{best:.1f}",
        "rows a second": f"{count / best:,.0f}",
        "the file, MB": f"{ours[-1].bytes / 1e6:.0f}",
        "of psql's speed": f"{min(packed) / best:.0%}",
        "worker's memory before, MB": f"{idle / 1e6:.0f}",
        "worker's memory at its peak, more, MB": f"{(peak - idle) / 1e6:.0f}",
        "worker's CPU, seconds an export": f"{spent / ROUNDS:.1f}",
    }
    table = Table("an export of", f"{count:,} rows")
    for name, value in told.items():
        table.add_row(name, value)
    console.print(table)
    shutil.rmtree(home, ignore_errors=True)


def _fill(admin_url: str, count: int) -> None:
    url = conninfo.make_conninfo(admin_url, dbname="sample")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLE.format(int(count)).encode())
        connection.execute("grant select on shop.narrow to sample_reader")
        connection.execute("vacuum (analyze) shop.narrow")
        connection.execute("checkpoint")


async def _exported(client: Client, ledger: PostgresLedger, request: dict[str, Any]) -> Made:
    """Have an export approved, and return what it took until the file was there."""
    case = f"export-{request['reference']}"
    handle: Any = await client.start_workflow("export", request, id=case, task_queue=TASK_QUEUE)
    people = ["carol", "heidi"]
    give_up = time.perf_counter() + PATIENCE
    while True:
        row = await ledger.request(case)
        if row is not None and row.stage == "owner":
            break
        _require_time(give_up)
        await asyncio.sleep(0.05)
    begin = time.perf_counter()
    for person in people:
        decision = {"actor": f"{person}@example.com", "decision_id": person}
        await handle.signal("approve", decision)
    while True:
        found = await ledger.exports.rows(request=case)
        if found and found[0].state is not ExportState.RUNNING:
            made = found[0]
            seconds = ((made.ended_at or made.began_at) - made.began_at).total_seconds()
            return Made(time.perf_counter() - begin, seconds, made.bytes or 0)
        _require_time(give_up)
        await asyncio.sleep(0.05)


def _require_time(give_up: float) -> None:
    if time.perf_counter() > give_up:
        message = "it takes too long; look at worker.log"
        raise TimeoutError(message)


async def _copied(sample: dict[str, str], home: Path, packer: list[str] | None) -> float:
    """Return how long psql takes for the same rows, into a file or to nowhere."""
    url = sample["PLACET_SAMPLE_READ_URL"]
    words = [_psql(), url, "--no-psqlrc", "--quiet", "--command", _BASELINE]
    begin = time.perf_counter()
    with (home / "baseline").open("wb") as file:
        if packer is None:
            copying = await asyncio.create_subprocess_exec(
                *words, stdout=asyncio.subprocess.DEVNULL
            )
            await copying.wait()
            return time.perf_counter() - begin
        read, write = os.pipe()
        copying = await asyncio.create_subprocess_exec(*words, stdout=write)
        packing = await asyncio.create_subprocess_exec(*packer, stdin=read, stdout=file)
        os.close(read)
        os.close(write)
        await asyncio.gather(copying.wait(), packing.wait())
        os.fsync(file.fileno())
    return time.perf_counter() - begin


def _psql() -> str:
    own = find_postgres().directory / "psql"
    found = str(own) if own.exists() else shutil.which("psql")
    if found is None:
        message = "there is no psql to compare with; install PostgreSQL's client"
        raise FileNotFoundError(message)
    return found


def _packer() -> list[str]:
    return ["zstd", "-q", "-3"] if shutil.which("zstd") else [sys.executable, "-c", _PACK]


def _packer_text() -> str:
    return "zstd" if shutil.which("zstd") else "zstd by Python's library, as there is no zstd here"


def _peak(pid: int) -> int:
    """Return the most bytes that a process has had in memory (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    asyncio.run(measure(Console(), int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
