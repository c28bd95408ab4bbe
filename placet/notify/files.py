"""Writes notices as readable text files, one a notice: a mailbox for a machine without mail."""

import asyncio
import os
from pathlib import Path

import structlog

from placet.domain.errors import UnavailableError
from placet.domain.record import Notice
from placet.notify.text import message, subject
from placet.ports import Notifier
from placet.settings import Settings

log = structlog.get_logger(__name__)


class FileNotifier:
    """Delivers into a directory; the notice's key is the file's name, so twice is once."""

    def __init__(self, directory: Path) -> None:
        """Write into ``directory``, which is made when it is not there."""
        self._directory = directory

    async def deliver(self, key: str, notice: Notice) -> None:
        """Write the message under its key.

        Raises:
            UnavailableError: The file cannot be written now.
        """
        await asyncio.to_thread(self._write, key, notice)
        log.info(
            "notice_delivered",
            request_id=notice.request,
            notice=notice.kind.value,
            recipients=len(notice.to),
            key=key[:16],
        )

    def _write(self, key: str, notice: Notice) -> None:
        name = f"{notice.at:%Y%m%dT%H%M%S}-{notice.kind.value}-{key[:16]}.txt"
        path = self._directory / name
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = path.with_name(f".{name}.{os.getpid()}")
            temporary.write_text(message(notice), encoding="utf-8")
            temporary.replace(path)
        except OSError as error:
            raise UnavailableError(
                f"the notice '{subject(notice)}' cannot be written to {self._directory}: "
                f"{error.strerror}; make the directory writable"
            ) from error


class LogNotifier:
    """Says in the log that a notice is due, without its text: for who reads logs anyway."""

    async def deliver(self, key: str, notice: Notice) -> None:
        """Log the notice's kind, request and recipients' ids."""
        log.info(
            "notice",
            request_id=notice.request,
            notice=notice.kind.value,
            to=[person.id for person in notice.to],
            stage=notice.stage,
            key=key[:16],
        )


def build_notifier(settings: Settings) -> Notifier:
    """Return the way to write to people that the settings name."""
    return LogNotifier() if settings.notify == "log" else FileNotifier(settings.notices)
