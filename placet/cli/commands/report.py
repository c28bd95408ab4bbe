"""Reports for people: one request's record, and the summary of a period."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from placet.cli.options import Json, example
from placet.cli.values import day, path, something
from placet.reporting.files import Form

Which = Annotated[
    str | None,
    typer.Argument(
        metavar="[REQUEST]",
        callback=something,
        help="The request; else a period by --from and --to.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        parser=path,
        help="A new file: .html or .pdf; of a period also .json, .csv.",
    ),
]
First = Annotated[
    date | None,
    typer.Option("--from", metavar="DATE", parser=day, help="The first day, in UTC: 2026-01-01."),
]
Last = Annotated[
    date | None,
    typer.Option("--to", metavar="DATE", parser=day, help="The last day; it is counted too."),
]
Pipeline = Annotated[
    str | None,
    typer.Option(
        "--pipeline", metavar="NAME", callback=something, help="Only requests of this kind."
    ),
]
Sample = Annotated[
    int,
    typer.Option("--sample", metavar="N", min=0, max=1000, help="Draw so many requests to test."),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", help="Draws the same requests again; choose your own.")
]
Format = Annotated[
    Form | None,
    typer.Option(
        "--format", metavar="FORM", help="html, pdf, json or csv; else as the file's name ends."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "report",
        epilog=example(
            "audit report expense-dinner-1f --out dinner.pdf",
            "audit report --from 2026-01-01 --to 2026-03-31 --sample 25 --seed 7 --out q1.html",
        ),
    )(report)


def report(
    out: Out,
    request: Which = None,
    first: First = None,
    last: Last = None,
    pipeline: Pipeline = None,
    sample: Sample = 0,
    seed: Seed = 0,
    format_: Format = None,
    force: Force = False,
    json: Json = False,
) -> int:
    """Write a report for people: of one request, or of a period.

    A request's record says what was asked, by which rules, who decided what and how sure that is,
    what came of it, and what proves it. A period's summary says how many requests ended how, who
    decided, how fast, and what was out of the rule.
    """
    from placet.cli.reporting import no_period, period_of, report_period, report_request
    from placet.cli.world import go

    if request is not None:
        no_period(first, last, pipeline, sample or None)
        return go(report_request(request, out, form=format_, force=force, json=json))
    period = period_of(first, last, pipeline)
    return go(
        report_period(period, out, sample=sample, seed=seed, form=format_, force=force, json=json)
    )
