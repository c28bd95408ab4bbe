import fcntl
import hashlib
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.durable import sync_directory
from placet.payments import spool as spool_module
from placet.payments.pain001 import payment_order
from placet.payments.spool import PaymentConflictError, PaymentLostError, Spool, StagedFile
from tests.payments.orders import DEBTOR, an_order

ORDER = an_order()
RIGHT = payment_order(ORDER, DEBTOR)
NAME = f"{ORDER.permit_id}.xml"
TRACED = {spool_module.__file__, __file__}


def pay(root: Path) -> None:
    """The effect as its activity runs it, with a real database that commits or does not."""
    spool = Spool(root / "spool", DEBTOR)
    with closing(sqlite3.connect(root / "db", timeout=20)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS payment (name TEXT PRIMARY KEY, sha256 TEXT)")
        row = database.execute("SELECT name, sha256 FROM payment").fetchone()
        if row is None:
            staged = spool.stage(ORDER)
            with database:
                values = (staged.name, staged.sha256)
                database.execute("INSERT INTO payment VALUES (?, ?)", values)
        else:
            staged = StagedFile(name=row[0], sha256=row[1])
    spool.release(staged)


def killed_at(line: int, action: Callable[[], None]) -> bool:
    """Run ``action`` in a child that gets kill -9 before its n-th line; say whether it was killed.

    Lines are those of the spool and of this file.
    """
    child = os.fork()
    if child == 0:
        seen = 0

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal seen
            if frame.f_code.co_filename not in TRACED:
                return None
            if event == "line":
                seen += 1
                if seen == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        try:
            sys.settrace(trace)
            action()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def collect(root: Path) -> None:
    """The bank's uploader: takes what lies in the outbox, and must not find a file twice."""
    bank = root / "bank"
    bank.mkdir(exist_ok=True)
    for file in (root / "spool" / "outbox").glob("*"):
        assert not (bank / file.name).exists(), "the bank got the payment twice"
        file.rename(bank / file.name)


def assert_paid_once(root: Path) -> None:
    collect(root)
    assert [(file.name, file.read_bytes()) for file in (root / "bank").iterdir()] == [(NAME, RIGHT)]
    assert list((root / "spool" / "staging").iterdir()) == []
    assert (root / "spool" / "archive" / NAME).read_bytes() == RIGHT


@pytest.mark.rule(number=5)
def test_a_payment_reaches_the_outbox_once(tmp_path: Path) -> None:
    pay(tmp_path)
    assert (tmp_path / "spool" / "outbox" / NAME).read_bytes() == RIGHT
    pay(tmp_path)
    assert_paid_once(tmp_path)
    pay(tmp_path)
    assert_paid_once(tmp_path)


@pytest.mark.rule(number=5)
@pytest.mark.parametrize("collects", [False, True], ids=["outbox kept", "bank collects"])
def test_kill_9_between_any_two_lines_then_a_retry_pays_exactly_once(
    tmp_path: Path,
    collects: bool,  # noqa: FBT001
) -> None:
    for line in count(1):
        root = tmp_path / str(line)
        root.mkdir()
        killed = killed_at(line, lambda root=root: pay(root))  # type: ignore[misc]
        if collects and (root / "spool" / "outbox").exists():
            collect(root)
        pay(root)
        assert_paid_once(root)
        if not killed:
            break
    assert line > 60


@pytest.mark.rule(number=5)
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 80), max_size=6))
def test_any_number_of_crashes_with_the_bank_collecting_between_them(lines: list[int]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for line in lines:
            killed_at(line, lambda: pay(root))
            if (root / "spool" / "outbox").exists():
                collect(root)
        pay(root)
        assert_paid_once(root)


@pytest.mark.rule(number=5)
def test_two_workers_at_once_pay_once(tmp_path: Path) -> None:
    def pay_like_a_retried_activity() -> None:
        try:
            pay(tmp_path)
        except (sqlite3.IntegrityError, sqlite3.OperationalError):
            pay(tmp_path)  # The other worker consumed the permit.

    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                pay_like_a_retried_activity()
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    assert_paid_once(tmp_path)


def test_nobody_else_works_in_the_spool_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_out = []

    def try_to_enter(directory: Path) -> None:
        with (tmp_path / ".lock").open("ab") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        kept_out.append(directory.name)
        sync_directory(directory)

    spool = Spool(tmp_path, DEBTOR)
    monkeypatch.setattr(spool_module, "sync_directory", try_to_enter)
    spool.release(spool.stage(ORDER))
    assert kept_out == ["staging", "archive", "outbox", "staging"]


def test_staging_again_after_the_bank_collected_makes_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path, DEBTOR)
    staged = spool.stage(ORDER)
    assert spool.stage(ORDER) == staged
    assert spool.release(staged)
    (spool.outbox / NAME).unlink()
    assert spool.stage(ORDER) == staged
    assert not spool.release(staged)
    assert list(spool.outbox.iterdir()) == []
    path = spool.path(staged)
    assert path is not None
    assert path.read_bytes() == RIGHT


@pytest.mark.rule(number=1)
def test_nothing_is_sent_before_it_is_released(tmp_path: Path) -> None:
    spool = Spool(tmp_path, DEBTOR)
    staged = spool.stage(ORDER)
    assert staged.sha256 == hashlib.sha256(RIGHT).hexdigest()
    assert list(spool.outbox.iterdir()) == []
    assert list(spool.archive.iterdir()) == []


def test_another_order_on_the_same_permit_is_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path, DEBTOR)
    staged = spool.stage(ORDER)
    other = an_order(amount="999.00 EUR")
    with pytest.raises(PaymentConflictError, match="nothing is sent"):
        spool.stage(other)
    spool.release(staged)
    with pytest.raises(PaymentConflictError):
        spool.stage(other)
    assert (spool.outbox / NAME).read_bytes() == RIGHT


@pytest.mark.rule(number=4)
def test_a_file_that_was_changed_while_staged_is_not_released(tmp_path: Path) -> None:
    spool = Spool(tmp_path, DEBTOR)
    staged = spool.stage(ORDER)
    file = tmp_path / "staging" / NAME
    file.unlink()
    file.write_bytes(RIGHT.replace(b"184.60", b"984.60"))
    with pytest.raises(PaymentConflictError):
        spool.release(staged)
    assert list(spool.outbox.iterdir()) == []


@pytest.mark.rule(number=5)
def test_a_file_nobody_knows_about_is_reconciled_and_not_made_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, DEBTOR)
    with pytest.raises(PaymentLostError, match="ask the bank"):
        spool.release(StagedFile(name=NAME, sha256="ab" * 32))
    assert spool.path(StagedFile(name=NAME, sha256="ab" * 32)) is None


def test_half_a_rename_leaves_nothing_to_send_twice(tmp_path: Path) -> None:
    # A file system without a journal may keep both names after a power cut.
    spool = Spool(tmp_path, DEBTOR)
    staged = spool.stage(ORDER)
    source = tmp_path / "staging" / NAME
    os.link(source, spool.archive / NAME)
    os.link(source, spool.outbox / NAME)
    assert spool.release(staged)
    (spool.outbox / NAME).unlink()
    assert not spool.release(staged)
    assert list(spool.outbox.iterdir()) == []


def test_half_a_file_left_by_a_crash_is_written_anew(tmp_path: Path) -> None:
    spool = Spool(tmp_path, DEBTOR)
    unfinished = tmp_path / "staging" / f"{NAME}.unfinished"
    unfinished.write_bytes(RIGHT[:100])
    unfinished.chmod(0o440)
    assert spool.release(spool.stage(ORDER))
    assert (spool.outbox / NAME).read_bytes() == RIGHT
    assert not unfinished.exists()


@pytest.mark.rule(number=12)
@pytest.mark.parametrize("name", ["../x.xml", "x.xml", "AB" * 32 + ".xml", "ab" * 32 + ".xml\n"])
def test_a_name_cannot_lead_elsewhere(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        StagedFile(name=name, sha256="ab" * 32)
