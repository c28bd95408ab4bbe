"""A running service for the tests, and the command line as a person uses it."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from placet.attestation import new_key

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
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
        address: Temporal's host and port.
        database_url: Postgres, for the application.
    """

    home: Path
    policies: Path
    key: Path
    address: str = ""
    database_url: str = ""

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment in which only this service can be found."""
        return {
            "PATH": os.defpath,
            "HOME": str(self.home),
            "PLACET_HOME": str(self.home),
            "PLACET_POLICIES": str(self.policies),
            **more,
        }

    def placet(
        self, *arguments: object, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> Said:
        """Run the program to its end."""
        return run(*arguments, stdin=stdin, env=self.environment(**(env or {})))

    def submit(self, reference: str, **changes: Any) -> str:
        """Submit an expense and return its case."""
        said = self.placet("expense", "-", stdin=json.dumps(an_expense(reference, **changes)))
        assert said.code == 0, said.err
        return said.out.strip()

    def until(self, case: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Look at a case until it is as wanted, and return it."""
        found: dict[str, Any] = {}

        def looks_so() -> bool:
            said = self.placet("show", case, "--json")
            found.clear()
            found.update(said.document if said.code == 0 else {})
            return bool(found) and wanted(found)

        until(looks_so)
        return found

    def until_pending(self, case: str) -> dict[str, Any]:
        """Wait until people can decide a case."""
        return self.until(case, lambda shown: shown["status"] == "pending" and shown["stage"])


def run(*arguments: object, stdin: str = "", env: Mapping[str, str]) -> Said:
    """Run ``starter.py`` to its end."""
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


def until(condition: Callable[[], object]) -> None:
    """Wait for the condition, and fail when it does not come true in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


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
    yaml.dump(expense, policies / "expense.yaml")
    return policies, key
