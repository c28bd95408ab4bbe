"""Erase people, and place, list and release legal holds."""

from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, out, say, table
from placet.cli.submitting import submit_read, understood
from placet.cli.times import second
from placet.connections import open_ledger
from placet.domain.erasure import PIPELINE, ErasurePlan, ErasureRow
from placet.domain.errors import NotFoundError
from placet.holding import Told, place, release
from placet.pipelines.pipeline import WithFiles
from placet.ports import Ledger
from placet.registry import pipeline_named
from placet.settings import Settings


async def erase(subject: str, *, reason: str, who: str, key: str | None, json: bool) -> int:
    """Submit a request to erase somebody, and print the case's id."""
    settings = Settings.from_environment()
    pipeline = pipeline_named(PIPELINE)
    assert pipeline is not None  # noqa: S101 - it is in the registry
    raw = {"requester": who, "subject": subject, "reason": reason}
    async with open_ledger(settings) as ledger:
        read = await understood(settings, pipeline, WithFiles(raw), ledger)
        return await submit_read(settings, ledger, pipeline, read, key=key, wait=None, json=json)


async def list_erasures(subject: str | None, *, json: bool) -> int:
    """Print what was erased, what stays and why, the newest first."""
    async with open_ledger(Settings.from_environment()) as ledger:
        rows = await ledger.erasures.rows(subject=subject)
        if not rows:
            say(f"nothing about {subject} was erased" if subject else "nothing was erased by now")
            return Code.NOT_FOUND
        for row in rows:
            await _print_erasure(ledger, row, json=json)
    return Code.OK


async def _print_erasure(ledger: Ledger, row: ErasureRow, *, json: bool) -> None:
    erased = (await ledger.erasures.erased(row.permit_id)).counts()
    try:
        plan = ErasurePlan.model_validate_json(await ledger.get_content(row.plan))
        stays = [each.model_dump(mode="json") for each in plan.stays]
    except NotFoundError:
        stays = []
    if json:
        as_json(row.model_dump(mode="json") | {"erased": erased, "stays": stays})
        return
    when = second(row.ended_at) if row.ended_at else "under way"
    out(f"{row.subject}: {when}, by case {row.request}")
    out("  gone: " + ", ".join(f"{count} {name}" for name, count in erased.items()))
    for each in stays:
        out(f"  stays: {each['what']}; {each['why']}")


async def hold(target: str, *, reason: str, who: str, json: bool) -> int:
    """Place a legal hold on a request or a person, and print its name."""
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        on_what, name = await _meant(settings, ledger, target)
        told = Told(world.person(settings, who), reason, world.now())
        held = await place(ledger, name, on_what, told)
    if json:
        as_json(held.model_dump(mode="json"))
        return Code.OK
    out(held.hold)
    say(
        f"{on_what} {name} is under legal hold: nothing of it is erased or pruned. "
        f"Release it: placet audit release {held.hold} --reason TEXT --as WHO"
    )
    return Code.OK


async def release_hold(name: str, *, reason: str, who: str, json: bool) -> int:
    """Release a legal hold."""
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        told = Told(world.person(settings, who), reason, world.now())
        held = await release(ledger, name, told)
    if json:
        as_json(held.model_dump(mode="json"))
    else:
        say(f"the hold on {held.on_what} {held.target} is released")
    return Code.OK


async def list_holds(*, json: bool) -> int:
    """Print the legal holds that stand."""
    async with open_ledger(Settings.from_environment()) as ledger:
        rows = await ledger.erasures.holds()
    if json:
        for row in rows:
            as_json(row.model_dump(mode="json"))
        return Code.OK
    table(
        ("HOLD", "ON", "TARGET", "SINCE (UTC)"),
        ((row.hold, row.on_what, row.target, second(row.placed_at)) for row in rows),
    )
    return Code.OK


async def _meant(settings: Settings, ledger: Ledger, target: str) -> tuple[str, str]:
    """Say whether a request or a person is meant, and its id.

    Raises:
        NotFoundError: Neither is known.
    """
    if await ledger.request(target) is not None:
        return "request", target
    person = world.people(settings).resolve(target)
    if person is not None:
        return "subject", person.id
    # Whoever has left the directory is still known by what they said.
    if (await ledger.concern(target)).nothing:
        raise NotFoundError(
            f"{target} is no request, and nobody's address or id; see the requests: placet list"
        )
    return "subject", target
