import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.errors import InvalidInputError
from placet.payments.pain002 import BankStatus, read_status_report
from tests.support.bank import status_report

CREATED = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
REFERENCE = "ab" * 16


def a_status(**changes: Any) -> BankStatus:
    return BankStatus.model_validate(
        {
            "original_message_id": REFERENCE,
            "original_payment_id": REFERENCE,
            "original_end_to_end_id": REFERENCE,
            "status": "RJCT",
            "reason_code": "AC04",
            "reason": "The account is closed.",
            **changes,
        }
    )


@pytest.mark.parametrize("version", ["03", "09", "10", "13"])
def test_a_rejected_payment_is_read(version: str) -> None:
    content = status_report([a_status()], CREATED, version)
    assert read_status_report(content) == [a_status()]
    assert a_status().rejected
    assert not a_status().settled


def test_a_settled_payment_is_read() -> None:
    status = a_status(status="ACSC", reason_code=None, reason="")
    assert read_status_report(status_report([status], CREATED)) == [status]
    assert status.settled
    assert not status.rejected


@pytest.mark.parametrize(
    "changes",
    [
        {"original_end_to_end_id": None},
        {"original_end_to_end_id": None, "original_payment_id": None},
    ],
)
def test_a_block_or_a_whole_message_can_be_rejected(changes: dict[str, None]) -> None:
    status = a_status(**changes)
    assert read_status_report(status_report([status], CREATED)) == [status]


def test_the_most_specific_status_stands() -> None:
    whole = a_status(original_payment_id=None, original_end_to_end_id=None, status="PART")
    transfers = [a_status(original_end_to_end_id=f"e{n}") for n in range(3)]
    assert read_status_report(status_report([whole, *transfers], CREATED)) == transfers


def test_a_transfer_with_only_a_reason_has_the_status_of_its_block() -> None:
    content = status_report([a_status()], CREATED)
    content = content.replace(b"<TxSts>RJCT</TxSts>", b"")
    with pytest.raises(InvalidInputError, match="no status"):
        read_status_report(content)
    content = content.replace(b"<TxInfAndSts>", b"<PmtInfSts>RJCT</PmtInfSts><TxInfAndSts>")
    assert read_status_report(content) == [a_status()]


def test_a_long_reason_in_several_pieces_is_joined_and_cleaned() -> None:
    words = "closed " * 40
    (status,) = read_status_report(status_report([a_status(reason=words)], CREATED))
    assert status.reason.startswith("closed closed")
    content = status_report([a_status(reason="a")], CREATED)
    content = content.replace(b"<AddtlInf>a<", "<AddtlInf>a\u202e\n=b<".encode())
    assert read_status_report(content)[0].reason == "a\ufffd =b"


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE D [<!ENTITY a "xxxxxxxxxx">'
    + "".join(
        f'<!ENTITY {n} "{f"&{p};" * 10}">' for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><D>&i;</D>"
)
OUTSIDE = '<!DOCTYPE D [<!ENTITY f SYSTEM "file:///etc/passwd">]><D>&f;</D>'
GOOD = status_report([a_status()], CREATED)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not XML"),
        (b"hello", "not XML"),
        (GOOD[:-20], "not XML"),
        (b"\xff\xfe\xff", "not XML"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "not XML"),
        (BOMB.encode(), "document type declaration"),
        (OUTSIDE.encode(), "document type declaration"),
        (OUTSIDE.encode("utf-16"), "document type declaration"),
        (b"<!DOCTYPE D SYSTEM 'http://127.0.0.1/x.dtd'><D/>", "document type declaration"),
        (b"<Document/>", "not a pain.002 document"),
        (GOOD.replace(b"pain.002", b"pain.001"), "not a pain.002 document"),
        (GOOD.replace(b"OrgnlMsgId", b"MsgId"), "no OrgnlMsgId"),
        (GOOD.replace(b"OrgnlGrpInfAndSts", b"X"), "names no original message"),
        (GOOD.replace(b"OrgnlPmtInfAndSts", b"X"), "no status in it"),
        (GOOD.replace(b"RJCT", b"nope!"), "no status code"),
        (GOOD.replace(b"ab" * 16 + b"<", b"a" * 36 + b"<"), "at most 35 characters"),
        (b" " * (10 * 1024 * 1024 + 1), "larger than 10 MiB"),
        (b"<a>" * 100_000, "not XML"),
    ],
)
def test_what_is_no_status_report_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_status_report(content)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


@given(st.binary(max_size=200) | st.integers(0, len(GOOD)).map(lambda n: GOOD[:n] + GOOD[n + 3 :]))
def test_a_damaged_report_is_read_or_refused_and_nothing_else(content: bytes) -> None:
    with contextlib.suppress(InvalidInputError):
        assert read_status_report(content)
