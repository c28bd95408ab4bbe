"""Every way to change a ledger that we could think of, and what the verifier calls it.

Each attack changes an honest ledger and writes its bundle as the attacker would, with digests of
files that fit. A test that the honest bundle is verified, and that the attack changed its bytes,
keeps an attack from being found by accident.
"""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from placet.proof.findings import Code
from placet.proof.leaf import Event
from placet.proof.note import public_key
from placet.proof.report import unproved
from placet.proof.tree import Frontier
from placet.proof.trust import Trust
from placet.proof.verify import verify
from tests.proof.conftest import Codes
from tests.support import ledgers
from tests.support.ledgers import (
    KEYS,
    ORIGIN,
    START,
    WRITER_KEY,
    Ledger,
    checkpoint_note,
    private_key,
    resigned,
)

Change = Callable[[Ledger], None]


class Attack(NamedTuple):
    """An attack on a ledger.

    Attributes:
        name: What it is.
        change: Does it.
        codes: All that the verifier must find; it may find more.
        never: What it must not find, because the attacker took care of it.
    """

    name: str
    change: Change
    codes: set[Code]
    never: set[Code] = set()  # noqa: RUF012 - never changed


def edit_body(event: Event, old: str = "120.00", new: str = "920.00") -> Event:
    """Return the event with other words in its body."""
    changed = event.body.replace(old.encode(), new.encode())
    assert changed != event.body
    return event._replace(body=changed)


def edited_body(ledger: Ledger) -> None:
    ledger.events[7] = edit_body(ledger.events[7])


def edited_body_and_leaf(ledger: Ledger) -> None:
    edited_body(ledger)
    ledger.rehash()


def overwritten_leaf(ledger: Ledger) -> None:
    ledger.leaves[7] = hashlib.sha256(b"another").digest()


def deleted_event(ledger: Ledger) -> None:
    ledger.skip.add(7)


def deleted_event_and_renumbered_rest(ledger: Ledger) -> None:
    gone = ledger.events.pop(7)
    for at, event in enumerate(ledger.events):
        later = event.stream == gone.stream and event.stream_seq > gone.stream_seq
        ledger.events[at] = event._replace(seq=at + 1, stream_seq=event.stream_seq - later)
    ledger.personal = [row._replace(position=row.position - 1) for row in ledger.personal]
    ledger.rehash()


def truncated_tail(ledger: Ledger) -> None:
    del ledger.events[18:]


def swapped_events(ledger: Ledger) -> None:
    first, second = ledger.events[5], ledger.events[6]
    ledger.events[5], ledger.events[6] = second, first
    ledger.rehash()


def swapped_events_of_one_request(ledger: Ledger) -> None:
    first, second = ledger.events[5], ledger.events[9]
    ledger.events[5], ledger.events[9] = second, first
    ledger.rehash()


def duplicated_row(ledger: Ledger) -> None:
    ledger.events.append(ledger.events[7])
    ledger.rehash()


def changed_stream(ledger: Ledger) -> None:
    ledger.events[7] = ledger.events[7]._replace(stream="expense-0")
    ledger.rehash()


def shifted_recording(ledger: Ledger) -> None:
    event = ledger.events[12]
    ledger.events[12] = event._replace(recorded=event.recorded - 86_400_000_000)
    ledger.rehash()


def shifted_occurrence(ledger: Ledger) -> None:
    event = ledger.events[12]
    ledger.events[12] = event._replace(occurred=event.occurred - 86_400_000_000)
    ledger.rehash()


def changed_signature(ledger: Ledger) -> None:
    event = ledger.events[7]
    ledger.events[7] = event._replace(
        signature=bytes([event.signature[0] ^ 1]) + event.signature[1:]
    )
    ledger.rehash()


def taken_signature(ledger: Ledger) -> None:
    ledger.events[7] = ledger.events[7]._replace(signature=b"", signing_key="", anchor=b"")
    ledger.rehash()


def signature_without_a_key(ledger: Ledger) -> None:
    ledger.events[7] = ledger.events[7]._replace(signature=b"")
    ledger.rehash()


def reserialised_body(ledger: Ledger) -> None:
    event = ledger.events[7]
    body = json.dumps(json.loads(event.body)).encode()
    ledger.events[7] = resigned(event._replace(body=body), KEYS.writer)
    ledger.rebuild()


def dropped_body(ledger: Ledger) -> None:
    ledger.prune(7)


def dropped_ciphertext(ledger: Ledger) -> None:
    del ledger.personal[1]


def exchanged_ciphertext(ledger: Ledger) -> None:
    row = ledger.personal[1]
    ledger.personal[1] = row._replace(ciphertext=ledger.personal[0].ciphertext)


def ciphertext_of_another_event(ledger: Ledger) -> None:
    ledger.personal.append(ledger.personal[1]._replace(position=18))


def exchanged_key(ledger: Ledger) -> None:
    ledger.personal[1] = ledger.personal[1]._replace(key=ledger.personal[0].key)


def key_of_no_length(ledger: Ledger) -> None:
    ledger.personal[1] = ledger.personal[1]._replace(key=b"short")


def rewritten_with_the_log_key(ledger: Ledger) -> None:
    edited_body(ledger)
    ledger.rebuild()


def rewritten_with_all_keys_of_the_service(ledger: Ledger) -> None:
    ledger.events[5] = resigned(edit_body(ledger.events[5]), KEYS.writer)
    ledger.rebuild(witnessed=False)


def reused_event_id(ledger: Ledger) -> None:
    event = ledger.events[7]._replace(event_id=ledger.events[2].event_id)
    ledger.events[7] = resigned(event, KEYS.writer)
    ledger.rebuild()


def reused_number(ledger: Ledger) -> None:
    ledger.events[7] = ledger.events[7]._replace(seq=ledger.events[2].seq)
    ledger.rebuild()


def forged_decision(ledger: Ledger) -> None:
    """What whoever owns the database can append before the sealer comes."""
    stranger = private_key("stranger")
    name = public_key(f"{ORIGIN}/writer", stranger).short
    event = ledger.append("expense-9", "reviewer:review:approved", {}, writer=stranger)
    ledger.events[-1] = resigned(event._replace(signing_key=name), stranger)
    ledger.rebuild()


def forged_decision_in_the_writers_name(ledger: Ledger) -> None:
    ledger.append("expense-9", "reviewer:review:approved", {}, writer=private_key("stranger"))
    ledger.rebuild()


def forged_decision_without_a_writer(ledger: Ledger) -> None:
    ledger.append("expense-9", "reviewer:review:approved", {}, writer=None)
    ledger.rebuild()


def parked_event(ledger: Ledger) -> None:
    """An event that was held back from the tree for a month."""
    ledger.append("expense-9", "system:case:decided", {}, at=ledgers.START.replace(month=2))
    ledger.seal()


def postdated_event(ledger: Ledger) -> None:
    event = ledger.events[-1]
    ledger.events[-1] = event._replace(recorded=event.recorded + 86_400_000_000)
    ledger.rehash()


def invented_anchor(ledger: Ledger) -> None:
    event = ledger.events[9]._replace(anchor=(4).to_bytes(8, "big") + b"r" * 32)
    ledger.events[9] = resigned(event, KEYS.writer)
    ledger.rebuild()


def anchor_that_holds_its_own_event(ledger: Ledger) -> None:
    event = ledger.events[9]._replace(anchor=ledger.events[13].anchor)
    ledger.events[9] = resigned(event, KEYS.writer)
    ledger.rebuild()


def another_key_under_the_right_name(ledger: Ledger) -> None:
    ledger.checkpoints[-1] = checkpoint_note(ledger.tree, 1_900_000_000, log=private_key("x"))


def another_name_for_the_genuine_key(ledger: Ledger) -> None:
    ledger.checkpoints[-1] = checkpoint_note(ledger.tree, 1_900_000_000, name="example.com/other")


def genuine_key_under_another_origin(ledger: Ledger) -> None:
    ledger.checkpoints[-1] = checkpoint_note(ledger.tree, 1_900_000_000, origin="example.com/other")


def changed_log_signature(ledger: Ledger) -> None:
    other = Frontier(ledger.tree.size, [b"x" * 32] * len(ledger.tree.nodes))
    text = checkpoint_note(ledger.tree, None).split("\n\n")[0]
    ledger.checkpoints[-1] = f"{text}\n\n{checkpoint_note(other, None).split(chr(10) * 2)[1]}"


def cosignature_of_another_tree(ledger: Ledger) -> None:
    line = ledger.checkpoints[-2].splitlines()[-1]
    ledger.checkpoints[-1] = checkpoint_note(ledger.tree, None) + line + "\n"


def note_without_a_witness(ledger: Ledger) -> None:
    ledger.checkpoints[-1] = checkpoint_note(ledger.tree, None)


def checkpoint_of_another_tree(ledger: Ledger) -> None:
    other = Frontier(8, [b"x" * 32])
    ledger.checkpoints[1] = checkpoint_note(other, 1_900_000_000)


def checkpoints_out_of_order(ledger: Ledger) -> None:
    notes = ledger.checkpoints
    notes[0], notes[1] = notes[1], notes[0]


def note_that_is_none(ledger: Ledger) -> None:
    ledger.checkpoints[-1] = ledger.checkpoints[-1].replace("\n20\n", "\n020\n")


def changed_policy(ledger: Ledger) -> None:
    ledger.policies[ledgers.POLICY_DIGEST] = b'{"id":"expense","version":4}'


def missing_policy(ledger: Ledger) -> None:
    ledger.policies.clear()


def policy_that_nobody_names(ledger: Ledger) -> None:
    ledger.policies[hashlib.sha256(b"{}").hexdigest()] = b"{}"


def another_schema(ledger: Ledger) -> None:
    event = edit_body(ledger.events[7], "placet.event/1", "placet.event/2")
    ledger.events[7] = resigned(event, KEYS.writer)
    ledger.rebuild()


def body_that_is_no_json(ledger: Ledger) -> None:
    ledger.events[7] = resigned(ledger.events[7]._replace(body=b"{"), KEYS.writer)
    ledger.rebuild()


ATTACKS = [
    Attack(
        "edited body",
        edited_body,
        {Code.LEAF_CHANGED, Code.SIGNATURE_FALSE, Code.ROOT_DIFFERS},
    ),
    Attack(
        "edited body with its leaf fixed",
        edited_body_and_leaf,
        {Code.SIGNATURE_FALSE, Code.ROOT_DIFFERS},
        {Code.LEAF_CHANGED},
    ),
    Attack("overwritten leaf", overwritten_leaf, {Code.LEAF_CHANGED}),
    Attack("deleted event", deleted_event, {Code.POSITION_GAP, Code.STREAM_GAP, Code.ROOT_DIFFERS}),
    Attack(
        "deleted event and renumbered rest",
        deleted_event_and_renumbered_rest,
        {Code.ROOT_DIFFERS},
        {Code.POSITION_GAP, Code.STREAM_GAP, Code.LEAF_CHANGED},
    ),
    Attack("truncated tail", truncated_tail, {Code.ROOT_DIFFERS}),
    Attack("swapped events", swapped_events, {Code.ROOT_DIFFERS}),
    Attack(
        "swapped events of one request",
        swapped_events_of_one_request,
        {Code.ROOT_DIFFERS, Code.STREAM_GAP},
    ),
    Attack(
        "duplicated row",
        duplicated_row,
        {Code.EVENT_ID_REPEATED, Code.SEQ_REPEATED, Code.STREAM_GAP, Code.ROOT_DIFFERS},
    ),
    Attack(
        "changed stream",
        changed_stream,
        {Code.BODY_DIFFERS, Code.STREAM_GAP, Code.SIGNATURE_FALSE, Code.ROOT_DIFFERS},
    ),
    Attack(
        "shifted time of recording", shifted_recording, {Code.TIME_BACKWARDS, Code.ROOT_DIFFERS}
    ),
    Attack(
        "shifted time of occurrence", shifted_occurrence, {Code.BODY_DIFFERS, Code.ROOT_DIFFERS}
    ),
    Attack("changed signature", changed_signature, {Code.SIGNATURE_FALSE, Code.ROOT_DIFFERS}),
    Attack("taken signature", taken_signature, {Code.SIGNATURE_MISSING, Code.ROOT_DIFFERS}),
    Attack("signature without a key", signature_without_a_key, {Code.SIGNATURE_FALSE}),
    Attack("re-serialised body", reserialised_body, {Code.BODY_NOT_CANONICAL}),
    Attack("dropped body without a tombstone", dropped_body, {Code.BODY_MISSING}),
    Attack("dropped ciphertext without erasure", dropped_ciphertext, {Code.PERSONAL_MISSING}),
    Attack("exchanged ciphertext", exchanged_ciphertext, {Code.PERSONAL_CHANGED}),
    Attack("ciphertext of another event", ciphertext_of_another_event, {Code.PERSONAL_UNUSED}),
    Attack("exchanged key of a ciphertext", exchanged_key, {Code.PERSONAL_CHANGED}),
    Attack("key that is none", key_of_no_length, {Code.PERSONAL_CHANGED}),
    Attack(
        "rewritten with the stolen log key",
        rewritten_with_the_log_key,
        {Code.SIGNATURE_FALSE},
        {Code.ROOT_DIFFERS, Code.NOTE_FALSE, Code.LEAF_CHANGED},
    ),
    Attack(
        "rewritten with the keys of log and writer",
        rewritten_with_all_keys_of_the_service,
        {Code.WITNESS_MISSING},
        {Code.ROOT_DIFFERS, Code.SIGNATURE_FALSE, Code.LEAF_CHANGED},
    ),
    Attack("reused event id", reused_event_id, {Code.EVENT_ID_REPEATED}, {Code.ROOT_DIFFERS}),
    Attack("reused number", reused_number, {Code.SEQ_REPEATED}, {Code.ROOT_DIFFERS}),
    Attack("decision by an unknown writer", forged_decision, {Code.WRITER_UNKNOWN}),
    Attack(
        "decision in the writer's name",
        forged_decision_in_the_writers_name,
        {Code.SIGNATURE_FALSE},
    ),
    Attack("decision without a writer", forged_decision_without_a_writer, {Code.SIGNATURE_MISSING}),
    Attack("parked event", parked_event, {Code.TIME_BACKWARDS}, {Code.ROOT_DIFFERS}),
    Attack("postdated event", postdated_event, {Code.TIME_AFTER_WITNESS, Code.ROOT_DIFFERS}),
    Attack("invented anchor", invented_anchor, {Code.ANCHOR_UNKNOWN}),
    Attack("anchor that holds its own event", anchor_that_holds_its_own_event, {Code.ANCHOR_LATER}),
    Attack(
        "another key under the right name", another_key_under_the_right_name, {Code.NOTE_OTHER_KEY}
    ),
    Attack(
        "another name for the genuine key", another_name_for_the_genuine_key, {Code.NOTE_UNSIGNED}
    ),
    Attack(
        "genuine key under another origin",
        genuine_key_under_another_origin,
        {Code.NOTE_OTHER_ORIGIN},
    ),
    Attack("signature of another note", changed_log_signature, {Code.NOTE_FALSE}),
    Attack(
        "cosignature of another tree",
        cosignature_of_another_tree,
        {Code.WITNESS_FALSE, Code.WITNESS_MISSING},
    ),
    Attack("note without a witness", note_without_a_witness, {Code.WITNESS_MISSING}),
    Attack("older checkpoint of another tree", checkpoint_of_another_tree, {Code.ROOT_DIFFERS}),
    Attack("checkpoints out of order", checkpoints_out_of_order, {Code.NOTE_ORDER}),
    Attack("note that is none", note_that_is_none, {Code.NOTE_UNREADABLE}),
    Attack("changed policy", changed_policy, {Code.POLICY_CHANGED}),
    Attack("missing policy", missing_policy, {Code.POLICY_MISSING}),
    Attack("policy that nobody names", policy_that_nobody_names, {Code.FILE_UNEXPECTED}),
    Attack("another schema", another_schema, {Code.BODY_DIFFERS}, {Code.ROOT_DIFFERS}),
    Attack("body that is no JSON", body_that_is_no_json, {Code.BODY_NOT_CANONICAL}),
]


def content(path: Path) -> dict[str, bytes]:
    return {
        each.relative_to(path).as_posix(): each.read_bytes()
        for each in path.rglob("*")
        if each.is_file()
    }


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_changes_the_bundle_and_is_named(
    attack: Attack, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    honest = ledger.write(tmp_path / "honest")
    assert codes(honest) == set()
    attack.change(ledger)
    attacked = ledger.write(tmp_path / "attacked")
    assert content(attacked) != content(honest)
    found = codes(attacked)
    assert attack.codes <= found
    assert not attack.never & found


@pytest.mark.rule(number=11)
def test_all_keys_together_are_caught_by_a_note_that_was_kept(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    kept = ledger.checkpoints[2]
    ledger.events[5] = resigned(edit_body(ledger.events[5]), KEYS.writer)
    for at, event in enumerate(ledger.events):
        ledger.events[at] = resigned(event._replace(anchor=b""), KEYS.writer)
    ledger.rebuild()
    bundle = ledger.write(tmp_path / "bundle")
    assert codes(bundle) == set()
    assert codes(bundle, kept) == {Code.HELD_FORK}


@pytest.mark.rule(number=11)
def test_an_old_backup_is_caught_by_a_note_that_was_kept(tmp_path: Path, codes: Codes) -> None:
    ledger = ledgers.small_ledger()
    kept = ledger.checkpoints[-1]
    backup = ledgers.small_ledger()
    del backup.events[16:], backup.leaves[16:], backup.checkpoints[4:], backup.personal[4:]
    backup.tree = Frontier()
    for leaf in backup.leaves:
        backup.tree.add(leaf)
    bundle = backup.write(tmp_path / "bundle")
    assert codes(bundle) == set()
    assert codes(bundle, kept) == {Code.HELD_ROLLBACK}


def test_a_grown_ledger_extends_every_note_that_was_kept(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    for kept in ledger.checkpoints:
        assert codes(bundle, kept) == set()


@pytest.mark.rule(number=11)
def test_a_body_may_be_gone_when_an_event_says_so(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    for at in range(4):
        ledger.prune(at)
    told = {"from_seq": 1, "to_seq": 4}
    ledger.append("ledger", "system:partition:pruned", {"data": told})
    ledger.seal()
    assert codes(ledger.write(tmp_path / "bundle")) == set()
    ledger.prune(4)
    assert codes(ledger.write(tmp_path / "more")) == {Code.BODY_MISSING}


@pytest.mark.rule(number=11)
def test_nobody_chooses_which_bodies_a_tombstone_is_good_for(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    """Whoever hands a bundle over could else hide one body behind an honest tombstone."""
    held = {"hold": "h", "on": "subject", "target": "bob"}
    ledger.append("hold:h", "person:hold:placed", {"data": held})
    told = {"from_seq": 1, "to_seq": len(ledger.events)}
    ledger.append("ledger", "system:partition:pruned", {"data": told})
    ledger.seal()
    assert codes(ledger.write(tmp_path / "honest")) == set()
    ledger.prune(0)
    assert codes(ledger.write(tmp_path / "bundle")) == {Code.BODY_MISSING}
    for at in range(1, told["to_seq"] - 1):
        ledger.prune(at)
    ledger.personal.clear()
    ledger.policies.clear()
    assert Code.BODY_MISSING not in codes(ledger.write(tmp_path / "pruned"))


@pytest.mark.rule(number=11)
def test_a_tombstone_says_nothing_of_what_came_after_it(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    ledger.append("ledger", "system:partition:pruned", {"data": {"from_seq": 1, "to_seq": 2**53}})
    at = len(ledger.events)
    ledger.append("expense-9", "person:case:commented", {})
    ledger.seal()
    ledger.prune(at)
    assert codes(ledger.write(tmp_path / "bundle")) == {Code.BODY_MISSING}


@pytest.mark.parametrize(
    ("ranges", "covered"),
    [
        ([(1, 4)], {0, 1, 2, 3}),
        ([(3, 4), (1, 1)], {0, 2, 3}),
        ([(1, 9), (2, 2)], {*range(9)}),
        ([(4, 1)], set()),
        ([(2**40, 2**41)], set()),
    ],
)
def test_tombstones_cover_what_they_name(
    ranges: list[tuple[int, int]],
    covered: set[int],
    ledger: Ledger,
    tmp_path: Path,
    codes: Codes,
) -> None:
    for first, last in ranges:
        told = {"from_seq": first, "to_seq": last}
        ledger.append("ledger", "system:partition:pruned", {"data": told})
    ledger.seal()
    for at in covered:
        ledger.prune(at)
    assert codes(ledger.write(tmp_path / "bundle")) == set()
    for at in {0, 1, 2, 3} - covered:
        ledger.prune(at)
    found = codes(ledger.write(tmp_path / "more"))
    assert found == ({Code.BODY_MISSING} if len(covered) < 4 else set())


@pytest.mark.rule(number=11)
def test_what_is_left_of_a_pruned_event_stays_proved(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    ledger.append("ledger", "system:partition:pruned", {"data": {"from_seq": 1, "to_seq": 4}})
    ledger.seal()
    for at in range(4):
        ledger.prune(at)
    ledger.pruned[2] = hashlib.sha256(b"another body").digest()
    found = codes(ledger.write(tmp_path / "bundle"))
    assert found == {Code.LEAF_CHANGED, Code.SIGNATURE_FALSE, Code.ROOT_DIFFERS}


@pytest.mark.rule(number=11)
def test_a_ciphertext_may_be_gone_when_an_event_says_so(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    gone = ledger.personal.pop(1)
    told = {"subject": "bob", "digests": [gone.digest]}
    ledger.append("ledger", "system:subject:erased", {"data": told})
    ledger.seal()
    assert codes(ledger.write(tmp_path / "bundle")) == set()


def test_names_may_be_left_out(ledger: Ledger, tmp_path: Path, codes: Codes) -> None:
    ledger.personal = [row._replace(key=None) for row in ledger.personal]
    assert codes(ledger.write(tmp_path / "bundle")) == set()


def test_a_ciphertext_must_name_where_its_words_stand(tmp_path: Path, codes: Codes) -> None:
    ledger = Ledger()
    name = ledger.personal_name("expense-0", "Bob Brown", "actor.name")
    ledger.append("expense-0", "person:case:commented", {"reason": name})
    ledger.seal()
    assert codes(ledger.write(tmp_path / "bundle")) == {Code.PERSONAL_CHANGED}


def test_many_ciphertexts_in_one_event_take_no_time_each(tmp_path: Path, codes: Codes) -> None:
    ledger = Ledger()
    names = [ledger.personal_name("expense-0", "B", f"data.x.{at}") for at in range(8_000)]
    ledger.append("expense-0", "person:case:commented", {"data": {"x": names}})
    ledger.seal()
    began = time.process_time()
    assert codes(ledger.write(tmp_path / "bundle")) == set()
    assert time.process_time() - began < 10


@pytest.mark.rule(number=11)
def test_a_stolen_key_of_a_writer_signs_nothing_after_it_was_retired(
    tmp_path: Path, codes: Codes
) -> None:
    ledger = Ledger()
    for number in range(3):
        ledger.append(f"expense-{number}", "person:case:commented", {})
    ledger.seal()
    bundle = ledger.write(tmp_path / "bundle")
    assert codes(bundle) == codes(bundle, retired={WRITER_KEY.short: 3}) == set()
    assert codes(bundle, retired={WRITER_KEY.short: 2}) == {Code.WRITER_RETIRED}


@pytest.mark.rule(number=11)
@pytest.mark.parametrize(("ahead", "told"), [(400, 1), (200, 0)])
def test_an_event_that_is_told_before_it_occurs_is_counted(
    ahead: int, told: int, tmp_path: Path, pinned: Trust
) -> None:
    """So somebody with a writer's key would let a deadline pass before its time."""
    ledger = Ledger()
    first = ledger.append("expense-0", "person:case:commented", {})
    later = START + timedelta(seconds=ahead)
    event = ledger.append("expense-0", "person:case:commented", {}, at=later)
    ledger.events[1] = event._replace(recorded=first.recorded)
    ledger.rebuild()
    bundle = ledger.write(tmp_path / "bundle")
    report = verify(bundle, pinned, judges=(), processes=1)
    assert not report.findings.counts
    assert report.order.ahead == told
    assert any("after it was recorded" in each for each in unproved(report, pinned)) is bool(told)


def test_events_from_before_signing_may_be_unsigned(tmp_path: Path, codes: Codes) -> None:
    ledger = Ledger()
    for number in range(3):
        ledger.append(f"expense-{number}", "person:case:commented", {}, writer=None)
    ledger.append("expense-9", "person:case:commented", {})
    ledger.seal()
    bundle = ledger.write(tmp_path / "bundle")
    assert codes(bundle) == {Code.SIGNATURE_MISSING}
    assert codes(bundle, unsigned_before=2) == {Code.SIGNATURE_MISSING}
    assert codes(bundle, unsigned_before=3) == set()


@pytest.mark.rule(number=11)
def test_a_file_that_nobody_names_is_found(ledger: Ledger, tmp_path: Path, codes: Codes) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    (bundle / "policies" / "more.txt").write_text("more", encoding="utf-8")
    assert codes(bundle) == {Code.FILE_UNEXPECTED}
    ledgers.refreshed(bundle)
    assert Code.FILE_UNEXPECTED in codes(bundle)


def test_a_file_that_is_gone_or_damaged_is_found(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    policy = bundle / "policies" / f"{ledgers.POLICY_DIGEST}.json"
    policy.write_bytes(policy.read_bytes() + b" ")
    assert codes(bundle) == {Code.FILE_CHANGED, Code.POLICY_CHANGED}
    policy.unlink()
    assert codes(bundle) == {Code.FILE_MISSING}


@pytest.mark.parametrize("told", [{"size": 21}, {"count": 19}, {"log": "example.com/other"}])
def test_a_bundle_that_says_something_else_of_itself_is_found(
    told: dict[str, object], ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    path = bundle / "bundle.json"
    path.write_bytes(ledgers.canonical(json.loads(path.read_bytes()) | told) + b"\n")
    assert codes(bundle) == {Code.BUNDLE_DIFFERS}
