"""What a pipeline tells the conditions of its policy: named, typed, flat."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import JsonValue

Facts = Mapping[str, JsonValue]
"""Flat names to values; money is a decimal string, so that nothing is lost in the ledger."""


class FactKind(StrEnum):
    """The type of one fact, and how a condition sees it."""

    MONEY = "money"
    """A decimal string such as ``"120.00"``; a condition compares it as a number."""
    NUMBER = "number"
    """A whole number."""
    TRUTH = "truth"
    """True or false."""
    TEXT = "text"
    """A text."""
    TEXTS = "texts"
    """A list of texts."""
