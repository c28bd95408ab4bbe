"""Packs what is exported: rows become Parquet, and anything is compressed, piece by piece."""

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from placet.domain.export import Compression, Format
from placet.exports.parquet import parquet

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdCompressor
else:
    from backports.zstd import CompressionParameter, ZstdCompressor

_GZIP_LEVEL = 6
_GZIP_WINDOW = 31
"""Of zlib: its largest window, with gzip's own header and trailer."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def packed(
    chunks: Iterable[bytes], types: Mapping[str, str], form: Format, compression: Compression
) -> Iterator[bytes]:
    """Return the bytes of a file that holds rows, a piece at a time.

    Args:
        chunks: Rows as the source gives them: lines of CSV with heads, or of JSON.
        types: Each column's type, as Postgres writes it, in order.
        form: What file it becomes.
        compression: How it is compressed; Parquet does so inside.

    Raises:
        InvalidInputError: A value has no place in Parquet.
    """
    if form is Format.PARQUET:
        return parquet(chunks, types, compression)
    make = _COMPRESSORS.get(compression)
    return iter(chunks) if make is None else _compressed(chunks, make())


def _compressed(chunks: Iterable[bytes], by: _Compressor) -> Iterator[bytes]:
    for chunk in chunks:
        yield by.compress(chunk)
    yield by.flush()


def _zstd() -> Any:
    # A thread of the library's own: compressing and copying go on side by side.
    return ZstdCompressor(options={CompressionParameter.nb_workers: 1})


def _gzip() -> Any:
    return zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)


_COMPRESSORS: Mapping[Compression, Callable[[], _Compressor]] = {
    Compression.ZSTD: _zstd,
    Compression.GZIP: _gzip,
}
