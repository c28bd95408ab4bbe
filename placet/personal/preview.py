"""Show an erasure to those who review it: one page, complete, in which nothing can run."""

from collections.abc import Mapping, Sequence
from string import Template

from pydantic import JsonValue

from placet.content.reviewing import as_text, facts, review_page
from placet.domain.erasure import EraseRequest
from placet.domain.finding import Finding

_STYLE = """\
.held{border:.15rem solid;padding:.6rem 1rem}
"""

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
    parts = (
        *([_HELD.substitute(holds=as_text(", ".join(holds)))] if holds else []),
        facts((name, str(value)) for name, value in rows if value is not None),
        "<h2>What stays, and why it may</h2>",
        _items(stays if isinstance(stays, list) else ()),
        "<h2>What to know</h2>",
        _items(list(told) or ["The checks found nothing."]),
    )
    notice = "Nothing is erased yet; once it is, nobody can undo it."
    return review_page(title, notice, parts, style=_STYLE)


def _items(lines: Sequence[object]) -> str:
    told = "\n".join(f"<li>{as_text(each)}</li>" for each in lines)
    return f"<ul>\n{told}\n</ul>"
