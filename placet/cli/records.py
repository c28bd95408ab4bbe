"""What can be known of a request that is not submitted yet: its files, and what is recorded."""

from collections.abc import Iterable

from placet.domain.erasure import Concern
from placet.domain.errors import NotFoundError
from placet.domain.grants import GrantRow, Membership
from placet.domain.ledger_rows import PublicationRow
from placet.pipelines.pipeline import File, Records
from placet.ports import Ledger


class LocalFiles:
    """What can be known before a request is submitted: the files beside it."""

    def __init__(self, files: Iterable[File]) -> None:
        """Know ``files``."""
        self._files = {file.sha256: file for file in files}

    async def get_content(self, digest: str) -> bytes:
        """Return a file by its SHA-256 (64 hex).

        Raises:
            NotFoundError: There is none.
        """
        if digest not in self._files:
            raise NotFoundError(f"no file has the SHA-256 {digest[:64]}; name the file itself")
        return self._files[digest].content

    async def has_file(self, digest: str) -> bool:
        """Say whether there is a file with this SHA-256."""
        return digest in self._files

    async def published(self, _: str) -> PublicationRow | None:
        """Return what stands under a slug; only the ledger knows."""
        return None

    async def publications(self, _: str, limit: int = 100) -> list[PublicationRow]:  # noqa: ARG002
        """Return what was done to a slug; only the ledger knows."""
        return []

    async def open_grants(self, _: Membership) -> list[GrantRow]:
        """Return the grants that are not over; only the ledger knows."""
        return []

    async def concern(self, subject: str) -> Concern:
        """Return what is recorded about somebody; only the ledger knows."""
        return Concern(subject=subject)


class Beside:
    """What is recorded, and beside it the files of a request that is not submitted."""

    def __init__(self, ledger: Ledger, files: LocalFiles) -> None:
        """Look into ``files`` first."""
        self._ledger = ledger
        self._files = files

    async def get_content(self, sha256: str) -> bytes:
        """Return stored bytes by their SHA-256 (64 hex)."""
        if await self._files.has_file(sha256):
            return await self._files.get_content(sha256)
        return await self._ledger.get_content(sha256)

    async def has_file(self, sha256: str) -> bool:
        """Say whether there is a file with this SHA-256."""
        return await self._files.has_file(sha256) or await self._ledger.has_file(sha256)

    async def published(self, slug: str) -> PublicationRow | None:
        """Return what stands under a slug now."""
        return await self._ledger.published(slug)

    async def publications(self, slug: str, limit: int = 100) -> list[PublicationRow]:
        """Return what was done to a slug, the newest first."""
        return await self._ledger.publications(slug, limit)

    async def open_grants(self, of: Membership) -> list[GrantRow]:
        """Return the grants of a role for an account that are not over, the oldest first."""
        return await self._ledger.open_grants(of)

    async def concern(self, subject: str) -> Concern:
        """Return what is recorded about somebody."""
        return await self._ledger.concern(subject)


def records_of(files: Iterable[File], ledger: Ledger | None) -> Records:
    """Return what can be known: of ``files``, and of the ledger where there is one."""
    local = LocalFiles(files)
    return local if ledger is None else Beside(ledger, local)
