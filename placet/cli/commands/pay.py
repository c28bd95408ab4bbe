"""Payments, and the bank's word about them."""

from typing import Annotated

import typer

from placet.cli.options import Json, example

Request = Annotated[
    str | None, typer.Option("--case", metavar="ID", help="Only the payments of this case.")
]
Report = Annotated[
    str, typer.Argument(metavar="FILE", help="The bank's pain.002 file; - reads standard input.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    payments = typer.Typer(help="Payments, and what the bank says.", rich_markup_mode=None)
    payments.command("list", epilog=example("payments list --json"))(list_)
    payments.command("report", epilog=example("payments report status.xml"))(report)
    app.add_typer(payments, name="payments")


def list_(request: Request = None, json: Json = False) -> int:
    """List the payments that were ordered."""
    from placet.cli.paying import list_payments
    from placet.cli.world import go

    return go(list_payments(request=request, json=json))


def report(file: Report, json: Json = False) -> int:
    """Record a bank's status report.

    The requester is told of a rejected payment.
    """
    from placet.cli.paying import report_payments
    from placet.cli.world import go

    return go(report_payments(file, json=json))
