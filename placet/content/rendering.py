"""Turn Markdown into the HTML of a page, and find what is wrong with its links and pictures.

The same document and files always give the same bytes. What a document can make the renderer do
is bounded: each paragraph, the number of its parts and the size of what comes out.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from placet.content.document import Document, DocumentError
from placet.content.markup import tags
from placet.content.nesting import MAX_DEPTH, nests_too_deep

MAX_PARAGRAPH = 16 * 1024
MAX_SEARCHES = 100_000_000
"""Each ``[`` and each ``<`` makes the parser look through the rest of its paragraph, in vain if
nothing closes it: so many characters in all are looked at in a second or two."""
MAX_PARTS = 400_000
MAX_HTML = 8 * 1024 * 1024
_NESTING = 100
_WORD = re.compile(r"\w+")
_TITLE_OF_PAGE = "h1"


class Reference(NamedTuple):
    """A link or a picture: on which line it stands, and what was written there.

    ``text`` is the alternative text of a picture; None where none was written, and for a link.
    """

    line: int
    tag: str
    url: str
    text: str | None = None


@dataclass
class Parsed:
    """A document, parsed.

    Attributes:
        name: What messages call the document.
        tokens: What the renderer writes out.
        references: Every link and picture, in Markdown or HTML.
        raw: Each piece of HTML that somebody wrote, with the line on which it begins.
        anchors: The ids of the headings.
        words: How many there are.
        has_title: Whether it has a heading of the first level.
    """

    name: str
    tokens: Sequence[Token]
    references: list[Reference] = field(default_factory=list)
    raw: list[tuple[int, str]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    words: int = 0
    has_title: bool = False


def parse(document: Document) -> Parsed:
    """Parse a document's body.

    Raises:
        DocumentError: It would take too long, or become too large.
    """
    state = StateCore(document.body, _markdown(), {"document": document})
    state.tokens = _Tokens(document.name)
    _markdown().core.process(state)
    found = Parsed(document.name, state.tokens)
    size = 0
    line = document.first_line
    for token in state.tokens:
        if token.map is not None:
            line = document.first_line + token.map[0]
        if token.type == "heading_open":
            found.has_title = found.has_title or token.tag == _TITLE_OF_PAGE
        elif token.type == "html_block":
            found.raw.append((line, token.content))
        size += len(token.content)
        for place, child in _placed(token, line):
            _read(child, place, found)
            size += len(child.content) + sum(len(str(value)) for value in child.attrs.values())
    _align_cells(state.tokens)
    if size > MAX_HTML:
        raise DocumentError(
            f"{document.name}: its page would be larger than {MAX_HTML // 1024 // 1024} MiB; a "
            "long address is used too often, write it out where it is needed"
        )
    _name_headings(state.tokens, found)
    for line, source in found.raw:
        found.references += _in_html(line, source)
        found.anchors |= {tag.attributes["id"] for tag in tags(source) if "id" in tag.attributes}
    return found


def write(parsed: Parsed) -> str:
    """Return the HTML of a parsed document, as it was written: it is not safe yet.

    Raises:
        DocumentError: Its elements stand too deep inside each other.
    """
    markdown = _markdown()
    html = str(markdown.renderer.render(parsed.tokens, markdown.options, {}))
    if nests_too_deep(html):
        raise DocumentError(
            f"{parsed.name}: more than {MAX_DEPTH} HTML elements are open at once; close each, as "
            "<div> by </div>, and take out what does not belong in a page"
        )
    return html


class _Tokens(list[Token]):
    """The parts of a document, which may not become too many."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def append(self, token: Token) -> None:
        if len(self) >= MAX_PARTS:
            raise _too_many(self.name)
        super().append(token)


def _too_many(name: str) -> DocumentError:
    return DocumentError(
        f"{name}: it has more than {MAX_PARTS:,} parts; split it into several pages"
    )


class _Markdown(MarkdownIt):
    """Lets every address into the parsed document, where it can be found and reported."""

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 - the library's own name
        return True


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": True, "maxNesting": _NESTING})
    markdown.enable(["table", "strikethrough"])
    markdown.core.ruler.at("inline", _inline)
    return markdown


def _inline(state: StateCore) -> None:
    """Parse what stands inside paragraphs, within limits: its cost grows faster than its length."""
    document: Document = state.env["document"]
    count, searches = len(state.tokens), 0
    for token in state.tokens:
        if token.type != "inline":
            continue
        searches += (token.content.count("[") + token.content.count("<")) * len(token.content)
        if len(token.content) > MAX_PARAGRAPH:
            line = document.first_line + (token.map or [0])[0]
            raise DocumentError(
                f"{document.name}:{line}: this paragraph is longer than {MAX_PARAGRAPH:,} "
                "characters; split it"
            )
        if searches > MAX_SEARCHES:
            line = document.first_line + (token.map or [0])[0]
            raise DocumentError(
                f"{document.name}:{line}: there are too many [ and < in long paragraphs up to "
                "here; split these paragraphs"
            )
        token.children = []
        state.md.inline.parse(token.content, state.md, state.env, token.children)
        count += len(token.children)
        if count > MAX_PARTS:
            raise _too_many(document.name)


def _placed(token: Token, line: int) -> Iterator[tuple[int, Token]]:
    """Yield what stands inside a paragraph, each with its line."""
    for child in token.children or ():
        yield line, child
        if child.type in {"softbreak", "hardbreak"}:
            line += 1


def _read(token: Token, line: int, found: Parsed) -> None:
    match token.type:
        case "text" | "code_inline":
            found.words += len(_WORD.findall(token.content))
        case "link_open":
            found.references.append(Reference(line, "a", str(token.attrs.get("href", ""))))
        case "image":
            url = str(token.attrs.get("src", ""))
            found.references.append(Reference(line, "img", url, token.content or None))
        case "html_inline":
            found.raw.append((line, token.content))


def _in_html(line: int, source: str) -> Iterator[Reference]:
    for tag in tags(source):
        at = line + tag.line - 1
        if tag.name == "a" and "href" in tag.attributes:
            yield Reference(at, "a", tag.attributes["href"])
        elif tag.name == "img":
            # An empty text is said on purpose: the picture is decoration.
            yield Reference(at, "img", tag.attributes.get("src", ""), tag.attributes.get("alt"))


def _name_headings(tokens: Sequence[Token], found: Parsed) -> None:
    """Give every heading an id made of its text, as most renderers do."""
    used: Counter[str] = Counter()
    for heading, inside in pairwise(tokens):
        if heading.type != "heading_open":
            continue
        text = "".join(each.content for each in inside.children or () if each.type != "html_inline")
        plain = unicodedata.normalize("NFC", text).lower()
        slug = re.sub(r"[^\w -]", "", plain).strip().replace(" ", "-") or "section"
        name = slug
        while name in found.anchors:
            used[slug] += 1
            name = f"{slug}-{used[slug]}"
        found.anchors.add(name)
        heading.attrSet("id", name)


def _align_cells(tokens: Sequence[Token]) -> None:
    """Say by a class and not by a style how a cell is aligned: a page carries no styles."""
    for token in tokens:
        if token.type in {"td_open", "th_open"} and "style" in token.attrs:
            style = str(token.attrs.pop("style"))
            token.attrs["class"] = style.removeprefix("text-align:")
