"""Check a document and the files beside it: what reviewers should know before it goes out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from placet.content.attachments import Attachment
from placet.content.document import Document
from placet.content.links import Leads, Link, allowed, read_link
from placet.content.markup import removed, tags
from placet.content.patterns import Text, forbidden
from placet.content.rendering import Parsed, Reference
from placet.content.secrets import secrets
from placet.domain.content_rules import ContentRules
from placet.domain.finding import Finding
from placet.files import shown, size_text

MAX_PIXELS = 50_000_000


class Check(StrEnum):
    """What a finding is about; the gravest comes first."""

    SECRET = "secret"  # noqa: S105 - a name for it
    FORBIDDEN = "forbidden"
    ACTIVE_CONTENT = "active-content"
    HIDDEN_CHARACTER = "hidden-character"
    BROKEN_LINK = "broken-link"
    MISSING_IMAGE = "missing-image"
    FOREIGN_IMAGE = "foreign-image"
    MISSING_ALT = "missing-alt"
    OTHER_HOST = "other-host"
    INSECURE_LINK = "insecure-link"
    LARGE_IMAGE = "large-image"
    LARGE_BUNDLE = "large-bundle"
    REMOVED_MARKUP = "removed-markup"
    UNUSED_FILE = "unused-file"
    LATE = "late"
    SITE_LINK = "site-link"
    EXTERNAL_LINK = "external-link"


_GRAVITY = {check.value: place for place, check in enumerate(Check)}


def check(
    document: Document,
    parsed: Parsed,
    attachments: Mapping[str, Attachment],
    rules: ContentRules,
) -> list[Finding]:
    """Return everything that reviewers should know, the gravest first."""
    found = {
        *_said(document.name, Text(document.text), rules),
        *_hidden(document),
        *_markup(document, parsed),
        *_references(document, parsed, attachments, rules),
        *_files(document, parsed, attachments, rules),
    }
    for path, attachment in attachments.items():
        if attachment.text is not None:
            found |= set(_said(path, Text(attachment.text), rules))
    return in_order(found)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with the gravest first, those of a kind in the order of their places."""
    return sorted(
        findings, key=lambda each: (_GRAVITY[each.kind], *_place(each.where), each.message)
    )


def _place(where: str) -> tuple[str, int]:
    path, _, line = where.rpartition(":")
    return (path, int(line)) if path and line.isdigit() else (where, 0)


def _said(name: str, text: Text, rules: ContentRules) -> Iterator[Finding]:
    for secret in secrets(text):
        message = (
            f"this looks like {secret.what}; take it out, and have whoever issued it make it void"
        )
        yield Finding(kind=Check.SECRET, where=f"{name}:{secret.line}", message=message)
    for hit in forbidden(text, rules.forbidden):
        message = f"{hit.why.rstrip('.')}; say it otherwise"
        yield Finding(kind=Check.FORBIDDEN, where=f"{name}:{hit.line}", message=message)


def _hidden(document: Document) -> Iterator[Finding]:
    for line in document.hidden:
        yield Finding(
            kind=Check.HIDDEN_CHARACTER,
            where=f"{document.name}:{line}",
            message="a character here hides, or changes what readers see; the page shows a mark "
            "in its place, type the line anew",
        )


def _markup(document: Document, parsed: Parsed) -> Iterator[Finding]:
    for line, source in parsed.raw:
        for tag in tags(source):
            for each in removed(tag):
                kind = Check.ACTIVE_CONTENT if each.runs else Check.REMOVED_MARKUP
                yield Finding(
                    kind=kind,
                    where=f"{document.name}:{line + tag.line - 1}",
                    message=f"{each.what} does not belong in a page and was taken out",
                )


def _references(
    document: Document,
    parsed: Parsed,
    attachments: Mapping[str, Attachment],
    rules: ContentRules,
) -> Iterator[Finding]:
    hosts: dict[str, list[int]] = {}
    for reference in parsed.references:
        where = f"{document.name}:{reference.line}"
        link = read_link(reference.url)
        if reference.tag == "img":
            yield from _picture(reference, link, where, attachments, rules)
            continue
        message = _broken(link, attachments, parsed.anchors)
        if message is not None:
            kind = Check.ACTIVE_CONTENT if link.leads is Leads.PROGRAM else Check.BROKEN_LINK
            yield Finding(kind=kind, where=where, message=message)
        elif link.leads is Leads.SITE:
            message = "leads to another page of the site, which is not checked; try it"
            yield Finding(kind=Check.SITE_LINK, where=where, message=f"{_quoted(link)} {message}")
        elif link.leads is Leads.WEB:
            hosts.setdefault(link.host, []).append(reference.line)
            if link.url.lower().startswith("http:"):
                message = f"the link to {link.host} is not encrypted; write https"
                yield Finding(kind=Check.INSECURE_LINK, where=where, message=message)
    for host, lines in hosts.items():
        where, count = f"{document.name}:{lines[0]}", len(lines)
        leads = "1 link leads" if count == 1 else f"{count} links lead"
        yield Finding(
            kind=Check.EXTERNAL_LINK,
            where=where,
            message=f"{leads} to {host}; see that it belongs there",
        )
        if not allowed(host, rules):
            message = f"{leads} to {host}, which the policy does not list; take them out"
            yield Finding(kind=Check.OTHER_HOST, where=where, message=message)


def _broken(link: Link, attachments: Mapping[str, Attachment], anchors: set[str]) -> str | None:
    """Say why a link loses its way in the page; None for one that leads somewhere."""
    match link.leads:
        case Leads.PROGRAM:
            return f"{_quoted(link)} may run something; the link was taken out"
        case Leads.NOWHERE:
            return f"{_quoted(link)} is no address; the link was taken out, correct it"
        case Leads.OUTSIDE:
            return (
                f"{_quoted(link)} leads out of the bundle; the link was taken out, write /path for "
                "another page of the site"
            )
        case Leads.ANCHOR if link.anchor and link.anchor not in anchors:
            return (
                f"the page has no heading for {_quoted(link)}; the link was taken out, correct it"
            )
        case Leads.FILE if link.path not in attachments:
            return (
                f"{_quoted(link)} is not in the bundle; the link was taken out, add the file, or "
                "write /path for another page of the site"
            )
    return None


def _picture(
    reference: Reference,
    link: Link,
    where: str,
    attachments: Mapping[str, Attachment],
    rules: ContentRules,
) -> Iterator[Finding]:
    attachment = attachments.get(link.path)
    if link.leads is Leads.WEB:
        message = (
            f"this picture is on {link.host}, where it can change after it was approved; it was "
            "taken out, put it into the bundle"
        )
        yield Finding(kind=Check.FOREIGN_IMAGE, where=where, message=message)
    elif link.leads is Leads.PROGRAM:
        message = f"{_quoted(link)} is no picture of the bundle; it was taken out"
        yield Finding(kind=Check.ACTIVE_CONTENT, where=where, message=message)
    elif attachment is None or not attachment.file.media_type.is_image:
        message = f"{_quoted(link)} is no picture of the bundle; add it, or correct its name"
        yield Finding(kind=Check.MISSING_IMAGE, where=where, message=message)
    if rules.alt_text and reference.text is None:
        message = "this picture says nothing to those who do not see it; write ![what it shows](…)"
        yield Finding(kind=Check.MISSING_ALT, where=where, message=message)


def _files(
    document: Document,
    parsed: Parsed,
    attachments: Mapping[str, Attachment],
    rules: ContentRules,
) -> Iterator[Finding]:
    used = paths_used(parsed)
    for path, attachment in attachments.items():
        size = attachment.file.size
        if path not in used:
            message = "the page does not refer to it, so it is not published; link it, or remove it"
            yield Finding(kind=Check.UNUSED_FILE, where=path, message=message)
        if not attachment.file.media_type.is_image:
            continue
        if size > rules.max_image_kib * 1024:
            message = (
                f"it has {size_text(size)}; {size_text(rules.max_image_kib * 1024)} are enough"
            )
            yield Finding(kind=Check.LARGE_IMAGE, where=path, message=f"{message}, scale it down")
        if (attachment.width or 0) * (attachment.height or 0) > MAX_PIXELS:
            message = f"{attachment.width} by {attachment.height} pixels; scale it down"
            yield Finding(kind=Check.LARGE_IMAGE, where=path, message=message)
    total = sum(attachment.file.size for attachment in attachments.values())
    if total > rules.max_total_kib * 1024:
        message = f"all files together have {size_text(total)}; make them smaller, or fewer"
        yield Finding(kind=Check.LARGE_BUNDLE, where=document.name, message=message)


def paths_used(parsed: Parsed) -> set[str]:
    """Return the paths in the bundle that a page refers to, whether they are there or not."""
    links = (read_link(reference.url) for reference in parsed.references)
    return {link.path for link in links if link.leads is Leads.FILE}


def external_links(parsed: Parsed) -> Counter[str]:
    """Return the hosts of other sites that a page's links lead to, and how many lead to each."""
    links = (read_link(each.url) for each in parsed.references if each.tag == "a")
    return Counter(link.host for link in links if link.leads is Leads.WEB)


def _quoted(link: Link) -> str:
    return shown(link.url)
