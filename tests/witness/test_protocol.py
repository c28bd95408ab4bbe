"""Every status that C2SP tlog-witness demands, over a real connection."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from placet.proof.note import (
    Checkpoint,
    Note,
    Signature,
    cosigned_at,
    is_signed,
    parse_checkpoint,
    parse_note,
)
from placet.proof.tree import EMPTY_ROOT
from placet.witness.messages import SIZE_TYPE, Submission
from tests.support.logs import Log
from tests.witness.mortal import NAME, Orders, Running, running


def _recorded(witness: Running, history: Log) -> httpx.Response:
    """Return what the witness answers to whoever knows nothing: its size, or nothing cosigned."""
    return witness.post(history.request(0, 1))


@pytest.mark.rule(number=11)
def test_it_cosigns_the_first_checkpoint_and_each_that_continues_it(
    witness: Running, history: Log
) -> None:
    old = 0
    for size in (1, 2, 3, 8, 8, 13, 64, 65):
        before = int(time.time())
        answer = witness.post(history.request(old, size))
        assert answer.status_code == 200, answer.text
        note = parse_note(f"{history.checkpoint(size).text}\n{answer.text}")
        assert answer.text.count("\n") == 1
        assert before <= (cosigned_at(note, witness.key) or 0) <= time.time()
        old = size
    assert witness.key.name == NAME


def test_it_cosigns_the_empty_log(witness: Running, history: Log) -> None:
    assert witness.post(history.request(0, 0)).status_code == 200
    assert witness.post(history.request(0, 0)).status_code == 200
    assert witness.post(history.request(0, 3)).status_code == 200


@pytest.mark.rule(number=11)
def test_whoever_asks_from_another_size_is_told_the_one_it_knows(
    witness: Running, history: Log
) -> None:
    assert witness.post(history.request(3, 8)).text == "0\n"
    assert witness.post(history.request(0, 5)).status_code == 200
    for old, size in ((0, 8), (4, 8), (6, 8), (0, 3), (3, 3)):
        answer = witness.post(history.request(old, size))
        assert (answer.status_code, answer.text) == (409, "5\n")
        assert answer.headers["content-type"] == SIZE_TYPE
    assert witness.post(history.request(5, 8)).status_code == 200


def test_an_unknown_log_is_not_found(witness: Running, history: Log) -> None:
    assert witness.post(Log("other.example/log").request(0, 5)).status_code == 404
    assert witness.post(history.request(0, 5)).status_code == 200


def test_a_key_that_is_not_the_logs_is_forbidden(witness: Running, history: Log) -> None:
    assert witness.post(history.renewed().request(0, 5)).status_code == 403


@pytest.mark.rule(number=11)
def test_a_false_signature_is_forbidden_also_beside_a_true_one(
    witness: Running, history: Log
) -> None:
    asked = history.submission(0, 5)
    true = asked.note.signatures[0]
    false = Signature(true.name, true.key_id, bytes(64))
    for signatures in ((false,), (true, false), (false, true)):
        note = Note(asked.note.text, signatures)
        assert witness.post(bytes(asked._replace(note=note))).status_code == 403
    assert _recorded(witness, history).status_code == 200


def test_signatures_by_strangers_are_ignored(witness: Running, history: Log) -> None:
    asked = history.submission(0, 5)
    strangers = [
        Signature(f"stranger.example/{i}", b"\x01\x02\x03\x04", b"x" * 64) for i in range(20)
    ]
    same_name = Signature(history.name, b"\x01\x02\x03\x04", b"x" * 64)
    note = Note(asked.note.text, (*strangers, same_name, *asked.note.signatures))
    assert witness.post(bytes(asked._replace(note=note))).status_code == 200


def test_a_log_may_have_a_new_key_beside_the_old_one(tmp_path: Path, history: Log) -> None:
    renewed = history.renewed()
    with running(Orders(tmp_path / "state", (history.key, renewed.key))) as witness:
        assert witness.post(history.request(0, 5)).status_code == 200
        assert witness.post(renewed.request(5, 8)).status_code == 200


def test_an_old_size_above_the_checkpoints_is_a_bad_request(witness: Running, history: Log) -> None:
    assert witness.post(history.request(0, 5)).status_code == 200
    asked = history.submission(0, 4)._replace(old_size=5)
    assert witness.post(bytes(asked)).status_code == 400


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("forked_at", [0, 2, 4])
def test_another_history_is_refused(witness: Running, history: Log, forked_at: int) -> None:
    assert witness.post(history.request(0, 5)).status_code == 200
    fork = history.forked(forked_at)
    assert witness.post(fork.request(5, 8)).status_code == 422
    answer = witness.post(fork.request(5, 5))
    assert (answer.status_code, answer.text) == (409, "5\n")
    assert witness.post(history.request(5, 8)).status_code == 200


@pytest.mark.rule(number=11)
def test_a_rollback_is_refused(witness: Running, history: Log) -> None:
    assert witness.post(history.request(0, 8)).status_code == 200
    assert witness.post(history.request(0, 5)).status_code == 409
    assert witness.post(history.request(5, 5)).status_code == 409
    assert witness.post(bytes(history.submission(0, 5)._replace(old_size=8))).status_code == 400
    assert witness.post(history.request(0, 0)).status_code == 409
    assert _recorded(witness, history).text == "8\n"


@pytest.mark.rule(number=11)
def test_a_proof_that_does_not_prove_it_is_refused(witness: Running, history: Log) -> None:
    first = history.submission(0, 5)
    assert witness.post(bytes(first._replace(proof=[EMPTY_ROOT]))).status_code == 422
    assert witness.post(bytes(first)).status_code == 200
    asked = history.submission(5, 8)
    for proof in (
        [],
        asked.proof[:-1],
        asked.proof[1:],
        [*asked.proof, asked.proof[0]],
        list(reversed(asked.proof)),
        [EMPTY_ROOT] * 63,
    ):
        assert witness.post(bytes(asked._replace(proof=proof))).status_code == 422
    assert (
        witness.post(bytes(history.submission(5, 5)._replace(proof=[EMPTY_ROOT]))).status_code
        == 422
    )
    assert witness.post(bytes(asked)).status_code == 200


def test_a_tree_of_size_zero_has_one_root(witness: Running, history: Log) -> None:
    wrong = history.empty_with_root(b"\x01" * 32)
    assert witness.post(wrong).status_code == 422
    assert _recorded(witness, history).status_code == 200


def _other_spelling(body: bytes) -> bytes:
    """Change a bit of the proof's first line that base64 does not use."""
    line = body.split(b"\n")[1]
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = letters.index(line[-2])
    return body.replace(line, line[:-2] + letters[at + 1 : at + 2] + b"=")


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "no UTF-8": lambda body: b"\xff" + body,
    "a size with a zero before it": lambda body: body.replace(b"old 5", b"old 05"),
    "a size with a sign": lambda body: body.replace(b"old 5", b"old +5"),
    "a size in other digits": lambda body: body.replace(b"old 5", "old \u0665".encode()),
    "two spaces": lambda body: body.replace(b"old 5", b"old  5"),
    "no old line": lambda body: body.partition(b"\n")[2],
    "carriage returns": lambda body: body.replace(b"\n", b"\r\n"),
    "no empty line": lambda body: body.replace(b"\n\n", b"\n", 1),
    "no signatures": lambda body: body.rpartition(b"\n\n")[0] + b"\n",
    "a line of the proof that is no base64": lambda body: body.replace(b"old 5\n", b"old 5\n***\n"),
    "a short hash": lambda body: body.replace(b"old 5\n", b"old 5\nAAAA\n"),
    "a hash in another spelling": _other_spelling,
    "64 lines of proof": lambda body: body.replace(
        b"old 5\n", b"old 5\n" + (base64.b64encode(bytes(32)) + b"\n") * 64
    ),
    "an extension line": lambda body: body.replace(b"=\n\n\xe2", b"=\nmore\n\n\xe2"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_malformed_is_a_bad_request(witness: Running, history: Log, what: str) -> None:
    assert witness.post(history.request(0, 5)).status_code == 200
    body = history.request(5, 8)
    broken = MALFORMED[what](body)
    assert broken != body
    assert witness.post(broken).status_code == 400
    assert witness.post(body).status_code == 200


def test_a_body_above_the_limit_is_refused_whole(witness: Running, history: Log) -> None:
    body = history.request(0, 5)
    assert witness.post(body + b" " * (64 * 1024)).status_code == 413
    assert witness.post(body).status_code == 200


def test_people_see_who_it_is_and_how_far_it_has_come(witness: Running, history: Log) -> None:
    page = witness.client.get(f"{witness.url}/").text
    assert str(witness.key) in page
    assert "nothing cosigned yet" in page
    witness.post(history.request(0, 5))
    page = witness.client.get(f"{witness.url}/").text
    assert history.name in page
    assert "size      5\n" in page


def test_anybody_may_read_the_newest_checkpoint(witness: Running, history: Log) -> None:
    where = f"{witness.url}/{history.name_hash}/checkpoint"
    assert witness.client.get(where).status_code == 404
    witness.post(history.request(0, 5))
    note = parse_note(witness.client.get(where).text)
    assert parse_checkpoint(note.text).size == 5
    assert is_signed(note, history.key)
    assert cosigned_at(note, witness.key)
    assert witness.client.get(f"{witness.url}/{'0' * 64}/checkpoint").status_code == 404


def test_nothing_else_is_there(witness: Running) -> None:
    assert witness.client.get(f"{witness.url}/add-checkpoint").status_code == 405
    assert witness.client.put(f"{witness.url}/").status_code == 405
    for path in ("/sign-subtree", "/witness.pem", "/../witness.pem", "/metrics", "//"):
        assert witness.client.post(witness.url + path).status_code == 404


def test_a_request_is_one_text(history: Log) -> None:
    note = history.checkpoint(8)
    asked = Submission(5, history.proof(5, 8), note, parse_checkpoint(note.text))
    assert bytes(asked) == history.request(5, 8)
    assert isinstance(asked.checkpoint, Checkpoint)
