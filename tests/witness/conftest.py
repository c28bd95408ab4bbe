"""A log, and a witness that knows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.logs import Log
from tests.witness.mortal import Orders, Running, running


@pytest.fixture
def history() -> Log:
    """Give a log."""
    return Log()


@pytest.fixture
def witness(history: Log, tmp_path: Path) -> Iterator[Running]:
    """Give a witness of the log that has cosigned nothing."""
    with running(Orders(tmp_path / "state", (history.key,))) as found:
        yield found
