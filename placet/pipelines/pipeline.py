"""What a pipeline tells the rest of Placet about its requests."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from placet.domain.base import Model
from placet.domain.facts import Facts
from placet.domain.money import RateTable


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
    """

    request: Model
    requester: str
    title: str
    amount: str | None
    facts: Facts
    contents: tuple[str, ...] = ()


Prepare = Callable[[Any, RateTable, date], Prepared]
"""Understands a request as it came, on a day, with that day's rates.

Raises InvalidInputError, with a line for each problem.
"""


@dataclass(frozen=True)
class Pipeline:
    """One kind of request: its name, its workflow, and how its requests are understood."""

    name: str
    workflow: type
    prepare: Prepare
