import socket

import httpx
import pytest

from placet.domain.errors import InvalidInputError
from placet.metrics import SealerGauges, metrics_runtime
from placet.sealing.backlog import Backlog, Holding
from placet.settings import Settings


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

    told = httpx.get(f"http://{address}/metrics", trust_env=False).text

    values = dict(line.rsplit(" ", 1) for line in told.splitlines() if line.startswith("placet_"))
    found = {name.partition("{")[0]: float(value) for name, value in values.items()}
    assert found == {
        "placet_unsealed_events": 7.0,
        "placet_unsealed_oldest_seconds": 61.5,
        "placet_sealing_refused": 1.0,
    }


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
