"""``python -m proof BUNDLE --trust trust.json``: the verifier as a program of its own.

It ends with 0 when all is verified, with 11 when something is wrong, as `placet audit verify` does,
with 2 when what it was given cannot be used, and with 7 when it is not there.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .findings import MissingError, UnusableError
from .report import as_json, as_text
from .trust import read_held, read_trust
from .verify import Progress, Report, verify

VERIFIED, FINDINGS, UNUSABLE, MISSING = 0, 11, 2, 7

_WIDTH = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a bundle, and say what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m proof",
        description="Verify a bundle of the audit ledger without a database, trusting nobody.",
        epilog="It ends with 0 when all is verified, with 11 when something is wrong, with 2"
        " when what it was given cannot be used, and with 7 when it is not there.",
    )
    parser.add_argument("bundle", type=Path, help="the bundle's directory")
    parser.add_argument("--trust", type=Path, required=True, help="the keys that you have pinned")
    parser.add_argument("--held", type=Path, help="a checkpoint that you kept from an earlier time")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    told = parser.parse_args(arguments)
    try:
        trust = read_trust(told.trust)
        held = read_held(told.held) if told.held else None
        report = verify(told.bundle, trust, held, progress=progress_bar())
    except (UnusableError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return MISSING if isinstance(error, MissingError) else UNUSABLE
    return say(report, as_text(report, trust), as_json(report, trust) if told.json else None)


def say(report: Report, text: str, document: object) -> int:
    """Print the result, as a JSON document where there is one; return the exit code."""
    sys.stdout.write(json.dumps(document, sort_keys=True) + "\n" if document else text)
    return FINDINGS if report.findings.counts else VERIFIED


def progress_bar() -> Progress | None:
    """Return what draws how far it is, when somebody is looking."""
    return _draw if sys.stderr.isatty() else None


def _draw(done: int, total: int) -> None:
    share = min(1.0, done / total) if total else 1.0
    bar = "#" * int(share * _WIDTH)
    end = "\n" if done >= total else ""
    sys.stderr.write(f"\r[{bar:<{_WIDTH}}] {done:,} of {total:,} events{end}")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
