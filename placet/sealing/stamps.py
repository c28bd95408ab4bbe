"""Time-stamps of checkpoints by an authority: RFC 3161.

A stamp says that the text of a checkpoint existed at a time. It is kept as the authority's whole
response, which ``openssl ts -verify`` reads too.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

import httpx
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from placet.domain.errors import InvalidInputError, UnavailableError
from placet.sealing.asking import Question, ask

_MAX_STAMP_BYTES = 64 * 1024
_WHY = re.compile(r"(?:Verify error: |^)([^\"{}]+)(?:\"|$)")
"""Finds in what the library says, which may be a list of OpenSSL's errors, what a person needs."""
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class StampError(InvalidInputError):
    """A time-stamp does not count; the message says why."""

    code = "bad-stamp"


async def request_stamp(
    text: bytes, url: str, roots: Sequence[bytes], client: httpx.AsyncClient
) -> bytes:
    """Have a time-stamp authority stamp a text; it is told the text's SHA-256, and nothing else.

    Args:
        text: The text of a checkpoint's note.
        url: The authority's address.
        roots: The certificates, in PEM, up to which the authority's must lead.
        client: Keeps connections open between calls.

    Returns:
        The authority's response, DER.

    Raises:
        StampError: The answer is no stamp of this text, or not by a trusted authority.
        UnavailableError: The authority does not answer, or not now.
    """
    request = TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).build()
    question = Question(
        who="the time-stamp authority",
        method="POST",
        url=url,
        content=request.as_bytes(),
        content_type="application/timestamp-query",
        most=_MAX_STAMP_BYTES,
    )
    answer = await ask(question, client)
    if len(answer.body) > _MAX_STAMP_BYTES:
        raise StampError(f"{url} sends no time-stamp; check that this is its address")
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise UnavailableError(f"{url} answers {answer.status}; try again later")
    _check(answer.body, text, roots, request.nonce)
    return answer.body


def check_stamp(stamp: bytes, text: bytes, roots: Sequence[bytes]) -> datetime:
    """Return when an authority stamped exactly this text (aware, UTC).

    The authority's certificate had to be valid then, and may have expired since. Whether it was
    revoked is not asked.

    Raises:
        StampError: It did not, or it is no authority that ``roots`` trust.
    """
    return _check(stamp, text, roots, None)


def _check(stamp: bytes, text: bytes, roots: Sequence[bytes], nonce: int | None) -> datetime:
    trusted = _trusted(roots)
    response = _parsed(stamp)
    try:
        imprint = response.tst_info.message_imprint
        if imprint.hash_algorithm != _SHA256 or imprint.message != hashlib.sha256(text).digest():
            raise StampError(
                "the time-stamp is of another text; check that it was asked for this checkpoint"
            )
        verifier = VerifierBuilder(roots=trusted, nonce=nonce).build()
        verifier.verify(response, hashlib.sha256(text).digest())
    except (VerificationError, ValueError) as error:
        found = _WHY.search(str(error))
        raise StampError(
            f"the time-stamp does not count: {found[1] if found else 'its signature is false'}; "
            "check the address and the pinned certificates of the authority"
        ) from None
    return response.tst_info.gen_time


def _trusted(roots: Sequence[bytes]) -> list[x509.Certificate]:
    try:
        found = [each for pem in roots for each in x509.load_pem_x509_certificates(pem)]
    except ValueError:
        found = []
    if not found:
        raise StampError("no certificate of a time-stamp authority is trusted; give one in PEM")
    return found


def _parsed(stamp: bytes) -> TimeStampResponse:
    try:
        response = decode_timestamp_response(stamp)
    except ValueError:
        raise StampError(
            "this is no time-stamp as RFC 3161 has it, in DER and with its certificates in order; "
            "take an authority that answers so"
        ) from None
    if response.status != 0:
        raise StampError(
            f"the authority has refused to stamp (status {response.status}); ask its operator why, "
            "or take another"
        )
    return response
