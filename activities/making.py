"""Make the file of an approved export where nobody sees it, and show it whole by one rename.

The file is written in a thread, which is stopped when nobody wants it any more. What it holds, and
under which approval it was made, stands in a manifest beside it.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from pydantic import JsonValue
from temporalio import activity

from placet.domain.errors import UnavailableError
from placet.domain.export import ExportRequest, Manifest, Scope
from placet.domain.filters import words
from placet.domain.orders import EffectOrder
from placet.exports.store import MANIFEST, ExportStore, Staging
from placet.exports.writing import Meter, StoppedError, Wanted, Written, unwritable, write
from placet.ports import ExportBook, Selected

AT_ONCE = 4
"""So many files are made at once by one worker; others wait for their turn."""

_BEAT_SECONDS = 1.0
_VERSION = version("placet")


@dataclass(frozen=True)
class Approved:
    """An export as it was approved, and the attempt that makes its file.

    Attributes:
        order: What the workflow asks for.
        told: The request as JSON.
        request: The request.
        scope: What people were told.
        holder: This attempt.
        began: When it began, by the machine's own count of seconds.
    """

    order: EffectOrder
    told: dict[str, JsonValue]
    request: ExportRequest
    scope: Scope
    holder: str = field(default_factory=lambda: uuid.uuid4().hex)
    began: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> datetime:
        """Return the time by Temporal's clock, which is also the one that ends the file's."""
        return activity.info().started_time + timedelta(seconds=time.monotonic() - self.began)


class Maker:
    """Makes files in a store."""

    def __init__(self, book: ExportBook, store: ExportStore) -> None:
        """Make files in ``store`` for attempts that ``book`` knows as those that may."""
        self._book = book
        self._store = store
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="export")

    async def make(self, approved: Approved, selected: Selected) -> Manifest:
        """Make the file and its manifest, and put both where they can be found.

        Raises:
            StoppedError: Somebody wants no file any more.
            UnavailableError: The worker ends, or another attempt has taken over.
        """
        order = approved.order
        staging = await asyncio.to_thread(self._store.stage, order.permit, approved.holder)
        try:
            written = await self._pumped(approved, selected, staging)
            manifest = _manifest(approved, selected, written)
            await asyncio.to_thread(_describe, staging, manifest)
            return await asyncio.to_thread(
                self._released, approved, staging, manifest, _from_thread()
            )
        finally:
            # After it was released there is nothing of this name.
            await asyncio.to_thread(self._store.discard, staging)

    async def _pumped(self, approved: Approved, selected: Selected, staging: Staging) -> Written:
        """Write the file in a thread, and tell meanwhile how far it is.

        Raises:
            StoppedError: Somebody wants no file any more.
            UnavailableError: The worker ends; another begins anew.
        """
        scope, meter = approved.scope, Meter(selected.rows)
        wanted = Wanted(scope.format, scope.compression, approved.request.recipient.key)

        def pump() -> Written:
            with staging.file(scope.file_name) as file:
                return write(selected, file, wanted, meter)

        loop = asyncio.get_running_loop()
        pumping = loop.run_in_executor(self._threads, pump)
        leaving = asyncio.create_task(activity.wait_for_worker_shutdown())
        asked = False
        try:
            while not pumping.done():
                try:
                    going: set[asyncio.Future[Any]] = {pumping}
                    if not meter.stopping.is_set():
                        going.add(leaving)
                    await asyncio.wait(
                        going, timeout=_BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                except asyncio.CancelledError:
                    if not _asked_to_stop():
                        raise
                    asked = True
                if asked or leaving.done():
                    meter.stopping.set()
                _beat(meter)
        finally:
            leaving.cancel()
            meter.stopping.set()
            await _ended(pumping)
        try:
            return pumping.result()
        except StoppedError:
            if asked:
                raise
            raise UnavailableError("the worker stops; another one makes the file anew") from None

    def _released(
        self, approved: Approved, staging: Staging, manifest: Manifest, ask: "_Ask"
    ) -> Manifest:
        """Show the file, if no other attempt has taken over meanwhile; for a thread.

        Returns:
            What lies beside it. The attempt before may have shown its own in the very moment in
            which this one took over: then it is that.
        """
        order = approved.order
        with self._store.alone():
            if not ask(self._book.holds(order.permit, approved.holder)):
                raise UnavailableError("another attempt makes the file now; this one is given up")
            if (finished := self.finished(order)) is not None:
                return finished
            self._store.release(staging, order.request_id)
            return manifest

    def finished(self, order: EffectOrder) -> Manifest | None:
        """Return what lies beside the whole file of this permit, if there is one; for a thread."""
        found = self._store.manifest(order.request_id)
        return found if found is not None and found.permit == order.permit else None


_Ask = Callable[[Coroutine[Any, Any, bool]], bool]


def _from_thread() -> _Ask:
    """Return a way to ask something of the loop's world from a thread."""
    loop = asyncio.get_running_loop()
    return lambda asking: asyncio.run_coroutine_threadsafe(asking, loop).result()


async def _ended(pumping: "asyncio.Future[Written]") -> None:
    """Wait for the thread: it uses the connection and the file, which may not go before it has."""
    cancelled = False
    while not pumping.done():
        try:
            await asyncio.wait({pumping})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


def _asked_to_stop() -> bool:
    """Say whether somebody wants no file; else it is only this worker that stops."""
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested


def _beat(meter: Meter) -> None:
    activity.heartbeat(
        {"done": meter.rows, "total": meter.total, "unit": "rows", "bytes": meter.bytes}
    )


def _manifest(approved: Approved, selected: Selected, written: Written) -> Manifest:
    order, request, scope = approved.order, approved.request, approved.scope
    return Manifest(
        case=order.request_id,
        permit=order.permit,
        digest=order.digest,
        dataset=scope.dataset,
        purpose=request.purpose,
        recipient=str(request.recipient),
        columns=scope.columns,
        filters=words(request.filters),
        format=scope.format,
        compression=scope.compression,
        file=scope.file_name,
        rows=written.rows,
        bytes=written.bytes,
        sha256=written.sha256,
        plain_sha256=written.plain if scope.encrypt else None,
        encrypted_to=request.recipient.key,
        approved_at=order.approved,
        snapshot_at=selected.at,
        expires_at=approved.now + request.keep.wall(),
        placet=_VERSION,
    )


def _describe(staging: Staging, manifest: Manifest) -> None:
    """Write the manifest beside the file; for a thread."""
    with staging.file(MANIFEST) as file:
        try:
            file.write(f"{manifest.model_dump_json(indent=2)}\n".encode())
        except OSError as error:
            raise unwritable(error) from error
