"""What comes out of a file is what stands in the database, in every form, whatever it is."""

import asyncio
import csv
import gzip
import io
import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq  # type: ignore[import-untyped]

from placet.domain.catalogue import Dataset, Entry, Source
from placet.domain.errors import InvalidInputError, UnavailableError
from placet.domain.export import Compression, Format
from placet.exports.writing import Meter, MiscountedError, StoppedError, Wanted, write
from placet.sources.postgres import PostgresSources
from tests.conftest import Sample

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RISKY = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - what spreadsheets take for the same
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
BEGINNINGS = re.compile("^(?=[\t\n\r])|(?:^|(?<=[;\n\r]))(?=[-+=@＋－＝＠])")  # noqa: RUF001
UNPLEASANT = [
    *(f"{first}1+1" for first in RISKY),
    '=HYPERLINK("https://evil.example","x")',
    '"quoted", and more',
    "two\nlines",
    "x;=1+1",
    "=1;=2;;@3",
    "x\n-1\r+2",
    "a;b - c",
    "x;＝1",  # noqa: RUF001 - as above
    "two\r\nlines",
    "\\.",
    "\\N",
    "NULL",
    "",
    " ",
    "'already",
    "👩‍🔬 مريم 山田",
    "\x01\x02\x1f",
    None,
]


def entry(columns: Sequence[str], table: str = "shop.thing") -> Entry:
    """Return a data set of a table that a test has made."""
    told = {
        "about": "Things",
        "source": "sample",
        "table": table,
        "owner": [{"role": "data-owner"}],
        "columns": {name: {} for name in columns},
    }
    source = Source(read_env="PLACET_SAMPLE_READ_URL")
    return Entry(name="things", dataset=Dataset.model_validate(told), source=source)


def make(sample: Sample, *statements: str) -> None:
    """Make a table that the sample's reader may read."""
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("drop table if exists shop.thing")
        for statement in statements:
            connection.execute(statement)
        connection.execute("grant select on shop.thing to sample_reader")


def put(sample: Sample, values: Sequence[str | None]) -> None:
    """Fill a table of texts."""
    make(sample, "create table shop.thing (id serial primary key, said text)")
    with psycopg.connect(sample.admin_url) as connection, connection.cursor() as cursor:
        cursor.executemany("insert into shop.thing (said) values (%s)", [(v,) for v in values])


async def taken(
    sample: Sample,
    columns: Sequence[str],
    form: Format,
    compression: Compression = Compression.NONE,
) -> bytes:
    """Return the file of everything in the table."""
    file = io.BytesIO()
    sources = PostgresSources(sample.environment)
    async with sources.selected(entry(columns), columns, (), form) as selected:
        meter = Meter(selected.rows)
        wanted = Wanted(form, compression, None)
        written = await asyncio.to_thread(write, selected, file, wanted, meter)
        assert written.rows == selected.rows
        assert written.bytes == len(file.getvalue())
    return file.getvalue()


def cells(content: bytes) -> list[list[str]]:
    """Return the cells of a CSV file as RFC 4180 reads it, without its heads."""
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))[1:]


def guarded(value: str) -> str:
    """Return a text as it stands in a cell."""
    return BEGINNINGS.sub("'", value)


@pytest.mark.rule(number=12)
async def test_no_cell_of_a_csv_is_a_formula(sample: Sample) -> None:
    put(sample, UNPLEASANT)
    found = cells(await taken(sample, ["said", "id"], Format.CSV))
    assert [row[0] for row in found] == [guarded(value or "") for value in UNPLEASANT]
    assert not [row for row in found if row[0].startswith(RISKY)]


@pytest.mark.rule(number=12)
async def test_no_cell_is_a_formula_where_semicolons_part_them(sample: Sample) -> None:
    put(sample, ["x;=1+1", "=1;=2;;@3", "x\n-1\r+2;\r\n=3", "harmless"])
    content = (await taken(sample, ["id", "said"], Format.CSV)).decode()
    found = re.split("[;\n\r]", content)
    assert len(found) > 10
    assert not [cell for cell in found if cell.startswith(RISKY)]


async def test_a_csv_tells_nothing_from_empty(sample: Sample) -> None:
    put(sample, ["", None])
    assert await taken(sample, ["id", "said"], Format.CSV) == b'id,said\n1,""\n2,\n'


async def test_numbers_stay_numbers_also_below_zero(sample: Sample) -> None:
    make(
        sample,
        "create table shop.thing "
        "(a integer, b numeric(6, 2), c double precision, d money, e interval)",
        "insert into shop.thing values (-1, -2.50, -0.25, -3, '-4 days')",
    )
    content = await taken(sample, list("abcde"), Format.CSV)
    assert cells(content) == [["-1", "-2.50", "-0.25", "-$3.00", "P-4D"]]


@pytest.mark.rule(number=12)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(TEXTS | st.none(), min_size=1, max_size=30))
def test_whatever_stands_in_the_database_comes_out_of_each_form(
    sample: Sample, values: list[str | None]
) -> None:
    async def check() -> None:
        columns = ["id", "said"]
        found = cells(await taken(sample, columns, Format.CSV))
        assert [row[1] for row in found] == [guarded(value or "") for value in values]
        lines = (await taken(sample, columns, Format.JSONL)).decode().removesuffix("\n").split("\n")
        assert [json.loads(line)["said"] for line in lines] == values
        table = pq.read_table(io.BytesIO(await taken(sample, columns, Format.PARQUET)))
        assert table["said"].to_pylist() == values

    put(sample, values)
    asyncio.new_event_loop().run_until_complete(check())


TYPES = {
    "a": ("smallint", "-3", -3),
    "b": ("integer", "2147483647", 2_147_483_647),
    "c": ("bigint", "9223372036854775807", 9_223_372_036_854_775_807),
    "d": ("boolean", "true", True),
    "e": ("numeric(12, 3)", "-123456789.125", Decimal("-123456789.125")),
    # Without a precision no decimal of Parquet holds it for sure.
    "f": ("numeric", "1e-30", "0.000000000000000000000000000001"),
    "g": ("double precision", "0.1", 0.1),
    "h": ("date", "1899-12-31", date(1899, 12, 31)),
    "i": (
        "timestamptz",
        "2026-03-01 09:00:00.123456+01",
        datetime(2026, 3, 1, 8, 0, 0, 123456, UTC),
    ),
    "j": ("timestamp", "2026-03-01 09:00:00", datetime(2026, 3, 1, 9, 0)),  # noqa: DTZ001 - it has none
    "k": ("uuid", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
    "l": ("text[]", "{a,b}", "{a,b}"),
    "m": ("jsonb", '{"a": 1}', '{"a": 1}'),
    "n": ("bytea", "\\x00ff", "\\x00ff"),
    "o": ("double precision", "infinity", float("inf")),
    "p": ("inet", "192.0.2.1", "192.0.2.1"),
}


async def test_parquet_has_the_types_of_the_source(sample: Sample) -> None:
    kinds = ", ".join(f"{name} {kind}" for name, (kind, _, _) in TYPES.items())
    values = ", ".join(f"'{value}'" for _, value, _ in TYPES.values())
    make(
        sample,
        f"create table shop.thing ({kinds})",
        f"insert into shop.thing values ({values})",  # noqa: S608 - the table above
        "insert into shop.thing default values",
    )
    content = await taken(sample, list(TYPES), Format.PARQUET, Compression.ZSTD)
    table = pq.read_table(io.BytesIO(content))
    full, empty = table.to_pylist()
    assert full == {name: value for name, (_, _, value) in TYPES.items()}
    assert set(empty.values()) == {None}


async def test_what_parquet_has_no_place_for_is_told_and_not_repeated(sample: Sample) -> None:
    make(
        sample,
        "create table shop.thing (id integer, born date)",
        "insert into shop.thing values (1, 'infinity')",
    )
    with pytest.raises(InvalidInputError, match=r"column 1 .* leave the column out") as refused:
        await taken(sample, ["id", "born"], Format.PARQUET)
    assert "infinity" not in str(refused.value)
    assert b"infinity" in await taken(sample, ["id", "born"], Format.JSONL)


async def test_json_that_was_stored_with_line_breaks_stays_on_one_line(sample: Sample) -> None:
    make(
        sample,
        "create table shop.thing (id integer, told json)",
        """insert into shop.thing values (1, E'{\\n "a":\\r\\n "two\\\\nlines"}')""",
    )
    (line,) = (await taken(sample, ["id", "told"], Format.JSONL)).splitlines()
    assert json.loads(line) == {"id": 1, "told": {"a": "two\nlines"}}


async def test_a_file_is_compressed_as_it_is_wanted(sample: Sample) -> None:
    put(sample, ["one"] * 1000)
    plain = await taken(sample, ["id", "said"], Format.CSV)
    packed = await taken(sample, ["id", "said"], Format.CSV, Compression.GZIP)
    assert gzip.decompress(packed) == plain
    packed = await taken(sample, ["id", "said"], Format.CSV, Compression.ZSTD)
    assert zstd.decompress(packed) == plain
    assert len(packed) < len(plain) / 2


async def test_a_view_that_contradicts_itself_is_no_export(sample: Sample) -> None:
    make(sample, "create table shop.thing as select id from generate_series(1, 1000) as id")
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("create view shop.odd as select id from shop.thing where random() < 0.5")
        connection.execute("grant select on shop.odd to sample_reader")
    sources = PostgresSources(sample.environment)
    wanted = Wanted(Format.CSV, Compression.NONE, None)
    async with sources.selected(entry(["id"], "shop.odd"), ["id"], (), Format.CSV) as selected:
        selected.rows += 1000
        with pytest.raises(MiscountedError, match="same rows twice"):
            await asyncio.to_thread(write, selected, io.BytesIO(), wanted, Meter(selected.rows))


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(
    "key", [None, "age1hkrffrsqxsegq793knaspjhrt23ny06vqrj9ujmxj037wx7rwepsajlzmq"]
)
async def test_whatever_goes_wrong_keeps_its_own_words(
    sample: Sample, form: Format, key: str | None
) -> None:
    put(sample, ["one", "two"])
    sources = PostgresSources(sample.environment)
    wanted = Wanted(form, Compression.ZSTD, key)

    class Full(io.BytesIO):
        def write(self, _: Any, /) -> int:
            raise OSError(28, "No space left on device")

    async with sources.selected(entry(["said"]), ["said"], (), form) as selected:
        with pytest.raises(UnavailableError, match="no space left"):
            await asyncio.to_thread(write, selected, Full(), wanted, Meter(selected.rows))
    async with sources.selected(entry(["said"]), ["said"], (), form) as selected:
        meter = Meter(selected.rows)
        meter.stopping.set()
        with pytest.raises(StoppedError):
            await asyncio.to_thread(write, selected, io.BytesIO(), wanted, meter)
