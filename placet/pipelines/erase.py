"""The door of the erase pipeline: what is personal about somebody is to go."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from placet.domain.erasure import Concern, EraseRequest, what_stays
from placet.domain.facts import FactKind
from placet.domain.finding import Finding
from placet.domain.people import Person
from placet.domain.problems import Problem
from placet.personal.preview import preview
from placet.pipelines.access import looked_up
from placet.pipelines.explain import problems_in, refused
from placet.pipelines.pipeline import Door, Prepared, Records, Surroundings, Viewed

_WHAT = "this request to erase somebody"
_LISTED = 10


def parse_erase(raw: Any) -> EraseRequest:
    """Read a request to erase somebody and check everything that it says by itself.

    Raises:
        InvalidInputError: With a line for each problem: the field, what is wrong, what to do.
    """
    if not isinstance(raw, dict):
        raise refused(_WHAT, [Problem((), "it is not a JSON object; write it as {...}")])
    try:
        return EraseRequest.model_validate(raw)
    except ValidationError as error:
        raise refused(_WHAT, problems_in(error)) from None


async def prepare_erase(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand a request to erase somebody; see ``Prepare``.

    Whoever has left the directory is named by the id that they had there.

    Raises:
        InvalidInputError: With a line for each problem.
    """
    told = parse_erase(raw)
    people = surroundings.people()
    asks = looked_up(_WHAT, ("requester",), lambda: people.require(told.requester))
    person = people.resolve(told.subject)
    request = told.model_copy(update={"subject": person.id if person else told.subject})
    concern = await surroundings.records.concern(request.subject)
    problems = _problems(concern, asks, offline=surroundings.offline)
    if listed := list(problems):
        raise refused(_WHAT, listed)
    stays = [f"{each.what} ({each.why})" for each in what_stays(concern)]
    return Prepared(
        request=request,
        requester=request.requester,
        title=f"Erase what is personal about {request.subject}",
        amount=None,
        facts=concern.counts(),
        reference=request.reference,
        findings=tuple(_findings(concern)),
        scope={"subject": request.subject, **concern.counts(), "stays": [*stays]},
        kept_out=(person.addresses[0],) if person else (),
    )


def nothing_about(subject: str) -> str:
    """Say that there is nothing to erase, and what to write instead."""
    return (
        f"nothing personal is recorded about {subject[:100]!r}; write the id that events show, or "
        "request:ID for what strangers said in a request"
    )


def held_by(holds: Sequence[str]) -> str:
    """Say that legal holds, by their names, forbid an erasure, and what to do."""
    return (
        f"a legal hold forbids it ({', '.join(holds)}); when it may go, release it: "
        "placet audit release HOLD --reason TEXT --as WHO"
    )


def _problems(concern: Concern, asks: Person, *, offline: bool) -> Iterator[Problem]:
    path = ("subject",)
    if concern.subject == asks.id:
        yield Problem(
            path,
            "nobody asks for their own erasure here, as this very request would name them again; "
            "let the privacy officer ask",
        )
    if concern.nothing and not offline:
        yield Problem(
            path,
            nothing_about(concern.subject),
        )
    if concern.holds:
        yield Problem(
            path,
            held_by(concern.holds),
        )


def _findings(concern: Concern) -> Iterator[Finding]:
    for request in concern.open[:_LISTED]:
        yield Finding(
            kind="still-open",
            where=request,
            message="it is not closed; what comes of it from now on is recorded anew",
        )
    for request in concern.paid[:_LISTED]:
        yield Finding(
            kind="payment-kept",
            where=request,
            message="it has paid; its request, receipts and payment stay for tax law",
        )
    for kind, requests in (("still-open", concern.open), ("payment-kept", concern.paid)):
        if len(requests) > _LISTED:
            yield Finding(kind=kind, where="more", message=f"and {len(requests) - _LISTED} more")


async def show_erase(viewed: Viewed, records: Records) -> bytes:
    """Show an erasure to those who review it, and the legal holds that stand now; see ``Preview``.

    A hold may have been placed after the plan was made; the effect refuses then.
    """
    request = EraseRequest.model_validate(viewed.request, extra="ignore")
    holds = (await records.concern(request.subject)).holds
    return preview(request, viewed.scope, viewed.findings, viewed.digest, viewed.case, holds)


FACTS = dict.fromkeys(("events", "requests", "open", "paid", "reviews", "files"), FactKind.NUMBER)

DOOR = Door(prepare_erase, FACTS, preview=show_erase)
