"""Measure sealing against copying the same rows: `python -m bench.seal [COUNT]`.

What counts is the ratio within one run, not the figure of a day.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from placet.connections import app_url
from placet.db import migrate
from placet.db.runner import SEALER_ROLE
from placet.local.stack import LocalStack
from placet.sealing.keys import open_log_keys
from placet.sealing.session import open_session

COUNT = 1_000_000
BATCH = 50_000
ROUNDS = 3
PATIENCE = 30.0

_FILL = """
insert into audit.leaf (seq, xid, leaf, recorded)
select n, pg_current_xact_id(), sha256(int8send(n)), now()
  from generate_series(%(first)s::bigint, %(last)s::bigint) n
"""


async def measure(count: int) -> None:
    """Print the figures of each round."""
    home = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    async with LocalStack(home, temporal=False, throwaway=True) as address:
        await asyncio.to_thread(migrate, address.database_url)
        keys = open_log_keys(home / "keys", "bench.example/ledger")
        sealer = app_url(address.database_url, SEALER_ROLE)
        for number in range(ROUNDS):
            first, last = number * count + 1, (number + 1) * count
            await asyncio.to_thread(_fill, address.database_url, first, last)
            copied = await asyncio.to_thread(_copied, address.database_url, first, last)
            started = time.perf_counter()
            async with open_session(sealer, PATIENCE) as session:
                sealed = 0
                while placed := await session.seal(keys, BATCH):
                    sealed += placed
            took = time.perf_counter() - started
            sys.stdout.write(
                f"round {number + 1}: {sealed} leaves sealed, {sealed / took:,.0f} a second; "
                f"copied {count / copied:,.0f} a second; ratio {copied / took:.2f}\n"
            )


def _fill(url: str, first: int, last: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for start in range(first, last + 1, BATCH):
            end = min(start + BATCH, last + 1) - 1
            connection.execute(_FILL, {"first": start, "last": end})


def _copied(url: str, first: int, last: int) -> float:
    """Return how many seconds it takes to copy the places of the leaves into the same indexes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema if not exists bench")
        connection.execute(
            "create table if not exists bench.sealed (like audit.sealed including all)"
        )
        started = time.perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy("copy bench.sealed from stdin") as copy,
        ):
            for start in range(first, last + 1, BATCH):
                end = min(start + BATCH, last + 1)
                copy.write("".join(f"{n - 1}\t{n}\n" for n in range(start, end)))
        return time.perf_counter() - started


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
