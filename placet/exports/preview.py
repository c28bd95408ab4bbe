"""Show an export to those who review it: one page, complete in itself, in which nothing can run."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Template

from placet.content.page import security
from placet.domain.catalogue import Dataset
from placet.domain.export import ExportRequest, Scope, rows_text
from placet.domain.filters import words
from placet.domain.finding import Finding
from placet.domain.plurals import plural

_STYLE = """\
body{margin:0 auto;max-width:60rem;padding:1.5rem;font:1rem/1.5 system-ui,sans-serif;\
overflow-wrap:anywhere}
h2{font-size:1rem;margin:1.5rem 0 .4rem}
th{text-align:left;vertical-align:top;padding-right:1rem;font-weight:600}
td{vertical-align:top;padding-right:1rem}
.rows{display:block;overflow-x:auto}
.none{color:#5f6368}
code{font-family:ui-monospace,monospace;font-size:.85em}
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
<p>Preview for review. Nothing has left the database.</p>
<h1>$title</h1>
<table>
$head
</table>
$parts
</body>
</html>
""")


@dataclass(frozen=True)
class Subject:
    """An export to be shown.

    Attributes:
        request: What somebody asks for.
        scope: What was counted.
        dataset: What the catalogue said then.
        sample: The rows that people see: a text for each column, None for null.
        types: Each column's type.
        digest: Of the revision (64 hex), which a review names.
        case: The case's id; None before it is submitted.
        findings: What the checks found; the first 50.
        count: How many they are in all.
    """

    request: ExportRequest
    scope: Scope
    dataset: Dataset
    sample: Sequence[Sequence[str | None]]
    types: dict[str, str]
    digest: str
    case: str | None
    findings: Sequence[Finding]
    count: int


def preview(subject: Subject) -> bytes:
    """Return the page that shows an export."""
    title = f"Export {subject.request.dataset}"
    page = _PAGE.substitute(
        security=html.escape(security(_STYLE, images="'none'")),
        title=_text(title),
        style=_STYLE,
        head="\n".join(_row(name, value) for name, value in _head(subject) if value),
        parts="\n".join(_parts(subject)),
    )
    return page.encode()


def _head(subject: Subject) -> list[tuple[str, str]]:
    request, dataset = subject.request, subject.dataset
    key = request.recipient.key
    return [
        ("For", request.purpose),
        ("Asked by", request.requester),
        ("Goes to", str(request.recipient)),
        ("Encrypted", f"to the key {key}" if key else "no"),
        ("Kept for", str(request.keep)),
        ("Data set", f"{request.dataset}: {dataset.about}"),
        ("Owned by", ", ".join(map(str, dataset.owner))),
        ("Rows", _rows_told(subject.scope)),
        ("Which", words(request.filters)),
        ("Always", words(dataset.rows) if dataset.rows else ""),
        ("Form", f"{request.format}, compressed: {request.compression}"),
        ("Case", subject.case or ""),
        ("Digest to approve", subject.digest),
        ("Decide", f"placet approve {subject.case} --as ADDRESS" if subject.case else ""),
    ]


def _rows_told(scope: Scope) -> str:
    if scope.rows is None:
        return "not counted, as the source is not known here; the worker counts them"
    return rows_text(scope.rows)


def _parts(subject: Subject) -> Iterator[str]:
    yield _findings(subject)
    yield _columns(subject)
    if subject.scope.sample is not None:
        yield _sample(subject)


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


def _columns(subject: Subject) -> str:
    scope = subject.scope
    rows = "\n".join(
        f"<tr><th>{_text(name)}</th><td>{_text(subject.types.get(name, ''))}</td>"
        f"<td>{'<strong>personal</strong>' if name in scope.personal else ''}</td>"
        f"<td>{_text(subject.dataset.columns[name].about or '')}</td></tr>"
        for name in scope.columns
    )
    count, personal = len(scope.columns), len(scope.personal)
    heading = f"{plural(count, 'column')}, {personal} of them about people"
    return f"<h2>{heading}</h2>\n<table>\n{rows}\n</table>"


def _sample(subject: Subject) -> str:
    heads = "".join(f"<th>{_text(name)}</th>" for name in subject.scope.columns)
    rows = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in subject.sample)
    return (
        "<h2>The first rows, what is about people masked</h2>\n"
        f'<table class="rows">\n<tr>{heads}</tr>\n{rows}\n</table>'
    )


def _cell(value: str | None) -> str:
    return '<td class="none">none</td>' if value is None else f"<td>{_text(value)}</td>"


def _row(name: str, value: str) -> str:
    return f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"


def _text(value: str) -> str:
    return html.escape(value, quote=False)
