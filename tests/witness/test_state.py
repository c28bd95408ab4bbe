"""What a witness keeps: one process holds it, and it is one witness's for ever."""

from contextlib import suppress
from pathlib import Path

import pytest

from placet.witness.cosigner import Cosigner
from placet.witness.records import open_state
from tests.support.disk import small_disk
from tests.support.logs import Log
from tests.witness.mortal import NAME, Orders, Running, running, start


@pytest.mark.rule(number=11)
def test_a_second_process_on_its_directory_is_refused(
    witness: Running, history: Log, tmp_path: Path
) -> None:
    orders = Orders(tmp_path / "state", (history.key,))
    told = start(orders)
    assert isinstance(told, str)
    assert told.startswith("witness-in-use: ")
    assert witness.stop() == 0
    with running(orders) as after:
        assert after.key == witness.key


def test_its_directory_has_one_name_for_ever(
    witness: Running, history: Log, tmp_path: Path
) -> None:
    witness.kill()
    told = start(Orders(tmp_path / "state", (history.key,), name="witness.example/w2"))
    assert isinstance(told, str)
    assert told.startswith(f"witness-state: {tmp_path / 'state'} belongs to the witness {NAME}+")


def test_a_lost_key_is_not_replaced(witness: Running, history: Log, tmp_path: Path) -> None:
    witness.kill()
    (tmp_path / "state" / "witness.pem").unlink()
    told = start(Orders(tmp_path / "state", (history.key,)))
    assert isinstance(told, str)
    assert told.startswith("witness-state: ")
    assert not (tmp_path / "state" / "witness.pem").exists()


@pytest.mark.rule(number=11)
def test_a_damaged_record_stops_it_instead_of_making_it_forget(
    witness: Running, history: Log, tmp_path: Path
) -> None:
    witness.post(history.request(0, 5))
    (record,) = (tmp_path / "state").glob("*.checkpoint")
    whole = record.read_bytes()
    record.write_bytes(whole[:-10])
    assert witness.post(history.request(0, 3)).status_code == 503
    assert witness.client.get(f"{witness.url}/").status_code == 503
    witness.kill()
    told = start(Orders(tmp_path / "state", (history.key,)))
    assert isinstance(told, str)
    assert told.startswith("witness-record: ")


@pytest.mark.rule(number=11)
def test_a_record_of_another_witness_is_not_taken_for_its_own(
    witness: Running, history: Log, tmp_path: Path
) -> None:
    with running(Orders(tmp_path / "other", (history.key,))) as other:
        other.post(history.request(0, 3))
    witness.post(history.request(0, 5))
    (foreign,) = (tmp_path / "other").glob("*.checkpoint")
    (record,) = (tmp_path / "state").glob("*.checkpoint")
    record.write_bytes(foreign.read_bytes())
    assert witness.post(history.request(3, 8)).status_code == 503


@pytest.mark.rule(number=11)
def test_on_a_full_disk_it_cosigns_nothing_and_forgets_nothing(
    history: Log, tmp_path: Path
) -> None:
    with (
        small_disk(tmp_path / "disk", 100) as disk,
        running(Orders(disk / "state", (history.key,))) as witness,
    ):
        assert witness.post(history.request(0, 5)).status_code == 200
        filler = disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert witness.post(history.request(5, 8)).status_code == 503
        assert witness.post(history.request(0, 8)).text == "5\n"
        filler.unlink()
        assert witness.post(history.request(5, 8)).status_code == 200


def test_the_key_of_a_witness_is_no_key_of_a_log(witness: Running, tmp_path: Path) -> None:
    told = start(Orders(tmp_path / "other", (witness.key,)))
    assert isinstance(told, str)
    assert told.startswith("no-log-key: ")


def test_once_it_is_closed_it_cosigns_nothing_more(tmp_path: Path, history: Log) -> None:
    with open_state(tmp_path / "state", NAME) as (signer, records):
        cosigner = Cosigner(signer, [history.key], records)
        assert cosigner.add_checkpoint(history.request(0, 5)).status == 200
        cosigner.close()
        assert cosigner.add_checkpoint(history.request(5, 8)).status == 503
        newest = cosigner.newest(history.name)
        assert newest is not None
        assert newest[0].size == 5
