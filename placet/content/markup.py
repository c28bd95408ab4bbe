"""Name what will be taken out of the HTML that somebody wrote, and on which line it stands.

This only reports; :mod:`placet.content.sanitising` takes it out, whether it is found here or not.
"""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from placet.content.patterns import Text, compiled
from placet.content.sanitising import ALIGNED, TAGS, is_allowed

_TAG = r"""<([A-Za-z][^\s/>]*)((?:[^>"']|"[^"]*"|'[^']*')*)"""
_ATTRIBUTE = r"""([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?"""
_RUNS = frozenset({"applet", "base", "embed", "form", "frame", "iframe", "link", "meta", "object"})
_SHOWN = re.compile(r"[^a-z0-9-]")


class Tag(NamedTuple):
    """A tag that somebody wrote: on which line, counted from 1, and its attributes."""

    line: int
    name: str
    attributes: dict[str, str]


def tags(source: str) -> Iterator[Tag]:
    """Find every tag that opens something, in time that grows with the length only."""
    text = Text(source)
    for line, match in text.search(compiled(_TAG, across_lines=True)):
        found = compiled(_ATTRIBUTE, across_lines=True).finditer(match.group(2))
        attributes = {
            _text(each.group(1)).lower(): html.unescape(
                _text(each.group(2) or each.group(3) or each.group(4) or b"")
            )
            for each in found
        }
        yield Tag(line, _text(match.group(1)).lower(), attributes)


class Removed(NamedTuple):
    """Something that is taken out, and whether it could have run or loaded something."""

    runs: bool
    what: str


def removed(tag: Tag) -> Iterator[Removed]:
    """Say what of a tag does not get into a page; its links and pictures are told elsewhere."""
    name = _SHOWN.sub("?", tag.name)[:30]
    if tag.name not in TAGS:
        yield Removed(
            tag.name in _RUNS or tag.name in {"script", "style", "svg", "math"}, f"<{name}>"
        )
        return
    for attribute, value in tag.attributes.items():
        if is_allowed(tag.name, attribute):
            continue
        if attribute == "class" and tag.name in {"td", "th"} and set(value.split()) <= ALIGNED:
            continue
        shown = _SHOWN.sub("?", attribute)[:30]
        yield Removed(attribute.startswith("on"), f"{shown} of <{name}>")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
