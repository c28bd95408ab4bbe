"""Hand one mail over to everybody who waits for it, over several connections at once.

What is known of each recipient is recorded before and after, so a run that ends anywhere is
continued by the next: whom it has served is not served again, and whom it was serving when it died
is in doubt.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from placet.domain.delivery import Counts, DeliveryRow, DeliveryStatus, Handover
from placet.domain.errors import UnavailableError
from placet.domain.recipients import Recipient
from placet.halt import Halt
from placet.mail.compose import Letter
from placet.mail.server import SmtpServer
from placet.mail.smtp import Answer, Connection, LostError, ServerAwayError, connection
from placet.ports import Deliveries

_PAGE = 500
_LOST_AT_MOST = 5
"""So many connections may break one after another before a round ends."""
PAUSE_SECONDS = 1.0
_TRIES = 60
"""So often an answer is recorded anew while the ledger is away: nobody else knows it."""

Tell = Callable[[Counts], None]


@dataclass(frozen=True)
class Mailing:
    """A mail, and who sends it.

    Attributes:
        book: Keeps what became of each.
        server: Takes the mails.
        permit_id: Which mail.
        holder: Which attempt.
        letter: The mail itself.
        recipients: Everybody, by place; the first has place 1.
    """

    book: Deliveries
    server: SmtpServer
    permit_id: str
    holder: str
    letter: Letter
    recipients: Sequence[Recipient]

    async def round(self, halt: Halt, tell: Tell) -> str | None:
        """Try everybody who waits, once.

        Args:
            halt: Ends the round early; what is on its way is waited for.
            tell: Told how far the mail has come, after each recipient.

        Returns:
            Why somebody still waits, in words; None when nobody does.

        Raises:
            ConflictError: Another worker sends this mail now.
            UnavailableError: The ledger does not answer.
        """
        counts = Counter(await self.book.counts(self.permit_id))
        return await _Round(self, counts, halt, tell).run()

    async def give_up(self) -> None:
        """Give up whoever still waits; what the server said last stays."""
        line = _Line(self.book, self.permit_id)
        while (row := await line.next()) is not None:
            await self.record(
                Handover(
                    place=row.place,
                    status=DeliveryStatus.GIVEN_UP,
                    code=row.code,
                    reply=row.reply or "the mail server never answered",
                )
            )

    def overdue(self, began: datetime) -> bool:
        """Say whether a mail that was begun then has been tried for long enough."""
        return datetime.now(UTC) - began > timedelta(hours=self.server.give_up_hours)

    async def record(self, handover: Handover) -> None:
        """Record what became of a mail."""
        await self.book.record(self.permit_id, self.holder, handover)


class _Line:
    """Everybody who waits, in order, each once; read as far as it is needed."""

    def __init__(self, book: Deliveries, permit_id: str) -> None:
        self._book = book
        self._permit_id = permit_id
        self._rows: deque[DeliveryRow] = deque()
        self._after = 0
        self._reading = asyncio.Lock()

    async def next(self) -> DeliveryRow | None:
        async with self._reading:
            if not self._rows:
                waiting = (DeliveryStatus.WAITING,)
                self._rows.extend(
                    await self._book.rows(
                        self._permit_id, statuses=waiting, after=self._after, limit=_PAGE
                    )
                )
            if not self._rows:
                return None
            row = self._rows.popleft()
            self._after = row.place
            return row


class _Round:
    """One time through everybody who waits."""

    def __init__(
        self, mailing: Mailing, counts: Counter[DeliveryStatus], halt: Halt, tell: Tell
    ) -> None:
        self._mailing = mailing
        self._counts = counts
        self._halt = halt
        self._tell = tell
        self._line = _Line(mailing.book, mailing.permit_id)
        self._refused: Answer | None = None
        self._problem = "not everybody was tried"
        self._lost = 0
        self._failed = False

    async def run(self) -> str | None:
        lanes = min(self._mailing.server.connections, self._counts[DeliveryStatus.WAITING])
        ended = await asyncio.gather(*(self._lane() for _ in range(lanes)), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return self._problem if self._counts[DeliveryStatus.WAITING] else None

    async def _lane(self) -> None:
        """Serve one after another, over one connection and those that follow it."""
        try:
            row = await self._next()
            while row is not None and self._lost < _LOST_AT_MOST:
                row = await self._over_one_connection(row)
        except ServerAwayError as error:
            self._problem = str(error)
        except BaseException:
            self._failed = True
            raise

    async def _next(self) -> DeliveryRow | None:
        return None if self._halt.wanted or self._failed else await self._line.next()

    async def _over_one_connection(self, row: DeliveryRow | None) -> DeliveryRow | None:
        """Serve as long as the connection holds; return who is next."""
        async with connection(self._mailing.server) as server:
            while row is not None and server.is_open:
                try:
                    await self._serve(server, row)
                    self._lost = 0
                except LostError as error:
                    self._lost += 1
                    await self._became(row, Answer(DeliveryStatus.WAITING, None, str(error)))
                row = await self._next()
        return row

    async def _serve(self, server: Connection, row: DeliveryRow) -> None:
        mailing = self._mailing
        answer = self._refused or await server.hand_over(
            mailing.letter.sender,
            row.address,
            mailing.letter.parts_for(mailing.recipients[row.place - 1]),
            lambda: mailing.book.claim(mailing.permit_id, mailing.holder, row.place),
        )
        if answer is not None:
            await self._became(row, answer)

    async def _became(self, row: DeliveryRow, answer: Answer) -> None:
        """Record what became of a mail, and keep trying to while the ledger is away."""
        handover = Handover(
            place=row.place, status=answer.status, code=answer.code, reply=answer.reply
        )
        for tried in range(1, _TRIES + 1):
            try:
                await self._mailing.record(handover)
                break
            except UnavailableError:
                if tried == _TRIES:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
        self._counts[DeliveryStatus.WAITING] -= 1
        self._counts[answer.status] += 1
        if answer.everybody:
            self._refused = answer
        if answer.status is DeliveryStatus.WAITING:
            self._problem = " ".join(filter(None, [str(answer.code or ""), answer.reply]))
        self._tell(self._counts)
