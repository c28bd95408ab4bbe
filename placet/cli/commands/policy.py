"""Policies, people and keys: nothing here needs a server."""

from pathlib import Path
from typing import Annotated

import typer

from placet.cli.options import Json, RequestFile, example

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="The policies; else PLACET_POLICIES or policies/."),
]
DirectoryFile = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="The directory; else the one beside the policies."),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--pipeline", metavar="NAME", help="Of which kind it is, if the file does not say."
    ),
]
KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A new file for the private key.")]
KeyId = Annotated[
    str | None, typer.Option("--id", metavar="NAME", help="The key's name; else its thumbprint.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    policy = typer.Typer(help="Check and explain policies.", rich_markup_mode=None)
    policy.command("check", epilog=example("policy check", "policy check my-policies/"))(check)
    policy.command("explain", epilog=example("policy explain examples/expense-team-dinner.json"))(
        explain
    )
    policy.command("reference", epilog=example("policy reference | less"))(reference)
    app.add_typer(policy, name="policy")
    directory = typer.Typer(help="Check the people.", rich_markup_mode=None)
    directory.command("check", epilog=example("directory check policies/directory.yaml"))(
        check_people
    )
    # With a callback, a group of one command stays a group.
    directory.callback()(_group)
    app.add_typer(directory, name="directory", help="Check the people.")
    key = typer.Typer(help="Make keys to sign decisions with.", rich_markup_mode=None)
    key.command("new", epilog=example("key new ~/.placet-key.json --id bob-laptop"))(new)
    key.callback()(_group)
    app.add_typer(key, name="key", help="Make keys to sign decisions with.")


def _group() -> None:
    """Hold commands together."""


def check(folder: Folder = None, json: Json = False) -> int:
    """Find mistakes in policies.

    It finds what can never be decided, what never comes and what never ends.
    """
    from placet.cli.policing import check_policies

    return check_policies(folder, json=json)


def explain(file: RequestFile, pipeline: Kind = None, json: Json = False) -> int:
    """Say what the policy means for a request.

    It says who decides, until when, and why.
    """
    from placet.cli.policing import explain_request
    from placet.cli.world import go

    return go(explain_request(file, pipeline=pipeline, json=json))


def reference(json: Json = False) -> int:
    """Print everything that may stand in a policy file."""
    from placet.cli.policing import print_reference

    return print_reference(json=json)


def check_people(file: DirectoryFile = None, json: Json = False) -> int:
    """Find mistakes in the directory, each with its line."""
    from placet.cli.policing import check_directory

    return check_directory(file, json=json)


def new(file: KeyFile, key_id: KeyId = None, json: Json = False) -> int:
    """Make a key pair.

    The private half goes into FILE; the public half is printed for the directory.
    """
    from placet.cli.keys import make_key

    return make_key(file, key_id=key_id, json=json)
