import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from placet.signing import LateSigner, SigningKeyError, open_signer


def test_a_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "writer.pem"
    first = open_signer(path, "example.com/log")
    assert open_signer(path, "example.com/log").key == first.key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["writer.pem"]


def test_a_key_that_is_not_used_is_not_made(tmp_path: Path) -> None:
    signer = LateSigner(tmp_path / "keys" / "writer.pem", "log")
    assert not list(tmp_path.iterdir())
    signature = signer.sign(b"message")
    assert open_signer(tmp_path / "keys" / "writer.pem", "log").key == signer.key
    assert signer.key.accepts(b"message", signature)


def test_many_who_make_a_key_at_once_have_the_same(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "writer.pem"
    with ThreadPoolExecutor(16) as many:
        keys = set(many.map(lambda _: open_signer(path, "log").key, range(64)))
    assert len(keys) == 1
    assert [each.name for each in path.parent.iterdir()] == ["writer.pem"]


def test_what_is_signed_is_accepted_and_nothing_else(tmp_path: Path) -> None:
    signer = open_signer(tmp_path / "writer.pem", "log")
    signature = signer.sign(b"message")
    assert signer.key.accepts(b"message", signature)
    assert not signer.key.accepts(b"massage", signature)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "writer.pem"
    open_signer(path, "log")
    path.chmod(0o640)
    with pytest.raises(SigningKeyError, match="chmod 600"):
        open_signer(path, "log")


def test_a_pipe_is_no_key_and_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "writer.pem"
    os.mkfifo(path, 0o600)
    with pytest.raises(SigningKeyError, match="no regular file"):
        open_signer(path, "log")


SM2 = b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgUI0td5nfKpI99zlx
Qkvp289kGYs6LXAzoRKI2CXFKX2hRANCAAQzpTpFEz87sPbUCBstY33g6kST0f1C
uQve+DBWl/NRkozdm1/mNThnf/vVBRA9AT2x8UAM1Ul3eDb4+g5eIkXP
-----END PRIVATE KEY-----
"""
"""Nobody's: made for this test."""


def test_a_key_of_a_kind_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "writer.pem"
    path.write_bytes(SM2)
    path.chmod(0o600)
    with pytest.raises(SigningKeyError, match="holds no Ed25519 key") as refused:
        open_signer(path, "log")
    assert SM2.split(b"\n")[1].decode() not in str(refused.value)


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "writer.pem"
    rsa = generate_private_key(65537, 2048)
    pem = rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (pem, b"", b"no key"):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(SigningKeyError, match="Ed25519"):
            open_signer(path, "log")
        assert path.read_bytes() == content


def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningKeyError, match="PLACET_KEYS"):
        open_signer(tmp_path / "file" / "writer.pem", "log")


def test_a_name_that_no_note_can_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="PLACET_LEDGER_NAME"):
        open_signer(tmp_path / "writer.pem", "a log")


def test_a_key_that_could_not_be_written_whole_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SigningKeyError, match="No space"):
        open_signer(tmp_path / "writer.pem", "log")
    assert not list(tmp_path.iterdir())
