"""Where the files of tests are: in memory, where there is plenty of it.

A test's servers and spools write so that nothing is lost when the machine fails, which takes a disk
most of the time that a test takes. No test lets the machine fail.
"""

import os
import shutil
import tempfile
from pathlib import Path

FREE_BYTES = 4 << 30
LONGEST = 60
VARIABLE = "TMPDIR"

_MEMORY = Path("/dev/shm")  # noqa: S108 - only private directories are made there


def use_memory() -> None:
    """Let this process and those that it starts make their temporary files in memory.

    Whoever sets TMPDIR has chosen another place.
    """
    if VARIABLE not in os.environ and _is_fit(_MEMORY):
        os.environ[VARIABLE] = str(_MEMORY)
        tempfile.tempdir = None


def temporary() -> dict[str, str]:
    """Return the variable that tells a program with an environment of its own the same place."""
    return {VARIABLE: tempfile.gettempdir()}


def short() -> Path:
    """Return where a directory's path is short enough for a socket."""
    usual = Path(tempfile.gettempdir())
    return usual if len(str(usual)) <= LONGEST else Path("/tmp")  # noqa: S108 - as above


def _is_fit(place: Path) -> bool:
    """Say whether there is room, and whether programs that were copied there can run."""
    return (
        place.is_dir()
        and os.access(place, os.W_OK | os.X_OK)
        and not os.statvfs(place).f_flag & os.ST_NOEXEC
        and shutil.disk_usage(place).free >= FREE_BYTES
    )
