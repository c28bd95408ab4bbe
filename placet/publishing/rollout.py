"""Brings a change to all targets, or to none, from wherever a worker has left it.

First every target takes in the files; then one after the other is switched. Each step is noted
before it begins and when it is done, so a worker that dies loses no more than the time. A target
that refuses, or stays away for too long, turns the change round: from then on, what was switched is
put back. That decision is noted too, and is never turned round again.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol

from placet.domain.errors import ConflictError, NotFoundError, PlacetError, UnavailableError
from placet.domain.ledger_rows import Publication, PublicationState, TargetRow, TargetState
from placet.ports import Publishing
from placet.publishing.contents import KeptContents
from placet.publishing.target import Change, ForeignPageError, Target, Version

_TOUCHED = {TargetState.SWITCHING, TargetState.SWITCHED}


class Targets(Protocol):
    """The targets that there are; see :class:`placet.publishing.opening.ListedTargets`."""

    @property
    def give_up_after(self) -> timedelta:
        """Return for how long a target may be away."""
        ...

    def in_order(self, approved: Mapping[str, str]) -> dict[str, str]:
        """Return name and location of the approved targets, in the order to switch them."""
        ...

    def open(self, name: str, location: str) -> Target:
        """Return a target that leads to ``location``."""
        ...


class Rollout:
    """One change on its way."""

    def __init__(
        self,
        publication: Publication,
        approved: datetime,
        *,
        records: Publishing,
        contents: KeptContents,
        targets: Targets,
    ) -> None:
        """Take up ``publication``, which people agreed to at ``approved``."""
        self._permit = publication.permit_id
        self._publication = publication
        self._approved = approved
        self._records = records
        self._contents = contents
        self._targets = targets

    async def run(self) -> Publication:
        """Go on until every target is switched, or everything is put back.

        Returns:
            The publication: under way, with all its targets switched, or ended.

        Raises:
            UnavailableError: A target does not answer; run it again.
        """
        if self._publication.state is PublicationState.UNDER_WAY:
            try:
                await self._forward()
            except UnavailableError:
                raise
            except PlacetError as error:
                await self._records.give_up(self._permit, str(error))
            await self._look()
        if self._publication.state is PublicationState.UNDOING:
            await self._back()
            await self._records.end(self._permit, PublicationState.FAILED)
            await self._look()
        return self._publication

    async def _forward(self) -> None:
        """Stage everywhere, then switch everywhere."""
        after = await self._version(self._publication.version)
        left = [row for row in self._publication.targets if row.state is not TargetState.SWITCHED]
        for row in left:
            change = await self._change(row, after)
            async with self._patience(row):
                await self._open(row).stage(change, self._contents)
        for row in left:
            change = await self._change(row, after)
            await self._records.mark(self._permit, row.target, TargetState.SWITCHING)
            async with self._patience(row):
                await self._open(row).switch(change, self._contents)
            await self._records.mark(self._permit, row.target, TargetState.SWITCHED)

    async def _back(self) -> None:
        """Put back what was touched, the last first, and clear away what was only staged.

        Raises:
            UnavailableError: A target does not answer; the others have been put back.
        """
        away: UnavailableError | None = None
        for row in reversed(self._publication.targets):
            if row.state is TargetState.UNTOUCHED:
                await self._discard(row)
            elif row.state in _TOUCHED:
                try:
                    await self._put_back(row)
                except UnavailableError as error:
                    away = error
                except PlacetError as error:
                    if isinstance(error.__cause__, ForeignPageError):
                        await self._discard(row)
                    await self._records.mark(
                        self._permit, row.target, TargetState.STUCK, str(error)
                    )
        if away is not None:
            raise away

    async def _put_back(self, row: TargetRow) -> None:
        before = await self._version(row.before)
        after = await self._known(self._publication.version)
        change = Change(
            key=f"{self._permit} {row.target} back",
            at=self._approved,
            slug=self._publication.slug,
            before=after,
            after=before,
            sure=row.sure and self._is_known(after, self._publication.version),
        )
        async with self._patience(row):
            target = self._open(row)
            await target.stage(change, self._contents)
            await target.switch(change, self._contents)
        await self._records.mark(self._permit, row.target, TargetState.UNDONE)

    async def _discard(self, row: TargetRow) -> None:
        """Clear away what no reader sees; what cannot be is cleared away by the next change."""
        try:
            after = await self._known(self._publication.version)
            change = await self._change(row, after)
            await self._open(row).discard(change)
        except PlacetError:
            return

    def _open(self, row: TargetRow) -> Target:
        return self._targets.open(row.target, row.location)

    @asynccontextmanager
    async def _patience(self, row: TargetRow) -> AsyncIterator[None]:
        """Wait for a target; one that is away for too long counts as one that refuses.

        Raises:
            UnavailableError: It does not answer; later it may.
            ConflictError: It refuses, or has not answered for too long.
        """
        try:
            yield
        except UnavailableError as error:
            away = await self._records.away(self._permit, row.target, str(error))
            if away < self._targets.give_up_after:
                raise
            minutes = int(away.total_seconds() // 60)
            raise ConflictError(f"{row.target}, after {minutes} minutes: {error}") from error
        except PlacetError as error:
            raise ConflictError(f"{row.target}: {error}") from error

    async def _change(self, row: TargetRow, after: Version | None) -> Change:
        before = await self._known(row.before)
        return Change(
            key=f"{self._permit} {row.target}",
            at=self._approved,
            slug=self._publication.slug,
            before=before,
            after=after,
            sure=row.sure and self._is_known(before, row.before),
        )

    async def _version(self, digest: str | None) -> Version | None:
        return None if digest is None else await self._contents.version(digest)

    async def _known(self, digest: str | None) -> Version | None:
        """Return a version that stood somewhere; None too when it is not kept any more."""
        try:
            return await self._version(digest)
        except (NotFoundError, ConflictError):
            return None

    @staticmethod
    def _is_known(version: Version | None, digest: str | None) -> bool:
        return (version and version.digest) == digest

    async def _look(self) -> None:
        found = await self._records.find(self._permit)
        if found is None:
            raise NotFoundError(f"permit {self._permit} has begun no publication; report it")
        self._publication = found
