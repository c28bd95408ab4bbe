"""Make reports for people out of the ledger, and write them to files."""

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, say
from placet.cli.following import unknown
from placet.connections import open_ledger
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError, PlacetError
from placet.domain.ledger import RecordedEvent
from placet.domain.policy import PolicySnapshot
from placet.ledger.postgres import PostgresLedger
from placet.policy.service import restore_snapshot
from placet.registry import PIPELINES, pipeline_named
from placet.reporting.document import Document
from placet.reporting.files import Form, FormError, form_of, write_report
from placet.reporting.page import page
from placet.reporting.period.counting import Counting
from placet.reporting.period.facts import Period
from placet.reporting.period.machine import as_csv
from placet.reporting.period.machine import as_json as summary_json
from placet.reporting.period.summing import summary_of
from placet.reporting.proof import head_of
from placet.reporting.reading import text
from placet.reporting.record import Story, fault_of, record_of
from placet.settings import Settings


async def report_request(
    request_id: str, out: Path, *, form: Form | None, force: bool, json: bool
) -> int:
    """Write the record of one request.

    Returns:
        The exit code: that of "differs" when the ledger does not hold what was recorded.

    Raises:
        NotFoundError: There is no such request.
        FormError: A record is no table, so it has no form for programs.
    """
    form = form_of(out, form)
    if form not in {Form.HTML, Form.PDF}:
        raise FormError(
            f"a request's record is written as html or pdf; as JSON: placet show {request_id} "
            "--events --json"
        )
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        story = await _story(ledger, request_id, _printed(settings))
    _write(record_of(story), out, form, force=force)
    told = {"request": request_id, "events": len(story.events), "sealed": len(story.proof.places)}
    said = _said(out, form, told, json=json)
    fault = fault_of(story)
    if fault is None:
        return said
    say(f"placet: the proof does not hold. {fault}")
    return Code.DIFFERS


async def report_period(  # noqa: PLR0913 - each is a separate wish
    period: Period,
    out: Path,
    *,
    sample: int,
    seed: int,
    form: Form | None,
    force: bool,
    json: bool,
) -> int:
    """Write the summary of a period.

    Raises:
        InvalidInputError: It names a pipeline that there is not and never was.
    """
    form = form_of(out, form)
    settings = Settings.from_environment()
    counting = Counting(period, sample=sample, seed=seed)
    async with open_ledger(settings) as ledger:
        async for request in ledger.reports.requests(period):
            counting.add(request)
        newest = await ledger.reports.newest()
        proof = await ledger.reports.proof(None, ())
    summary = counting.summary()
    if period.pipeline and not summary.total:
        # The ledger may hold requests of a pipeline that is gone; a misspelt one holds none.
        _known(period.pipeline)
    if form is Form.JSON:
        write_report(out, summary_json(summary), force=force)
    elif form is Form.CSV:
        write_report(out, as_csv(summary), force=force)
    else:
        document = summary_of(
            summary,
            as_of=newest or period.begins,
            names=_printed(settings),
            head=head_of(proof.note),
        )
        _write(document, out, form, force=force)
    return _said(out, form, {"requests": summary.total}, json=json)


def no_period(*told: date | str | int | None) -> None:
    """Refuse the options of a period beside a request.

    Raises:
        InvalidInputError: One is there.
    """
    if any(each is not None for each in told):
        raise InvalidInputError(
            "a report is of one request or of a period: leave out the request, or --from, --to, "
            "--pipeline and --sample"
        )


def period_of(first: date | None, last: date | None, pipeline: str | None) -> Period:
    """Return the period between two days.

    Raises:
        InvalidInputError: A day is missing, or the last comes before the first.
    """
    if first is None or last is None:
        raise InvalidInputError("name a request, or a period by both --from DATE and --to DATE")
    return Period(first, last, pipeline)


def _known(pipeline: str) -> None:
    if pipeline_named(pipeline) is None:
        names = ", ".join(each.name for each in PIPELINES)
        raise InvalidInputError(f"{pipeline[:40]!r} is no pipeline; known are: {names}")


async def _story(ledger: PostgresLedger, request_id: str, printed: dict[str, str]) -> Story:
    row = await ledger.request(request_id)
    if row is None:
        raise unknown(request_id)
    events = await ledger.timeline(request_id)
    if not events:
        raise ConflictError(
            f"{request_id} is in the lists, and the ledger holds no event of it: somebody has "
            "deleted them; keep all as it is, and see placet audit reconcile --request "
            f"{request_id}"
        )
    return Story(
        row=row,
        recorded=events,
        contents=await _contents(ledger, row.digest),
        policies=await _policies(ledger, events),
        payments=await ledger.payments(request=request_id),
        proof=await ledger.reports.proof(request_id, [event.seq for event in events]),
        printed=printed,
    )


async def _contents(ledger: PostgresLedger, digest: str | None) -> dict[str, bytes]:
    try:
        return {digest: await ledger.get_content(digest)} if digest else {}
    except NotFoundError:
        return {}


async def _policies(
    ledger: PostgresLedger, events: Sequence[RecordedEvent]
) -> dict[str, PolicySnapshot]:
    """Return the snapshots that are still kept and are what their digests say."""
    found: dict[str, PolicySnapshot] = {}
    for digest in dict.fromkeys(text(event.body, "policy", "digest") for event in events):
        try:
            stored = await ledger.get_content(digest)
            found[digest] = restore_snapshot(stored, digest)
        except PlacetError:
            continue
    return found


def _printed(settings: Settings) -> dict[str, str]:
    """Return the directory's names by id; none where there is no directory that can be read."""
    try:
        return {person.id: person.name for person in world.people(settings).people}
    except PlacetError:
        return {}


def _write(document: Document, out: Path, form: Form, *, force: bool) -> None:
    if form is Form.PDF:
        from placet.reporting.paper import paper  # noqa: PLC0415 - it is large

        write_report(out, paper(document), force=force)
    else:
        write_report(out, page(document), force=force)


def _said(out: Path, form: Form, told: dict[str, Any], *, json: bool) -> int:
    content = out.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if json:
        as_json(
            {**told, "file": str(out), "form": form.value, "bytes": len(content), "sha256": digest}
        )
    else:
        say(f"wrote {out} ({len(content):,} bytes, sha256 {digest})")
    return Code.OK
