"""How a reconciliation goes through everything."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from placet.reconciling import run as run_module
from placet.reconciling.facts import Story, Stray
from placet.reconciling.remembered import Chain, Run
from placet.reconciling.run import Reconciliation
from tests.reconciling.drawn import BEGIN, TERMS


class EmptyBooks:
    """A Postgres that has nothing."""

    async def requests(self, since: datetime | None) -> AsyncIterator[str]:
        """Yield none."""
        for _ in ():
            yield f"{since}"

    async def unknown(self, requests: Sequence[str]) -> list[str]:
        """Return all of them, each once."""
        return list(dict.fromkeys(requests))

    async def story(self, request: str) -> Story:
        """Return one without events."""
        return Story(request, ())

    async def stray_permits(self) -> AsyncIterator[Stray]:
        """Yield none."""
        none: list[Stray] = []
        for each in none:
            yield each

    stray_effects = stray_permits

    async def paid(self, permits: Iterable[str]) -> set[str]:
        """Return none of them."""
        return set() & set(permits)

    payable = paid


class ManyRuns:
    """A Temporal that names one case on two pages, as it has run so often."""

    async def cases(self, since: datetime | None) -> AsyncIterator[list[str]]:
        """Yield two pages."""
        assert since is None
        yield ["a", "long"]
        yield ["long", "z"]

    async def chains(self, workflow_id: str, firsts: Iterable[str]) -> tuple[Chain, ...]:
        """Return a terminated workflow."""
        assert list(firsts) == []
        run = Run(workflow_id=workflow_id, run_id="r", first_run_id="r", started=BEGIN)
        line = (replace(run, closed="terminated"),)
        return (Chain("r", line, line),)


async def test_a_case_that_has_run_often_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_BATCH", 1)
    monkeypatch.setattr(run_module, "_DOUBTS", 1)
    looking = Reconciliation(EmptyBooks(), ManyRuns(), None, TERMS, pause=0)
    told = [each.request async for each in looking.everything(None)]
    assert told == ["a", "long", "z"]
    assert looking.counts.workflows == 3
