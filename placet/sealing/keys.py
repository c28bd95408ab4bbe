"""The keys that checkpoints are signed with: the one of now, and those before it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from placet.proof.note import Checkpoint, Note, NoteError, Signature, VerifierKey, parse_key
from placet.signing import LOG_FILE, Signer, SigningKeyError, open_signer

RETIRED_FILE = "log.retired"
"""Beside the key: the public halves of the keys before it, one a line."""


class LogKeys(NamedTuple):
    """How the log signs, and whose signatures it takes for its own.

    Attributes:
        signer: Signs from now on; its key's name is the log's origin.
        retired: The public halves of the keys that it has replaced.
    """

    signer: Signer
    retired: Sequence[VerifierKey] = ()

    @property
    def origin(self) -> str:
        """Return the log's name."""
        return self.signer.key.name

    @property
    def known(self) -> list[VerifierKey]:
        """Return every key that a checkpoint of this log may be signed by."""
        return [self.signer.key, *self.retired]

    def signed(self, size: int, root: bytes) -> Note:
        """Return the note of a checkpoint, signed."""
        text = Checkpoint(self.origin, size, root).text
        key = self.signer.key
        return Note(text, (Signature(key.name, key.id, self.signer.sign(text.encode())),))


def find_log_keys(folder: Path, origin: str) -> LogKeys | None:
    """Return the log's keys from ``folder``; None, and none is made, where there are none.

    Raises:
        SigningKeyError: They cannot be used.
    """
    path = folder / LOG_FILE
    try:
        path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SigningKeyError(f"{path}: {error.strerror}; let this account read it") from None
    return open_log_keys(folder, origin)


def open_log_keys(folder: Path, origin: str) -> LogKeys:
    """Read the log's keys from ``folder``, or make the first one there.

    Raises:
        SigningKeyError: They cannot be used.
    """
    signer = open_signer(folder / LOG_FILE, origin)
    path = folder / RETIRED_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return LogKeys(signer, [parse_key(line) for line in lines if line.strip()])
    except FileNotFoundError:
        return LogKeys(signer)
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise SigningKeyError(f"{path}: {error}; correct it, one public key a line") from None
