"""The log's side: asking a witness, and what its answers come to."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from placet.domain.errors import UnavailableError
from placet.proof.note import COSIGNATURE, Note, VerifierKey, cosign, cosigned_at, public_key
from placet.sealing import asking, witnesses
from placet.sealing.witnesses import (
    FalseCosignatureError,
    LogRolledBackError,
    Witness,
    WitnessForgotError,
    WitnessRefusedError,
)
from tests.support.logs import Log
from tests.support.waiting import PATIENCE_SECONDS
from tests.witness.mortal import NAME, Orders, Running, running

Handler = Callable[[httpx.Request], httpx.Response]

PRIVATE = Ed25519PrivateKey.generate()
KEY = public_key(NAME, PRIVATE, COSIGNATURE)
LOG = Log()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a machine that is busy with other tests answer late."""
    for name in ("_SECONDS", "_SECONDS_IN_ALL"):
        monkeypatch.setattr(asking, name, PATIENCE_SECONDS)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Running]:
    with running(Orders(tmp_path / "state", (LOG.key,))) as found:
        yield found


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as found:
        yield found


class _Asked:
    """Gives proofs of a log, and notes for which sizes."""

    def __init__(self, log: Log, size: int) -> None:
        self._log, self._size = log, size
        self.sizes: list[int] = []

    async def __call__(self, old: int) -> Sequence[bytes]:
        self.sizes.append(old)
        return self._log.proof(old, self._size)


async def _cosigned(
    running_one: Running, client: httpx.AsyncClient, log: Log, size: int, old: int = 0
) -> list[int]:
    """Have a checkpoint cosigned and return for which sizes a proof was asked."""
    asked = _Asked(log, size)
    note = log.checkpoint(size)
    one = Witness(running_one.key, running_one.url)
    line = await witnesses.cosign(note, one, old, asked, client)
    assert cosigned_at(Note(note.text, (*note.signatures, line)), running_one.key)
    return asked.sizes


async def _answer(handler: Handler, size: int = 8, old: int = 5, key: VerifierKey = KEY) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        one = Witness(key, "http://witness.example")
        await witnesses.cosign(LOG.checkpoint(size), one, old, _Asked(LOG, size), client)


async def test_a_checkpoint_is_cosigned_from_the_size_that_is_known(
    witness: Running, client: httpx.AsyncClient
) -> None:
    assert await _cosigned(witness, client, LOG, 5) == []
    assert await _cosigned(witness, client, LOG, 8, old=5) == [5]
    assert await _cosigned(witness, client, LOG, 8, old=8) == []


@pytest.mark.parametrize(("old", "proofs"), [(0, [5]), (3, [3, 5])])
async def test_who_does_not_know_the_size_learns_it(
    witness: Running, client: httpx.AsyncClient, old: int, proofs: list[int]
) -> None:
    await _cosigned(witness, client, LOG, 5)
    assert await _cosigned(witness, client, LOG, 8, old=old) == proofs


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("old", [7, 99])
async def test_a_witness_that_knows_less_than_it_has_cosigned_is_no_new_one(
    witness: Running, client: httpx.AsyncClient, old: int
) -> None:
    await _cosigned(witness, client, LOG, 5)
    with pytest.raises(WitnessForgotError, match=f"has cosigned {old} events .* knows of 5 only"):
        await _cosigned(witness, client, LOG, 8, old=old)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("old", [0, 5, 8])
async def test_a_witness_that_has_seen_more_says_that_the_log_was_rolled_back(
    witness: Running, client: httpx.AsyncClient, old: int
) -> None:
    await _cosigned(witness, client, LOG, 8)
    with pytest.raises(LogRolledBackError, match=f"{NAME} has cosigned 8 events, .* ends at 5"):
        await _cosigned(witness, client, LOG, 5, old=old)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("size", [5, 8])
async def test_another_history_is_an_alarm(
    witness: Running, client: httpx.AsyncClient, size: int
) -> None:
    await _cosigned(witness, client, LOG, 5)
    with pytest.raises(WitnessRefusedError, match="another history"):
        await _cosigned(witness, client, LOG.forked(3), size, old=5)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("old", [0, 5, 8])
async def test_a_witness_with_another_root_of_the_same_size_is_an_alarm(old: int) -> None:
    headers = {"content-type": "text/x.tlog.size"}
    with pytest.raises(WitnessRefusedError, match="another history"):
        await _answer(lambda _: httpx.Response(409, text="8\n", headers=headers), old=old)


async def test_a_witness_that_does_not_know_the_log_or_its_key_says_so(
    witness: Running, client: httpx.AsyncClient
) -> None:
    with pytest.raises(WitnessRefusedError, match="does not know this ledger"):
        await _cosigned(witness, client, Log("other.example/log"), 5)
    with pytest.raises(WitnessRefusedError, match="by another key"):
        await _cosigned(witness, client, LOG.renewed(), 5)


async def test_a_witness_that_is_away_is_unavailable(
    witness: Running, client: httpx.AsyncClient
) -> None:
    witness.kill()
    with pytest.raises(UnavailableError, match="does not answer"):
        await _cosigned(witness, client, LOG, 5)
    for url in ("http://[::1", "http://127.0.0.1:99999", "http://" + "a" * 300):
        with pytest.raises(UnavailableError, match="does not answer"):
            await witnesses.cosign(LOG.checkpoint(5), Witness(KEY, url), 0, _Asked(LOG, 5), client)


@pytest.mark.rule(number=11)
async def test_another_key_than_the_pinned_one_is_not_taken(
    witness: Running, client: httpx.AsyncClient
) -> None:
    pinned = Witness(KEY, witness.url)
    with pytest.raises(FalseCosignatureError, match="pinned"):
        await witnesses.cosign(LOG.checkpoint(5), pinned, 0, _Asked(LOG, 5), client)


def _line(text: str, private: Ed25519PrivateKey = PRIVATE, time: int = 1_800_000_000) -> str:
    return str(cosign(text, NAME, private, time))


TEXT = LOG.checkpoint(8).text
FALSE = {
    "nothing": "",
    "no signature": "thank you\n",
    "over another checkpoint": _line(LOG.checkpoint(9).text),
    "by another key": _line(TEXT, Ed25519PrivateKey.generate()),
    "without a time": _line(TEXT, time=0),
    "under the right name, false": str(cosign(TEXT, NAME, PRIVATE, 1)._replace(content=bytes(72))),
    "one true and one false": _line(TEXT)
    + str(cosign(TEXT, NAME, PRIVATE, 1)._replace(content=bytes(72))),
    "another text before it": f"\n{_line(TEXT)}",
    "a whole note": f"{TEXT}\n{_line(TEXT)}",
    "over a longer text that it sends along": f"more\n\n{_line(TEXT + chr(10) + 'more' + chr(10))}",
    "half a line": _line(TEXT)[:-1],
    "too much": _line(TEXT) * 1000,
}


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("what", FALSE)
async def test_an_answer_that_is_no_cosignature_is_not_taken(
    what: str,
) -> None:
    with capture_logs() as lines, pytest.raises(FalseCosignatureError) as caught:
        await _answer(lambda _: httpx.Response(200, text=FALSE[what]))
    logged = str(lines)
    assert "cosignature_false" in logged
    material = FALSE[what].strip().rpartition(" ")[2]
    if material:
        assert material not in logged + str(caught.value)


async def test_an_answer_that_is_no_text_is_not_taken() -> None:
    with pytest.raises(FalseCosignatureError):
        await _answer(lambda _: httpx.Response(200, content=b"\xff" + _line(TEXT).encode()))


async def test_of_several_cosignatures_that_of_the_pinned_key_is_taken() -> None:
    other = str(cosign(TEXT, "other.example/w", Ed25519PrivateKey.generate(), 7))
    await _answer(lambda _: httpx.Response(200, text=other + _line(TEXT) + other))


async def test_a_size_that_is_learnt_is_tried_once() -> None:
    asked = []

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request.content.partition(b"\n")[0])
        return httpx.Response(
            409, text=f"{len(asked)}\n", headers={"content-type": "text/x.tlog.size"}
        )

    with pytest.raises(UnavailableError, match="at the same time"):
        await _answer(busy, old=0)
    assert asked == [b"old 0", b"old 1"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("7\n", "text/plain"),
        ("07\n", "text/x.tlog.size"),
        ("-1\n", "text/x.tlog.size"),
        ("", "text/x.tlog.size"),
        ("9" * 5000, "text/x.tlog.size"),
    ],
)
async def test_a_conflict_that_tells_no_size_is_no_alarm(body: str, kind: str) -> None:
    with pytest.raises(UnavailableError, match="as no witness does"):
        await _answer(lambda _: httpx.Response(409, text=body, headers={"content-type": kind}))


@pytest.mark.parametrize("status", [301, 307, 429, 500, 502, 503])
async def test_trouble_of_a_server_is_no_alarm(status: int) -> None:
    headers = {"location": "http://elsewhere.example/add-checkpoint"}
    with pytest.raises(UnavailableError, match=f"answers {status}"):
        await _answer(lambda _: httpx.Response(status, headers=headers))


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    with pytest.raises(FalseCosignatureError):
        await _answer(lambda _: httpx.Response(200, content=endless()))


async def test_the_newest_checkpoint_can_be_asked_for(
    witness: Running, client: httpx.AsyncClient
) -> None:
    one = Witness(witness.key, witness.url)
    assert await witnesses.newest(LOG.name, one, client) is None
    await _cosigned(witness, client, LOG, 5)
    note = await witnesses.newest(LOG.name, one, client)
    assert note is not None
    assert note.text == LOG.checkpoint(5).text
    assert note.of(LOG.key)
    assert await witnesses.newest("other.example/log", one, client) is None
    with pytest.raises(FalseCosignatureError):
        await witnesses.newest(LOG.name, Witness(KEY, witness.url), client)


OTHER = Log("other.example/log").checkpoint(8).text


@pytest.mark.parametrize(
    "body", ["", str(LOG.checkpoint(5)), f"{OTHER}\n{_line(OTHER)}", f"{OTHER}\n{_line(TEXT)}"]
)
async def test_a_checkpoint_that_the_witness_has_not_cosigned_is_not_its_newest(
    body: str,
) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=body))
    async with httpx.AsyncClient(transport=transport) as asking:
        with pytest.raises(FalseCosignatureError):
            await witnesses.newest(LOG.name, Witness(KEY, "http://w.example"), asking)
