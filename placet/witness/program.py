"""The witness as a program: what it answers at which address, until it is asked to stop."""

import asyncio
import hashlib
import re
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import structlog

from placet.domain.errors import UnavailableError
from placet.proof.note import VerifierKey, cosigned_at
from placet.witness.cosigner import TEXT, Answer, Cosigner
from placet.witness.http import Limits, Request, Response, Server
from placet.witness.messages import MAX_REQUEST_BYTES, PATH
from placet.witness.records import RecordError, open_state

_READS = {"GET", "HEAD"}
_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint")

log = structlog.get_logger(__name__)


class AddressError(UnavailableError):
    """The witness cannot listen at its address."""

    code = "witness-address"


class Pages:
    """Everything that the witness answers."""

    def __init__(self, cosigner: Cosigner) -> None:
        self._cosigner = cosigner
        self._by_hash = {
            hashlib.sha256(origin.encode()).hexdigest(): origin for origin in cosigner.origins
        }

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        # The disk may be slow; other clients are answered meanwhile.
        status, body, content_type = await asyncio.to_thread(self._answer, request)
        return Response(status, body.encode(), content_type)

    def _answer(self, request: Request) -> Answer:
        found = _CHECKPOINT.fullmatch(request.path)
        if request.path == PATH and request.method == "POST":
            return self._cosigner.add_checkpoint(request.body)
        if request.path not in {PATH, "/"} and not found:
            return Answer(HTTPStatus.NOT_FOUND, "there is nothing here\n")
        if request.path == PATH or request.method not in _READS:
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, "that is not asked in this way\n")
        try:
            return self._checkpoint(found[1]) if found else Answer(HTTPStatus.OK, self._about())
        except RecordError:
            log.exception("record_unavailable")
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "the witness cannot read its record\n")

    def _checkpoint(self, name: str) -> Answer:
        """Return the checkpoint last cosigned for the log whose origin has this SHA-256."""
        origin = self._by_hash.get(name)
        newest = self._cosigner.newest(origin) if origin else None
        if newest is None:
            return Answer(HTTPStatus.NOT_FOUND, "no checkpoint of such a log was cosigned\n")
        return Answer(HTTPStatus.OK, str(newest[1]), TEXT)

    def _about(self) -> str:
        """Return, for people, who the witness is and how far it has seen each log."""
        key = self._cosigner.key
        lines = [f"The witness {key.name}", "", f"key  {key}"]
        for origin in self._cosigner.origins:
            lines += ["", f"log       {origin}"]
            newest = self._cosigner.newest(origin)
            if newest is None:
                lines.append("size      nothing cosigned yet")
                continue
            checkpoint, note = newest
            at = datetime.fromtimestamp(cosigned_at(note, key) or 0, UTC)
            lines += [f"size      {checkpoint.size}", f"cosigned  {at:%Y-%m-%d %H:%M:%S} UTC"]
        return "\n".join(lines) + "\n"


async def run_witness(
    state: Path,
    name: str,
    logs: Sequence[VerifierKey],
    address: tuple[str, int],
    ready: Callable[[VerifierKey, int], None],
) -> None:
    """Run a witness until SIGTERM or SIGINT.

    Args:
        state: Its directory.
        name: Its name, for ever.
        logs: The keys of the logs it cosigns.
        address: Host and port; port 0 for any that is free.
        ready: Is told the witness's key and the port once it answers.

    Raises:
        StateInUseError, StateError, SigningKeyError: As :func:`records.open_state`.
        NoLogKeyError, RecordError: As :class:`Cosigner`.
        AddressError: The address cannot be had.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with open_state(state, name) as (signer, records):
        cosigner = Cosigner(signer, logs, records)
        server = Server(Pages(cosigner).answer, Limits(body_bytes=MAX_REQUEST_BYTES))
        host, port = address
        try:
            await server.run(host, port, stop, lambda found: ready(signer.key, found))
        except OSError as error:
            raise AddressError(
                f"{host}:{port} cannot be listened at: {error.strerror or error}; choose another"
            ) from None
        finally:
            # The directory's lock goes next, and nothing may be on its way to the disk then.
            cosigner.close()
