"""Show a mail to those who review it: one page, complete in itself, in which nothing can run."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from placet.content.page import security
from placet.domain.finding import Finding
from placet.domain.plurals import plural
from placet.domain.recipients import Recipients, by_domain, top_domains
from placet.domain.sending import SendRequest
from placet.files import size_text
from placet.mail.checks import readable

_SHOWN_PEOPLE = 50
_INLINE_BYTES = 2 * 1024 * 1024
"""So much of the pictures inside the text is shown; the page has to stay small enough to keep."""

_STYLE = """\
body{margin:0 auto;max-width:52rem;padding:1.5rem;font:1rem/1.5 system-ui,sans-serif;\
overflow-wrap:anywhere}
h2{font-size:1rem;margin:1.5rem 0 .4rem}
th{text-align:left;vertical-align:top;padding-right:1rem;font-weight:600}
td{vertical-align:top}
pre{white-space:pre-wrap;padding:1rem;background:#f4f4f5;border-radius:.4rem}
.html{border:1px solid #c4c7cc;border-radius:.4rem;padding:1rem;overflow:auto;contain:content}
code{font-family:ui-monospace,monospace;font-size:.85em}
"""

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$security">
<meta name="referrer" content="no-referrer">
<title>Preview: $subject</title>
<style>$style</style>
</head>
<body>
<p>Preview for review. This is not sent.</p>
<h1>$subject</h1>
<table>
$head
</table>
$parts
</body>
</html>
""")


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
    parts = [_findings(subject), _recipients(subject.recipients)]
    if request.text is not None:
        parts.append(f"<h2>As text</h2>\n<pre>{_text(request.text)}</pre>")
    if request.html is not None:
        # Its own styles stand in attributes, which the page's rules for styles leave alone.
        shown = _with_pictures(request, files)
        parts.append(f'<h2>As HTML</h2>\n<div class="html">{shown}</div>')
    if request.attachments:
        parts.append(_attachments(request))
    page = _PAGE.substitute(
        security=html.escape(f"{security(_STYLE, images='data:')}; style-src-attr 'unsafe-inline'"),
        subject=_text(request.subject),
        style=_STYLE,
        head="\n".join(_row(name, value) for name, value in _head(subject) if value),
        parts="\n".join(parts),
    )
    return page.encode()


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


def _findings(subject: Subject) -> str:
    if not subject.count:
        return "<p>The checks found nothing.</p>"
    rows = "\n".join(
        f"<tr><th>{_text(each.kind)}</th><td><code>{_text(each.where)}</code></td>"
        f"<td>{_text(each.message)}</td></tr>"
        for each in subject.findings
    )
    left = subject.count - len(subject.findings)
    more = f"<p>and {left:,} more</p>" if left > 0 else ""
    heading = plural(subject.count, "finding")
    return f"<h2>{heading}</h2>\n<table>\n{rows}\n</table>{more}"


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
        _row(domain if "xn--" not in domain else f"{domain} ({readable(domain)})", f"{count:,}")
        for domain, count in top_domains(counted).items()
    )
    people = ", ".join(str(recipient.mailbox) for recipient in everybody[:_SHOWN_PEOPLE])
    if len(everybody) > _SHOWN_PEOPLE:
        people += f", and {len(everybody) - _SHOWN_PEOPLE:,} more"
    return (
        f"<h2>{told}</h2>\n<table>\n{domains}\n</table>\n"
        f"<details><summary>Who</summary><p>{_text(people)}</p></details>"
    )


def _attachments(request: SendRequest) -> str:
    rows = "\n".join(
        f"<tr><td>{_text(file.name)}</td><td>{_text(file.media_type)}</td>"
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


def _row(name: str, value: str) -> str:
    return f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"


def _text(value: str) -> str:
    return html.escape(value, quote=False)
