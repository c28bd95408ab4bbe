"""Writes arrays as Postgres sends them itself; psycopg's own way takes several times as long.

The format is that of ``array_send`` in Postgres: the number of dimensions, whether there are nulls,
the type of the elements, length and lower bound; then each element after its length.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD = struct.Struct("!iIIii")
_NO_ELEMENTS = struct.Struct("!iII")
_length = struct.Struct("!i").pack
_NUMBER = struct.Struct("!q")
_NULL = _length(-1)
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_BYTEA, _TEXT, _BIGINT, _INSTANT = 17, 25, 20, 1184
"""The numbers of the types in every Postgres; those of their arrays are in the dumpers below."""


class Bytes(bytes):
    """A ``bytea[]``, ready to be sent."""


class Texts(bytes):
    """A ``text[]``, ready to be sent."""


class Numbers(bytes):
    """A ``bigint[]``, ready to be sent."""


class Instants(bytes):
    """A ``timestamptz[]``, ready to be sent."""


class _ReadyDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        return obj


class _BytesDumper(_ReadyDumper):
    oid = 1001


class _TextsDumper(_ReadyDumper):
    oid = 1009


class _NumbersDumper(_ReadyDumper):
    oid = 1016


class _InstantsDumper(_ReadyDumper):
    oid = 1185


psycopg.adapters.register_dumper(Bytes, _BytesDumper)
psycopg.adapters.register_dumper(Texts, _TextsDumper)
psycopg.adapters.register_dumper(Numbers, _NumbersDumper)
psycopg.adapters.register_dumper(Instants, _InstantsDumper)


def byte_strings(values: Sequence[bytes | None]) -> Bytes:
    """Return a ``bytea[]``."""
    return Bytes(_array(_BYTEA, values))


def texts(values: Sequence[str | None]) -> Texts:
    """Return a ``text[]``.

    Raises:
        UnicodeEncodeError: One holds half of a surrogate pair.
    """
    return Texts(_array(_TEXT, [None if value is None else value.encode() for value in values]))


def numbers(values: Sequence[int]) -> Numbers:
    """Return a ``bigint[]``."""
    return Numbers(_array(_BIGINT, list(map(_NUMBER.pack, values))))


def instants(values: Sequence[datetime]) -> Instants:
    """Return a ``timestamptz[]``; the instants are aware."""
    since = [(value - _POSTGRES_EPOCH) // _MICROSECOND for value in values]
    return Instants(_array(_INSTANT, list(map(_NUMBER.pack, since))))


def _array(element: int, values: Sequence[bytes | None]) -> bytes:
    if not values:
        return _NO_ELEMENTS.pack(0, 0, element)
    parts = [_HEAD.pack(1, None in values, element, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (_length(len(value)), value)
    return b"".join(parts)
