from pathlib import Path
from typing import Any

import pytest

from placet.policy.files import FileError, parse
from placet.sealing.config import SealList, parse_places, read_places
from placet.sealing.opening import PlaceError, open_place
from placet.settings import Settings

HOME = Path("/srv/placet")
GOOD = """
places:
  shelf: {kind: directory, path: /mnt/other/checkpoints, every_seconds: 60}
  vault:
    kind: s3
    endpoint: https://s3.example.com
    bucket: checkpoints
    access_key_env: VAULT_ID
    secret_key_env: VAULT_KEY
  neighbour:
    kind: witness
    url: https://witness.example/
    key: witness.example/w1+9561d7c6+BBxkuVXaiGweXMdpQZtMWzp7z9XResQLZzP7OurrcNY+
stamp:
  url: https://stamps.example
  certificates: [stamps.pem]
"""

LOG_KEY = "placet.local/ledger+033bec40+AYdUev7ell3POvt3tCawpArMCqrmBvuY0+JaWxdrGj13"


def listed(text: str) -> SealList:
    settings = Settings.from_environment({"PLACET_HOME": str(HOME)})
    return parse_places(parse(text, "seal.yaml"), settings, Path("/etc/placet"))


def test_places_are_read_with_their_defaults() -> None:
    found = listed(GOOD)
    assert list(found.specs) == ["shelf", "vault", "neighbour"]
    assert [spec.every_seconds for spec in found.specs.values()] == [60, 10, 10]


def test_a_secret_that_is_not_set_is_named() -> None:
    found = listed(GOOD)
    nothing: Any = None
    with pytest.raises(PlaceError, match="VAULT_KEY is not set"):
        open_place("vault", found.specs["vault"], found, nothing, {"VAULT_ID": "id"})
    both = {"VAULT_ID": "id", "VAULT_KEY": "key"}
    assert open_place("vault", found.specs["vault"], found, nothing, both).name == "vault"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("places: {}", "places"),
        ("places: {Shelf: {kind: directory}}", "lower-case letters"),
        ("places: {shelf: {kind: tape}}", "'tape' is not known"),
        ("places: {shelf: {path: x}}", "kind.*is missing"),
        ("places: {vault: {kind: s3}}", "bucket"),
        ("places: {vault: {kind: s3, bucket: abc, access_key_env: AB}}", "secret_key_env.*both"),
        ("places: {vault: {kind: s3, bucket: abc, secret_key_env: 'a b'}}", "is no name"),
        ("places: {shelf: {kind: directory, every_seconds: -1}}", "every_seconds"),
        ("places: {shelf: {kind: directory, other: 1}}", "other"),
        (
            f"places: {{w: {{kind: witness, url: 'https://w.example', key: '{LOG_KEY}'}}}}",
            "of a log",
        ),
        ("places: {w: {kind: witness, url: 'https://w.example', key: x}}", "is no key"),
        ("places: {w: {kind: witness, url: 'ftp://w.example', key: x}}", "no URL"),
        ("{places: {a: {kind: directory}}, stamp: {url: 'https://t.example'}}", "certificates"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, said: str) -> None:
    with pytest.raises(FileError, match=said):
        listed(text)


def test_without_a_file_there_is_one_directory(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"PLACET_HOME": str(HOME), "PLACET_POLICIES": str(tmp_path)}
    )
    assert read_places(settings).specs["local"].kind == "directory"
    (tmp_path / "seal.yaml").write_text(GOOD)
    assert list(read_places(settings).specs) == ["shelf", "vault", "neighbour"]


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    settings = Settings.from_environment({"PLACET_SEAL": str(tmp_path / "none.yaml")})
    with pytest.raises(FileError):
        read_places(settings)
