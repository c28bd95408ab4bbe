"""A server that is told who gets which role, and who loses it, by signed webhooks.

Who has a role there cannot be looked at. A message that arrives twice has the same id and the same
content, so its receiver can tell.
"""

from pydantic import JsonValue

from placet.access.target import Change
from placet.webhooks import Receiver


class WebhookAccess:
    """Posts each change to a URL."""

    def __init__(self, url: str, secret: str) -> None:
        """Post to ``url``, signed with ``secret``.

        Raises:
            ValueError: The secret is none that the specification allows.
        """
        self._receiver = Receiver(url, secret)

    async def check(self, role: str) -> None:
        """Take every role: the receiver refuses what it does not know."""

    async def members(self, _: str) -> frozenset[str] | None:
        """Say that nobody can know."""
        return None

    async def grant(self, change: Change) -> None:
        """Post that somebody gets a role.

        Raises:
            ConflictError: The server refuses it for good.
            UnavailableError: The server does not answer, or not now.
        """
        told = {**_told(change), "minutes": change.minutes}
        await self._receiver.post(f"{change.key}:granted", "access.granted", change.at, told)

    async def revoke(self, change: Change) -> None:
        """Post that somebody loses a role; nobody can know whether they had it.

        Raises:
            ConflictError: The server refuses it for good.
            UnavailableError: The server does not answer, or not now.
        """
        await self._receiver.post(
            f"{change.key}:revoked", "access.revoked", change.at, _told(change)
        )


def _told(change: Change) -> dict[str, JsonValue]:
    return {
        "role": change.role,
        "account": change.account,
        "person": change.person,
        "case": change.case,
    }
