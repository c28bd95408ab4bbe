"""Writes events, what is personal in them, and what opens it, as the lines of a bundle."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from psycopg.rows import DictRow

from placet.bundling.files import BundleFiles
from placet.ledger.bundles import Snapshot
from placet.personal.keys import SubjectKeys
from placet.personal.sealing import TOKEN_BYTES, Ciphertext, opening_key, tokens_of
from placet.proof.bundle import EVENTS, PERSONAL
from placet.proof.lines import EVENT_KEYS, PERSONAL_KEYS, PRUNED_KEYS

_AT_ONCE = 500
_ANCHOR_SIZE_BYTES = 8
_MOST = 2**63 - 1
"""What a number in the database may be at most."""

Progress = Callable[[int], None]
"""Is told how many events are written."""


class Part:
    """Writes events and what is personal in them, and notes what they refer to.

    Attributes:
        events: How many were written.
        anchors: Sizes of the trees that writers had seen.
        policies: Digests of the policies they name.
        unopened: How many texts were to be opened, and have no key here.
    """

    def __init__(
        self, snapshot: Snapshot, files: BundleFiles, keys: SubjectKeys | None, progress: Progress
    ) -> None:
        """Write what ``snapshot`` holds into ``files``; without ``keys`` nothing is opened."""
        self.events = self.unopened = 0
        self.anchors: set[int] = set()
        self.policies: set[str] = set()
        self._snapshot = snapshot
        self._files = files
        self._keys = keys
        self._progress = progress

    def write(self, rows: Iterable[DictRow]) -> None:
        """Write all of them, some at once."""
        self._files.append(EVENTS, b"")
        self._files.append(PERSONAL, b"")
        waiting = iter(rows)
        while some := list(islice(waiting, _AT_ONCE)):
            found = list(map(tokens_in, some))
            personal = self._snapshot.personal([token for each in found for token in each])
            for row, names in zip(some, found, strict=True):
                self._event(row)
                for name in names:
                    if (sealed := personal.get(name)) is not None:
                        self._personal(row, sealed)
            self._progress(self.events)

    def _event(self, row: Mapping[str, Any]) -> None:
        told = dict(row)
        told["signature"] = base64.b64encode(row["signature"]).decode()
        body = row["body"]
        if body is not None:
            told["body"] = bytes(body).decode(errors="surrogateescape")
        self._files.append(EVENTS, _line(told, PRUNED_KEYS if body is None else EVENT_KEYS))
        self.events += 1
        anchor = bytes.fromhex(row["anchor"])
        if anchor:
            size = int.from_bytes(anchor[:_ANCHOR_SIZE_BYTES], "big")
            # Whoever has the application's password may have written anything there.
            self.anchors.add(min(size, _MOST))
        policy = None if body is None else _policy(told["body"])
        if policy is not None:
            self.policies.add(policy)

    def _personal(self, row: Mapping[str, Any], sealed: Ciphertext) -> None:
        # An event that only names what another says does not open it.
        is_own = sealed.key_id.partition(":")[2] == row["event_id"]
        key = opening_key(sealed, self._keys) if self._keys and is_own else None
        self.unopened += self._keys is not None and is_own and key is None
        told = {
            "position": row["position"],
            "digest": sealed.digest.hex(),
            "subject": sealed.subject,
            "key_id": sealed.key_id,
            "ciphertext": base64.b64encode(sealed.ciphertext).decode(),
            "key": base64.b64encode(key).decode() if key else None,
        }
        self._files.append(PERSONAL, _line(told, PERSONAL_KEYS))


def tokens_in(row: Mapping[str, Any]) -> list[str]:
    """Return the digests of the ciphertexts that an event names, each once."""
    body = row["body"]
    if not body or not TOKEN_BYTES.search(body):
        return []
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return tokens_of(told) if isinstance(told, dict) else []


def _line(told: Mapping[str, Any], keys: Iterable[str]) -> bytes:
    ordered = {key: told[key] for key in keys}
    text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="surrogateescape") + b"\n"


def _policy(body: str) -> str | None:
    """Return the digest of the policy that a body names."""
    try:
        digest = json.loads(body)["policy"]["digest"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return digest if isinstance(digest, str) and _is_digest(digest) else None


def _is_digest(text: str) -> bool:
    return len(text) == hashlib.sha256().digest_size * 2 and set(text) <= set("0123456789abcdef")
