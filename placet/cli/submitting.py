"""Read a request's file and make a case of it, once."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from placet.access.config import load_roles
from placet.cli import world
from placet.cli.console import as_json, out, say
from placet.cli.following import follow_to_end
from placet.cli.live import under_way
from placet.cli.records import records_of
from placet.connections import connect_temporal, open_ledger
from placet.digest import MAX_BYTES, read_json
from placet.domain.errors import NotFoundError
from placet.domain.plan import PersonRef
from placet.pipelines.pipeline import File, Pipeline, Prepared, Surroundings, WithFiles
from placet.pipelines.pipeline import Read as ReadPath
from placet.policy.loader import load_policies
from placet.ports import Ledger
from placet.publishing.config import read_targets
from placet.settings import Settings
from placet.sources.catalogue import load_catalogue
from placet.sources.opening import NotNamedError
from placet.sources.postgres import PostgresSources
from placet.submission import Submission, submit


class Read(NamedTuple):
    """A request's file, understood."""

    prepared: Prepared
    requester: PersonRef
    files: tuple[File, ...]


async def read_request(
    settings: Settings,
    pipeline: Pipeline,
    file: str,
    ledger: Ledger | None = None,
    *,
    counted: bool = False,
) -> Read:
    """Read a request and check everything that can be checked before anybody is asked.

    Args:
        settings: Where the policies, the people and the rates are.
        pipeline: The request's kind.
        file: Its path, or ``-``.
        ledger: To ask what is recorded; None before anything is.
        counted: Whether to ask the databases of data sets too, where this process knows them.

    Raises:
        PlacetError: The message says what is wrong, and where.
    """
    read, path = pipeline.door.read, Path(file)
    if read is not None and file != "-" and path.suffix.lower() != ".json":
        return await understood(settings, pipeline, _read(read, path), ledger, counted=counted)
    content, directory = world.read_bytes(file, MAX_BYTES)
    found = pipeline.door.attach(read_json(content), directory)
    return await understood(settings, pipeline, found, ledger, counted=counted)


def _read(read: ReadPath, path: Path) -> WithFiles:
    if not path.exists():
        raise NotFoundError(f"there is no file {path}; correct the path")
    return read(path)


async def understood(
    settings: Settings,
    pipeline: Pipeline,
    found: WithFiles,
    ledger: Ledger | None = None,
    *,
    counted: bool = False,
) -> Read:
    """Do what :func:`read_request` does, with a request that has been read."""
    snapshot = load_policies(settings.policies).for_pipeline(pipeline.name).snapshot
    files = tuple(found.files)
    surroundings = Surroundings(
        world.now(),
        snapshot.rates,
        snapshot.policy,
        records_of(files, ledger),
        lambda: read_targets(settings).locations,
        offline=ledger is None,
        catalogue=lambda: load_catalogue(settings.policies),
        sources=PostgresSources() if counted else None,
        roles=lambda: load_roles(settings.policies),
        people=lambda: world.people(settings),
    )
    try:
        prepared = await pipeline.door.prepare(found.request, surroundings)
    except NotNamedError:
        # The worker knows the source. What only it can tell is missing here, and said to be.
        blind = replace(surroundings, sources=None)
        prepared = await pipeline.door.prepare(found.request, blind)
    requester = world.people(settings).require(prepared.requester).ref()
    return Read(prepared, requester, files)


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
    read = await read_request(settings, pipeline, file)
    async with open_ledger(settings) as ledger:
        return await submit_read(settings, ledger, pipeline, read, key=key, wait=wait, json=json)


async def submit_read(  # noqa: PLR0913 - each is a separate part of the world
    settings: Settings,
    ledger: Ledger,
    pipeline: Pipeline,
    read: Read,
    *,
    key: str | None,
    wait: float | None,
    json: bool,
) -> int:
    """Do what :func:`submit_file` does, with a request that has been understood."""
    made = await submit(
        await connect_temporal(settings),
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
    look = partial(under_way, settings, made.request_id)
    return await follow_to_end(ledger, made.request_id, wait, json=json, look=look)


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
        say(
            f"it was submitted before: {about}. Look at it: placet show {made.request_id}. "
            "To ask once more, give it another --key"
        )
