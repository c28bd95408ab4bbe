import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.domain.ledger import LeafHeader, leaf_hash
from tests.conftest import Database

LEAF_IN_SQL = """
select encode(audit.leaf_hash((
           e.seq, e.event_id, e.stream, e.stream_seq, e.kind, e.occurred, e.recorded, '7'::xid8,
           e.body, e.signature, e.signing_key, e.anchor, e.retention_class, null
       )::audit.event), 'hex')
  from (values (
           %(seq)s::bigint, decode(%(event_id)s, 'hex'), %(stream)s::text, %(stream_seq)s::bigint,
           %(kind)s::text, %(occurred)s::timestamptz, %(recorded)s::timestamptz, %(body)s::bytea,
           nullif(%(signature)s::bytea, ''), nullif(%(signing_key)s::text, ''),
           nullif(%(anchor)s::bytea, ''), nullif(%(retention_class)s::text, '')
       )) as e (seq, event_id, stream, stream_seq, kind, occurred, recorded, body, signature,
                signing_key, anchor, retention_class)
"""

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
places = st.integers(1, 2**63 - 1)
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
headers = st.builds(
    LeafHeader,
    event_id=st.binary(min_size=32, max_size=32).map(bytes.hex),
    stream=texts,
    stream_seq=places,
    seq=places,
    kind=texts,
    occurred=instants,
    recorded=instants,
    signing_key=texts,
    anchor=st.binary(max_size=40),
    retention_class=texts,
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
@given(header=headers, body=st.binary(max_size=200), signature=st.binary(max_size=80))
def test_the_database_and_python_compute_the_same_leaf(
    owner: psycopg.Connection, header: LeafHeader, body: bytes, signature: bytes
) -> None:
    values = {**header.model_dump(), "body": body, "signature": signature}
    row = owner.execute(LEAF_IN_SQL, values).fetchone()
    assert row is not None
    assert row[0] == leaf_hash(header, body, signature)


def test_a_leaf_is_what_the_definition_says() -> None:
    """Written out by hand, so that both implementations cannot drift together."""
    header = LeafHeader(
        event_id="ab" * 32,
        stream="expense-1",
        stream_seq=2,
        seq=258,
        kind="a:b:c",
        occurred=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        recorded=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
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
    ).hexdigest()

    assert leaf_hash(header, b"{}") == expected


@pytest.mark.rule(number=11)
@given(header=headers, data=st.data())
def test_every_field_of_the_header_changes_the_leaf(
    header: LeafHeader, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(LeafHeader.model_fields)))
    other = data.draw(headers.filter(lambda drawn: getattr(drawn, name) != getattr(header, name)))
    changed = header.model_copy(update={name: getattr(other, name)})

    assert leaf_hash(changed, b"{}") != leaf_hash(header, b"{}")
    assert leaf_hash(header, b"{}", b"signed") != leaf_hash(header, b"{}")
    assert leaf_hash(header, b"[]") != leaf_hash(header, b"{}")
