"""Read what the bank says about payments: ISO 20022 ``pain.002`` status reports."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import NoReturn

from placet.domain.base import Stored
from placet.domain.errors import InvalidInputError
from placet.domain.text import clean_text

MAX_BYTES = 10 * 1024 * 1024
MAX_STATUSES = 100_000
_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:pain\.002\.001\.[0-9]{2}", re.ASCII)
_STATUS = re.compile(r"[A-Z]{4}", re.ASCII)
_MAX_IDENTIFICATION = 35
_SETTLED = frozenset({"ACSC", "ACCC"})


class BankStatus(Stored):
    """What the bank says about one payment, or about a whole message.

    Attributes:
        original_message_id: The ``MsgId`` it answers.
        original_payment_id: The ``PmtInfId``, when it speaks of one payment block.
        original_end_to_end_id: The ``EndToEndId``, when it speaks of one transfer. Placet writes
            one reference into all three, see ``placet.payments.order.bank_reference``.
        status: Four letters of the external code set, such as ACCP (checked), ACSC (settled),
            PDNG (pending) or RJCT (rejected).
        reason_code: Such as AC04 (account closed), or the bank's own code.
        reason: What the bank wrote about it, cleaned, lines joined; empty when nothing.
    """

    original_message_id: str
    original_payment_id: str | None = None
    original_end_to_end_id: str | None = None
    status: str
    reason_code: str | None = None
    reason: str = ""

    @property
    def rejected(self) -> bool:
        """Whether the bank will not execute it."""
        return self.status == "RJCT"

    @property
    def settled(self) -> bool:
        """Whether the money has left the debtor's account."""
        return self.status in _SETTLED


class StatusReportError(InvalidInputError):
    """This is no status report that can be trusted to mean what it says."""

    code = "invalid-status-report"


def read_status_report(content: bytes) -> list[BankStatus]:
    """Read a ``pain.002.001`` report (versions 03 and later), most specific statuses only.

    A status given for single transfers stands for these; one given for a payment block without
    transfers stands for the block; one for the whole message stands alone only when nothing more
    specific is said. A document type declaration is refused, so no entity is ever expanded.

    Args:
        content: The file, at most 10 MiB.

    Raises:
        StatusReportError: It is not such a report, has a DTD, or misses an identification.
    """
    if len(content) > MAX_BYTES:
        raise StatusReportError("it is larger than 10 MiB; ask the bank for smaller reports")
    root = _parse(content)
    namespace, _, name = root.tag.removeprefix("{").rpartition("}")
    if name != "Document" or not _NAMESPACE.fullmatch(namespace):
        raise StatusReportError(
            f"it is <{_shown(root.tag)}> and not a pain.002 document; give the bank's status report"
        )
    return _Reader(namespace).read(root)


class _Reader:
    """Reads elements of one namespace."""

    def __init__(self, namespace: str) -> None:
        self._names = {"": namespace}

    def read(self, root: ET.Element) -> list[BankStatus]:
        report = root.find("CstmrPmtStsRpt", self._names)
        group = None if report is None else report.find("OrgnlGrpInfAndSts", self._names)
        if report is None or group is None:
            raise StatusReportError("it names no original message; ask the bank for the report")
        message = self._identification(group, "OrgnlMsgId")
        if message is None:
            raise StatusReportError("it has no OrgnlMsgId; ask the bank for a complete report")
        overall = self._text(group, "GrpSts")
        found = [
            status
            for block in report.iterfind("OrgnlPmtInfAndSts", self._names)
            for status in self._block(block, message, overall)
        ]
        if not found and overall is not None:
            found = [self._status(group, overall, message)]
        if not found:
            raise StatusReportError("it has no status in it; ask the bank for a complete report")
        if len(found) > MAX_STATUSES:
            raise StatusReportError(f"it has more than {MAX_STATUSES:,} statuses; split it")
        return found

    def _block(self, block: ET.Element, message: str, overall: str | None) -> Iterator[BankStatus]:
        payment = self._identification(block, "OrgnlPmtInfId")
        for_block = self._text(block, "PmtInfSts")
        transfers = block.findall("TxInfAndSts", self._names)
        for transfer in transfers:
            # A transfer that gives only its reason has the status of what it stands in.
            status = self._text(transfer, "TxSts") or for_block or overall
            if status is None:
                raise StatusReportError(
                    "a TxInfAndSts has no status; ask the bank for a complete report"
                )
            end_to_end = self._identification(transfer, "OrgnlEndToEndId")
            yield self._status(transfer, status, message, payment, end_to_end)
        if not transfers and for_block is not None:
            yield self._status(block, for_block, message, payment)

    def _status(
        self,
        element: ET.Element,
        status: str,
        message: str,
        payment: str | None = None,
        end_to_end: str | None = None,
    ) -> BankStatus:
        if not _STATUS.fullmatch(status):
            raise StatusReportError(f"{_shown(status)} is no status code; it has four letters")
        reasons = element.findall("StsRsnInf", self._names)
        codes = [
            code
            for reason in reasons
            for path in ("Rsn/Cd", "Rsn/Prtry")
            if (code := self._text(reason, path)) is not None
        ]
        words = [
            line.text
            for reason in reasons
            for line in reason.iterfind("AddtlInf", self._names)
            if line.text
        ]
        return BankStatus(
            original_message_id=message,
            original_payment_id=payment,
            original_end_to_end_id=end_to_end,
            status=status,
            reason_code=clean_text(codes[0], 35, multiline=False, truncate=True) if codes else None,
            reason=clean_text(" ".join(words), 1_000, multiline=False, truncate=True),
        )

    def _text(self, element: ET.Element, path: str) -> str | None:
        text = element.findtext(path, None, self._names)
        return text.strip() or None if text is not None else None

    def _identification(self, element: ET.Element, path: str) -> str | None:
        text = self._text(element, path)
        if text is not None and (len(text) > _MAX_IDENTIFICATION or not text.isprintable()):
            raise StatusReportError(f"{path} is {_shown(text)}; it has at most 35 characters")
        return text


class _NoDoctype(ET.TreeBuilder):
    """Builds a tree of a document that declares nothing: no entities, no outside files."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        """Refuse a declaration before anything in it is read."""
        del name, pubid, system
        raise StatusReportError(
            "it has a document type declaration, which a status report never has; do not trust"
            " where it came from"
        )


def _parse(content: bytes) -> ET.Element:
    # Entities come from a declaration alone, and that is refused; the size is bounded above.
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314
    try:
        parser.feed(content)
        root: ET.Element = parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:
        raise StatusReportError(
            f"it is not XML ({_shown(str(error))}); fetch the bank's report again"
        ) from None
    return root


def _shown(text: str) -> str:
    return clean_text(text, 80, multiline=False, truncate=True)
