"""What a pipeline tells the rest of Placet about its requests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from placet.domain.base import Model
from placet.domain.facts import Facts
from placet.domain.money import RateTable

T = TypeVar("T")


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
    """

    request: Model
    requester: str
    title: str
    amount: str | None
    facts: Facts
    contents: tuple[str, ...] = ()
    reference: str | None = None


Prepare = Callable[[Any, RateTable, date], Prepared]
"""Understands a request as it came, on a day, with that day's rates.

Raises InvalidInputError, with a line for each problem.
"""


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


class WithFiles(NamedTuple):
    """A request in which references stand for the files it named, and these files."""

    request: Any
    files: Sequence[File] = ()


def _no_files(raw: Any, _: Path) -> WithFiles:
    return WithFiles(raw)


@dataclass(frozen=True)
class Door:
    """How somebody's JSON becomes a request of one pipeline.

    Attributes:
        prepare: Understands it; the worker does the same when it plans.
        attach: Reads the files it names, from the directory in which it lies.
    """

    prepare: Prepare
    attach: Callable[[Any, Path], WithFiles] = _no_files


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
    """

    name: str
    about: str
    workflow_at: str
    door_at: str

    @property
    def workflow(self) -> type:
        """Return the workflow's class."""
        return _typed(self.workflow_at, type)

    @property
    def door(self) -> Door:
        """Return how its requests come in."""
        return _typed(self.door_at, Door)

    @property
    def prepare(self) -> Prepare:
        """Return how its requests are understood."""
        return self.door.prepare


def _typed(where: str, kind: type[T]) -> T:
    module, _, name = where.partition(":")
    found = getattr(import_module(module), name)
    if not isinstance(found, kind):
        message = f"{where} is no {kind.__name__}; correct the line in placet/registry.py"
        raise TypeError(message)
    return found
