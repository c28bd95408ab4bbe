"""Run a witness and say where it answers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from placet.cli.codes import Code, StopError
from placet.cli.console import as_json, out, say
from placet.proof.note import NoteError, VerifierKey, parse_key
from placet.witness.program import run_witness

_LAST_PORT = 65535


def run(name: str, logs: Sequence[str], state: Path, listen: str, *, json: bool) -> int:
    """Run a witness until it is asked to stop; print its key when it answers.

    Raises:
        StopError: An option is wrong.
        PlacetError: As :func:`run_witness`.
    """
    host, port = _address(listen)
    keys = [_key(each) for each in logs]

    def ready(key: VerifierKey, found: int) -> None:
        if json:
            as_json({"key": str(key), "host": host, "port": found})
            return
        out(str(key))
        shown = f"[{host}]" if ":" in host else host
        say(f"The witness {key.name} answers at http://{shown}:{found}/")

    asyncio.run(run_witness(state, name, keys, (host, port), ready))
    return Code.OK


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _LAST_PORT:
        raise StopError(
            f"--listen {listen!r}: write a host and a port: 127.0.0.1:7480", Code.INVALID
        )
    return host.strip("[]"), int(port)


def _key(text: str) -> VerifierKey:
    try:
        return parse_key(text)
    except NoteError as error:
        raise StopError(
            f"--log: {error}; take it from `placet audit trust` of the ledger", Code.INVALID
        ) from None
