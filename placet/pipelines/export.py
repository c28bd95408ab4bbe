"""The door of the export pipeline: rows of a data set that somebody wants in a file.

Nobody's request holds SQL: it names a data set of the catalogue, columns and filters. What people
are asked about is counted here, before anybody is asked.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from placet.digest import canonical
from placet.domain.base import Stored
from placet.domain.catalogue import Entry, UnknownDatasetError
from placet.domain.data_rules import DataRules
from placet.domain.errors import InvalidInputError
from placet.domain.export import ExportRequest, Scope, rows_text
from placet.domain.facts import FactKind
from placet.domain.finding import Finding
from placet.domain.plan import Selector
from placet.domain.plurals import plural
from placet.domain.problems import Problem
from placet.domain.selection import Survey, column_problems, filter_problems
from placet.exports.encryption import check_key
from placet.exports.preview import Subject, preview
from placet.pipelines.explain import problems_in, refused
from placet.pipelines.pipeline import Door, Prepared, Records, Surroundings, Viewed
from placet.sources.catalogue import load_catalogue

_WHAT = "this export"
_JSON = "application/json"
_HOUR = 3600


class Sample(Stored):
    """What people see of the rows: each column's type, and a few rows of texts."""

    types: dict[str, str]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True)
class KeptFile:
    """Something that is kept beside the request, under the SHA-256 (64 hex) of its content."""

    sha256: str
    media_type: str
    content: bytes

    @classmethod
    def of(cls, value: Any) -> "KeptFile":
        """Return the file that holds ``value`` as canonical JSON."""
        content = canonical(value)
        return cls(hashlib.sha256(content).hexdigest(), _JSON, content)


def parse_export(raw: Any) -> ExportRequest:
    """Read an export and check everything that it says by itself.

    Raises:
        InvalidInputError: With a line for each problem: the field, what is wrong, what to do.
    """
    if not isinstance(raw, dict):
        raise refused(_WHAT, [Problem((), "it is not a JSON object; write it as {...}")])
    try:
        request = ExportRequest.model_validate(raw)
    except ValidationError as error:
        raise refused(_WHAT, problems_in(error)) from None
    if request.recipient.key is not None:
        try:
            check_key(request.recipient.key)
        except InvalidInputError as error:
            raise refused(_WHAT, [Problem(("recipient", "key"), str(error))]) from None
    return request


async def prepare_export(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand an export for planning, and count what it takes; see ``Prepare``.

    Where no source can be asked, nothing is counted, and a finding says so.

    Raises:
        InvalidInputError: With a line for each problem.
        UnavailableError: The source does not answer.
        ConflictError: The role that should only read could write.
    """
    request = parse_export(raw)
    rules = surroundings.policy.data or DataRules()
    entry = _entry(request, surroundings)
    columns = request.columns or tuple(entry.dataset.columns)
    personal = tuple(name for name in columns if entry.dataset.columns[name].personal)
    _refuse(_against(request, rules, personal))
    survey = None
    if surroundings.sources is not None:
        survey = await surroundings.sources.survey(entry, columns, request.filters)
        _refuse(_of_size(survey, rules))
    kept = KeptFile.of(entry)
    sample = KeptFile.of(Sample(types=survey.types, rows=survey.sample)) if survey else None
    scope = Scope(
        dataset=entry.name,
        source=entry.dataset.source,
        catalogue=kept.sha256,
        rows=survey.rows if survey else None,
        columns=columns,
        personal=personal,
        format=request.format,
        compression=request.compression,
        encrypt=request.recipient.key is not None,
        tolerance=rules.tolerance,
        keep=request.keep,
        recipient=request.recipient.address,
        sample=sample.sha256 if sample else None,
        shape=survey.shape if survey else None,
    )
    findings = tuple(_findings(request, scope, survey))
    return Prepared(
        request=request,
        requester=request.requester,
        title=_title(scope),
        amount=None,
        facts={
            "dataset": entry.name,
            "rows": scope.rows or 0,
            "everything": _everything(request, survey),
            "columns": [*columns],
            "personal": len(personal),
            "personal_columns": [*personal],
            "format": request.format.value,
            "encrypted": scope.encrypt,
            "recipient": request.recipient.address,
            "recipient_outside": _outside(request),
            # Planning, which knows the people, corrects it for other addresses of the same person.
            "to_requester": request.recipient.address == request.requester,
            "keep_hours": ceil(request.keep.wall().total_seconds() / _HOUR),
            "requester": request.requester,
            "findings": len(findings),
            "finding_kinds": [*sorted({finding.kind for finding in findings})],
        },
        reference=request.reference,
        findings=findings,
        scope=scope.to_plan(),
        made=(kept, *([sample] if sample else [])),
        owners=entry.dataset.owner,
        kept_out=(request.recipient.address,),
    )


def _entry(request: ExportRequest, surroundings: Surroundings) -> Entry:
    """Return the data set.

    Raises:
        InvalidInputError: There is none, or it has not these columns.
    """
    try:
        entry = surroundings.catalogue().entry(request.dataset)
    except UnknownDatasetError as error:
        raise refused(_WHAT, [Problem(("dataset",), str(error))]) from None
    _refuse(
        [
            *column_problems(entry.dataset, request.columns or ()),
            *filter_problems(entry.dataset, request.filters),
        ]
    )
    return entry


def _against(
    request: ExportRequest, rules: DataRules, personal: tuple[str, ...]
) -> Iterator[Problem]:
    """Yield what the policy does not allow."""
    if request.recipient.key is None and rules.encrypt.demanded(personal=bool(personal)):
        why = f"it holds data about people ({', '.join(personal)})" if personal else "it must be"
        text = f"the policy wants it encrypted: {why}; add the recipient's public key of age"
        yield Problem(("recipient", "key"), text)
    if request.keep.wall() > rules.keep_at_most.wall():
        text = f"a file is kept for {rules.keep_at_most} at most; ask for less"
        yield Problem(("keep",), text)


def _of_size(survey: Survey, rules: DataRules) -> Iterator[Problem]:
    """Yield why so many rows cannot be exported."""
    if survey.rows == 0:
        yield Problem(("filters",), "no row fits them, so there is nothing to export; correct them")
    elif survey.rows > rules.most_rows:
        text = f"{rows_text(survey.rows)} fit them, of at most {rules.most_rows:,}; narrow them"
        yield Problem(("filters",), text)


def _refuse(problems: Iterator[Problem] | list[Problem]) -> None:
    if listed := list(problems):
        raise refused(_WHAT, listed)


def _everything(request: ExportRequest, survey: Survey | None) -> bool:
    return survey.everything if survey else not request.filters


def _outside(request: ExportRequest) -> bool:
    """Say whether the recipient is elsewhere than the requester, as far as addresses tell."""
    home = request.requester.rpartition("@")[2].lower()
    domain = request.recipient.address.rpartition("@")[2]
    return not (domain == home or domain.endswith(f".{home}"))


def _title(scope: Scope) -> str:
    count = len(scope.columns)
    rows = "" if scope.rows is None else f", {rows_text(scope.rows)}"
    return f"Export {scope.dataset}: {plural(count, 'column')}{rows}"


def _findings(request: ExportRequest, scope: Scope, survey: Survey | None) -> Iterator[Finding]:
    how = "encrypted to its recipient" if scope.encrypt else "for whoever has the file to read"
    for name in scope.personal:
        message = f"{name} is data about people; it goes out {how}"
        yield Finding(kind="personal-column", where=name, message=message)
    if _everything(request, survey):
        message = "it takes every row there is; ask whether so many are needed"
        yield Finding(kind="everything", where="filters", message=message)
    if survey is None:
        message = (
            "rows are not counted and none is shown: the source is not known here; the worker "
            "counts them before anybody is asked"
        )
        yield Finding(kind="not-counted", where="dataset", message=message)


def owners(policies: Path) -> tuple[Selector, ...]:
    """Return everybody who owns a data set."""
    named = (each.dataset.owner for each in load_catalogue(policies).entries)
    return tuple(dict.fromkeys(owner for group in named for owner in group))


FACTS = {
    "dataset": FactKind.TEXT,
    "rows": FactKind.NUMBER,
    "everything": FactKind.TRUTH,
    "columns": FactKind.TEXTS,
    "personal": FactKind.NUMBER,
    "personal_columns": FactKind.TEXTS,
    "format": FactKind.TEXT,
    "encrypted": FactKind.TRUTH,
    "recipient": FactKind.TEXT,
    "recipient_outside": FactKind.TRUTH,
    "to_requester": FactKind.TRUTH,
    "keep_hours": FactKind.NUMBER,
    "requester": FactKind.TEXT,
    "findings": FactKind.NUMBER,
    "finding_kinds": FactKind.TEXTS,
}


async def preview_export(viewed: Viewed, records: Records) -> bytes:
    """Show an export; see ``Preview``.

    Raises:
        NotFoundError: Something that belongs to it is not stored any more.
    """
    scope = Scope.model_validate(viewed.scope)
    entry = Entry.model_validate_json(await records.get_content(scope.catalogue), extra="ignore")
    sample = Sample(types={}, rows=())
    if scope.sample is not None:
        sample = Sample.model_validate_json(await records.get_content(scope.sample))
    subject = Subject(
        request=ExportRequest.model_validate(viewed.request, extra="ignore"),
        scope=scope,
        dataset=entry.dataset,
        sample=sample.rows,
        types=sample.types,
        digest=viewed.digest,
        case=viewed.case,
        findings=viewed.findings,
        count=int(str(viewed.facts.get("findings", len(viewed.findings)))),
    )
    return await asyncio.to_thread(preview, subject)


DOOR = Door(prepare_export, FACTS, preview=preview_export, owners=owners)
