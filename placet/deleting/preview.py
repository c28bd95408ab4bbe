"""Show a deletion to those who review it: one page, complete, in which nothing can run."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Template

from placet.content.page import security
from placet.domain.catalogue import Entry
from placet.domain.deletion import DeleteRequest, Scope, rows_text, title_of
from placet.domain.filters import words
from placet.domain.finding import Finding
from placet.domain.plurals import plural
from placet.domain.selection import Survey

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
<p>Preview for review. Nothing is deleted yet.</p>
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
    """A deletion to be shown.

    Attributes:
        request: What somebody asks for.
        scope: What was frozen.
        entry: The data set.
        survey: What its source said, with a masked sample.
        digest: Of the revision (64 hex), which a review names.
        case: The case's id; None before it is submitted.
        findings: What the checks found; the first 50.
        count: How many they are in all.
    """

    request: DeleteRequest
    scope: Scope
    entry: Entry
    survey: Survey
    digest: str
    case: str | None
    findings: Sequence[Finding]
    count: int


def preview(subject: Subject) -> bytes:
    """Return the page that shows a deletion."""
    title = title_of(subject.scope.rows, subject.scope.dataset)
    page = _PAGE.substitute(
        security=html.escape(security(_STYLE, images="'none'")),
        title=_text(title),
        style=_STYLE,
        head="\n".join(_row(name, value) for name, value in _head(subject) if value),
        parts="\n".join([_findings(subject), _sample(subject)]),
    )
    return page.encode()


def _head(subject: Subject) -> Iterator[tuple[str, str]]:
    request, scope, dataset = subject.request, subject.scope, subject.entry.dataset
    yield "Data set", f"{scope.dataset}: {dataset.about}"
    yield "Table", f"{dataset.table} of {scope.source}"
    yield "Which rows", words(request.filters)
    yield "Always", words(dataset.rows) if dataset.rows else ""
    yield "How many", f"{scope.rows:,} of {rows_text(scope.total)} ({scope.percent})"
    yield "How", scope.how
    yield "When it runs", scope.when_it_runs
    yield "Why", request.reason
    yield "Asked by", request.requester
    yield "Reference", request.reference or ""
    yield "Case", subject.case or ""
    yield "Digest of the selection", scope.selection
    yield "Digest to approve", subject.digest


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


def _sample(subject: Subject) -> str:
    survey, dataset = subject.survey, subject.entry.dataset
    head = "".join(
        f"<th>{_text(name)}{' (personal)' if name in dataset.personal else ''}</th>"
        for name in survey.columns
    )
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{_value(value)}</td>" for value in row) + "</tr>"
        for row in survey.sample
    )
    return (
        "<h2>Some of the rows; what is personal is masked</h2>\n"
        f'<table class="rows">\n<tr>{head}</tr>\n{rows}\n</table>'
    )


def _value(value: str | None) -> str:
    return '<span class="none">none</span>' if value is None else _text(value)


def _row(name: str, value: str) -> str:
    return f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"


def _text(value: str) -> str:
    return html.escape(value, quote=False)
