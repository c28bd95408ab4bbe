"""The files that were made of data."""

from typing import Annotated

import typer

from placet.cli.options import Json, example

Which = Annotated[
    str | None, typer.Argument(metavar="[CASE]", help="Only of this case; else all of them.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("exports", "exports export-orders-2024-1f --json"))(exports)


def exports(case: Which = None, json: Json = False) -> int:
    """List the files that were made of data, and until when each is kept.

    The newest comes first. A file lies in a directory of its case, in PLACET_EXPORTS of the
    workers, beside a manifest.
    """
    from placet.cli.exporting import list_exports
    from placet.cli.world import go

    return go(list_exports(case, json=json))
