"""The base of every domain model: frozen, closed to unknown fields.

What is wrong with a value is told without the value: errors reach logs, which name nobody.
"""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen value that refuses fields it does not know: for what people send in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Stored(BaseModel):
    """A frozen value that ignores fields it does not know.

    For what an older worker may have to read back from a history or a ledger that a newer one
    wrote.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
