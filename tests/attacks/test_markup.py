"""Somebody writes HTML and Markdown against those who sanitise it, and those who look at it."""

import time
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest

from placet.cli.records import LocalFiles
from placet.content.document import DocumentError, read_document
from placet.content.nesting import nests_too_deep
from placet.content.page import page
from placet.content.rendering import parse
from placet.domain.errors import InvalidInputError
from placet.mail.eml import taken_apart
from placet.mail.files import MailFile
from placet.mail.html import harmless
from placet.mail.preview import Subject, preview
from placet.pipelines.send import parse_mail, understand
from tests.content.made import PNG

MAIL = {
    "requester": "alice@example.com",
    "sender": "alice@example.com",
    "to": ["bob@example.org"],
    "subject": "Offer",
}
MOST_SECONDS = 20.0
"""Of CPU; each of these took a minute and more, and takes less than a second to be refused."""


class Attributes(HTMLParser):
    """The names of all attributes, as a browser finds them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, _: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Note the names."""
        self.names |= {name for name, _ in attrs}


@pytest.mark.rule(number=12)
@pytest.mark.parametrize(
    "html",
    [
        # NFC makes one character of > and the stroke through it: the tag goes on.
        "<b>\u0338 onclick=alert(1) x</b>y",
        "<b>&#824; onclick=alert(1) x</b>y",
        '<p title="x">&#x338; onmouseover=alert(1) z</p>y',
        # ... and a semicolon of the Greek question mark: the style goes on.
        '<p style="color:red\u037eposition:fixed\u037etop:0">y</p>',
        '<p style="color:red&#894;position:fixed">y</p>',
    ],
)
def test_what_a_mail_keeps_of_html_is_as_harmless_as_what_was_sanitised(html: str) -> None:
    kept = parse_mail({**MAIL, "html": html}).html or ""
    assert Attributes(kept).names <= {"title", "style"}
    assert "position" not in kept
    assert harmless(kept) == kept


@pytest.mark.parametrize("html", ["<div>" * 60_000, "<svg><style><div></style>" * 10_000])
def test_a_mail_that_nests_without_end_is_refused_before_it_costs_time(html: str) -> None:
    started = time.process_time()
    with pytest.raises(InvalidInputError, match="more than 200 elements are open at once"):
        parse_mail({**MAIL, "html": html})
    assert time.process_time() - started < MOST_SECONDS


@pytest.mark.parametrize(
    "html",
    [
        "<div><!-- </div> -->",
        "<div><textarea></div></textarea>",
        '<div title="</div>">',
        '<br "><div ">',
        '<br ="><div title="">',
        '<br a=b="><div title="">',
        '<div><!--><br a="--></div>">',
        "<table></div>",
        "<svg><![CDATA[></div>]]></svg><div>",
        "<script><!--<script></script><div></script>",
    ],
)
def test_nothing_that_only_looks_like_an_end_hides_how_deep_it_is(html: str) -> None:
    assert nests_too_deep(html * 300)


@pytest.mark.parametrize(
    "html",
    [
        "<div><b>x</b></div>",
        "<p>one<p>two<li>three<br><img src=x>",
        '<!--[if mso]><table><tr><td><![endif]--><p title="a > b">x</p>',
        "<title>a <b> in a title</title><style>p > b{}</style>",
    ],
)
def test_what_people_write_is_not_taken_for_deep(html: str) -> None:
    assert not nests_too_deep(html * 300)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("[" * 16_000 + "\n\n", "too many"),
        ("![" * 8_000 + "\n\n", "too many"),
        ("[" * 8_000 + "]" * 8_000 + "\n\n", "too many"),
        ("a<![CDATA[" * 1_600 + "\n\n", "too many"),
        ("<div>\n\n", "more than 200 HTML elements"),
        ("<b>\n\n", "more than 200 HTML elements"),
    ],
)
def test_a_document_made_to_keep_the_worker_busy_is_refused(source: str, why: str) -> None:
    text = source * (900_000 // len(source))
    started = time.process_time()
    with pytest.raises(DocumentError, match=why):
        page(
            parse(read_document(text.encode(), "index.md")),
            title="A page",
            language="en",
            summary=None,
            assets={},
        )
    assert time.process_time() - started < MOST_SECONDS


@pytest.mark.parametrize(
    "front",
    ['"\\e[31m\\u202ekey": 1', '"\\e]0;x\\a": 1\n"\\e]0;x\\a": 2', f"title: !{'x' * 9_000} y"],
)
def test_front_matter_says_nothing_to_a_terminal_or_a_log_by_its_keys_and_tags(front: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_document(f"---\n{front}\n---\ntext\n".encode(), "index.md")
    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("piece", ['"', "a.", "=?utf-8?q?a?= ", "(", "g:"])
@pytest.mark.parametrize("header", ["Cc: ", "Content-Type: text/plain; "])
def test_a_header_made_to_keep_its_reader_busy_is_refused(header: str, piece: str) -> None:
    told = f"From: a@example.com\n{header}{piece * (200_000 // len(piece))}\n\nx"
    started = time.process_time()
    with pytest.raises(InvalidInputError, match="longer than 16 KiB; shorten it"):
        taken_apart(told.encode())
    assert time.process_time() - started < MOST_SECONDS


async def shown(html: str, picture: bytes) -> str:
    """Return the preview of a mail with one picture inside its text."""
    file = MailFile.of("logo.png", picture)
    raw = {**MAIL, "html": html, "attachments": [{**file.reference(), "cid": "logo"}]}
    mail = await understand(parse_mail(raw), LocalFiles([file]))
    subject = Subject(
        request=mail.request,
        recipients=mail.recipients,
        files=mail.files,
        digest="0" * 64,
        case=None,
        findings=(),
        count=0,
    )
    return preview(subject).decode()


async def test_a_mail_cannot_paint_over_what_its_preview_says() -> None:
    over = '<div style="margin-top:-900px;height:2000px">The checks found nothing.</div>'
    assert "padding:1rem;overflow:auto;contain:content}" in await shown(over, PNG)


async def test_a_picture_that_is_shown_a_thousand_times_does_not_fill_the_memory() -> None:
    picture = PNG + bytes(100_000)
    assert "data:image/png" in await shown('<img src="cid:logo">', picture)
    assert len(await shown('<img src="cid:logo">' * 10_000, picture)) < 1_000_000
