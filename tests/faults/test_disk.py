import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from placet.cli.codes import Code
from tests.cli.office import start
from tests.faults.scenes import BOB
from tests.faults.verdict import tell
from tests.faults.world import World, waits_patiently, worker
from tests.support.disk import small_disk


@contextmanager
def spoilt(directory: Path) -> Iterator[None]:
    """Have a file where a directory was: nothing can be written there, not even by root."""
    aside = directory.with_name(f"{directory.name}.aside")
    directory.rename(aside)
    directory.touch()
    try:
        yield
    finally:
        directory.unlink()
        aside.rename(directory)


@pytest.mark.rule(number=5)
@pytest.mark.parametrize("part", ["staging", "archive", "outbox"])
async def test_a_payment_waits_for_the_disk(world: World, part: str) -> None:
    order = world.order()
    async with worker(order):
        handle = await world.submit(order)
        await world.recorded(handle, "system:stage:opened")
        with spoilt(world.home / "payments" / part):
            await handle.signal("approve", {"actor": BOB})
            await waits_patiently(handle)
            assert "effect:run:failed" not in await world.kinds(handle)
        assert (await tell(world, handle)).outcome == ("approved", "people", "done")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 64 KiB."""
    with small_disk(tmp_path / "disk", 64) as place:
        yield place


@pytest.mark.rule(number=5)
async def test_a_payment_waits_until_a_full_disk_has_room(world: World, disk: Path) -> None:
    filler, spool = disk / "filler", disk / "payments"
    order = world.order(PLACET_SPOOL=str(spool))
    async with worker(order):
        handle = await world.submit(order)
        await world.recorded(handle, "system:stage:opened")
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(100_000))
        await handle.signal("approve", {"actor": BOB})
        await waits_patiently(handle)
        assert await world.ledger.payments(request=handle.id) == []
        filler.unlink()
        assert (await tell(world, handle, spool)).outcome == ("approved", "people", "done")


async def test_notices_that_cannot_be_written_hold_up_nothing(world: World, tmp_path: Path) -> None:
    notices = tmp_path / "notices"
    notices.mkdir()
    order = world.order(PLACET_HOME=str(tmp_path), PLACET_SPOOL=str(world.home / "payments"))
    async with worker(order):
        with spoilt(notices):
            handle = await world.submit(order)
            await world.recorded(handle, "system:stage:opened")
            await handle.signal("approve", {"actor": BOB})
            await world.recorded(handle, "effect:run:done")
            assert "system:notice:sent" not in await world.kinds(handle)
        story = await tell(world, handle)
    assert story.outcome == ("approved", "people", "done")
    assert set(story.notices) == {"system:notice:sent review_wanted", "system:notice:sent decided"}


async def test_a_worker_that_cannot_use_its_spool_says_so(world: World, tmp_path: Path) -> None:
    spool = tmp_path / "payments"
    spool.touch()
    order = world.order(PLACET_SPOOL=str(spool))
    environment = {"PATH": "/usr/bin:/bin", "TEMPORAL_ADDRESS": order.address, **order.environment}
    process = start("worker.py", env=environment)
    _, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == Code.UNREACHABLE
    assert f"{spool}" in err
    assert "Traceback" not in err
