"""Who has which role by Placet, and whether it is so."""

from typing import Annotated

import typer

from placet.cli.options import Json, example

Of = Annotated[str | None, typer.Argument(metavar="[ID]", help="Only the grant of this case.")]
Check = Annotated[
    bool,
    typer.Option(
        "--check", help="Look who really has the roles; the exit code says if anything differs."
    ),
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", min=1, help="How long to wait for the check."),
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=example("grants", "grants access-march-1f --json", "grants --check"),
    )(grants)


def grants(
    case: Of = None, check: Check = False, timeout: Timeout = 60.0, json: Json = False
) -> int:
    """Say who was granted which role, until when, and by which case.

    With --check, a worker looks who really has the roles: it holds what opens the targets. Every
    difference is printed: a role that was taken away or given outside Placet, one that is still
    there though its time is over, a target that cannot be looked at.
    """
    from placet.cli.granting import check_grants, list_grants
    from placet.cli.world import go

    return go(check_grants(timeout, json=json) if check else list_grants(case, json=json))
