"""Puts the erasing of what is personal together."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from activities.erasing import ErasureActivities
from placet.connections import eraser_url
from placet.db import open_pool
from placet.directory import YamlDirectory
from placet.ledger.erasing import PostgresEraser
from placet.personal.keys import FileKeys
from placet.ports import Ledger
from placet.settings import Settings


def activities(settings: Settings, ledger: Ledger) -> Sequence[Callable[..., Any]]:
    """Return the activity that erases.

    The eraser's login is opened for one erasure at a time: hardly anything is as rare.
    """

    @asynccontextmanager
    async def eraser() -> AsyncIterator[PostgresEraser]:
        async with open_pool(eraser_url(settings)) as pool:
            yield PostgresEraser(pool)

    directory = YamlDirectory(settings.policies / "directory.yaml")
    return [ErasureActivities(ledger, FileKeys(settings.keys), directory, eraser).erase]
