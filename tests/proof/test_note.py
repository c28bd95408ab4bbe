"""Signed notes, cosignatures and keys, with the published examples of their formats."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.proof.note import (
    COSIGNATURE,
    Checkpoint,
    Note,
    NoteError,
    VerifierKey,
    cosign,
    cosigned_at,
    is_signed,
    parse_checkpoint,
    parse_key,
    parse_note,
    public_key,
    sign,
)

# The key and the note in the documentation of golang.org/x/mod/sumdb/note, whose format this is.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)

# The example of C2SP's tlog-cosignature.
SOFA = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dl"
    "rDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

LOG = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
TEXT = Checkpoint("example.com/log", 7, b"r" * 32).text


def test_a_published_note_is_signed_by_its_published_key() -> None:
    key = parse_key(PETER)
    assert str(key) == PETER
    assert is_signed(parse_note(PETERS_NOTE), key)
    assert str(parse_note(PETERS_NOTE)) == PETERS_NOTE


def test_a_published_checkpoint_is_read_with_its_cosignature() -> None:
    note = parse_note(SOFA)
    assert str(note) == SOFA
    checkpoint = parse_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == note.text
    witness = note.signatures[1]
    assert (witness.key_id.hex(), len(witness.content)) == ("8d66cf3f", 8 + 64)
    assert int.from_bytes(witness.content[:8], "big") == 1679315147


def test_a_key_of_a_log_and_of_a_witness_are_two() -> None:
    log, witness = public_key("a", LOG), public_key("a", LOG, COSIGNATURE)
    assert log.id != witness.id
    note = Note(TEXT, (cosign(TEXT, "a", LOG, 5),))
    assert not is_signed(note, log)
    assert cosigned_at(note, witness) == 5


@pytest.mark.rule(number=11)
def test_a_cosignature_covers_its_time() -> None:
    line = cosign(TEXT, "w", WITNESS, 1_000)
    later = line._replace(content=(2_000).to_bytes(8, "big") + line.content[8:])
    key = public_key("w", WITNESS, COSIGNATURE)
    assert cosigned_at(Note(TEXT, (line,)), key) == 1_000
    with pytest.raises(NoteError, match="false"):
        cosigned_at(Note(TEXT, (later,)), key)


@pytest.mark.rule(number=11)
def test_another_text_is_not_signed() -> None:
    note = Note(TEXT.replace("7", "8"), (sign(TEXT, "l", LOG),))
    with pytest.raises(NoteError, match="false"):
        is_signed(note, public_key("l", LOG))


def test_an_unknown_signature_is_passed_over() -> None:
    note = Note(TEXT, (sign(TEXT, "somebody", WITNESS), sign(TEXT, "l", LOG)))
    assert is_signed(note, public_key("l", LOG))
    assert not is_signed(note, public_key("nobody", LOG))


def test_a_key_with_an_id_that_is_not_its_own_is_refused() -> None:
    with pytest.raises(NoteError, match="id"):
        parse_key(PETER.replace("c74f20a3", "c74f20a4"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+",
        "na me+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        # Base64 that stands for the same bytes, written in another way.
        f"{PETER[:-1]}X",
        # A key of another algorithm.
        str(VerifierKey("name", 2, b"k" * 32)),
        # A byte short.
        str(VerifierKey("name", 1, b"k" * 31)),
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        PETERS_NOTE[:-1],
        PETERS_NOTE.replace("\u2014", "-"),
        PETERS_NOTE.replace("\n\n", "\n"),
        PETERS_NOTE.replace("x08go", "x08g!"),
        PETERS_NOTE + "more\n",
        PETERS_NOTE.replace("think", "th\x1b[31mink"),
        "a" * 70_000 + PETERS_NOTE,
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_note(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n7\n",
        TEXT + "more\n",
        TEXT.replace("\n7\n", "\n07\n"),
        TEXT.replace("\n7\n", "\n-7\n"),
        TEXT.replace("\n7\n", "\n\u0667\n"),
        TEXT.replace("cnJy", "cnJ"),
        "\n" + TEXT.split("\n", 1)[1],
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)
