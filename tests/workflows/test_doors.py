"""Everything that can come in, by every door, and nothing of it stops a case."""

import json
from typing import Any, NamedTuple

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from tests.workflows.office import Handle, Office, expense

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"


class Asked(NamedTuple):
    """What somebody asks, the event it becomes, and where the case stands then."""

    action: str
    actor: str
    more: dict[str, Any]
    kind: str
    status: str


ASKED = [
    Asked("approve", BOB, {}, "reviewer:review:approved", "approved"),
    Asked("reject", BOB, {"reason": "no receipt"}, "reviewer:review:rejected", "rejected"),
    Asked(
        "request_changes",
        BOB,
        {"reason": "add a receipt"},
        "reviewer:review:changes_requested",
        "changes_requested",
    ),
    Asked("withdraw", ALICE, {"reason": "no"}, "requester:request:withdrawn", "withdrawn"),
    Asked("comment", CAROL, {"reason": "looks fine"}, "person:case:commented", "pending"),
    Asked("reassign", BOB, {"to": CAROL}, "person:seat:reassigned", "pending"),
    Asked(
        "resubmit",
        ALICE,
        {"request": expense("130.00 EUR")},
        "requester:request:resubmitted",
        "pending",
    ),
]


@pytest.mark.rule(number=2)
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.action)
async def test_every_action_can_be_asked_by_signal(office: Office, asked: Asked) -> None:
    handle = await office.submit()
    await office.signal(handle, asked.action, asked.actor, **asked.more)
    await office.recorded(handle, asked.kind)
    if asked.status in {"pending", "changes_requested"}:
        assert (await office.settled(handle))["status"] == asked.status
    else:
        assert (await office.result(handle)).outcome == asked.status
    told, *_ = await office.told(handle, asked.kind)
    assert told["channel"] == "signal"
    assert told["actor"]["address"] == asked.actor


@pytest.mark.rule(number=2)
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.action)
async def test_every_action_can_be_asked_by_update_and_is_answered_with_its_receipt(
    office: Office, asked: Asked
) -> None:
    handle = await office.submit()
    answer = await office.decide(handle, asked.action, asked.actor, **asked.more)
    assert answer["accepted"]
    assert answer["status"] == asked.status
    (event,) = [e for e in await office.timeline(handle) if e.kind == asked.kind]
    assert (answer["event"], answer["leaf"], answer["seq"]) == (
        event.event_id,
        event.leaf,
        event.seq,
    )
    assert event.body["channel"] == "update"


def raw(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


GOOD: dict[str, Any] = {"actor": BOB, "reason": "ok"}

# A signal's name and arguments, and a word of what the ledger then says is wrong with it.
NONSENSE: list[tuple[str, list[Any], str]] = [
    ("approve", [], "0 arguments"),
    ("approve", ["ok"], "a JSON string"),
    ("approve", [["bob@example.com", "ok"]], "a JSON list"),
    ("approve", [42], "a JSON number"),
    ("approve", [True], "a JSON boolean"),
    ("approve", [None], "encoding binary/null"),
    ("approve", [raw(b"null")], "a JSON null"),
    ("approve", [GOOD, "again"], "2 arguments"),
    ("approve", [{**GOOD, "amount": 5}], "not known"),
    ("approve", [{"reason": "who am I"}], "actor"),
    ("approve", [{**GOOD, "actor": ["bob@example.com"]}], "actor"),
    ("approve", [{**GOOD, "action": "reject"}], "no other action"),
    ("approve", [{**GOOD, "digest": "short"}], "digest"),
    ("approve", [{**GOOD, "reason": "x" * 1_000_000}], "a message may have"),
    ("approve", [raw(b"\xff\xfe\x00")], "not text in UTF-8"),
    ("approve", [raw(b'{"actor": NaN}')], "NaN"),
    ("approve", [raw(b"[" * 60_000)], "nested more than"),
    ("approve", [raw(b"\x00\x01", b"binary/plain")], "encoding binary/plain"),
    ("approve", [raw(b"\x0a\x00", b"binary/protobuf")], "encoding binary/protobuf"),
    ("approve", [raw(b"x", b"somebody/else")], "encoding somebody/else"),
    ("approve", [RawValue(Payload(data=b"{}"))], "encoding missing"),
    ("aprove", [GOOD], "no signal of this name"),
    ("decide", [{"actor": BOB}], "action"),
    ("\u202e", [GOOD], "no signal of this name"),
    ("reassign", [GOOD], "who takes the seat"),
    ("resubmit", [GOOD], "the whole changed request"),
    ("resubmit", [{**GOOD, "request": "an expense"}], "request"),
]


@pytest.mark.rule(number=8)
async def test_no_signal_can_stop_a_case_and_each_is_in_the_ledger_as_refused(
    office: Office,
) -> None:
    handle = await office.submit()
    for name, arguments, _ in NONSENSE:
        await handle.signal(name, args=arguments)
    await office.decide(handle, "approve", BOB)
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    refused = await office.told(handle, "caller:message:refused")
    assert [body["data"]["refusal"] for body in refused] == ["malformed"] * len(NONSENSE)
    for body, (name, _, word) in zip(refused, NONSENSE, strict=True):
        assert body["data"]["name"] == name.replace("\u202e", "\ufffd")
        assert word in body["reason"], (name, word)


async def test_the_ledger_keeps_a_fingerprint_of_nonsense_and_none_of_its_content(
    office: Office,
) -> None:
    handle = await office.submit()
    await handle.signal("approve", "<script>alert('secret')</script>" * 3_000)
    await office.settled(handle)
    (refused,) = await office.told(handle, "caller:message:refused")
    assert len(refused["data"]["sha256"]) == 64
    assert refused["data"]["size"] > 90_000
    assert "secret" not in json.dumps([e.body for e in await office.timeline(handle)])


@pytest.mark.rule(number=8)
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["approve"],
        [["approve"]],
        [7],
        [None],
        [{**GOOD, "action": "approve"}, "again"],
        [GOOD],
        [{**GOOD, "action": "pay"}],
        [{**GOOD, "action": "approve", "extra": 1}],
        [raw(b"\xff")],
        [raw(b"x", b"somebody/else")],
    ],
)
async def test_an_update_that_cannot_be_understood_is_refused_at_the_door(
    office: Office, arguments: list[Any]
) -> None:
    handle = await office.submit()
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update("decide", args=arguments)
    assert isinstance(caught.value.cause, ApplicationError)
    assert (await office.settled(handle))["status"] == "pending"
    accepted = [
        event
        for event in (await office.history(handle)).events
        if event.HasField("workflow_execution_update_accepted_event_attributes")
    ]
    assert len(accepted) == 1


async def test_an_update_under_an_unknown_name_is_refused(office: Office) -> None:
    handle = await office.submit()
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("approve", GOOD)
    assert (await office.settled(handle))["status"] == "pending"


async def test_a_megabyte_by_update_is_refused(office: Office) -> None:
    handle = await office.submit()
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(
            "decide", {"action": "approve", "actor": BOB, "reason": "x" * 1_100_000}
        )
    assert "a message may have" in str(caught.value.cause)


async def test_nobody_reaches_a_case_that_has_ended(office: Office) -> None:
    handle = await office.submit()
    await office.decide(handle, "approve", BOB)
    await office.result(handle)
    with pytest.raises(RPCError) as caught:
        await handle.signal("approve", GOOD)
    assert caught.value.status is RPCStatusCode.NOT_FOUND
    with pytest.raises(RPCError) as caught:
        await office.decide(handle, "approve", BOB)
    assert caught.value.status is RPCStatusCode.NOT_FOUND
    assert (await office.status(handle))["status"] == "approved"


# What a case is started with, and a word of the reason it then fails with.
WRONG_STARTS: list[tuple[list[Any], str]] = [
    ([], "without a request"),
    (["Team dinner"], "not a JSON object"),
    ([[expense()]], "not a JSON object"),
    ([None], "encoding binary/null"),
    ([raw(b"{")], "not valid JSON"),
    ([raw(b'{"title": NaN}')], "not valid JSON"),
    ([raw(b"[" * 200_000)], "nested more than"),
    ([raw(b"\x00", b"binary/plain")], "encoding binary/plain"),
    ([expense(), expense()], "started with 2 arguments; start it with one JSON object"),
    ([raw(b"\x00", b"somebody/else"), raw(b"{"), 3], "started with 3 arguments"),
    ([raw(b"two", b"placet/arguments")], "start it with one JSON object"),
    ([{}], "title"),
    ([expense("-5.00 EUR")], "amount"),
    ([expense(requester="nobody@example.com")], "nobody in the directory"),
    ([expense(payee={"name": "Alice", "iban": "DE00"})], "iban"),
]


@pytest.mark.rule(number=8)
@pytest.mark.parametrize(("arguments", "word"), WRONG_STARTS)
async def test_a_case_that_cannot_be_understood_fails_and_says_why(
    office: Office, arguments: list[Any], word: str
) -> None:
    handle = await office.start(arguments)
    result = await office.result(handle)
    assert (result.outcome, result.by, result.effect) == ("failed", "rule", None)
    assert word in result.reason
    assert await office.kinds(handle) == ["system:request:unplannable", "system:case:decided"]
    (told,) = await office.told(handle, "system:request:unplannable")
    assert word in told["reason"]


@pytest.mark.rule(number=8)
async def test_whoever_asks_for_what_cannot_be_understood_is_told(office: Office) -> None:
    handle = await office.start([expense("-5.00 EUR")])
    await office.result(handle)
    row = await office.ledger.request(handle.id)
    assert row is not None
    assert (row.requester_id, row.requester_name) == ("alice", "Alice Novak")
    (notice,) = office.mail.notices.values()
    assert [person.id for person in notice.to] == ["alice"]
    assert "amount" in notice.text


@pytest.mark.rule(number=7)
async def test_a_message_before_the_first_worker_counts(closed_office: Office) -> None:
    handle = await closed_office.submit()
    await closed_office.signal(handle, "approve", BOB)
    async with closed_office.worker():
        result = await closed_office.result(handle)
    assert (result.outcome, result.by, result.effect) == ("approved", "people", "done")


async def test_messages_to_a_case_that_fails_are_in_the_ledger_as_late(
    closed_office: Office,
) -> None:
    handle: Handle = await closed_office.start(["nonsense"])
    await closed_office.signal(handle, "approve", BOB)
    async with closed_office.worker():
        assert (await closed_office.result(handle)).outcome == "failed"
    assert (await closed_office.kinds(handle))[-1] == "caller:message:late"
