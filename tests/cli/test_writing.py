"""How ids, times and sentences are written."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.cli.console import as_json, pairs, table
from placet.cli.following import line
from placet.cli.times import instant, second, span, until
from placet.domain.ledger import RecordedEvent
from placet.domain.vocabulary import Kind
from placet.submission import request_id
from placet.timeline import sentence
from tests.ledger.stories import event

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
CONTENT = hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (61, "1m1s"), (7_500, "2h5m"), (5 * 86_400 + 10_900, "5d3h")],
)
def test_a_span_is_written_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text
    assert span(timedelta(seconds=-seconds)) == (f"-{text}" if seconds else text)


def test_an_instant_is_written_in_utc_with_its_distance() -> None:
    later = NOW + timedelta(hours=2)
    assert instant(later) == "2026-03-02 10:00 UTC"
    assert until(later, NOW) == "2026-03-02 10:00 UTC (in 2h)"
    assert until(NOW, later) == "2026-03-02 08:00 UTC (2h ago)"


@given(st.text(max_size=300))
def test_an_id_is_a_plain_word_whatever_the_key(key: str) -> None:
    made = request_id("expense", "alice", key, CONTENT)
    assert made.isascii()
    assert made.replace("-", "").isalnum()
    assert len(made) < 80
    assert made == request_id("expense", "alice", key, CONTENT)


@given(st.text(max_size=50), st.text(max_size=50))
def test_keys_that_look_alike_make_different_ids(one: str, other: str) -> None:
    same = request_id("e", "alice", one, CONTENT) == request_id("e", "alice", other, CONTENT)
    assert same == (one == other)


def test_two_people_may_use_the_same_key() -> None:
    alice, bob = (request_id("expense", who, "dinner", CONTENT) for who in ("alice", "bob"))
    assert alice != bob
    assert alice.startswith("expense-dinner-")


def recorded(kind: str, **body: object) -> RecordedEvent:
    told = event(kind).model_dump()
    told["body"] = {**told["body"], **body}
    return RecordedEvent(**told, seq=1, stream_seq=1, leaf="0" * 64, recorded=NOW)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_event_has_a_sentence(kind: Kind) -> None:
    told = sentence(recorded(kind.value))
    assert told != kind.value
    assert "\n" not in told


def test_an_unknown_kind_is_named_as_it_is() -> None:
    assert sentence(recorded("future:thing:happened")) == "future:thing:happened"


def test_a_sentence_says_who_for_whom_how_and_why() -> None:
    told = sentence(
        recorded(
            Kind.APPROVED.value,
            actor={
                "name": "Carol",
                "address": "carol@example.com",
                "on_behalf_of": "bob",
                "assurance": "verified",
            },
            stage="manager",
            channel="cli",
            reason="fine",
        )
    )
    assert told == "Carol for bob approved in stage manager (verified, cli): fine"


def test_a_body_of_another_shape_is_still_told() -> None:
    for kind in Kind:
        sentence(recorded(kind.value, data=["no", "object"], actor="nobody", policy=7))


def test_what_was_recorded_much_later_than_it_counts_says_so() -> None:
    event = recorded(Kind.PERMIT_CONSUMED.value)
    at_once = event.model_copy(update={"recorded": event.occurred + timedelta(seconds=50)})
    later = event.model_copy(update={"recorded": event.occurred + timedelta(minutes=2)})
    assert line(at_once, event).endswith("the permit was used")
    assert line(later, event).endswith(f"(recorded {second(later.recorded)})")


def test_a_table_that_no_terminal_reads_is_split_by_tabs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table(("A", "B"), [("one\ttwo", "[red]three[/red]\n")])
    assert capsys.readouterr().out == "A\tB\none two\t[red]three[/red] \n"


def test_pairs_leave_out_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    pairs([("name", "x"), ("nothing", None), ("a", "y")])
    assert capsys.readouterr().out == "  name  x\n  a     y\n"


def test_json_is_one_ascii_line(capsys: pytest.CaptureFixture[str]) -> None:
    as_json({"text": "é\x9b\u202e\n"})
    assert capsys.readouterr().out == '{"text":"\\u00e9\\u009b\\u202e\\n"}\n'
