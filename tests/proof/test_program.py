"""The verifier as a program of its own, and copied away from everything else."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import placet.proof
from placet.proof.__main__ import main
from placet.proof.events import check_events
from placet.proof.trust import Trust
from placet.proof.verify import verify
from tests.support import ledgers
from tests.support.large import large_ledger, story, tell
from tests.support.ledgers import Ledger

# Runs the copy with nothing on the path but itself, the standard library and cryptography.
NO_WITNESSES = json.dumps(ledgers.trust() | {"witnesses": None})
ALONE = """
import importlib.abc, runpy, sys
ALLOWED = {"cryptography", "_cffi_backend", "cffi", "proof"} | set(sys.stdlib_module_names)
class Fence(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ImportError(f"{name} may not be imported")
sys.meta_path.insert(0, Fence())
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("proof", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def ledger() -> Ledger:
    """Return a ledger of stories that follow all rules, twenty-four events."""
    ledger = Ledger()
    for step in range(len(story())):
        for number in range(4):
            tell(ledger, f"expense-{number}", step)
        ledger.seal()
    return ledger


Alone = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def alone(tmp_path: Path) -> Alone:
    """Return how to run a copy of the verifier in an empty directory."""
    (tmp_path / "empty").mkdir()
    source = Path(placet.proof.__file__).parent
    shutil.copytree(source, tmp_path / "empty" / "proof", ignore=shutil.ignore_patterns("__*__"))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - this interpreter
            [sys.executable, "-I", "-c", ALONE, str(tmp_path / "empty"), *map(str, arguments)],
            cwd=tmp_path / "empty",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.rule(number=11)
def test_a_copy_of_the_directory_verifies_alone(
    ledger: Ledger, tmp_path: Path, trust_file: Path, alone: Alone
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    answer = alone(bundle, "--trust", trust_file)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "VERIFIED\n" in answer.stdout
    assert "24 events, positions 0 to 23" in answer.stdout
    assert ledger.tree.root().hex() in answer.stdout


def test_a_copy_finds_what_is_wrong(
    ledger: Ledger, tmp_path: Path, trust_file: Path, alone: Alone
) -> None:
    ledger.leaves[7] = b"x" * 32
    bundle = ledger.write(tmp_path / "bundle")
    answer = alone(bundle, "--trust", trust_file)
    assert answer.returncode == 11
    assert answer.stdout.startswith("leaf-changed position 7: ")
    assert ", number " in answer.stdout.splitlines()[0]
    assert "NOT VERIFIED: 1 finding in 24 events\n  docs/findings.md says " in answer.stdout


def test_many_events_are_shared_among_processes(
    tmp_path: Path, trust_file: Path, alone: Alone
) -> None:
    bundle = large_ledger(tmp_path / "bundle", 1_500)
    answer = alone(bundle, "--trust", trust_file, "--json")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["verified"], told["events"], told["findings"]) == (True, 1_500, [])


def test_processes_find_the_same_as_one(tmp_path: Path, pinned: Trust) -> None:
    bundle = large_ledger(tmp_path / "bundle", 1_500)
    path = bundle / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b"120.00 EUR", b"120.01 EUR", 900))
    ledgers.refreshed(bundle)
    one, two = (verify(bundle, pinned, processes=number) for number in (1, 2))
    assert one.findings.first == two.findings.first
    assert one.findings.counts == two.findings.counts
    assert one.findings.counts["leaf-changed"] == 900
    assert len([f for f in one.findings.first if f.code == "leaf-changed"]) == 100


def test_the_result_can_be_read_by_a_program(
    ledger: Ledger, tmp_path: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.leaves[7] = b"x" * 32
    bundle = ledger.write(tmp_path / "bundle")
    assert main([str(bundle), "--trust", str(trust_file), "--json"]) == 11
    told = json.loads(capsys.readouterr().out)
    assert told["verified"] is False
    assert told["counts"] == {"leaf-changed": 1}
    assert told["findings"][0]["code"] == "leaf-changed"
    assert told["findings"][0]["place"] == "position 7"
    assert told["proved"] == []


def test_a_kept_note_is_given_as_a_file(
    ledger: Ledger, tmp_path: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    held = tmp_path / "held"
    held.write_text(ledger.checkpoints[1], encoding="utf-8")
    assert main([str(bundle), "--trust", str(trust_file), "--held", str(held)]) == 0
    assert "first 8 events since the held note" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changed",
    [
        {"log": {"origin": ledgers.ORIGIN, "keys": []}},
        {"log": {"origin": ledgers.ORIGIN, "keys": [str(ledgers.WITNESS_KEY)]}},
        {"log": {"keys": [str(ledgers.LOG_KEY)]}},
        {"writers": ["nonsense"]},
        {"writers": [str(ledgers.WRITER_KEY)] * 2},
        {"witness": {"keys": [], "quorum": 0}},
        {"witnesses": {"keys": [str(ledgers.WITNESS_KEY)], "quorum": 2}},
        {"witnesses": {"keys": [str(ledgers.WITNESS_KEY)], "quorum": True}},
        {"people": {"bob": [{"kty": "OKP", "crv": "Ed25519", "kid": "b", "x": "AAAA"}]}},
        {"unsigned_before": "all"},
        {"retired": {str(ledgers.WRITER_KEY): 7}},
        {"retired": {ledgers.WRITER_KEY.short: "7"}},
        {"retired": [ledgers.WRITER_KEY.short]},
    ],
)
def test_a_trust_file_that_means_nothing_cannot_be_used(
    changed: dict[str, Any],
    ledger: Ledger,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    path = tmp_path / "trust.json"
    path.write_text(json.dumps(ledgers.trust() | changed), encoding="utf-8")
    assert main([str(bundle), "--trust", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_what_is_not_there_cannot_be_used(
    ledger: Ledger, tmp_path: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    assert main([str(tmp_path / "no"), "--trust", str(trust_file)]) == 7
    assert main([str(bundle), "--trust", str(tmp_path / "no.json")]) == 7
    assert main([str(bundle), "--trust", str(trust_file), "--held", str(tmp_path / "no")]) == 7
    (bundle / "events.jsonl").unlink()
    assert main([str(bundle), "--trust", str(trust_file)]) == 2
    assert capsys.readouterr().out == ""


def test_nothing_in_a_bundle_can_move_the_cursor(pinned: Trust, ledger: Ledger) -> None:
    evil = ledger.events[0]._replace(stream="\x1b[2J\u202e", signing_key="\x1b]0;x\x07")
    ledger.events[0] = evil
    _, findings = check_events([ledger.line(0).encode()], [], pinned, 0)
    assert findings
    assert all(str(each).isprintable() and str(each).isascii() for each in findings)


def test_people_are_told_the_first_few_findings_of_a_kind(
    ledger: Ledger, tmp_path: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in range(4, 16):
        ledger.leaves[place] = b"x" * 32
    bundle = ledger.write(tmp_path / "bundle")
    assert main([str(bundle), "--trust", str(trust_file)]) == 11
    told = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("leaf-changed position ") for line in told) == 5
    assert "leaf-changed: 7 more; --json lists the first 100" in told


@pytest.mark.parametrize("given", ["", "[]", "{", '{"kty": "OKP"}', "{}", NO_WITNESSES])
def test_what_is_no_trust_file_says_how_one_is_made(
    given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trust.json").write_text(given, encoding="utf-8")
    assert main([str(tmp_path), "--trust", str(tmp_path / "trust.json")]) == 2
    told = capsys.readouterr().err
    assert told.endswith("make one with `audit trust`\n")
    assert "object" not in told
    assert "Expecting value" not in told


def test_what_is_no_bundle_is_named_with_its_path(
    tmp_path: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none"), "--trust", str(trust_file)]) == 7
    told = capsys.readouterr().err
    assert told.startswith(f"{tmp_path / 'none' / 'bundle.json'}: ")
    assert "name the directory of a whole bundle" in told
