import psycopg
import pytest

from placet.deleting.keys import Key
from placet.deleting.rows import (
    Act,
    BlockedError,
    BusyError,
    Census,
    ForbiddenError,
    TooSlowError,
)
from placet.deleting.selection import Selection
from placet.domain.catalogue import Entry
from placet.domain.errors import InvalidInputError, UnavailableError
from placet.domain.filters import Filter
from placet.sources.deleting import PostgresDeleter
from tests.deleting.shelf import APPROVED, PERMIT, SOFT, Shelf, by

NUMBERS = "select n, 'DE' from generate_series(1, 10) n"
COUNTRIES = "id bigint primary key, country text"


async def keys_of(shelf: Shelf, entry: Entry, *filters: Filter) -> list[Key]:
    """Freeze a selection and read it back."""
    keys = await shelf.keys(entry, *filters)
    stored = {part.sha256: part.content for part in keys.parts}

    async def fetch(sha256: str) -> bytes:
        return stored[sha256]

    reader = Selection(fetch, [part.sha256 for part in keys.parts], keys.sha256).reader()
    return await reader.take(1_000_000)


async def test_rows_that_changed_meanwhile_are_spared(shelf: Shelf) -> None:
    entry, filters = shelf.put(COUNTRIES, NUMBERS), [by("country", "eq", "DE")]
    keys = await keys_of(shelf, entry, *filters)
    shelf.run("update shop.thing set country = 'FR' where id = 3")
    shelf.run("insert into shop.thing values (11, 'DE')")
    shelf.run("delete from shop.thing where id = 4")

    async with PostgresDeleter(shelf.environment).open(entry, filters, PERMIT, APPROVED) as rows:
        assert await rows.selected() == 9
        assert await rows.census(keys) == Census(existing=9, fitting=8)
        await rows.touch(Act.DELETE, keys)
        await rows.touch(Act.DELETE, keys)
        assert await rows.census(keys) == Census(existing=1)
    assert shelf.left() == [3, 11]


async def test_a_mark_is_the_deletions_own(shelf: Shelf) -> None:
    columns = "id bigint primary key, deleted_at timestamptz"
    fill = "select n, case when n = 2 then now() end from generate_series(1, 5) n"
    entry = shelf.put(columns, fill, delete=SOFT)
    keys = await keys_of(shelf, entry)
    assert len(keys) == 4
    shelf.run("update shop.thing set deleted_at = now() where id = 3")

    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        await rows.touch(Act.MARK, keys)
        assert await rows.census(keys) == Census(existing=4, fitting=0, marked=3)
        assert shelf.run("select id from shop.thing where deleted_at = %s", APPROVED) == [
            (1,),
            (4,),
            (5,),
        ]
        await rows.touch(Act.UNMARK, keys[:1])
        await rows.touch(Act.PURGE, keys)
    assert shelf.left() == [1, 2, 3]
    assert shelf.run("select id from shop.thing where deleted_at is null") == [(1,)]


ODD = ["a\tb", "back\\slash", "new\nline", "\\N", "quote'\"", "{1,2}", "NULL", "", " x ", "é", "\r"]


@pytest.mark.parametrize(
    ("columns", "fill", "key"),
    [
        ("id text primary key", "select unnest(%s::text[])", ["id"]),
        (
            "a text, id text, primary key (a, id)",
            "select 'x' || chr(9), unnest(%s::text[])",
            ["a", "id"],
        ),
    ],
)
async def test_keys_of_text_are_any_text(
    shelf: Shelf, columns: str, fill: str, key: list[str]
) -> None:
    entry = shelf.put(columns, fill.replace("%s", "'{}'"), key=key)
    shelf.run(f"insert into shop.thing {fill}", ODD)
    keys = await keys_of(shelf, entry)
    assert sorted(each[-1] for each in keys) == sorted(ODD)

    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        assert (await rows.census(keys)).existing == len(ODD)
        assert await rows.standing(Act.DELETE, keys) == keys
        await rows.touch(Act.DELETE, keys)
    assert shelf.left() == []


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("uuid", "select md5(n::text)::uuid from generate_series(1, 9) n"),
        ("numeric(12, 3)", "select n / 7.0 from generate_series(1, 9) n"),
        ("timestamptz", "select now() + n * interval '1.000001 s' from generate_series(1, 9) n"),
        ("date", "select date '1900-01-01' + n from generate_series(1, 9) n"),
        ("char(8)", "select 'k' || n from generate_series(1, 9) n"),
        ("double precision", "select n / 3.0::float8 from generate_series(1, 9) n"),
        ("bytea", "select decode(md5(n::text), 'hex') from generate_series(1, 9) n"),
        ("interval", "select n * interval '1 day 3 hours' from generate_series(1, 9) n"),
        ("inet", "select ('192.0.2.' || n)::inet from generate_series(1, 9) n"),
        ("boolean", "select n = 1 from generate_series(1, 2) n"),
    ],
)
async def test_keys_are_of_any_type(shelf: Shelf, kind: str, values: str) -> None:
    entry = shelf.put(f"id {kind} primary key", values)
    keys = await keys_of(shelf, entry)
    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        assert (await rows.census(keys)).fitting == len(keys)
        await rows.touch(Act.DELETE, keys)
    assert shelf.left() == []


async def test_what_others_refer_to_is_blocked_as_a_whole_batch(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    shelf.run("create table shop.part (thing bigint references shop.thing)")
    shelf.run("insert into shop.part values (5)")
    keys = await keys_of(shelf, entry)

    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        with pytest.raises(BlockedError):
            await rows.touch(Act.DELETE, keys)
        await rows.touch(Act.DELETE, keys[:4])
    assert shelf.left() == [5, 6, 7, 8, 9, 10]


async def test_a_trigger_that_forbids_it_blocks_too(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    shelf.run(
        "create function shop.never() returns trigger language plpgsql as "
        "$$ begin raise exception 'rows stay'; end $$"
    )
    shelf.run(
        "create trigger never before delete on shop.thing "
        "for each row execute function shop.never()"
    )
    keys = await keys_of(shelf, entry)
    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        with pytest.raises(BlockedError):
            await rows.touch(Act.DELETE, keys)


async def test_a_row_that_somebody_holds_is_waited_for_only_a_moment(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    keys = await keys_of(shelf, entry)
    with psycopg.connect(shelf.admin_url) as other:
        other.execute("select from shop.thing where id = 7 for update")
        async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
            with pytest.raises(BusyError):
                await rows.touch(Act.DELETE, keys)
            other.rollback()
            await rows.touch(Act.DELETE, keys)
    assert shelf.left() == []


async def test_no_statement_takes_longer_than_a_second(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    shelf.run(
        "create function shop.slowly() returns trigger language plpgsql as "
        "$$ begin perform pg_sleep(0.15); return old; end $$"
    )
    shelf.run(
        "create trigger slow before delete on shop.thing "
        "for each row execute function shop.slowly()"
    )
    keys = await keys_of(shelf, entry)
    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        with pytest.raises(TooSlowError):
            await rows.touch(Act.DELETE, keys)
        assert len(shelf.left()) == 10
        await rows.touch(Act.DELETE, keys, patient=True)
    assert shelf.left() == []


async def test_one_attempt_at_a_time_touches_the_rows(shelf: Shelf) -> None:
    entry, deleter = shelf.put(COUNTRIES, NUMBERS), PostgresDeleter(shelf.environment)
    async with deleter.open(entry, [], PERMIT, APPROVED):
        with pytest.raises(UnavailableError, match="another worker"):
            async with deleter.open(entry, [], PERMIT, APPROVED):
                pass
        async with deleter.open(entry, [], "ab" * 32, APPROVED):
            pass
    async with deleter.open(entry, [], PERMIT, APPROVED):
        pass


@pytest.mark.parametrize(
    ("grant", "message"),
    [
        ("revoke delete on shop.thing from sample_deleter", "grant delete on shop.thing"),
        ("grant update (id) on shop.thing to sample_deleter", "may change id of shop.thing"),
        ("revoke update (deleted_at) on shop.thing from sample_deleter", "may not mark rows"),
    ],
)
async def test_a_role_may_do_exactly_what_it_has_to(shelf: Shelf, grant: str, message: str) -> None:
    entry = shelf.put("id bigint primary key, deleted_at timestamptz", "select 1", delete=SOFT)
    shelf.run(grant)
    with pytest.raises(ForbiddenError, match=message):
        async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED):
            pass
    with pytest.raises(ForbiddenError, match=message):
        await shelf.keys(entry)


async def test_a_role_that_may_not_read_is_the_one_that_is_named(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    shelf.run("revoke select on shop.thing from sample_deleter")
    with pytest.raises(InvalidInputError, match="the role of PLACET_SAMPLE_DELETE_URL may not"):
        await shelf.keys(entry)


async def test_a_superuser_deletes_nothing(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    everything = {**shelf.environment, "PLACET_SAMPLE_DELETE_URL": shelf.admin_url}
    with pytest.raises(ForbiddenError, match="the superuser postgres"):
        async with PostgresDeleter(everything).open(entry, [], PERMIT, APPROVED):
            pass


@pytest.mark.parametrize("kind", ["date", "boolean", "timestamptz(0)"])
async def test_rows_are_marked_with_an_instant(shelf: Shelf, kind: str) -> None:
    entry = shelf.put(f"id bigint primary key, deleted_at {kind}", "select 1", delete=SOFT)
    with pytest.raises(InvalidInputError, match="rows are marked with an instant"):
        await shelf.keys(entry)


async def test_a_mark_may_be_without_a_zone(shelf: Shelf) -> None:
    entry = shelf.put("id bigint primary key, deleted_at timestamp", "select 1", delete=SOFT)
    keys = await keys_of(shelf, entry)
    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        await rows.touch(Act.MARK, keys)
        assert (await rows.census(keys)).marked == 1
        await rows.touch(Act.UNMARK, keys)
        assert (await rows.census(keys)).fitting == 1


async def test_what_is_lost_meanwhile_is_waited_for(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    keys = await keys_of(shelf, entry)
    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        shelf.run("revoke delete on shop.thing from sample_deleter")
        with pytest.raises(UnavailableError, match="grant it again"):
            await rows.touch(Act.DELETE, keys)
    shelf.run("grant delete on shop.thing to sample_deleter")


async def test_a_source_that_goes_away_is_unavailable(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    keys = await keys_of(shelf, entry)

    async def cut_off() -> None:
        async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
            shelf.run(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where usename = 'sample_deleter'"
            )
            await rows.touch(Act.DELETE, keys)

    with pytest.raises(UnavailableError, match="does not answer"):
        await cut_off()
    assert len(shelf.left()) == 10


async def test_a_row_without_a_key_is_refused(shelf: Shelf) -> None:
    with pytest.raises(InvalidInputError, match="has no key: one of its columns is null"):
        await shelf.keys(shelf.put("id bigint unique", "values (1), (null)"))


@pytest.mark.parametrize(
    ("columns", "further", "why"),
    [
        # Nothing keeps a second row of a key from coming after the approval.
        ("id bigint, country text", "create index on shop.thing (id)", "no unique index"),
        (
            "id bigint, country text",
            "create unique index on shop.thing (id) where country = 'DE'",
            "no unique index",
        ),
        (
            "id text, country text",
            "create unique index on shop.thing (lower(id))",
            "no unique index",
        ),
        ("id bigint, country text, primary key (id, country)", "", "no unique index"),
        # The children of a table have keys of their own.
        (COUNTRIES, "create table shop.child () inherits (shop.thing)", "no table of its own"),
    ],
)
async def test_a_key_that_is_none_is_refused(
    shelf: Shelf, columns: str, further: str, why: str
) -> None:
    entry = shelf.put(columns, NUMBERS)
    shelf.run(further or "select")
    with pytest.raises(InvalidInputError, match=why):
        await shelf.keys(entry)
    with pytest.raises(InvalidInputError, match=why):
        async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED):
            pass


async def test_nobody_knows_the_key_of_a_view(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    shelf.run("alter table shop.thing rename to stuff")
    shelf.run("create view shop.thing as select * from shop.stuff")
    shelf.run("grant select on shop.thing to sample_reader")
    with pytest.raises(InvalidInputError, match="name another table in datasets"):
        await shelf.keys(entry)


async def test_rows_are_deleted_from_all_parts_of_a_table(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    shelf.run("alter table shop.thing rename to low")
    shelf.run("create table shop.thing (like shop.low, primary key (id)) partition by range (id)")
    shelf.run("alter table shop.thing attach partition shop.low for values from (0) to (100)")
    shelf.run("create table shop.high partition of shop.thing for values from (100) to (200)")
    shelf.run("insert into shop.thing values (100, 'DE'), (101, 'FR')")
    shelf.run("grant select on shop.thing to sample_reader")
    shelf.run("grant select, delete on shop.thing to sample_deleter")
    filters = [by("country", "eq", "DE")]
    keys = await keys_of(shelf, entry, *filters)
    async with PostgresDeleter(shelf.environment).open(entry, filters, PERMIT, APPROVED) as rows:
        await rows.touch(Act.DELETE, keys)
    assert shelf.left() == [101]


@pytest.mark.parametrize(
    ("kind", "values", "condition"),
    [
        ("varchar(2)", "values (1, 'DE'), (2, 'FR')", ("eq", "DEU")),
        ("char(2)", "values (1, 'DE'), (2, 'FR')", ("in", ["DEU"])),
        ("shop.code", "values (1, 'DE'), (2, 'FR')", ("eq", "DEU")),
        ("numeric(6, 2)", "values (1, 10.00), (2, 20.00)", ("le", "9.999")),
        (
            "timestamp(0)",
            "values (1, timestamp '2026-03-02 10:00:00')",
            ("le", "2026-03-02 09:59:59.9"),
        ),
    ],
)
async def test_a_value_is_not_cut_to_fit_its_column(
    shelf: Shelf, kind: str, values: str, condition: tuple[str, object]
) -> None:
    # It would select rows that nobody has named, and people would read the value as it was written.
    shelf.run("create domain shop.code as varchar(2)")
    entry = shelf.put(f"id bigint primary key, fact {kind}", values)
    assert (await shelf.keys(entry, by("fact", *condition))).rows == 0


async def test_a_key_is_not_cut_to_fit_its_column(shelf: Shelf) -> None:
    entry = shelf.put("id text primary key", "values ('abc'), ('x')")
    keys = await keys_of(shelf, entry)
    shelf.run("delete from shop.thing where id = 'abc'")
    shelf.run("alter table shop.thing alter id type varchar(2)")
    shelf.run("insert into shop.thing values ('ab')")
    async with PostgresDeleter(shelf.environment).open(entry, [], PERMIT, APPROVED) as rows:
        await rows.touch(Act.DELETE, keys)
    assert shelf.left() == ["ab"]


async def test_keys_are_kept_in_one_encoding_whatever_the_role_is_used_to(shelf: Shelf) -> None:
    entry = shelf.put("id text primary key", "values ('é'), ('x')")
    ((name,),) = shelf.run("select current_database()")
    shelf.run(f"alter role sample_reader in database {name} set client_encoding to latin1")
    assert await keys_of(shelf, entry) == [("x",), ("é",)]


async def test_a_selection_has_an_end(shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    assert (await shelf.keys(entry, most=10)).rows == 10
    with pytest.raises(InvalidInputError, match="more than 9 rows"):
        await shelf.keys(entry, most=9)
