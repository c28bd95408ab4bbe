"""Logs for the machines that collect them, and for people at a terminal: never a secret in either.

One JSON object a line, unless the log goes to a terminal. What the libraries log by Python's own
``logging`` comes out the same way.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from placet.domain.errors import InvalidInputError

HIDDEN = "(hidden)"

_SECRET = re.compile(
    r"pass(word|phrase|wd)?$|token|secret|api_?key|private|authori[sz]ation|cookie|attestation|"
    r"signature$|payload|^iban$|dsn$|database_url",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@", re.IGNORECASE)
_IN_DSN = re.compile(r"(?P<key>\bpassword\s*=\s*)('[^']*'|\S+)", re.IGNORECASE)
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]"
)
_DEEPEST = 6
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def configure(*, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to one stream.

    Args:
        level: From which level on.
        stream: Where to; the standard error output when None.

    Raises:
        InvalidInputError: There is no such level.
    """
    if level not in _LEVELS:
        raise InvalidInputError(f"{level[:20]!r} is no level of logs; write {', '.join(_LEVELS)}")
    out = sys.stderr if stream is None else stream
    person = out.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=["temporal_workflow", "temporal_activity"]),
        flatten_temporal,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if person
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide_secrets,
                *([one_line] if person else []),
                last,
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def flatten_temporal(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Name what Temporal's own loggers say about a workflow or an activity as we do."""
    for extra in ("temporal_workflow", "temporal_activity"):
        told = event.pop(extra, None)
        if isinstance(told, Mapping):
            for theirs, ours in (
                ("workflow_id", "workflow_id"),
                ("run_id", "run_id"),
                ("workflow_type", "pipeline"),
                ("activity_type", "activity"),
                ("attempt", "attempt"),
            ):
                if theirs in told:
                    event.setdefault(ours, told[theirs])
    if "workflow_id" in event:
        event.setdefault("request_id", event["workflow_id"])
    return event


def hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Hide values whose key names a secret, passwords in URLs, and what a terminal would obey."""
    return {key: _safe(key, value, 0) for key, value in event.items()}


def one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Keep a value from looking like a line of the log; a traceback may have its lines."""
    return {
        key: value.replace("\n", "\\n")
        if isinstance(value, str) and key not in {"exception", "stack"}
        else value
        for key, value in event.items()
    }


def _safe(key: object, value: Any, depth: int) -> Any:
    if isinstance(key, str) and _SECRET.search(key):
        return HIDDEN
    if isinstance(value, str):
        return clean(value)
    if depth >= _DEEPEST:
        return "(deeper than a log goes)"
    if isinstance(value, Mapping):
        return {clean(str(k)): _safe(k, v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(None, item, depth + 1) for item in value]
    return value if isinstance(value, int | float | bool | None) else clean(str(value))


def clean(text: str) -> str:
    """Return text without passwords and without characters that a terminal would obey."""
    text = _IN_URL.sub(rf"\g<scheme>:{HIDDEN}@", text)
    text = _IN_DSN.sub(rf"\g<key>{HIDDEN}", text)
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)
