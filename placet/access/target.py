"""What every place at which roles are granted can do: look, give and take away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from placet.domain.access_roles import RoleCatalogue
from placet.domain.errors import InvalidInputError


@dataclass(frozen=True)
class Change:
    """A role that an account is to get, or to lose.

    Attributes:
        key: Names this change for ever; a target that is told twice can tell by it.
        at: When it was decided; a repetition says the same.
        role: What the target calls the role.
        account: What the target calls the person.
        person: The person's id.
        case: By which case.
        minutes: For how long it is given; None where it is taken away.
        identity: What giving it has returned, where it is taken away.
    """

    key: str
    at: datetime
    role: str
    account: str
    person: str
    case: str
    minutes: int | None = None
    identity: str | None = None


class NoRoleError(InvalidInputError):
    """A target has no such role."""

    code = "no-role"


class AccessTarget(Protocol):
    """A place with roles and accounts. Every method may be repeated, and be cut off anywhere.

    Every method raises UnavailableError while the target does not answer, and another PlacetError
    when it never will do what it is asked.
    """

    async def check(self, role: str) -> None:
        """Make sure that this role may be granted.

        Raises:
            InvalidInputError: There is none, it gives too much, or Placet may not grant it.
        """
        ...

    async def members(self, role: str) -> frozenset[str] | None:
        """Return the accounts that have a role; None where that cannot be looked at.

        Raises:
            NoRoleError: There is no such role.
        """
        ...

    async def grant(self, change: Change) -> str | None:
        """Give a role to an account.

        Returns:
            How the target knows both, whatever they are called later; None where it does not.
        """
        ...

    async def revoke(self, change: Change) -> bool | None:
        """Take a role away from an account; nothing when that is gone, or the role is.

        Returns:
            Whether there was anything to take away; None where that cannot be known.
        """
        ...


class AccessTargets(Protocol):
    """The targets there are now."""

    def catalogue(self) -> RoleCatalogue:
        """Return the catalogue as it is now."""
        ...

    def open(self, name: str) -> AccessTarget:
        """Return a target.

        Raises:
            UnavailableError: It is not listed any more, or what opens it is not set.
        """
        ...
