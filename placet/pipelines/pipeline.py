"""What a pipeline tells the rest of Placet about its requests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import JsonValue

from placet.deleting.selection import Frozen
from placet.domain.access_roles import RoleCatalogue
from placet.domain.base import Model
from placet.domain.catalogue import Catalogue, Entry
from placet.domain.erasure import Concern
from placet.domain.errors import UnavailableError
from placet.domain.facts import FactKind, Facts
from placet.domain.filters import Filter
from placet.domain.finding import Finding
from placet.domain.grants import GrantRow, Membership
from placet.domain.ledger_rows import PublicationRow
from placet.domain.money import RateTable
from placet.domain.people import Directory
from placet.domain.plan import Selector
from placet.domain.policy import Policy
from placet.domain.selection import Survey

T = TypeVar("T")


class Records(Protocol):
    """What is recorded so far, as far as understanding a request may ask."""

    async def get_content(self, digest: str) -> bytes:
        """Return stored bytes by their SHA-256 (64 hex).

        Raises:
            NotFoundError: Nothing is stored under it.
        """
        ...

    async def has_file(self, digest: str) -> bool:
        """Say whether a file is stored under a digest; what Placet itself stores is none."""
        ...

    async def published(self, slug: str) -> PublicationRow | None:
        """Return what stands under a slug now: the newest publication that is done, if any.

        Its version is None when it was taken away.
        """
        ...

    async def publications(self, slug: str, limit: int = 100) -> list[PublicationRow]:
        """Return what was done to a slug, the newest first."""
        ...

    async def open_grants(self, of: Membership) -> list[GrantRow]:
        """Return the grants of a role for an account that are not over, the oldest first."""
        ...

    async def concern(self, subject: str) -> Concern:
        """Return what is recorded about somebody."""
        ...


class Surveyor(Protocol):
    """What of the databases that data sets are in, as far as understanding a request may ask."""

    async def survey(
        self, entry: Entry, columns: Sequence[str], filters: Sequence[Filter]
    ) -> Survey:
        """Count a selection and look at a few of its rows, in one instant.

        Raises:
            UnavailableError: The source does not answer.
            InvalidInputError: It lacks what the catalogue names, or does not take a filter.
            ConflictError: The role that should only read could write.
        """
        ...

    async def freeze(
        self, entry: Entry, columns: Sequence[str], filters: Sequence[Filter], most_rows: int
    ) -> Frozen:
        """Keep the keys of a selection that is to be deleted, with a survey of the same instant.

        Raises:
            UnavailableError: The source does not answer.
            InvalidInputError: See :meth:`survey`; or it selects too much, or the key is none.
            ConflictError: The role that should only read could write.
            PlacetError: The role that deletes may do too little, or everything.
        """
        ...


Targets = Callable[[], Mapping[str, str]]
"""Reads the list of targets as it is now: name to where it leads."""

Catalogued = Callable[[], Catalogue]
"""Reads the catalogue of data sets as it is now."""

Roles = Callable[[], RoleCatalogue]
"""Reads the catalogue of roles as it is now."""

People = Callable[[], Directory]
"""Reads the directory as it is now."""


def no_people() -> Directory:
    """Stand for a directory where nobody is asked about.

    Raises:
        UnavailableError: Always.
    """
    raise UnavailableError("there is no directory of people here; name policies that have one")


@dataclass(frozen=True)
class Surroundings:
    """What a request is understood by, besides itself.

    Attributes:
        now: The workflow's time, or the caller's (UTC).
        rates: Exchange rates.
        policy: The rules the request will be planned by.
        records: What is recorded so far.
        targets: Gives the name of each place where pages are published, and where it leads.
        catalogue: Gives the data sets that there are.
        sources: The databases that data sets are in; None where none can be asked.
        roles: Gives the roles that can be asked for.
        people: Gives everybody in the directory.
        offline: Whether nothing but files is known yet: what is recorded is then asked again by
            the worker.
    """

    now: datetime
    rates: RateTable
    policy: Policy
    records: Records
    targets: Targets = dict
    offline: bool = False
    catalogue: Catalogued = Catalogue
    sources: Surveyor | None = None
    roles: Roles = RoleCatalogue
    people: People = no_people

    @property
    def today(self) -> date:
        """Return the day, in UTC."""
        return self.now.date()


Surround = Callable[[datetime, RateTable, Policy, Records], Surroundings]
"""Makes the surroundings of one request: of an instant, rates, rules and what is recorded."""


class File(Protocol):
    """A file that belongs to a request: its SHA-256 (64 hex), its kind and all of it."""

    @property
    def sha256(self) -> str:
        """Return the digest of the content."""
        ...

    @property
    def media_type(self) -> str:
        """Return the kind, such as ``application/pdf``."""
        ...

    @property
    def content(self) -> bytes:
        """Return the bytes."""
        ...


@dataclass(frozen=True)
class Prepared:
    """A request that has been understood, and what planning wants to know of it.

    Attributes:
        request: The typed request; its canonical JSON is what people approve.
        requester: The address it names as its requester.
        title: One line that names it.
        amount: What it is about in money, such as ``120.00 EUR``; None where there is none.
        facts: What a policy's conditions may look at.
        contents: SHA-256 (64 hex) of every stored file it refers to.
        reference: The requester's own key for it: the same key twice is the same request.
        findings: What its checks found, for reviewers.
        scope: What the effect will touch, as it is now.
        effect_at: When the effect is to run; None for at once.
        effect_after: How long after the approval the effect is to run.
        made: Files that were made of the request, to be kept beside it.
        owners: Who owns what it is about, by ``person``, ``role`` or ``group``.
        kept_out: Addresses of those whom it is for, who may not review it; those of people whom the
            directory does not know are of no account.
    """

    request: Model
    requester: str
    title: str
    amount: str | None
    facts: Facts
    contents: tuple[str, ...] = ()
    reference: str | None = None
    findings: tuple[Finding, ...] = ()
    scope: Mapping[str, JsonValue] = field(default_factory=dict)
    effect_at: datetime | None = None
    effect_after: timedelta = timedelta(0)
    made: tuple[File, ...] = ()
    owners: tuple[Selector, ...] = ()
    kept_out: tuple[str, ...] = ()


Prepare = Callable[[Any, Surroundings], Awaitable[Prepared]]
"""Understands a request as it came.

Raises InvalidInputError, with a line for each problem.
"""


class WithFiles(NamedTuple):
    """A request in which references stand for the files it named, and these files."""

    request: Any
    files: Sequence[File] = ()


def _no_files(raw: Any, _: Path) -> WithFiles:
    return WithFiles(raw)


Read = Callable[[Path], WithFiles]
"""Reads a request from a path that is no JSON file: a document, a directory, a mail.

Raises InvalidInputError or NotFoundError, with a line for each problem.
"""


@dataclass(frozen=True)
class Viewed:
    """A revision and its plan, as somebody looks at them.

    Attributes:
        request: What the revision says, as JSON.
        digest: Its own (64 hex), which a review names.
        case: The case's id; None before it is submitted.
        facts: What the policy's conditions saw.
        findings: What the checks found; the plan carries the first 50.
        scope: What the effect will touch.
        effect_at: When the effect is to run; None for at once.
        offline: Whether the ledger could not be asked.
    """

    request: Any
    digest: str
    case: str | None
    facts: Facts
    findings: tuple[Finding, ...]
    scope: Mapping[str, JsonValue]
    effect_at: datetime | None
    offline: bool = False


Preview = Callable[[Viewed, Records], Awaitable[bytes]]
"""Makes one HTML page, complete in itself, that shows a revision and runs nothing.

Raises NotFoundError when something that belongs to it is not stored any more.
"""


@dataclass(frozen=True)
class Door:
    """How somebody's JSON becomes a request of one pipeline.

    Attributes:
        prepare: Understands it; the worker does the same when it plans.
        facts: What the conditions of its policy may look at, by name and kind.
        attach: Reads the files it names, from the directory in which it lies.
        read: Reads it from what is no JSON file, where its people write something else.
        preview: Shows it to those who review it, where there is something to look at.
        suffixes: How the names end of what ``read`` reads, such as ``.md``; empty for a directory.
        owners: Reads from the directory of the policies who owns what its requests may be about:
            the owner always reviews them. None where nothing has an owner.
        reviewed_afterwards: Whether it has a review after the fact, so that a policy may let
            somebody break the glass.
    """

    prepare: Prepare
    facts: Mapping[str, FactKind]
    attach: Callable[[Any, Path], WithFiles] = _no_files
    read: Read | None = None
    preview: Preview | None = None
    suffixes: tuple[str, ...] = ()
    owners: Callable[[Path], tuple[Selector, ...]] | None = None
    reviewed_afterwards: bool = False


MakeEffects = Callable[..., Sequence[Callable[..., Any]]]
"""Makes a worker's activities: ``(settings, ledger) -> activities``."""


def no_effects(*_: Any) -> Sequence[Callable[..., Any]]:
    """Return the activities of a pipeline whose approval is all: none."""
    return ()


@dataclass(frozen=True)
class Pipeline:
    """One kind of request, and where its parts are.

    The parts are named and imported when they are first used: a command line that only lists the
    pipelines loads none of them.

    Attributes:
        name: What policies, workflow ids and the command line call it.
        about: One line for people.
        workflow_at: Its workflow, as ``module:class``.
        door_at: Its :class:`Door`, as ``module:name``.
        effects_at: What makes the activities of its effect, as ``module:function``; None for a
            pipeline that has no effect of its own. See ``placet.effects``.
        example: What somebody writes a request in, for the command's help.
        internal: Whether only other cases ask for it, and no command does.
        also: Which other command asks for the same, for the command's help.
    """

    name: str
    about: str
    workflow_at: str
    door_at: str
    effects_at: str | None = None
    example: str = "request.json"
    internal: bool = False
    also: str = ""

    @property
    def workflow(self) -> type:
        """Return the workflow's class."""
        return workflow_at(self.workflow_at)

    @property
    def door(self) -> Door:
        """Return how its requests come in."""
        return _typed(self.door_at, Door)

    @property
    def effects(self) -> MakeEffects:
        """Return what makes the activities of its effect."""
        return no_effects if self.effects_at is None else _found(self.effects_at)


def workflow_at(where: str) -> type:
    """Return the workflow that is at ``module:class``."""
    return _typed(where, type)


def _found(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def _typed(where: str, kind: type[T]) -> T:
    found = _found(where)
    if not isinstance(found, kind):
        message = f"{where} is no {kind.__name__}; correct the line in placet/registry.py"
        raise TypeError(message)
    return found
