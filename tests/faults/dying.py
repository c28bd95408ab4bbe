"""Plays a scene again and again, and has the worker die at another step each time."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tests.faults.mortal import KILLED
from tests.faults.scenes import SCENES
from tests.faults.verdict import Story, tell
from tests.faults.world import Handle, World, mortal_worker

Death = tuple[str, int]
"""A step, and at which passing of it the worker dies, from 1."""


async def deaths_of(world: World, scene: str, *, close: bool = False) -> tuple[Story, list[Death]]:
    """Play a scene undisturbed; return its story and each step at which a worker could die."""
    _, story, trace = await _play(world, scene, None, close=close)
    passed: Counter[str] = Counter()
    deaths = []
    for step in trace:
        passed[step] += 1
        deaths.append((step, passed[step]))
    return story, deaths


async def die_at_each(
    world: World, scene: str, expected: Story, deaths: Sequence[Death], *, at_once: int
) -> list[Handle]:
    """Play a scene once for each death, and make sure that its story is always the same."""
    played = await _play_each(world, scene, expected, deaths, at_once=at_once, close=False)
    for death, (_, trace) in zip(deaths, played, strict=True):
        assert KILLED in trace, f"{scene} never came to {death}: {trace}"
    return [handle for handle, _ in played]


async def die_closely(world: World, scene: str, *, at_once: int) -> tuple[list[Handle], int]:
    """Play a scene once for each guard; how work falls into workflow tasks differs between runs.

    Returns:
        The cases, and how many of their workers met their fate.
    """
    expected, deaths = await deaths_of(world, scene, close=True)
    played = await _play_each(world, scene, expected, deaths, at_once=at_once, close=True)
    return [handle for handle, _ in played], sum(KILLED in trace for _, trace in played)


async def _play_each(  # noqa: PLR0913 - a scene, what is expected of it, and how to play it
    world: World,
    scene: str,
    expected: Story,
    deaths: Sequence[Death],
    *,
    at_once: int,
    close: bool,
) -> list[tuple[Handle, list[str]]]:
    room = asyncio.Semaphore(at_once)

    async def dying(death: Death) -> tuple[Handle, list[str]]:
        async with room:
            handle, story, trace = await _play(world, scene, death, close=close)
        assert story == expected, f"{scene}, killed {death}: {trace}"
        return handle, trace

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(dying(death)) for death in deaths]
    return [task.result() for task in tasks]


async def _play(
    world: World, scene: str, death: Death | None, *, close: bool
) -> tuple[Handle, Story, list[str]]:
    order = replace(world.order(), dies_at=death, close=close)
    async with mortal_worker(order) as generations:
        handle = await SCENES[scene](world, order)
        story = await tell(world, handle)
    return handle, story, generations[0].steps()
