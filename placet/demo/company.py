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
        home: Where everything of it is.
        policies: The directory to run with.
        keys: The private keys of the executive and of who is on call, by their ids.
    """

    def __init__(self, home: Path) -> None:
        """Copy what ships into ``home``."""
        self.home = home
        self.policies = home / "policies"
        self.keys = {person: home / f"{person}.jwk" for person in ("grace", "bob")}
        self._requests = home / "requests"
        shutil.copytree(ROOT / "policies", self.policies)
        self._requests.mkdir()
        for name in ("receipts", "publish-spring-offer"):
            shutil.copytree(ROOT / "examples" / name, self._requests / name)
        for kind in ("send", "access", "export", "delete"):
            for path in (ROOT / "examples").glob(f"{kind}-*"):
                shutil.copy(path, self._requests)
        for person, key in self.keys.items():
            self._change(person, keys=[new_key(key).jwk()])

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

    def export(self, example: str, key: str) -> Path:
        """Return the file of an export for somebody whose public key this is."""
        path = self._requests / f"{example}.json"
        request = json.loads(path.read_text(encoding="utf-8"))
        request["recipient"]["key"] = key
        path.write_text(json.dumps(request, indent=2), encoding="utf-8")
        return path

    def again(self, example: str, reference: str) -> Path:
        """Return the file of a shipped example as another request of the same content."""
        request = json.loads((self._requests / f"{example}.json").read_text(encoding="utf-8"))
        path = self._requests / f"{reference}.json"
        path.write_text(json.dumps(request | {"reference": reference}, indent=2), encoding="utf-8")
        return path

    def example(self, name: str) -> Path:
        """Return a shipped example as it is, with its files beside it."""
        return self._requests / name

    def bundle(self, name: str, old: str = "", new: str = "") -> Path:
        """Return a directory with a shipped page, in which ``old`` is written as ``new``."""
        number = len(list(self._requests.glob("page-*"))) + 1
        copy = self._requests / f"page-{number}" / name
        shutil.copytree(ROOT / "examples" / f"publish-{name}", copy)
        page = copy / "index.md"
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(old, new) if old else text, encoding="utf-8")
        return copy

    def notice(self, title: str, slug: str, publish_at: datetime) -> Path:
        """Return the file of a short page that is to go out at an instant."""
        front = {
            "title": title,
            "requester": "alice@example.com",
            "slug": slug,
            "publish_at": publish_at.isoformat(),
        }
        path = self._requests / f"{slug}.md"
        path.write_text(f"---\n{json.dumps(front)}\n---\n# {title}\n\nBe kind.\n", encoding="utf-8")
        return path

    def page(self, slug: str) -> bytes | None:
        """Return the page that stands in the site's directory, or None."""
        path = self.home / "site" / "live" / slug / "index.html"
        return path.read_bytes() if path.exists() else None

    def publish_to(self, endpoint: str, bucket: str) -> None:
        """Add a bucket of an S3-compatible server to the targets."""
        yaml = YAML()
        path = self.policies / "targets.yaml"
        targets = yaml.load(path)
        targets["targets"]["storage"] = {
            "kind": "s3",
            "bucket": bucket,
            "endpoint": endpoint,
            "access_key_env": "DEMO_STORAGE_KEY_ID",
            "secret_key_env": "DEMO_STORAGE_KEY",
        }
        yaml.dump(targets, path)

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
