"""A running service for the tests, and the command line as a person uses it."""

import ctypes
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from placet.attestation import new_key
from placet.local.places import remove_what_is_outside
from tests.cli.loaded import Program
from tests.support.places import temporary
from tests.support.waiting import PATIENCE_SECONDS, until

REPOSITORY = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1


class Said(NamedTuple):
    """What one run of the program said."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        """Return the JSON documents it printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """Return the only JSON document it printed."""
        (found,) = self.documents
        return found


@dataclass(frozen=True)
class Office:
    """Where everything is.

    Attributes:
        home: The local stack's directory.
        policies: The policies and people, which tests may not change.
        key: The private key of ``grace``.
        program: The command line, loaded.
        address: Temporal's host and port.
        database_url: Postgres, for the application.
    """

    home: Path
    policies: Path
    key: Path
    program: Program
    address: str = ""
    database_url: str = ""

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment in which only this service can be found."""
        return {
            "PATH": os.defpath,
            "HOME": str(self.home),
            "PLACET_HOME": str(self.home),
            "PLACET_POLICIES": str(self.policies),
            **temporary(),
            **more,
        }

    def placet(
        self, *arguments: object, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> Said:
        """Run the program to its end."""
        environment = self.environment(**(env or {}))
        return call(self.program, *arguments, stdin=stdin, env=environment)

    def submit(self, reference: str, **changes: Any) -> str:
        """Submit an expense and return its case."""
        said = self.placet("expense", "-", stdin=json.dumps(an_expense(reference, **changes)))
        assert said.code == 0, said.err
        return said.out.strip()

    def until_pending(self, case: str) -> None:
        """Wait until people can decide a case."""

        def pending() -> bool:
            said = self.placet("show", case, "--json")
            shown = said.document if said.code == 0 else {"status": None}
            return shown["status"] == "pending" and shown["stage"] is not None

        until(pending, f"{case} to be pending")


def call(program: Program, *arguments: object, stdin: str = "", env: Mapping[str, str]) -> Said:
    """Run the loaded program to its end."""
    done = program.run([str(argument) for argument in arguments], stdin, env)
    return Said(done.returncode, done.stdout, done.stderr)


def run(*arguments: object, stdin: str = "", env: Mapping[str, str]) -> Said:
    """Start Python for ``starter.py`` and run it to its end."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(REPOSITORY / "starter.py"), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=REPOSITORY,
        env=dict(env),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def start(program: str, *arguments: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start ``starter.py`` or ``worker.py``; it ends with this process."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(REPOSITORY / program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=dict(env),
        preexec_fn=_dies_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one system call
    )


def _dies_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


@contextmanager
def open_office(base: Path, program: Program) -> Iterator[Office]:
    """Run a service on the data directory ``base``/home, by `placet up`, inside the block."""
    policies, key = prepare_policies(base)
    with _up(Office(base / "home", policies, key, program)) as running:
        yield running


@contextmanager
def _up(office: Office) -> Iterator[Office]:
    """Run `placet up` inside the block."""
    process = start("starter.py", "up", env=office.environment())
    assert process.stdout is not None
    exports: dict[str, str] = {}
    try:
        while len(exports) < 3:
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            (_, assignment) = shlex.split(line)
            name, _, value = assignment.partition("=")
            exports[name] = value
        yield replace(
            office,
            address=exports["TEMPORAL_ADDRESS"],
            database_url=exports["PLACET_DATABASE_URL"],
        )
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
        remove_what_is_outside(office.home)
    assert process.returncode == 0, err


def an_expense(reference: str, **changes: Any) -> dict[str, Any]:
    """Return an expense without receipts' files, which goes to the manager only."""
    amount = changes.pop("amount", "184.60 EUR")
    line = {
        "date": "2026-09-05",
        "description": "Dinner for six",
        "category": "meals",
        "amount": amount,
        "receipt": changes.pop("receipt", None),
    }
    return {
        "title": "Team dinner",
        "requester": "alice@example.com",
        "reference": reference,
        "cost_centre": "CC-200",
        "purpose": "The release.",
        "lines": [line],
        "payee": {"name": "Alice Adams", "iban": "DE89 3704 0044 0532 0130 00"},
        **changes,
    }


def prepare_policies(home: Path) -> tuple[Path, Path]:
    """Copy the shipped policies, give ``grace`` a key, and let managers decide everything small.

    They may propose changes, too.

    Returns:
        The policies' directory and the key's file.
    """
    policies, key = home / "policies", home / "grace.jwk"
    shutil.copytree(REPOSITORY / "policies", policies)
    public = new_key(key)
    yaml = YAML()
    directory = yaml.load(policies / "directory.yaml")
    for entry in directory["people"]:
        if entry["id"] == "grace":
            entry["keys"] = [dict(public.jwk())]
    yaml.dump(directory, policies / "directory.yaml")
    expense = yaml.load(policies / "expense.yaml")
    expense["routes"] = [
        {"name": "executive", "when": "total > 10000.00", "stages": ["executive"]},
        {"name": "manager", "when": "true", "stages": ["manager"]},
    ]
    expense["stages"] = {
        name: stage for name, stage in expense["stages"].items() if name in {"manager", "executive"}
    }
    del expense["stages"]["executive"]["distinct_from"]
    expense["changes"]["edits"] = "with_author"
    yaml.dump(expense, policies / "expense.yaml")
    return policies, key
