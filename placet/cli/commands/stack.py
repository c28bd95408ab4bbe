"""Run things: the local stack, a worker, and what prepares Temporal and Postgres."""

from typing import Annotated

import typer

from placet.cli.options import Home, Json, example

Patience = Annotated[
    float,
    typer.Option(
        "--wait", metavar="SECONDS", min=0.0, help="How long Temporal and Postgres may be down."
    ),
]
Level = Annotated[
    str, typer.Option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR.")
]
_PATIENCE = 60.0


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up", epilog=example("up"))(up)
    app.command("down", epilog=example("down"))(down)
    app.command("status", epilog=example("status --json"))(status)
    app.command("worker", epilog=example("worker --wait 300"))(worker)
    app.command("setup", epilog=example("setup"))(setup)
    database = typer.Typer(help="The database.", rich_markup_mode=None)
    database.command("migrate", epilog=example("db migrate"))(migrate)
    database.callback()(_group)
    app.add_typer(database, name="db", help="The database.")


def _group() -> None:
    """Hold commands together."""


def up(home: Home = None, json: Json = False) -> int:
    """Run Temporal, Postgres and a worker here, until Ctrl-C.

    Once they answer it prints, as shell exports, where other programs find them.
    """
    from placet.cli.stacking import bring_up
    from placet.cli.world import go

    return go(bring_up(home, json=json))


def down(home: Home = None, json: Json = False) -> int:
    """Stop what `placet up` started; its data stays."""
    from placet.cli.stacking import take_down

    return take_down(home, json=json)


def status(home: Home = None, json: Json = False) -> int:
    """Say what answers and what does not."""
    from placet.cli.stacking import tell_status
    from placet.cli.world import go

    return go(tell_status(home, json=json))


def worker(patience: Patience = _PATIENCE, level: Level = "INFO") -> int:
    """Run a worker, until Ctrl-C.

    It waits for Temporal and Postgres, and stops cleanly on SIGTERM and Ctrl-C.
    """
    from placet.cli.working import run_worker

    return run_worker(patience=patience, level=level.upper())


def setup(json: Json = False) -> int:
    """Prepare Temporal and Postgres.

    It registers the search attributes in Temporal, and migrates the database that
    PLACET_ADMIN_DATABASE_URL names, or that of the local stack.
    """
    from placet.cli.preparing import set_up
    from placet.cli.world import go

    return go(set_up(json=json))


def migrate(json: Json = False) -> int:
    """Bring the database to the newest schema.

    PLACET_ADMIN_DATABASE_URL says which; without it, the local stack's.
    """
    from placet.cli.preparing import migrate_database

    return migrate_database(json=json)
