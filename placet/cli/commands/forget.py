"""Erase people, hold what must be kept, and prune what is old enough."""

from datetime import date
from typing import Annotated

import typer

from placet.cli.options import Json, Who, Why, example
from placet.cli.values import day, something

Subject = Annotated[
    str,
    typer.Argument(
        metavar="SUBJECT",
        callback=something,
        help="A person: an address or id in the directory, or an id of before.",
    ),
]
AnySubject = Annotated[
    str | None,
    typer.Argument(
        metavar="[SUBJECT]", callback=something, help="Only this person's, by their id."
    ),
]
Target = Annotated[
    str, typer.Argument(metavar="TARGET", callback=something, help="A person or a request.")
]
Hold = Annotated[
    str,
    typer.Argument(
        metavar="HOLD", callback=something, help="The hold, as `placet audit holds` shows it."
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="TEXT",
        callback=something,
        help="Your key: the same key is the same case.",
    ),
]
Before = Annotated[
    date,
    typer.Option(
        "--before", metavar="DAY", parser=day, help="What is older may go, such as 2016-01-31."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only say what could go.")]
Wait = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", min=0.0, help="How long to wait for the sealer."),
]


def add_to(audit: typer.Typer) -> None:
    """Add the commands to the group ``audit``."""
    why = '--reason "They asked for it" --as heidi'
    audit.command("erase", epilog=example(f"audit erase judy {why}"))(erase)
    audit.command("erasures", epilog=example("audit erasures judy --json"))(erasures)
    audit.command("hold", epilog=example('audit hold expense-7f3a --reason "A claim" --as heidi'))(
        hold
    )
    audit.command("holds", epilog=example("audit holds --json"))(holds)
    audit.command(
        "release", epilog=example('audit release 5f0c2a9b11de --reason "Settled" --as ivan')
    )(release)
    audit.command("partitions", epilog=example("audit partitions --json"))(partitions)
    audit.command(
        "prune",
        epilog=example('audit prune --before 2016-01-01 --reason "Kept for ten years" --as heidi'),
    )(prune)


def erase(subject: Subject, reason: Why, who: Who, key: Key = None, json: Json = False) -> int:
    """Ask for what is personal about somebody to be erased, and print the case's id.

    People approve it first, as the policy says. Then it is gone for good; see what stays, and why,
    with `placet audit erasures`. This is for a person who types; a program submits the same request
    as a file, with `placet erase FILE`, and may wait for its end there.
    """
    from placet.cli.forgetting import erase as ask
    from placet.cli.world import go

    return go(ask(subject, reason=reason, who=who, key=key, json=json))


def erasures(subject: AnySubject = None, json: Json = False) -> int:
    """Say what was erased, what stays of it, and why it may stay."""
    from placet.cli.forgetting import list_erasures
    from placet.cli.world import go

    return go(list_erasures(subject, json=json))


def hold(target: Target, reason: Why, who: Who, json: Json = False) -> int:
    """Place a legal hold: nothing of a person or a request is erased or pruned."""
    from placet.cli.forgetting import hold as place
    from placet.cli.world import go

    return go(place(target, reason=reason, who=who, json=json))


def holds(json: Json = False) -> int:
    """List the legal holds that stand: who placed each, when, and why."""
    from placet.cli.forgetting import list_holds
    from placet.cli.world import go

    return go(list_holds(json=json))


def release(name: Hold, reason: Why, who: Who, json: Json = False) -> int:
    """Release a legal hold; whoever placed it cannot."""
    from placet.cli.forgetting import release_hold
    from placet.cli.world import go

    return go(release_hold(name, reason=reason, who=who, json=json))


def partitions(json: Json = False) -> int:
    """List the parts of the ledger that still hold the texts of their events."""
    from placet.cli.pruning import list_partitions
    from placet.cli.world import go

    return go(list_partitions(json=json))


def prune(
    before: Before,
    reason: Why,
    who: Who,
    yes: Yes = False,
    wait: Wait = 60.0,
    json: Json = False,
) -> int:
    """Drop the bodies of old events; what proves them stays.

    A partition goes as a whole: it is full, all of it is sealed, its requests are closed, no legal
    hold stands, and a tombstone is sealed first that says so.
    """
    from placet.cli.pruning import prune_before
    from placet.cli.world import go

    return go(prune_before(before, reason=reason, who=who, yes=yes, wait=wait, json=json))
