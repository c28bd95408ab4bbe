"""A bank's answer: a small but complete ``pain.002`` report."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import datetime

from placet.payments.pain002 import BankStatus


def status_report(statuses: Sequence[BankStatus], created: datetime, version: str = "10") -> bytes:
    """Write a report about payments of one message.

    Args:
        statuses: At least one, all of one ``original_message_id``. A status without an end-to-end
            id is written for its payment block, one without a payment id for the whole message.
        created: When the bank wrote it.
        version: Of ``pain.002.001``, such as 03 or 10.
    """
    root = ET.Element("Document", xmlns=f"urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}")
    report = ET.SubElement(root, "CstmrPmtStsRpt")
    header = ET.SubElement(report, "GrpHdr")
    message = statuses[0].original_message_id
    _add(header, "MsgId", f"ANSWER-{message}"[:35])
    _add(header, "CreDtTm", created.isoformat(timespec="seconds"))
    group = ET.SubElement(report, "OrgnlGrpInfAndSts")
    _add(group, "OrgnlMsgId", message)
    _add(group, "OrgnlMsgNmId", "pain.001.001.09")
    for status in statuses:
        if status.original_payment_id is None:
            _add(group, "GrpSts", status.status)
            _add_reason(group, status)
            continue
        block = ET.SubElement(report, "OrgnlPmtInfAndSts")
        _add(block, "OrgnlPmtInfId", status.original_payment_id)
        if status.original_end_to_end_id is None:
            _add(block, "PmtInfSts", status.status)
            _add_reason(block, status)
        else:
            transfer = ET.SubElement(block, "TxInfAndSts")
            _add(transfer, "OrgnlEndToEndId", status.original_end_to_end_id)
            _add(transfer, "TxSts", status.status)
            _add_reason(transfer, status)
    body: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _add_reason(parent: ET.Element, status: BankStatus) -> None:
    if status.reason_code is None and not status.reason:
        return
    information = ET.SubElement(parent, "StsRsnInf")
    if status.reason_code is not None:
        _add(ET.SubElement(information, "Rsn"), "Cd", status.reason_code)
    # AddtlInf carries at most 105 characters each.
    for start in range(0, len(status.reason), 105):
        _add(information, "AddtlInf", status.reason[start : start + 105])
