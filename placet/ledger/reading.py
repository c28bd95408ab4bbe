"""Reads the ledger, the content and the lists that follow from its events."""

import re
from collections.abc import Sequence

from placet.domain.errors import NotFoundError
from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import (
    AssignmentRow,
    PaymentRow,
    PublicationRow,
    RequestRow,
    ReviewRow,
)
from placet.ledger import sql
from placet.ledger.revealing import (
    ASSIGNMENT,
    REQUEST,
    REVIEW,
    revealed_events,
    revealed_rows,
    sealed_events,
)
from placet.ledger.session import Session, rows_at_most

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")

ANY_PAYMENT: dict[str, str | None] = dict.fromkeys(
    ("payment_id", "permit_id", "request", "msg_id", "end_to_end_id")
)
"""No filter of payments at all."""


class PostgresReading(Session):
    """What may be asked of the ledger; UnavailableError is raised while nobody answers."""

    async def timeline(self, request: str) -> list[RecordedEvent]:
        """Return a request's events in order; an unknown request has none.

        What was personal and is erased, or cannot be opened here, is shown as such.
        """
        rows = await self._all(sql.TIMELINE, {"stream": request})
        return await revealed_events(rows, self._opened)

    async def sealed_timeline(self, request: str) -> list[RecordedEvent]:
        """Return a request's events exactly as they are recorded and signed."""
        rows = await self._all(sql.TIMELINE, {"stream": request})
        return sealed_events(rows)

    async def get_content(self, digest: str) -> bytes:
        """Return what was stored under a SHA-256 in hex.

        Raises:
            NotFoundError: Nothing was, or it has been erased.
        """
        rows = (
            await self._all(sql.GET_CONTENT, {"digest": digest})
            if _HEX_DIGEST.fullmatch(digest)
            else []
        )
        data = rows[0]["data"] if rows else None
        if data is None:
            raise NotFoundError(
                f"No content is stored under {digest[:64]!r}: it was never stored, or was erased."
            )
        return bytes(data)

    async def has_content(self, digest: str) -> bool:
        """Say whether anything is stored under a SHA-256 in hex."""
        if not _HEX_DIGEST.fullmatch(digest):
            return False
        return bool((await self._all(sql.HAS_CONTENT, {"digest": digest}))[0]["found"])

    async def has_file(self, digest: str) -> bool:
        """Say whether a file is stored under a SHA-256 in hex.

        Revisions of requests and snapshots of policies are stored beside the files, as JSON, which
        no file of a request is; a receipt must not be one of these.
        """
        if not _HEX_DIGEST.fullmatch(digest):
            return False
        return bool((await self._all(sql.HAS_FILE, {"digest": digest}))[0]["found"])

    async def requests(  # noqa: PLR0913 - each is one filter of a list
        self,
        *,
        reviewer: str | None = None,
        requester: str | None = None,
        status: str | None = None,
        pipeline: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[RequestRow]:
        """Return the newest requests that fit every filter given.

        Args:
            reviewer: The directory's id of a person whom the request waits for.
            requester: The directory's id of who requested it.
            status: As the case names it.
            pipeline: As the registry names it.
            limit: At most this many rows, 1000 at most.
            after: The last request of the page before.
        """
        rows = await self._all(
            sql.REQUESTS,
            {
                "reviewer": reviewer,
                "requester": requester,
                "status": status,
                "pipeline": pipeline,
                "limit": rows_at_most(limit),
                "after": after,
            },
        )
        return [RequestRow(**row) for row in await revealed_rows(rows, REQUEST, self._opened)]

    async def request(self, request_id: str) -> RequestRow | None:
        """Return one request's row, or None when the ledger does not know it."""
        rows = await self._all(sql.REQUEST, {"request": request_id})
        shown = await revealed_rows(rows, REQUEST, self._opened)
        return RequestRow(**shown[0]) if shown else None

    async def assignments(self, requests: Sequence[str]) -> list[AssignmentRow]:
        """Return whom these requests wait for, in the order the events named them."""
        rows = await self._all(sql.ASSIGNMENTS, {"requests": list(requests)})
        shown = await revealed_rows(rows, ASSIGNMENT, self._opened)
        return [AssignmentRow(**row) for row in shown]

    async def reviews(self, request_id: str) -> list[ReviewRow]:
        """Return the verdicts on a request, in the order they were recorded."""
        rows = await self._all(sql.REVIEWS, {"request": request_id})
        shown = await revealed_rows(rows, REVIEW, self._opened)
        return [ReviewRow(**row) for row in shown]

    async def published(self, slug: str) -> PublicationRow | None:
        """Return what stands under a slug now: the newest publication that is done, if any.

        Its version is None when it was taken away.
        """
        rows = await self._all(sql.PUBLISHED, {"slug": slug})
        return PublicationRow(**rows[0]) if rows else None

    async def publications(self, slug: str, limit: int = 100) -> list[PublicationRow]:
        """Return what was done to a slug, or is being done, the newest first; 1000 at most."""
        limit = rows_at_most(limit)
        rows = await self._all(sql.PUBLICATIONS, {"slug": slug, "limit": limit})
        return [PublicationRow(**row) for row in rows]

    async def payments(
        self,
        *,
        permit_id: str | None = None,
        request: str | None = None,
        msg_id: str | None = None,
        end_to_end_id: str | None = None,
    ) -> list[PaymentRow]:
        """Return the payments that fit every filter given, oldest first, 1000 at most."""
        filters = {
            "permit_id": permit_id,
            "request": request,
            "msg_id": msg_id,
            "end_to_end_id": end_to_end_id,
        }
        rows = await self._all(sql.PAYMENTS, ANY_PAYMENT | filters)
        return [PaymentRow(**row) for row in rows]
