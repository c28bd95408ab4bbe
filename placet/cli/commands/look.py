"""Lists, and one case."""

from typing import Annotated

import typer

from placet.cli.options import Case, Json, Timeout, example
from placet.domain.vocabulary import Status

_DAY = 86_400.0

Reviewer = Annotated[
    str | None,
    typer.Option("--reviewer", metavar="WHO", help="Only cases that wait for this person."),
]
Requester = Annotated[
    str | None, typer.Option("--requester", metavar="WHO", help="Only this person's requests.")
]
Standing = Annotated[
    Status | None,
    typer.Option("--status", metavar="STATUS", help=f"Only cases that are {', '.join(Status)}."),
]
Kind = Annotated[
    str | None, typer.Option("--pipeline", metavar="NAME", help="Only requests of this kind.")
]
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=1000, help="At most so many.")
]
Target = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="What to make; else a directory with the page's name, or a file with the case's id.",
    ),
]
Events = Annotated[bool, typer.Option("--events", help="Print the ledger's events in full.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "list",
        epilog=example("list --reviewer bob@example.com", "list --status pending --json"),
    )(list_)
    app.command("show", epilog=example("show expense-dinner-1f"))(show)
    app.command("fetch", epilog=example("fetch expense-dinner-1f --out dinner.json"))(fetch)
    app.command("watch", epilog=example("watch expense-dinner-1f"))(watch)
    app.command("wait", epilog=example("wait expense-dinner-1f --timeout 3600"))(wait)


def list_(
    reviewer: Reviewer = None,
    requester: Requester = None,
    status: Standing = None,
    pipeline: Kind = None,
    limit: Limit = 100,
    json: Json = False,
) -> int:
    """List cases.

    For a reviewer the most urgent comes first, else the newest.
    """
    from placet.cli.looking import list_cases
    from placet.cli.world import go

    return go(
        list_cases(
            reviewer=reviewer,
            requester=requester,
            status=status and status.value,
            pipeline=pipeline,
            limit=limit,
            json=json,
        )
    )


def show(case: Case, events: Events = False, json: Json = False) -> int:
    """Show a case and what happened to it.

    It shows the request, whom it waits for, the reviews, the payment, and each event.
    """
    from placet.cli.looking import show_case
    from placet.cli.world import go

    return go(show_case(case, events=events, json=json))


def fetch(case: Case, out: Target = None, json: Json = False) -> int:
    """Write a case's request, to change it and hand it in with `edit` or `resubmit`.

    A page becomes a directory with its document and its files, anything else one JSON file.
    """
    from placet.cli.fetching import fetch_request
    from placet.cli.world import go

    return go(fetch_request(case, target=out, json=json))


def watch(case: Case, json: Json = False) -> int:
    """Follow a case until it ends.

    It prints each event as it comes. The exit code says whether the case was approved.
    """
    from placet.cli.looking import watch_case
    from placet.cli.world import go

    return go(watch_case(case, json=json))


def wait(case: Case, timeout: Timeout = _DAY, json: Json = False) -> int:
    """Wait until a case has ended.

    The exit code says whether it was approved.
    """
    from placet.cli.looking import wait_for_case
    from placet.cli.world import go

    return go(wait_for_case(case, patience=timeout, json=json))
