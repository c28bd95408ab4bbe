from datetime import UTC, datetime

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.ledger.arrays import byte_strings, instants, numbers, texts
from tests.conftest import Database

some_bytes = st.lists(st.none() | st.binary(max_size=300), max_size=5)
some_texts = st.lists(
    st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    max_size=5,
)
some_numbers = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)
some_instants = st.lists(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    max_size=5,
)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(some_bytes, some_texts, some_numbers, some_instants)
def test_arrays_arrive_as_they_were_sent(
    database: Database,
    binary: list[bytes | None],
    words: list[str | None],
    whole: list[int],
    when: list[datetime],
) -> None:
    with psycopg.connect(database.app_url) as connection:
        connection.execute("set timezone = 'UTC'")
        row = connection.execute(
            "select %s::bytea[], %s::text[], %s::bigint[], %s::timestamptz[]",
            [byte_strings(binary), texts(words), numbers(whole), instants(when)],
        ).fetchone()
    assert row == (binary, words, whole, when)
