"""How much waits to be sealed, for how long, and what holds it up."""

from typing import NamedTuple

from placet.db import Pool, translated_errors
from placet.sealing import sql


class Holding(NamedTuple):
    """The oldest transaction that writes: what came after it began cannot be sealed yet.

    Attributes:
        pid: Its process; None for a prepared transaction, which has none.
        database: Where; None when it cannot be known.
        application: What it calls itself.
        age: For how many seconds it has run; None when this role may not know.
    """

    pid: int | None
    database: str | None
    application: str | None
    age: float | None

    def __str__(self) -> str:
        if self.pid is None:
            return "a prepared transaction (see pg_prepared_xacts)"
        told = f"process {self.pid}"
        if self.database:
            told += f" in the database {self.database}"
        if self.application:
            told += f" ({self.application})"
        return told if self.age is None else f"{told}, for {self.age:.0f} s"


class Backlog(NamedTuple):
    """What is committed and not sealed.

    Attributes:
        events: How many.
        age: Of the oldest of them, in seconds; 0 when there is none.
        holding: What may hold them up; None when nothing writes.
    """

    events: int
    age: float
    holding: Holding | None


async def look(pool: Pool) -> Backlog:
    """Look at what waits; as ``placet_app`` or ``placet_app_sealer``.

    Raises:
        UnavailableError: The database does not answer.
    """
    with translated_errors():
        async with pool.connection() as connection:
            cursor = await connection.execute(sql.UNSEALED)
            found = await cursor.fetchone() or {"events": 0, "age": 0.0}
            held = await (await connection.execute(sql.HOLDING)).fetchone()
    return Backlog(found["events"], max(found["age"], 0.0), Holding(**held) if held else None)
