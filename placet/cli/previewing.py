"""Write the page that shows a request to those who review it."""

import json as jsonlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from placet.cli.codes import Code
from placet.cli.console import as_json, out, say
from placet.cli.kinds import kind_of
from placet.cli.records import records_of
from placet.cli.submitting import Read, read_request, understood
from placet.connections import open_ledger
from placet.digest import digest
from placet.domain.errors import InvalidInputError, NotFoundError, UnavailableError
from placet.domain.finding import Finding, found_text
from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import RequestRow
from placet.domain.publication import slug_of
from placet.domain.vocabulary import Kind
from placet.personal.sealing import ERASED, SEALED
from placet.pipelines.pipeline import Pipeline, Prepared, Records, Viewed, WithFiles
from placet.planned import require_proposal
from placet.ports import Ledger
from placet.registry import pipeline_named
from placet.settings import Settings


async def write_preview(
    what: str,
    *,
    pipeline: str | None,
    target: str | None,
    json: bool,
    proposal: bool = False,
) -> int:
    """Write the preview of a case, or of a file that is not submitted yet.

    Args:
        what: A case's id, or a path.
        pipeline: Of which kind the file is, if it does not say.
        target: Where to write it; ``-`` for the standard output, None for a name of its own.
        json: Whether to print JSON.
        proposal: Whether to show the change that a reviewer proposes, instead of the case.

    Raises:
        NotFoundError: There is no such case or proposal, or there is nothing to see of it.
    """
    settings = Settings.from_environment()
    if proposal:
        viewed, page = await _of_proposal(settings, what)
    elif _is_file(what):
        kind = kind_of(what, pipeline)
        viewed, page = await _of_file(settings, kind, what)
    else:
        viewed, page = await _of_case(settings, what)
    if target == "-":
        out(page.decode())
        return Code.OK
    name = slug_of(viewed.case or viewed.digest[:12])
    path = Path(target or f"preview-{name}{'-proposal' if proposal else ''}.html")
    _write(path, page)
    if json:
        as_json(
            {
                "file": str(path),
                "digest": viewed.digest,
                "request": viewed.case,
                "findings": [finding.model_dump(mode="json") for finding in viewed.findings],
                "scope": dict(viewed.scope),
            }
        )
        return Code.OK
    out(str(path))
    count = len(viewed.findings)
    say(f"{found_text(count)}; open it in a browser" if count else "open it in a browser")
    return Code.OK


def _is_file(what: str) -> bool:
    return Path(what).exists()


async def _of_file(settings: Settings, kind: Pipeline, file: str) -> tuple[Viewed, bytes]:
    async with AsyncExitStack() as stack:
        ledger: Ledger | None = None
        try:
            ledger = await stack.enter_async_context(open_ledger(settings))
        except UnavailableError as error:
            say(f"not compared with what is published now: {error}")
        read = await read_request(settings, kind, file, ledger, counted=True)
        viewed = _viewed(read, read.prepared, offline=ledger is None)
        records = records_of([*read.files, *read.prepared.made], ledger)
        return viewed, await _shown(kind, viewed, records)


def _viewed(read: Read, prepared: Prepared, *, offline: bool) -> Viewed:
    return Viewed(
        request=prepared.request.model_dump(mode="json"),
        digest=digest(prepared.request),
        case=None,
        facts={**prepared.facts, "requester": read.requester.address},
        findings=prepared.findings,
        scope=prepared.scope,
        effect_at=prepared.effect_at,
        offline=offline,
    )


async def _of_case(settings: Settings, case: str) -> tuple[Viewed, bytes]:
    async with open_ledger(settings) as ledger:
        row, kind = await _row_of(ledger, case)
        sha256 = str(row.digest)
        plan = _plan_of(case, sha256, await ledger.timeline(case))
        viewed = _planned(case, sha256, jsonlib.loads(await ledger.get_content(sha256)), plan)
        return viewed, await _shown(kind, viewed, ledger)


async def _of_proposal(settings: Settings, case: str) -> tuple[Viewed, bytes]:
    """Plan what a reviewer proposes as it would be planned now, and show that."""
    async with open_ledger(settings) as ledger:
        row, kind = await _row_of(ledger, case)
        proposed = require_proposal(await ledger.timeline(case), row)
        request = jsonlib.loads(await ledger.get_content(proposed.digest))
        read = await understood(settings, kind, WithFiles(request), ledger, counted=True)
        viewed = replace(_viewed(read, read.prepared, offline=False), case=case)
        return viewed, await _shown(kind, viewed, records_of(read.prepared.made, ledger))


async def _row_of(ledger: Ledger, case: str) -> tuple[RequestRow, Pipeline]:
    """Return a planned case, and its kind."""
    row = await ledger.request(case)
    if row is None or row.digest is None:
        raise NotFoundError(
            f"there is no planned case {case[:100]!r}, and no such file; look at: placet list"
        )
    kind = pipeline_named(row.pipeline)
    if kind is None:
        raise NotFoundError(f"this version knows no pipeline {row.pipeline}; upgrade it")
    return row, kind


def _plan_of(case: str, sha256: str, story: list[RecordedEvent]) -> Mapping[str, Any]:
    """Return what the plan of a revision said.

    Raises:
        NotFoundError: A part of it was erased, or this machine cannot open it, or it is not there.
    """
    data: Any = next(
        (
            event.body["data"]
            for event in reversed(story)
            if event.kind == Kind.PLANNED and event.body.get("digest") == sha256
        ),
        None,
    )
    if data is None:
        raise NotFoundError(
            f"the plan of {case} is not in the ledger any more, so there is no preview of it; see "
            f"what is left: placet show {case}"
        )
    scope = data.get("scope")
    parts = (data.get("facts"), data.get("findings"), scope)
    told = [*parts, *(scope.values() if isinstance(scope, dict) else ())]
    if ERASED in told or SEALED in told:
        raise NotFoundError(
            f"what {case} was about was erased, or its key is not on this machine, so there is no "
            f"preview of it any more; see what is left: placet show {case}"
        )
    plan: Mapping[str, Any] = data
    return plan


def _planned(case: str, sha256: str, request: Any, data: Mapping[str, Any]) -> Viewed:
    effect_at = data.get("effect_at")
    return Viewed(
        request=request,
        digest=sha256,
        case=case,
        facts=data.get("facts", {}),
        findings=tuple(Finding.model_validate(each) for each in data.get("findings", ())),
        scope=data.get("scope", {}),
        effect_at=datetime.fromisoformat(effect_at) if effect_at else None,
    )


async def _shown(kind: Pipeline, viewed: Viewed, records: Records) -> bytes:
    if kind.door.preview is None:
        raise NotFoundError(
            f"there is no preview of {kind.name} requests; look at it: placet show, or "
            "placet policy explain"
        )
    return await kind.door.preview(viewed, records)


def _write(path: Path, page: bytes) -> None:
    try:
        path.write_bytes(page)
    except OSError as error:
        raise InvalidInputError(
            f"{path}: {error.strerror or error}; name another file with --out"
        ) from None
