"""A witness for the demonstration: the real program, as a neighbour would run it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ruamel.yaml import YAML

from placet.demo.company import ROOT
from placet.domain.errors import UnavailableError
from placet.proof.note import VerifierKey

_ANSWERS_WITHIN = 60.0


class Neighbour(NamedTuple):
    """A witness that runs.

    Attributes:
        key: Its public key, for the ledger and for auditors to pin.
        url: Where it answers.
    """

    key: str
    url: str

    def witnesses(self, policies: Path) -> None:
        """Have the ledger bring its checkpoints there, and into a directory, each second."""
        places = {
            "shelf": {"kind": "directory"},
            "neighbour": {
                "kind": "witness",
                "url": self.url,
                "key": self.key,
                "every_seconds": 1,
            },
        }
        YAML().dump({"places": places}, policies / "seal.yaml")


@asynccontextmanager
async def neighbour(home: Path, log: VerifierKey) -> AsyncIterator[Neighbour]:
    """Run a witness of one log with its state in ``home``, on a free port of this machine only.

    Raises:
        UnavailableError: It does not start.
    """
    with _diary(home) as diary:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "starter.py"), "audit", "witness", "--json"),
            *("--name", "witness.example/neighbour", "--log", str(log)),
            *("--state", str(home / "state"), "--listen", "127.0.0.1:0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=diary,
        )
        try:
            yield await _ready(process)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def _diary(home: Path) -> BinaryIO:
    home.mkdir(parents=True, exist_ok=True)
    return (home / "witness.log").open("wb")


async def _ready(process: asyncio.subprocess.Process) -> Neighbour:
    told = b""
    if process.stdout is not None:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            told = await process.stdout.readline()
    if not told:
        raise UnavailableError("the witness of the demonstration did not start; see witness.log")
    answer = json.loads(told)
    return Neighbour(answer["key"], f"http://{answer['host']}:{answer['port']}")
