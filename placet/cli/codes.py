"""What the exit codes mean, and which error has which."""

from enum import IntEnum


class Code(IntEnum):
    """The exit codes of every command."""

    OK = 0
    UNEXPECTED = 1
    INVALID = 2
    UNREACHABLE = 3
    REFUSED = 4
    LATE = 5
    CONFLICT = 6
    NOT_FOUND = 7
    UNCONFIRMED = 8
    NOT_APPROVED = 9
    STILL_OPEN = 10
    DIFFERS = 11
    INTERRUPTED = 130
    PIPE_CLOSED = 141


MEANINGS: dict[Code, str] = {
    Code.OK: "done, or it was done before",
    Code.UNEXPECTED: "something nobody expected; the message says where the traceback is",
    Code.INVALID: "the command or its input is wrong, whatever is recorded: no day, no JSON",
    Code.UNREACHABLE: "Temporal, Postgres or the local stack does not answer",
    Code.REFUSED: "the case refused it; nothing has changed",
    Code.LATE: "the case had ended already",
    Code.CONFLICT: "it contradicts what is there: another revision, a used key, a hold, a file",
    Code.NOT_FOUND: "what is named is not there, or cannot be read: a case, person, hold or file",
    Code.UNCONFIRMED: "sent, but not confirmed: it counts when a worker is up",
    Code.NOT_APPROVED: "the awaited case ended without approval, or its effect failed",
    Code.STILL_OPEN: "the awaited case is still open",
    Code.DIFFERS: "what was compared differs: access, or the ledger and what it tells of",
    Code.INTERRUPTED: "interrupted by Ctrl-C",
    Code.PIPE_CLOSED: "who read the output has stopped reading",
}


class StopError(Exception):
    """Ends a command with a message and an exit code."""

    def __init__(self, message: str, code: Code) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: Exception) -> Code:
    """Return the exit code of an error that Placet raises on purpose."""
    from placet.decisions import EndedError, RefusedError  # noqa: PLC0415 - it loads Temporal's SDK
    from placet.domain.errors import (  # noqa: PLC0415 - so that this module stays light
        ConflictError,
        InvalidInputError,
        NotFoundError,
        UnavailableError,
    )
    from placet.domain.vocabulary import Refusal  # noqa: PLC0415 - the same

    if isinstance(error, RefusedError):
        return {
            Refusal.LATE: Code.LATE,
            Refusal.MALFORMED: Code.INVALID,
            Refusal.BAD_REQUEST: Code.INVALID,
            Refusal.OTHER_REVISION: Code.CONFLICT,
            Refusal.DECISION_ID_REUSED: Code.CONFLICT,
        }.get(error.refusal, Code.REFUSED)
    codes: dict[type[Exception], Code] = {
        EndedError: Code.LATE,
        InvalidInputError: Code.INVALID,
        ConflictError: Code.CONFLICT,
        NotFoundError: Code.NOT_FOUND,
        UnavailableError: Code.UNREACHABLE,
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), Code.UNEXPECTED)
