"""The catalogue of roles that can be granted: where each is, whose it is, and for how long at most.

It is YAML in ``policies/access-roles.yaml``; ``placet.access`` reads it with line numbers in its
errors. Nobody's request names an account or a role of a database: it names a role that stands here.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, model_validator

from placet.domain.base import Model
from placet.domain.calendar import Duration
from placet.domain.catalogue import Owner, owned_by_nobody
from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.grants import Membership
from placet.domain.people import Directory, Person
from placet.domain.policy import Label, Name
from placet.domain.problems import Problem, suggestion
from placet.domain.variable import Variable

_RESERVED = ("public", "none", "current_role", "current_user", "session_user")
_IDENTIFIER_BYTES = 63
_URL = r"^https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,1000})?$"
_PERSON = r"^[a-z0-9][a-z0-9._-]{0,63}$"

PREDEFINED = "pg_"
"""What the names of Postgres's own roles begin with; each of them gives a great deal."""


def _plain_name(name: str) -> str:
    if not name.isprintable() or name != name.strip() or not name:
        raise ValueError("is no name; write it as the target shows it")
    return name


Account = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(_plain_name)]
"""How a target calls somebody, or a role."""


class UnknownRoleError(NotFoundError):
    """The catalogue has no such role."""

    code = "unknown-role"


class NoAccountError(InvalidInputError):
    """A person has no account at a target."""

    code = "no-account"


class TargetSpec(Model):
    """Where roles are granted.

    Attributes:
        kind: ``postgres``: membership in a role; ``webhook``: a server that is told.
        url_env: Postgres: the variable of the workers that holds the connection of a role that may
            grant, which is one with ADMIN OPTION on each role and nothing else.
        url: Webhook: where to post.
        secret_env: Webhook: the variable that holds the secret to sign with.
        accounts: Id of a person to their account. Needed for Postgres; a webhook is told the
            person's address where none is listed.
    """

    kind: Literal["postgres", "webhook"]
    url_env: Variable | None = None
    url: Annotated[str, Field(pattern=_URL)] | None = None
    secret_env: Variable | None = None
    accounts: dict[Annotated[str, Field(pattern=_PERSON)], Account] = Field(
        default_factory=dict, max_length=10_000
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        webhook = {"url": self.url, "secret_env": self.secret_env}
        if self.kind == "postgres":
            if self.url_env is None:
                raise ValueError("a target of kind postgres needs url_env")
            if any(value is not None for value in webhook.values()):
                raise ValueError("url and secret_env are for webhooks; for postgres write url_env")
            return self
        if self.url_env is not None:
            raise ValueError("url_env is for postgres; for a webhook write url and secret_env")
        missing = [name for name, value in webhook.items() if value is None]
        if missing:
            raise ValueError(f"a target of kind webhook needs {' and '.join(missing)}")
        return self

    def account_of(self, person: Person) -> str | None:
        """Return the account of a person; None where they have none."""
        known = self.accounts.get(person.id)
        return person.addresses[0] if known is None and self.kind == "webhook" else known

    def behind(self, account: str, directory: Directory) -> Iterator[Person]:
        """Yield everybody who has this account."""
        if self.kind == "postgres":
            yield from (each for each in directory.people if self.account_of(each) == account)
            return
        # A server may know somebody by any of their addresses, in any spelling.
        same = directory.canonical(account)
        for each in directory.people:
            known = (*each.addresses, self.account_of(each) or "")
            if same in map(directory.canonical, known):
                yield each


class AccessRole(Model):
    """A role that can be asked for.

    Attributes:
        target: Where it is.
        role: What the target calls it.
        about: One line for people.
        owner: Who answers for it, and is always asked.
        longest: For how long it is granted at most.
        permanent: Accounts that have it without Placet, and are no finding.
    """

    target: Name
    role: Account
    about: Label
    owner: tuple[Owner, ...] = Field(min_length=1, max_length=20)
    longest: Duration
    permanent: tuple[Account, ...] = Field(default=(), max_length=1000)

    @property
    def longest_hours(self) -> int:
        """Return for how many whole hours it is granted at most."""
        return int(self.longest.wall().total_seconds() // 3600)


class RoleEntry(Model):
    """A role with its target: all that the catalogue says of it."""

    name: Name
    role: AccessRole
    target: TargetSpec

    def frozen(self) -> dict[str, JsonValue]:
        """Return what people approve of it, as JSON; its digest tells when that has changed.

        Whose accounts are listed, and who has the role for good, is no part of it.
        """
        role = self.role.model_dump(mode="json", exclude={"permanent", "about"})
        target = self.target.model_dump(mode="json", exclude={"accounts"})
        return {"name": self.name, **role, "at": target}

    def membership_of(self, person: Person) -> Membership:
        """Return what a person would get.

        Raises:
            NoAccountError: They have no account at the target.
        """
        account = self.target.account_of(person)
        if account is None:
            raise NoAccountError(
                f"{person.name} has no account at {self.role.target}; add {person.id} to its "
                "accounts in access-roles.yaml"
            )
        return Membership(target=self.role.target, role=self.role.role, account=account)

    def whom_it_is_for(self, person: Person, directory: Directory) -> tuple[Person, ...]:
        """Return a person, and everybody who shares their account and so gets what they get."""
        account = self.target.account_of(person)
        if account is None:
            return (person,)
        return tuple(dict.fromkeys((person, *self.target.behind(account, directory))))


class RoleCatalogue(Model):
    """Every target and every role, by name; empty where there is no file."""

    targets: dict[Name, TargetSpec] = Field(default_factory=dict, max_length=50)
    roles: dict[Name, AccessRole] = Field(default_factory=dict, max_length=1000)

    def entry(self, name: str) -> RoleEntry:
        """Return a role with its target.

        Raises:
            UnknownRoleError: There is none of this name; the message says which are near.
        """
        found = self.roles.get(name)
        if found is None:
            near = suggestion(name, self.roles)
            raise UnknownRoleError(f"there is no role '{name:.60}' to ask for{near}")
        return RoleEntry(name=name, role=found, target=self.targets[found.target])

    @property
    def entries(self) -> Iterator[RoleEntry]:
        """Yield every role with its target."""
        return (self.entry(name) for name in self.roles)

    def named(self, target: str, role: str) -> RoleEntry | None:
        """Return the entry of a role as its target calls it, or None."""
        return next(
            (e for e in self.entries if (e.role.target, e.role.role) == (target, role)), None
        )

    def problems(self) -> Iterator[Problem]:
        """Yield what contradicts itself, with its place in the file."""
        for name, target in self.targets.items():
            if target.kind == "postgres":
                for person, account in target.accounts.items():
                    yield from _identifier(("targets", name, "accounts", person), account)
        seen: dict[tuple[str, str], str] = {}
        for name, role in self.roles.items():
            at = ("roles", name)
            first = seen.setdefault((role.target, role.role), name)
            if first != name:
                yield Problem((*at, "role"), f"is the role '{first}' already; keep one of them")
            found = self.targets.get(role.target)
            if found is None:
                near = suggestion(role.target, self.targets)
                yield Problem((*at, "target"), f"there is no target '{role.target}'{near}")
            elif found.kind == "postgres":
                yield from _identifier((*at, "role"), role.role)
            if role.longest_hours < 1:
                yield Problem((*at, "longest"), "is less than an hour; write 1h or more")

    def strangers(self, directory: Directory) -> Iterator[Problem]:
        """Yield the accounts and owners of whom the directory knows nobody."""
        ids = [person.id for person in directory.people]
        for name, target in self.targets.items():
            for person in target.accounts:
                if directory.get(person) is None:
                    text = f"nobody has the id '{person}'{suggestion(person, ids)}"
                    yield Problem(("targets", name, "accounts", person), text)
        for name, role in self.roles.items():
            for place, text in owned_by_nobody(role.owner, directory):
                yield Problem(("roles", name, "owner", place), text)


def _identifier(path: tuple[str, ...], name: str) -> Iterator[Problem]:
    """Yield why Postgres would not take this as the name of a role that may be granted."""
    if len(name.encode()) > _IDENTIFIER_BYTES:
        yield Problem(path, f"is longer than {_IDENTIFIER_BYTES} bytes; no role has such a name")
    elif name.lower().startswith(PREDEFINED) or name.lower() in _RESERVED:
        yield Problem(
            path, f"'{name}' is Postgres's own; make a role that gives only what is meant"
        )
