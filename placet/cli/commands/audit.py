"""What proves the ledger to others."""

import typer

from placet.cli.commands import bundle, reconcile, report, seal, witness


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Prove the ledger, and check proofs of it.", rich_markup_mode=None)
    bundle.add_to(group)
    reconcile.add_to(group)
    report.add_to(group)
    seal.add_to(group)
    witness.add_to(group)
    group.callback()(_group)
    app.add_typer(group, name="audit", help="Prove the ledger, and check proofs of it.")


def _group() -> None:
    """Hold commands together."""
