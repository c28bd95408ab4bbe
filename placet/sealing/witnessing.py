"""Has witnesses cosign checkpoints and an authority stamp them, and keeps what they answer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from placet.domain.errors import NotFoundError, UnavailableError
from placet.proof.note import Note
from placet.sealing.archive import Archive
from placet.sealing.errors import KEEP_ALL, AlarmError, PlaceLostError, SealingRefusedError
from placet.sealing.notes import size_of
from placet.sealing.stamps import StampError, request_stamp
from placet.sealing.witnesses import (
    FalseCosignatureError,
    LogRolledBackError,
    Witness,
    WitnessForgotError,
    WitnessRefusedError,
    cosign,
    newest,
)


class WitnessPlace:
    """A witness, whose cosignatures are kept in the database beside the checkpoint."""

    tells_all = False

    def __init__(self, name: str, witness: Witness, origin: str, archive: Archive) -> None:
        """Ask ``witness`` about the log ``origin``, and keep what it signs in ``archive``."""
        self.name = name
        self._origin = origin
        self._witness = witness
        self._archive = archive

    async def newest(self, enough: int = 0) -> Note | None:  # noqa: ARG002 - it is asked anyway
        """Return what it has cosigned last; None for nothing, or when it does not tell.

        None too when its cosignature was lost on the way: then it has to be asked again.

        Raises:
            UnavailableError: It does not answer, or not as itself.
        """
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                found = await newest(self._origin, self._witness, client)
        except (WitnessRefusedError, FalseCosignatureError) as error:
            raise AlarmError(f"{self.name}: {error}") from None
        if found is None:
            return None
        size = size_of(found)
        here = await self._archive.note_of(size)
        kept = await self._archive.cosigned_by(self._witness.key)
        return None if here and here.text == found.text and kept < size else found

    async def publish(self, note: Note) -> None:
        """Have a checkpoint cosigned.

        Raises:
            UnavailableError: The witness does not answer, or does not accept it.
            PlaceLostError: It knows less than it has cosigned.
            SealingRefusedError: It has cosigned another history.
        """
        size, key = size_of(note), self._witness.key

        async def proof_for(old: int) -> Sequence[bytes]:
            return await self._archive.consistency(old, size)

        old = await self._archive.held_by(self.name)
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                line = await cosign(note, self._witness, old, proof_for, client)
        except (LogRolledBackError, NotFoundError) as error:
            raise SealingRefusedError(f"{self.name}: {error}. {KEEP_ALL}") from None
        except WitnessForgotError as error:
            raise PlaceLostError(self.name, old, error.size) from None
        except (WitnessRefusedError, FalseCosignatureError) as error:
            raise AlarmError(f"{self.name}: {error}") from None
        await self._archive.keep_cosignature(size, key, line)


class StampPlace:
    """A time-stamp authority, whose stamps are kept in the database beside the checkpoint."""

    name = "stamp"
    tells_all = False

    def __init__(
        self, url: str, certificates: Sequence[Path], every: timedelta, archive: Archive
    ) -> None:
        """Ask the authority at ``url``, at most once in ``every``."""
        self._url = url
        self._certificates = certificates
        self._every = every
        self._archive = archive

    async def newest(self, enough: int = 0) -> Note | None:  # noqa: ARG002 - it keeps nothing
        """Return None: an authority keeps nothing."""
        return None

    async def publish(self, note: Note) -> None:
        """Have a checkpoint stamped, unless another was a short while ago.

        Raises:
            UnavailableError: The authority does not answer, or its stamp does not count.
        """
        last = await self._archive.stamped_by(self._url)
        if last is not None and (
            last[0] >= size_of(note) or datetime.now(UTC) - last[1] < self._every
        ):
            return
        try:
            roots = [path.read_bytes() for path in self._certificates]
            async with httpx.AsyncClient(trust_env=False) as client:
                token = await request_stamp(note.text.encode(), self._url, roots, client)
        except StampError as error:
            raise AlarmError(f"{self.name}: {error}") from None
        except OSError as error:
            raise UnavailableError(
                f"{self.name}: {error.filename} cannot be read ({error.strerror}); correct "
                "seal.yaml"
            ) from None
        await self._archive.keep_stamp(size_of(note), self._url, token)
