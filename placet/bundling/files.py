"""The files of a bundle: written with their digests, and there as a whole or not at all."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from placet.digest import canonical
from placet.domain.errors import NotFoundError
from placet.durable import created_directory, sync_directory
from placet.proof.bundle import MANIFEST


class BundleFiles:
    """Writes files into a directory, and takes their digests meanwhile.

    Those that are written bit by bit stay open until the end; those that come whole do not, as a
    ledger may have any number of policies.
    """

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        """Write into ``directory``; whatever happens, ``stack`` closes what is open."""
        self._directory = directory
        self._stack = stack
        self._open: dict[str, tuple[Any, Any]] = {}
        self._digests: dict[str, str] = {}

    def append(self, name: str, content: bytes) -> None:
        """Write more of a file."""
        if name not in self._open:
            stream = self._stack.enter_context((self._directory / name).open("xb"))
            self._open[name] = (stream, hashlib.sha256())
        stream, digest = self._open[name]
        stream.write(content)
        digest.update(content)

    def put(self, name: str, content: bytes) -> None:
        """Write a whole file, below one directory at most."""
        path = self._directory / name
        path.parent.mkdir(exist_ok=True)
        with path.open("xb") as stream:
            stream.write(content)
            _wait_for_disk(stream)
        self._digests[name] = hashlib.sha256(content).hexdigest()

    def finish(self, told: dict[str, Any]) -> None:
        """Write what the bundle is; when this returns, the content of all files is on the disk."""
        for name, (stream, digest) in self._open.items():
            _wait_for_disk(stream)
            self._digests[name] = digest.hexdigest()
        self.put(MANIFEST, canonical({**told, "files": self._digests}) + b"\n")
        # That of all the others is waited for when it gets its name.
        for directory in {(self._directory / name).parent for name in self._digests}:
            if directory != self._directory:
                sync_directory(directory)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Give a directory beside ``path`` that becomes it when all went well.

    Raises:
        NotFoundError: It cannot be made.
    """
    try:
        with created_directory(path) as temporary:
            yield temporary
    except OSError as error:
        raise NotFoundError(
            f"{path}: {error.strerror or error}; name a directory that can be made, in one that is "
            "there"
        ) from None


def _wait_for_disk(stream: Any) -> None:
    stream.flush()
    os.fsync(stream.fileno())
