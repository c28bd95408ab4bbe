"""Read Temporal: which cases it remembers, and the histories of their runs."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from placet.domain.errors import UnavailableError
from placet.reconciling.reading import RunReader
from placet.reconciling.remembered import Chain, Run

_AWAY = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNAUTHENTICATED,
}
_PAGE = 500


class Histories:
    """Temporal's memory of one namespace."""

    def __init__(self, client: Client, types: Sequence[str]) -> None:
        """Read by ``client`` what workflows of ``types`` have left."""
        self._client = client
        self._types = types
        self._retention: timedelta | None = None

    @property
    def namespace(self) -> str:
        """Return the namespace."""
        return self._client.namespace

    async def retention(self) -> timedelta:
        """Return for how long a closed workflow is remembered.

        Raises:
            UnavailableError: Temporal does not say.
        """
        if self._retention is not None:
            return self._retention
        try:
            described = await self._client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=self.namespace)
            )
        except RPCError as error:
            raise _away(error) from error
        self._retention = described.config.workflow_execution_retention_ttl.ToTimedelta()
        return self._retention

    async def cases(self, since: datetime | None) -> AsyncIterator[list[str]]:
        """Yield the ids of the cases that Temporal remembers, some hundreds at a time.

        Args:
            since: Only those that run, or began or ended after this instant.

        Raises:
            UnavailableError: Temporal does not answer.
        """
        names = ", ".join(_quoted(name) for name in self._types)
        query = f"WorkflowType IN ({names})"
        if since is not None:
            instant = _quoted(since.isoformat())
            recent = f"StartTime >= {instant} OR CloseTime >= {instant}"
            query = f"{query} AND ({recent} OR ExecutionStatus = 'Running')"
        page: list[str] = []
        try:
            async for found in self._client.list_workflows(query, page_size=_PAGE):
                page.append(found.id)
                if len(page) == _PAGE:
                    yield page
                    page = []
        except RPCError as error:
            raise _away(error) from error
        if page:
            yield page

    async def chains(self, workflow_id: str, firsts: Iterable[str]) -> tuple[Chain, ...]:
        """Return what is remembered under one id: the newest run, and all that it leads to.

        Args:
            workflow_id: The case.
            firsts: Runs with which a chain begins, as the ledger names them.

        Raises:
            UnavailableError: Temporal does not answer.
        """
        runs: dict[str, Run] = {}
        newest = await self._run(workflow_id)
        tried = {newest.run_id} if newest else set()
        waiting = list(firsts)
        run = newest
        while run is not None or waiting:
            if run is not None:
                runs[run.run_id] = run
                waiting += [each for each in (run.before, run.after, *run.bases) if each]
                run = None
            else:
                run_id = waiting.pop(0)
                if run_id not in tried:
                    tried.add(run_id)
                    run = await self._run(workflow_id, run_id)
        retention = await self.retention() if runs else timedelta()
        return _in_chains(runs, newest.run_id if newest else None, retention)

    async def _run(self, workflow_id: str, run_id: str | None = None) -> Run | None:
        """Read one run, or the newest; None when Temporal does not know it."""
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        reader = RunReader(workflow_id)
        try:
            async for event in handle.fetch_history_events(page_size=_PAGE):
                reader.take(event)
        except RPCError as error:
            # An id that the ledger names may be none of Temporal's at all.
            if error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
                return None
            if error.status in _AWAY:
                raise _away(error) from error
            return reader.broken(f"Temporal cannot read it: {error.message}")
        return reader.run()


def _in_chains(runs: dict[str, Run], newest: str | None, retention: timedelta) -> tuple[Chain, ...]:
    """Put runs into their chains, each with its line from the first known run to the newest."""
    firsts = dict.fromkeys(run.first_run_id for run in runs.values())
    return tuple(
        _chain(
            first, [run for run in runs.values() if run.first_run_id == first], newest, retention
        )
        for first in firsts
    )


def _chain(first: str, runs: list[Run], newest: str | None, retention: timedelta) -> Chain:
    by_id = {run.run_id: run for run in runs}
    last = by_id.get(newest or "") or max(runs, key=lambda run: run.started)
    line: list[Run] = []
    run: Run | None = last
    while run is not None and run not in line:
        line.insert(0, run)
        run = by_id.get(run.before or "")
    before = line[0].before
    return Chain(
        first_run_id=first,
        runs=tuple(sorted(runs, key=lambda run: run.started)),
        line=tuple(line),
        whole=before is None,
        lost=_lost(line, by_id, before, retention),
    )


def _lost(
    line: list[Run], by_id: dict[str, Run], before: str | None, retention: timedelta
) -> str | None:
    """Return a run that should be remembered and is not: one that closed not long enough ago."""
    after = line[-1].after
    if after is not None and after not in by_id:
        return after
    # A run closes in the moment in which the next one starts.
    recent = datetime.now(line[0].started.tzinfo) - line[0].started < retention
    return before if before is not None and recent else None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _away(error: RPCError) -> UnavailableError:
    return UnavailableError(
        f"Temporal does not answer ({error.message}); see that it runs, and start the "
        "reconciliation again"
    )
