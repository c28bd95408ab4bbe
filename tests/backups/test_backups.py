import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from placet.cli.run import run
from placet.cli.world import now
from placet.connections import app_url, open_ledger
from placet.db import SEALER_ROLE, migrate, open_pool
from placet.domain.deciding import permit_id
from placet.domain.people import Person
from placet.holding import Told
from placet.ledger import PostgresLedger
from placet.local.binaries import PostgresPrograms
from placet.proof.findings import Code
from placet.proof.rules.replay import Replay
from placet.proof.trust import read_trust
from placet.proof.verify import Report, verify
from placet.sealing.accepting import accept_loss
from placet.sealing.archive import Archive
from placet.sealing.directory import DirectoryPlace
from placet.sealing.errors import AlarmError, SealingRefusedError
from placet.sealing.keys import open_log_keys
from placet.sealing.places import Publisher
from placet.sealing.sealer import Pace, Sealer
from placet.settings import Settings
from tests.conftest import Database
from tests.support.cases import World, group, people, stage
from tests.support.postgres import Cluster
from tests.support.restoring import dumped, restored

pytestmark = pytest.mark.rule(number=11)

ORIGIN = "backups.example/ledger"


class Service(NamedTuple):
    """A ledger with its keys: in its own database, or in one restored from a backup."""

    admin_url: str
    settings: Settings
    checkpoints: Path

    def sealer(self) -> Sealer:
        """Return what seals it, into its directory of checkpoints."""
        keys = open_log_keys(self.settings.keys, ORIGIN)
        place = DirectoryPlace("shelf", self.checkpoints)
        return Sealer(
            app_url(self.admin_url, SEALER_ROLE),
            keys,
            lambda archive: [Publisher(place, archive, keys)],
            Pace(seconds=0.05, patience=10.0),
        )

    async def tell(self, *stories: str) -> None:
        """Record a request that somebody approves, for each name, and seal it."""
        async with open_ledger(self._own_settings()) as ledger:
            for name in stories:
                await _tell(ledger, name)
        await self.sealer().once()

    async def accept_loss(self, told: Told) -> None:
        """Say that what its directory of checkpoints has lost is gone for good."""
        place = DirectoryPlace("shelf", self.checkpoints)
        async with (
            open_ledger(self._own_settings()) as ledger,
            open_pool(app_url(self.admin_url, SEALER_ROLE)) as pool,
        ):
            await accept_loss(ledger, Archive(pool), place, told)

    def verified(self, bundle: str, monkeypatch: pytest.MonkeyPatch, held: str = "") -> Report:
        """Export all of it as whoever runs it does, and verify it as an auditor does."""
        monkeypatch.setenv("PLACET_HOME", str(self.settings.home))
        monkeypatch.setenv("PLACET_LEDGER_NAME", ORIGIN)
        monkeypatch.setenv("PLACET_DATABASE_URL", app_url(self.admin_url))
        path = self.settings.home / bundle
        assert run(["audit", "export", "--out", str(path)]) == 0
        trust = read_trust(self.settings.home / "trust.json")
        # The stories are those of the machine; no policy's file has their rules.
        return verify(
            path, trust, held or None, judges=(lambda since, _: Replay(since),), processes=1
        )

    def note(self) -> str:
        """Return the newest checkpoint that was published."""
        return (self.checkpoints / "latest").read_text()

    def at(self, admin_url: str) -> "Service":
        """Return the same service on another database."""
        return self._replace(admin_url=admin_url)

    def _own_settings(self) -> Settings:
        return self.settings.model_copy(update={"database_url": app_url(self.admin_url)})


async def _tell(ledger: PostgresLedger, request: str) -> None:
    world = World(people=people("bob"), stages=[stage("manager", group("manager", "bob"))])
    world.send("approve", "bob", reason="fine")
    policy = await ledger.put_content(b'{"name":"expense"}', "application/json")
    names = {
        world.case.request_id: request,
        world.case.known_plan().policy.digest: policy,
        permit_id(world.case): permit_id(world.case.model_copy(update={"request_id": request})),
    }
    for number, event in enumerate(world.story.events):
        body = json.dumps(event.body)
        for old, new in names.items():
            body = body.replace(f'"{old}"', f'"{new}"')
        told = {
            "event_id": hashlib.sha256(f"{request} {number}".encode()).hexdigest(),
            "stream": request,
            "body": json.loads(body),
        }
        await ledger.append([event.model_copy(update=told)])


@pytest.fixture
async def service(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Service:
    environment = {"PLACET_HOME": str(tmp_path), "PLACET_LEDGER_NAME": ORIGIN}
    found = Service(
        database.admin_url, Settings.from_environment(environment), tmp_path / "checkpoints"
    )
    await found.tell("expense-1", "expense-2")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert run(["audit", "trust"]) == 0
    (tmp_path / "trust.json").write_text(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def elsewhere(postgres_programs: PostgresPrograms) -> Iterator[Cluster]:
    cluster = Cluster(postgres_programs)
    try:
        yield cluster
    finally:
        cluster.remove()


async def test_a_dump_restored_elsewhere_is_the_same_ledger_and_goes_on(
    service: Service,
    elsewhere: Cluster,
    postgres_programs: PostgresPrograms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = service.note()
    dump = dumped(service.admin_url, postgres_programs)
    there = service.at(restored(dump, "a_dump", elsewhere, postgres_programs))
    migrate(there.admin_url, passwords={})

    report = there.verified("restored", monkeypatch, held)
    assert not report.findings.counts, report.findings.first
    await there.tell("expense-3")
    report = there.verified("went-on", monkeypatch, held)
    assert not report.findings.counts, report.findings.first
    assert report.newest is not None
    assert report.newest.checkpoint.size > (report.held or 0) > 0


async def test_a_base_backup_is_the_same_ledger_and_goes_on(
    service: Service, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = service.note()
    copy = Cluster(postgres.programs, backup_of=postgres)
    try:
        there = service.at(service.admin_url.replace(str(postgres.socket), str(copy.socket)))
        assert there.admin_url != service.admin_url
        await there.tell("expense-3")
        report = there.verified("went-on", monkeypatch, held)
    finally:
        copy.remove()
    assert not report.findings.counts, report.findings.first
    assert report.seen > (report.held or 0) > 0


async def test_an_old_backup_passed_off_as_the_newest_is_found_by_a_note_that_was_kept(
    service: Service,
    elsewhere: Cluster,
    postgres_programs: PostgresPrograms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = dumped(service.admin_url, postgres_programs)
    await service.tell("expense-3")
    held = service.note()
    there = service.at(restored(old, "an_old_backup", elsewhere, postgres_programs))
    migrate(there.admin_url, passwords={})

    # Each of its checkpoints is genuine, and nothing in it was changed: alone, it is a ledger.
    assert not there.verified("alone", monkeypatch).findings.counts
    found = there.verified("held-against", monkeypatch, held).findings.counts
    assert found == {Code.HELD_ROLLBACK: 1}


async def test_an_old_backup_is_not_gone_on_with_while_the_places_remember(
    service: Service, elsewhere: Cluster, postgres_programs: PostgresPrograms
) -> None:
    old = dumped(service.admin_url, postgres_programs)
    await service.tell("expense-3")
    there = service.at(restored(old, "an_old_one", elsewhere, postgres_programs))
    migrate(there.admin_url, passwords={})

    with pytest.raises(SealingRefusedError):
        await there.tell("expense-4")


async def test_an_old_backup_that_somebody_went_on_with_is_found_as_a_fork(
    service: Service,
    elsewhere: Cluster,
    postgres_programs: PostgresPrograms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = dumped(service.admin_url, postgres_programs)
    await service.tell("expense-3")
    held = service.note()
    there = service.at(restored(old, "a_fork", elsewhere, postgres_programs))
    migrate(there.admin_url, passwords={})
    forgetful = there._replace(checkpoints=tmp_path / "a-place-that-remembers-nothing")
    with pytest.raises(AlarmError, match="shelf held checkpoints of up to 14 events"):
        await forgetful.tell("expense-4")
    await forgetful.accept_loss(
        Told(
            Person(id="mallory", name="Mallory", addresses=("m@example.com",)),
            "It is nothing",
            now(),
        )
    )
    await forgetful.tell("expense-5")

    assert not forgetful.verified("alone", monkeypatch).findings.counts
    found = forgetful.verified("held-against", monkeypatch, held).findings.counts
    assert found == {Code.HELD_FORK: 1}
