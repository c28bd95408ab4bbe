"""A bucket of S3-compatible storage that holds checkpoints, best with an object lock.

The objects are named as the files of a directory are, below the prefix. Each but ``latest`` is
written once, by a conditional write. A bucket with an object lock takes only what comes with a
checksum; it keeps every version of ``latest`` too.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from placet.domain.errors import UnavailableError
from placet.proof.note import Note
from placet.publishing.s3 import Bucket, open_bucket
from placet.sealing.errors import KEEP_ALL, SealingRefusedError
from placet.sealing.notes import (
    ENOUGH_BYTES,
    LATEST,
    NOTE_NAME,
    note_name,
    read_checkpoint,
    size_of,
)

_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_TYPE = {"Content-Type": "text/plain; charset=utf-8"}


class BucketPlace:
    """Keeps checkpoints as objects."""

    tells_all = True

    def __init__(self, name: str, bucket: Bucket) -> None:
        """Keep them in ``bucket``; nothing is asked of it yet."""
        self.name = name
        self._where = f"{bucket.bucket} at {bucket.endpoint}"
        self._prefix = f"{bucket.prefix}/" if bucket.prefix else ""
        self._store = open_bucket(bucket, {"checksum_algorithm": "SHA256"})

    async def newest(self, enough: int = 0) -> Note | None:
        """Return the newest checkpoint here; None for none.

        Args:
            enough: When ``latest`` is of so many events or more, nothing is listed. 0 lists always.

        Raises:
            UnavailableError: The storage does not answer.
            SealingRefusedError: An object is no checkpoint.
        """
        latest, _ = await self._read(LATEST)
        if latest and size_of(latest) >= enough > 0:
            return latest
        # A process may have died between writing an object and replacing `latest`.
        after = note_name(size_of(latest)) if latest else note_name(0)
        with self._answers():
            listing = obstore.list(self._store, self._prefix or None, offset=self._prefix + after)
            found = await listing.collect_async()
        names = [entry["path"].removeprefix(self._prefix) for entry in found]
        newer = max((name for name in names if NOTE_NAME.fullmatch(name)), default=None)
        return (await self._read(newer))[0] if newer else latest

    async def publish(self, note: Note) -> None:
        """Write a checkpoint; one that is here already is left as it is.

        Raises:
            UnavailableError: The storage does not take it.
            SealingRefusedError: Another checkpoint of the same size is here.
        """
        name = note_name(size_of(note))
        if not await self._put(name, note, None):
            there, _ = await self._read(name)
            if there is None or there.text != note.text:
                raise SealingRefusedError(
                    f"{self.name} holds another checkpoint in {self._prefix}{name} than the one of "
                    f"the database: one of them was changed. {KEEP_ALL}"
                )
        latest, tag = await self._read(LATEST)
        older = latest is None or size_of(latest) < size_of(note)
        if older and not await self._put(LATEST, note, tag):
            raise UnavailableError(
                f"{self.name}: {self._prefix}{LATEST} in {self._where} was changed by somebody "
                "at this very moment; it is looked at again"
            )

    async def _put(self, name: str, note: Note, tag: str | None) -> bool:
        """Write an object over what had ``tag``, or where there was none; say whether it was so."""
        with self._answers():
            try:
                await obstore.put_async(
                    self._store,
                    self._prefix + name,
                    str(note).encode(),
                    attributes=_TYPE,
                    mode="create" if tag is None else {"e_tag": tag},
                    use_multipart=False,
                )
            except (PreconditionError, AlreadyExistsError):
                return False
        return True

    async def _read(self, name: str) -> tuple[Note | None, str | None]:
        """Return an object and the storage's own tag for it."""
        with self._answers():
            try:
                found = await obstore.get_async(self._store, self._prefix + name)
                content = b""
                async for part in found.stream(ENOUGH_BYTES):
                    content += bytes(part)
                    if len(content) >= ENOUGH_BYTES:
                        break
            except FileNotFoundError:
                return None, None
        where = f"{self.name}: {self._prefix}{name} in {self._where}"
        return read_checkpoint(content, where, name), found.meta["e_tag"]

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            code = _CODE.search(str(error))
            reason = code.group(1) if code else type(error).__name__
            raise UnavailableError(
                f"{self.name}: the storage {self._where} does not do what it is asked ({reason}); "
                "check that it runs, that the bucket is there, and that the keys may read and "
                "write it"
            ) from None
