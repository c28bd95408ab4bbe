"""Reads finished reports back, as a browser and a PDF reader do."""

import io
from html.parser import HTMLParser

from pypdf import PdfReader

VOID = {"meta", "col", "br"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "footer",
    "h1", "h2", "h3", "p", "ul", "li", "a", "div", "dl", "dt", "dd", "table", "caption", "thead",
    "tbody", "tr", "th", "td", "code", "pre", "svg", "rect",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "role", "scope",
    "data-head", "colspan", "aria-label", "aria-labelledby", "aria-hidden", "tabindex", "viewbox",
    "preserveaspectratio", "focusable", "x", "y", "width", "height",
}  # fmt: skip


class Page(HTMLParser):
    """A parsed page; what is not well-formed, or not expected, fails."""

    def __init__(self, content: bytes) -> None:
        """Parse a whole page."""
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.headings: list[int] = []
        self.tables = self.captions = 0
        self.security = ""
        self.feed(content.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag, if it is one that reports have."""
        assert tag in ALLOWED, tag
        given = dict(attrs)
        assert given.keys() <= ATTRIBUTES, given
        assert given.get("href", "#s1").startswith("#s")  # type: ignore[union-attr]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.security = given["content"] or ""
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(int(tag[1]))
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what a reader sees."""
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """Return what a reader sees, on one line."""
        return squeezed(" ".join(self.words))


def squeezed(text: str) -> str:
    """Return a text with one space for any gap."""
    return " ".join(text.split())


def paper_text(content: bytes) -> str:
    """Return what stands in a PDF, without any gaps: lines break differently there."""
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    return solid(text)


def solid(text: str) -> str:
    """Return a text without gaps."""
    return "".join(text.split())
