"""A workflow that imports a database driver into every run: for the test that this is noticed."""

import psycopg
from temporalio import workflow


@workflow.defn
class Forgetful:
    """Forgets that its file is imported anew for every run."""

    @workflow.run
    async def run(self) -> str:
        """Name the driver."""
        return psycopg.__version__
