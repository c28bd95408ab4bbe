"""Seals beside a worker, in its process: whatever goes wrong with it never stops the worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from placet.connections import sealer_url
from placet.domain.errors import PlacetError, UnavailableError
from placet.sealing.opening import build_sealer
from placet.sealing.sealer import Watch
from placet.settings import Settings

_AGAIN_SECONDS = 30.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def sealing(settings: Settings, watch: Watch | None = None) -> AsyncIterator[None]:
    """Seal for as long as the block runs, if this worker is to seal."""
    if not _wanted(settings):
        yield
        return
    task = asyncio.create_task(_for_ever(settings, watch), name="sealer")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _wanted(settings: Settings) -> bool:
    if settings.sealer == "off":
        log.info("not_sealing", reason="PLACET_SEALER is off")
        return False
    if settings.sealer == "on":
        return True
    try:
        sealer_url(settings)
    except UnavailableError:
        log.info("not_sealing", reason="PLACET_SEALER_URL is not set, and no local stack runs")
        return False
    return True


async def _for_ever(settings: Settings, watch: Watch | None) -> None:
    while True:
        try:
            await build_sealer(settings, watch).run()
        except PlacetError as error:
            # A file or a variable; it may be corrected while the worker runs.
            log.error("sealing_failed", problem=str(error))  # noqa: TRY400 - a person's mistake
        except Exception:
            log.exception("sealer_failed")
        await asyncio.sleep(_AGAIN_SECONDS)
