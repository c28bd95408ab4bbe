import pytest

from tests.faults.dying import deaths_of, die_at_each
from tests.faults.scenes import SCENES
from tests.faults.verdict import check_rebuild
from tests.faults.world import World

AT_ONCE = 8
"""So many cases run side by side, each with a worker of its own."""


@pytest.mark.rule(number=5)
@pytest.mark.rule(number=1)
async def test_a_worker_killed_at_any_step_changes_nothing(world: World) -> None:
    tried: set[tuple[str, int]] = set()
    handles = []
    for scene in SCENES:
        expected, steps = await deaths_of(world, scene)
        # What an earlier scene has tried is not tried again.
        new = [step for step in steps if step not in tried]
        tried |= set(new)
        handles += await die_at_each(world, scene, expected, new, at_once=AT_ONCE)
    assert len(tried) > 20
    await check_rebuild(world, handles)
