"""Permits, payments, their files and the lists: whatever was changed by hand is found."""

import os
from pathlib import Path

import pytest

from tests.reconciling.auditor import Auditor
from tests.reconciling.scenes import BOB, paid, permit_of, waiting
from tests.workflows.office import Handle, Office
from tests.workflows.trouble import Outage

pytestmark = pytest.mark.rule(number=11)

ADDED_TO_THE_LIST = """
insert into inbox.request (
    request, pipeline, revision, status, submitted_at, updated_at, state_seq
) values ('ghost', 'expense', 1, 'approved', now(), now(), 1)
"""
ADDED_PAYMENT = """
insert into effect.payment
select 'p2', repeat('ab', 32), 'ghost', digest, 'm2', 'e2', amount, currency, creditor_name,
       creditor_iban, 'f2', file_sha256
  from effect.payment
"""
ADDED_PERMIT = """
insert into effect.permit (permit_id, request, digest, effect, issued_at, issued_event)
values ('p2', 'ghost', repeat('ab', 32), 'payment', now(), sha256('x'))
"""


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ("update effect.payment set amount = amount * 10", ["effect-differs"]),
        ("update effect.payment set status = 'settled'", ["effect-unrecorded"]),
        (
            "update effect.payment set file_sha256 = repeat('ab', 32)",
            ["effect-differs", "file-differs"],
        ),
        ("update effect.payment set request = 'another'", ["effect-differs", "effect-unrecorded"]),
        ("delete from effect.payment", ["effect-missing", "file-without-payment"]),
        (
            "update effect.permit set digest = repeat('ab', 32)",
            ["effect-differs", "permit-differs"],
        ),
        (
            "update effect.permit set consumed_at = null, consumed_event = null",
            ["permit-differs"],
        ),
        ("delete from effect.permit", ["effect-unrecorded", "permit-missing"]),
        ("update inbox.request set status = 'rejected'", ["list-differs"]),
        ("update inbox.request set amount = '1.00 EUR', due = now()", ["list-differs"]),
        ("update inbox.review set actor_id = 'mallory'", ["list-differs"]),
        ("delete from inbox.review", ["list-differs"]),
        ("delete from inbox.request", ["list-differs"]),
        (
            ADDED_TO_THE_LIST,
            ["list-differs"],
        ),
        (
            ADDED_PAYMENT,
            ["effect-unrecorded"],
        ),
        (
            ADDED_PERMIT,
            ["permit-unrecorded"],
        ),
    ],
)
async def test_what_was_changed_by_hand_is_found(
    office: Office, auditor: Auditor, change: str, codes: list[str]
) -> None:
    await paid(office)
    await auditor.forge(change)
    assert sorted(set(await auditor.codes())) == codes


async def test_whom_a_request_waits_for_is_compared(office: Office, auditor: Auditor) -> None:
    await waiting(office)
    await auditor.forge("update inbox.assignment set person = 'mallory'")
    (found,) = await auditor.findings()
    assert (found.code.value, found.place) == ("list-differs", "inbox.assignment")


async def test_a_permit_that_was_consumed_by_hand_is_found(
    closed_office: Office, auditor: Auditor
) -> None:
    office = closed_office
    office.writes_to = Outage(office.ledger, pay=1000)
    async with office.worker():
        handle = await office.submit()
        await office.decide(handle, "approve", BOB)
        await office.recorded(handle, "system:permit:issued")
        await auditor.forge("update effect.permit set consumed_at = now(), consumed_xid = '1'")
        (found,) = await auditor.findings()
    assert found.code.value == "permit-unrecorded"
    assert "it is consumed" in found.text


def _file(office: Office, place: str, permit: str) -> Path:
    return office.settings.spool / place / f"{permit}.xml"


async def _paid(office: Office) -> tuple[Handle, str]:
    handle = await paid(office)
    return handle, await permit_of(office, handle)


async def test_a_payment_file_that_the_bank_has_collected_is_no_finding(
    office: Office, auditor: Auditor
) -> None:
    _, permit = await _paid(office)
    _file(office, "outbox", permit).unlink()
    assert await auditor.findings() == []


async def test_a_changed_payment_file_is_found(office: Office, auditor: Auditor) -> None:
    handle, permit = await _paid(office)
    path = _file(office, "outbox", permit)
    content = path.read_bytes().replace(b"120.00", b"920.00")
    path.unlink()
    path.write_bytes(content)
    (found,) = await auditor.findings()
    assert (found.code.value, found.request) == ("file-differs", handle.id)
    assert "in outbox" in found.text


async def test_a_link_in_place_of_a_payment_file_is_found(
    office: Office, auditor: Auditor, tmp_path: Path
) -> None:
    _, permit = await _paid(office)
    path = _file(office, "outbox", permit)
    path.rename(tmp_path / "elsewhere.xml")
    path.symlink_to(tmp_path / "elsewhere.xml")
    archived = _file(office, "archive", permit)
    archived.unlink()
    os.mkfifo(archived)
    assert await auditor.codes() == ["file-differs"]


async def test_a_payment_file_that_was_deleted_is_missing(office: Office, auditor: Auditor) -> None:
    _, permit = await _paid(office)
    _file(office, "outbox", permit).unlink()
    _file(office, "archive", permit).unlink()
    assert await auditor.codes() == ["file-missing"]


async def test_a_payment_file_that_was_put_back_is_not_handed_over(
    office: Office, auditor: Auditor
) -> None:
    _, permit = await _paid(office)
    _file(office, "outbox", permit).rename(_file(office, "staging", permit))
    assert await auditor.codes() == ["file-not-handed-over"]


@pytest.mark.parametrize("name", [f"{'ab' * 32}.xml", "extra.xml"])
async def test_a_file_without_a_payment_is_found(
    office: Office, auditor: Auditor, name: str
) -> None:
    await paid(office)
    (office.settings.spool / "outbox" / name).write_text("<Document/>")
    (found,) = await auditor.findings()
    assert (found.code.value, found.place) == ("file-without-payment", f"outbox/{name}")
