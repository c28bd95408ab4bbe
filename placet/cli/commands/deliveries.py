"""What became of a mail, recipient by recipient."""

from typing import Annotated

import typer

from placet.cli.options import Case, Json, example
from placet.domain.delivery import DeliveryStatus

Status = Annotated[
    list[DeliveryStatus] | None,
    typer.Option("--status", metavar="STATUS", help=f"Only these: {', '.join(DeliveryStatus)}."),
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=example(
            "deliveries send-contract-rossi-1f",
            "deliveries send-contract-rossi-1f --status in_doubt --status refused --json",
        )
    )(deliveries)


def deliveries(case: Case, status: Status = None, json: Json = False) -> int:
    """Say who has got a mail, and who has not.

    A recipient is in doubt when the worker or the connection was lost while the mail was handed
    over: the mail server has it or not, and Placet does not send it again.
    """
    from placet.cli.delivering import list_deliveries
    from placet.cli.world import go

    return go(list_deliveries(case, statuses=status or [], json=json))
