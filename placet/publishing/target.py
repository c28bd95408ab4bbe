"""What every target can do: take in the files of a version, and switch to it in one step."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from placet.domain.base import Stored
from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.ledger import Hex64
from placet.domain.publication import Manifest, Slug


class Version(Stored):
    """A version of a page: its manifest, and the SHA-256 that names it."""

    digest: Hex64
    manifest: Manifest


@dataclass(frozen=True)
class Change:
    """What is to change at one target.

    Attributes:
        key: Names this change for ever; a target that is told twice can tell by it.
        at: When people agreed to it; a repetition says the same.
        slug: Which page.
        before: What stands there; None for nothing.
        after: What is to stand there; None for nothing.
        sure: Whether ``before`` is known. If so, anything else that stands there is somebody's
            who did not ask Placet, and is not overwritten.
    """

    key: str
    at: datetime
    slug: str
    before: Version | None
    after: Version | None
    sure: bool = True


class Contents(Protocol):
    """Gives the bytes that a manifest names, and no others."""

    async def get(self, digest: str, name: str) -> bytes:
        """Return the bytes with this SHA-256 (64 hex); ``name`` is how messages call them.

        Raises:
            ConflictError: What is stored has another digest; both are named.
            NotFoundError: Nothing is stored.
        """
        ...


class Target(Protocol):
    """A place where pages are published. Every method may be repeated, and be cut off anywhere.

    Every method raises UnavailableError while the target does not answer, and another PlacetError
    when it never will do what it is asked.
    """

    async def stage(self, change: Change, contents: Contents) -> None:
        """Bring the files of ``change.after`` to where the switch needs them; no reader sees it."""
        ...

    async def switch(self, change: Change, contents: Contents) -> None:
        """Let readers see ``change.after``: they see it whole, or what was there before."""
        ...

    async def discard(self, change: Change) -> None:
        """Take away what was staged for a change that will not come."""
        ...


class ForeignPageError(ConflictError):
    """Something else stands at a target than what Placet has put there."""

    code = "foreign-page"

    def __init__(self, where: str, change: Change) -> None:
        """Say what was found where."""
        left = f"version {change.before.digest}" if change.before else "nothing"
        super().__init__(
            f"something else stands at {where} than what Placet has left there ({left}); nothing "
            "is overwritten: find out who put it there, bring back what was there, and submit again"
        )


_SLUG: TypeAdapter[str] = TypeAdapter(Slug)


def checked(change: Change) -> Change:
    """Return ``change``, if its slug, its versions and the names of its files are what they may be.

    They were checked when people asked for it. A target looks again, because each of them becomes
    part of a path.

    Raises:
        InvalidInputError: One of them is not.
    """
    try:
        slug = _SLUG.validate_python(change.slug)
        versions = [
            None if version is None else Version.model_validate(version.model_dump())
            for version in (change.before, change.after)
        ]
    except ValidationError as error:
        wrong = ", ".join(str(each["msg"]) for each in error.errors(include_url=False))
        raise InvalidInputError(f"this cannot be published: {wrong}") from None
    names = [version.manifest.slug for version in versions if version is not None]
    if any(name != slug for name in names):
        raise InvalidInputError(
            f"the version is of {', '.join(names)}, not of {slug}; this is a fault in Placet, "
            "report it"
        )
    return change
