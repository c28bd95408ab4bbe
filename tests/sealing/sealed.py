"""A ledger that is sealed in a test, and what has to be true of it whatever has happened."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg

from placet.cli.world import now
from placet.connections import app_url
from placet.db.runner import SEALER_ROLE
from placet.domain.people import Person
from placet.holding import Told
from placet.proof.note import is_signed, parse_checkpoint, parse_note
from placet.sealing.accepting import loss_accepted
from placet.sealing.directory import DirectoryPlace
from placet.sealing.keys import LogKeys, open_log_keys
from placet.sealing.places import Place, Publisher
from placet.sealing.sealer import Pace, Sealer, Watch
from tests.ledger.raw import append_raw
from tests.ledger.stories import event
from tests.support.waiting import eventually

ORIGIN = "tests.example/ledger"
HEIDI = Told(
    Person(id="heidi", name="Heidi", addresses=("heidi@example.com",)), "The disk died", now()
)
PACE = Pace(seconds=0.05, batch=50, patience=10.0)

_LEAVES = """
select s.position, s.seq, l.leaf, k.stream, k.stream_seq
  from audit.sealed s join audit.leaf l using (seq) join audit.event_key k using (seq)
 order by s.position
"""


class SealedLedger(NamedTuple):
    """A database, the log's keys and a directory of checkpoints."""

    admin_url: str
    folder: Path

    @property
    def url(self) -> str:
        """Return the sealer's connection string."""
        return app_url(self.admin_url, SEALER_ROLE)

    @property
    def keys(self) -> LogKeys:
        """Return the log's keys."""
        return open_log_keys(self.folder / "keys", ORIGIN)

    @property
    def published(self) -> Path:
        """Return the directory of checkpoints."""
        return self.folder / "checkpoints"

    def sealer(self, *places: Place, pace: Pace = PACE, watch: Watch | None = None) -> Sealer:
        """Return a sealer that publishes to ``places``; into the directory when none is given."""
        keys = self.keys
        chosen = places or (DirectoryPlace("shelf", self.published),)
        return Sealer(
            self.url,
            keys,
            lambda archive: [Publisher(place, archive, keys) for place in chosen],
            pace,
            watch,
        )

    def append(self, count: int, request: str = "expense-1") -> None:
        """Append events, each in a transaction of its own."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            for _ in range(count):
                append_raw(connection, [event(request=request)])

    def accept_loss(self, place: str) -> None:
        """Accept what a place has lost, with the event that says so."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            row = connection.execute(
                "select tree_size from audit.place where name = %s", [place]
            ).fetchone()
            assert row is not None
            told = loss_accepted(place, row[0], 0, HEIDI)
            append_raw(connection, [told])
        with psycopg.connect(self.url) as connection:
            connection.execute("select audit.accept_loss(%s)", [bytes.fromhex(told.event_id)])

    def places(self) -> list[tuple[int, int, bytes, str, int]]:
        """Return position, number, leaf, stream and number in it of each sealed event, in order."""
        with psycopg.connect(self.admin_url) as connection:
            return connection.execute(_LEAVES).fetchall()

    def size(self) -> int:
        """Return the size of the newest checkpoint."""
        with psycopg.connect(self.admin_url) as connection:
            row = connection.execute(
                "select coalesce(max(tree_size), 0) from audit.checkpoint"
            ).fetchone()
        return int(row[0]) if row else 0

    def is_waited_for(self) -> bool:
        """Say whether a sealer has looked at what waits."""
        with psycopg.connect(self.admin_url) as connection:
            row = connection.execute(
                "select from pg_stat_activity where datname = current_database()"
                " and application_name = 'placet' and query like '%%transactionid%%'",
                [],
            ).fetchone()
        return row is not None

    async def until_sealed(self, size: int) -> None:
        """Wait until the newest checkpoint is of ``size`` events."""
        await eventually(lambda: self.size() == size, f"a checkpoint of {size} events")

    def notes(self) -> list[str]:
        """Return every note in the directory, the smallest first."""
        return [path.read_text() for path in sorted(self.published.glob("*.note"))]

    def assert_whole(self, *, sealed: int) -> None:
        """Demand that ``sealed`` events are sealed once, in order, in a tree that never forked."""
        places = self.places()
        assert [place[0] for place in places] == list(range(sealed))
        assert len({place[1] for place in places}) == sealed
        come: dict[str, int] = {}
        for _, _, _, stream, number in places:
            assert number == come.get(stream, 0) + 1, f"{stream} is out of order"
            come[stream] = number
        leaves = [place[2] for place in places]
        with psycopg.connect(self.admin_url) as connection:
            notes = [
                note
                for (note,) in connection.execute(
                    "select note from audit.checkpoint order by tree_size"
                )
            ]
        for text in [*notes, *self.notes()]:
            note = parse_note(text)
            checkpoint = parse_checkpoint(note.text)
            assert any(is_signed(note, key) for key in self.keys.known)
            assert checkpoint.root == straight_root(leaves[: checkpoint.size]), checkpoint.size
        assert set(self.notes()) <= set(notes)


def straight_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree as RFC 6962 defines it, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    both = straight_root(leaves[:half]) + straight_root(leaves[half:])
    return hashlib.sha256(b"\x01" + both).digest()
