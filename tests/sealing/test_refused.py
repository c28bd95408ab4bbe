import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from placet.domain.errors import UnavailableError
from placet.proof.note import Checkpoint, Note, sign
from placet.proof.tree import Frontier
from placet.sealing.backlog import Backlog
from placet.sealing.errors import SealingRefusedError
from placet.sealing.keys import RETIRED_FILE
from placet.sealing.session import open_session
from placet.signing import LOG_FILE
from tests.sealing.sealed import ORIGIN, SealedLedger
from tests.sealing.test_sealing import running
from tests.support.waiting import eventually


@contextmanager
def tampering(ledger: SealedLedger) -> Iterator[psycopg.Connection]:
    """Give a superuser who has switched the triggers off."""
    with psycopg.connect(ledger.admin_url) as connection:
        for table in ("checkpoint", "sealed", "leaf"):
            connection.execute(
                psycopg.sql.SQL("alter table {} disable trigger all").format(
                    psycopg.sql.Identifier("audit", table)
                )
            )
        yield connection


@pytest.fixture
async def three_sealed(sealed_ledger: SealedLedger) -> SealedLedger:
    sealed_ledger.append(3)
    await sealed_ledger.sealer().once()
    sealed_ledger.append(1)
    return sealed_ledger


def _other_root(connection: psycopg.Connection) -> None:
    connection.execute("update audit.checkpoint set root = sha256('x')")


def _other_frontier(connection: psycopg.Connection) -> None:
    connection.execute("update audit.checkpoint set frontier = sha256('x') || sha256('y')")


def _own_tree(connection: psycopg.Connection) -> None:
    """Root and frontier fit each other, and the note is not theirs."""
    frontier = Frontier()
    for leaf in (b"a" * 32, b"b" * 32, b"c" * 32):
        frontier.add(leaf)
    connection.execute(
        "update audit.checkpoint set root = %s, frontier = %s",
        [frontier.root(), b"".join(frontier.nodes)],
    )


def _own_note(connection: psycopg.Connection) -> None:
    """All fits, and is signed by a key of the forger's own under the right name."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    _own_tree(connection)
    row = connection.execute("select root from audit.checkpoint").fetchone()
    assert row is not None
    text = Checkpoint(ORIGIN, 3, row[0]).text
    forged = Note(text, (sign(text, ORIGIN, Ed25519PrivateKey.generate()),))
    connection.execute("update audit.checkpoint set note = %s", [str(forged)])


def _moved_on(connection: psycopg.Connection) -> None:
    """The event that waits would be left out."""
    connection.execute("update audit.checkpoint set after_xid = '9999999999'")


def _place_gone(connection: psycopg.Connection) -> None:
    connection.execute("delete from audit.sealed where position = 2")


def _place_added(connection: psycopg.Connection) -> None:
    connection.execute("insert into audit.sealed values (3, 4)")


def _checkpoint_gone(connection: psycopg.Connection) -> None:
    connection.execute("delete from audit.checkpoint")


@pytest.mark.rule(number=11)
@pytest.mark.parametrize(
    "change",
    [
        _other_root,
        _other_frontier,
        _own_tree,
        _own_note,
        _moved_on,
        _place_gone,
        _place_added,
        _checkpoint_gone,
    ],
)
async def test_nothing_is_signed_on_top_of_what_was_changed(
    three_sealed: SealedLedger, change: Callable[[psycopg.Connection], None]
) -> None:
    with tampering(three_sealed) as connection:
        change(connection)
    with pytest.raises(SealingRefusedError, match=r"see docs/sealing\.md"):
        await three_sealed.sealer().once()


@pytest.mark.rule(number=11)
async def test_an_older_database_is_refused_and_goes_on_when_the_newer_one_is_back(
    three_sealed: SealedLedger,
) -> None:
    """As if a backup of three events had been restored after a fourth was sealed."""
    kept = three_sealed.published.with_name("kept")
    shutil.copytree(three_sealed.published, kept)
    await three_sealed.sealer().once()
    with tampering(three_sealed) as connection:
        connection.execute("create table public.kept as select * from audit.checkpoint")
        connection.execute("create table public.kept_places as select * from audit.sealed")
        connection.execute("delete from audit.checkpoint where tree_size = 4")
        connection.execute("delete from audit.sealed where position = 3")

    sealer = three_sealed.sealer()
    with pytest.raises(SealingRefusedError, match="an older database was restored"):
        await sealer.once()
    async with running(sealer):
        with tampering(three_sealed) as connection:
            connection.execute(
                "insert into audit.sealed select * from kept_places where position = 3"
            )
            connection.execute(
                "insert into audit.checkpoint select * from kept where tree_size = 4"
            )
        three_sealed.append(1)
        await eventually(lambda: three_sealed.size() == 5, "it to go on")
    three_sealed.assert_whole(sealed=5)


@pytest.mark.rule(number=11)
async def test_an_emptied_database_is_refused(three_sealed: SealedLedger) -> None:
    with tampering(three_sealed) as connection:
        connection.execute("delete from audit.checkpoint")
        connection.execute("delete from audit.sealed")
    with pytest.raises(SealingRefusedError, match="ends at 0"):
        await three_sealed.sealer().once()


@pytest.mark.rule(number=11)
async def test_another_history_in_a_place_is_refused(three_sealed: SealedLedger) -> None:
    other = Frontier()
    for number in range(3):
        other.add(bytes([number]) * 32)
    (three_sealed.published / "latest").unlink()
    (note,) = three_sealed.published.glob("*.note")
    note.write_text(str(three_sealed.keys.signed(3, other.root())))
    with pytest.raises(SealingRefusedError, match="another checkpoint of 3 events"):
        await three_sealed.sealer().once()


@pytest.mark.rule(number=11)
async def test_another_history_that_appears_while_sealing_stops_it(
    three_sealed: SealedLedger,
) -> None:
    other = three_sealed.keys.signed(4, b"x" * 32)
    (three_sealed.published / f"{4:020}.note").write_text(str(other))
    sealer = three_sealed.sealer()
    with pytest.raises(SealingRefusedError, match="shelf holds"):
        await sealer.once()
    assert three_sealed.size() == 3


async def test_a_file_that_is_no_checkpoint_is_refused(three_sealed: SealedLedger) -> None:
    (three_sealed.published / "latest").write_text("nonsense")
    with pytest.raises(SealingRefusedError, match="is no checkpoint"):
        await three_sealed.sealer().once()


@pytest.mark.rule(number=11)
async def test_another_key_is_refused_until_the_one_before_is_listed(
    three_sealed: SealedLedger,
) -> None:
    old = three_sealed.keys.signer.key
    (three_sealed.folder / "keys" / LOG_FILE).unlink()
    with pytest.raises(SealingRefusedError, match="signed by no key of this ledger"):
        await three_sealed.sealer().once()
    (three_sealed.folder / "keys" / RETIRED_FILE).write_text(f"{old}\n")
    assert await three_sealed.sealer().once() == 1
    three_sealed.assert_whole(sealed=4)


async def test_another_name_is_refused(three_sealed: SealedLedger) -> None:
    with tampering(three_sealed) as connection:
        connection.execute(
            "update audit.checkpoint set note = replace(note, %s, 'other/log')", [ORIGIN]
        )
    with pytest.raises(SealingRefusedError, match="PLACET_LEDGER_NAME"):
        await three_sealed.sealer().once()


class _Watching:
    """Remembers what a sealer told."""

    events = 0
    is_refused = False

    def waiting(self, found: Backlog) -> None:
        self.events = found.events

    def refused(self, *, now: bool) -> None:
        self.is_refused = now

    def lost(self, place: str, *, now: bool) -> None:
        """Places are another matter."""


async def test_what_waits_is_told_while_sealing_is_refused(three_sealed: SealedLedger) -> None:
    with tampering(three_sealed) as connection:
        _other_root(connection)
    watch = _Watching()
    async with running(three_sealed.sealer(watch=watch)):
        await eventually(lambda: watch.is_refused and watch.events == 1, "it to be told")


async def test_what_waits_is_told_by_a_sealer_that_stands_by(three_sealed: SealedLedger) -> None:
    watch = _Watching()
    async with open_session(three_sealed.url, 60.0) as other:
        assert await other.elect()
        async with running(three_sealed.sealer(watch=watch)):
            await eventually(lambda: watch.events == 1, "it to be told")
    assert three_sealed.size() == 3


async def test_a_database_that_does_not_answer_is_waited_for(sealed_ledger: SealedLedger) -> None:
    nowhere = SealedLedger(
        "postgresql://placet_app_sealer@/none?host=/nonexistent", sealed_ledger.folder
    )
    with pytest.raises(UnavailableError):
        await nowhere.sealer().once()
    async with running(nowhere.sealer()) as (task,):
        await asyncio.sleep(0)
        assert not task.done()
