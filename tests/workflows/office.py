"""An office for tests: people, a policy, a worker, and short words for what people do."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowHandle, WorkflowHistory, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper

from placet.bootstrap import build_worker
from placet.directory import load_directory
from placet.domain.ledger import RecordedEvent
from placet.domain.orders import CaseResult
from placet.domain.people import Directory
from placet.domain.record import Notice
from placet.ledger import PostgresLedger
from placet.policy.loader import PolicyFolder
from placet.ports import Notifier
from placet.settings import Settings
from tests.support import waiting

POLICIES = Path(__file__).parent / "policies"
PATIENCE = 20.0
"""How long a test waits for something that has to happen, in seconds."""

Handle = WorkflowHandle[Any, CaseResult]

eventually = partial(waiting.eventually, patience=PATIENCE)


class Mailbox:
    """Keeps every notice by its key."""

    def __init__(self) -> None:
        self.notices: dict[str, Notice] = {}

    async def deliver(self, key: str, notice: Notice) -> None:
        """Keep a notice."""
        self.notices[key] = notice

    def kinds(self) -> list[str]:
        """Return the kinds of the notices in the order in which the cases made them."""
        return [n.kind.value for n in sorted(self.notices.values(), key=lambda n: n.number)]


class People:
    """A directory that a test may change."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def snapshot(self) -> Directory:
        """Return everybody as they are now."""
        return self.directory

    def change(self, person_id: str, **changes: Any) -> None:
        """Change one person's entry."""
        people = [
            p.model_dump(mode="json", by_alias=True) | (changes if p.id == person_id else {})
            for p in self.directory.people
        ]
        whole = self.directory.model_dump(mode="json", by_alias=True) | {"people": people}
        self.directory = Directory.model_validate(whole)

    def remove(self, person_id: str) -> None:
        """Let somebody leave the company."""
        self.change(person_id, active=False)


def expense(amount: str = "120.00 EUR", **changes: Any) -> dict[str, Any]:
    """Return an expense as a requester writes it."""
    return {
        "title": "Team dinner",
        "requester": "alice@example.com",
        "cost_centre": "CC-100",
        "purpose": "The release is out.",
        "lines": [
            {
                "date": "2026-03-05",
                "description": "Dinner",
                "category": "meals",
                "amount": amount,
            }
        ],
        "payee": {"name": "Alice Adams", "iban": "DE89370400440532013000"},
        **changes,
    }


def a_page(document: tuple[bytes, str], **changes: Any) -> dict[str, Any]:
    """Return a request to publish a document that is kept already: its content and kind."""
    content, _ = document
    sha256 = hashlib.sha256(content).hexdigest()
    return {
        "slug": "closed",
        "title": "The office is closed",
        "requester": "alice@example.com",
        "document": {"path": "closed.md", "sha256": sha256, "size": len(content)},
        **changes,
    }


def a_mail(people: tuple[bytes, str], **changes: Any) -> dict[str, Any]:
    """Return a mail for each on a list that is kept already: its content and kind."""
    content, _ = people
    sha256 = hashlib.sha256(content).hexdigest()
    return {
        "requester": "alice@example.com",
        "sender": "Alice <alice@example.com>",
        "lists": [{"name": "people.txt", "sha256": sha256, "size": len(content)}],
        "subject": "Our offer",
        "text": "Good morning!",
        **changes,
    }


def a_deletion(**changes: Any) -> dict[str, Any]:
    """Return a request to delete some of the sample's visits, for good."""
    return {
        "requester": "alice@example.com",
        "dataset": "visits",
        "filters": [{"column": "page", "op": "eq", "value": "/basket"}],
        "reason": "Nobody needs them.",
        **changes,
    }


class Office:
    """Starts cases and acts in them.

    Attributes:
        breaches: The rules that the test breaks; the stories that are left break no others.
    """

    def __init__(
        self,
        client: Client,
        ledger: PostgresLedger,
        home: Path,
        *,
        policies: Path = POLICIES,
        task_queue: str | None = None,
    ) -> None:
        self.client = client
        self.ledger = ledger
        self.writes_to: Any = ledger
        self.skipper = TimeSkipper(client)
        self.breaches: set[str] = set()
        self.mail = Mailbox()
        self.notifier: Notifier = self.mail
        self.people = People(load_directory(POLICIES / "directory.yaml"))
        self.policies = PolicyFolder(policies)
        self.settings = Settings.from_environment(
            {
                "PLACET_HOME": str(home),
                "PLACET_TASK_QUEUE": task_queue or f"test-{secrets.token_hex(6)}",
            }
        )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Run a worker."""
        async with build_worker(
            self.client,
            self.settings,
            self.writes_to,
            policies=self.policies,
            directory=self.people,
            notifier=self.notifier,
            graceful=timedelta(0),
        ):
            yield

    async def submit(self, request: Any = None, *, name: str | None = None) -> Handle:
        """Start a case; it waits until time is skipped."""
        return await self.start([expense() if request is None else request], name=name)

    async def start(
        self, arguments: list[Any], *, name: str | None = None, pipeline: str = "expense"
    ) -> Handle:
        """Start a case with whatever arguments."""
        handle = await self.client.start_workflow(
            pipeline,
            args=arguments,
            id=name or f"{pipeline}-{secrets.token_hex(6)}",
            task_queue=self.settings.task_queue,
            result_type=CaseResult,
        )
        return cast("Handle", handle)

    async def result(self, handle: Handle) -> CaseResult:
        """Return how a case ended, once it has; also of a handle that knows no types."""
        async with asyncio.timeout(PATIENCE):
            return CaseResult.model_validate(await handle.result())

    async def skip(self, handle: Handle, **duration: float) -> None:
        """Let time pass for a case."""
        async with asyncio.timeout(PATIENCE):
            await self.skipper.fast_forward(handle, timedelta(**duration))

    async def skip_until(
        self, happened: Callable[[], Awaitable[bool]], handle: Handle, **duration: float
    ) -> None:
        """Let time pass until something has happened; the rest of the time need not come.

        Time stands still while a task waits for a worker or an activity is under way.
        """
        skipping = asyncio.create_task(self.skipper.fast_forward(handle, timedelta(**duration)))
        try:
            await eventually(happened, f"{handle.id} while time is skipped")
        finally:
            skipping.cancel()

    async def timer_fired(self, handle: Handle) -> bool:
        """Say whether a timer of the case has fired."""
        events = (await self.history(handle)).events
        return any(e.HasField("timer_fired_event_attributes") for e in events)

    async def signal(self, handle: Handle, action: str, actor: str, **more: Any) -> None:
        """Act by signal, which does not answer."""
        await handle.signal(action, {"actor": actor, **more})

    async def decide(self, handle: Handle, action: str, actor: str, **more: Any) -> dict[str, Any]:
        """Act by update, which answers once everything that came before has been taken."""
        message = {"action": action, "actor": actor, **more}
        answer: dict[str, Any] = await handle.execute_update("decide", message)
        return answer

    async def refusal(
        self, handle: Handle, action: str, actor: str, **more: Any
    ) -> tuple[str, str]:
        """Act by update, expect to be refused, and return why: the code and the sentence."""
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await self.decide(handle, action, actor, **more)
        cause = caught.value.cause
        assert isinstance(cause, ApplicationError)
        assert cause.non_retryable
        return cause.type or "", cause.message

    async def settled(self, handle: Handle) -> dict[str, Any]:
        """Return the status after everything that was sent before has been taken."""
        await self.decide(handle, "comment", "carol@example.com", reason="I only look.")
        return await self.status(handle)

    async def status(self, handle: Handle) -> dict[str, Any]:
        """Return the case as the query tells it."""
        told: dict[str, Any] = await handle.query("status")
        return told

    async def waits_for(self, handle: Handle) -> list[str]:
        """Return the ids of the people from whom the case expects something."""
        return [row["person"] for row in (await self.status(handle))["waiting_for"]]

    async def kinds(self, handle: Handle) -> list[str]:
        """Return the kinds of a case's events in order, without notices and comments."""
        return [
            event.kind
            for event in await self.timeline(handle)
            if "notice" not in event.kind and "commented" not in event.kind
        ]

    async def timeline(self, handle: Handle) -> list[RecordedEvent]:
        """Return a case's events."""
        return await self.ledger.timeline(handle.id)

    async def told(self, handle: Handle, kind: str) -> list[dict[str, Any]]:
        """Return the bodies of a case's events of one kind."""
        return [dict(e.body) for e in await self.timeline(handle) if e.kind == kind]

    async def recorded(self, handle: Handle, kind: str, times: int = 1) -> None:
        """Wait until the ledger has events of one kind."""

        async def there() -> bool:
            return len(await self.told(handle, kind)) >= times

        await eventually(there, f"{times} {kind} in the ledger of {handle.id}")

    async def idle(self, handle: Handle) -> None:
        """Wait until a case only waits: no task and no activity is under way."""

        async def still() -> bool:
            told = (await handle.describe()).raw_description
            return not told.pending_activities and not told.HasField("pending_workflow_task")

        await eventually(still, f"{handle.id} to be idle")

    async def history(self, handle: Handle) -> WorkflowHistory:
        """Return a case's history."""
        return await handle.fetch_history()
