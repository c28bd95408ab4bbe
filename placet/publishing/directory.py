"""A directory that a web server serves: one step changes a page, and every version is kept.

Below the root::

    live/SLUG             a link to the version that readers see; serve this directory
    history/SLUG/VERSION  index.html and files/, each version whole and never changed
    staging               what is being written

A version is written beside the others, made durable, and put into the history by one rename. The
switch is one rename of a link. All is on one file system.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from placet.domain.errors import ConflictError, UnavailableError
from placet.domain.publication import PAGE_NAME
from placet.durable import make_directory, sync_directory
from placet.publishing.target import Change, Contents, ForeignPageError, Version, checked

_READ_ONLY = 0o444
_DIRECTORY = 0o755


class DirectoryTarget:
    """Publishes into a directory. Processes that share its file system may use it at once."""

    def __init__(self, root: Path) -> None:
        """Publish below ``root``, which is made when it is first used."""
        self._root = root
        self._live = root / "live"
        self._history = root / "history"
        self._staging = root / "staging"

    async def stage(self, change: Change, contents: Contents) -> None:
        """Write the version into the history, or make sure that it is there as it should be.

        Raises:
            ConflictError: It is there with other bytes.
            UnavailableError: The disk is full, or not there.
        """
        after = checked(change).after
        if after is None:
            return
        if await asyncio.to_thread(self._is_kept, change.slug, after):
            return
        room = self._staging / f"{change.slug}-{after.digest}"
        await asyncio.to_thread(self._clear, room)
        try:
            for name, digest in _files(after):
                data = await contents.get(digest, name)
                await asyncio.to_thread(self._write, room / name, data)
            await asyncio.to_thread(self._keep, room, change.slug, after)
        except UnavailableError:
            # A full disk should not stay full for it.
            await asyncio.to_thread(shutil.rmtree, room, ignore_errors=True)
            raise

    async def switch(self, change: Change, contents: Contents) -> None:  # noqa: ARG002 - staged before
        """Let the page's link lead to the version; without one, take the link away.

        Raises:
            ForeignPageError: The link leads elsewhere, or is none.
            UnavailableError: The disk is full, or not there.
        """
        await asyncio.to_thread(self._switch, checked(change))

    async def discard(self, change: Change) -> None:
        """Leave the version in the history, where nobody is served from."""

    def _is_kept(self, slug: str, version: Version) -> bool:
        """Say whether a version is in the history; every byte of it is looked at."""
        kept = self._history / slug / version.digest
        with self._disk():
            if not kept.exists():
                return False
            for name, digest in _files(version):
                found = _digest(kept / name)
                if found != digest:
                    raise ConflictError(
                        f"{kept / name} has the digest {found}, published is {digest}; somebody "
                        f"changed it: take {kept} away, and it is written anew"
                    )
        return True

    def _clear(self, room: Path) -> None:
        with self._disk():
            shutil.rmtree(room, ignore_errors=True)
            self._make_all()
            _make(room, room / "files")

    def _make_all(self) -> None:
        _make(self._root, self._live, self._history, self._staging)

    def _write(self, path: Path, data: bytes) -> None:
        with self._disk():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), _READ_ONLY)
                os.fsync(file.fileno())

    def _keep(self, room: Path, slug: str, version: Version) -> None:
        kept = self._history / slug / version.digest
        with self._disk(), self._alone():
            _make(kept.parent)
            sync_directory(room / "files")
            sync_directory(room)
            if not kept.exists():
                room.rename(kept)
            sync_directory(kept.parent)
            sync_directory(self._history)

    def _switch(self, change: Change) -> None:
        link = self._live / change.slug
        after = None if change.after is None else _leads_to(change.slug, change.after)
        known = [None if change.before is None else _leads_to(change.slug, change.before), after]
        with self._disk(), self._alone():
            found = str(link.readlink()) if link.is_symlink() else None
            if (found is None and link.exists()) or (change.sure and found not in known):
                raise ForeignPageError(str(link), change)
            if after is None:
                link.unlink(missing_ok=True)
            else:
                next_link = self._staging / f"{change.slug}.link"
                next_link.unlink(missing_ok=True)
                next_link.symlink_to(after)
                next_link.rename(link)
            sync_directory(self._live)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Say what is the matter with the disk; whoever looks after it can cure it."""
        try:
            yield
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            cure = "free some space" if full else "make it a directory that the worker may write to"
            raise UnavailableError(
                f"nothing can be published in {self._root}: {error.strerror or error}; {cure}"
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes out; the lock ends with the process that holds it."""
        self._make_all()
        lock = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _make(*directories: Path) -> None:
    """Make directories that a web server can read, whatever the worker's umask is."""
    for directory in directories:
        if not directory.is_dir():
            make_directory(directory)
            directory.chmod(_DIRECTORY)


def _files(version: Version) -> Sequence[tuple[str, str]]:
    """Return each file of a version, and its digest."""
    manifest = version.manifest
    return [(PAGE_NAME, manifest.page), *((file.name, file.sha256) for file in manifest.files)]


def _leads_to(slug: str, version: Version) -> str:
    """Return what the page's link holds: a path that stays true when the root is moved."""
    return f"../history/{slug}/{version.digest}"


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; ``none`` when there is no file."""
    if path.is_symlink() or not path.is_file():
        return "none"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
