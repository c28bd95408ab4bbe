"""List the catalogue of data sets, and hold it against what it speaks of."""

from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, out, say, table
from placet.digest import digest
from placet.domain.catalogue import Entry, owned_by_nobody
from placet.domain.errors import UnavailableError
from placet.domain.plurals import plural
from placet.settings import Settings
from placet.sources.catalogue import load_catalogue
from placet.sources.postgres import PostgresSources


def list_datasets(*, json: bool) -> int:
    """Print every data set of the catalogue, and return the exit code."""
    catalogue = load_catalogue(Settings.from_environment().policies)
    entries = list(catalogue.entries)
    if json:
        for entry in entries:
            as_json(_told(entry))
        return Code.OK
    table(
        ("DATA SET", "TABLE", "COLUMNS", "PERSONAL", "OWNER", "DELETED", "ABOUT"),
        (
            (
                entry.name,
                f"{entry.dataset.source}: {entry.dataset.table}",
                str(len(entry.dataset.columns)),
                ", ".join(entry.dataset.personal),
                ", ".join(map(str, entry.dataset.owner)),
                _deleted(entry),
                entry.dataset.about,
            )
            for entry in entries
        ),
    )
    if not entries:
        say("the catalogue is empty; describe data sets in datasets.yaml beside the policies")
    return Code.OK


def _told(entry: Entry) -> dict[str, object]:
    dataset = entry.dataset.model_dump(mode="json", exclude_none=True)
    return {"dataset": entry.name, "digest": digest(entry), **dataset}


def _deleted(entry: Entry) -> str:
    rule = entry.dataset.delete
    if rule is None:
        return "never"
    return (
        f"for good, {rule.grace or 'at once'}" if rule.hard else f"marked, undone for {rule.undo}"
    )


async def check_datasets(*, json: bool) -> int:
    """Print everything that is wrong with the catalogue.

    Returns:
        The exit code: that of invalid input when something is wrong, else that of a service that
        does not answer when one did not.
    """
    settings = Settings.from_environment()
    catalogue, people = load_catalogue(settings.policies), world.people(settings)
    sources = PostgresSources()
    wrong = away = 0
    for entry in catalogue.entries:
        problems = [text for _, text in owned_by_nobody(entry.dataset.owner, people)]
        try:
            problems += await sources.check(entry)
        except UnavailableError as error:
            away += 1
            _tell(entry, "not checked", str(error), json=json)
        for problem in problems:
            wrong += 1
            _tell(entry, "wrong", problem, json=json)
    count = len(catalogue.datasets)
    verdict = "wrong" if wrong else "not all checked" if away else "sound"
    say(f"{verdict}: {plural(count, 'data set')}")
    return Code.INVALID if wrong else Code.UNREACHABLE if away else Code.OK


def _tell(entry: Entry, severity: str, message: str, *, json: bool) -> None:
    if json:
        as_json({"dataset": entry.name, "severity": severity, "message": message})
    else:
        out(f"{severity}: {entry.name}: {message}")
