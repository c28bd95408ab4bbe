"""Says in one sentence for people how a publication has ended."""

from placet.domain.ledger_rows import Publication, TargetRow, TargetState


def done(publication: Publication) -> str:
    """Return what has been done, and where."""
    where = ", ".join(row.target for row in publication.targets)
    if publication.version is None:
        return f"{publication.slug} is taken away from {where}"
    return f"version {publication.version[:12]} of {publication.slug} is on {where}"


def failed(publication: Publication) -> str:
    """Return why nothing was changed, and what could not be put back."""
    told = "; ".join(_told(publication, row) for row in publication.targets)
    stuck = any(row.state is TargetState.STUCK for row in publication.targets)
    advice = "look at what could not be put back, then submit again" if stuck else "submit again"
    return f"{publication.slug} was not changed: {publication.reason}. Now {told}: {advice}"


def _told(publication: Publication, row: TargetRow) -> str:
    match row.state:
        case TargetState.UNDONE:
            return f"{row.target} shows {_version(row.before)} again"
        case TargetState.STUCK:
            maybe = _version(publication.version)
            return f"{row.target} could not be put back and may show {maybe}: {row.why}"
        case _:
            return f"{row.target} was not touched"


def _version(digest: str | None) -> str:
    return "nothing" if digest is None else f"version {digest[:12]}"
