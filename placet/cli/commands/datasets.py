"""The data sets that can be asked for."""

from typing import Annotated

import typer

from placet.cli.options import Json, example

Check = Annotated[
    bool,
    typer.Option("--check", help="Hold the catalogue against its databases and the directory."),
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("datasets", "datasets --check"))(datasets)


def datasets(check: Check = False, json: Json = False) -> int:
    """List the data sets of the catalogue.

    With --check it also looks whether each has its table, columns and owner, and whether the role
    that Placet reads with can only read. The environment variables that the catalogue names have
    to be set here as for the workers.
    """
    from placet.cli.cataloguing import check_datasets, list_datasets
    from placet.cli.world import go

    return go(check_datasets(json=json)) if check else list_datasets(json=json)
