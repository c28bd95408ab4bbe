"""Encrypts what is exported to its recipient's key, in the format of age-encryption.org."""

import io
from typing import Protocol

import pyrage  # type: ignore[import-untyped]

from placet.domain.errors import InvalidInputError


class Sink(Protocol):
    """What is written to."""

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        ...

    def flush(self) -> None:
        """Pass on what was held back."""
        ...


def check_key(key: str) -> None:
    """Make sure that ``key`` is a public key.

    Raises:
        InvalidInputError: It is none: a letter is wrong, or it is of another kind.
    """
    _recipient(key)


def encrypt(plain: io.RawIOBase, sealed: Sink, key: str) -> None:
    """Read all of ``plain`` and write it encrypted, a piece of 64 KiB at a time.

    Raises:
        InvalidInputError: ``key`` is no public key.
    """
    pyrage.encrypt_io(plain, sealed, [_recipient(key)])


def _recipient(key: str) -> object:
    try:
        return pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        raise InvalidInputError(
            "it is no public key of age; write all of the line that age-keygen calls public key, "
            "which begins with age1"
        ) from None
