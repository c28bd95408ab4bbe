"""Read the files that somebody's request names: below one directory, and nowhere else."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath

from placet.domain.errors import InvalidInputError
from placet.domain.text import clean_text

_MAX_PATH = 1_000
_MAX_DEPTH = 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# A named pipe must not make the open wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class UnusableFileError(InvalidInputError):
    """A file is missing, outside, too large, or no file."""

    code = "invalid-file"


class MissingFileError(UnusableFileError):
    """There is no such file."""

    code = "missing-file"


def read_below(path: str, directory: Path, limit: int) -> bytes:
    """Return the content of a file below ``directory``, 1 to ``limit`` bytes.

    The path is walked one step at a time. Each step is opened inside the one before and follows no
    link, so nothing that happens to the directories meanwhile leads outside. Of a file that is too
    large nothing is read.

    Raises:
        MissingFileError: It is not there.
        UnusableFileError: It is outside, a link, no file, empty or too large.
    """
    *steps, name = _steps(path)
    too_large = UnusableFileError(
        f"{shown(path)} is larger than {size_text(limit)}; make it smaller"
    )
    with _opened(path, directory, steps, name) as found:
        about = os.fstat(found)
        if not stat.S_ISREG(about.st_mode):
            raise UnusableFileError(f"{shown(path)} is not a file; name the file itself")
        if about.st_size > limit:
            raise too_large
        content = _content(found, limit)
    if not content:
        raise UnusableFileError(f"{shown(path)} is empty; name a file that holds something")
    if len(content) > limit:
        raise too_large
    return content


def list_below(directory: Path, at_most: int) -> list[str]:
    """Return the paths of all files below ``directory``, sorted; hidden ones are left out.

    Raises:
        UnusableFileError: There are more than ``at_most``, one is a link or no file, or the
            directory cannot be read.
    """
    found: list[str] = []
    for path in _walk(directory, (), at_most):
        found.append(path)
        if len(found) > at_most:
            raise _too_many(at_most)
    return sorted(found)


def shown(path: str) -> str:
    """Return a path as messages show it: quoted, and harmless in a terminal."""
    return repr(clean_text(path, 80, multiline=False, truncate=True))


def size_text(size: int) -> str:
    """Return a size as people write it, such as ``10 MiB``."""
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


def _steps(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if (
        not parts
        or len(path) > _MAX_PATH
        or "\x00" in path
        or path.startswith("/")
        or ".." in parts
    ):
        raise UnusableFileError(
            f"{shown(path)} is no path below the request's directory; copy the file there"
        )
    return parts


@contextmanager
def _opened(
    path: str, directory: Path, steps: Sequence[str], name: str | None = None
) -> Iterator[int]:
    """Give the descriptor of a directory below ``directory``, or of the file ``name`` in it.

    ``path`` is what messages call it.
    """
    opened: list[int] = []
    try:
        try:
            opened.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY))
            for step in steps:
                opened.append(os.open(step, _FOLDER, dir_fd=opened[-1]))
            if name is not None:
                opened.append(os.open(name, _FILE, dir_fd=opened[-1]))
        except (OSError, UnicodeError) as error:
            raise _refusal(path, error) from None
        yield opened[-1]
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _content(descriptor: int, limit: int) -> bytes:
    """Read at most one byte more than ``limit``, of a file that may be growing."""
    parts = []
    left = limit + 1
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _walk(directory: Path, steps: tuple[str, ...], at_most: int) -> Iterator[str]:
    here = "/".join(steps) or directory.name
    if len(steps) > _MAX_DEPTH:
        raise UnusableFileError(f"{shown(here)} lies too deep; move it up")
    with _opened(here, directory, steps) as folder, os.scandir(folder) as entries:
        visible = (entry for entry in entries if not entry.name.startswith("."))
        listed = sorted(
            (entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False))
            for entry in islice(visible, at_most + 1)
        )
    if len(listed) > at_most:
        raise _too_many(at_most)
    for name, is_folder, is_file in listed:
        path = "/".join((*steps, name))
        if is_folder:
            yield from _walk(directory, (*steps, name), at_most)
        elif is_file:
            yield path
        else:
            raise UnusableFileError(
                f"{shown(path)} is a symbolic link or no file; copy the file itself there"
            )


def _too_many(at_most: int) -> UnusableFileError:
    return UnusableFileError(
        f"there are more than {at_most:,} files; take out what does not belong to it"
    )


def _refusal(path: str, error: OSError | UnicodeError) -> UnusableFileError:
    match error:
        case FileNotFoundError() | UnicodeError():
            return MissingFileError(
                f"{shown(path)} is not there; write the path of a file beside the request, or "
                "leave it out"
            )
        case PermissionError():
            reason = "may not be read; change its permissions"
        case _:
            reason = "cannot be read, or is a symbolic link; copy the file below the request"
    return UnusableFileError(f"{shown(path)} {reason}")
