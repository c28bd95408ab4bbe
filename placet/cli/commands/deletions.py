"""What became of deletions."""

from typing import Annotated

import typer

from placet.cli.options import Json, example

AnyCase = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="Only of this case, as `placet list` shows it."),
]
Keys = Annotated[
    bool, typer.Option("--keys", help="Print the keys of rows that the database refused to touch.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("deletions", "deletions delete-old-visits-1f --json"))(deletions)


def deletions(case: AnyCase = None, keys: Keys = False, json: Json = False) -> int:
    """Say what became of deletions: how many rows are gone or marked, and which were spared.

    A row is spared when it did not fit the filters any more, and when the database refuses to have
    it deleted, as others refer to it.
    """
    from placet.cli.deleting import list_deletions
    from placet.cli.world import go

    return go(list_deletions(case, keys=keys, json=json))
