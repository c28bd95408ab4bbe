"""What proves the ledger to others, and what it may forget."""

import typer

from placet.cli.commands import bundle, forget, reconcile, report, seal, witness


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    about = "Prove the ledger, check proofs of it, and forget people."
    group = typer.Typer(help=about, rich_markup_mode=None)
    bundle.add_to(group)
    reconcile.add_to(group)
    report.add_to(group)
    seal.add_to(group)
    witness.add_to(group)
    forget.add_to(group)
    group.callback()(_group)
    app.add_typer(group, name="audit", help=about)


def _group() -> None:
    """Hold commands together."""
