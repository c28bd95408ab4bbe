"""A place that was emptied, or is not mounted, is never taken for a new one."""

import json
import shutil
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from placet.cli.codes import Code
from placet.cli.run import run
from placet.domain.errors import UnavailableError
from placet.domain.ledger import LedgerEvent
from placet.proof.note import parse_checkpoint
from placet.sealing import places
from placet.sealing.accepting import loss_accepted
from placet.sealing.backlog import Backlog
from placet.sealing.directory import DirectoryPlace
from placet.sealing.errors import AlarmError, SealingRefusedError
from placet.sealing.notes import note_name
from tests.ledger.raw import append_raw
from tests.ledger.stories import event
from tests.sealing.sealed import HEIDI, SealedLedger
from tests.sealing.test_command import environment
from tests.sealing.test_refused import tampering
from tests.sealing.test_sealing import running
from tests.support.waiting import eventually


class _Watching:
    """Remembers which places were said to be lost."""

    def __init__(self) -> None:
        self.places: dict[str, bool] = {}

    def waiting(self, found: Backlog) -> None:
        """What waits is another matter."""

    def refused(self, *, now: bool) -> None:
        """So is whether sealing is refused."""

    def lost(self, place: str, *, now: bool) -> None:
        self.places[place] = now


@pytest.fixture
def shelves(sealed_ledger: SealedLedger) -> tuple[DirectoryPlace, DirectoryPlace]:
    return (
        DirectoryPlace("shelf", sealed_ledger.published),
        DirectoryPlace("cellar", sealed_ledger.folder / "cellar"),
    )


async def newest(place: DirectoryPlace) -> int:
    note = await place.newest()
    return parse_checkpoint(note.text).size if note else 0


def held(ledger: SealedLedger) -> dict[str, int]:
    with psycopg.connect(ledger.admin_url) as connection:
        return dict(connection.execute("select name, tree_size from audit.place").fetchall())


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _unmounted(folder: Path) -> None:
    shutil.rmtree(folder)


def _put_back(folder: Path) -> None:
    """All is genuine, and older."""
    (folder / note_name(5)).unlink()
    shutil.copy(folder / note_name(3), folder / "latest")


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("taken", [_emptied, _unmounted, _put_back])
async def test_a_place_that_lacks_what_it_held_gets_nothing_until_somebody_says_it_is_meant(
    sealed_ledger: SealedLedger,
    shelves: tuple[DirectoryPlace, DirectoryPlace],
    taken: object,
) -> None:
    shelf, cellar = shelves
    for count in (3, 2):
        sealed_ledger.append(count)
        await sealed_ledger.sealer(*shelves).once()
    assert held(sealed_ledger) == {"shelf": 5, "cellar": 5}
    assert callable(taken)
    taken(sealed_ledger.published)
    before = await newest(shelf)
    sealed_ledger.append(1)

    with pytest.raises(UnavailableError, match=r"shelf held checkpoints of up to 5.*audit accept"):
        await sealed_ledger.sealer(*shelves).once()
    assert (await newest(cellar), await newest(shelf)) == (6, before)
    assert sealed_ledger.size() == 6

    sealed_ledger.accept_loss("shelf")
    assert await sealed_ledger.sealer(*shelves).once() == 1
    assert await newest(shelf) == 7
    assert held(sealed_ledger) == {"shelf": 7, "cellar": 7}
    sealed_ledger.assert_whole(sealed=7)


@pytest.mark.rule(number=11)
async def test_the_only_place_that_lacks_what_it_held_cannot_vouch_for_the_database(
    sealed_ledger: SealedLedger,
) -> None:
    sealed_ledger.append(3)
    await sealed_ledger.sealer().once()
    kept = sealed_ledger.folder / "kept"
    sealed_ledger.published.rename(kept)
    sealed_ledger.append(1)
    watch = _Watching()
    with capture_logs() as logs:
        async with running(sealed_ledger.sealer(watch=watch)):
            await eventually(lambda: watch.places.get("shelf") is True, "the alarm")
            await eventually(
                lambda: any(
                    line["event"] == "sealing_waits" and line["log_level"] == "error"
                    for line in logs
                ),
                "an error in the log",
            )
            assert sealed_ledger.size() == 3
            # It was only not mounted.
            kept.rename(sealed_ledger.published)
            await sealed_ledger.until_sealed(4)
            await eventually(lambda: watch.places["shelf"] is False, "the end of the alarm")
    sealed_ledger.assert_whole(sealed=4)


@pytest.mark.rule(number=11)
async def test_a_place_that_is_emptied_under_a_running_sealer_is_noticed(
    sealed_ledger: SealedLedger,
    shelves: tuple[DirectoryPlace, DirectoryPlace],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "_LOOK_SECONDS", 0.05)
    shelf, cellar = shelves
    sealed_ledger.append(3)
    watch = _Watching()
    async with running(sealed_ledger.sealer(*shelves, watch=watch)):
        await eventually(lambda: held(sealed_ledger) == {"shelf": 3, "cellar": 3}, "all to hold it")
        with capture_logs() as logs:
            _emptied(sealed_ledger.published)
            # Nothing is appended meanwhile.
            await eventually(lambda: watch.places.get("shelf") is True, "the alarm")
            await eventually(
                lambda: any(
                    line["event"] == "checkpoint_not_published"
                    and line["log_level"] == "error"
                    and line["place"] == "shelf"
                    for line in logs
                ),
                "an error in the log",
            )
        sealed_ledger.append(1)
        await eventually(lambda: held(sealed_ledger)["cellar"] == 4, "the other place to have it")
        assert await newest(shelf) == 0
        sealed_ledger.accept_loss("shelf")
        await eventually(lambda: held(sealed_ledger).get("shelf") == 5, "it to be brought again")
        await eventually(lambda: watch.places["shelf"] is False, "the end of the alarm")
        await eventually(lambda: held(sealed_ledger)["cellar"] == 5, "the other to have it too")
    assert (await newest(cellar), await newest(shelf)) == (5, 5)


@pytest.mark.rule(number=11)
async def test_an_old_backup_of_the_database_is_refused_though_it_remembers_less(
    sealed_ledger: SealedLedger,
) -> None:
    """The attacker owns the database: what it remembers of places is as old as the rest."""
    for count in (3, 1):
        sealed_ledger.append(count)
        await sealed_ledger.sealer().once()
    with tampering(sealed_ledger) as connection:
        connection.execute("update audit.place set tree_size = 3")
        connection.execute("delete from audit.checkpoint where tree_size = 4")
        connection.execute("delete from audit.sealed where position = 3")
    with pytest.raises(SealingRefusedError, match="an older database was restored"):
        await sealed_ledger.sealer().once()
    assert held(sealed_ledger) == {"shelf": 3}


@pytest.mark.rule(number=11)
async def test_an_old_backup_whose_place_was_emptied_too_is_an_alarm(
    sealed_ledger: SealedLedger,
) -> None:
    for count in (3, 1):
        sealed_ledger.append(count)
        await sealed_ledger.sealer().once()
    _emptied(sealed_ledger.published)
    with tampering(sealed_ledger) as connection:
        connection.execute("update audit.place set tree_size = 3")
        connection.execute("delete from audit.checkpoint where tree_size = 4")
        connection.execute("delete from audit.sealed where position = 3")
    with pytest.raises(AlarmError, match="shelf held checkpoints of up to 3 events, and now holds"):
        await sealed_ledger.sealer().once()
    assert sealed_ledger.size() == 3


async def test_a_place_that_held_more_than_is_known_is_believed(
    sealed_ledger: SealedLedger,
) -> None:
    """A sealer may die after it has published and before it has noted it."""
    for count in (3, 1):
        sealed_ledger.append(count)
        await sealed_ledger.sealer().once()
    with psycopg.connect(sealed_ledger.admin_url) as connection:
        connection.execute("update audit.place set tree_size = 3")
    assert await sealed_ledger.sealer().once() == 0
    assert held(sealed_ledger) == {"shelf": 4}


@pytest.mark.rule(number=11)
async def test_what_is_known_of_a_place_only_grows(sealed_ledger: SealedLedger) -> None:
    for count in (3, 1):
        sealed_ledger.append(count)
        await sealed_ledger.sealer().once()
    with psycopg.connect(sealed_ledger.url, autocommit=True) as connection:
        connection.execute("select audit.note_place('shelf', 3)")
        assert held(sealed_ledger) == {"shelf": 4}
        with pytest.raises(psycopg.Error, match="There is no checkpoint of 9 events"):
            connection.execute("select audit.note_place('shelf', 9)")
        for attempt in (
            "update audit.place set tree_size = 1",
            "delete from audit.place",
            "insert into audit.place values ('other', 1)",
            "delete from audit.place_loss",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attempt)
    assert held(sealed_ledger) == {"shelf": 4}


@pytest.mark.rule(number=11)
async def test_an_event_accepts_exactly_the_loss_that_it_tells_of_and_once(
    sealed_ledger: SealedLedger,
) -> None:
    sealed_ledger.append(3)
    await sealed_ledger.sealer().once()
    told = {
        name: loss_accepted(*name, 0, HEIDI) for name in (("shelf", 2), ("attic", 3), ("shelf", 3))
    }
    aside = told["shelf", 3].model_copy(
        update={
            "event_id": "00" * 32,
            "stream": "place:cellar",
            "body": told["shelf", 3].body | {"request": "place:cellar"},
        }
    )
    with psycopg.connect(sealed_ledger.admin_url, autocommit=True) as connection:
        append_raw(connection, [*told.values(), aside, other := event()])

    def accepting(one: LedgerEvent) -> int:
        with psycopg.connect(sealed_ledger.url) as connection:
            row = connection.execute(
                "select audit.accept_loss(%s)", [bytes.fromhex(one.event_id)]
            ).fetchone()
            assert row is not None
            return int(row[0])

    for wrong in (("shelf", 2), ("attic", 3)):
        with pytest.raises(psycopg.Error, match="is not what was accepted: see"):
            accepting(told[wrong])
    for refused in (aside, other):
        with pytest.raises(psycopg.Error, match="No event accepts a loss under this id"):
            accepting(refused)
    assert held(sealed_ledger) == {"shelf": 3}

    assert accepting(told["shelf", 3]) == 3
    assert held(sealed_ledger) == {}
    # The same again, of whoever was killed before the answer came.
    with psycopg.connect(sealed_ledger.url) as connection:
        connection.execute("select audit.note_place('shelf', 3)")
    assert accepting(told["shelf", 3]) == 3
    assert held(sealed_ledger) == {"shelf": 3}


@pytest.mark.rule(number=11)
async def test_an_event_from_before_a_place_had_its_checkpoint_accepts_no_loss_of_it(
    sealed_ledger: SealedLedger,
) -> None:
    early = loss_accepted("shelf", 4, 0, HEIDI)
    sealed_ledger.append(3)
    with psycopg.connect(sealed_ledger.admin_url, autocommit=True) as connection:
        append_raw(connection, [early])
    await sealed_ledger.sealer().once()
    with (
        psycopg.connect(sealed_ledger.url) as connection,
        pytest.raises(psycopg.Error, match="is not what was accepted"),
    ):
        connection.execute("select audit.accept_loss(%s)", [bytes.fromhex(early.event_id)])
    assert held(sealed_ledger) == {"shelf": 4}


@pytest.mark.rule(number=11)
def test_the_status_tells_of_a_loss_until_it_is_accepted_and_then_keeps_who_did(
    sealed_ledger: SealedLedger,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = sealed_ledger
    for name, value in environment(here).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PLACET_POLICIES", "policies")
    monkeypatch.setenv("PLACET_SEAL", str(here.folder / "seal.yaml"))
    (here.folder / "seal.yaml").write_text(
        f"places:\n  shelf:\n    kind: directory\n    path: {here.published}\n"
    )
    told = ["audit", "accept", "shelf", "--reason", "The disk died", "--as", "heidi@example.com"]
    assert run(told) == Code.NOT_FOUND
    here.append(2)
    assert run(["audit", "seal", "--once"]) == Code.OK
    assert run(told) == Code.CONFLICT
    _emptied(here.published)
    capsys.readouterr()

    assert run(["audit", "status", "--json"]) == Code.DIFFERS
    (place,) = json.loads(capsys.readouterr().out)["places"]
    assert place["size"] is None
    assert "placet audit accept shelf" in place["problem"]
    assert run(["audit", "seal", "--once"]) == Code.UNREACHABLE

    assert run(told) == Code.OK
    assert run(["audit", "seal", "--once"]) == Code.OK
    assert run(["audit", "status"]) == Code.OK
    capsys.readouterr()
    assert run(["audit", "seal", "--once"]) == Code.OK
    bundle = here.folder / "bundle"
    assert run(["audit", "export", "--request", "place:shelf", "--out", str(bundle)]) == Code.OK
    (line,) = (bundle / "events.jsonl").read_text().splitlines()
    told = json.loads(json.loads(line)["body"])
    assert (told["kind"], told["actor"]["id"]) == ("person:loss:accepted", "heidi")
    assert told["data"] == {"place": "shelf", "held": 2, "found": 0}
