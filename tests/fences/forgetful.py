"""A pipeline that forgets things, and imports a database driver into every run: for the fences."""

from typing import Any

import psycopg
from temporalio import workflow

from placet.pipelines.pipeline import Door, Prepared, Surroundings


@workflow.defn
class Forgetful:
    """Forgets that its file is imported anew for every run."""

    @workflow.run
    async def run(self) -> str:
        """Name the driver."""
        return psycopg.__version__


async def prepare(_: Any, __: Surroundings) -> Prepared:
    """Understand nothing."""
    raise NotImplementedError


DOOR = Door(prepare, {})
