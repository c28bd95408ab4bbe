"""Measure the verifier: `python -m bench.verify [EVENTS]`; a million by default.

It verifies bundles of a quarter, of half and of all of so many events, in a process of its own as
an auditor would, and says how the time grows. Each event is signed by its writer; every sixth is
signed by a person too, and has a ciphertext that is opened.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.support import ledgers
from tests.support.large import AT_ONCE, large_ledger, story

EVENTS = 1_000_000
_LOOK_SECONDS = 0.2


class Measured(NamedTuple):
    """What one verification took.

    Attributes:
        events: How many events.
        megabytes: The size of their lines.
        seconds: By the clock.
        processor: Seconds of all processors.
        memory: Megabytes of all its processes together, at most.
    """

    events: int
    megabytes: float
    seconds: float
    processor: float
    memory: float


def measure(bundle: Path, trust: Path, events: int) -> Measured:
    """Verify a bundle in a process of its own."""
    command = [sys.executable, "-m", "placet.proof", str(bundle), "--trust", str(trust), "--json"]
    started, before = time.monotonic(), os.times()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - this interpreter
    memory = 0.0
    while process.poll() is None:
        memory = max(memory, _megabytes(process.pid))
        time.sleep(_LOOK_SECONDS)
    seconds, after = time.monotonic() - started, os.times()
    assert process.stdout is not None  # noqa: S101 - it was asked for
    told = json.loads(process.stdout.read())
    process.stdout.close()
    if not told["verified"] or told["events"] != events:
        message = f"the bundle is not verified: {told['counts']}"
        raise RuntimeError(message)
    size = (bundle / "events.jsonl").stat().st_size / 1e6
    processor = sum(after[2:4]) - sum(before[2:4])
    return Measured(events, size, seconds, processor, memory)


def _megabytes(pid: int) -> float:
    """Return what a process and its children use; pages they share count once."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return 0.0
    kilobytes = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("Pss:"))
    return kilobytes / 1e3 + sum(_megabytes(int(child)) for child in children)


def main() -> None:
    """Run everything and print the table."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    console = Console()
    table = Table("events", "MB", "seconds", "µs an event", "CPU seconds", "peak MB")
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as name:
        home = Path(name)
        trust = home / "trust.json"
        trust.write_text(json.dumps(ledgers.trust()), encoding="utf-8")
        for part in (4, 2, 1):
            # Whole stories: one that breaks off in a step is a finding.
            turn = AT_ONCE * len(story())
            events = max(turn, total // part // turn * turn)
            bundle = large_ledger(home / f"bundle-{events}", events)
            found = measure(bundle, trust, events)
            table.add_row(
                f"{events:,}",
                f"{found.megabytes:,.0f}",
                f"{found.seconds:.1f}",
                f"{found.seconds / events * 1e6:.0f}",
                f"{found.processor:.1f}",
                f"{found.memory:.0f}",
            )
            console.print(f"{events:,} events: {found.seconds:.1f} s")
    console.print(table)


if __name__ == "__main__":
    main()
