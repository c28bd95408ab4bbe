import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.domain.export import ExportState
from placet.domain.orders import EffectOrder, EffectResult
from placet.ledger import PostgresLedger, open_pool
from placet.sources.postgres import PostgresSources
from tests.conftest import Sample
from tests.exports.approved import (
    REQUEST,
    an_export,
    approved,
    ending,
    environment,
    exporting,
)
from tests.exports.mortal import Orders, carry_out
from tests.support.mortal import KILLED, Death, done_by_a_process
from tests.support.postgres import Cluster

LEFT = [".lock", ".store"]


def every(steps: list[str]) -> Iterator[Death]:
    """Yield each step with the number of its passing."""
    passed: Counter[str] = Counter()
    for step in steps:
        passed[step] += 1
        yield step, passed[step]


def whole(root: Path) -> bool:
    """Say whether there is a file under its final name; then it is all of it."""
    if not (root / REQUEST).exists():
        return False
    manifest = json.loads((root / REQUEST / "manifest.json").read_text())
    content = (root / REQUEST / manifest["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == manifest["sha256"]
    assert len(content.splitlines()) == manifest["rows"] + 1 == 481
    return True


async def die(
    postgres: Cluster, sample: Sample, place: Path, death: Death | None, *, stop: bool = False
) -> list[str]:
    """Let a process export and die; let another one go on, and see that all is well."""
    place.mkdir()
    root, sources = place / "exports", PostgresSources(sample.environment)
    with postgres.database() as name:
        url = postgres.url(name, "placet_app")
        async with open_pool(url) as pool:
            ledger = PostgresLedger(pool)
            order = await approved(ledger, sources, an_export())
            orders = Orders(url, sample.environment, root, order, place / "trace", death)
            steps = await done_by_a_process(carry_out, orders)
            there = whole(root)
            told = order.model_copy(update={"stop": stop})
            result: EffectResult = await environment().run(
                exporting(ledger, sources, root).export, told
            )
            (row,) = await ledger.exports.rows(request=REQUEST)
            recorded = not result.stopped
            assert recorded or stop, death
            assert whole(root) is recorded, death
            assert row.state is (ExportState.READY if recorded else ExportState.STOPPED), death
            assert there or not recorded or not stop, death
            assert sorted(path.name for path in root.iterdir()) == LEFT + [REQUEST] * recorded
            kinds = [event.kind for event in await ledger.timeline(REQUEST)]
            last = "effect:run:done" if recorded else "effect:run:stopped"
            assert kinds[-2:] == ["effect:permit:consumed", last], death
            return steps


@pytest.mark.rule(number=5)
@pytest.mark.parametrize("stop", [False, True], ids=["goes on", "is stopped"])
async def test_a_worker_killed_anywhere_leaves_no_half_file(
    postgres: Cluster, sample: Sample, tmp_path: Path, *, stop: bool
) -> None:
    undisturbed = await die(postgres, sample, tmp_path / "undisturbed", None)
    deaths = list(every(undisturbed))
    assert {"a piece comes", "before rename", "after rename", "before end", "after end"} <= set(
        undisturbed
    )
    for number, death in enumerate(deaths):
        steps = await die(postgres, sample, tmp_path / str(number), death, stop=stop)
        assert steps[-1] == KILLED, f"it never came to {death}"
    assert len(deaths) > 15


async def made(ledger: PostgresLedger, sources: PostgresSources, root: Path) -> EffectOrder:
    """Make a file, and return the order it was made by."""
    order = await approved(ledger, sources, an_export())
    await environment().run(exporting(ledger, sources, root).export, order)
    return order


async def fade(postgres: Cluster, sample: Sample, place: Path, death: Death | None) -> list[str]:
    """Let a process delete a file and die; let another one go on, and see that it is gone."""
    place.mkdir()
    root, sources = place / "exports", PostgresSources(sample.environment)
    with postgres.database() as name:
        url = postgres.url(name, "placet_app")
        async with open_pool(url) as pool:
            ledger = PostgresLedger(pool)
            order = ending(await made(ledger, sources, root))
            orders = Orders(url, sample.environment, root, order, place / "trace", death)
            steps = await done_by_a_process(carry_out, orders)
            await environment().run(exporting(ledger, sources, root).expire, order)
            assert sorted(path.name for path in root.iterdir()) == LEFT, death
            (row,) = await ledger.exports.rows(request=REQUEST)
            assert row.state is ExportState.GONE, death
            kinds = [event.kind for event in await ledger.timeline(REQUEST)]
            assert kinds.count("effect:run:ended") == 1, death
            return steps


@pytest.mark.rule(number=5)
async def test_a_worker_killed_anywhere_deletes_the_file_in_the_end(
    postgres: Cluster, sample: Sample, tmp_path: Path
) -> None:
    undisturbed = await fade(postgres, sample, tmp_path / "undisturbed", None)
    deaths = list(every(undisturbed))
    assert {"before rename", "before rmtree", "before remove", "after remove"} <= set(undisturbed)
    for number, death in enumerate(deaths):
        steps = await fade(postgres, sample, tmp_path / str(number), death)
        assert steps[-1] == KILLED, f"it never came to {death}"
