"""Show a mail to those who review it: one page, complete in itself, in which nothing can run."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from placet.content.reviewing import as_text, fact, facts, findings_part, review_page
from placet.domain.finding import Finding
from placet.domain.recipients import Recipients, by_domain, top_domains
from placet.domain.sending import SendRequest
from placet.files import size_text
from placet.mail.checks import readable

_SHOWN_PEOPLE = 50
_INLINE_BYTES = 2 * 1024 * 1024
"""So much of the pictures inside the text is shown; the page has to stay small enough to keep."""

_STYLE = """\
body{max-width:52rem}
pre{white-space:pre-wrap;padding:1rem;background:#f4f4f5;border-radius:.4rem}
.html{border:1px solid #c4c7cc;border-radius:.4rem;padding:1rem;overflow:auto;contain:content}
"""


@dataclass(frozen=True)
class Subject:
    """A mail to be shown.

    Attributes:
        request: The mail, whose HTML is harmless already.
        recipients: Everybody who gets it.
        files: Its attachments, by their SHA-256.
        digest: Of the revision (64 hex), which a review names.
        case: The case's id; None before it is submitted.
        findings: What the checks found; the first 50.
        count: How many they are in all.
    """

    request: SendRequest
    recipients: Recipients
    files: Mapping[str, bytes]
    digest: str
    case: str | None
    findings: Sequence[Finding]
    count: int


def preview(subject: Subject) -> bytes:
    """Return the page that shows a mail."""
    request, files = subject.request, subject.files
    parts = [
        facts(_head(subject)),
        findings_part(subject.findings, subject.count),
        _recipients(subject.recipients),
    ]
    if request.text is not None:
        parts.append(f"<h2>As text</h2>\n<pre>{as_text(request.text)}</pre>")
    if request.html is not None:
        # Its own styles stand in attributes, which the page's rules for styles leave alone.
        shown = _with_pictures(request, files)
        parts.append(f'<h2>As HTML</h2>\n<div class="html">{shown}</div>')
    if request.attachments:
        parts.append(_attachments(request))
    return review_page(
        request.subject,
        "This is not sent.",
        parts,
        style=_STYLE,
        images="data:",
        policy="style-src-attr 'unsafe-inline'",
    )


def _head(subject: Subject) -> list[tuple[str, str]]:
    request = subject.request
    return [
        ("From", str(request.sender)),
        ("Reply to", str(request.reply_to or "")),
        ("To", ", ".join(map(str, request.to))),
        ("Cc", ", ".join(map(str, request.cc))),
        ("Bcc", ", ".join(map(str, request.bcc))),
        ("Lists", ", ".join(each.name for each in request.lists)),
        ("Answers", request.references[-1] if request.references else ""),
        ("Unsubscribe", request.unsubscribe or ""),
        ("Asked by", request.requester),
        ("Why", request.note or ""),
        ("Case", subject.case or ""),
        ("Digest to approve", subject.digest),
    ]


def _recipients(recipients: Recipients) -> str:
    everybody = recipients.all
    counted = by_domain(everybody)
    own = sum(recipient.own for recipient in everybody)
    told = f"{len(everybody):,} recipients in {len(counted):,} domains"
    if own:
        told += f"; {own:,} get a mail of their own"
    if recipients.duplicates:
        told += f"; {recipients.duplicates:,} were written more than once"
    domains = "\n".join(
        fact(domain if "xn--" not in domain else f"{domain} ({readable(domain)})", f"{count:,}")
        for domain, count in top_domains(counted).items()
    )
    people = ", ".join(str(recipient.mailbox) for recipient in everybody[:_SHOWN_PEOPLE])
    if len(everybody) > _SHOWN_PEOPLE:
        people += f", and {len(everybody) - _SHOWN_PEOPLE:,} more"
    return (
        f"<h2>{told}</h2>\n<table>\n{domains}\n</table>\n"
        f"<details><summary>Who</summary><p>{as_text(people)}</p></details>"
    )


def _attachments(request: SendRequest) -> str:
    rows = "\n".join(
        f"<tr><td>{as_text(file.name)}</td><td>{as_text(file.media_type)}</td>"
        f"<td>{size_text(file.size)}</td><td><code>{file.sha256}</code></td></tr>"
        for file in request.attachments
    )
    return f"<h2>Attachments</h2>\n<table>\n{rows}\n</table>"


def _with_pictures(request: SendRequest, files: Mapping[str, bytes]) -> str:
    """Put the pictures that the mail brings into its HTML; others are not fetched."""
    text, room = request.html or "", _INLINE_BYTES
    for file in request.attachments:
        # One picture that is shown a thousand times is there a thousand times.
        needed = file.size * text.count(f'"cid:{file.cid}"')
        if not 0 < needed <= room or not file.media_type.startswith("image/"):
            continue
        room -= needed
        told = base64.b64encode(files[file.sha256]).decode()
        text = text.replace(f'"cid:{file.cid}"', f'"data:{file.media_type};base64,{told}"')
    return text
