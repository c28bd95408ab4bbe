"""Read a request's file and make a case of it, once."""

from typing import Any, NamedTuple

from placet.cli import world
from placet.cli.console import as_json, out, say
from placet.cli.following import follow_to_end
from placet.connections import connect_temporal, open_ledger
from placet.digest import MAX_BYTES, read_json
from placet.domain.plan import PersonRef
from placet.pipelines.pipeline import File, Pipeline, Prepared
from placet.settings import Settings
from placet.submission import Submission, submit


class Read(NamedTuple):
    """A request's file, understood."""

    prepared: Prepared
    requester: PersonRef
    files: tuple[File, ...]


def read_request(settings: Settings, pipeline: Pipeline, file: str) -> Read:
    """Read a request and check everything that can be checked before anybody is asked.

    Args:
        settings: Where the people and the rates are.
        pipeline: The request's kind.
        file: Its path, or ``-``.

    Raises:
        PlacetError: The message says what is wrong, and where.
    """
    content, directory = world.read_bytes(file, MAX_BYTES)
    return understood(settings, pipeline, read_json(content), directory)


def understood(settings: Settings, pipeline: Pipeline, raw: Any, directory: Any) -> Read:
    """Do what :func:`read_request` does, with JSON that has been read."""
    door = pipeline.door
    request, files = door.attach(raw, directory)
    prepared = door.prepare(request, world.rates(settings), world.now().date())
    requester = world.people(settings).require(prepared.requester).ref()
    return Read(prepared, requester, tuple(files))


async def submit_file(
    pipeline: Pipeline, file: str, *, key: str | None, wait: float | None, json: bool
) -> int:
    """Submit a request's file and print the case's id.

    Args:
        pipeline: The request's kind.
        file: Its path, or ``-``.
        key: Instead of the reference in the file.
        wait: How many seconds to wait for the case's end; None not to wait.
        json: Whether to print JSON.

    Returns:
        The exit code.
    """
    settings = Settings.from_environment()
    read = read_request(settings, pipeline, file)
    client = await connect_temporal(settings)
    async with open_ledger(settings) as ledger:
        made = await submit(
            client,
            ledger,
            pipeline.name,
            read.prepared,
            read.requester,
            files=read.files,
            key=key,
            task_queue=settings.task_queue,
        )
        _tell(made, read, json=json)
        if wait is None:
            return 0
        return await follow_to_end(ledger, made.request_id, wait, json=json)


def _tell(made: Submission, read: Read, *, json: bool) -> None:
    prepared = read.prepared
    if json:
        as_json(
            {
                "request": made.request_id,
                "digest": made.digest,
                "new": made.new,
                "title": prepared.title,
                "amount": prepared.amount,
                "requester": read.requester.id,
            }
        )
        return
    out(made.request_id)
    about = ", ".join(part for part in (prepared.title, prepared.amount) if part)
    if made.new:
        say(
            f"submitted for {read.requester.name}: {about}. "
            f"Follow it: placet watch {made.request_id}"
        )
    else:
        say(f"it was submitted before: {about}. Look at it: placet show {made.request_id}")
