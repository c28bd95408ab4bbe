"""Stamps by an authority that is honest, and by some that are not."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.domain.errors import UnavailableError
from placet.sealing.stamps import StampError, check_stamp, request_stamp
from tests.support.logs import Log
from tests.support.tsa import NOW, Tsa, authority, intermediate, stamper

ROOT = authority()
BETWEEN = intermediate(ROOT)
HONEST = Tsa(stamper(ROOT))
STRANGER = authority("Another root")
NAMESAKE = authority()
NO_ISSUER = stamper(ROOT, name="No issuer")
TEXT = Log().checkpoint(5).text.encode()
OTHER = Log().checkpoint(6).text.encode()
URL = "http://tsa.example/"
OPENSSL = Path(__file__).parent / "openssl"
"""What OpenSSL has stamped, one with its certificates out of the order that DER demands."""


async def _stamp(tsa: Tsa, *roots: bytes, text: bytes = TEXT) -> bytes:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == "application/timestamp-query"
        assert hashlib.sha256(text).digest() in request.content
        assert text not in request.content
        return httpx.Response(200, content=tsa.answer(request.content))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        return await request_stamp(text, URL, roots or (ROOT.pem,), client)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize(
    "tsa",
    [
        HONEST,
        Tsa(stamper(ROOT), (ROOT,)),
        Tsa(stamper(BETWEEN), (BETWEEN,)),
        Tsa(stamper(BETWEEN), (ROOT, BETWEEN)),
    ],
    ids=["alone", "with its root", "with what lies between", "with the whole chain"],
)
async def test_an_honest_authority_says_when_a_text_existed(tsa: Tsa) -> None:
    stamp = await _stamp(tsa)
    assert check_stamp(stamp, TEXT, [ROOT.pem]) == NOW
    assert check_stamp(stamp, TEXT, [STRANGER.pem, ROOT.pem]) == NOW
    assert check_stamp(stamp, TEXT, [STRANGER.pem + ROOT.pem]) == NOW


async def test_each_request_has_a_nonce_of_its_own() -> None:
    assert await _stamp(HONEST) != await _stamp(HONEST)


@pytest.mark.rule(number=11)
async def test_a_stamp_is_of_one_text() -> None:
    stamp = await _stamp(HONEST)
    for text in (OTHER, TEXT[:-1], TEXT + b"\n", b""):
        with pytest.raises(StampError, match="another text"):
            check_stamp(stamp, text, [ROOT.pem])


async def test_a_stamp_outlives_the_certificate_that_was_valid_then() -> None:
    ending = Tsa(stamper(ROOT, until=NOW + timedelta(seconds=1)))
    assert check_stamp(await _stamp(ending), TEXT, [ROOT.pem]) == NOW


LIES = {
    "another digest": HONEST.lying(digest=hashlib.sha256(OTHER).digest()),
    "a digest that is none": HONEST.lying(digest=b"short"),
    "another nonce": HONEST.lying(nonce=12345),
    "a signature over something else": HONEST.lying(tampered=True),
    "a time after its certificate ended": Tsa(stamper(ROOT, until=NOW - timedelta(days=1))),
    "a time before its certificate began": HONEST.lying(time=NOW - timedelta(days=3000)),
    "a certificate by nobody who is trusted": Tsa(stamper(STRANGER)),
    "a root of its own, brought along": Tsa(stamper(STRANGER), (STRANGER,)),
    "a root of its own beside the trusted one": Tsa(stamper(STRANGER), (STRANGER, ROOT)),
    "a root of its own under the name of the trusted one": Tsa(stamper(NAMESAKE), (NAMESAKE,)),
    "a root that stamps by itself": Tsa(STRANGER),
    "a certificate for servers": Tsa(stamper(ROOT, usage=ExtendedKeyUsageOID.SERVER_AUTH)),
    "an issuer that may not issue": Tsa(stamper(NO_ISSUER), (NO_ISSUER,)),
    "a part of the chain left out": Tsa(stamper(BETWEEN)),
}


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_no_stamp(lie: str) -> None:
    with pytest.raises(StampError):
        await _stamp(LIES[lie])


async def test_an_authority_that_refuses_is_believed() -> None:
    with pytest.raises(StampError, match="refused to stamp"):
        await _stamp(HONEST.lying(status=2))


@pytest.mark.parametrize("roots", [b"", b"no certificate", STRANGER.pem[:-40]])
async def test_without_a_trusted_certificate_nothing_counts(roots: bytes) -> None:
    stamp = await _stamp(HONEST)
    with pytest.raises(StampError, match="give one in PEM"):
        check_stamp(stamp, TEXT, [roots])
    with pytest.raises(StampError, match="give one in PEM"):
        check_stamp(stamp, TEXT, [])


@pytest.fixture(scope="module")
async def stamp() -> bytes:
    return await _stamp(Tsa(stamper(BETWEEN), (BETWEEN,)))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_bit_that_was_turned_changes_neither_text_nor_time(
    stamp: bytes, data: st.DataObject
) -> None:
    broken = bytearray(stamp)
    broken[data.draw(st.integers(0, len(stamp) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert check_stamp(bytes(broken), TEXT, [ROOT.pem]) == NOW
    except StampError:
        return


@given(st.binary(max_size=200))
def test_nonsense_is_no_stamp(stamp: bytes) -> None:
    with pytest.raises(StampError):
        check_stamp(stamp, TEXT, [ROOT.pem])


async def test_an_authority_that_is_away_is_unavailable() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    for handler in (broken, lambda _: httpx.Response(503), lambda _: httpx.Response(302)):
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            with pytest.raises(UnavailableError):
                await request_stamp(TEXT, URL, [ROOT.pem], client)


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=endless()))
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(StampError, match="no time-stamp"):
            await request_stamp(TEXT, URL, [ROOT.pem], client)


def test_a_stamp_by_openssl_is_read() -> None:
    text, root, stamp = (
        (OPENSSL / name).read_bytes() for name in ("text", "root.pem", "stamp.tsr")
    )
    at = check_stamp(stamp, text, [root])
    assert at.replace(microsecond=0) == datetime(2026, 11, 28, 18, 35, 23, tzinfo=UTC)


def test_a_stamp_that_is_not_written_as_der_says_what_is_wrong() -> None:
    text, root, stamp = (
        (OPENSSL / name).read_bytes() for name in ("text", "root.pem", "out-of-order.tsr")
    )
    with pytest.raises(StampError, match="certificates in order"):
        check_stamp(stamp, text, [root])
