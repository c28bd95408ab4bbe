"""What a witness remembers: the newest checkpoint of each log, one file a log, kept durably.

A witness that forgets would cosign a second history, so a checkpoint counts as remembered only when
it would survive a power cut: it is written beside its place, synced, moved into place, and then the
directory is synced. A lock on the directory keeps a second process out.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from placet.durable import make_directory, replace_file
from placet.proof.note import (
    COSIGNATURE,
    MAX_NOTE_BYTES,
    Checkpoint,
    Note,
    NoteError,
    VerifierKey,
    cosigned_at,
    parse_checkpoint,
    parse_note,
)
from placet.signing import FileSigner, open_signer

KEY_FILE = "witness.pem"
NAME_FILE = "witness.vkey"

_NAME = re.compile(r"[^\s+]{1,200}")
_LOCK_FILE = "lock"
_SUFFIX = ".checkpoint"


class StateInUseError(ConflictError):
    """Another process uses the witness's directory."""

    code = "witness-in-use"


class StateError(InvalidInputError):
    """The witness's directory is not what it must be; the message says what to do."""

    code = "witness-state"


class StateFolderError(NotFoundError):
    """The witness's directory cannot be made or used."""

    code = "witness-folder"


class RecordError(UnavailableError):
    """What the witness remembers cannot be read or written."""

    code = "witness-record"


class Records:
    """The newest checkpoint of each log, as the witness cosigned it."""

    def __init__(self, directory: Path, key: VerifierKey) -> None:
        self._directory = directory
        self._key = key

    def read(self, origin: str) -> tuple[Checkpoint, Note] | None:
        """Return the checkpoint last cosigned for a log; None when there was none.

        Raises:
            RecordError: There is one, and it cannot be read or is not this witness's.
        """
        path = self.path(origin)
        try:
            with path.open("rb") as stream:
                note = parse_note(stream.read(MAX_NOTE_BYTES + 1).decode())
            checkpoint = parse_checkpoint(note.text)
            if checkpoint.origin == origin and cosigned_at(note, self._key) is not None:
                return checkpoint, note
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecordError(
                f"{path} cannot be read: {error.strerror}; look at the disk"
            ) from None
        except (NoteError, UnicodeDecodeError):
            pass
        raise RecordError(
            f"{path} is damaged: nothing of {origin} can be cosigned. Do not delete it; start "
            "another witness, with a name and directory of its own"
        )

    def write(self, origin: str, note: Note) -> None:
        """Remember a checkpoint; when this returns, it is on the disk.

        Raises:
            RecordError: It is not sure that it is.
        """
        try:
            replace_file(self.path(origin), str(note).encode())
        except OSError as error:
            raise RecordError(
                f"{self._directory} cannot be written: {error.strerror}; look at the disk"
            ) from None

    def path(self, origin: str) -> Path:
        """Return the file of a log."""
        return self._directory / f"{hashlib.sha256(origin.encode()).hexdigest()}{_SUFFIX}"


@contextmanager
def open_state(directory: Path, name: str) -> Iterator[tuple[FileSigner, Records]]:
    """Give the witness's key and what it remembers, and keep other processes out meanwhile.

    The directory, private to its owner, and the key are made when there are none.

    Raises:
        StateInUseError: Another process is in there.
        StateError: It is another witness's, or lacks its key; or the name cannot be used.
        StateFolderError: It cannot be used.
        SigningKeyError: The key cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise StateError(
            f"{name!r} is no name for a witness: leave out spaces and plus signs, "
            "as in witness.example/w1"
        )
    with _locked(directory):
        told = _told(directory / NAME_FILE)
        if told and not (directory / KEY_FILE).exists():
            raise StateError(
                f"{directory / KEY_FILE} is missing, and with it the key {told}; put it back, or "
                "start another witness, with a name and directory of its own"
            )
        signer = open_signer(directory / KEY_FILE, name, COSIGNATURE)
        if not told:
            _tell(directory / NAME_FILE, signer.key)
        elif told != str(signer.key):
            raise StateError(
                f"{directory} belongs to the witness {told}, and a key has one name for ever; "
                "start it by that name, or take another directory"
            )
        yield signer, Records(directory, signer.key)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    try:
        make_directory(directory, 0o700)
        descriptor = os.open(directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateFolderError(
            f"{directory} cannot be used: {error.strerror}; name a directory in which this account "
            "may write"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUseError(
                f"another process uses {directory}; stop it first, or take another directory"
            ) from None
        yield
    finally:
        # The lock goes with the descriptor, also when the process is killed.
        os.close(descriptor)


def _tell(path: Path, key: VerifierKey) -> None:
    try:
        replace_file(path, f"{key}\n".encode())
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}; look at the disk") from None


def _told(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise StateError(f"{path} cannot be read; put it back as it was") from None
