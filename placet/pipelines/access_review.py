"""The door of the pipeline that looks, after the fact, at access taken by breaking the glass.

No command submits its requests: the case of the access does.
"""

from typing import Any

from pydantic import ValidationError

from placet.domain.access import ReviewRequest
from placet.domain.facts import FactKind
from placet.domain.problems import Problem
from placet.pipelines.access import addresses_of, looked_up, owners
from placet.pipelines.explain import problems_in, refused
from placet.pipelines.pipeline import Door, Prepared, Surroundings

_WHAT = "this review"


async def prepare_review(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand a review for planning; see ``Prepare``.

    Raises:
        InvalidInputError: With a line for each problem.
    """
    request = parse_review(raw)
    people = surroundings.people()
    breaker = looked_up(_WHAT, ("requester",), lambda: people.require(request.requester))
    person = looked_up(_WHAT, ("person",), lambda: people.require(request.person))
    entry = looked_up(_WHAT, ("role",), lambda: surroundings.roles().entry(request.role))
    return Prepared(
        request=request,
        requester=request.requester,
        title=f"{entry.name} for {person.name}, taken by breaking the glass",
        amount=None,
        facts={
            "role": entry.name,
            "target": entry.role.target,
            "person": person.addresses[0],
            "minutes": request.minutes,
            "for_requester": person.id == breaker.id,
            "requester": breaker.addresses[0],
        },
        scope={"case": request.case},
        owners=entry.role.owner,
        kept_out=(*addresses_of(entry.whom_it_is_for(person, people)), request.asked_by),
    )


def parse_review(raw: Any) -> ReviewRequest:
    """Read a review's request.

    Raises:
        InvalidInputError: With a line for each problem: the field, what is wrong, what to do.
    """
    if not isinstance(raw, dict):
        raise refused(_WHAT, [Problem((), "it is not a JSON object; write it as {...}")])
    try:
        return ReviewRequest.model_validate(raw)
    except ValidationError as error:
        raise refused(_WHAT, problems_in(error)) from None


FACTS = {
    "role": FactKind.TEXT,
    "target": FactKind.TEXT,
    "person": FactKind.TEXT,
    "minutes": FactKind.NUMBER,
    "for_requester": FactKind.TRUTH,
    "requester": FactKind.TEXT,
}

DOOR = Door(prepare_review, FACTS, owners=owners)
