"""Look at a publication, take a page away, and bring an earlier version back."""

from typing import Annotated

import typer

from placet.cli.options import Json, Timeout, example

_A_WEEK = 7 * 86_400.0

What = Annotated[
    str,
    typer.Argument(metavar="ID|FILE", help="A case, or a document, directory or JSON request."),
]
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Which page.")]
Who = Annotated[
    str,
    typer.Option("--as", metavar="WHO", help="Who asks: an address or id in the directory."),
]
Note = Annotated[
    str | None, typer.Option("--note", metavar="TEXT", help="Why, for those who review it.")
]
Target = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE", help="Where to write it; - prints it."),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--pipeline", metavar="NAME", help="Of which kind it is, if the file does not say."
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=1000, help="At most so many.")
]
Version = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="VERSION",
        help="As `placet versions` shows it; else the one before what is there now.",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until the case ends, and say how it ended.")
]


Proposal = Annotated[
    bool,
    typer.Option("--proposal", help="Show what a reviewer proposes to make of the case."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "preview",
        epilog=example("preview publish-0e10be44d78d3ce6", "preview examples/publish-spring-offer"),
    )(preview)
    app.command("versions", epilog=example("versions spring-offer"))(versions)
    app.command("unpublish", epilog=example("unpublish spring-offer --as alice@example.com"))(
        unpublish
    )
    app.command(
        "rollback", epilog=example("rollback spring-offer --as alice@example.com --note typo")
    )(rollback)


def preview(
    what: What,
    out: Target = None,
    proposal: Proposal = False,
    pipeline: Kind = None,
    json: Json = False,
) -> int:
    """Show a request as reviewers should see it.

    It writes one HTML file that needs nothing else: what would be published or sent, what the
    checks found, and the difference to what is published now.
    """
    from placet.cli.previewing import write_preview
    from placet.cli.world import go

    return go(write_preview(what, pipeline=pipeline, target=out, json=json, proposal=proposal))


def versions(slug: Slug, limit: Limit = 100, json: Json = False) -> int:
    """Say which versions of a page there were.

    The newest comes first. Of those that are done, it is what stands there now; an older one can be
    brought back by `placet rollback`.
    """
    from placet.cli.publishing import list_versions
    from placet.cli.world import go

    return go(list_versions(slug, limit=limit, json=json))


def unpublish(
    slug: Slug,
    who: Who,
    note: Note = None,
    wait: Wait = False,
    timeout: Timeout = _A_WEEK,
    json: Json = False,
) -> int:
    """Ask for a page to be taken away: submit a request and print the id of its case."""
    from placet.cli.publishing import submit_change
    from placet.cli.world import go

    patience = timeout if wait else None
    return go(submit_change("unpublish", slug, who=who, note=note, wait=patience, json=json))


def rollback(
    slug: Slug,
    who: Who,
    to: Version = None,
    note: Note = None,
    wait: Wait = False,
    timeout: Timeout = _A_WEEK,
    json: Json = False,
) -> int:
    """Ask for an earlier version of a page: submit a request and print the id of its case."""
    from placet.cli.publishing import submit_change
    from placet.cli.world import go

    patience = timeout if wait else None
    return go(submit_change("rollback", slug, who=who, to=to, note=note, wait=patience, json=json))
