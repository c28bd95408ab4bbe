import hashlib
import os
from pathlib import Path
from typing import Any, cast

import pytest

from placet.digest import read_json
from placet.domain.errors import InvalidInputError, UnavailableError
from placet.domain.expense import ReceiptType
from placet.pipelines.expense import parse_expense
from placet.ports import Ledger
from placet.receipts import Attached, read_receipts
from placet.submission import store_files

EXAMPLES = Path(__file__).parents[1] / "examples"
PDF = (EXAMPLES / "receipts" / "dinner.pdf").read_bytes()
PNG = (EXAMPLES / "receipts" / "taxi.png").read_bytes()


class LosesAByte:
    """A content store that keeps something else than it is given."""

    async def put_content(self, data: bytes, _: str) -> str:
        """Return the digest of what it kept."""
        return hashlib.sha256(data[:-1]).hexdigest()


def read(directory: Path, *receipts: Any) -> Attached:
    return read_receipts({"lines": [{"receipt": receipt} for receipt in receipts]}, directory)


def refusal(directory: Path, *receipts: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        read(directory, *receipts)
    assert str(caught.value).encode("utf-8")
    return str(caught.value)


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("expense-*.json")), ids=lambda path: path.name
)
def test_the_examples_are_read_and_accepted(path: Path) -> None:
    raw = read_json(path.read_bytes())
    attached = read_receipts(raw, path.parent)
    request = parse_expense(attached.request)
    named = {line["receipt"] for line in raw["lines"] if "receipt" in line}
    assert {file.content for file in attached.files} == {
        (EXAMPLES / name).read_bytes() for name in named
    }
    referred = {line.receipt.sha256 for line in request.lines if line.receipt is not None}
    assert {file.sha256 for file in attached.files} == referred


def test_a_path_becomes_a_reference_and_the_input_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "café 🍕.pdf").write_bytes(PDF)
    raw = {"lines": [{"receipt": "café 🍕.pdf", "amount": "1 EUR"}], "title": "x"}
    attached = read_receipts(raw, tmp_path)
    sha256 = hashlib.sha256(PDF).hexdigest()
    assert attached.request == {
        "lines": [
            {
                "receipt": {
                    "sha256": sha256,
                    "name": "café 🍕.pdf",
                    "media_type": "application/pdf",
                    "size": len(PDF),
                },
                "amount": "1 EUR",
            }
        ],
        "title": "x",
    }
    assert raw["lines"] == [{"receipt": "café 🍕.pdf", "amount": "1 EUR"}]


def test_one_file_on_two_lines_is_handed_over_once(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    (tmp_path / "copy.pdf").write_bytes(PDF)
    (tmp_path / "b.png").write_bytes(PNG)
    attached = read(tmp_path, "a.pdf", "./a.pdf", "copy.pdf", "b.png")
    assert [file.media_type for file in attached.files] == [ReceiptType.PDF, ReceiptType.PNG]
    assert [file.content for file in attached.files] == [PDF, PNG]


async def test_a_store_that_keeps_something_else_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    files = read(tmp_path, "a.pdf").files
    with pytest.raises(UnavailableError, match="check the store"):
        await store_files(files, cast("Ledger", LosesAByte()))


def test_what_is_no_path_is_left_for_the_requests_own_check(tmp_path: Path) -> None:
    for receipt in ["sha256:" + "ab" * 32, None, 3, {"sha256": "x"}, ["a"]]:
        attached = read(tmp_path, receipt)
        assert attached == Attached({"lines": [{"receipt": receipt}]}, ())
    nonsense: list[Any] = [
        None,
        [],
        "x",
        {},
        {"lines": None},
        {"lines": [3, None]},
        {"lines": [{}] * 501},
    ]
    for raw in nonsense:
        assert read_receipts(raw, tmp_path) == Attached(raw, ())


def test_the_content_decides_what_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "picture.pdf").write_bytes(PNG)
    assert read(tmp_path, "picture.pdf").files[0].media_type is ReceiptType.PNG
    for name, content in {
        "page.pdf": b"<html><script>alert(1)</script></html>",
        "run.pdf": b"\x7fELF\x02\x01\x01" + bytes(50),
        "image.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "anim.gif": b"GIF89a" + bytes(50),
        "text.txt": b"I paid 50 EUR, honestly",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert "attach a PDF, PNG, JPEG, WebP or HEIC file" in refusal(tmp_path, name)


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (b"\xff\xd8\xff\xe0", ReceiptType.JPEG),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", ReceiptType.WEBP),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", ReceiptType.HEIC),
    ],
)
def test_photographs_are_recognised(tmp_path: Path, start: bytes, media_type: ReceiptType) -> None:
    (tmp_path / "photo").write_bytes(start + bytes(300))
    assert read(tmp_path, "photo").files[0].media_type is media_type


@pytest.mark.rule(number=12)
def test_nothing_outside_the_requests_directory_is_read(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (tmp_path / "secret.pdf").write_bytes(PDF)
    (inside / "link.pdf").symlink_to(tmp_path / "secret.pdf")
    (inside / "up").symlink_to(tmp_path)
    for path in [
        "../secret.pdf",
        "sub/../../secret.pdf",
        str(tmp_path / "secret.pdf"),
        "//etc/passwd",
        "link.pdf",
        "up/secret.pdf",
    ]:
        message = refusal(inside, path)
        assert "below the request" in message or "symbolic link" in message


def test_odd_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    (tmp_path / "folder.pdf").mkdir()
    (tmp_path / "empty.pdf").touch()
    with (tmp_path / "large.pdf").open("wb") as file:
        file.write(PDF)
        file.truncate(10 * 1024 * 1024 + 1)
    assert "is not a file" in refusal(tmp_path, "pipe.pdf")
    assert "is not a file" in refusal(tmp_path, "folder.pdf")
    assert "is empty" in refusal(tmp_path, "empty.pdf")
    assert "larger than 10 MiB" in refusal(tmp_path, "large.pdf")
    for path in ["missing.pdf", "missing/x.pdf", "x" * 300, "\ud800.pdf"]:
        assert "lines[0].receipt" in refusal(tmp_path, path)
    for path in ["", ".", "a\x00.pdf", "x/" * 600]:
        assert "no path below" in refusal(tmp_path, path)


def test_every_bad_receipt_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    message = refusal(tmp_path, "a.pdf", "b.pdf", "a.pdf", "c.pdf")
    assert "lines[1].receipt: 'b.pdf' is not there" in message
    assert "lines[3].receipt: 'c.pdf' is not there" in message
    assert "lines[0]" not in message


def test_all_receipts_together_have_a_limit(tmp_path: Path) -> None:
    names = []
    for number in range(7):
        names.append(f"{number}.pdf")
        with (tmp_path / names[-1]).open("wb") as file:
            file.write(PDF + str(number).encode())
            file.truncate(10 * 1024 * 1024)
    assert "larger than 64 MiB" in refusal(tmp_path, *names)
