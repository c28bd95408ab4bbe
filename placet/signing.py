"""The keys that sign events and checkpoints, kept outside the database.

A :class:`Signer` may be anything that signs with Ed25519, for instance a key management service;
here it is a key in a file that only its owner can read.
"""

from functools import cached_property
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from placet.domain.errors import InvalidInputError
from placet.keyfiles import KeyFileExposedError, make_secret, read_secret
from placet.proof.note import SIGNATURE, NoteError, VerifierKey, public_key

WRITER_FILE = "writer.pem"
LOG_FILE = "log.pem"


class SigningKeyError(InvalidInputError):
    """A signing key cannot be used; the message says what to do."""

    code = "signing-key"


class Signer(Protocol):
    """Signs, and says with which key."""

    @property
    def key(self) -> VerifierKey:
        """Return the public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature."""
        ...


class FileSigner:
    """Signs with a key that was read from a file."""

    def __init__(self, name: str, private: Ed25519PrivateKey, of_type: int = SIGNATURE) -> None:
        """Sign as ``name``.

        Raises:
            SigningKeyError: The name holds a space or a plus sign, or is empty.
        """
        self._private = private
        try:
            self._key = public_key(name, private, of_type)
        except NoteError as error:
            raise SigningKeyError(f"{error}; correct PLACET_LEDGER_NAME") from None

    @property
    def key(self) -> VerifierKey:
        """Return the public half."""
        return self._key

    @property
    def private(self) -> Ed25519PrivateKey:
        """Return the private half."""
        return self._private

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature."""
        return self._private.sign(message)


class LateSigner:
    """Signs with a key in a file, which is read or made when something is first signed.

    So whoever only reads the ledger makes no key, and needs none.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Sign as ``name``; see :func:`open_signer` for what the first use raises."""
        self._path = path
        self._name = name

    @property
    def key(self) -> VerifierKey:
        """Return the public half."""
        return self._signer.key

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature."""
        return self._signer.sign(message)

    @cached_property
    def _signer(self) -> FileSigner:
        return open_signer(self._path, self._name)


def open_signer(path: Path, name: str, of_type: int = SIGNATURE) -> FileSigner:
    """Read the key in ``path`` as PKCS #8 PEM, or make one there when there is no file.

    Several processes may do so at once: all get the same key. Its directory is made, private to
    its owner, when it is missing.

    Raises:
        SigningKeyError: Others can read the file, it holds no Ed25519 key, or cannot be made.
    """
    try:
        raw = read_secret(path)
        if raw is None:
            make_secret(path, _new_key())
            raw = read_secret(path)
    except KeyFileExposedError as error:
        raise SigningKeyError(str(error)) from None
    except OSError as error:
        raise SigningKeyError(
            f"{path}: {error.strerror or error}; let this account read and write PLACET_KEYS"
        ) from None
    try:
        key = load_pem_private_key(raw or b"", None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(
            f"{path} holds no Ed25519 key in PEM without a password; put the key back from where "
            "you keep a copy"
        )
    return FileSigner(name, key, of_type)


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
