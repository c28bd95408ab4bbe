import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import sepaxml  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from xmlschema import XMLSchema, XMLSchemaValidationError

from placet.domain.errors import InvalidInputError
from placet.payments import pain001
from placet.payments.iban import check_bic, check_iban
from placet.payments.order import Debtor, PaymentOrder, bank_reference
from placet.payments.pain001 import payment_order
from placet.payments.sepa import says_something, sepa_text
from tests.payments.orders import DEBTOR, an_order

SCHEMA = XMLSchema(Path(sepaxml.__file__).parent / "schemas" / "pain.001.001.09.xsd")
NAMES = {"": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
SEPA = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*")


def texts(content: bytes) -> dict[str, str]:
    """The file's values by the name of their element; names that come twice by their parent's."""
    root = ET.fromstring(content)  # noqa: S314 - written by the test itself.
    return {
        f"{parent.tag.rpartition('}')[2]}/{child.tag.rpartition('}')[2]}": child.text
        for parent in root.iter()
        for child in parent
        if child.text and child.text.strip()
    }


def test_the_file_says_what_the_order_says() -> None:
    values = texts(payment_order(an_order(), DEBTOR))
    reference = "ab" * 16
    assert values == {
        "GrpHdr/MsgId": reference,
        "GrpHdr/CreDtTm": "2026-03-09T09:00:00Z",
        "GrpHdr/NbOfTxs": "1",
        "GrpHdr/CtrlSum": "184.60",
        "InitgPty/Nm": "Acme + Sohne GmbH",
        "PmtInf/PmtInfId": reference,
        "PmtInf/PmtMtd": "TRF",
        "PmtInf/BtchBookg": "false",
        "PmtInf/NbOfTxs": "1",
        "PmtInf/CtrlSum": "184.60",
        "SvcLvl/Cd": "SEPA",
        "ReqdExctnDt/Dt": "2026-03-10",
        "Dbtr/Nm": "Acme + Sohne GmbH",
        "PmtInf/ChrgBr": "SLEV",
        "PmtId/EndToEndId": reference,
        "Amt/InstdAmt": "184.60",
        "Cdtr/Nm": "Zoe Muller",
        "Id/IBAN": "FR7630006000011234567890189",
        "FinInstnId/BICFI": "AGRIFRPPXXX",
        "RmtInf/Ustrd": "Team dinner",
    }


def test_the_money_leaves_the_debtor_and_reaches_the_creditor() -> None:
    root = ET.fromstring(payment_order(an_order(), DEBTOR))  # noqa: S314 - written just now.
    assert root.findtext(".//DbtrAcct/Id/IBAN", None, NAMES) == DEBTOR.iban
    assert root.findtext(".//DbtrAgt/FinInstnId/BICFI", None, NAMES) == "COBADEFFXXX"
    assert root.findtext(".//CdtrAcct/Id/IBAN", None, NAMES) == "FR7630006000011234567890189"
    amount = root.find(".//InstdAmt", NAMES)
    assert amount is not None
    assert amount.attrib == {"Ccy": "EUR"}


def test_the_same_order_gives_the_same_bytes() -> None:
    assert payment_order(an_order(), DEBTOR) == payment_order(an_order(), DEBTOR)
    again = PaymentOrder.model_validate_json(an_order().model_dump_json())
    assert payment_order(again, DEBTOR) == payment_order(an_order(), DEBTOR)


def test_a_bank_that_is_not_given_is_said_to_be_missing() -> None:
    debtor = DEBTOR.model_copy(update={"bic": None})
    content = payment_order(an_order(creditor_bic=None), debtor)
    assert texts(content)["Othr/Id"] == "NOTPROVIDED"
    assert b"BICFI" not in content
    SCHEMA.validate(content.decode())


@pytest.mark.rule(number=12)
@settings(max_examples=60)
@given(
    st.text(min_size=1, max_size=200).filter(says_something),
    st.text(min_size=1, max_size=200).filter(lambda text: any(map(str.isprintable, text.strip()))),
    st.integers(1, 99_999_999_999),
)
def test_whatever_people_typed_the_file_is_valid_and_in_sepa_characters(
    name: str, remittance: str, cents: int
) -> None:
    try:
        order = an_order(
            creditor_name=name,
            remittance=remittance,
            amount=f"{cents // 100}.{cents % 100:02} EUR",
        )
    except ValidationError:
        return  # Too long, or nothing anybody can see: refused before.
    content = payment_order(order, DEBTOR)
    SCHEMA.validate(content.decode())
    values = texts(content)
    assert len(values["Cdtr/Nm"]) <= 70
    assert len(values["RmtInf/Ustrd"]) <= 140
    assert SEPA.fullmatch(values["Cdtr/Nm"])
    assert SEPA.fullmatch(values["RmtInf/Ustrd"])
    assert values["Amt/InstdAmt"] == values["GrpHdr/CtrlSum"] == str(order.amount.amount)


def test_a_text_of_emoji_is_replaced_by_the_reference() -> None:
    content = payment_order(an_order(remittance="🍕🍷"), DEBTOR)
    assert texts(content)["RmtInf/Ustrd"] == bank_reference("ab" * 32)


def test_a_name_that_no_bank_can_print_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="creditor's name has nothing a bank can print"):
        payment_order(an_order(creditor_name="🎉"), DEBTOR)


def test_a_message_that_breaks_the_schema_never_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pain001, "MAX_NAME", 200)
    with pytest.raises(InvalidInputError, match=r"not a valid pain\.001\.001\.09 message"):
        payment_order(an_order(creditor_name="x" * 141), DEBTOR)
    with pytest.raises(XMLSchemaValidationError):
        SCHEMA.validate("<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.09'/>")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "0 EUR"),
        ("amount", "-1 EUR"),
        ("amount", "1 USD"),
        ("amount", "1000000000 EUR"),
        ("permit_id", "AB" * 32),
        ("digest", "cd"),
        ("creditor_iban", "DE89370400440532013001"),
        ("creditor_bic", "COBAZZFF"),
        ("created", "2026-03-09T10:00:00"),
        ("creditor_name", ""),
    ],
)
def test_an_order_that_cannot_be_paid_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        an_order(**{field: value})


def test_a_debtor_has_a_valid_account() -> None:
    with pytest.raises(ValidationError, match="invalid checksum digits"):
        Debtor(name="Acme", iban="DE89370400440532013001")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Zoë Müller-Straße", "Zoe Muller-Strasse"),
        ("Łukasz & Σοφία", "Lukasz + Sophia"),
        ("中文", "Zhong Wen"),
        ("// a // b /", "a / b"),
        ("Bob 🎉 <b>", "Bob b"),
        ("🎉", ""),
    ],
)
def test_what_is_left_of_a_text_in_the_sepa_characters(text: str, written: str) -> None:
    assert sepa_text(text, 70) == written
    assert says_something(text) == bool(written)


@given(st.text(), st.integers(1, 40))
def test_every_text_has_a_sepa_form(text: str, limit: int) -> None:
    written = sepa_text(text, limit)
    assert SEPA.fullmatch(written)
    assert len(written) <= limit
    assert written == written.strip(" /")
    assert "//" not in written
    assert sepa_text(written, limit) == written


def test_account_numbers() -> None:
    assert check_iban("de89 3704 0044 0532 0130 00") == "DE89370400440532013000"
    assert check_bic("cobadeff") == "COBADEFF"
    for bad in ["", "DE", "DE89370400440532013001", "é" * 100, "\x00", "US64SVBKUS6S3300958879"]:
        with pytest.raises(InvalidInputError):
            check_iban(bad)
    for bad in ["", "COBA", "COBAZZFF", "🏦" * 8]:
        with pytest.raises(InvalidInputError):
            check_bic(bad)
