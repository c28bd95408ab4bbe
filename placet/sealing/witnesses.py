"""Asks witnesses to cosign checkpoints: the log's side of C2SP tlog-witness.

A witness that refuses is an alarm, not a nuisance: it has seen another history of the log.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple

import httpx
import structlog

from placet.domain.errors import ConflictError, UnavailableError
from placet.domain.plurals import plural
from placet.proof.note import (
    Note,
    NoteError,
    Signature,
    VerifierKey,
    cosigned_at,
    parse_checkpoint,
    parse_note,
)
from placet.sealing.asking import Answer, Question, ask
from placet.witness.messages import PATH, SIZE_TYPE, Submission, parse_size

_MAX_ANSWER_BYTES = 16 * 1024
_TEXT = "text/plain; charset=utf-8"

log = structlog.get_logger(__name__)

ProofFor = Callable[[int], Awaitable[Sequence[bytes]]]
"""Gives the consistency proof from a smaller size to that of the checkpoint."""


class WitnessRefusedError(ConflictError):
    """A witness refuses the checkpoint: it knows another history of the log, or another log."""

    code = "witness-refused"


class LogRolledBackError(ConflictError):
    """A witness has cosigned a larger tree than the log has: the log was rolled back."""

    code = "log-rolled-back"


class FalseCosignatureError(ConflictError):
    """An answer is not a cosignature by the witness's key."""

    code = "false-cosignature"


class Witness(NamedTuple):
    """A witness as it is pinned.

    Attributes:
        key: Its key.
        url: Where it answers, without ``/add-checkpoint``.
    """

    key: VerifierKey
    url: str


class WitnessForgotError(ConflictError):
    """A witness knows less of this log than it has cosigned.

    Attributes:
        size: The size that it knows.
    """

    code = "witness-forgot"

    def __init__(self, size: int, message: str) -> None:
        """Say it by ``message``."""
        super().__init__(message)
        self.size = size


async def cosign(
    note: Note, witness: Witness, old_size: int, proof_for: ProofFor, client: httpx.AsyncClient
) -> Signature:
    """Have a witness cosign a checkpoint.

    Args:
        note: The checkpoint, signed by the log.
        witness: Whom to ask.
        old_size: The size that it has cosigned for certain; 0 when it is not known.
        proof_for: Is called for a size above 0 and below the checkpoint's.
        client: Keeps connections open between calls.

    Returns:
        The cosignature, which is by the witness's key and over this checkpoint.

    Raises:
        WitnessRefusedError: It refuses, and trying again is of no use.
        LogRolledBackError: It has cosigned a larger tree of this log.
        WitnessForgotError: It knows less than ``old_size``.
        FalseCosignatureError: Its answer is no cosignature by its key.
        UnavailableError: It does not answer, or not now.
    """
    size = parse_checkpoint(note.text).size
    asked = min(old_size, size)
    answer = await _asked(note, witness, asked, proof_for, client)
    if answer.status == HTTPStatus.CONFLICT and not _is_fork(answer, asked, size):
        recorded = _recorded_size(answer, witness)
        if recorded > size:
            raise LogRolledBackError(
                f"the witness {witness.key.name} has cosigned {plural(recorded, 'event')}, and the "
                f"ledger ends at {size}: events are lost or were taken away. Stop the sealer, keep "
                "all as it is, and see docs/witness.md"
            )
        if recorded < old_size:
            raise WitnessForgotError(
                recorded,
                f"the witness {witness.key.name} has cosigned {old_size} events of this ledger, "
                f"and knows of {recorded} only: its state is lost or was put back",
            )
        asked = recorded
        answer = await _asked(note, witness, asked, proof_for, client)
    if answer.status == HTTPStatus.OK:
        return _cosignature(answer, note, witness)
    if _is_fork(answer, asked, size):
        raise _error(HTTPStatus.UNPROCESSABLE_ENTITY, witness)
    raise _error(answer.status, witness)


async def newest(origin: str, witness: Witness, client: httpx.AsyncClient) -> Note | None:
    """Return the checkpoint of a log that a witness cosigned last.

    Returns:
        The checkpoint, cosigned by the witness's key; None when it has none, or does not tell.

    Raises:
        FalseCosignatureError: The answer is no checkpoint of the log that it cosigned.
        UnavailableError: It does not answer, or not now.
    """
    path = f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
    answer = await _exchange("GET", path, b"", witness, client)
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return None
    if answer.status != HTTPStatus.OK:
        raise _error(answer.status, witness)
    try:
        note = parse_note(answer.body.decode())
        if parse_checkpoint(note.text).origin == origin and cosigned_at(note, witness.key):
            return note
    except (NoteError, UnicodeDecodeError):
        pass
    raise _false(witness)


async def _asked(
    note: Note, witness: Witness, old_size: int, proof_for: ProofFor, client: httpx.AsyncClient
) -> Answer:
    checkpoint = parse_checkpoint(note.text)
    proof = await proof_for(old_size) if 0 < old_size < checkpoint.size else []
    request = bytes(Submission(old_size, proof, note, checkpoint))
    return await _exchange("POST", PATH, request, witness, client)


async def _exchange(
    method: str, path: str, content: bytes, witness: Witness, client: httpx.AsyncClient
) -> Answer:
    who = f"the witness {witness.key.name}"
    url = witness.url + path
    return await ask(Question(who, method, url, content, _TEXT, _MAX_ANSWER_BYTES), client)


def _told_size(answer: Answer) -> int | None:
    text = answer.body.decode("ascii", "replace")
    return parse_size(text.removesuffix("\n")) if answer.content_type == SIZE_TYPE else None


def _is_fork(answer: Answer, asked: int, size: int) -> bool:
    """Say whether a witness that was asked from the checkpoint's own size knows another root."""
    return answer.status == HTTPStatus.CONFLICT and asked == size == _told_size(answer)


def _recorded_size(answer: Answer, witness: Witness) -> int:
    size = _told_size(answer)
    if size is None:
        raise UnavailableError(
            f"{witness.url} answers 409 as no witness does; check that it is the address of "
            f"{witness.key.name}"
        )
    return size


def _cosignature(answer: Answer, note: Note, witness: Witness) -> Signature:
    """Return the one signature that is by the pinned key; others are nobody's we know."""
    try:
        cosigned = parse_note(note.text + "\n" + answer.body.decode())
        if cosigned.text == note.text and cosigned_at(cosigned, witness.key):
            return cosigned.of(witness.key)[0]
    except (NoteError, UnicodeDecodeError):
        pass
    raise _false(witness)


def _false(witness: Witness) -> FalseCosignatureError:
    log.error("cosignature_false", witness=witness.key.short, url=witness.url)
    return FalseCosignatureError(
        f"{witness.url} answers with no cosignature by {witness.key.short}; check that the pinned "
        "key is the one that the witness prints when it starts, and that nobody stands between"
    )


def _error(status: int, witness: Witness) -> ConflictError | UnavailableError:
    name = witness.key.name
    match status:
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return WitnessRefusedError(
                f"the witness {name} has cosigned another history of this ledger, of which this "
                "checkpoint is no continuation: events were changed, or the ledger was split. Stop "
                "the sealer, keep all as it is, and see docs/witness.md"
            )
        case HTTPStatus.NOT_FOUND:
            return WitnessRefusedError(
                f"the witness {name} does not know this ledger; have its operator start it with "
                "--log and the ledger's key, and check that PLACET_LEDGER_NAME is the ledger's name"
            )
        case HTTPStatus.FORBIDDEN:
            return WitnessRefusedError(
                f"the witness {name} knows this ledger by another key; when the key was changed "
                "on purpose, have its operator add the new one with --log"
            )
        case HTTPStatus.BAD_REQUEST:
            return WitnessRefusedError(
                f"the witness {name} cannot read what it is asked; check that its version fits"
            )
        case HTTPStatus.CONFLICT:
            return UnavailableError(
                f"the witness {name} was asked by somebody else at the same time; it is asked "
                "again with the next checkpoint"
            )
        case _:
            return UnavailableError(f"{witness.url} answers {status}; look at the witness's log")
