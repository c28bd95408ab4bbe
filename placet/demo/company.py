"""A company for the demonstration: the shipped policies and examples, made current.

The shipped files are copied, so that the demonstration can send somebody on leave and give the
executive a key, and the examples' days are moved into the last week.
"""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from placet.attestation import new_key

ROOT = Path(__file__).resolve().parent.parent.parent


class Company:
    """The demonstration's policies, people and requests, in a directory of its own.

    Attributes:
        policies: The directory to run with.
        key: The executive's private key.
    """

    def __init__(self, home: Path) -> None:
        """Copy what ships into ``home``."""
        self.policies = home / "policies"
        self.key = home / "grace.jwk"
        self._requests = home / "requests"
        shutil.copytree(ROOT / "policies", self.policies)
        self._requests.mkdir()
        shutil.copytree(ROOT / "examples" / "receipts", self._requests / "receipts")
        public = new_key(self.key)
        self._change("grace", keys=[public.jwk()])

    def send_on_leave(self, person: str, first: date, last: date) -> None:
        """Write an absence into the directory; the running worker sees it at its next look."""
        self._change(person, absences=[{"from": first.isoformat(), "until": last.isoformat()}])

    def request(self, example: str, **changes: Any) -> Path:
        """Return the file of a shipped example, its days in the last week, with ``changes``.

        ``title`` and ``amount`` (of the only line) are often changed.
        """
        source = ROOT / "examples" / f"{example}.json"
        request = json.loads(source.read_text(encoding="utf-8"))
        day = (datetime.now(UTC) - timedelta(days=3)).date()
        for line in request["lines"]:
            line["date"] = day.isoformat()
        if amount := changes.pop("amount", None):
            request["lines"] = [{**request["lines"][0], "amount": amount}]
        request.update(changes)
        number = len(list(self._requests.glob("*.json"))) + 1
        request["reference"] = f"demo-{number}"
        path = self._requests / f"{number}-{example}.json"
        path.write_text(json.dumps(request, indent=2), encoding="utf-8")
        return path

    def _change(self, person: str, **fields: Any) -> None:
        yaml = YAML()
        path = self.policies / "directory.yaml"
        directory = yaml.load(path)
        for entry in directory["people"]:
            if entry["id"] == person:
                entry.update(fields)
        changed = path.with_suffix(".new")
        yaml.dump(directory, changed)
        changed.replace(path)
