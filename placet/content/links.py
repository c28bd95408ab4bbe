"""Say where a link in a page leads, the way a browser would understand it."""

import posixpath
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from placet.domain.content_rules import ContentRules

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
# Browsers drop these inside an address, and spaces and controls around it.
_DROPPED = re.compile("[\t\n\r]")
# Older programs take other letters for them, or none: the host is another one there.
_AMBIGUOUS = re.compile("[\u00df\u1e9e\u03c2\u200c\u200d]")
_AROUND = "".join(map(chr, range(33)))


class Leads(StrEnum):
    """Where a link leads."""

    ANCHOR = "to a place on the page"
    FILE = "to a file of the bundle"
    SITE = "to another page of the site"
    WEB = "to another site"
    PERSON = "to a mail address or a telephone"
    OUTSIDE = "out of the bundle"
    NOWHERE = "nowhere"
    PROGRAM = "to something that runs"


@dataclass(frozen=True)
class Link:
    """A link, understood.

    Attributes:
        leads: Where.
        url: As a browser would take it.
        path: Of a file, where it lies in the bundle.
        anchor: The place on the page, or in the file, without ``#``; else empty.
        host: Of another site, in the letters of the network (IDNA); else empty.
    """

    leads: Leads
    url: str
    path: str = ""
    anchor: str = ""
    host: str = ""


def read_link(written: str) -> Link:
    """Understand an address as it stands in a page."""
    url = _DROPPED.sub("", written.strip(_AROUND))
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    if scheme not in {"", "http", "https"}:
        return Link(Leads.PERSON if scheme in {"mailto", "tel"} else Leads.PROGRAM, url)
    if url.startswith("#"):
        return Link(Leads.ANCHOR, url, anchor=unquote(url[1:]))
    url = url.replace("\\", "/")
    if scheme or url.startswith("//"):
        return _web(url)
    if url.startswith(("/", "?")):
        return Link(Leads.SITE, url)
    return _relative(url) if url else Link(Leads.NOWHERE, url)


def allowed(host: str, rules: ContentRules) -> bool:
    """Say whether a policy lets links lead to ``host``."""
    if rules.link_hosts is None:
        return True
    return any(
        host.endswith(rule[1:]) if rule.startswith("*.") else host == rule
        for rule in rules.link_hosts
    )


def _web(url: str) -> Link:
    full = f"https:{url}" if url.startswith("//") else url
    try:
        parts = urlsplit(full)
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        return Link(Leads.NOWHERE, url)
    # A name before the host is only ever read as the host, by people; and a host that is not the
    # same everywhere cannot be looked up in a list.
    if not host or "@" in parts.netloc or _AMBIGUOUS.search(unquote(parts.netloc)):
        return Link(Leads.NOWHERE, url)
    return Link(Leads.WEB, full, host=host)


def _relative(url: str) -> Link:
    rest, _, anchor = url.partition("#")
    path = posixpath.normpath(unquote(rest.partition("?")[0]))
    if path.startswith((".", "/")):
        return Link(Leads.OUTSIDE, url)
    return Link(Leads.FILE, url, path=path, anchor=anchor)
