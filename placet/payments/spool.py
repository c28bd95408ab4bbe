"""Hand payment files to the bank's uploader: each permit's file once, whatever crashes.

The protocol of the effect, whose middle step is a database transaction::

    row = the payment stored for this permit, if any
    if no row:
        staged = spool.stage(order)              # on disk, where the bank does not look
        with transaction:                        # consume the permit, store staged.sha256
            ...
    spool.release(staged)                        # one atomic rename into the outbox

A crash before the commit leaves a staged file that nobody sends and that the retry finds again. A
crash after it leaves a row, and the retry only releases. The outbox is emptied by the bank's
uploader, so a file that is not there may have been sent: what was released is remembered in
``archive``, and is never made again.

All directories are on one file system with hard links and a journal. Calls do file work and wait
for the disk: in asynchronous code call them in a thread.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import Field

from placet.domain.base import Stored
from placet.domain.errors import ConflictError, NotFoundError, UnavailableError
from placet.durable import make_directory, sync_directory
from placet.payments.order import Debtor, PaymentOrder
from placet.payments.pain001 import payment_order

_READ_ONLY = 0o440
_PRIVATE = 0o600
_GROUP_MAY_LOOK = 0o750
"""The bank's uploader may be another account of the worker's group; nobody else sees a payment."""


class StagedFile(Stored):
    """A payment file that is, or was, on disk; rebuilt from the payment's row after a crash.

    Attributes:
        name: Its name in every directory of the spool: the permit and ``.xml``.
        sha256: Of its bytes, 64 hexadecimal digits.
    """

    name: str = Field(pattern=r"^[0-9a-f]{64}\.xml$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PaymentConflictError(ConflictError):
    """The spool holds another file for this permit."""

    code = "payment-conflict"


class PaymentLostError(NotFoundError):
    """The spool has no trace of a file that was staged."""

    code = "payment-lost"


class Spool:
    """A directory with ``staging``, ``outbox`` and ``archive``.

    Processes on one machine, or on one file system that shares locks, may use it at once.

    Attributes:
        outbox: What the bank's uploader collects, and removes.
        archive: Every file that was ever released, as it was.

    Raises:
        UnavailableError: The directories are not there and cannot be made.
    """

    def __init__(self, root: Path, debtor: Debtor) -> None:
        self._debtor = debtor
        self._root = root
        self._staging = root / "staging"
        self.outbox = root / "outbox"
        self.archive = root / "archive"
        for directory in (root, self._staging, self.outbox, self.archive):
            try:
                make_directory(directory, _GROUP_MAY_LOOK)
            except OSError as error:
                raise UnavailableError(
                    f"payment files cannot be written to {directory}: {error.strerror}; make it a "
                    "directory that the worker may write to, or set PLACET_SPOOL to another"
                ) from error

    def path(self, staged: StagedFile) -> Path | None:
        """Where the file can be read: archived when released, else staged, else nowhere."""
        places = (self.archive / staged.name, self._staging / staged.name)
        return next((place for place in places if place.exists()), None)

    def stage(self, order: PaymentOrder) -> StagedFile:
        """Write the order's file durably where the bank does not look; twice is once.

        Raises:
            PaymentConflictError: This permit already has a file with other bytes.
            InvalidInputError: See ``payment_order``.
        """
        content = payment_order(order, self._debtor)
        staged = StagedFile(
            name=f"{order.permit_id}.xml", sha256=hashlib.sha256(content).hexdigest()
        )
        with self._alone():
            existing = self.path(staged)
            if existing is not None:
                _require_same(existing, staged)
            else:
                self._write(staged.name, content)
        return staged

    def release(self, staged: StagedFile) -> bool:
        """Move a staged file into the outbox; call it only after the payment's commit.

        Returns:
            Whether this call moved it. False means that it was released before, and that the bank
            may have collected it.

        Raises:
            PaymentConflictError: The staged bytes are not those the payment was recorded with.
            PaymentLostError: There is neither a staged nor a released file, so nobody can know
                whether it was sent.
        """
        source = self._staging / staged.name
        kept = self.archive / staged.name
        with self._alone():
            if not source.exists():
                if kept.exists():
                    return False
                raise PaymentLostError(
                    f"the payment file {staged.name} is neither staged nor archived in the spool;"
                    " ask the bank whether it was executed before you pay again"
                )
            _require_same(source, staged)
            if not kept.exists():
                os.link(source, kept)
            sync_directory(self.archive)
            # From here on it counts as released as soon as it is no longer staged.
            source.rename(self.outbox / staged.name)
            # Renaming onto another link of the same file does nothing and leaves both.
            with suppress(FileNotFoundError):
                source.unlink()
            sync_directory(self.outbox)
            sync_directory(self._staging)
        return True

    def _write(self, name: str, content: bytes) -> None:
        """Write a whole file durably: under its name there is all of it, or nothing."""
        unfinished = self._staging / f"{name}.unfinished"
        # What a crash left there may be half a file, and read-only.
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), _READ_ONLY)
            os.fsync(file.fileno())
        unfinished.rename(self._staging / name)
        sync_directory(self._staging)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes out; the lock ends with the process that holds it."""
        # Whoever can open this file could hold the lock, and with it every payment.
        lock = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, _PRIVATE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _require_same(path: Path, staged: StagedFile) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != staged.sha256:
        raise PaymentConflictError(
            f"{path} has digest {found}, not {staged.sha256}; nothing is sent: compare the file"
            " with the approved request, and remove it if no payment was recorded with it"
        )
