"""Says in sentences what the effect of a request will touch, by what its plan carries."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from placet.domain import access, deletion, erasure, export, publication, sending
from placet.domain.plurals import plural


def scope_sentences(pipeline: str, scope: Mapping[str, Any]) -> list[str]:
    """Return what an effect will touch, as those who decide on it read it.

    Args:
        pipeline: Whose request it is.
        scope: As the plan carries it. What nobody knows how to tell is listed by its names, as of
            a plan that another version made, or of which something is erased.
    """
    try:
        return list(_TELLS[pipeline](scope)) if pipeline in _TELLS else list(_listed(scope))
    except ValidationError:
        return list(_listed(scope))


def _listed(scope: Mapping[str, Any]) -> Iterator[str]:
    for name, value in scope.items():
        if isinstance(value, dict):
            yield f"{name}: {', '.join(f'{key} {part}' for key, part in value.items())}"
        elif isinstance(value, list):
            yield f"{name}: {', '.join(map(str, value)) or 'none'}"
        elif isinstance(value, bool):
            yield f"{name}: {'yes' if value else 'no'}"
        elif value is not None:
            yield f"{name}: {value}"


def _access(told: Mapping[str, Any]) -> Iterator[str]:
    scope = access.Scope.model_validate(told)
    hours = access.hours_text(scope.hours)
    yield (
        f"{scope.person}, whose account there is {scope.account}, gets the role {scope.role} in "
        f"{scope.target} for {hours}"
    )
    yield f"the catalogue calls it {scope.name}; digest of its entry {scope.entry}"


def _deletion(told: Mapping[str, Any]) -> Iterator[str]:
    scope = deletion.Scope.model_validate(told)
    total = deletion.rows_text(scope.total)
    yield f"{scope.rows:,} of {total} in {scope.dataset} of {scope.source} ({scope.percent})"
    yield scope.how
    yield scope.when_it_runs
    yield f"digest of the selection {scope.selection}"


def _erasure(told: Mapping[str, Any]) -> Iterator[str]:
    scope = erasure.Scope.model_validate(told)
    events = plural(scope.events, "event says", "events say")
    yield f"what {events} about {scope.subject} in the ledger, and the key that opens it"
    if scope.files:
        yield f"{plural(scope.files, 'stored file')} of requests of theirs"
    for each in scope.stays:
        yield f"stays: {each}"


def _export(told: Mapping[str, Any]) -> Iterator[str]:
    scope = export.Scope.model_validate(told)
    rows = "rows" if scope.rows is None else export.rows_text(scope.rows)
    yield f"{rows} of {scope.dataset} of {scope.source}: {', '.join(scope.columns)}"
    if scope.personal:
        yield f"about people: {', '.join(scope.personal)}"
    sealed = "encrypted to its key" if scope.encrypt else "not encrypted"
    yield f"goes to {scope.recipient} as {scope.file_name}, {sealed}; kept for {scope.keep}"
    yield (
        f"if the number of rows has changed by more than {scope.tolerance:g}% by then, nothing "
        "goes out, and people are asked again"
    )


def _publication(told: Mapping[str, Any]) -> Iterator[str]:
    scope = publication.Scope.model_validate(told)
    yield f"{scope.action} {scope.slug}"
    for name, where in scope.targets.items():
        yield f"at {name}: {where}"
    if scope.version is not None:
        yield f"version {scope.version}"
    if scope.replaces is not None:
        yield f"in place of version {scope.replaces}"


def _sending(told: Mapping[str, Any]) -> Iterator[str]:
    scope = sending.Scope.model_validate(told)
    who = plural(scope.count, "recipient")
    most = ", ".join(f"{domain} {count:,}" for domain, count in scope.domains.items())
    yield f"{who}: {most}"
    yield f"digest of their list {scope.recipients}"


_TELLS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    access.PIPELINE: _access,
    deletion.PIPELINE: _deletion,
    erasure.PIPELINE: _erasure,
    export.PIPELINE: _export,
    publication.PIPELINE: _publication,
    sending.PIPELINE: _sending,
}
