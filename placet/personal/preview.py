"""Show an erasure to those who review it: one page, complete, in which nothing can run."""

import html
from collections.abc import Mapping, Sequence
from string import Template

from pydantic import JsonValue

from placet.content.page import security
from placet.domain.erasure import EraseRequest
from placet.domain.finding import Finding

_STYLE = """\
body{margin:0 auto;max-width:60rem;padding:1.5rem;font:1rem/1.5 system-ui,sans-serif;\
overflow-wrap:anywhere}
h2{font-size:1rem;margin:1.5rem 0 .4rem}
.held{border:.15rem solid;padding:.6rem 1rem}
th{text-align:left;vertical-align:top;padding-right:1rem;font-weight:600}
"""

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$security">
<meta name="referrer" content="no-referrer">
<title>Preview: $title</title>
<style>$style</style>
</head>
<body>
<p>Preview for review. Nothing is erased yet; once it is, nobody can undo it.</p>
<h1>$title</h1>
$held
<table>
$head
</table>
<h2>What stays, and why it may</h2>
<ul>
$stays
</ul>
<h2>What to know</h2>
<ul>
$findings
</ul>
</body>
</html>
""")

_HELD = Template("""\
<p class="held" role="note"><strong>A legal hold forbids it now ($holds).</strong> Even if it is \
approved, nothing is erased while the hold stands. See who placed it, and why: \
<code>placet audit holds</code></p>""")

_SAID = {
    "events": "Texts about them in the ledger",
    "requests": "Requests of theirs",
    "open": "Requests not closed yet",
    "paid": "Requests of theirs that have paid",
    "reviews": "Verdicts that they gave",
    "files": "Files that go, unless requests of others hold the same",
}


def preview(  # noqa: PLR0913, PLR0917 - each is another side of what is shown
    request: EraseRequest,
    scope: Mapping[str, JsonValue],
    findings: Sequence[Finding],
    digest: str,
    case: str | None,
    holds: Sequence[str] = (),
) -> bytes:
    """Return the page that shows an erasure.

    Args:
        request: What somebody asks for.
        scope: What was counted, and what stays.
        findings: What its checks found.
        digest: Of the revision (64 hex), which a review names.
        case: The case's id; None before it is submitted.
        holds: The names of the legal holds that stand and forbid it now.
    """
    title = f"Erase what is personal about {request.subject}"
    stays = scope.get("stays")
    rows = [
        ("Why", request.reason),
        ("Asked by", request.requester),
        *((said, scope.get(name)) for name, said in _SAID.items()),
        ("Case", case),
        ("Digest to approve", digest),
        ("Decide", f"placet approve {case} --as ADDRESS" if case else None),
    ]
    told = (f"{each.where}: {each.message}" for each in findings)
    page = _PAGE.substitute(
        security=html.escape(security(_STYLE, images="'none'")),
        title=_text(title),
        style=_STYLE,
        held=_HELD.substitute(holds=_text(", ".join(holds))) if holds else "",
        head="\n".join(
            f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"
            for name, value in rows
            if value is not None
        ),
        stays=_items(stays if isinstance(stays, list) else ()),
        findings=_items(list(told)) or "<li>The checks found nothing.</li>",
    )
    return page.encode()


def _items(lines: Sequence[object]) -> str:
    return "\n".join(f"<li>{_text(each)}</li>" for each in lines)


def _text(value: object) -> str:
    return html.escape(str(value))
