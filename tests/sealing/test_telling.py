"""Problems in the sealer's log: not every second, and nothing new is held back."""

import pytest
from structlog.testing import capture_logs

from placet.domain.errors import ConflictError, UnavailableError
from placet.sealing.errors import AlarmError
from placet.sealing.telling import Teller


def test_the_same_problem_is_told_once_in_a_while_and_another_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problems = {
        0.0: UnavailableError("away"),
        1.0: UnavailableError("away"),
        2.0: AlarmError("emptied"),
        3.0: ConflictError("changed"),
        62.0: ConflictError("changed"),
        63.0: ConflictError("changed"),
    }
    clock = iter(problems)
    monkeypatch.setattr("placet.sealing.telling.time.monotonic", lambda: next(clock))
    teller = Teller()
    with capture_logs() as lines:
        for error in problems.values():
            teller.tell("not_published", error, place="shelf")
    told = [(line["problem"], line["log_level"], line["place"]) for line in lines]
    assert told == [
        ("away", "warning", "shelf"),
        ("emptied", "error", "shelf"),
        ("changed", "error", "shelf"),
        ("changed", "error", "shelf"),
    ]
