"""Show a deletion to those who review it: one page, complete, in which nothing can run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from placet.content.reviewing import as_text, facts, findings_part, review_page
from placet.domain.catalogue import Entry
from placet.domain.deletion import DeleteRequest, Scope, rows_text, title_of
from placet.domain.filters import words
from placet.domain.finding import Finding
from placet.domain.selection import Survey

_STYLE = """\
.rows{display:block;overflow-x:auto}
.none{color:#5f6368}
"""


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
    parts = (
        facts(_head(subject)),
        findings_part(subject.findings, subject.count),
        _sample(subject),
    )
    return review_page(title, "Nothing is deleted yet.", parts, style=_STYLE)


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


def _sample(subject: Subject) -> str:
    survey, dataset = subject.survey, subject.entry.dataset
    head = "".join(
        f"<th>{as_text(name)}{' (personal)' if name in dataset.personal else ''}</th>"
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
    return '<span class="none">none</span>' if value is None else as_text(value)
