import asyncio
import socket

import httpx
import psycopg
import pytest

from placet.domain.errors import InvalidInputError
from placet.metrics import SealerGauges, metrics_runtime
from placet.sealing.backlog import Backlog, Holding
from placet.sealing.places import Publisher
from placet.sealing.sealer import Sealer
from placet.settings import Settings
from tests.sealing.sealed import PACE, SealedLedger
from tests.support.waiting import eventually


def settings(address: str) -> Settings:
    return Settings.from_environment({"PLACET_METRICS": address})


def test_how_far_sealing_is_can_be_read_by_prometheus() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
    runtime = metrics_runtime(settings(address))
    assert runtime is not None
    gauges = SealerGauges(runtime.metric_meter)
    gauges.waiting(Backlog(7, 61.5, None))
    gauges.refused(now=True)
    gauges.lost("shelf", now=True)

    told = httpx.get(f"http://{address}/metrics", trust_env=False).text

    values = dict(line.rsplit(" ", 1) for line in told.splitlines() if line.startswith("placet_"))
    found = {name.partition("{")[0]: float(value) for name, value in values.items()}
    assert found == {
        "placet_unsealed_events": 7.0,
        "placet_unsealed_oldest_seconds": 61.5,
        "placet_sealing_refused": 1.0,
        "placet_place_lost": 1.0,
    }
    assert 'place="shelf"' in told


def test_an_address_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(InvalidInputError, match="PLACET_METRICS"):
            metrics_runtime(settings(address))


def test_nothing_is_measured_unless_it_is_asked_for() -> None:
    assert metrics_runtime(Settings.from_environment({})) is None
    with pytest.raises(InvalidInputError, match="PLACET_METRICS"):
        settings("everywhere")


def test_what_holds_up_the_sealing_is_said_as_far_as_it_is_known() -> None:
    assert str(Holding(None, None, None, None)) == "a prepared transaction (see pg_prepared_xacts)"
    assert (
        str(Holding(7, "shop", "psql", 61.2)) == "process 7 in the database shop (psql), for 61 s"
    )
    assert str(Holding(7, None, None, None)) == "process 7"


class Watched:
    """What a sealer has told of what waits."""

    def __init__(self) -> None:
        self.found: list[Backlog] = []

    def waiting(self, found: Backlog) -> None:
        """Take what waits to be sealed."""
        self.found.append(found)

    def refused(self, *, now: bool) -> None:
        """Take whether sealing is refused."""

    def lost(self, place: str, *, now: bool) -> None:
        """Take whether a place holds less than it held."""


async def test_a_sealer_that_waits_for_its_turn_tells_what_waits_too(
    sealed_ledger: SealedLedger,
) -> None:
    sealed_ledger.append(3)
    watched, nowhere = Watched(), list[Publisher]()
    sealer = Sealer(sealed_ledger.url, sealed_ledger.keys, lambda _: nowhere, PACE, watched)
    with psycopg.connect(sealed_ledger.admin_url, autocommit=True) as connection:
        # Anybody who may connect can take the lock by which sealers are elected.
        connection.execute("select pg_advisory_lock(1347175251)")
        running = asyncio.create_task(sealer.run())
        await eventually(lambda: bool(watched.found), "a word of what waits")
        running.cancel()
        await asyncio.wait([running])
    assert watched.found[0].events == 3
    assert sealed_ledger.size() == 0
