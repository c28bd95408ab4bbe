import struct
import zlib
from pathlib import Path

import pytest

from placet.content.checks import Check
from tests.content.made import FRONT, HEAD, PNG, body_of, found, published
from tests.content.test_secrets import REAL


def line(number: int) -> str:
    """Return the place of a line of the text below the front matter."""
    return f"index.md:{HEAD + number}"


def picture(width: int, height: int) -> bytes:
    """Return a PNG that says how large it is, and is not."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )


async def test_a_sound_page_has_no_findings(tmp_path: Path) -> None:
    text = f"{FRONT}# T\n\n![A taxi](./pic.png) [l](a%20b.csv#x) [t](#t) [m](mailto:a@b.example)\n"
    result = await published(tmp_path, text, {"pic.png": PNG, "a b.csv": b"a,b\n"})
    assert found(result) == []
    assert result.facts["findings"] == 0
    assert result.facts["file_count"] == 2


# What is written, and what is found on its line.
WRITTEN = {
    "[x](nowhere.pdf)": "broken-link",
    "[x](#nowhere)": "broken-link",
    "[x](../other/)": "broken-link",
    "[x](..%2f..%2fetc/passwd)": "broken-link",
    "[x]()": "broken-link",
    "[x](https://user@example.com/)": "broken-link",
    "[x](https://[::1)": "broken-link",
    "[x](javascript:void)": "active-content",
    "[x](file:///etc/passwd)": "active-content",
    "[x](/about)": "site-link",
    "[x](https://example.com/a)": "external-link",
    "<https://example.com>": "external-link",
    "[x](//example.com)": "external-link",
    '<a href="/\\example.com">x</a>': "external-link",
    "![x](nowhere.png)": "missing-image",
    "![x](list.csv)": "missing-image",
    "![x](https://example.com/x.png)": "foreign-image",
    '<img src="pic.png">': "missing-alt",
    "![](pic.png)": "missing-alt",
    "We guarantee it.": "forbidden",
    "Call O\N{RIGHT-TO-LEFT OVERRIDE}555": "hidden-character",
    "<blink>x</blink>": "removed-markup",
    '<b style="color:red">x</b>': "removed-markup",
    "<iframe></iframe>": "active-content",
}


@pytest.mark.parametrize("written", WRITTEN)
async def test_what_is_wrong_is_found_on_its_line(written: str, tmp_path: Path) -> None:
    rules = {"forbidden": [{"pattern": r"\bguarantee", "why": "we promise nothing"}]}
    files = {"pic.png": PNG, "list.csv": b"a\n"}
    text = f"{FRONT}Some words\nover lines,\nand {written} here.\n"
    result = await published(tmp_path, text, files, **rules)
    here = [kind for where, kind in found(result) if where == line(3)]
    assert here == [WRITTEN[written]]


async def test_links_are_found_in_tables_lists_and_html(tmp_path: Path) -> None:
    text = (
        f"{FRONT}| a |\n|---|\n| [x](gone.pdf) |\n\n- one\n- [y](gone.pdf)\n\n"
        '<div>\n<a href="gone.pdf">z</a>\n</div>\n\n> [v](gone.pdf)\n'
    )
    places = [where for where, _ in found(await published(tmp_path, text))]
    assert places == [line(3), line(6), line(9), line(12)]


async def test_a_link_that_leads_nowhere_is_taken_out_and_its_text_stays(tmp_path: Path) -> None:
    body = body_of(await published(tmp_path, f"{FRONT}[words](gone.pdf) ![alt](gone.png)\n"))
    assert "words</a>" in body
    assert "href" not in body
    assert "src" not in body


async def test_links_that_leave_are_counted_by_host(tmp_path: Path) -> None:
    text = (
        f"{FRONT}[a](https://example.com/1) [b](https://EXAMPLE.com/2)\n"
        "[c](http://shop.example.org) [d](https://bücher.example)\n"
    )
    result = await published(tmp_path, text, link_hosts=["example.com", "*.example.org"])
    assert result.facts["external_links"] == 4
    assert result.facts["link_hosts"] == [
        *("example.com", "shop.example.org", "xn--bcher-kva.example")
    ]
    assert found(result) == [
        (line(2), "other-host"),
        (line(2), "insecure-link"),
        (line(1), "external-link"),
        (line(2), "external-link"),
        (line(2), "external-link"),
    ]


@pytest.mark.rule(number=12)
async def test_a_secret_is_found_and_never_repeated(tmp_path: Path) -> None:
    for number, (what, value) in enumerate(REAL.items()):
        result = await published(tmp_path / str(number), f"{FRONT}x\n{value}\n")
        [finding] = [each for each in result.findings if each.kind == Check.SECRET]
        assert what in finding.message
        assert finding.where == line(2)
        told = repr((result.findings, result.facts, result.scope, result.title))
        assert not any(part in told for part in value.split() if len(part) > 12)
        assert result.facts["secrets"] == 1


async def test_attached_texts_are_looked_through_too(tmp_path: Path) -> None:
    files = {"notes.txt": f"one\n{REAL['an AWS access key']}\n".encode()}
    result = await published(tmp_path, f"{FRONT}[notes](notes.txt)\n", files)
    assert found(result) == [("notes.txt:2", "secret")]


async def test_what_is_not_linked_is_not_published(tmp_path: Path) -> None:
    result = await published(tmp_path, f"{FRONT}Words.\n", {"private.txt": b"x", "pic.png": PNG})
    assert found(result) == [("pic.png", "unused-file"), ("private.txt", "unused-file")]
    assert result.facts["file_count"] == 0
    assert len(result.contents) == 3


async def test_sizes_are_held_against_the_policy(tmp_path: Path) -> None:
    files = {"pic.png": PNG + bytes(3000), "vast.png": picture(40_000, 40_000)}
    text = f"{FRONT}![x](pic.png) ![y](vast.png)\n"
    result = await published(tmp_path, text, files, max_image_kib=2, max_total_kib=3)
    assert found(result) == [
        ("pic.png", "large-image"),
        ("vast.png", "large-image"),
        ("index.md", "large-bundle"),
    ]


async def test_a_policy_may_do_without_texts_for_pictures(tmp_path: Path) -> None:
    text = f"{FRONT}![](pic.png)\n"
    assert found(await published(tmp_path, text, {"pic.png": PNG}, alt_text=False)) == []


async def test_the_gravest_comes_first(tmp_path: Path) -> None:
    text = (
        f"{FRONT}[a](https://example.com) [b](gone)\n\n"
        "<p class=x onclick=y()>\n\npassword = Sommer-2026-x\n"
    )
    kinds = [kind for _, kind in found(await published(tmp_path, text))]
    assert kinds == ["secret", "active-content", "broken-link", "removed-markup", "external-link"]


async def test_every_finding_says_what_to_do(tmp_path: Path) -> None:
    text = FRONT + "\n\n".join(WRITTEN) + "\n" + REAL["an AWS access key"]
    result = await published(tmp_path, text, {"pic.png": PNG, "unused.txt": b"x"})
    assert len(result.findings) > 20
    for finding in result.findings:
        assert finding.kind in set(Check)
        assert len(finding.message) < 300
        assert ", " in finding.message or ";" in finding.message or " and " in finding.message
