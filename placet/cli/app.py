"""The command line's tree: every command, and what all of them have in common."""

import os
from typing import Annotated

import typer

from placet.cli.codes import MEANINGS
from placet.cli.commands import (
    audit,
    datasets,
    decide,
    deletions,
    deliveries,
    exports,
    grants,
    look,
    pay,
    policy,
    publish,
    stack,
    submit,
)

Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error nobody expected.")
]

EXIT_CODES = "\n".join(
    ["\b", "Exit codes:", *(f"  {code.value:>3}  {text}" for code, text in MEANINGS.items())]
)

app = typer.Typer(
    name="placet",
    help="Requests, and the people who decide them. Temporal is found by TEMPORAL_ADDRESS or a "
    "profile, Postgres by PLACET_DATABASE_URL; without them, the local stack that `placet up` "
    "started.",
    epilog=EXIT_CODES,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def start(context: typer.Context, debug: Debug = False) -> None:  # noqa: FBT002 - a switch
    """Prepare for any command."""
    if debug:
        os.environ["PLACET_DEBUG"] = "1"
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


_COMMANDS = (
    submit,
    publish,
    decide,
    look,
    policy,
    datasets,
    pay,
    deliveries,
    exports,
    deletions,
    grants,
    audit,
    stack,
)
for _commands in _COMMANDS:
    _commands.add_to(app)
