"""Run a witness of ledgers: somewhere else than the ledger, by somebody else."""

from pathlib import Path
from typing import Annotated

import typer

from placet.cli.options import Json, example
from placet.cli.values import path, something

Name = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="NAME",
        callback=something,
        help="Its name, for ever: a host and a path, no spaces.",
    ),
]
Logs = Annotated[
    list[str],
    typer.Option("--log", metavar="KEY", help="The key of a ledger to witness; may be repeated."),
]
State = Annotated[
    Path,
    typer.Option(
        "--state",
        metavar="DIR",
        parser=path,
        help="Where it keeps its key and what it has seen.",
    ),
]
Listen = Annotated[
    str, typer.Option("--listen", metavar="HOST:PORT", help="Where it answers; port 0 is any.")
]
Level = Annotated[
    str, typer.Option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR.")
]

_KEY = "placet.local/ledger+033bec40+AYdUev7ell3POvt3tCawpArMCqrmBvuY0+JaWxdrGj13"


def add_to(group: typer.Typer) -> None:
    """Add the command to its group."""
    group.command(
        "witness",
        epilog=example(
            f"audit witness --name witness.example/w1 --state witness/ --log {_KEY}",
        ),
    )(witness)


def witness(
    name: Name,
    logs: Logs,
    state: State,
    listen: Listen = "127.0.0.1:7480",
    level: Level = "INFO",
    json: Json = False,
) -> int:
    """Run a witness, until Ctrl-C.

    It cosigns checkpoints that continue those before, and prints its key, which the ledger and the
    auditors pin. It needs neither Temporal nor Postgres.
    """
    from placet.cli.witnessing import run
    from placet.logging import configure

    configure(level=level.upper())
    return run(name, logs, state, listen, json=json)
