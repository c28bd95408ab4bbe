"""The base of every domain model: frozen, closed to unknown fields."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen value that refuses fields it does not know: for what people send in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stored(BaseModel):
    """A frozen value that ignores fields it does not know.

    For what an older worker may have to read back from a history or a ledger that a newer one
    wrote.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
