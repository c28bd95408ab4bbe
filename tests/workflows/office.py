"""An office for tests: people, a policy, a worker, and short words for what people do."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper

from placet.bootstrap import build_worker
from placet.domain.ledger import RecordedEvent
from placet.domain.orders import CaseResult
from placet.domain.people import Directory
from placet.domain.record import Notice
from placet.ledger import PostgresLedger
from placet.policy.loader import PolicyFolder
from placet.settings import Settings

HERE = Path(__file__).parent
Handle = WorkflowHandle[Any, CaseResult]


class Mailbox:
    """Keeps every notice by its key."""

    def __init__(self) -> None:
        self.notices: dict[str, Notice] = {}

    async def deliver(self, key: str, notice: Notice) -> None:
        self.notices[key] = notice

    def kinds(self) -> list[str]:
        return [n.kind.value for n in sorted(self.notices.values(), key=lambda n: n.number)]


class People:
    """A directory that a test may change."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def snapshot(self) -> Directory:
        return self.directory

    def change(self, person_id: str, **changes: Any) -> None:
        people = [
            p.model_dump(mode="json", by_alias=True) | (changes if p.id == person_id else {})
            for p in self.directory.people
        ]
        whole = self.directory.model_dump(mode="json", by_alias=True) | {"people": people}
        self.directory = Directory.model_validate(whole)

    def remove(self, person_id: str) -> None:
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


class Office:
    """Starts cases and acts in them."""

    def __init__(
        self, client: Client, ledger: PostgresLedger, home: Path, policies: Path | None = None
    ) -> None:
        from placet.directory import load_directory

        self.client = client
        self.ledger = ledger
        self.skipper = TimeSkipper(client)
        self.mail = Mailbox()
        self.people = People(load_directory(HERE / "policies" / "directory.yaml"))
        self.policies = PolicyFolder(policies or HERE / "policies")
        self.settings = Settings.from_environment(
            {"PLACET_HOME": str(home), "PLACET_TASK_QUEUE": f"test-{secrets.token_hex(6)}"}
        )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Run a worker."""
        async with build_worker(
            self.client,
            self.settings,
            self.ledger,
            policies=self.policies,
            directory=self.people,
            notifier=self.mail,
            graceful=timedelta(0),
        ):
            yield

    async def submit(self, request: Any = None, *, name: str | None = None) -> Handle:
        """Start a case; it waits until time is skipped."""
        request = expense() if request is None else request
        return await self.client.start_workflow(
            "expense",
            request,
            id=name or f"expense-{secrets.token_hex(6)}",
            task_queue=self.settings.task_queue,
            result_type=CaseResult,
        )

    async def skip(self, handle: Handle, **duration: float) -> None:
        """Let time pass for a case."""
        await self.skipper.fast_forward(handle, timedelta(**duration))

    async def decide(self, handle: Handle, action: str, actor: str, **more: Any) -> dict[str, Any]:
        """Act by update, which answers."""
        message: Mapping[str, Any] = {"action": action, "actor": actor, **more}
        answer: dict[str, Any] = await handle.execute_update("decide", message)
        return answer

    async def kinds(self, handle: Handle) -> list[str]:
        """Return the kinds of a case's events in order, without the notices."""
        return [e.kind for e in await self.timeline(handle) if "notice" not in e.kind]

    async def timeline(self, handle: Handle) -> list[RecordedEvent]:
        """Return a case's events."""
        return await self.ledger.timeline(handle.id)
