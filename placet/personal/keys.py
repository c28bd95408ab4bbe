"""The keys of personal data: one for each person, outside the database, to be destroyed.

A :class:`SubjectKeys` may be anything that keeps secrets, for instance a key management service;
here each is a file of 32 random bytes.
"""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from placet.domain.errors import PlacetError, UnavailableError
from placet.durable import sync_directory
from placet.keyfiles import make_secret, read_secret

KEY_BYTES = 32
STEPS_FILE = "steps.key"

_DIRECTORY = "subjects"
_STEPS_BYTES = 64
_CACHED = 10_000


class SubjectKey(NamedTuple):
    """One version of a person's key.

    Attributes:
        key_id: Names this version, and says nothing of the secret.
        secret: 32 random bytes.
    """

    key_id: str
    secret: bytes


class SubjectKeys(Protocol):
    """Keeps a key for each person."""

    def at_hand(self, subject: str) -> SubjectKey | None:
        """Return the key of a person if that takes no time; None says nothing of whether it is."""
        ...

    def current(self, subject: str) -> SubjectKey:
        """Return the key of a person, made when there is none.

        Raises:
            UnavailableError: It can be neither read nor made now.
        """
        ...

    def find(self, subject: str, key_id: str) -> SubjectKey | None:
        """Return that version of a person's key; None when it is gone or cannot be read."""
        ...

    def destroy(self, subject: str) -> bool:
        """Destroy a person's key for good; False when there was none.

        Raises:
            UnavailableError: It is still there.
        """
        ...


class _Cached(NamedTuple):
    path: str
    stamp: tuple[int, int]
    key: SubjectKey


class FileKeys:
    """Keeps the keys as files in a directory; many processes may use it at once.

    A key that is known is used only while its file is still the same: nothing is sealed with a
    key that has been destroyed meanwhile.
    """

    def __init__(self, keys: Path) -> None:
        """Keep them in a directory of their own in ``keys``."""
        self._directory = keys / _DIRECTORY
        self._cache: dict[str, _Cached] = {}

    def at_hand(self, subject: str) -> SubjectKey | None:
        """Return a key that has been read before, if its file is still the same."""
        cached = self._cache.get(subject)
        if cached is None:
            return None
        try:
            told = os.stat(cached.path)  # noqa: PTH116 - several times as fast, and for each event
        except OSError:
            return None
        return cached.key if cached.stamp == (told.st_ino, told.st_mtime_ns) else None

    def current(self, subject: str) -> SubjectKey:
        """Return the key of a person; see :class:`SubjectKeys`."""
        if (known := self.at_hand(subject)) is not None:
            return known
        path = self._path(subject)
        try:
            key = self._read(subject, path)
            if key is None:
                make_secret(path, os.urandom(KEY_BYTES))
                key = self._read(subject, path)
        except (OSError, PlacetError) as error:
            raise UnavailableError(_unusable(path, error)) from None
        if key is None:
            # Destroyed in the moment after it was made; the next attempt makes another.
            raise UnavailableError(f"the key {path} has just been destroyed; try again")
        return key

    def find(self, subject: str, key_id: str) -> SubjectKey | None:
        """Return that version of a person's key; see :class:`SubjectKeys`."""
        try:
            key = self.at_hand(subject) or self._read(subject, self._path(subject))
        except (OSError, PlacetError):
            return None
        return key if key and key.key_id == key_id else None

    def destroy(self, subject: str) -> bool:
        """Destroy a person's key; see :class:`SubjectKeys`.

        What it held is overwritten first, which helps on disks that write in place.
        """
        path = self._path(subject)
        self._cache.pop(subject, None)
        was_there = False
        try:
            with contextlib.suppress(FileNotFoundError):
                with path.open("r+b") as stream:
                    stream.write(bytes(KEY_BYTES))
                    stream.flush()
                    os.fsync(stream.fileno())
                path.unlink()
                was_there = True
            with contextlib.suppress(FileNotFoundError):
                # Also when it is gone: an attempt before this one may have died right after it.
                sync_directory(self._directory)
        except OSError as error:
            raise UnavailableError(_unusable(path, error)) from None
        return was_there

    def _path(self, subject: str) -> Path:
        return self._directory / f"{hashlib.sha256(subject.encode()).hexdigest()}.key"

    def _read(self, subject: str, path: Path) -> SubjectKey | None:
        try:
            told = path.stat()
        except FileNotFoundError:
            self._cache.pop(subject, None)
            return None
        secret = read_secret(path)
        if secret is None:
            return None
        if len(secret) != KEY_BYTES or not any(secret):
            raise UnavailableError(
                f"it holds no key of {KEY_BYTES} bytes; put it back from a copy, or remove it"
            )
        key = SubjectKey(hashlib.sha256(b"placet-subject-key/1 " + secret).hexdigest()[:16], secret)
        while len(self._cache) >= _CACHED:
            # Threads may share the cache: another may have emptied it.
            with contextlib.suppress(StopIteration, KeyError, RuntimeError):
                del self._cache[next(iter(self._cache))]
        self._cache[subject] = _Cached(str(path), (told.st_ino, told.st_mtime_ns), key)
        return key


def steps_key(keys: Path) -> bytes:
    """Return the key of what workflows' steps came to: 64 bytes, made once.

    Raises:
        UnavailableError: It can be neither read nor made now.
    """
    path = keys / STEPS_FILE
    try:
        secret = read_secret(path)
        if secret is None:
            make_secret(path, os.urandom(_STEPS_BYTES))
            secret = read_secret(path)
    except (OSError, PlacetError) as error:
        raise UnavailableError(_unusable(path, error)) from None
    if secret is None or len(secret) != _STEPS_BYTES:
        raise UnavailableError(
            f"{path} holds no key of {_STEPS_BYTES} bytes; put it back from where you keep a copy"
        )
    return secret


def _unusable(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{path}: {error.strerror or error}; let this account read and write PLACET_KEYS"
    return f"{path}: {error}"
