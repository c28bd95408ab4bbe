"""Decides whether a checkpoint is cosigned: C2SP tlog-witness, with Ed25519 cosignatures.

One statement is made by a cosignature: at this time, this was the newest checkpoint of the log that
the witness knew, and it continues all that were before.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import NamedTuple

import structlog

from placet.domain.errors import InvalidInputError
from placet.proof.note import (
    SIGNATURE,
    Checkpoint,
    Note,
    NoteError,
    Signature,
    VerifierKey,
    cosign,
    is_signed,
)
from placet.proof.tree import EMPTY_ROOT, is_consistent
from placet.signing import FileSigner
from placet.witness.messages import SIZE_TYPE, MalformedRequestError, Submission, parse_submission
from placet.witness.records import RecordError, Records

TEXT = "text/plain; charset=utf-8"

log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """What the witness answers."""

    status: HTTPStatus
    body: str
    content_type: str = TEXT


class NoLogKeyError(InvalidInputError):
    """A key cannot be that of a log."""

    code = "no-log-key"


class Cosigner:
    """Cosigns what continues the logs it knows, one checkpoint at a time.

    Attributes:
        key: Whose cosignatures they are.
        origins: The logs it knows, sorted.
    """

    def __init__(
        self,
        signer: FileSigner,
        logs: Iterable[VerifierKey],
        records: Records,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Know ``logs`` by their keys; several of one name are keys of one log.

        Raises:
            NoLogKeyError: One is the key of a witness.
            RecordError: What was recorded of a log cannot be read.
        """
        self.key = signer.key
        self._private = signer.private
        self._records = records
        self._clock = clock
        self._logs: dict[str, list[VerifierKey]] = {}
        self._one_at_a_time = threading.Lock()
        self._closed = False
        for each in dict.fromkeys(logs):
            if each.type != SIGNATURE:
                raise NoLogKeyError(f"{each} is the key of a witness; give the key of a log")
            self._logs.setdefault(each.name, []).append(each)
        self.origins = sorted(self._logs)
        for origin in self.origins:
            records.read(origin)

    def newest(self, origin: str) -> tuple[Checkpoint, Note] | None:
        """Return the checkpoint last cosigned for a log; None when there was none.

        Raises:
            RecordError: It cannot be read.
        """
        return self._records.read(origin)

    def close(self) -> None:
        """Cosign nothing more; when this returns, nothing is being written either."""
        with self._one_at_a_time:
            self._closed = True

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a request; with a cosignature only when the checkpoint is on the disk."""
        try:
            asked = parse_submission(body)
        except MalformedRequestError as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        origin = asked.checkpoint.origin
        keys = self._logs.get(origin)
        if keys is None:
            return _refused(HTTPStatus.NOT_FOUND, "this witness does not know the log")
        about = log.bind(origin=origin, size=asked.checkpoint.size, old_size=asked.old_size)
        try:
            signatures = _signatures(asked.note, keys)
        except NoteError:
            signatures = []
        if not signatures:
            about.warning("checkpoint_refused", status=int(HTTPStatus.FORBIDDEN))
            return _refused(HTTPStatus.FORBIDDEN, "no key of the log has signed the checkpoint")
        if asked.old_size > asked.checkpoint.size:
            return _refused(HTTPStatus.BAD_REQUEST, "the old size is larger than the checkpoint's")
        try:
            # No request may see what another has found out but not recorded yet.
            with self._one_at_a_time:
                answer = self._judge(asked, signatures)
        except RecordError:
            about.exception("record_unavailable")
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "the witness cannot keep its record")
        if answer.status is HTTPStatus.OK:
            about.info("checkpoint_cosigned")
        else:
            about.warning("checkpoint_refused", status=int(answer.status))
        return answer

    def _judge(self, asked: Submission, signatures: Sequence[Signature]) -> Answer:
        if self._closed:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "the witness is being stopped")
        new = asked.checkpoint
        recorded = self._records.read(new.origin)
        old = recorded[0] if recorded else Checkpoint(new.origin, 0, EMPTY_ROOT)
        other_root = new.size == old.size > 0 and new.root != old.root
        if asked.old_size != old.size or other_root:
            return Answer(HTTPStatus.CONFLICT, f"{old.size}\n", SIZE_TYPE)
        if not is_consistent(old.size, old.root, new.size, new.root, asked.proof):
            return _refused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"the checkpoint does not continue what was cosigned at size {old.size}",
            )
        cosigned = cosign(asked.note.text, self.key.name, self._private, int(self._clock()))
        self._records.write(new.origin, Note(asked.note.text, (*signatures, cosigned)))
        return Answer(HTTPStatus.OK, str(cosigned))


def _signatures(note: Note, keys: Sequence[VerifierKey]) -> list[Signature]:
    """Return the log's own signatures.

    Raises:
        NoteError: One of them is false.
    """
    return [note.of(key)[0] for key in keys if is_signed(note, key)]


def _refused(status: HTTPStatus, reason: str) -> Answer:
    return Answer(status, f"{reason}\n")
