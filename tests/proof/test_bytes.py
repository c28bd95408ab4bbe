"""No byte of a bundle can be changed, left out or put in without being noticed.

The files' digests in ``bundle.json`` are made to fit each time, as a forger would, so that it is
the ledger's own construction that notices. What it does not bind is written down here.
"""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from placet.proof.findings import UnusableError
from placet.proof.trust import Trust
from placet.proof.verify import verify
from tests.support import ledgers
from tests.support.ledgers import Ledger

Mutation = Callable[[bytes, int], bytes]

UNBOUND = {
    # Whose data a ciphertext is, and which key opens it, is what the exporter says; what it says
    # and where it belongs is bound by its digest in the event.
    "personal.jsonl": re.compile(rb'"subject":"([^"]*)","key_id":"([^"]*)"'),
    # A witness's line on an older checkpoint can be taken away: nobody demands that there is one.
    "checkpoints": re.compile(rb"(\xe2\x80\x94 example.org/witness \S*)"),
}
"""Parts of files that nothing binds but the file's digest."""


def bundle_of(path: Path, *, request: bool = False, first: int = 0) -> Path:
    """Write a small bundle in which each part of the format occurs."""
    ledger = Ledger()
    name = ledger.personal_name("a", "Bób Brown", "reason")
    ledger.append("a", "person:case:commented", {"reason": name})
    ledger.append("b", "person:case:commented", {"data": {"n": 1}})
    ledger.seal()
    ledger.append("a", "system:partition:pruned", {"data": {"from_seq": 2, "to_seq": 2}})
    ledger.seal()
    ledger.prune(1)
    return ledger.write(path, request="a" if request else None, first=first)


def unnoticed(
    bundle: Path,
    pinned: Trust,
    mutate: Mutation,
    places: Callable[[int], range],
    files: str = "*",
) -> Iterator[str]:
    """Yield each mutation that the verifier lets pass."""
    for file in sorted(each for each in bundle.rglob(files) if each.is_file()):
        content = file.read_bytes()
        manifest = (bundle / "bundle.json").read_bytes()
        name = file.relative_to(bundle).as_posix()
        for at in places(len(content)):
            changed = mutate(content, at)
            if changed == content or unbound(name, content, at):
                continue
            file.write_bytes(changed)
            if name != "bundle.json":
                ledgers.refreshed(bundle)
            if passes(bundle, pinned):
                yield f"{name} at {at}: {changed[max(0, at - 20) : at + 20]!r}"
        file.write_bytes(content)
        (bundle / "bundle.json").write_bytes(manifest)


def passes(bundle: Path, pinned: Trust) -> bool:
    try:
        return not verify(bundle, pinned, judges=(), processes=1).findings.counts
    except UnusableError:
        return False


def unbound(name: str, content: bytes, at: int) -> bool:
    pattern = UNBOUND.get(name)
    return pattern is not None and any(
        start <= at <= end
        for found in pattern.finditer(content)
        for start, end in map(found.span, range(1, (found.lastindex or 0) + 1))
    )


def flipped(content: bytes, at: int, bit: int | None = None) -> bytes:
    bit = random.Random(at).randrange(8) if bit is None else bit  # noqa: S311 - no secret
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def deleted(content: bytes, at: int) -> bytes:
    return content[:at] + content[at + 1 :]


def doubled(content: bytes, at: int) -> bytes:
    return content[:at] + content[at : at + 1] + content[at:]


def test_the_bundles_are_verified_as_they_are(tmp_path: Path, pinned: Trust) -> None:
    assert passes(bundle_of(tmp_path / "whole"), pinned)
    assert passes(bundle_of(tmp_path / "request", request=True), pinned)
    assert passes(bundle_of(tmp_path / "part", first=1), pinned)


@pytest.mark.rule(number=11)
def test_every_byte_that_is_flipped_is_noticed(tmp_path: Path, pinned: Trust) -> None:
    bundle = bundle_of(tmp_path / "bundle")
    assert list(unnoticed(bundle, pinned, flipped, range)) == []


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("request_only", [True, False])
def test_every_byte_of_a_proof_is_noticed(
    request_only: bool,  # noqa: FBT001 - one of two bundles
    tmp_path: Path,
    pinned: Trust,
) -> None:
    bundle = bundle_of(tmp_path / "b", request=request_only, first=0 if request_only else 1)

    def capital(content: bytes, at: int) -> bytes:
        return flipped(content, at, 5)

    for mutate in (flipped, capital):
        assert list(unnoticed(bundle, pinned, mutate, range, "proof.json")) == []


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("mutate", [deleted, doubled])
def test_bytes_that_are_left_out_or_put_in_are_noticed(
    mutate: Mutation, tmp_path: Path, pinned: Trust
) -> None:
    bundle = bundle_of(tmp_path / "bundle")
    assert list(unnoticed(bundle, pinned, mutate, lambda size: range(0, size, 7))) == []


def test_damage_is_told_apart_from_forgery_by_the_digests(tmp_path: Path, pinned: Trust) -> None:
    bundle = bundle_of(tmp_path / "bundle")
    for name in ("checkpoints", "personal.jsonl"):
        file = bundle / name
        content = file.read_bytes()
        for at in (at for at in range(len(content)) if unbound(name, content, at)):
            file.write_bytes(flipped(content, at))
            assert not passes(bundle, pinned)
        file.write_bytes(content)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", ["whole", "request", "part"])
@pytest.mark.parametrize("what", [*range(8), "deleted", "doubled", "newline", "quote", "space"])
def test_every_change_of_every_byte_is_noticed(
    kind: str, what: int | str, tmp_path: Path, pinned: Trust
) -> None:
    path = tmp_path / "bundle"
    bundle = bundle_of(path, request=kind == "request", first=1 if kind == "part" else 0)
    inserted = {"newline": b"\n", "quote": b'"', "space": b" "}

    def mutate(content: bytes, at: int) -> bytes:
        if isinstance(what, int):
            return flipped(content, at, what)
        if what in inserted:
            return content[:at] + inserted[what] + content[at:]
        return {"deleted": deleted, "doubled": doubled}[what](content, at)

    assert list(unnoticed(bundle, pinned, mutate, range)) == []
