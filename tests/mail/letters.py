"""Mails for tests."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from placet.domain.recipients import Recipient
from placet.domain.sending import SendRequest, Stamp
from placet.mail.compose import Letter

STAMP = Stamp("ab" * 32, datetime(2026, 3, 2, 8, 30, tzinfo=UTC))


def mail(**changes: Any) -> SendRequest:
    """Return a mail from Alice to Bob."""
    return SendRequest.model_validate(
        {
            "requester": "alice@example.com",
            "sender": {"address": "alice@example.com", "name": "Alice Adams"},
            "to": [{"address": "bob@example.com"}],
            "subject": "Lunch",
            "text": "At noon?",
            **changes,
        }
    )


def attached(content: bytes, name: str, media_type: str, **more: Any) -> dict[str, Any]:
    """Return what a mail says of a file."""
    return {
        "name": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": media_type,
        "size": len(content),
        **more,
    }


def letter(request: SendRequest, *contents: bytes) -> Letter:
    """Write a mail."""
    files = {hashlib.sha256(content).hexdigest(): content for content in contents}
    return Letter(request, files, STAMP)


def first(request: SendRequest, *, own: bool = False) -> Recipient:
    """Return the first whom a mail names."""
    return Recipient(request.named[0], own)
