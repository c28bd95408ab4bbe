"""List a page's versions; ask for it to be taken away, or for an earlier version of it."""

from typing import Any

from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, table
from placet.cli.submitting import submit_read, understood
from placet.cli.times import second
from placet.connections import open_ledger
from placet.domain.errors import NotFoundError
from placet.domain.publication import PIPELINE
from placet.pipelines.pipeline import WithFiles
from placet.registry import pipeline_named
from placet.settings import Settings


async def list_versions(slug: str, *, limit: int, json: bool) -> int:
    """Print what was done to a page, the newest first.

    Raises:
        NotFoundError: Nothing was ever published there.
    """
    async with open_ledger(Settings.from_environment()) as ledger:
        rows = await ledger.publications(slug, limit)
    if not rows:
        raise _unknown(slug)
    if json:
        for row in rows:
            as_json(row.model_dump(mode="json"))
        return Code.OK
    table(
        ("VERSION", "ACTION", "STATE", "AT (UTC)", "CASE", "TITLE"),
        (
            (
                row.version or "nothing",
                row.action,
                row.state.value,
                second(row.at),
                row.request,
                row.title,
            )
            for row in rows
        ),
    )
    return Code.OK


def _unknown(slug: str) -> NotFoundError:
    return NotFoundError(f"nothing was ever published under {slug[:80]!r}; correct the slug")


async def submit_change(  # noqa: PLR0913 - each is an option of the command
    action: str,
    slug: str,
    *,
    who: str,
    note: str | None,
    wait: float | None,
    json: bool,
    to: str | None = None,
) -> int:
    """Submit a request about what is published, and print the case's id.

    Args:
        action: ``unpublish`` or ``rollback``.
        slug: Which page.
        who: Who asks, in any spelling.
        note: Why.
        wait: How many seconds to wait for the case's end; None not to wait.
        json: Whether to print JSON.
        to: The version to roll back to; None for the one before.

    Raises:
        NotFoundError: There is no such person, or nothing is published there.
    """
    settings = Settings.from_environment()
    pipeline = pipeline_named(PIPELINE)
    assert pipeline is not None  # noqa: S101 - this command belongs to it
    request: dict[str, Any] = {
        "action": action,
        "slug": slug,
        "requester": world.person(settings, who).addresses[0],
        "note": note,
    }
    async with open_ledger(settings) as ledger:
        now = await ledger.published(slug)
        if now is None:
            raise _unknown(slug)
        if action == "rollback":
            # The request names the version, so that its digest stands for it.
            request["to"] = to or now.replaces
        read = await understood(settings, pipeline, WithFiles(request), ledger)
        # The same wish after another publication is another case.
        key = f"{action} {slug} {request.get('to') or ''} after {now.permit_id}"
        return await submit_read(settings, ledger, pipeline, read, key=key, wait=wait, json=json)
