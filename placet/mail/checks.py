"""What those who review a mail should know before it goes out."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import PurePosixPath

import filetype  # type: ignore[import-untyped]

from placet.content.links import Leads, allowed, read_link
from placet.content.patterns import Text, forbidden
from placet.content.secrets import secrets
from placet.domain.content_rules import ContentRules
from placet.domain.finding import Finding
from placet.domain.recipients import Recipients, by_domain
from placet.domain.sending import Attachment, SendRequest
from placet.files import shown
from placet.mail.html import Seen, looked_through

_SHOWN = 10
_PROGRAMS = {
    *(".app", ".bat", ".cmd", ".com", ".cpl", ".dll", ".docm", ".exe", ".hta", ".htm", ".html"),
    *(".img", ".iso", ".jar", ".js", ".jse", ".lnk", ".msi", ".ps1", ".reg", ".scr", ".sh"),
    *(".svg", ".url", ".vbe", ".vbs", ".wsf", ".xlsm"),
}


class MailCheck(StrEnum):
    """What a finding is about; the gravest comes first."""

    SECRET = "secret"  # noqa: S105 - a name for it
    FORBIDDEN = "forbidden"
    RISKY_ATTACHMENT = "risky-attachment"
    OTHER_TYPE = "other-type"
    OTHER_REPLY = "other-reply"
    LOOKALIKE_DOMAIN = "lookalike-domain"
    ODD_LINK = "odd-link"
    OTHER_HOST = "other-host"
    INSECURE_LINK = "insecure-link"
    REMOTE_PICTURE = "remote-picture"
    MISSING_PICTURE = "missing-picture"
    MISSING_ALT = "missing-alt"
    DUPLICATES = "duplicates"
    EXTERNAL_LINK = "external-link"


def check(
    request: SendRequest,
    recipients: Recipients,
    files: Mapping[str, bytes],
    rules: ContentRules,
) -> list[Finding]:
    """Return everything that reviewers should know, the gravest first.

    Args:
        request: The mail.
        recipients: Everybody who gets it.
        files: Its attachments, by their SHA-256.
        rules: What the policy looks for.
    """
    seen = looked_through(request.html or "")
    found = [
        *_said(request, files, rules),
        *_attachments(request.attachments, files),
        *_people(request, recipients),
        *_links(seen, rules),
        *_pictures(seen, request, rules),
    ]
    order = [check.value for check in MailCheck]
    return sorted(found, key=lambda finding: order.index(finding.kind))


def _finding(kind: MailCheck, where: str, message: str) -> Finding:
    return Finding(kind=kind.value, where=where, message=message)


def _said(
    request: SendRequest, files: Mapping[str, bytes], rules: ContentRules
) -> Iterator[Finding]:
    texts = [("subject", request.subject), ("text", request.text), ("html", request.html)]
    texts += [
        (file.name, files[file.sha256].decode())
        for file in request.attachments
        if file.media_type == "text/plain"
    ]
    for name, said in texts:
        text = Text(said or "")
        for secret in secrets(text):
            message = f"this looks like {secret.what}; take it out, and have it made void"
            yield _finding(MailCheck.SECRET, f"{name}:{secret.line}", message)
        for hit in forbidden(text, rules.forbidden):
            message = f"{hit.why.rstrip('.')}; say it otherwise"
            yield _finding(MailCheck.FORBIDDEN, f"{name}:{hit.line}", message)


def _attachments(
    attachments: Iterable[Attachment], files: Mapping[str, bytes]
) -> Iterator[Finding]:
    for file in attachments:
        suffix = PurePosixPath(file.name).suffix.lower()
        if suffix in _PROGRAMS:
            message = "such a file can run something, and many servers refuse it; send a link"
            yield _finding(MailCheck.RISKY_ATTACHMENT, file.name, message)
        known = filetype.guess(files[file.sha256])
        if known is None and suffix in {".pdf", ".png", ".jpg", ".jpeg", ".gif", ".zip", ".docx"}:
            message = f"its name ends in {suffix}, and it is none; look at it"
            yield _finding(MailCheck.OTHER_TYPE, file.name, message)


def _people(request: SendRequest, recipients: Recipients) -> Iterator[Finding]:
    if recipients.duplicates:
        message = f"{recipients.duplicates:,} are written more than once; each gets one mail"
        yield _finding(MailCheck.DUPLICATES, "recipients", message)
    if request.reply_to is not None and request.reply_to.domain != request.sender.domain:
        message = (
            f"answers go to {request.reply_to.domain}, the mail comes from {request.sender.domain}"
        )
        yield _finding(MailCheck.OTHER_REPLY, "reply_to", message)
    foreign = sorted(domain for domain in by_domain(recipients.all) if "xn--" in domain)
    if foreign:
        some = ", ".join(f"{domain} ({readable(domain)})" for domain in foreign[:_SHOWN])
        message = f"{len(foreign):,} domains are in other letters: {some}; make sure they are meant"
        yield _finding(MailCheck.LOOKALIKE_DOMAIN, "recipients", message)


def readable(domain: str) -> str:
    """Return a domain in the letters that it stands for."""
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain


def _links(seen: Seen, rules: ContentRules) -> Iterator[Finding]:
    hosts: dict[str, int] = {}
    for url in seen.links:
        link = read_link(url)
        if link.leads is Leads.NOWHERE:
            message = f"it is not clear to which host {shown(url)} leads; write it plainly"
            kind = MailCheck.ODD_LINK if rules.link_hosts is None else MailCheck.OTHER_HOST
            yield _finding(kind, "html", message)
        if link.leads is not Leads.WEB:
            continue
        hosts[link.host] = hosts.get(link.host, 0) + 1
        if link.url.lower().startswith("http:"):
            message = f"the link to {link.host} is not encrypted; write https"
            yield _finding(MailCheck.INSECURE_LINK, "html", message)
    for host, count in hosts.items():
        leads = "1 link leads" if count == 1 else f"{count} links lead"
        yield _finding(MailCheck.EXTERNAL_LINK, "html", f"{leads} to {host}; try them")
        if not allowed(host, rules):
            message = f"{leads} to {host}, which the policy does not list; take them out"
            yield _finding(MailCheck.OTHER_HOST, "html", message)


def _pictures(seen: Seen, request: SendRequest, rules: ContentRules) -> Iterator[Finding]:
    inside = {f"cid:{file.cid}" for file in request.attachments if file.cid is not None}
    remote = 0
    for source, told in seen.pictures:
        if source.startswith("cid:") and source not in inside:
            message = f"{shown(source)} is no picture of this mail; attach it with this cid"
            yield _finding(MailCheck.MISSING_PICTURE, "html", message)
        remote += not source.startswith("cid:")
        if rules.alt_text and not told:
            message = f"{shown(source)} says nothing to those who do not see it; give it an alt"
            yield _finding(MailCheck.MISSING_ALT, "html", message)
    if remote:
        message = (
            f"{remote} pictures are fetched from elsewhere when it is read: they can change after "
            "the approval, and tell who reads; attach them"
        )
        yield _finding(MailCheck.REMOTE_PICTURE, "html", message)
