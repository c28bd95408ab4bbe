"""The compose file as the real Docker Compose understands it; no engine is needed for that."""

import json
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
COMPOSE_FILE = DEPLOY / "compose.yaml"
PROGRAMS = Path(sysconfig.get_path("scripts"))

REQUIRED = tuple(sorted(set(re.findall(r"\$\{(\w+):\?", COMPOSE_FILE.read_text()))))
FILLED = {name: f"value-of-{name.lower()}" for name in REQUIRED}


def compose(
    environment: dict[str, str], *arguments: str, file: Path = COMPOSE_FILE
) -> subprocess.CompletedProcess[str]:
    """Run Docker Compose on a file, with nothing in its environment but what is given."""
    return subprocess.run(  # noqa: S603
        [
            str(PROGRAMS / "docker-compose"),
            *("--file", str(file), "--env-file", "/dev/null"),
            *("--profile", "*"),
            *arguments,
        ],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def resolved() -> dict[str, Any]:
    """Return the whole file with every variable and anchor resolved."""
    done = compose(FILLED, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    whole: dict[str, Any] = json.loads(done.stdout)
    return whole
