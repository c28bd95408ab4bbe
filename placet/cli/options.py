"""The options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from placet.cli.values import something

Case = Annotated[str, typer.Argument(metavar="ID", help="The case, as `placet list` shows it.")]
RequestFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="The request as JSON, or what its kind is written as: a Markdown file, a directory, a "
        "mail; - reads JSON from the standard input.",
    ),
]
Who = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="WHO",
        callback=something,
        help="Who you are: an address or id in the directory.",
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; people will read it.")]
Why = Annotated[
    str,
    typer.Option("--reason", metavar="TEXT", callback=something, help="Why; people will read it."),
]
DecisionId = Annotated[
    str | None,
    typer.Option(
        "--decision-id",
        metavar="KEY",
        help="Your key for this decision: sent again under the same key, it counts once. "
        "Without it one is made.",
    ),
]
Digest = Annotated[
    str | None,
    typer.Option(
        "--digest",
        metavar="SHA256",
        help="The revision you have seen, 64 hex digits. Without it, the one stored now.",
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="Sign with this private key; PLACET_KEY_PASSWORD unlocks it.",
    ),
]
Stage = Annotated[
    str | None,
    typer.Option("--stage", metavar="NAME", help="Sign for this stage, not for the open one."),
]
To = Annotated[str, typer.Option("--to", metavar="WHO", help="Who reviews instead.")]
SeatOf = Annotated[
    str | None,
    typer.Option("--from", metavar="WHO", help="Whose seat; your own when it is not said."),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Only send it, as a signal; ask for no answer.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document a line.")]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="The local stack's directory; else PLACET_HOME or .placet."
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.0, help="How long to wait at most.")
]


def example(*lines: str) -> str:
    """Return the part of a command's help that shows how it is typed."""
    return "\n".join(["\b", "Example:", *(f"  placet {line}" for line in lines)])
