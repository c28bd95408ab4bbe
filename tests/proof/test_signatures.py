"""What a writer signs at the same time, with one signature."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from placet.proof.note import SIGNATURE, public_key
from placet.proof.signatures import PREFIX, is_signed, sign_together

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
KEY = public_key("example.com/writer", PRIVATE, SIGNATURE)
OTHER = public_key("example.com/writer", Ed25519PrivateKey.from_private_bytes(bytes(32)), SIGNATURE)

messages = st.lists(st.binary(max_size=40), min_size=1, max_size=40)


@pytest.mark.rule(number=11)
@given(messages)
def test_each_message_is_signed_and_no_other(told: list[bytes]) -> None:
    made: list[bytes] = []

    def sign(message: bytes) -> bytes:
        made.append(message)
        return PRIVATE.sign(message)

    signed = sign_together(told, sign)
    assert len(made) == 1
    for place, (message, signature) in enumerate(zip(told, signed, strict=True)):
        assert is_signed(message, signature, KEY)
        assert not is_signed(message, signature, OTHER)
        assert not is_signed(message + b"x", signature, KEY)
        beside = told[place - 1]
        assert is_signed(beside, signature, KEY) is (beside == message)


def test_a_message_that_is_alone_is_signed_as_it_is() -> None:
    assert sign_together([b"one"], PRIVATE.sign) == [PRIVATE.sign(b"one")]
    assert sign_together([], PRIVATE.sign) == []


def test_a_tree_of_one_is_not_another_way_to_sign_the_same_message() -> None:
    alone = PRIVATE.sign(b"one")
    assert not is_signed(b"one", alone + (1).to_bytes(4, "big") + bytes(4), KEY)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_no_byte_of_a_signature_can_be_changed(size: int) -> None:
    told = [bytes([number]) for number in range(size)]
    for message, signature in zip(told, sign_together(told, PRIVATE.sign), strict=True):
        for place in range(len(signature)):
            for flipped in (1, 128):
                changed = bytearray(signature)
                changed[place] ^= flipped
                assert not is_signed(message, bytes(changed), KEY)
        for length in range(len(signature)):
            assert not is_signed(message, signature[:length], KEY)
        assert not is_signed(message, signature + bytes(1), KEY)
        assert not is_signed(message, signature + bytes(32), KEY)


@pytest.mark.rule(number=11)
def test_a_root_is_not_taken_for_a_message() -> None:
    made: list[bytes] = []

    def sign(message: bytes) -> bytes:
        made.append(message)
        return PRIVATE.sign(message)

    first, _ = sign_together([b"one", b"two"], sign)
    (root,) = made
    assert root.startswith(PREFIX)
    assert is_signed(root, first[:64], KEY), "it is what was signed"
    assert not is_signed(b"one", first[:64], KEY)
