"""Check policies and people, and explain what a policy means for one request: no server needed."""

from collections.abc import Iterator
from pathlib import Path

from placet.access.config import strangers
from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, out, say
from placet.cli.kinds import kind_of
from placet.cli.submitting import read_request
from placet.directory import load_directory
from placet.domain.people import Directory
from placet.domain.plan import Selector
from placet.domain.problems import Problem
from placet.pipelines.explain import path_text
from placet.policy.check import Severity, check
from placet.policy.loader import PolicyBook, load_policies
from placet.policy.service import make_plan, open_stage, refs_of
from placet.registry import pipeline_named
from placet.settings import Settings


def check_policies(folder: Path | None, *, json: bool) -> int:
    """Print everything that is wrong with the policies of a folder.

    Returns:
        The exit code: that of invalid input when there is an error; warnings are no errors.
    """
    place = folder or Settings.from_environment().policies
    people = load_directory(place / world.DIRECTORY)
    book = load_policies(place)
    errors = 0
    for severity, problem, where in _found(book, people, place):
        errors += severity is Severity.ERROR
        if json:
            as_json(
                {
                    "severity": severity.value,
                    "path": path_text(problem.path),
                    "message": problem.message,
                    "where": where,
                }
            )
        else:
            out(f"{severity.value}: {where}")
    names = ", ".join(
        f"{loaded.ref.id} version {loaded.ref.version} ({loaded.ref.digest[:12]})"
        for loaded in book.policies.values()
    )
    say(f"{'wrong' if errors else 'sound'}: {names}, with {len(people.people)} people")
    return Code.INVALID if errors else Code.OK


def _found(
    book: PolicyBook, people: Directory, place: Path
) -> Iterator[tuple[Severity, Problem, str]]:
    """Yield everything that is wrong with policies or the roles beside them, and where."""
    for loaded in book.policies.values():
        owners = _owners(loaded.snapshot.policy.pipeline, place)
        for finding in check(loaded.snapshot, people, world.now(), owners):
            yield finding.severity, finding.problem, loaded.document.line(finding.problem)
    for problem, where in strangers(place, people):
        yield Severity.ERROR, problem, where


def _owners(pipeline: str, policies: Path) -> tuple[Selector, ...]:
    """Return everybody who owns anything that requests of a pipeline may be about."""
    kind = pipeline_named(pipeline)
    read = kind.door.owners if kind else None
    return read(policies) if read else ()


def check_directory(file: Path | None, *, json: bool) -> int:
    """Say whether the directory's file is sound; every mistake has its line."""
    path = file or Settings.from_environment().policies / world.DIRECTORY
    found = load_directory(path)
    active = [person for person in found.people if person.active]
    with_keys = sum(bool(person.keys) for person in active)
    if json:
        as_json({"people": len(found.people), "active": len(active), "with_keys": with_keys})
    else:
        out(f"sound: {len(found.people)} people, {len(active)} active, {with_keys} with a key")
    return Code.OK


async def explain_request(file: str, *, pipeline: str | None, json: bool) -> int:
    """Print the plan that a request would get now, and why."""
    from placet.policy.explain import explain  # noqa: PLC0415 - its name is this function's too

    settings = Settings.from_environment()
    kind = kind_of(file, pipeline)
    read = await read_request(settings, kind, file, counted=True)
    loaded = load_policies(settings.policies).for_pipeline(kind.name)
    people, now = world.people(settings), world.now()
    plan = make_plan(
        loaded.snapshot,
        read.prepared,
        kind.door.facts,
        requester=read.requester,
        kept_out=refs_of(read.prepared.kept_out, people),
        policy_digest=loaded.ref.digest,
    )
    openings = [
        open_stage(loaded.snapshot, plan, index, people, now) for index in range(len(plan.stages))
    ]
    if json:
        as_json(
            {
                "plan": plan.model_dump(mode="json"),
                "stages": [opening.model_dump(mode="json") for opening in openings],
            }
        )
    else:
        out(explain(kind.name, plan, openings, time_zone=people.time_zone).rstrip("\n"))
    return Code.OK


def print_reference(*, json: bool) -> int:
    """Print what may stand in a policy file, as Markdown."""
    from placet.policy.reference import reference  # noqa: PLC0415 - only this command needs it

    if json:
        as_json({"markdown": reference()})
    else:
        out(reference().rstrip("\n"))
    return Code.OK
