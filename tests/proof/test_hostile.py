"""Bundles by somebody who wants to harm who verifies them: no hang, no crash, no terminal codes."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import pytest

from placet.proof.__main__ import main
from placet.proof.bundle import MAX_LINE, Bundle, open_bundle
from placet.proof.findings import Code, UnusableError
from placet.proof.note import MAX_NOTE_BYTES
from placet.proof.trust import Trust
from placet.proof.verify import chunks_of, verify
from tests.proof.conftest import Codes
from tests.support import ledgers
from tests.support.large import story, tell
from tests.support.ledgers import KEYS, Ledger, resigned

Place = Callable[[Path], None]


def a_link_to_what_never_ends(path: Path) -> None:
    """Make a link to a device."""
    path.symlink_to("/dev/zero")


def a_pipe(path: Path) -> None:
    """Make a pipe that nobody writes to."""
    os.mkfifo(path)


@pytest.mark.parametrize("place", [a_link_to_what_never_ends, a_pipe, Path.mkdir])
@pytest.mark.parametrize(
    "name", ["bundle.json", "events.jsonl", "personal.jsonl", "checkpoint", "checkpoints"]
)
def test_only_plain_files_are_read(
    name: str, place: Place, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    (bundle / name).unlink()
    place(bundle / name)
    with pytest.raises(UnusableError, match=name):
        codes(bundle)


@pytest.mark.parametrize("place", [a_link_to_what_never_ends, a_pipe, Path.mkdir])
def test_a_policy_that_is_no_plain_file_is_missing(
    place: Place, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    policy = bundle / "policies" / f"{ledgers.POLICY_DIGEST}.json"
    policy.unlink()
    place(policy)
    assert codes(bundle) == {Code.FILE_MISSING}


@pytest.mark.parametrize("place", [a_link_to_what_never_ends, a_pipe])
def test_a_file_that_is_none_is_unexpected(
    place: Place, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    place(bundle / "more")
    assert codes(bundle) == {Code.FILE_UNEXPECTED}


@pytest.mark.parametrize("name", ["stamp.tsr", f"policies/{'a' * 64}.json"])
def test_a_file_with_holes_is_not_read_to_its_end(
    name: str, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    told = json.loads((bundle / "bundle.json").read_bytes())
    told["files"][name] = "0" * 64
    (bundle / "bundle.json").write_bytes(ledgers.canonical(told) + b"\n")
    with (bundle / name).open("wb") as file:
        file.truncate(1 << 42)
    assert codes(bundle) == {Code.FILE_UNEXPECTED}


def test_directories_may_lie_in_each_other_without_end(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    inner = str(bundle)
    for _ in range(1_500):
        inner += "/d"
        os.mkdir(inner)  # noqa: PTH102 - a path of so many parts is too long for pathlib
    try:
        assert codes(bundle) == set()
    finally:
        # Nothing that cleans up after tests could remove them.
        while inner != str(bundle):
            os.rmdir(inner)  # noqa: PTH106 - likewise
            inner = inner[:-2]


@pytest.mark.parametrize("name", ["policies/\x1b[2J.json", "policies/\u202e", "\x1b]0;x\x07"])
def test_no_name_of_a_file_can_move_the_cursor(
    name: str,
    ledger: Ledger,
    tmp_path: Path,
    trust_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    (bundle / name).write_bytes(b"1")
    for change in (b"1", b"2"):
        (bundle / name).write_bytes(change)
        assert main([str(bundle), "--trust", str(trust_file)]) == 11
        ledgers.refreshed(bundle)
    (bundle / name).write_bytes(b"3")
    assert main([str(bundle), "--trust", str(trust_file)]) == 11
    told = "".join(capsys.readouterr())
    assert told.isascii()
    assert told.replace("\n", "").isprintable()


@pytest.mark.parametrize("size", [MAX_LINE, 3 * MAX_LINE])
def test_one_line_without_end_does_not_keep_the_others_from_being_looked_at(
    size: int, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    events = (bundle / "events.jsonl").read_bytes().split(b"\n")
    events[3] = events[3][:-2] + b"x" * size + b'"}'
    (bundle / "events.jsonl").write_bytes(b"\n".join(events))
    ledgers.refreshed(bundle)
    found = codes(bundle)
    assert {Code.LINE_UNREADABLE, Code.POSITION_GAP} <= found
    assert Code.SIGNATURE_FALSE not in found


def test_long_lines_are_few_in_a_chunk(ledger: Ledger, tmp_path: Path) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    line = b'{"position":0,' + b"x" * MAX_LINE
    (bundle / "events.jsonl").write_bytes((line[:MAX_LINE] + b"\n") * 8)
    (bundle / "personal.jsonl").write_bytes((line[:MAX_LINE] + b"\n") * 12)
    with ExitStack() as stack:
        chunks = list(chunks_of(open_bundle(bundle), stack))
    assert sum(len(events) for _, events, _ in chunks) == 8
    assert max(sum(map(len, [*events, *rows])) for _, events, rows in chunks) < 128 << 20


def test_a_note_that_goes_on_behind_its_end_is_no_note(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    (bundle / "checkpoint").write_bytes(b"x" * (MAX_NOTE_BYTES + 1))
    with pytest.raises(UnusableError, match="checkpoint"):
        codes(bundle)


def test_a_line_that_is_no_signature_is_shown_in_ascii(
    ledger: Ledger, tmp_path: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    note = (bundle / "checkpoint").read_text("utf-8")
    (bundle / "checkpoint").write_text(f"{note}\u00e9\u6f22\x9b2J\n", "utf-8")
    ledgers.refreshed(bundle)
    assert main([str(bundle), "--trust", str(trust_file), "--json"]) == 11
    told = json.loads(capsys.readouterr().out)
    assert all(each["sentence"].isascii() for each in told["findings"])


@pytest.mark.parametrize(("events", "fits"), [(3 << 20, True), (1 << 20, False)])
def test_the_proof_of_a_request_that_was_flooded_may_be_long(
    *, events: int, fits: bool, ledger: Ledger, tmp_path: Path
) -> None:
    path = ledger.write(tmp_path / "bundle", request="expense-0")
    with (path / "events.jsonl").open("r+b") as stream:
        stream.truncate(events)
    (path / "proof.json").write_bytes(b'{"paths":["' + b"0" * (17 << 20) + b'"]}\n')
    bundle = open_bundle(path)
    if fits:
        assert bundle.json("proof.json").keys() == {"paths"}
    else:
        with pytest.raises(UnusableError, match=r"proof\.json has more"):
            bundle.json("proof.json")


def test_no_name_of_a_policy_leads_out_of_the_bundle(
    tmp_path: Path, pinned: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger()
    for step in range(len(story())):
        tell(ledger, "expense-0", step)
    for at, event in enumerate(ledger.events):
        body = event.body.replace(ledgers.POLICY_DIGEST.encode(), b"../../outside")
        ledger.events[at] = resigned(event._replace(body=body), KEYS.writer)
    ledger.rebuild()
    bundle = ledger.write(tmp_path / "bundle")
    (tmp_path / "outside.json").write_bytes(ledgers.POLICY)
    manifest = json.loads((bundle / "bundle.json").read_bytes())
    manifest["files"]["policies/../../outside.json"] = ledgers.POLICY_DIGEST
    (bundle / "bundle.json").write_bytes(ledgers.canonical(manifest) + b"\n")
    opened: list[str] = []
    open_ = Bundle.open

    def watched(self: Bundle, name: str) -> BinaryIO:
        opened.append(name)
        return open_(self, name)

    monkeypatch.setattr(Bundle, "open", watched)
    assert Code.FILE_MISSING in verify(bundle, pinned, processes=1).findings.counts
    assert "events.jsonl" in opened
    assert not any(".." in name for name in opened)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1,2\n", b'{"a": 1}\n', b"\xff\n"])
def test_a_damaged_bundle_is_asked_for_again(
    raw: bytes, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    (bundle / "bundle.json").write_bytes(raw)
    with pytest.raises(UnusableError, match="ask for another export"):
        codes(bundle)
