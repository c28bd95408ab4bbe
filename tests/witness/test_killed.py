"""A witness that is killed at any step of a write still knows all that it ever cosigned."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.support.logs import Log
from tests.support.mortal import KILLED
from tests.witness.mortal import ANSWER, Orders, running

STEPS = ["open", "write", "fsync", "replace", "open", "fsync", ANSWER]
"""Each comes after all that it needs: content before the name, and both before the answer."""

DEATHS = [(name, STEPS[: at + 1].count(name)) for at, name in enumerate(STEPS)]
"""Before each step, at the passing of it that is meant."""

KEPT_FROM = STEPS.index("replace") + 1
"""From the step at this place on, the new checkpoint stands in place of the old one."""


@pytest.mark.rule(number=11)
def test_a_checkpoint_is_on_the_disk_before_it_is_answered(history: Log, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with running(Orders(tmp_path / "state", (history.key,), trace=trace)) as witness:
        for old, size in ((0, 5), (5, 8), (8, 8)):
            trace.write_text("")
            assert witness.post(history.request(old, size)).status_code == 200
            assert trace.read_text().splitlines() == STEPS


def test_what_is_refused_writes_nothing(history: Log, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with running(Orders(tmp_path / "state", (history.key,), trace=trace)) as witness:
        assert witness.post(history.request(0, 5)).status_code == 200
        trace.write_text("")
        for body in (history.request(0, 8), history.forked(2).request(5, 8), b"nonsense"):
            assert witness.post(body).status_code in {400, 409, 422}
        assert trace.read_text().splitlines() == [ANSWER] * 3


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("step", range(len(STEPS)))
def test_it_neither_forgets_nor_believes_a_half(history: Log, tmp_path: Path, step: int) -> None:
    state, trace = tmp_path / "state", tmp_path / "trace"
    with running(Orders(state, (history.key,))) as witness:
        assert witness.post(history.request(0, 5)).status_code == 200
        witness.kill()
    with running(Orders(state, (history.key,), trace=trace, dies_at=DEATHS[step])) as witness:
        with pytest.raises(httpx.TransportError):
            witness.post(history.request(5, 8))
        assert witness.ended() == -signal.SIGKILL
        key = witness.key
    assert trace.read_text().splitlines() == [*STEPS[: step + 1], KILLED]
    with running(Orders(state, (history.key,))) as witness:
        assert witness.key == key
        known = 8 if step >= KEPT_FROM else 5
        assert witness.post(history.request(0, 9)).text == f"{known}\n"
        for forked_at in (0, 4):
            fork = history.forked(forked_at)
            assert witness.post(fork.request(known, 9)).status_code == 422
            assert witness.post(fork.request(known, known)).status_code == 409
        assert witness.post(history.request(known, 8)).status_code == 200
        assert witness.post(history.request(8, 9)).status_code == 200


@pytest.mark.parametrize("step", [0, 2])
def test_killed_at_its_first_checkpoint_it_knows_none(
    history: Log, tmp_path: Path, step: int
) -> None:
    state, trace = tmp_path / "state", tmp_path / "trace"
    with running(Orders(state, (history.key,), trace=trace, dies_at=DEATHS[step])) as witness:
        with pytest.raises(httpx.TransportError):
            witness.post(history.request(0, 5))
        assert witness.ended() == -signal.SIGKILL
    with running(Orders(state, (history.key,))) as witness:
        assert witness.post(history.request(3, 5)).text == "0\n"
        assert witness.post(history.request(0, 5)).status_code == 200


@pytest.mark.rule(number=11)
def test_what_was_answered_is_known_after_a_kill(history: Log, tmp_path: Path) -> None:
    orders = Orders(tmp_path / "state", (history.key,))
    for size in range(5, 10):
        with running(orders) as witness:
            old = size - 1 if size > 5 else 0
            assert witness.post(history.request(old, size)).status_code == 200
            witness.kill()
    with running(orders) as witness:
        assert witness.post(history.request(0, 10)).text == "9\n"
