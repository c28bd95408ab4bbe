"""Ledgers in pure Python, of any size: signed, sealed, witnessed, and written as a bundle."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from placet.proof.leaf import Event, leaf_hash, signed_message
from placet.proof.note import COSIGNATURE, Checkpoint, Note, cosign, public_key, sign
from placet.proof.tree import Frontier, inclusion_proofs

ORIGIN = "example.com/ledger"
WITNESS = "example.org/witness"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
POLICY = json.dumps(
    {
        "policy": {
            "id": "expense",
            "version": 3,
            "routes": [{"name": "reviewed", "stages": ["manager"]}],
            "stages": {
                "manager": {
                    "groups": [{"name": "manager", "approve": "any", "reject": "any"}],
                    "escalation": [],
                    "deadline": {"then": "reject", "finally": None},
                    "assurance": "claimed",
                    "distinct_from": [],
                    "when_stuck": "escalate",
                }
            },
            "changes": {"at_most": 5, "within": "14d", "edits": "never"},
            "break_glass": None,
        }
    }
).encode()
POLICY_DIGEST = hashlib.sha256(POLICY).hexdigest()
EVENTS_OF_A_REQUEST = 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORGOTTEN = Event(b"", "", 0, 0, "", 0, 0, "", b"", "", b"", b"")
_KINDS = (
    "requester:request:submitted",
    "system:request:planned",
    "system:stage:opened",
    "reviewer:review:approved",
    "system:case:decided",
)


def private_key(name: str) -> Ed25519PrivateKey:
    """Return the key that always belongs to this name in tests."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


class Keys(NamedTuple):
    """The private keys of a ledger."""

    writer: Ed25519PrivateKey
    log: Ed25519PrivateKey
    witness: Ed25519PrivateKey
    person: Ed25519PrivateKey


KEYS = Keys(*map(private_key, ("writer", "log", "witness", "bob")))
WRITER_KEY = public_key(f"{ORIGIN}/writer", KEYS.writer)
LOG_KEY = public_key(ORIGIN, KEYS.log)
WITNESS_KEY = public_key(WITNESS, KEYS.witness, COSIGNATURE)


class Sealed(NamedTuple):
    """A row of ``personal.jsonl``; see :mod:`placet.proof.lines`."""

    position: int
    digest: str
    subject: str
    key_id: str
    ciphertext: bytes
    key: bytes | None


class Ledger:
    """A ledger in memory; an attack changes its parts and writes them as a bundle again.

    Attributes:
        events: In the tree's order.
        leaves: As the ledger keeps them.
        checkpoints: All notes, the smallest first; the last one covers everything.
        personal: Rows with sealed personal data.
        pruned: Positions whose bodies are gone, with their digests.
        policies: The files of policies, by their digests.
        skip: Positions that are left out of a bundle.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.events: list[Event] = []
        self.leaves: list[bytes] = []
        self.checkpoints: list[str] = []
        self.personal: list[Sealed] = []
        self.pruned: dict[int, bytes] = {}
        self.policies = {POLICY_DIGEST: POLICY}
        self.skip: set[int] = set()
        self.tree = Frontier()
        self._anchor = b""
        self._recorded = 0
        self._numbers: dict[str, int] = {}

    def append(  # noqa: PLR0913 - each may differ in a test
        self,
        stream: str,
        kind: str,
        body: dict[str, Any],
        *,
        event_id: bytes | None = None,
        at: datetime | None = None,
        writer: Ed25519PrivateKey | None = KEYS.writer,
    ) -> Event:
        """Append an event as the service would: with all that follows from its place."""
        position = len(self.events)
        instant = at or START + timedelta(seconds=position)
        number = self._numbers[stream] = self._numbers.get(stream, 0) + 1
        told = {
            "schema": "placet.event/1",
            "kind": kind,
            "request": stream,
            "occurred": instant.isoformat().replace("+00:00", "Z"),
            "policy": {"id": "expense", "version": 3, "digest": POLICY_DIGEST},
            **body,
        }
        event = Event(
            event_id=event_id or hashlib.sha256(f"{stream} {number}".encode()).digest(),
            stream=stream,
            stream_seq=number,
            seq=position + 1,
            kind=kind,
            occurred=microseconds(instant),
            recorded=microseconds(instant) + 1000,
            signing_key=WRITER_KEY.short if writer else "",
            anchor=self._anchor if writer else b"",
            retention_class="",
            body=canonical(told),
            signature=b"",
        )
        if writer:
            event = resigned(event, writer)
        self.events.append(event)
        self.leaves.append(leaf_hash(event))
        self.tree.add(self.leaves[-1])
        self._recorded = event.recorded
        return event

    def forget(self, position: int) -> None:
        """Let go of an event that has been written."""
        self.events[position], self.leaves[position] = _FORGOTTEN, b""

    def personal_name(self, stream: str, name: str, path: str) -> str:
        """Seal a name for the event that comes next in a stream; return what its body says."""
        position, number = len(self.events), self._numbers.get(stream, 0) + 1
        key = hashlib.sha512(f"{stream} {number} {path}".encode()).digest()
        ciphertext = AESSIV(key).encrypt(canonical({path: name}), None)
        digest = sha256(ciphertext)
        self.personal.append(Sealed(position, digest, "bob", "subject-1", ciphertext, key))
        return f"sealed:{digest}"

    def seal(self, *, witnessed: bool = True) -> str:
        """Sign the tree as it is now; later events name it as their anchor."""
        time = self._recorded // 1_000_000 + 60
        note = checkpoint_note(self.tree, time if witnessed else None)
        self.checkpoints.append(note)
        self._anchor = self.tree.size.to_bytes(8, "big") + self.tree.root()
        return note

    def rebuild(self, *, witnessed: bool = True) -> None:
        """Compute leaves, tree and notes again from the events: what a thief of the log key does.

        Args:
            witnessed: Whether the thief has the witness's key too.
        """
        wanted = {int(note.split("\n")[1]) for note in self.checkpoints} | {len(self.events)}
        self.tree, self.checkpoints, self.leaves = Frontier(), [], []
        for position, event in enumerate(self.events, 1):
            known = self.pruned.get(position - 1)
            self.leaves.append(leaf_hash(event, known))
            self.tree.add(self.leaves[-1])
            self._recorded = event.recorded
            if position in wanted:
                self.seal(witnessed=witnessed)

    def rehash(self) -> None:
        """Compute the leaves again from the events, and leave the notes as they are."""
        self.leaves = [
            leaf_hash(event, self.pruned.get(at)) for at, event in enumerate(self.events)
        ]

    def prune(self, position: int) -> None:
        """Take an event's body away and keep its digest."""
        event = self.events[position]
        self.pruned[position] = hashlib.sha256(event.body).digest()
        self.events[position] = event._replace(body=b"")

    def write(self, path: Path, *, first: int = 0, request: str | None = None) -> Path:
        """Write the ledger, a part of it or one request's events, as a bundle."""
        chosen = [
            at
            for at, event in enumerate(self.events)
            if at >= first and request in {None, event.stream} and at not in self.skip
        ]
        wanted = set(chosen)
        files = {
            "events.jsonl": "".join(self.line(at) + "\n" for at in chosen).encode(),
            "personal.jsonl": b"".join(
                personal_line(row) for row in self.personal if row.position in wanted
            ),
            "checkpoint": self.checkpoints[-1].encode(),
            "checkpoints": "".join(f"{note}\n" for note in self.checkpoints[:-1]).encode(),
            **{f"policies/{name}.json": content for name, content in self.policies.items()},
        }
        if request is not None:
            paths = inclusion_proofs(self.leaves, chosen)
            told: Any = {"paths": [[node.hex() for node in paths[at]] for at in chosen]}
            files["proof.json"] = canonical(told) + b"\n"
        elif first:
            tree = Frontier()
            for leaf in self.leaves[:first]:
                tree.add(leaf)
            files["proof.json"] = canonical({"frontier": [n.hex() for n in tree.nodes]}) + b"\n"
        write_files(path, files)
        write_manifest(path, first=first, size=self.tree.size, request=request, events=len(chosen))
        return path

    def line(self, position: int) -> str:
        """Return an event as a line of a bundle."""
        event, known = self.events[position], self.pruned.get(position)
        told: dict[str, Any] = {
            "position": position,
            "seq": event.seq,
            "event_id": event.event_id.hex(),
            "stream": event.stream,
            "stream_seq": event.stream_seq,
            "kind": event.kind,
            "occurred": event.occurred,
            "recorded": event.recorded,
            "signing_key": event.signing_key,
            "anchor": event.anchor.hex(),
            "retention_class": event.retention_class,
            "signature": base64.b64encode(event.signature).decode(),
            "leaf": self.leaves[position].hex(),
            "body": None if known else event.body.decode(),
        }
        if known:
            told["body_digest"] = known.hex()
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def resigned(event: Event, writer: Ed25519PrivateKey) -> Event:
    """Return the event with the signature of a writer over what it says now."""
    message = signed_message(
        event_id=event.event_id,
        stream=event.stream,
        kind=event.kind,
        occurred=event.occurred,
        signing_key=event.signing_key,
        anchor=event.anchor,
        retention_class=event.retention_class,
        body=event.body,
    )
    return event._replace(signature=writer.sign(message))


def checkpoint_note(
    tree: Frontier,
    time: int | None,
    *,
    origin: str = ORIGIN,
    name: str = ORIGIN,
    log: Ed25519PrivateKey = KEYS.log,
) -> str:
    """Return a signed note of a tree; cosigned at ``time``, in seconds since 1970, if given."""
    text = Checkpoint(origin, tree.size, tree.root()).text
    signatures = [sign(text, name, log)]
    if time is not None:
        signatures.append(cosign(text, WITNESS, KEYS.witness, time))
    return str(Note(text, tuple(signatures)))


def small_ledger(requests: int = 4) -> Ledger:
    """Return a ledger of some requests, told in turn, with checkpoints in between."""
    ledger = Ledger()
    for step in range(EVENTS_OF_A_REQUEST):
        for number in range(requests):
            stream = f"expense-{number}"
            ledger.append(stream, _KINDS[step], _body_of(ledger, stream, step))
        ledger.seal()
    return ledger


def trust() -> dict[str, Any]:
    """Return what an auditor of these ledgers has pinned."""
    raw = KEYS.person.public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {
        "log": {"origin": ORIGIN, "keys": [str(LOG_KEY)]},
        "writers": [str(WRITER_KEY)],
        "witnesses": {"keys": [str(WITNESS_KEY)], "quorum": 1},
        "people": {"bob": [{"crv": "Ed25519", "kid": "bob-1", "kty": "OKP", "x": x}]},
    }


def attestation(claims: dict[str, Any], key: Ed25519PrivateKey = KEYS.person) -> str:
    """Sign claims as bob does."""
    head = {"alg": "Ed25519", "kid": "bob-1", "typ": "placet-attestation+jwt"}
    signed = b".".join(map(_url, (canonical(head), canonical(claims))))
    return b".".join((signed, _url(key.sign(signed)))).decode()


def write_files(path: Path, files: dict[str, bytes]) -> None:
    """Write files below a directory."""
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def write_manifest(  # noqa: PLR0913 - each is one thing that a bundle says
    path: Path, *, first: int, size: int, request: str | None, events: int, log: str = ORIGIN
) -> None:
    """Write ``bundle.json`` for the files that are there."""
    told = {
        "format": "placet-bundle/1",
        "log": log,
        "from": first,
        "size": size,
        "request": request,
        "count": events,
        "files": digests(path),
    }
    (path / "bundle.json").write_bytes(canonical(told) + b"\n")


def digests(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a bundle but the first."""
    found = {}
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.name != "bundle.json":
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            found[file.relative_to(path).as_posix()] = digest
    return found


def refreshed(path: Path) -> None:
    """Let ``bundle.json`` name the files as they are now, as a forger would."""
    told = json.loads((path / "bundle.json").read_bytes())
    told["files"] = digests(path)
    (path / "bundle.json").write_bytes(canonical(told) + b"\n")


def personal_line(row: Sealed) -> bytes:
    """Return a row of ``personal.jsonl``."""
    told = {
        "position": row.position,
        "digest": row.digest,
        "subject": row.subject,
        "key_id": row.key_id,
        "ciphertext": base64.b64encode(row.ciphertext).decode(),
        "key": base64.b64encode(row.key).decode() if row.key else None,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def canonical(value: Any) -> bytes:
    """Write plain JSON without fractions in its canonical form."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def sha256(content: bytes) -> str:
    """Return a SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def microseconds(instant: datetime) -> int:
    """Return an instant as leaves hold it."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _body_of(ledger: Ledger, stream: str, step: int) -> dict[str, Any]:
    """Return the rest of a body: about as large as those of real events."""
    body: dict[str, Any] = {
        "pipeline": "expense",
        "revision": 1,
        "digest": hashlib.sha256(stream.encode()).hexdigest(),
        "service": {
            "namespace": "default",
            "workflow_id": stream,
            "first_run_id": "0198f0a2-7f3e-7cc4-9b7b-6f1f0d6b1c11",
            "task_queue": "placet",
        },
        "data": {"title": f"Dinner ñ {stream}", "amount": "120.00 EUR"},
    }
    if step == 3:
        body |= {"decision_id": f"d-{stream}", "stage": "manager", "reason": "fine"}
        claims = {
            "sub": "bob@example.com",
            "req": stream,
            "rev": 1,
            "dig": body["digest"],
            "stage": "manager",
            "verdict": "approve",
            "iat": 1,
            "jti": body["decision_id"],
        }
        name = ledger.personal_name(stream, "Bob Brown", "actor.name")
        body["actor"] = {"id": "bob", "name": name, "assurance": "verified"}
        body["attestation"] = attestation(claims)
    return body


def _url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
