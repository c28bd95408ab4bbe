"""Cases that come of a case: one that asks people anew, one that reviews what was done already.

Each is a workflow of its own with its own story in the ledger, and outlives the one it comes of.
"""

import asyncio
import re
from collections.abc import Callable, Mapping

from temporalio import workflow
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from placet.domain.case import Case
    from placet.domain.orders import CaseResult, Followed, FollowerEnded

from workflows.attributes import PIPELINE, of_case
from workflows.driver import Driver
from workflows.inbox import Entry

Request = Mapping[str, JsonValue]
Handle = workflow.ChildWorkflowHandle[object, CaseResult]

_AGAIN = re.compile(r"-again(?:-(\d+))?$")


class Followers:
    """The cases that come of one case; what becomes of them lands in its inbox."""

    def __init__(self, driver: Driver) -> None:
        """Follow the case that ``driver`` moves."""
        self._driver = driver
        self._tasks: list[asyncio.Task[None]] = []

    def review(self, pipeline: str, request_of: Callable[[Case], Request]) -> None:
        """Begin a review of what is done before people were asked, and report how it ends."""
        case = self._driver.case
        follower = f"{case.request_id}-{pipeline.rpartition('-')[2]}"
        self._driver.awaits_follower = True
        task = asyncio.create_task(self._review(pipeline, follower, request_of(case)))
        # Kept: the loop itself holds a task only weakly.
        self._tasks.append(task)

    async def _review(self, pipeline: str, follower: str, request: Request) -> None:
        handle = await self._start(pipeline, follower, request)
        self._note(Followed(case=follower, why="what was done at once is reviewed afterwards"))
        outcome, reason = "failed", "its id was another case's"
        if handle is not None:
            outcome, reason = await _outcome_of(handle)
        self._driver.awaits_follower = False
        ended = FollowerEnded(case=follower, outcome=outcome, reason=reason)
        self._driver.inbox.put(Entry(ended, f"ended-{follower}"))

    async def ask_again(self, request: Request, why: str) -> None:
        """Start the case that asks people anew."""
        case = self._driver.case
        follower = again_id(case.request_id)
        await self._start(case.pipeline, follower, request)
        self._note(Followed(case=follower, why=why))

    def _note(self, followed: Followed) -> None:
        self._driver.inbox.put(Entry(followed, f"followed-{followed.case}"))

    async def _start(self, pipeline: str, follower: str, request: Request) -> Handle | None:
        """Start a case; None when there is one of this id."""
        requester = self._driver.case.known_plan().requester.id
        try:
            return await workflow.start_child_workflow(
                pipeline,
                request,
                id=follower,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                search_attributes=_attributes(pipeline, requester),
                static_summary=f"{pipeline} for {requester}",
                result_type=CaseResult,
            )
        except WorkflowAlreadyStartedError:
            return None


def again_id(case: str) -> str:
    """Return the id of the case that asks again: ``…-again``, then ``…-again-2`` and so on."""
    found = _AGAIN.search(case)
    if found is None:
        return f"{case}-again"
    return f"{case[: found.start()]}-again-{int(found[1] or 1) + 1}"


def _attributes(pipeline: str, requester: str) -> TypedSearchAttributes | None:
    """Return a follower's search attributes, where the namespace knows them.

    It does where this case has them. One that knows none would fail the workflow task for ever.
    """
    known = workflow.info().typed_search_attributes.get(PIPELINE) is not None
    return of_case(pipeline, requester) if known else None


async def _outcome_of(handle: Handle) -> tuple[str, str]:
    """Wait for a follower's end; return its outcome and why.

    One that Temporal has ended by itself has said nothing, and so has not said yes.
    """
    try:
        result = await handle
    except ChildWorkflowError as error:
        return "failed", str(error.cause or error)
    return result.outcome, result.reason
