"""Commands of Temporal's own program, run as docs/access.md writes them."""

import asyncio
import re
import shlex
from pathlib import Path

from placet.local.binaries import find_temporal

_GUIDE = Path(__file__).parents[2] / "docs" / "access.md"


def documented(beginning: str) -> str:
    """Return the one command of the documentation that begins like this."""
    text = _GUIDE.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^{beginning} .*$", text, re.MULTILINE)
    return str(found)


async def temporal(command: str, address: str) -> None:
    """Run a command against a server."""
    _, *arguments = shlex.split(command)
    process = await asyncio.create_subprocess_exec(
        find_temporal(), *arguments, "--address", address
    )
    assert await process.wait() == 0
