import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.ledger.encoding import microseconds
from placet.proof.leaf import Event, leaf_hash
from tests.conftest import Database

LEAF_IN_SQL = """
select audit.leaf_hash((
           e.seq, e.event_id, e.stream, e.stream_seq, e.kind, e.occurred, e.recorded, '7'::xid8,
           e.body, e.signature, e.signing_key, e.anchor, e.retention_class
       )::audit.event)
  from (values (
           %(seq)s::bigint, %(event_id)s::bytea, %(stream)s::text, %(stream_seq)s::bigint,
           %(kind)s::text, %(occurred)s::timestamptz, %(recorded)s::timestamptz, %(body)s::bytea,
           nullif(%(signature)s::bytea, ''), nullif(%(signing_key)s::text, ''),
           nullif(%(anchor)s::bytea, ''), nullif(%(retention_class)s::text, '')
       )) as e (seq, event_id, stream, stream_seq, kind, occurred, recorded, body, signature,
                signing_key, anchor, retention_class)
"""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = ("occurred", "recorded")

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
places = st.integers(1, 2**63 - 1)
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
events = st.builds(
    Event,
    event_id=st.binary(min_size=32, max_size=32),
    stream=texts,
    stream_seq=places,
    seq=places,
    kind=texts,
    occurred=instants.map(microseconds),
    recorded=instants.map(microseconds),
    signing_key=texts,
    anchor=st.binary(max_size=40),
    retention_class=texts,
    body=st.binary(max_size=200),
    signature=st.binary(max_size=80),
)


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("set timezone = 'Asia/Kathmandu'")
        yield connection


@pytest.mark.rule(number=11)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(event=events)
def test_the_database_and_python_compute_the_same_leaf(
    owner: psycopg.Connection, event: Event
) -> None:
    instants = {name: EPOCH + timedelta(microseconds=getattr(event, name)) for name in INSTANTS}
    row = owner.execute(LEAF_IN_SQL, event._asdict() | instants).fetchone()
    assert row is not None
    assert row[0] == leaf_hash(event)


def test_a_leaf_is_what_the_definition_says() -> None:
    """Written out by hand, so that both implementations cannot drift together."""
    event = Event(
        event_id=b"\xab" * 32,
        stream="expense-1",
        stream_seq=2,
        seq=258,
        kind="a:b:c",
        occurred=1_000_000,
        recorded=-1,
        signing_key="",
        anchor=b"",
        retention_class="",
        body=b"{}",
        signature=b"",
    )
    fields = (
        b"\0\0\0\x20" + b"\xab" * 32
        + b"\0\0\0\x09expense-1"
        + b"\0\0\0\x08\0\0\0\0\0\0\0\x02"
        + b"\0\0\0\x08\0\0\0\0\0\0\x01\x02"
        + b"\0\0\0\x05a:b:c"
        + b"\0\0\0\x08\0\0\0\0\0\x0f\x42\x40"
        + b"\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff"
        + b"\0\0\0\0" * 3
    )  # fmt: skip
    expected = hashlib.sha256(
        b"\0placet/v1"
        + len(fields).to_bytes(4, "big")
        + fields
        + hashlib.sha256(b"{}").digest()
        + hashlib.sha256(b"").digest()
    ).digest()

    assert leaf_hash(event) == expected


@pytest.mark.rule(number=11)
@given(event=events, name=st.sampled_from(Event._fields), data=st.data())
def test_every_field_of_an_event_changes_its_leaf(
    event: Event, name: str, data: st.DataObject
) -> None:
    other = data.draw(events.filter(lambda drawn: getattr(drawn, name) != getattr(event, name)))
    changed = event._replace(**{name: getattr(other, name)})

    assert leaf_hash(changed) != leaf_hash(event)
