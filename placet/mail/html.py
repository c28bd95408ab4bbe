"""Make the HTML of a mail what it will be for its readers and for those who review it: harmless.

What runs is refused by name, so that nobody wonders where it went. Then everything is taken out
that a mail needs not: what is reviewed is what is sent, to the byte.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple

import nh3

from placet.domain.text import clean_text

_ACTIVE = {
    *("script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "input"),
    *("button", "select", "textarea", "base", "meta", "link", "portal", "template"),
}
_HARMLESS_META = {"charset", "content-type", "viewport", "x-ua-compatible", "generator"}
_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col"),
    *("colgroup", "dd", "del", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5"),
    *("h6", "hr", "i", "img", "ins", "li", "mark", "ol", "p", "pre", "q", "s", "small", "span"),
    *("strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"),
}
_LAYOUT = {"align", "valign", "width", "height", "bgcolor", "style", "dir", "lang", "title"}
_ATTRIBUTES = {
    "*": _LAYOUT,
    "a": {"href", "name"},
    "img": {"src", "alt", "border"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing", "role"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_STYLES = {
    *("background-color", "border", "border-bottom", "border-collapse", "border-color"),
    *("border-left", "border-radius", "border-right", "border-spacing", "border-style"),
    *("border-top", "border-width", "color", "font", "font-family", "font-size", "font-style"),
    *("font-weight", "height", "letter-spacing", "line-height", "list-style-type", "margin"),
    *("margin-bottom", "margin-left", "margin-right", "margin-top", "max-width", "min-width"),
    *("padding", "padding-bottom", "padding-left", "padding-right", "padding-top"),
    *("text-align", "text-decoration", "text-transform", "vertical-align", "white-space"),
    *("width", "word-break"),
}
_SCHEMES = {"http", "https", "mailto", "tel", "cid"}


def _absolute(_: str, attribute: str, value: str) -> str | None:
    """Drop an address that only means something on a page: in a mail it leads nowhere, or away."""
    scheme, colon, _ = value.strip().partition(":")
    if attribute in {"href", "src"} and not (colon and scheme.lower() in _SCHEMES):
        return None
    return value


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "title"},
    attributes=_ATTRIBUTES,
    url_schemes=_SCHEMES,
    filter_style_properties=_STYLES,
    attribute_filter=_absolute,
    link_rel=None,
)


def active_content(html: str) -> list[str]:
    """Name what would run or reach out in some readers, each once, in the order it comes."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    return list(dict.fromkeys(finder.active))


def harmless(html: str) -> str:
    """Return HTML with nothing in it but text, its form, links and pictures; again, the same.

    A request keeps texts in NFC, which makes one character of two: ``>`` and a stroke through it
    end no tag any more. So both are done until neither changes anything, which ends, because each
    time a tag or an attribute is gone.
    """
    while (cleaned := _composed(_CLEANER.clean(html))) != html:
        html = cleaned
    return html


def _composed(html: str) -> str:
    """Return a text as a request keeps it; three times as long at most."""
    return clean_text(html, 3 * len(html) + 1)


class Seen(NamedTuple):
    """What HTML refers to, in the order it comes.

    Attributes:
        links: Where its links lead.
        pictures: Where its pictures are, and what each says to those who do not see it.
    """

    links: list[str]
    pictures: list[tuple[str, str]]


def looked_through(html: str) -> Seen:
    """Return what harmless HTML refers to."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    return Seen(finder.links, finder.pictures)


class _Finder(HTMLParser):
    """Walks through the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []
        self.links: list[str] = []
        self.pictures: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name.lower(): value or "" for name, value in attrs}
        if tag in _ACTIVE and not _only_says_so(tag, told):
            self.active.append(f"<{_shown(tag)}>")
        self.active.extend(_running(tag, told))
        if tag == "a" and "href" in told:
            self.links.append(told["href"].strip())
        if tag == "img" and "src" in told:
            self.pictures.append((told["src"].strip(), told.get("alt", "").strip()))


def _running(tag: str, attributes: dict[str, str]) -> Iterator[str]:
    for name, value in attributes.items():
        if name.startswith("on"):
            yield f"{_shown(name)} in <{_shown(tag)}>"
        elif "".join(value.split()).lower().startswith(("javascript:", "vbscript:", "data:text")):
            yield f"a script as {_shown(name)} of <{_shown(tag)}>"


def _only_says_so(tag: str, attributes: dict[str, str]) -> bool:
    """Say whether this is a line that mail programs write and nobody obeys."""
    said = attributes.get("http-equiv") or attributes.get("name") or ""
    return tag == "meta" and ("charset" in attributes or said.strip().lower() in _HARMLESS_META)


def _shown(name: str) -> str:
    return clean_text(name, 40, multiline=False, truncate=True)
