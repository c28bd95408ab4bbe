"""The commands, on a ledger of their own."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest

from placet.cli.codes import Code
from placet.cli.run import run
from placet.connections import app_url, sealer_url
from placet.domain.errors import UnavailableError
from placet.proof.note import parse_checkpoint, parse_note
from placet.sealing.beside import sealing
from placet.sealing.keys import open_log_keys
from placet.settings import Settings
from tests.ledger.raw import append_raw
from tests.ledger.stories import event
from tests.sealing.sealed import ORIGIN, SealedLedger
from tests.sealing.test_refused import tampering
from tests.support.waiting import eventually


@pytest.fixture
def here(sealed_ledger: SealedLedger, monkeypatch: pytest.MonkeyPatch) -> SealedLedger:
    """Give a ledger that the commands find."""
    for name, value in environment(sealed_ledger).items():
        monkeypatch.setenv(name, value)
    return sealed_ledger


def environment(ledger: SealedLedger) -> dict[str, str]:
    return {
        "PLACET_HOME": str(ledger.folder),
        "PLACET_POLICIES": str(ledger.folder),
        "PLACET_LEDGER_NAME": "tests.example/ledger",
        "PLACET_DATABASE_URL": app_url(ledger.admin_url),
        "PLACET_SEALER_URL": ledger.url,
        "PLACET_SEAL_SECONDS": "0.05",
    }


def test_it_seals_once_and_says_so(here: SealedLedger, capsys: pytest.CaptureFixture[str]) -> None:
    here.append(3)
    assert run(["audit", "seal", "--once", "--json"]) == Code.OK
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"sealed": 3}
    here.assert_whole(sealed=3)

    assert run(["audit", "status", "--json"]) == Code.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["size"], told["unsealed"], told["problems"]) == (3, 0, [])
    assert told["places"] == [{"name": "local", "size": 3, "behind_seconds": 0.0, "problem": None}]
    assert told["checkpoint"] == (here.published / "latest").read_text()


def test_the_status_shows_what_waits_and_what_holds_it_up(
    here: SealedLedger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.sealing.status.LATE_SECONDS", -1.0)
    with psycopg.connect(here.admin_url, application_name="forgotten") as slow:
        append_raw(slow, [event(request="slow")])
        here.append(2)
        assert run(["audit", "status", "--json"]) == Code.DIFFERS
        told = json.loads(capsys.readouterr().out)
        assert told["unsealed"] == 2
        assert told["held_up_by"]["pid"] == slow.info.backend_pid
        assert told["held_up_by"]["application"] == "forgotten"
        assert run(["audit", "status"]) == Code.DIFFERS
        assert f"process {slow.info.backend_pid} in the database" in capsys.readouterr().err


@pytest.mark.rule(number=11)
def test_the_status_says_when_a_place_contradicts(
    here: SealedLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    here.append(1)
    assert run(["audit", "seal", "--once"]) == Code.OK
    newer = here.keys.signed(9, b"r" * 32)
    (here.published / f"{9:020}.note").write_text(str(newer))
    capsys.readouterr()
    assert run(["audit", "status"]) == Code.DIFFERS
    assert "an older database was restored" in capsys.readouterr().err
    assert run(["audit", "seal", "--once"]) == Code.CONFLICT


@pytest.mark.rule(number=11)
def test_the_status_says_when_the_database_holds_no_checkpoint_any_more(
    here: SealedLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    here.append(1)
    assert run(["audit", "seal", "--once"]) == Code.OK
    with tampering(here) as connection:
        connection.execute("update audit.checkpoint set note = 'mine'")
    capsys.readouterr()
    assert run(["audit", "status"]) == Code.CONFLICT
    assert "what the database has of 1 event is no checkpoint" in capsys.readouterr().err


@pytest.mark.rule(number=11)
def test_the_status_says_when_a_place_holds_what_the_log_has_not_signed(
    here: SealedLedger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here.append(1)
    assert run(["audit", "seal", "--once"]) == Code.OK
    forger = open_log_keys(tmp_path / "forger", ORIGIN)
    latest = here.published / "latest"
    own = parse_checkpoint(parse_note(latest.read_text()).text)
    for path in (latest, *here.published.glob("*.note")):
        path.write_text(str(forger.signed(own.size, own.root)))
    capsys.readouterr()
    assert run(["audit", "status"]) == Code.DIFFERS
    assert "signed by no key of this ledger" in capsys.readouterr().err


def test_the_status_says_when_it_could_not_check_signatures_and_makes_no_key(
    here: SealedLedger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here.append(1)
    assert run(["audit", "seal", "--once"]) == Code.OK
    elsewhere = here.folder / "elsewhere"
    monkeypatch.setenv("PLACET_KEYS", str(elsewhere))
    capsys.readouterr()
    assert run(["audit", "status"]) == Code.OK
    assert f"not checked: there is no log.pem in {elsewhere}" in capsys.readouterr().err
    assert run(["audit", "status", "--json"]) == Code.OK
    assert json.loads(capsys.readouterr().out)["signatures_checked"] is False
    assert not elsewhere.exists()


async def test_a_worker_seals_beside_its_work_and_outlives_a_broken_file(
    here: SealedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.sealing.beside._AGAIN_SECONDS", 0.05)
    broken = here.folder / "seal.yaml"
    broken.write_text("places: {shelf: {kind: tape}}")
    here.append(1)
    async with sealing(Settings.from_environment(environment(here))):
        await asyncio.sleep(0)
        broken.write_text("places: {shelf: {kind: directory}}")
        await eventually(lambda: here.size() == 1, "the event to be sealed")


@pytest.mark.parametrize("why", ["off", "nowhere"])
async def test_a_worker_that_is_not_to_seal_does_not(
    here: SealedLedger, tmp_path: Path, why: str
) -> None:
    told = environment(here) | {"PLACET_SEALER": "off"}
    if why == "nowhere":
        told |= {"PLACET_SEALER": "", "PLACET_SEALER_URL": "", "PLACET_HOME": str(tmp_path / "no")}
    before = asyncio.all_tasks()
    async with sealing(Settings.from_environment(told)):
        assert asyncio.all_tasks() == before


def test_the_sealers_password_is_its_own_unless_its_url_has_one() -> None:
    told = {"PLACET_SEALER_PASSWORD": "p w", "PLACET_SEALER_URL": "postgresql://sealer@db/placet"}
    assert "password='p w'" in sealer_url(Settings.from_environment(told))
    told["PLACET_SEALER_URL"] = "postgresql://sealer:other@db/placet"
    assert sealer_url(Settings.from_environment(told)) == told["PLACET_SEALER_URL"]


def test_without_any_database_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="set PLACET_SEALER_URL"):
        sealer_url(Settings.from_environment({"PLACET_HOME": str(tmp_path)}))
