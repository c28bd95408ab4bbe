"""Measure appends to the ledger: `python -m bench.ledger [ROUNDS [SLOWER]]`.

In each round, on one Postgres with fsync on: a plain insert per commit on one connection, COPY into
a table with the ledger's indexes, and appends of signed steps from 32 producers, in one process and
in two. What counts is the ratio within a round; the figure of a day depends on the machine. On some
machines a commit takes a fraction of a millisecond, on most disks one or several: with SLOWER,
every commit takes so many milliseconds more. The Postgres has files of its write-ahead log to use
again, as one that has run for a while: making one takes longer than a commit may.
"""

import asyncio
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from placet.connections import app_url
from placet.db import migrate
from placet.local.stack import LocalStack

ROUNDS = 5
PRODUCERS = 32
CASES = 2_000
INSERTS = 3_000
COPIED = 50_000
BODY_BYTES = 675
LOG_FILES = 60
"""Files of the write-ahead log that are there before the first round, of 16 MB each."""

WAYS = (
    "single insert, 1 connection",
    "COPY, same indexes",
    "append_step, 1 process",
    "append_step, 2 processes",
)

_TABLES = """
create schema if not exists bench;
create table if not exists bench.plain (
    id bigint generated always as identity primary key, body bytea not null);
create table if not exists bench.indexed (
    seq bigint primary key, event_id bytea not null unique, stream text not null,
    stream_seq bigint not null, body bytea not null, unique (stream, stream_seq));
create index if not exists indexed_order on bench.indexed (stream_seq, seq);
truncate bench.plain, bench.indexed;
checkpoint;
"""


@dataclass(frozen=True)
class Measured:
    """What one way of writing did: rows a second, and the milliseconds that one took."""

    rate: float
    milliseconds: tuple[float, ...]

    def percentile(self, share: int) -> float:
        """Return the milliseconds that ``share`` of a hundred stayed under."""
        return statistics.quantiles(self.milliseconds, n=100)[share - 1]


def inserts(url: str) -> Measured:
    """Insert one row per commit on one connection."""
    body, took = os.urandom(BODY_BYTES), []
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        for _ in range(INSERTS):
            before = time.perf_counter()
            connection.execute("insert into bench.plain (body) values (%b)", [body])
            took.append((time.perf_counter() - before) * 1_000)
        return Measured(INSERTS / (time.perf_counter() - began), tuple(took))


def copy(url: str) -> Measured:
    """Copy rows into a table with the indexes of the ledger's, in one transaction."""
    body = os.urandom(BODY_BYTES)
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy("copy bench.indexed from stdin (format binary)") as rows,
        ):
            rows.set_types(["int8", "bytea", "text", "int8", "bytea"])
            for seq in range(COPIED):
                event_id = hashlib.sha256(seq.to_bytes(8)).digest()
                rows.write_row((seq, event_id, f"stream-{seq // 8}", seq % 8 + 1, body))
        return Measured(COPIED / (time.perf_counter() - began), ())


def appends(url: str, keys: Path, name: str, processes: int) -> Measured:
    """Append steps from all producers, shared by so many processes."""
    each = [str(PRODUCERS // processes), str(CASES // PRODUCERS)]
    started = [
        subprocess.Popen(  # noqa: S603 - this very program
            [
                sys.executable,
                "-m",
                "bench.producers",
                app_url(url),
                str(keys),
                f"{name}-{n}",
                *each,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(processes)
    ]
    for process in started:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("a process of producers did not start; its error is above")
    for process in started:
        if process.stdin is not None:
            process.stdin.write("go\n")
            process.stdin.flush()
    told = [json.loads(process.communicate()[0]) for process in started]
    began, ended = min(one[0] for one in told), max(one[1] for one in told)
    took = tuple(seconds * 1_000 for one in told for seconds in one[3:])
    return Measured(sum(one[2] for one in told) / (ended - began), took)


def measure(url: str, keys: Path, rounds: int, tell: Callable[[str], None]) -> list[list[Measured]]:
    """Run every way of writing in each round."""
    measured = []
    for number in range(1, rounds + 1):
        tell(f"round {number} of {rounds} …")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_TABLES)
        measured.append(
            [
                inserts(url),
                copy(url),
                appends(url, keys, f"one-{number}", 1),
                appends(url, keys, f"two-{number}", 2),
            ]
        )
    return measured


def table(rounds: list[list[Measured]]) -> Table:
    """Show the medians of all rounds."""
    shown = Table(title=f"Median of {len(rounds)} rounds, {PRODUCERS} producers, fsync on")
    shown.add_column("")
    for heading in ("rows/s", "ratio", "p50 ms", "p99 ms"):
        shown.add_column(heading, justify="right")
    for way, name in enumerate(WAYS):
        results = [measured[way] for measured in rounds]
        ratio = statistics.median(measured[way].rate / measured[0].rate for measured in rounds)
        times = [
            f"{statistics.median(result.percentile(share) for result in results):.2f}"
            if results[0].milliseconds
            else ""
            for share in (50, 99)
        ]
        rate = statistics.median(result.rate for result in results)
        shown.add_row(name, f"{rate:,.0f}", f"{ratio:.2f}", *times)
    return shown


def prepare(url: str, slower: float) -> None:
    """Let each commit take so many milliseconds more, and make files of the log to use again."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"alter system set commit_delay = {round(slower * 1_000)}")
        connection.execute("alter system set commit_siblings = 0")
        connection.execute("alter system set min_wal_size = '1GB'")
        connection.execute("alter system set max_wal_size = '2GB'")
        connection.execute("select pg_reload_conf()")
        connection.execute("create table log_filled (file int)")
        for file in range(LOG_FILES):
            connection.execute("insert into log_filled values (%s)", [file])
            connection.execute("select pg_switch_wal()")
        # What the last checkpoint needs is kept; a second one sets it free.
        for _ in range(2):
            connection.execute("drop table if exists log_filled")
            connection.execute("checkpoint")


async def main(rounds: int, slower: float) -> None:
    """Start a Postgres, measure, print.

    Args:
        rounds: How many.
        slower: Milliseconds that each commit takes longer than on this disk.
    """
    console = Console()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        home = Path(folder)
        async with LocalStack(home / "stack", temporal=False, throwaway=True) as address:
            url = address.database_url
            await asyncio.to_thread(migrate, url)
            with psycopg.connect(url) as connection:
                # So that events have an anchor.
                connection.execute(
                    "insert into audit.checkpoint "
                    "(tree_size, root, note, frontier, cluster, after_xid, after_seq) "
                    "values (1, sha256(''), 'for the benchmark', sha256(''), 1, '1', 1)"
                )
            await asyncio.to_thread(prepare, url, slower)
            found = await asyncio.to_thread(
                measure, url, home / "keys", rounds, lambda line: console.print(line, style="dim")
            )
    console.print(table(found))


if __name__ == "__main__":
    told = [float(each) for each in sys.argv[1:]]
    asyncio.run(main(int(told[0]) if told else ROUNDS, told[1] if len(told) > 1 else 0.0))
