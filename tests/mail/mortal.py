"""A process that sends a mail and kills itself with SIGKILL at one step of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtplib.protocol import SMTPProtocol
from temporalio.testing import ActivityEnvironment

from activities.sending import SendingActivities
from placet.domain.orders import EffectOrder
from placet.ledger import PostgresLedger, open_pool
from placet.mail.server import SmtpServer
from tests.support.mortal import Death, Fate, Guarded

_STEPS = {"deliveries": ("begin", "claim", "record", "end")}


@dataclass(frozen=True)
class Orders:
    """What the process is told."""

    database_url: str
    server: SmtpServer
    order: EffectOrder
    trace: Path
    dies_at: Death | None


def _guard_the_wire(fate: Fate) -> None:
    """Put guards around everything that is said to the server, and everything it says."""
    write, read = SMTPProtocol.write, SMTPProtocol.read_response

    def guarded_write(self: SMTPProtocol, data: bytes) -> None:
        said = data[:4].decode("ascii", "replace").strip()
        what = said if said.isupper() else "the mail"
        fate.step(f"before {what}")
        write(self, data)
        fate.step(f"after {what}")

    async def guarded_read(self: SMTPProtocol, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - the library's
        response = await read(self, timeout)
        fate.step(f"answered {response.code}")
        return response

    SMTPProtocol.write = guarded_write  # type: ignore[method-assign]
    SMTPProtocol.read_response = guarded_read  # type: ignore[method-assign]


async def send(orders: Orders) -> None:
    """Do what is ordered, or die."""
    fate = Fate(orders)
    _guard_the_wire(fate)
    async with open_pool(orders.database_url) as pool:
        ledger: Any = Guarded(PostgresLedger(pool), fate, ("put_content",), _STEPS)
        activities = SendingActivities(ledger, orders.server)
        await ActivityEnvironment().run(activities.send, orders.order)
