"""Show an export to those who review it: one page, complete in itself, in which nothing can run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from placet.content.reviewing import as_text, facts, findings_part, review_page
from placet.domain.catalogue import Dataset
from placet.domain.export import ExportRequest, Scope, rows_text
from placet.domain.filters import words
from placet.domain.finding import Finding
from placet.domain.plurals import plural

_STYLE = """\
.rows{display:block;overflow-x:auto}
.none{color:#5f6368}
"""


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
    notice = "Nothing has left the database."
    return review_page(title, notice, _parts(subject), style=_STYLE)


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
    yield facts(_head(subject))
    yield findings_part(subject.findings, subject.count)
    yield _columns(subject)
    if subject.scope.sample is not None:
        yield _sample(subject)


def _columns(subject: Subject) -> str:
    scope = subject.scope
    rows = "\n".join(
        f"<tr><th>{as_text(name)}</th><td>{as_text(subject.types.get(name, ''))}</td>"
        f"<td>{'<strong>personal</strong>' if name in scope.personal else ''}</td>"
        f"<td>{as_text(subject.dataset.columns[name].about or '')}</td></tr>"
        for name in scope.columns
    )
    count, personal = len(scope.columns), len(scope.personal)
    heading = f"{plural(count, 'column')}, {personal} of them about people"
    return f"<h2>{heading}</h2>\n<table>\n{rows}\n</table>"


def _sample(subject: Subject) -> str:
    heads = "".join(f"<th>{as_text(name)}</th>" for name in subject.scope.columns)
    rows = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in subject.sample)
    return (
        "<h2>The first rows, what is about people masked</h2>\n"
        f'<table class="rows">\n<tr>{heads}</tr>\n{rows}\n</table>'
    )


def _cell(value: str | None) -> str:
    return '<td class="none">none</td>' if value is None else f"<td>{as_text(value)}</td>"
