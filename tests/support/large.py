"""Ledgers of stories that really happened, as many as one likes, written as a bundle."""

import json
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.support.cases import World, group, people, stage
from tests.support.ledgers import (
    POLICY,
    POLICY_DIGEST,
    Ledger,
    attestation,
    canonical,
    personal_line,
    write_files,
    write_manifest,
)

AT_ONCE = 100
"""So many requests are told in turn."""

BETWEEN_CHECKPOINTS = 1_000

_REQUEST = "expense-1"
_NOT_OURS = ("schema", "kind", "request", "occurred", "policy")
_REVIEW = "reviewer:review:approved"


@cache
def story() -> tuple[tuple[str, str], ...]:
    """Return the events of a request that bob approves: each kind with its body as JSON."""
    world = World(people("bob"), [stage("manager", group("manager", "bob"))], effect=None)
    told = {"decision_id": f"d-{_REQUEST}", "digest": world.case.digest, "reason": "fine"}
    world.send("approve", "bob", verified=True, **told)
    return tuple((each.kind, canonical(each.body).decode()) for each in world.story.events)


def tell(ledger: Ledger, request: str, step: int) -> None:
    """Append the next event of a request's story."""
    kind, text = story()[step]
    body: dict[str, Any] = json.loads(text.replace(_REQUEST, request))
    if kind == _REVIEW:
        body["actor"]["name"] = ledger.personal_name(request, "Bob Brown", "actor.name")
        body["attestation"] = attestation(
            {
                "sub": "bob@example.com",
                "req": request,
                "rev": body["revision"],
                "dig": body["digest"],
                "stage": body["stage"],
                "verdict": "approve",
                "iat": 1,
                "jti": body["decision_id"],
            }
        )
    ledger.append(request, kind, {key: body[key] for key in body if key not in _NOT_OURS})


def large_ledger(path: Path, events: int) -> Path:
    """Write a bundle of so many events without holding it in memory."""
    path.mkdir()
    ledger = Ledger()
    with (
        (path / "events.jsonl").open("w", encoding="utf-8") as lines,
        (path / "personal.jsonl").open("wb") as names,
        (path / "checkpoints").open("w", encoding="utf-8") as notes,
    ):
        for position in range(events):
            turn, within = divmod(position, AT_ONCE * len(story()))
            step, number = divmod(within, AT_ONCE)
            tell(ledger, f"expense-{turn}-{number}", step)
            _write(ledger, position, lines, names)
            if position % BETWEEN_CHECKPOINTS == BETWEEN_CHECKPOINTS - 1 and position + 1 < events:
                notes.write(f"{ledger.seal()}\n")
                ledger.checkpoints.clear()
    (path / "checkpoint").write_text(ledger.seal(), encoding="utf-8")
    write_files(path, {f"policies/{POLICY_DIGEST}.json": POLICY})
    write_manifest(path, first=0, size=events, request=None, events=events)
    return path


def _write(ledger: Ledger, position: int, lines: IO[str], names: IO[bytes]) -> None:
    """Write an event, and forget it."""
    lines.write(ledger.line(position) + "\n")
    ledger.forget(position)
    for row in ledger.personal:
        names.write(personal_line(row))
    ledger.personal.clear()
