"""Bundles of the ledger: exported here, and verified anywhere."""

from pathlib import Path
from typing import Annotated, Any

import typer

from placet.cli.options import Json, example
from placet.cli.values import path, something, start

Out = Annotated[
    Path, typer.Option("--out", metavar="BUNDLE", parser=path, help="The directory to make.")
]
Request = Annotated[
    str | None,
    typer.Option(
        "--request", metavar="ID", callback=something, help="Only the events of this case."
    ),
]
Since = Annotated[
    Any,
    typer.Option(
        "--since",
        metavar="POSITION|DATE",
        parser=start,
        help="Only events from this position on, or recorded from this day (UTC) on.",
    ),
]
WithoutNames = Annotated[
    bool, typer.Option("--without-names", help="Leave sealed what is personal.")
]
Unwitnessed = Annotated[
    bool,
    typer.Option(
        "--unwitnessed", help="Up to the newest checkpoint, even if no witness has seen it yet."
    ),
]
Bundle = Annotated[
    Path, typer.Argument(metavar="BUNDLE", parser=path, help="The bundle's directory.")
]
Trust = Annotated[
    Path,
    typer.Option(
        "--trust", metavar="FILE", parser=path, help="The keys that you have pinned, as JSON."
    ),
]
Held = Annotated[
    Path | None,
    typer.Option(
        "--held", metavar="NOTE", parser=path, help="A checkpoint that you kept from earlier."
    ),
]
Witness = Annotated[
    list[str] | None,
    typer.Option("--witness", metavar="KEY", help="The key of a witness; may be said again."),
]
Quorum = Annotated[
    int | None,
    typer.Option("--quorum", metavar="N", min=0, help="How many witnesses are demanded; else all."),
]
Timestamp = Annotated[
    list[Path] | None,
    typer.Option(
        "--timestamp",
        metavar="FILE",
        parser=path,
        help="A certificate, in PEM, of a time-stamp authority; may be said again.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=example(
            "audit export --out ledger-2026-03",
            "audit export --out case --request expense-2026-0142",
            "audit export --out since-march --since 2026-03-01 --without-names",
        )
    )(export)
    app.command(
        epilog=example(
            "audit verify ledger-2026-03 --trust trust.json",
            "audit verify ledger-2026-03 --trust trust.json --held checkpoint-2026-02 --json",
        )
    )(verify)
    app.command(
        epilog=example("audit trust", "audit trust --witness KEY --witness KEY --quorum 1")
    )(trust)


def export(
    out: Out,
    request: Request = None,
    since: Since = None,
    without_names: WithoutNames = False,
    unwitnessed: Unwitnessed = False,
    json: Json = False,
) -> int:
    """Write a bundle of the ledger, which can be verified without a database.

    It holds what is sealed, up to the newest checkpoint that a witness has cosigned. Events of one
    case are proved by themselves and tell nothing of other cases.
    """
    from placet.cli.auditing import export_bundle

    return export_bundle(
        out,
        request=request,
        since=since,
        with_names=not without_names,
        unwitnessed=unwitnessed,
        json=json,
    )


def verify(bundle: Bundle, trust: Trust, held: Held = None, json: Json = False) -> int:
    """Verify a bundle; it needs no database and no network.

    A copy of the directory placet/proof does the same by itself, with nothing but Python and its
    package cryptography: python -m proof BUNDLE --trust FILE
    """
    from placet.cli.auditing import verify_bundle

    return verify_bundle(bundle, trust, held, json=json)


def trust(
    witness: Witness = None,
    quorum: Quorum = None,
    timestamp: Timestamp = None,
    json: Json = False,
) -> int:
    """Print the public keys of this ledger, for an auditor to keep in a file.

    The keys are those in PLACET_KEYS, and those of the people in the directory. An auditor who
    trusts nobody asks for them on another way than the bundle comes by.
    """
    from placet.cli.auditing import print_trust

    return print_trust(witness or [], quorum, timestamp or [], json=json)
