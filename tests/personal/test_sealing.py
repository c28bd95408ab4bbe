import copy
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.errors import InvalidInputError
from placet.domain.ledger import LedgerEvent
from placet.ledger.encoding import Encoder
from placet.personal.keys import FileKeys, SubjectKey
from placet.personal.sealing import ERASED, SEALED, TOKEN_BYTES, Ciphertext, revealed
from placet.personal.vault import Vault, open_vault
from tests.ledger.stories import event, person, state

FAKE = "sealed:" + "ab" * 32


class Memory:
    """Keeps the keys of a test in memory."""

    def __init__(self) -> None:
        self.known: dict[str, SubjectKey] = {}

    def at_hand(self, subject: str) -> SubjectKey | None:
        """Return the key if there is one."""
        return self.known.get(subject)

    def current(self, subject: str) -> SubjectKey:
        """Return the key, made when there is none."""
        number = len(self.known) + 1
        made = SubjectKey(f"{number:016x}", number.to_bytes(32, "big"))
        return self.known.setdefault(subject, made)

    def find(self, subject: str, key_id: str) -> SubjectKey | None:
        """Return the key if it is that version."""
        key = self.known.get(subject)
        return key if key and key.key_id == key_id else None

    def destroy(self, subject: str) -> bool:
        """Forget the key."""
        return self.known.pop(subject, None) is not None


def vault() -> Vault:
    return Vault(Memory(), lambda: bytes(64))


def written(event: LedgerEvent, inside: Vault) -> tuple[bytes, list[Ciphertext]]:
    columns = Encoder(vault=inside).encode([event]).columns
    names = ("digests", "subjects", "keys", "ciphertexts")
    rows = zip(*(columns[f"personal_{name}"] for name in names), strict=True)
    return columns["bodies"][0], [Ciphertext(*row) for row in rows]


def told() -> LedgerEvent:
    return event(
        step="told",
        actor={"id": "bob", "name": "Bob Birch", "address": "bob@example.com"},
        reason="too dear, Alice",
        state=state(),
        waiting_for=[person("carol")],
        data={"said": "no", "facts": {"total": 1.5}},
    )


def test_no_personal_text_is_left_in_a_body() -> None:
    body, rows = written(told(), vault())
    for text in (b"Bob", b"bob@", b"dear", b"Alice", b"dinner", b"1.5"):
        assert text not in body
    assert {row.subject for row in rows} == {"alice", "bob", "carol"}
    assert {row.digest.hex().encode() for row in rows} == {*TOKEN_BYTES.findall(body)}


def test_the_same_event_is_sealed_to_the_same_bytes() -> None:
    inside = vault()
    assert written(told(), inside) == written(told(), inside)


def test_the_event_itself_stays_as_it_was() -> None:
    before = copy.deepcopy(told().body)
    after = told()
    written(after, vault())
    assert after.body == before


def test_one_key_opens_one_ciphertext_and_no_other() -> None:
    inside = vault()
    _, rows = written(told(), inside)
    key = inside.key_of(rows[0])
    assert key is not None
    assert json.loads(AESSIV(key).decrypt(rows[0].ciphertext, None))
    for other in rows[1:]:
        assert inside.open([other._replace(key_id=rows[0].key_id)]) == {other.digest.hex(): SEALED}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts | st.just(FAKE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
data = st.dictionaries(
    st.sampled_from(["said", "facts", "verdict", "group", "to", "scope", "x"]), values, max_size=5
)


@given(data, texts | st.just(FAKE), st.none() | st.sampled_from(["bob", "alice"]))
def test_what_was_sealed_is_revealed_as_it_was(
    given_data: dict[str, object], reason: str, actor: str | None
) -> None:
    inside = vault()
    one = event(
        "reviewer:review:approved",
        step="x",
        actor={"id": actor, "name": "N", "address": "a", "role": FAKE},
        reason=reason,
        state=state(title=reason),
        data=given_data,  # type: ignore[arg-type]
    )
    body, rows = written(one, inside)
    assert FAKE.encode() not in body
    assert revealed(json.loads(body), inside.open(rows)) == one.body


def test_a_text_that_somebody_typed_as_a_token_is_sealed_too() -> None:
    inside = vault()
    one = event(step="x", data={"verdict": FAKE, "to": [{"deep": FAKE}]}, stage=FAKE)
    body, rows = written(one, inside)
    assert FAKE.encode() not in body
    assert revealed(json.loads(body), inside.open(rows)) == one.body


def test_what_says_where_an_event_belongs_is_never_sealed() -> None:
    body, rows = written(event(step="x", request=FAKE), vault())
    assert json.loads(body)["request"] == FAKE
    assert revealed(json.loads(body), {})["request"] == FAKE
    assert rows == []


def test_what_is_erased_and_what_cannot_be_opened_are_told_apart() -> None:
    inside = vault()
    body, rows = written(told(), inside)
    bobs = [row for row in rows if row.subject == "bob"]
    inside.keys.destroy("bob")
    shown = revealed(json.loads(body), inside.open(bobs))
    assert shown["reason"] == SEALED
    assert shown["state"]["title"] == ERASED
    assert shown["actor"] == {"id": "bob", "name": SEALED, "address": SEALED}


def test_a_key_made_after_one_was_lost_does_not_open_what_was_sealed_before() -> None:
    inside = vault()
    _, rows = written(told(), inside)
    inside.keys.destroy("bob")
    inside.keys.current("someone")
    inside.keys.current("bob")
    assert {inside.open([row])[row.digest.hex()] for row in rows if row.subject == "bob"} == {
        SEALED
    }


def test_a_body_with_too_much_to_seal_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="more than 1048576"):
        written(event(reason="x" * (1 << 20)), vault())


def test_a_number_that_json_has_no_form_for_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no canonical JSON form"):
        written(event(data={"facts": {"x": float("nan")}}), vault())


def test_a_vault_opens_what_another_one_with_the_same_keys_sealed(tmp_path: Path) -> None:
    _, rows = written(told(), open_vault(tmp_path))
    assert SEALED not in open_vault(tmp_path).open(rows).values()
    assert isinstance(open_vault(tmp_path).keys, FileKeys)


@pytest.mark.parametrize("text", ["a\x00b", "half \ud800", "\\u0000 and \x00"])
def test_a_text_that_no_event_may_hold_is_refused_before_it_is_sealed(text: str) -> None:
    with pytest.raises(InvalidInputError, match="NUL character or half of a surrogate pair"):
        written(event(reason=text), vault())


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", 'quoted "\\u0000"', "ends in \\"])
def test_a_text_that_only_looks_like_one_is_sealed_as_it_is(text: str) -> None:
    inside = vault()
    one = event(step="x", reason=text)
    body, rows = written(one, inside)
    assert revealed(json.loads(body), inside.open(rows)) == one.body
