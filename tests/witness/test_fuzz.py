"""Whatever is sent to a witness, it answers as it must and remembers what it did."""

import socket
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from placet.witness.cosigner import Cosigner
from placet.witness.messages import MalformedRequestError, parse_submission
from placet.witness.records import open_state
from tests.support.logs import Log
from tests.support.waiting import PATIENCE_SECONDS
from tests.witness.mortal import Orders, Running, running

HISTORY = Log()
KNOWN, NEXT = 5, 8
ASKED = HISTORY.request(KNOWN, NEXT)
REFUSALS = {400, 403, 404, 409, 422}

several = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(Orders(tmp_path_factory.mktemp("fuzz") / "state", (HISTORY.key,))) as found:
        assert found.post(HISTORY.request(0, KNOWN)).status_code == 200
        yield found


def _record(witness: Running) -> bytes:
    return witness.client.get(f"{witness.url}/{HISTORY.name_hash}/checkpoint").content


@several
@given(st.binary(max_size=500) | st.text(max_size=300).map(lambda text: text.encode()))
def test_nonsense_is_a_bad_request(witness: Running, body: bytes) -> None:
    before = _record(witness)
    assert witness.post(body).status_code == 400
    assert _record(witness) == before


@pytest.mark.rule(number=11)
@several
@given(
    st.integers(0, len(ASKED) - 1),
    st.integers(1, 20),
    st.binary(max_size=20) | st.sampled_from([b"\n", b"\n\n", b" ", b"=", b"old 5\n", b"0"]),
)
def test_a_request_that_was_changed_is_refused(
    witness: Running, at: int, length: int, instead: bytes
) -> None:
    body = ASKED[:at] + instead + ASKED[at + length :]
    assume(body != ASKED)
    before = _record(witness)
    assert witness.post(body).status_code in REFUSALS
    assert _record(witness) == before


@several
@given(st.integers(0, len(ASKED) - 1), st.integers(0, 7))
def test_a_request_with_one_bit_turned_is_refused(witness: Running, at: int, bit: int) -> None:
    body = bytearray(ASKED)
    body[at] ^= 1 << bit
    before = _record(witness)
    assert witness.post(bytes(body)).status_code in REFUSALS
    assert _record(witness) == before


@several
@given(st.binary(max_size=300))
def test_what_can_be_read_is_written_in_one_way(body: bytes) -> None:
    try:
        asked = parse_submission(body)
    except MalformedRequestError:
        return
    assert bytes(asked) == body


@pytest.mark.rule(number=11)
@several
@given(
    st.binary(min_size=1, max_size=200)
    | st.lists(
        st.sampled_from(
            [
                b"POST /add-checkpoint HTTP/1.1\r\n",
                b"GET / HTTP/1.1\r\n",
                b"HEAD / HTTP/1.0\r\n",
                b"Host: a\r\n",
                b"Content-Length: 3\r\n",
                b"Content-Length: -1\r\n",
                b"Content-Length: 99999999999999999999\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Connection: close\r\n",
                b"Expect: 100-continue\r\n",
                b"\r\n",
                b"abc",
                b"3\r\nabc\r\n0\r\n\r\n",
                b"\x00\xff\n",
            ]
        ),
        max_size=9,
    ).map(b"".join)
)
def test_no_bytes_at_all_break_it(witness: Running, sent: bytes) -> None:
    before = _record(witness)
    where = urlsplit(witness.url)
    with socket.create_connection((where.hostname, where.port), PATIENCE_SECONDS) as one:
        one.sendall(sent)
        one.shutdown(socket.SHUT_WR)
        heard = b""
        while part := one.recv(4096):
            heard += part
    assert not heard or heard.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 5" not in heard
    assert _record(witness) == before


class Try(NamedTuple):
    """A proof between two sizes, shown for a checkpoint of a third one.

    Attributes:
        history: The log's, or one that turns off at some leaf.
        told: The old size that is told.
        proved: From which size to which the proof leads.
        size: The checkpoint's.
    """

    history: Log
    told: int
    proved: tuple[int, int]
    size: int


_sizes = st.integers(0, 12)
_tries = st.builds(
    Try,
    st.sampled_from([HISTORY, HISTORY, HISTORY.forked(0), HISTORY.forked(4), HISTORY.forked(5)]),
    st.just(KNOWN) | _sizes,
    st.tuples(_sizes, _sizes).map(lambda both: (min(both), max(both))),
    _sizes,
)


@pytest.mark.rule(number=11)
@several
@given(_tries)
def test_only_the_right_proof_of_the_same_history_is_taken(
    tmp_path_factory: pytest.TempPathFactory, one: Try
) -> None:
    with open_state(tmp_path_factory.mktemp("try"), "witness.example/w1") as (signer, records):
        witness = Cosigner(signer, [HISTORY.key], records)
        assert witness.add_checkpoint(HISTORY.request(0, KNOWN)).status == 200
        asked = one.history.submission(0, one.size)._replace(
            old_size=one.told, proof=one.history.proof(*one.proved)
        )
        before = witness.newest(HISTORY.name)
        status = witness.add_checkpoint(bytes(asked)).status
        right = one.told == KNOWN and one.size >= KNOWN
        right = right and asked.proof == one.history.proof(KNOWN, one.size)
        same = one.history.checkpoint(KNOWN).text == HISTORY.checkpoint(KNOWN).text
        assert (status == 200) == (right and same)
        assert status in REFUSALS | {200}
        assert status == 200 or witness.newest(HISTORY.name) == before
