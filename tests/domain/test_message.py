"""The one door behind every signal and update: whatever arrives is understood or described."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.message import (
    MAX_CHANGE_BYTES,
    MAX_MESSAGE_BYTES,
    UNNAMED,
    UPDATE,
    Malformed,
    Message,
    parse,
    read_json,
)
from placet.domain.vocabulary import Action

WHISPER = "hunter2-Geheimnis"
NAMES = st.sampled_from([*Action, UPDATE, "", "APPROVE", "__temporal"]) | st.text()
ENCODINGS = st.sampled_from(["json/plain", "binary/null", "binary/plain", ""]) | st.text()


def signal(content: bytes, name: str = "approve") -> Message | Malformed:
    return parse(name, [("json/plain", content)], "signal")


def understood(name: str = "approve", **fields: Any) -> Message:
    message = signal(json.dumps({"actor": "bob@example.com", **fields}).encode(), name)
    assert isinstance(message, Message), message
    return message


def refused(content: bytes | dict[str, Any], name: str = "approve") -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    malformed = signal(data, name)
    assert isinstance(malformed, Malformed), malformed
    return malformed.problem


def writable(told: Message | Malformed) -> None:
    """Assert that this can go into a history, and the part that is recorded into the ledger."""
    text = told.model_dump_json()
    assert type(told).model_validate_json(text) == told
    assert "\x00" not in json.loads(text).get("problem", "")
    if isinstance(told, Malformed):
        assert len(text.encode()) < 4_000


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from([*Message.model_fields, "from", "verdict", "actorr", ""])
objects = st.dictionaries(
    fields, values | st.sampled_from(["bob", "approve", "a" * 64]), max_size=8
)
documents = st.one_of(
    st.binary(),
    values.map(lambda value: json.dumps(value).encode()),
    objects.map(lambda value: json.dumps({"actor": "bob", **value}).encode()),
    objects.map(
        lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ),
)


@given(NAMES, st.lists(st.tuples(ENCODINGS, documents), max_size=3))
@pytest.mark.rule(number=8)
def test_nothing_that_arrives_raises(name: str, arguments: list[tuple[str, bytes]]) -> None:
    writable(parse(name, arguments, "signal"))


@given(st.sampled_from([*Action, UPDATE]), documents)
def test_whatever_json_arrives_is_understood_or_described(name: str, content: bytes) -> None:
    writable(signal(content, name))


@given(objects)
def test_what_is_understood_names_an_action_an_actor_and_a_stable_fingerprint(
    value: dict[str, Any],
) -> None:
    told = signal(json.dumps(value).encode(), UPDATE)
    if isinstance(told, Message):
        assert told.actor
        assert told.action in set(Action)
        assert told.fingerprint == Message.model_validate_json(told.model_dump_json()).fingerprint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        # Nothing at all.
        (b"", "not valid JSON"),
        # The SDK's way to send nothing.
        (b"null", "a JSON null"),
        # What people type who expect the reason to be enough.
        (b'"ok"', "a JSON string"),
        (b'["bob@example.com", "ok"]', "a JSON list"),
        (b"17", "a JSON number"),
        (b"true", "a JSON boolean"),
        # No JSON.
        (b"actor: bob", "not valid JSON"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        # Numbers that are none.
        (b'{"actor": NaN}', "NaN or Infinity"),
        (b'{"actor": "bob", "request": {"x": -Infinity}}', "NaN or Infinity"),
        # A number that only costs memory; Python alone would take up to 4,300 digits.
        (b'{"actor": "bob", "request": {"x": ' + b"9" * 5_000 + b"}}", "64 characters"),
        (b'{"actor": "bob", "request": {"x": 0.' + b"9" * 5_000 + b"}}", "64 characters"),
        # Nested until a reader's stack is full, or only until another reader's is.
        (b"[" * 60_000, "50 levels"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "50 levels"),
        (b'{"actor": "bob", "x": ' + b"[" * 60 + b"]" * 60 + b"}", "50 levels"),
        # Half an emoji: Postgres and UTF-8 refuse it, so it is refused here.
        (rb'{"actor": "bob", "reason": "\ud83d"}', "half a character"),
        (rb'{"actor": "bob", "\udc00": 1}', "half a character"),
        # Two actors: which one did the sender mean?
        (b'{"actor": "bob", "actor": "ann"}', "a key twice"),
        (b'{"actor": "bob", "request": {"x": 1, "x": 2}}', "a key twice"),
        # A megabyte of nonsense.
        (b'"' + b"x" * 1_000_000 + b'"', "1000002 bytes"),
    ],
)
@pytest.mark.rule(number=8)
def test_what_is_no_json_object_is_described(content: bytes, problem: str) -> None:
    assert problem in refused(content)


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        # The one field that has to be there.
        ({}, "actor: Field required"),
        ({"actor": None}, "actor: Input should be a valid string"),
        ({"actor": ["bob"]}, "actor: Input should be a valid string"),
        # Blank in any alphabet of blanks.
        ({"actor": " \t\ufeff"}, "actor: it is blank"),
        ({"actor": "x" * 321}, "actor: String should have at most 320"),
        # Fields of another type.
        ({"actor": "bob", "reason": {"text": "ok"}}, "reason: Input should be a valid string"),
        ({"actor": "bob", "decision_id": 17}, "decision_id: Input should be a valid string"),
        ({"actor": "bob", "decision_id": " "}, "decision_id: it is blank"),
        ({"actor": "bob", "decision_id": "é" * 150}, "decision_id: it is longer than 200 bytes"),
        # Such keys are given to messages without one; a caller's would be taken for them.
        ({"actor": "bob", "decision_id": f"{UNNAMED}1"}, "keys that begin with unnamed-"),
        ({"actor": "bob", "digest": "abc"}, "digest: String should match"),
        ({"actor": "bob", "channel": "E-Mail!"}, "channel: String should match"),
        # A field that is not known, with the one that was meant.
        ({"actor": "bob", "decisionid": "1"}, "did you mean decision_id?"),
        ({"actor": "bob", "comment": "ok"}, "known are from, actor"),
        # A signal's name says what is asked; the object may not say otherwise.
        ({"actor": "bob", "action": "reject"}, "carries no other action"),
        ({"actor": "bob", "verdict": "approve"}, "carries no other action"),
        # Fields of another message.
        ({"actor": "bob", "request": {}}, '"request" belongs to resubmit and edit, not to approve'),
        ({"actor": "bob", "to": "ann"}, '"to" belongs to reassign'),
        ({"actor": "bob", "from": "ann"}, '"from" belongs to reassign'),
    ],
)
@pytest.mark.rule(number=8)
def test_a_wrong_field_is_named(sent: dict[str, Any], problem: str) -> None:
    assert problem in refused(sent)


@pytest.mark.parametrize(
    ("name", "sent", "problem"),
    [
        # The update is told what to do by the object alone.
        (UPDATE, {"actor": "bob"}, "action: Field required"),
        (UPDATE, {"actor": "bob", "action": "aprove"}, "action: Input should be"),
        # The same thing twice: which one did the sender mean?
        (UPDATE, {"actor": "bob", "action": "approve", "verdict": "reject"}, "mean the same"),
        ("reassign", {"actor": "bob", "to": "ann", "from": "x", "seat_of": "y"}, "mean the same"),
        # Incomplete without it.
        ("reassign", {"actor": "bob"}, 'reassign needs "to"'),
        ("resubmit", {"actor": "bob"}, 'resubmit needs "request"'),
        ("resubmit", {"actor": "bob", "request": [1]}, "request: Input should be a valid dict"),
        # No such signal.
        ("aprove", {"actor": "bob"}, "there is no signal of this name; use one of approve"),
    ],
)
def test_an_action_says_what_it_needs(name: str, sent: dict[str, Any], problem: str) -> None:
    assert problem in refused(sent, name)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        # A signal without an argument, and with one too many.
        ([], "0 arguments"),
        ([("json/plain", b'{"actor": "bob"}')] * 2, "2 arguments"),
        # What the SDKs send for nothing and for bytes.
        ([("binary/null", b"")], "encoding binary/null"),
        ([("binary/plain", b'{"actor": "bob"}')], "encoding binary/plain"),
        ([("", b'{"actor": "bob"}')], "encoding missing"),
    ],
)
@pytest.mark.rule(number=8)
def test_the_argument_is_one_json_object(arguments: list[tuple[str, bytes]], problem: str) -> None:
    told = parse("approve", arguments, "signal")
    assert isinstance(told, Malformed)
    assert problem in told.problem
    assert '{"actor": "bob@example.com", "reason": "ok"}' in told.problem


@pytest.mark.parametrize(
    "content",
    [
        {"actor": WHISPER, "token": WHISPER},
        {"actor": "bob", WHISPER: 1},
        {"actor": "bob", "digest": WHISPER},
        {"actor": "bob", "action": WHISPER},
        {"actor": ["bob"], "request": {WHISPER: [WHISPER]}},
        [WHISPER],
        WHISPER,
    ],
)
def test_nothing_of_a_malformed_message_is_kept_but_its_size_and_hash(content: Any) -> None:
    data = json.dumps(content).encode()
    told = signal(data)
    assert isinstance(told, Malformed)
    assert WHISPER not in told.model_dump_json()
    assert (told.size, told.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_the_smallest_message_is_enough() -> None:
    told = understood(reason="ok")
    assert (told.actor, told.action, told.reason) == ("bob@example.com", Action.APPROVE, "ok")
    assert (told.channel, told.decision_id, told.digest) == ("signal", None, None)


def test_an_update_takes_verdict_for_action_and_a_sender_may_name_the_channel() -> None:
    told = understood(UPDATE, verdict="reject", channel="cli")
    assert (told.action, told.channel) == (Action.REJECT, "cli")


def test_what_people_typed_is_made_safe_and_cut_to_length() -> None:
    told = understood(reason="a\x00b\u202ec " + "x" * 9_000, decision_id=" d\n1 ")
    assert told.reason.startswith("a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c x")
    assert len(told.reason) == 4_000
    assert told.decision_id == "d 1"


def test_amounts_in_a_changed_request_stay_as_they_were_written() -> None:
    content = b'{"actor": "rita", "request": {"a": 12.50, "b": 1e999, "c": 3, "d": [0.10]}}'
    told = signal(content, "resubmit")
    assert isinstance(told, Message)
    assert told.request == {"a": "12.50", "b": "1e999", "c": 3, "d": ["0.10"]}


def test_a_request_may_be_large_and_a_review_may_not() -> None:
    text = "x" * (MAX_CHANGE_BYTES - 200)
    assert understood("resubmit", request={"text": text}).request == {"text": text}
    assert understood(UPDATE, action="resubmit", request={"text": text}).request
    assert "a message may have" in refused({"actor": "bob", "x": "y" * MAX_MESSAGE_BYTES})
    padded = b'{"actor": "bob", "action": "approve"}' + b" " * MAX_MESSAGE_BYTES
    assert "a message may have" in refused(padded, UPDATE)
    assert "a message may have" in refused(b"[" * (MAX_CHANGE_BYTES + 1), "resubmit")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # The reason may be worded anew when a decision is sent again; the channel is another.
        ({"reason": "ok"}, {"reason": "fine", "channel": "cli"}, True),
        ({"actor": "Bob"}, {"actor": "bob"}, True),
        # Anything else is another decision.
        ({"actor": "bob"}, {"actor": "ann"}, False),
        ({"digest": "a" * 64}, {"digest": "b" * 64}, False),
    ],
)
def test_a_decision_is_the_same_when_it_says_the_same(
    one: dict[str, Any],
    other: dict[str, Any],
    same: bool,  # noqa: FBT001 - a column of the table.
) -> None:
    assert (understood(**one).fingerprint == understood(**other).fingerprint) == same


def test_a_changed_request_is_another_decision() -> None:
    first = understood("resubmit", request={"a": 1, "b": 2})
    assert first.fingerprint == understood("resubmit", request={"b": 2, "a": 1}).fingerprint
    assert first.fingerprint != understood("resubmit", request={"a": 1, "b": 3}).fingerprint


def test_json_is_read_to_the_depth_that_is_promised() -> None:
    assert read_json(b"[" * 50 + b"]" * 50)
    with pytest.raises(ValueError, match="50 levels"):
        read_json(b"[" * 51 + b"]" * 51)
    assert "50 levels" in refused(b"[" * 100_000, "resubmit")
