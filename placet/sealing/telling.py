"""Tells what goes wrong again and again: the same at most once a minute, something else at once."""

import time

import structlog

from placet.domain.errors import UnavailableError
from placet.sealing.errors import AlarmError

REMIND_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Teller:
    """Remembers what it has told, and when."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._text = ""
        self._at = float("-inf")

    def tell(self, event: str, error: BaseException, **about: str) -> None:
        """Tell a problem, loudly when it does not pass by itself."""
        now = time.monotonic()
        if self._text == str(error) and now - self._at < REMIND_SECONDS:
            return
        self._text, self._at = str(error), now
        passes = isinstance(error, UnavailableError) and not isinstance(error, AlarmError)
        say = log.warning if passes else log.error
        say(event, **about, problem=str(error))
