"""The door of the delete pipeline: rows of a data set that somebody wants gone.

The selection is frozen here, before anybody is asked: what people approve are the keys of exactly
these rows, and no row that fits the filters later is touched.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from placet.deleting.preview import Subject, preview
from placet.deleting.selection import Frozen, Part
from placet.digest import canonical
from placet.domain.catalogue import DeleteRule, Entry, UnknownDatasetError
from placet.domain.data_rules import MOST_ROWS, DataRules
from placet.domain.deletion import (
    DeleteRequest,
    Mode,
    Reference,
    ReferenceAction,
    Scope,
    rows_text,
    title_of,
)
from placet.domain.errors import InvalidInputError
from placet.domain.facts import FactKind
from placet.domain.finding import Finding
from placet.domain.plan import Selector
from placet.domain.problems import Problem
from placet.domain.selection import Survey, filter_problems
from placet.pipelines.explain import problems_in, refused
from placet.pipelines.pipeline import Door, Prepared, Records, Surroundings, Viewed
from placet.sources.catalogue import load_catalogue

_WHAT = "this deletion"
_JSON = "application/json"
_NOT_COUNTED = Finding(
    kind="not-counted",
    where="dataset",
    message="rows are not counted: the source is not known here; the worker counts them before "
    "anybody is asked",
)


def parse_deletion(raw: Any) -> DeleteRequest:
    """Read a deletion and check everything that it says by itself.

    Raises:
        InvalidInputError: With a line for each problem: the field, what is wrong, what to do.
    """
    if not isinstance(raw, dict):
        raise refused(_WHAT, [Problem((), "it is not a JSON object; write it as {...}")])
    try:
        return DeleteRequest.model_validate(raw)
    except ValidationError as error:
        raise refused(_WHAT, problems_in(error)) from None


async def prepare_deletion(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand a deletion for planning, and freeze what it selects; see ``Prepare``.

    Where no source can be asked, nothing is frozen, and a finding says so.

    Raises:
        InvalidInputError: With a line for each problem; or it selects nothing, too much, or
            everything without saying so.
        UnavailableError: The source does not answer.
        PlacetError: The role that deletes may do too little, or everything.
    """
    request = parse_deletion(raw)
    entry, rule = _entry(request, surroundings)
    rules = surroundings.policy.data or DataRules()
    if surroundings.sources is None:
        return _prepared(request, entry, rule, None, [_NOT_COUNTED])
    frozen = await surroundings.sources.freeze(
        entry, [*entry.dataset.columns], request.filters, min(rules.most_rows, MOST_ROWS)
    )
    _refuse_slips(request, frozen.survey)
    kept = Part.of(canonical(entry), _JSON)
    survey = Part.of(canonical(frozen.survey), _JSON)
    scope = Scope(
        dataset=request.dataset,
        source=entry.dataset.source,
        catalogue=kept.sha256,
        rows=frozen.keys.rows,
        total=frozen.survey.total,
        selection=frozen.keys.sha256,
        parts=tuple(part.sha256 for part in frozen.keys.parts),
        survey=survey.sha256,
        mode=_mode(rule),
        grace=rule.grace,
        undo=rule.undo,
        purge=rule.purge,
        tolerance=rules.tolerance,
    )
    found = _prepared(request, entry, rule, scope, [*_findings(rule, frozen)])
    return replace(found, made=(*frozen.keys.parts, kept, survey))


def _prepared(
    request: DeleteRequest,
    entry: Entry,
    rule: DeleteRule,
    scope: Scope | None,
    findings: list[Finding],
) -> Prepared:
    return Prepared(
        request=request,
        requester=request.requester,
        title=title_of(scope.rows if scope else None, request.dataset),
        amount=None,
        facts={
            "dataset": request.dataset,
            "rows": scope.rows if scope else 0,
            "everything": scope.everything if scope else request.everything,
            "share": scope.share if scope else 0,
            "mode": _mode(rule).value,
            "personal": len(entry.dataset.personal),
            "requester": request.requester,
            "findings": len(findings),
            "finding_kinds": [*sorted({finding.kind for finding in findings})],
        },
        reference=request.reference,
        findings=tuple(findings),
        scope=scope.to_plan() if scope else {},
        effect_after=rule.grace.wall() if rule.grace else timedelta(0),
        owners=entry.dataset.owner,
    )


def _entry(request: DeleteRequest, surroundings: Surroundings) -> tuple[Entry, DeleteRule]:
    """Return the data set, and how rows of it are deleted."""
    try:
        entry = surroundings.catalogue().entry(request.dataset)
    except UnknownDatasetError as error:
        raise refused(_WHAT, [Problem(("dataset",), str(error))]) from None
    rule = entry.dataset.delete
    if rule is None:
        text = "nothing of this data set can be deleted; its entry in datasets.yaml has no delete"
        raise refused(_WHAT, [Problem(("dataset",), text)])
    if problems := [*filter_problems(entry.dataset, request.filters)]:
        raise refused(_WHAT, problems)
    return entry, rule


def _mode(rule: DeleteRule) -> Mode:
    return Mode.HARD if rule.hard else Mode.SOFT


def _refuse_slips(request: DeleteRequest, survey: Survey) -> None:
    """Refuse what is most likely a mistake.

    Raises:
        InvalidInputError: The filters select nothing, or everything without saying so.
    """
    if survey.rows == 0:
        raise refused(
            _WHAT, [Problem(("filters",), "no row fits them, so nothing is deleted; correct them")]
        )
    if survey.everything and not request.everything:
        text = (
            f"all {rows_text(survey.total)} fit them; correct them, or write "
            '"everything": true if that is meant'
        )
        raise refused(_WHAT, [Problem(("filters",), text)])
    if request.everything and not survey.everything:
        text = (
            f"the filters select {survey.rows:,} of {rows_text(survey.total)}; take everything "
            "out, or the filters"
        )
        raise refused(_WHAT, [Problem(("everything",), text)])


_DOES = {
    ReferenceAction.CASCADE: ("deletes-more", "rows of {} that refer to these are deleted too"),
    ReferenceAction.SET_NULL: ("changes-more", "rows of {} that refer to these lose that"),
    ReferenceAction.SET_DEFAULT: ("changes-more", "rows of {} that refer to these change that"),
}


def _findings(rule: DeleteRule, frozen: Frozen) -> Iterator[Finding]:
    survey = frozen.survey
    if survey.everything:
        message = f"it deletes every row there is: {survey.total:,}"
        yield Finding(kind="everything", where="filters", message=message)
    if rule.hard or rule.purge:
        yield from map(_of_reference, frozen.references)


def _of_reference(reference: Reference) -> Finding:
    kind, text = _DOES.get(
        reference.action, ("held", "rows that {} refers to are not deleted, and are listed")
    )
    return Finding(kind=kind, where=reference.table, message=text.format(reference.table))


def owners(policies: Path) -> tuple[Selector, ...]:
    """Return everybody who owns a data set that rows can be deleted from."""
    entries = load_catalogue(policies).entries
    named = (each.dataset.owner for each in entries if each.dataset.delete is not None)
    return tuple(dict.fromkeys(owner for group in named for owner in group))


FACTS = {
    "dataset": FactKind.TEXT,
    "rows": FactKind.NUMBER,
    "everything": FactKind.TRUTH,
    "share": FactKind.NUMBER,
    "mode": FactKind.TEXT,
    "personal": FactKind.NUMBER,
    "requester": FactKind.TEXT,
    "findings": FactKind.NUMBER,
    "finding_kinds": FactKind.TEXTS,
}


async def preview_deletion(viewed: Viewed, records: Records) -> bytes:
    """Show a deletion; see ``Preview``.

    Raises:
        InvalidInputError: It was not planned, so that nobody knows what it would delete.
        NotFoundError: Something that belongs to it is not stored any more.
    """
    if not viewed.scope:
        raise InvalidInputError(
            "the source cannot be asked from here, so there is nothing to see; submit it, or set "
            "the variables that datasets.yaml names"
        )
    scope = Scope.model_validate(viewed.scope)
    subject = Subject(
        request=DeleteRequest.model_validate(viewed.request, extra="ignore"),
        scope=scope,
        entry=Entry.model_validate_json(await records.get_content(scope.catalogue), extra="ignore"),
        survey=Survey.model_validate_json(await records.get_content(scope.survey)),
        digest=viewed.digest,
        case=viewed.case,
        findings=viewed.findings,
        count=int(str(viewed.facts.get("findings", len(viewed.findings)))),
    )
    return await asyncio.to_thread(preview, subject)


DOOR = Door(prepare_deletion, FACTS, preview=preview_deletion, owners=owners)
