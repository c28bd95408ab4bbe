"""Two people who act at the same instant, each by a program of their own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from placet.local import find_running
from tests.cli.office import Office, Said
from tests.support.waiting import until

BOB = ("--as", "bob@example.com")
ALICE = ("--as", "alice@example.com")

WAITING = """
select count(*) from pg_locks
 where relation = 'inbox.request'::regclass and not granted
   and pid in (select pid from pg_stat_activity where query like '%where request = $1%')
"""


@contextmanager
def held_back(service: Office, programs: int) -> Iterator[None]:
    """Let nobody look at a case inside the block, until so many programs want to."""
    address = find_running(service.home)
    assert address is not None
    with psycopg.connect(address.database_url) as holder:
        holder.execute("lock table inbox.request in access exclusive mode")
        yield
        with psycopg.connect(address.database_url, autocommit=True) as watcher:

            def all_wait() -> bool:
                row = watcher.execute(WAITING).fetchone()
                return row is not None and row[0] >= programs

            until(all_wait, "all programs to look at the case")


def at_once(service: Office, *commands: tuple[object, ...]) -> list[Said]:
    """Run programs that all send their message at the same instant."""
    with ThreadPoolExecutor(len(commands)) as pool, held_back(service, len(commands)):
        running = [pool.submit(service.placet, *command) for command in commands]
    return [each.result() for each in running]


@pytest.mark.rule(number=1)
@pytest.mark.rule(number=5)
@pytest.mark.parametrize("turn", range(4))
def test_of_an_approval_and_a_withdrawal_at_once_one_counts_and_the_other_is_told(
    service: Office, turn: int
) -> None:
    case = service.submit(f"at-once-{turn}")
    service.until_pending(case)
    approved, withdrawn = at_once(service, ("approve", case, *BOB), ("withdraw", case, *ALICE))
    assert sorted([approved.code, withdrawn.code]) == [0, 5], (approved, withdrawn)
    is_approved = approved.code == 0
    assert "too late" in (withdrawn if is_approved else approved).err

    service.placet("wait", case, "--timeout", "30")
    shown = service.placet("show", case, "--json").document
    ending = ("approved", "done") if is_approved else ("withdrawn", None)
    assert (shown["outcome_kind"], shown["effect"]) == ending
    kinds = [event["kind"] for event in shown["events"]]
    assert kinds.count("system:case:decided") == 1
    assert kinds.count("caller:message:late") == 1
    assert kinds.count("reviewer:review:approved") == len(shown["reviews"]) == is_approved
    assert kinds.count("requester:request:withdrawn") == (not is_approved)
    assert kinds.count("system:permit:issued") == is_approved
    assert shown["waiting_for"] == []
    files = list((service.home / "payments" / "outbox").glob("*.xml"))
    ours = [file.name for file in files if case in file.read_text()]
    assert ours == [payment["file_name"] for payment in shown["payments"]]
    assert len(ours) == is_approved
