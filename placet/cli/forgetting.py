"""Erase people, and place, list and release legal holds."""

from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, out, safe, say, table
from placet.cli.submitting import submit_read, understood
from placet.cli.times import second
from placet.connections import open_ledger
from placet.domain.erasure import PIPELINE, ErasurePlan, ErasureRow, StandingHold
from placet.domain.errors import ConflictError, NotFoundError
from placet.holding import Told, place, release, standing
from placet.pipelines.erase import held_by, nothing_about, parse_erase
from placet.pipelines.pipeline import WithFiles
from placet.ports import Ledger
from placet.registry import pipeline_named
from placet.settings import Settings


async def erase(subject: str, *, reason: str, who: str, key: str | None, json: bool) -> int:
    """Submit a request to erase somebody, and print the case's id.

    Raises:
        NotFoundError: Nobody goes by that name, or is known by what they said.
        ConflictError: A legal hold forbids it.
        InvalidInputError: As any request to erase somebody.
    """
    settings = Settings.from_environment()
    pipeline = pipeline_named(PIPELINE)
    assert pipeline is not None  # noqa: S101 - it is in the registry
    # By their address, as a file would name them: the same request has one id.
    requester = world.person(settings, who).addresses[0]
    raw = {"requester": requester, "subject": subject, "reason": reason}
    told = parse_erase(raw)
    async with open_ledger(settings) as ledger:
        await _require_erasable(settings, ledger, told.subject)
        read = await understood(settings, pipeline, WithFiles(raw), ledger)
        return await submit_read(settings, ledger, pipeline, read, key=key, wait=None, json=json)


async def _require_erasable(settings: Settings, ledger: Ledger, subject: str) -> None:
    """Refuse what the pipeline would, by the exit codes of who is unknown and of what is held."""
    person = world.people(settings).resolve(subject)
    holds = await ledger.erasures.holds(person.id if person else subject)
    if holds:
        raise ConflictError(held_by([each.hold for each in holds]))
    if person is None and (await ledger.concern(subject)).nothing:
        raise NotFoundError(nothing_about(subject))


async def list_erasures(subject: str | None, *, json: bool) -> int:
    """Print what was erased, what stays and why, the newest first."""
    async with open_ledger(Settings.from_environment()) as ledger:
        rows = await ledger.erasures.rows(subject=subject)
        if not rows:
            say(f"nothing about {subject} was erased" if subject else "nothing was erased by now")
            return Code.NOT_FOUND if subject else Code.OK
        for row in rows:
            await _print_erasure(ledger, row, json=json)
    return Code.OK


async def _print_erasure(ledger: Ledger, row: ErasureRow, *, json: bool) -> None:
    erased = await ledger.erasures.erased(row.permit_id)
    try:
        plan = ErasurePlan.model_validate_json(await ledger.get_content(row.plan))
        stays = [each.model_dump(mode="json") for each in plan.stays]
    except NotFoundError:
        stays = []
    if json:
        as_json(row.model_dump(mode="json") | {"erased": erased.counts(), "stays": stays})
        return
    when = second(row.ended_at) if row.ended_at else "under way"
    out(safe(f"{row.subject}: {when}, by case {row.request}"))
    out(f"  gone: {erased.told()}")
    for each in stays:
        out(safe(f"  stays: {each['what']}; {each['why']}"))


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
        f"{on_what} {name} is under legal hold by {_placer(held)} since "
        f"{second(held.placed_at)} UTC ({held.reason}): nothing of it is erased or pruned. "
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
    """Print the legal holds that stand: who placed each, when, and why."""
    async with open_ledger(Settings.from_environment()) as ledger:
        rows = await standing(ledger)
    if json:
        for row in rows:
            as_json(row.model_dump(mode="json"))
        return Code.OK
    table(
        ("HOLD", "ON", "TARGET", "SINCE (UTC)", "PLACED BY", "WHY"),
        (
            (
                row.hold,
                row.on_what,
                row.target,
                second(row.placed_at),
                _placer(row),
                row.reason or "",
            )
            for row in rows
        ),
    )
    return Code.OK


def _placer(hold: StandingHold) -> str:
    if hold.placed_by is None:
        return ""
    name = hold.placed_by_name
    return f"{name} ({hold.placed_by})" if name else hold.placed_by


async def _meant(settings: Settings, ledger: Ledger, target: str) -> tuple[str, str]:
    """Say whether a request or a person is meant, and its id.

    Raises:
        NotFoundError: Neither is known.
    """
    # People come first: whoever can make a request of such a name must not turn a hold aside.
    person = world.people(settings).resolve(target)
    if person is not None:
        return "subject", person.id
    if await ledger.request(target) is not None:
        return "request", target
    # Whoever has left the directory is still known by what they said.
    if (await ledger.concern(target)).nothing:
        raise NotFoundError(
            f"{target[:100]!r} is no request, and nobody's address or id; see the requests: placet "
            "list"
        )
    return "subject", target
