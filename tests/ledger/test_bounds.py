"""What comes beside an event's body has its bounds in the database."""

from typing import Any

import psycopg
import pytest

from tests.conftest import Database
from tests.ledger.raw import arrays
from tests.ledger.stories import event

APPEND = """
select audit.append(%s::bytea[], %s::text[], %s::text[], %s::timestamptz[], %s::bytea[],
                    %s::bytea[], %s::text[], %s::bytea[])
"""


@pytest.mark.parametrize(
    ("signature", "key", "anchor"),
    [
        (b"s" * 4096, "ä" * 512, b"a" * 40),
        (b"s" * 64, "key", b""),
        (b"", "", b""),
    ],
)
def test_what_keeps_its_bounds_is_taken(
    database: Database, signature: bytes, key: str, anchor: bytes
) -> None:
    with psycopg.connect(database.app_url) as connection:
        connection.execute(APPEND, [*arrays([event()]), [signature], [key], [anchor]])


@pytest.mark.rule(number=8)
@pytest.mark.rule(number=11)
@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ([b"s" * 4097, "key", b"a" * 40], "signature_of_4096_bytes_at_most"),
        ([b"s" * 64, "k" * 513, b"a" * 40], "signing_key_of_512_characters_at_most"),
        ([b"s" * 64, "key", b"a" * 39], "anchor_of_40_bytes"),
        ([b"s" * 64, "key", b"a" * 1_000_000], "anchor_of_40_bytes"),
    ],
)
def test_what_does_not_is_refused_by_name(database: Database, beside: Any, told: str) -> None:
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation, match=told):
            connection.execute(APPEND, [*arrays([event()]), *([each] for each in beside)])
        # Nothing of it is there, so that it can be told properly.
        connection.execute(APPEND, [*arrays([event()]), [b"s"], ["key"], [b""]])
