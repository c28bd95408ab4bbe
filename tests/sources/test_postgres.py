from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from placet.domain.catalogue import Entry
from placet.domain.errors import InvalidInputError, UnavailableError
from placet.domain.export import Format
from placet.domain.filters import Filter
from placet.sample.preparing import prepare
from placet.sources.catalogue import load_catalogue
from placet.sources.looking import MissingError, WritingRoleError
from placet.sources.opening import NotNamedError
from placet.sources.postgres import PostgresSources
from tests.conftest import Sample
from tests.policy.example import SHIPPED
from tests.support.postgres import Cluster

CUSTOMERS = load_catalogue(SHIPPED).entry("customers")


def by(column: str, op: str, value: Any = None) -> Filter:
    return Filter.model_validate({"column": column, "op": op, "value": value})


def changed(**dataset: Any) -> Entry:
    return CUSTOMERS.model_copy(update={"dataset": CUSTOMERS.dataset.model_copy(update=dataset)})


async def test_a_survey_counts_under_the_catalogues_own_conditions(sample: Sample) -> None:
    survey = await PostgresSources(sample.environment).survey(
        CUSTOMERS, ["id", "name", "country"], [by("country", "in", ["DE", "FR"])]
    )
    assert (survey.rows, survey.total, survey.everything) == (180, 480, False)
    assert survey.types == {"id": "bigint", "name": "text", "country": "text"}


async def test_a_sample_is_masked_where_it_is_personal(sample: Sample) -> None:
    survey = await PostgresSources(sample.environment).survey(
        CUSTOMERS, ["id", "name", "country", "email"], []
    )
    assert survey.everything
    assert survey.sample[0] == ("1", "*x*x*x*x*x*…", "FR", "x9*x*x")
    assert len(survey.sample) == 5


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        (by("id", "lt", 11), 10),
        (by("id", "eq", "7"), 1),
        (by("id", "ne", 7), 479),
        (by("newsletter", "eq", "true"), 160),
        (by("created", "ge", "2021-01-01"), 169),
        (by("country", "starts_with", "D"), 80),
        (by("country", "is_null"), 0),
        (by("country", "not_null"), 480),
        # What looks like SQL is a value like any other.
        (by("country", "eq", "DE' or '1'='1"), 0),
    ],
)
async def test_each_comparison_selects_what_it_says(
    sample: Sample, asked: Filter, rows: int
) -> None:
    survey = await PostgresSources(sample.environment).survey(CUSTOMERS, ["id"], [asked])
    assert survey.rows == rows


async def test_a_value_of_another_type_names_its_filter(sample: Sample) -> None:
    asked = [by("country", "eq", "DE"), by("created", "ge", "yesterweek")]
    with pytest.raises(InvalidInputError, match=r"filters\[1\]\.value: .*timestamp with time zone"):
        await PostgresSources(sample.environment).survey(CUSTOMERS, ["id"], asked)


@pytest.fixture
def things(sample: Sample) -> Entry:
    """Give a data set of one row with columns of many types."""
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("create domain shop.code as text check (value <> 'bad')")
        connection.execute(
            "create table shop.thing (short varchar(2), fixed char(2), price numeric(8, 2), "
            "told json, list integer[], code shop.code)"
        )
        connection.execute(
            "insert into shop.thing values ('DE', 'DE', 1.01, '{}', '{1,2}', 'good')"
        )
        connection.execute("grant select on shop.thing to sample_reader")
    column = CUSTOMERS.dataset.columns["id"]
    columns = dict.fromkeys(("short", "fixed", "price", "told", "list", "code"), column)
    return changed(table="shop.thing", columns=columns, key=(), rows=(), filters=None, delete=None)


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        # As values of the very type of the column they would be DE and 1.01.
        (by("short", "eq", "DEATH"), 0),
        (by("short", "in", ["DEATH", "XY"]), 0),
        (by("fixed", "eq", "DEATH"), 0),
        (by("price", "eq", "1.014"), 0),
        (by("short", "eq", "DE"), 1),
        (by("fixed", "in", ["DE"]), 1),
        (by("price", "eq", "1.010"), 1),
        (by("list", "eq", "{1,2}"), 1),
        (by("told", "not_null"), 1),
        (by("told", "starts_with", "{"), 1),
    ],
)
async def test_a_value_is_compared_as_it_was_written(
    sample: Sample, things: Entry, asked: Filter, rows: int
) -> None:
    sources = PostgresSources(sample.environment)
    assert (await sources.survey(things, ["short"], [asked])).rows == rows
    async with sources.selected(things, ["short"], [asked], Format.CSV) as selected:
        copied = b"".join([chunk.data for chunk in selected.chunks()])
    assert len(copied.splitlines()) == rows + 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            by("told", "eq", "{}"),
            r"filters\[0\]\.op: 'told' is json, which Postgres does not compare",
        ),
        (by("list", "in", ["{1,2}"]), r"filters\[0\]\.op: 'list' is integer\[\]"),
        (by("list", "eq", "1"), r"filters\[0\]\.value: .* but 'list' is integer\[\]"),
    ],
)
async def test_what_cannot_be_compared_names_its_filter(
    sample: Sample, things: Entry, asked: Filter, said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said):
        await PostgresSources(sample.environment).survey(things, ["short"], [asked])


async def test_a_view_that_fails_is_not_waited_for_and_its_words_are_not_repeated(
    sample: Sample,
) -> None:
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute(
            "create function shop.fail(text) returns text language plpgsql as "
            "$$ begin raise exception 'no %', $1; end $$"
        )
        connection.execute(
            "create view shop.sad as select shop.fail(name) as id from shop.customer"
        )
        connection.execute("grant select on shop.sad to sample_reader")
    entry = changed(
        table="shop.sad", columns={"id": CUSTOMERS.dataset.columns["id"]}, key=(), rows=(),
        filters=None, delete=None,
    )  # fmt: skip
    with pytest.raises(
        InvalidInputError, match=r"cannot do what it is asked for \(P0001\)"
    ) as told:
        await PostgresSources(sample.environment).survey(entry, ["id"], [])
    assert "Adler" not in str(told.value)


@pytest.mark.usefixtures("sample")
async def test_a_source_with_another_encoding_copies_the_rows_that_it_counted(
    postgres: Cluster,
) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("drop database if exists old")
        connection.execute(
            "create database old template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'"
        )
    with psycopg.connect(postgres.url("old"), autocommit=True) as connection:
        connection.execute("create schema shop")
        connection.execute("create table shop.town (id text)")
        connection.execute("insert into shop.town values ('Köln'), ('Bonn')")
        connection.execute("grant usage on schema shop to sample_reader")
        connection.execute("grant select on shop.town to sample_reader")
    entry = changed(
        table="shop.town", columns={"id": CUSTOMERS.dataset.columns["id"]}, key=(), rows=(),
        filters=None, delete=None,
    )  # fmt: skip
    sources = PostgresSources({"PLACET_SAMPLE_READ_URL": postgres.url("old", "sample_reader")})
    asked = [by("id", "eq", "Köln")]
    async with sources.selected(entry, ["id"], asked, Format.CSV) as selected:
        assert selected.rows == 1
        assert b"".join([chunk.data for chunk in selected.chunks()]).decode() == "id\nKöln\n"


async def test_a_source_that_nobody_named_says_which_variable_to_set() -> None:
    sources = PostgresSources({})
    with pytest.raises(NotNamedError, match="set PLACET_SAMPLE_READ_URL for the workers"):
        await sources.survey(CUSTOMERS, ["id"], [])


@pytest.mark.parametrize("url", ["no url at all", "postgresql://u:hunter2@127.0.0.1:1/x"])
async def test_a_source_that_does_not_answer_gives_no_secret_away(url: str) -> None:
    sources = PostgresSources({"PLACET_SAMPLE_READ_URL": url})
    with pytest.raises(UnavailableError) as refused:
        await sources.survey(CUSTOMERS, ["id"], [])
    assert "hunter2" not in str(refused.value)


def _as_superuser(sample: Sample) -> str:
    return sample.admin_url


def _as_deleter(sample: Sample) -> str:
    return sample.environment["PLACET_SAMPLE_DELETE_URL"]


def _as_member_of_a_writer(sample: Sample) -> str:
    with psycopg.connect(sample.admin_url, autocommit=True) as connection:
        connection.execute(
            "create role sly_reader login noinherit in role sample_reader, sample_deleter"
        )
        database = SQL("grant connect on database {} to sly_reader")
        connection.execute(database.format(Identifier(connection.info.dbname)))
    return sample.environment["PLACET_SAMPLE_READ_URL"].replace("sample_reader", "sly_reader")


def _as_superuser_in_disguise(sample: Sample) -> str:
    return psycopg.conninfo.make_conninfo(sample.admin_url, options="-crole=sample_reader")


def _as_owner_without_rights(sample: Sample) -> str:
    with psycopg.connect(sample.admin_url, autocommit=True) as connection:
        connection.execute("create role sly_owner login in role sample_reader")
        database = SQL("grant connect on database {} to sly_owner")
        connection.execute(database.format(Identifier(connection.info.dbname)))
        connection.execute("alter table shop.customer owner to sly_owner")
        connection.execute(
            "revoke insert, update, delete, truncate on shop.customer from sly_owner"
        )
    return sample.environment["PLACET_SAMPLE_READ_URL"].replace("sample_reader", "sly_owner")


@pytest.mark.parametrize(
    "url",
    [
        _as_superuser,
        _as_deleter,
        _as_member_of_a_writer,
        _as_superuser_in_disguise,
        _as_owner_without_rights,
    ],
)
async def test_a_role_that_could_write_is_refused(
    sample: Sample, url: Callable[[Sample], str]
) -> None:
    sources = PostgresSources({"PLACET_SAMPLE_READ_URL": url(sample)})
    with pytest.raises(WritingRoleError, match="may only select, and is no superuser"):
        await sources.survey(CUSTOMERS, ["id"], [])


async def test_the_check_tells_what_the_source_lacks(sample: Sample) -> None:
    sources = PostgresSources(sample.environment)
    for entry in load_catalogue(SHIPPED).entries:
        assert await sources.check(entry) == []
    (gone,) = await sources.check(changed(table="shop.customers"))
    assert "which its source does not have" in gone
    (missing,) = await sources.check(changed(key=("number",)))
    assert "has no column number" in missing
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("revoke select on shop.customer from sample_reader")
        connection.execute("grant select (id, deleted_at) on shop.customer to sample_reader")
    (hidden,) = await sources.check(CUSTOMERS)
    assert "may not read born, country" in hidden
    with pytest.raises(MissingError):
        await sources.survey(CUSTOMERS, ["id"], [])


async def test_a_survey_writes_nothing(sample: Sample) -> None:
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("create sequence shop.s")
        connection.execute(
            "create view shop.trap as select nextval('shop.s') as id from shop.customer"
        )
        connection.execute("grant select on shop.trap to sample_reader")
        connection.execute("grant usage on sequence shop.s to sample_reader")
    entry = changed(
        table="shop.trap", columns={"id": CUSTOMERS.dataset.columns["id"]}, rows=(), delete=None
    )
    with pytest.raises(InvalidInputError, match="may not do this"):
        await PostgresSources(sample.environment).survey(entry, ["id"], [])


def test_preparing_the_sample_twice_changes_nothing(sample: Sample) -> None:
    name = psycopg.conninfo.conninfo_to_dict(sample.admin_url)["dbname"]
    assert prepare(sample.admin_url, database=str(name)) == sample.environment
    with psycopg.connect(sample.admin_url) as connection:
        counted = connection.execute(
            "select count(*), count(*) filter (where deleted_at is null) from shop.customer"
        ).fetchone()
    assert counted == (500, 480)


@pytest.mark.parametrize("role", ["sample_reader", "sample_deleter", "sample_granter"])
def test_roles_of_the_sample_and_of_the_ledger_stay_apart(
    sample: Sample, database: Any, role: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(database.admin_url.replace("postgres@", f"{role}@"))
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(sample.admin_url.replace("postgres@", "placet_app@"))


def test_the_deleter_marks_and_deletes_and_does_nothing_else(sample: Sample) -> None:
    with psycopg.connect(
        sample.environment["PLACET_SAMPLE_DELETE_URL"], autocommit=True
    ) as connection:
        connection.execute("update shop.customer set deleted_at = now() where id = 1")
        connection.execute("delete from shop.visit where id = 1")
        for statement in (
            "update shop.customer set name = '' where id = 1",
            "insert into shop.visit values (0, now(), '', '::1')",
            "truncate shop.visit",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_granter_gives_away_what_it_has_not(sample: Sample) -> None:
    with psycopg.connect(
        sample.environment["PLACET_SAMPLE_GRANT_URL"], autocommit=True
    ) as connection:
        connection.execute("grant reporting_read to dan_db")
        connection.execute("revoke reporting_read from dan_db")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select from shop.customer")
