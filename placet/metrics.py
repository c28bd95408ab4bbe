"""What a worker measures, for Prometheus: all that Temporal's SDK does, and how far sealing is."""

from temporalio.common import MetricMeter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from placet.domain.errors import InvalidInputError
from placet.sealing.backlog import Backlog
from placet.settings import Settings


class SealerGauges:
    """The sealer's figures, also of one that stands by."""

    def __init__(self, meter: MetricMeter) -> None:
        """Make the gauges."""
        self._events = meter.create_gauge(
            "placet_unsealed_events", "Events that are committed and not sealed."
        )
        self._oldest = meter.create_gauge_float(
            "placet_unsealed_oldest_seconds", "Age of the oldest event that is not sealed."
        )
        self._refused = meter.create_gauge(
            "placet_sealing_refused", "1 while sealing is refused and somebody has to look."
        )

        self._lost = meter.create_gauge(
            "placet_place_lost", "1 while a place of checkpoints holds less than it held."
        )

    def waiting(self, found: Backlog) -> None:
        """Take what waits to be sealed."""
        self._events.set(found.events)
        self._oldest.set(found.age)

    def refused(self, *, now: bool) -> None:
        """Take whether sealing is refused."""
        self._refused.set(int(now))

    def lost(self, place: str, *, now: bool) -> None:
        """Take whether a place holds less than it is known to have held."""
        self._lost.set(int(now), {"place": place})


def metrics_runtime(settings: Settings) -> Runtime | None:
    """Return what measures and answers at ``PLACET_METRICS``; None when nothing is to.

    Raises:
        InvalidInputError: It cannot answer there.
    """
    if settings.metrics is None:
        return None
    try:
        return Runtime(
            telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=settings.metrics))
        )
    except (RuntimeError, ValueError) as error:
        raise InvalidInputError(
            f"PLACET_METRICS: nothing can answer at {settings.metrics}: {error}; give another port"
        ) from None
