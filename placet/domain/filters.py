"""Which rows of a data set: by column, comparison and value, and never by SQL."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from placet.domain.base import Model
from placet.domain.text import clean_text

MAX_VALUE = 1_000
MAX_VALUES = 1_000
_SHOWN_VALUES = 5

ColumnName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]{0,62}$")]
"""A column as the database has it: letters, digits and underscores, in its own case."""


class Op(StrEnum):
    """How a column is compared."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    IS_NULL = "is_null"
    NOT_NULL = "not_null"
    STARTS_WITH = "starts_with"


_WITHOUT_VALUE = frozenset({Op.IS_NULL, Op.NOT_NULL})

_WORDS = {
    Op.EQ: "is",
    Op.NE: "is not",
    Op.LT: "is less than",
    Op.LE: "is at most",
    Op.GT: "is more than",
    Op.GE: "is at least",
    Op.IN: "is one of",
    Op.IS_NULL: "is not set",
    Op.NOT_NULL: "is set",
    Op.STARTS_WITH: "starts with",
}


def _one(value: Any) -> Any:
    """Turn a value into text, as the database will read it; what is none stays as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str) and value != clean_text(value, 8 * MAX_VALUE, truncate=True):
        # A value that was repaired would select other rows than its writer meant.
        raise ValueError(
            "it begins or ends with a space, or holds a character that no plain text has; "
            "write it without"
        )
    return value


def _values(value: Any) -> Any:
    return [_one(each) for each in value] if isinstance(value, list | tuple) else _one(value)


Value = Annotated[str, Field(max_length=MAX_VALUE)]


class Filter(Model):
    """One condition; all conditions of a selection must hold.

    Attributes:
        column: Of the data set.
        op: How it is compared.
        value: As text, which the database reads as the column's own type; a list with ``in``.
            A row whose column is null fits only ``is_null``.
    """

    column: ColumnName
    op: Op
    value: Annotated[
        Value | Annotated[tuple[Value, ...], Field(min_length=1, max_length=MAX_VALUES)] | None,
        BeforeValidator(_values),
    ] = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.op in _WITHOUT_VALUE:
            if self.value is not None:
                raise ValueError(f"'{self.op}' takes no value; take the value out")
        elif self.op is Op.IN:
            if not isinstance(self.value, tuple):
                raise ValueError("'in' takes a list; write its value as [...]")
        elif self.value is None:
            raise ValueError(f"'{self.op}' needs a value; to look for none use is_null")
        elif not isinstance(self.value, str):
            raise ValueError(f"'{self.op}' takes one value; for several use in")
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """Return every value it compares with."""
        if self.value is None:
            return ()
        return (self.value,) if isinstance(self.value, str) else self.value

    def words(self) -> str:
        """Return it as people read it, such as ``country is one of DE, FR``."""
        told = ", ".join(self.values[:_SHOWN_VALUES])
        left = len(self.values) - _SHOWN_VALUES
        more = f" and {left:,} more" if left > 0 else ""
        return " ".join(part for part in (self.column, _WORDS[self.op], told + more) if part)


def words(filters: Iterable[Filter]) -> str:
    """Return a selection as people read it; ``every row`` without any filter."""
    return ", and ".join(each.words() for each in filters) or "every row"


def _read_rule(value: Any) -> Any:
    """Read a row rule of the catalogue, which may also say ``is: null`` or ``is: not null``."""
    if not isinstance(value, Mapping) or "is" not in value:
        return value
    ops = {None: Op.IS_NULL, "null": Op.IS_NULL, "not null": Op.NOT_NULL}
    told = value["is"]
    if told is not None and not isinstance(told, str):
        raise ValueError('write is: null or is: "not null"; for a value write op and value')
    if told not in ops or "op" in value:
        raise ValueError('write is: null or is: "not null"; for a value write op and value')
    return {**{key: each for key, each in value.items() if key != "is"}, "op": ops[told]}


RowRule = Annotated[Filter, BeforeValidator(_read_rule)]
"""A filter that the catalogue always applies."""
