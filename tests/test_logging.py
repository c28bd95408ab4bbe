"""Logs: JSON for machines, one line an event, no secret and nothing a terminal obeys."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.errors import InvalidInputError
from placet.logging import HIDDEN, clean, configure


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.usefixtures("restored")
def test_our_lines_and_those_of_libraries_come_out_alike() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    structlog.contextvars.bind_contextvars(request_id="expense-1")
    structlog.get_logger("ours").info("happened", number=1)
    logging.getLogger("theirs").warning("it is %s", "late")
    ours, theirs = logged(stream)
    assert (ours["event"], ours["number"], ours["request_id"]) == ("happened", 1, "expense-1")
    assert (theirs["event"], theirs["level"], theirs["request_id"]) == (
        "it is late",
        "warning",
        "expense-1",
    )
    assert ours["timestamp"].endswith("Z")


@pytest.mark.usefixtures("restored")
def test_what_temporal_says_about_a_workflow_is_named_as_ours() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    extra = {"temporal_workflow": {"workflow_id": "expense-1", "run_id": "r", "attempt": 2}}
    logging.getLogger("temporalio.workflow").info("waits", extra=extra)
    (line,) = logged(stream)
    assert (line["request_id"], line["workflow_id"], line["attempt"]) == (
        "expense-1",
        "expense-1",
        2,
    )


@pytest.mark.usefixtures("restored")
def test_secrets_are_hidden_wherever_they_are() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    structlog.get_logger().info(
        "connecting to postgresql://placet_app:s3cret@db/placet",
        password="s3cret",  # noqa: S106 - it must not be seen
        nested={"api_key": "s3cret", "list": [{"attestation": "s3cret"}]},
        dsn="user=placet_app password=s3cret",
        detail="password='s3cret' host=db",
    )
    (line,) = logged(stream)
    assert "s3cret" not in stream.getvalue()
    assert line["nested"]["api_key"] == HIDDEN
    assert line["event"] == f"connecting to postgresql://placet_app:{HIDDEN}@db/placet"


@pytest.mark.usefixtures("restored")
def test_an_exception_is_one_line_of_json() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = logged(stream)
    assert "ValueError: invalid literal" in line["exception"]


@pytest.mark.rule(number=12)
@pytest.mark.usefixtures("restored")
def test_a_terminal_gets_lines_for_people_that_nobody_can_forge() -> None:
    stream = _Terminal()
    configure(stream=stream)
    structlog.get_logger().info("said", reason="x\x1b[2J\n2026 [info] forged")
    (line,) = stream.getvalue().splitlines()
    assert "said" in line
    assert "\x1b[2J" not in line
    with pytest.raises(json.JSONDecodeError):
        json.loads(line)


@pytest.mark.rule(number=12)
@given(st.text())
def test_clean_text_is_obeyed_by_no_terminal(text: str) -> None:
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in clean(text))


@pytest.mark.parametrize("level", ["LOUD", "info", ""])
def test_a_level_that_there_is_not_is_refused_with_those_there_are(level: str) -> None:
    with pytest.raises(InvalidInputError, match="DEBUG, INFO, WARNING, ERROR"):
        configure(level=level)
