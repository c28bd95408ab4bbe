"""Seal the ledger, and say how far it is sealed."""

from typing import Annotated

import typer

from placet.cli.options import Json, Who, Why, example

Once = Annotated[
    bool, typer.Option("--once", help="Seal what there is now, bring it to every place, and end.")
]
Level = Annotated[
    str, typer.Option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR.")
]
Place = Annotated[
    str, typer.Argument(metavar="PLACE", help="A place of checkpoints, as seal.yaml names it.")
]


def add_to(group: typer.Typer) -> None:
    """Add the commands to their group."""
    group.command("seal", epilog=example("audit seal --once"))(seal)
    group.command("status", epilog=example("audit status --json"))(status)
    group.command(
        "accept", epilog=example('audit accept shelf --reason "The disk died" --as heidi')
    )(accept)


def seal(once: Once = False, level: Level = "INFO", json: Json = False) -> int:
    """Seal what is recorded, until Ctrl-C.

    A worker does this by itself where PLACET_SEALER_URL is set or the local stack runs. Of many
    sealers one works, and the others stand by.
    """
    from placet.cli.sealing import seal as run
    from placet.cli.world import go

    return go(run(once=once, level=level.upper(), json=json))


def status(json: Json = False) -> int:
    """Say how far the ledger is sealed, and which places have the newest checkpoint.

    The exit code says if somebody has to look at something.
    """
    from placet.cli.sealing import tell_status
    from placet.cli.world import go

    return go(tell_status(json=json))


def accept(name: Place, reason: Why, who: Who, json: Json = False) -> int:
    """Say that what a place of checkpoints has lost is gone for good.

    Only for a place that `placet audit status` tells of, when you know what became of it: whoever
    wants to pass off an older database has to empty the places first.
    """
    from placet.cli.sealing import accept as run
    from placet.cli.world import go

    return go(run(name, reason=reason, who=who, json=json))
