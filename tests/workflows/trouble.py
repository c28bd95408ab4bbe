"""Parts that fail as real ones do: for a while, or for ever."""

from collections import Counter
from typing import Any

from placet.domain.errors import ConflictError, NotFoundError, UnavailableError
from placet.domain.record import Notice
from placet.ledger import PostgresLedger


class Outage:
    """A ledger that does not answer some calls, and then is itself again.

    Attributes:
        left: Method to how many of its calls still fail.
        calls: Method to how often it was called.
    """

    def __init__(self, ledger: PostgresLedger, *, permanent: bool = False, **left: int) -> None:
        self._ledger = ledger
        self._permanent = permanent
        self.left = left
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            if self.left.get(name, 0) > 0:
                self.left[name] -= 1
                if self._permanent:
                    raise ConflictError("the bank does not take this; look at it by hand")
                raise UnavailableError("no connection; start Postgres")
            return await method(*arguments, **options)

        return call


class Erased:
    """A ledger whose contents somebody has erased."""

    def __init__(self, ledger: PostgresLedger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def get_content(self, digest: str) -> bytes:
        """Find nothing."""
        raise NotFoundError(f"no content has the digest {digest}; restore it from a backup")


class NoMail:
    """A mail server that fails so many times; ``permanent`` says that it always will."""

    def __init__(self, left: int, *, permanent: bool = False) -> None:
        self.left = left
        self.permanent = permanent
        self.delivered: list[Notice] = []

    async def deliver(self, key: str, notice: Notice) -> None:  # noqa: ARG002 - the port has it
        """Deliver, or not."""
        if self.left > 0:
            self.left -= 1
            if self.permanent:
                raise ConflictError("no such mailbox; correct the address in the directory")
            raise UnavailableError("the mail server does not answer; look at it")
        self.delivered.append(notice)
