"""Hold the ledger against everything else; a command of the group `audit`."""

from datetime import datetime
from typing import Annotated

import typer

from placet.cli.options import Json, example
from placet.cli.values import instant, something

Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="DATE",
        parser=instant,
        help="Only requests in which something has happened since then (UTC).",
    ),
]
Request = Annotated[
    str | None,
    typer.Option("--request", metavar="ID", callback=something, help="Only this request."),
]
Grace = Annotated[
    str,
    typer.Option(
        "--grace",
        metavar="TIME",
        help="How young something of an open request is that may still be under way: 30s, 5m, 1h.",
    ),
]


def add_to(audit: typer.Typer) -> None:
    """Add the command to the group."""
    audit.command(
        "reconcile",
        epilog=example(
            "audit reconcile",
            "audit reconcile --since 2026-03-01 --json",
            "audit reconcile --request expense-2026-0042",
        ),
    )(reconcile)


def reconcile(
    since: Since = None, request: Request = None, grace: Grace = "1m", json: Json = False
) -> int:
    """Hold the ledger against Temporal's histories, the effects, their files and the lists.

    What is in one and not in the other is printed, one finding a line, and the exit code says that
    there are any. Nothing is changed. docs/reconcile.md says what each code means.
    """
    from placet.cli.reconciling import reconcile_all
    from placet.cli.world import go

    return go(reconcile_all(since=since, request=request, grace=grace, json=json))
