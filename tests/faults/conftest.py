"""One world for all fault tests; each leaves it running."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.world import World, start_world


@pytest.fixture(scope="package")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Give running servers and a migrated database."""
    async with start_world(tmp_path_factory.mktemp("world")) as started:
        yield started
