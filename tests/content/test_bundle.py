import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.content.bundle import attach_bundle, read_bundle
from placet.domain.errors import InvalidInputError
from placet.domain.publication import BundleFile, FileType, PublishRequest
from placet.domain.text import clean_text
from tests.content.made import FRONT, PNG

DOCUMENT = f"{FRONT}Words, ![a taxi](pic.png) and [a list](more/list.csv).\n"
EXAMPLES = Path(__file__).parents[2] / "examples"
MIB = 1024 * 1024


def write(folder: Path, **files: str | bytes) -> Path:
    """Write files below a new folder; two underscores stand for a slash, one for a dot."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def paths(request: Any) -> list[str]:
    return [file["path"] for file in request["files"]]


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInputError) as caught:
        read_bundle(path)
    return str(caught.value)


def test_a_directory_is_one_page_with_everything_in_it(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "Spring Offer",
        index_md=DOCUMENT,
        pic_png=PNG,
        more__list_csv="a,b\n",
        more__extra_txt="more",
    )
    (folder / ".DS_Store").write_bytes(b"\x00\x01")
    found = read_bundle(folder)
    assert found.request["slug"] == "spring-offer"
    assert paths(found.request) == ["more/extra.txt", "more/list.csv", "pic.png"]
    assert {file.media_type for file in found.files} == {
        *("text/markdown", "image/png", "text/csv", "text/plain")
    }
    assert PublishRequest.model_validate(found.request).document is not None


def test_a_document_brings_what_it_refers_to_and_nothing_else(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "notes",
        offer_md=DOCUMENT,
        pic_png=PNG,
        more__list_csv="a,b\n",
        private_txt="not for anybody",
        other_md="another page",
    )
    found = read_bundle(folder / "offer.md")
    assert found.request["slug"] == "offer"
    assert paths(found.request) == ["more/list.csv", "pic.png"]


def test_a_file_that_is_not_there_is_left_for_the_checks(tmp_path: Path) -> None:
    found = read_bundle(write(tmp_path, offer_md=DOCUMENT) / "offer.md")
    assert paths(found.request) == []


def test_the_name_of_the_directory_is_the_slug_of_an_index(tmp_path: Path) -> None:
    folder = write(tmp_path / "Über uns", index_md=f"{FRONT}words")
    assert read_bundle(folder / "index.md").request["slug"] == "uber-uns"
    assert read_bundle(folder).request["slug"] == "uber-uns"


def test_a_json_request_names_its_files(tmp_path: Path) -> None:
    write(tmp_path, pages__offer_md=DOCUMENT, pages__pic_png=PNG, pages__list_csv="a\n")
    raw = {"slug": "x", "document": "pages/offer.md", "files": ["pages/pic.png"]}
    found = attach_bundle(raw, tmp_path)
    assert found.request["slug"] == "x"
    assert paths(found.request) == ["pic.png"]
    raw = {"document": "pages/offer.md"}
    assert paths(attach_bundle(raw, tmp_path).request) == ["pic.png"]


@pytest.mark.parametrize("raw", [None, [], "x", {"document": 3}, {"document": {"sha256": "x"}}])
def test_what_names_no_document_is_left_for_the_door(raw: Any, tmp_path: Path) -> None:
    assert attach_bundle(raw, tmp_path) == (raw, ())


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("publish-*")))
def test_the_examples_are_read(name: str) -> None:
    if not name.endswith(".json"):
        assert read_bundle(EXAMPLES / name).request["requester"] == "alice@example.com"


def test_a_second_page_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "p", index_md=DOCUMENT, about_md="more")
    assert "'about.md' is a second page; a bundle is one page" in refusal(folder)
    folder = write(tmp_path / "q", deep__page_md=DOCUMENT)
    assert "'deep/page.md' lies deeper; move the page to the top" in refusal(folder)
    folder = write(tmp_path / "r", pic_png=PNG)
    assert "there is no Markdown file; write the page as index.md" in refusal(folder)


@pytest.mark.rule(number=12)
def test_nothing_outside_the_bundle_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    folder = write(tmp_path / "p", page_md=f"{FRONT}![x](link.png)")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    assert "symbolic link" in refusal(folder)
    assert "symbolic link" in refusal(folder / "page.md")
    for target in ("../secret.png", "..%2fsecret.png", "a/../../secret.png", "/etc/passwd"):
        page = write(tmp_path / "q", page_md=f"{FRONT}![x]({target})") / "page.md"
        assert paths(read_bundle(page).request) == []
    folder = write(tmp_path / "r", page_md=f"{FRONT}![x](up/secret.png)")
    (folder / "up").symlink_to(tmp_path)
    assert "symbolic link" in refusal(folder / "page.md")
    with pytest.raises(InvalidInputError, match="no path below"):
        attach_bundle({"document": "../p/page.md"}, folder)


def test_a_large_picture_is_refused_without_being_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "p", page_md=DOCUMENT)
    with (folder / "pic.png").open("wb") as file:
        file.write(PNG)
        file.truncate(50 * MIB)
    # Whoever can read a file of a terabyte has a larger machine than this one.
    for path in (folder, folder / "page.md"):
        assert "'pic.png' is larger than 10 MiB; make it smaller" in refusal(path)
    os.truncate(folder / "pic.png", 1 << 40)
    assert "larger than 10 MiB" in refusal(folder)


def test_a_bundle_has_limits(tmp_path: Path) -> None:
    folder = write(tmp_path / "many", index_md=FRONT + "words")
    for number in range(10_000):
        (folder / f"{number}.txt").touch()
    assert "more than 201 files" in refusal(folder)
    folder = write(tmp_path / "heavy", index_md=FRONT + "words")
    for number in range(7):
        with (folder / f"{number}.png").open("wb") as file:
            file.write(PNG + bytes([number]))
            file.truncate(10 * MIB)
    assert "all files together are larger than 64 MiB" in refusal(folder)
    write(tmp_path / "long", index_md=FRONT + "a" * MIB)
    assert "'index.md' is larger than 1 MiB" in refusal(tmp_path / "long")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<html><script>alert(1)</script></html>"),
        ("picture.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("run.txt", b"\x7fELF\x02\x01\x01" + bytes(50)),
        ("text.txt", b"caf\xe9"),
        ("null.csv", b"a,b\x00"),
    ],
)
def test_what_browsers_may_run_is_not_published(name: str, content: bytes, tmp_path: Path) -> None:
    folder = write(tmp_path, index_md=DOCUMENT)
    (folder / name).write_bytes(content)
    assert f"'{name}' is of a kind that is not published" in refusal(folder)


def test_odd_places_are_refused_at_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "p", index_md=FRONT + "![x](pipe.png)")
    os.mkfifo(folder / "pipe.png")
    assert "is a symbolic link or no file" in refusal(folder)
    assert "is not a file" in refusal(folder / "index.md")
    assert "is not there" in refusal(tmp_path / "nowhere.md")
    assert "there is no Markdown file" in refusal(write(tmp_path / "empty", x_txt="x"))


SHA = "ab" * 32
NASTY = st.sampled_from(
    ["..", ".", "/", "\\", "a", "é", "\x00", "\N{RIGHT-TO-LEFT OVERRIDE}", ":", "~", " ", "\n"]
)


@pytest.mark.rule(number=12)
@given(st.lists(NASTY, max_size=8).map("".join) | st.text(max_size=30))
def test_no_path_of_a_request_leads_out_of_its_bundle(path: str) -> None:
    try:
        file = BundleFile(path=path, sha256=SHA, media_type=FileType.PNG, size=1)
    except ValidationError:
        return
    steps = file.path.split("/")
    assert not {"", ".", ".."} & set(steps)
    assert not file.path.startswith("/")
    assert clean_text(file.path, 200, multiline=False) == file.path
    assert os.path.normpath(file.path) == file.path
