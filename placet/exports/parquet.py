"""Makes Parquet of CSV, in row groups of a few MiB, with the types that the source has."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from placet.domain.errors import InvalidInputError
from placet.domain.export import Compression

BLOCK_BYTES = 8 << 20
"""So much CSV becomes one row group; no row can be larger."""

_MOST_DIGITS = 38
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")


def parquet(
    chunks: Iterable[bytes], types: Mapping[str, str], compression: Compression
) -> Iterator[bytes]:
    """Return the bytes of a Parquet file, a piece at a time.

    Args:
        chunks: CSV with heads, in which what is null is empty and what is empty is quoted.
        types: Each column's type, as Postgres writes it; one that Parquet has not becomes text.
        compression: Of the columns.

    Raises:
        InvalidInputError: A value has no place in Parquet, such as a date that is infinite.
    """
    # It is large, and only Parquet needs it.
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415
    from pyarrow import parquet as pq  # noqa: PLC0415

    columns = {name: _type(kind) for name, kind in types.items()}
    packing = compression.value.upper()
    source = Pulled(chunks)
    sink = _Sink()
    try:
        reader = csv.open_csv(
            source,
            # One thread: what it reads is asked of the source by one caller.
            csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=columns,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        with pq.ParquetWriter(sink, pa.schema(columns.items()), compression=packing) as writer:
            for batch in reader:
                writer.write_batch(batch)
                yield sink.take()
        yield sink.take()
    except pa.ArrowInvalid as error:
        if source.problem is not None:
            raise source.problem from None
        raise InvalidInputError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Say what Parquet did not take; the value itself is somebody's, and stays out of it."""
    column = re.search(r"CSV column #(\d+)", str(error))
    where = f"column {column[1]} (counted from 0) holds" if column else "a row is too large, or is"
    return (
        f"{where} a value that Parquet has no place for, such as an infinite date; leave the "
        "column out, or export as csv or jsonl"
    )


def _type(kind: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - as above

    if (found := _NUMERIC.fullmatch(kind)) and int(found[1]) <= _MOST_DIGITS:
        return pa.decimal128(int(found[1]), int(found[2]))
    plain: dict[str, Any] = {
        "boolean": pa.bool_(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "double precision": pa.float64(),
        "date": pa.date32(),
        "timestamp without time zone": pa.timestamp("us"),
        "timestamp with time zone": pa.timestamp("us", "UTC"),
    }
    return plain.get(kind, pa.string())


class Pulled(io.RawIOBase):
    """A file to be read, whose content is asked for only when it is.

    Attributes:
        problem: What went wrong when it was asked for; others may tell it in their own words.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        """Read ``chunks``, one after the other."""
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self.problem: Exception | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill ``buffer`` as far as one piece reaches; 0 at the end."""
        try:
            while not self._rest:
                self._rest = memoryview(next(self._chunks))
        except StopIteration:
            return 0
        except Exception as error:
            self.problem = error
            raise
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class _Sink(io.RawIOBase):
    """A file to be written, whose content is taken away as it comes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._parts.append(bytes(data))
        self._size += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        """Return what was written since it was last called."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
