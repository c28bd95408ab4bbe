"""Write a payment order as a SEPA credit transfer file, ISO 20022 ``pain.001.001.09``.

Version 09 is what the European Payments Council's guidelines have asked for since the rulebooks of
2023, and sepaxml carries its schema; version 03 is being retired by the banks.

``sepaxml`` builds the message, but with random identifications and the clock's time. Those are
replaced by the order's own, so that a retry after a crash makes the same bytes, and the result is
validated against the schema that sepaxml ships.
"""

# What is parsed here is what sepaxml has just written.
import xml.etree.ElementTree as ET
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from sepaxml import SepaTransfer  # type: ignore[import-untyped]
from xmlschema import XMLSchema, XMLSchemaValidationError

from placet.domain.errors import InvalidInputError
from placet.payments.order import Debtor, PaymentOrder
from placet.payments.sepa import MAX_NAME, MAX_REMITTANCE, sepa_text

SCHEMA = "pain.001.001.09"


class UnprintableError(InvalidInputError):
    """A name or text has nothing in it that a bank could print."""

    code = "unprintable"


def payment_order(order: PaymentOrder, debtor: Debtor) -> bytes:
    """Write the file for one order, valid against ``pain.001.001.09``.

    Names and the remittance text are written in the SEPA character set and cut at 70 and 140
    characters. The same order and debtor always give the same bytes.

    Raises:
        UnprintableError: A name has no letter or digit in that character set.
        InvalidInputError: The message is not valid against its schema.
    """
    config = _without_none(
        name=_printed("the debtor's name", debtor.name, MAX_NAME),
        IBAN=debtor.iban,
        BIC=debtor.bic,
        currency=order.amount.currency,
        batch=False,
    )
    transfer = SepaTransfer(config, schema=SCHEMA, clean=False)
    transfer.add_payment(
        _without_none(
            name=_printed("the creditor's name", order.creditor_name, MAX_NAME),
            IBAN=order.creditor_iban,
            BIC=order.creditor_bic,
            amount=order.amount.minor,
            execution_date=order.requested_execution_date,
            description=sepa_text(order.remittance, MAX_REMITTANCE) or order.reference,
            endtoend_id=order.reference,
        )
    )
    content = _with_own_identifications(transfer.export(validate=False), order)
    try:
        _schema().validate(content.decode())
    except XMLSchemaValidationError as error:
        raise InvalidInputError(
            f"the payment for request {order.request_id} is not a valid {SCHEMA} message:"
            f" {error.reason} at {error.path}; correct the request or the debtor's settings"
        ) from error
    return content


@cache
def _schema() -> XMLSchema:
    """The schema that sepaxml ships, read once: reading takes longer than validating."""
    with as_file(files("sepaxml") / "schemas" / f"{SCHEMA}.xsd") as path:
        return XMLSchema(path)


def _with_own_identifications(exported: bytes, order: PaymentOrder) -> bytes:
    """Replace what sepaxml made up, name the debtor's bank, and indent."""
    root = ET.fromstring(exported)  # noqa: S314 - see the import.
    # Unqualified names and one plain xmlns attribute are written the same whatever prefixes
    # anybody has registered in this process.
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    root.set("xmlns", f"urn:iso:std:iso:20022:tech:xsd:{SCHEMA}")
    for path, value in {
        ".//GrpHdr/MsgId": order.reference,
        ".//GrpHdr/CreDtTm": f"{order.created:%Y-%m-%dT%H:%M:%S}Z",
        ".//PmtInf/PmtInfId": order.reference,
    }.items():
        found = root.find(path)
        if found is None:
            raise InvalidInputError(f"the payment message has no {path}; report this as a defect")
        found.text = value
    bank = root.find(".//DbtrAgt/FinInstnId")
    if bank is not None and len(bank) == 0:
        # An empty identification is valid, but the EPC's guidelines ask to say that it is missing.
        ET.SubElement(ET.SubElement(bank, "Othr"), "Id").text = "NOTPROVIDED"
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"


def _printed(what: str, name: str, limit: int) -> str:
    text = sepa_text(name, limit)
    if not any(character.isalnum() for character in text):
        raise UnprintableError(f"{what} has nothing a bank can print; write it with letters")
    return text


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
