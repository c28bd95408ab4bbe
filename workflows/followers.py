"""Cases that come of a case: one that asks people anew, one that reviews what was done already.

Each is a workflow of its own with its own story in the ledger, and outlives the one it comes of.
"""

import asyncio
from collections.abc import Callable, Mapping

from temporalio import workflow
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from placet.domain import lasting
    from placet.domain.case import Case
    from placet.domain.orders import CaseResult, Followed, FollowerEnded
    from placet.domain.vocabulary import Status

from workflows.attributes import PIPELINE, of_case
from workflows.driver import Driver
from workflows.inbox import Entry

Request = Mapping[str, JsonValue]
Handle = workflow.ChildWorkflowHandle[object, CaseResult]

_TOO_MUCH = "nobody had decided it when the history of this case was full"


class Followers:
    """The cases that come of one case; what becomes of them lands in its inbox."""

    def __init__(self, driver: Driver) -> None:
        """Follow the case that ``driver`` moves."""
        self._driver = driver
        self._tasks: list[asyncio.Task[None]] = []

    def review(self, pipeline: str, request_of: Callable[[Case], Request]) -> None:
        """Begin a review of what is done before people were asked, and report how it ends."""
        self._driver.awaits_follower = True
        task = asyncio.create_task(self._review(pipeline, request_of(self._driver.case)))
        # Kept: the loop itself holds a task only weakly.
        self._tasks.append(task)

    async def _review(self, pipeline: str, request: Request) -> None:
        follower, handle = await self._start(pipeline, pipeline.rpartition("-")[2], request)
        self._note(Followed(case=follower, why="what was done at once is reviewed afterwards"))
        ending = asyncio.create_task(_outcome_of(handle))
        await workflow.wait_condition(lambda: ending.done() or _is_full())
        outcome, reason = ending.result() if ending.done() else ("failed", _TOO_MUCH)
        self._driver.awaits_follower = False
        ended = FollowerEnded(case=follower, outcome=outcome, reason=reason)
        self._driver.inbox.put(Entry(ended, f"ended-{follower}"))

    def check(self) -> None:
        """Raise what stopped a task of these, if anything did."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def ask_again(self, request: Request, why: str) -> None:
        """Start the case that asks people anew."""
        follower, _ = await self._start(self._driver.case.pipeline, "again", request)
        self._note(Followed(case=follower, why=why))

    def _note(self, followed: Followed) -> None:
        self._driver.inbox.put(Entry(followed, f"followed-{followed.case}"))

    async def _start(self, pipeline: str, what: str, request: Request) -> tuple[str, Handle]:
        """Start a case under the first id that nobody has taken; return that too.

        Anybody may have started a case of the id that is expected.
        """
        case = self._driver.case
        requester = case.known_plan().requester.id
        ids = lasting.follower_ids(case.request_id, what)
        while True:
            follower = next(ids)
            try:
                return follower, await workflow.start_child_workflow(
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
                continue


def _is_full() -> bool:
    return workflow.info().get_current_history_length() >= lasting.MAX_EVENTS


def _attributes(pipeline: str, requester: str) -> TypedSearchAttributes | None:
    """Return a follower's search attributes, where the namespace knows them.

    It does where this case has them. One that knows none would fail the workflow task for ever.
    """
    known = workflow.info().typed_search_attributes.get(PIPELINE) is not None
    return of_case(pipeline, requester) if known else None


async def _outcome_of(handle: Handle) -> tuple[str, str]:
    """Wait for a follower's end; return its outcome and why.

    One that Temporal has ended by itself has said nothing, and so has not said yes. Nor has one
    that was asked something else meanwhile: whoever broke the glass may have changed its request.
    """
    try:
        result = await handle
    except ChildWorkflowError as error:
        return "failed", str(error.cause or error)
    if result.outcome == Status.APPROVED.value and result.revision != 1:
        return "failed", f"only its revision {result.revision} was approved, not what was done"
    return result.outcome, result.reason
