"""Write docs/policy.md from the models: ``python -m placet.policy.reference > docs/policy.md``."""

import inspect
import re
import sys
from collections.abc import Iterator
from enum import StrEnum

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from placet.domain.calendar import Span
from placet.domain.content_rules import ContentRules, ForbiddenPattern
from placet.domain.data_rules import DataRules
from placet.domain.facts import FactKind
from placet.domain.people import Delegation, DirectoryFile, Person, Window
from placet.domain.plan import Threshold
from placet.domain.policy import (
    BreakGlassRule,
    CalendarRule,
    Changes,
    Deadline,
    Group,
    Level,
    Policy,
    Reminders,
    Route,
    Stage,
    threshold_text,
)
from placet.registry import known_facts

_HEAD = """\
# Policy files

<!-- Made by `python -m placet.policy.reference`; change the models, not this page. -->

A policy is one YAML file in `policies/`, for one pipeline. `starter.py policy check` reads every
file, names each mistake with its line and column, and tries every stage with everybody who could
ask. `starter.py policy explain REQUEST` says what a policy means for one request. A running worker
reads changed files again; a file that is broken then is logged, and the last good one stays in
force. Requests under way keep the policy, the holidays and the exchange rates they were planned
with.

`policies/expense.yaml` is a whole example.

## Lengths of time

`2d`, `4h`, `90m` and `1d4h`. With `time: wall` a day is 24 hours. With `time: business`, which is
the default, hours and minutes count only while the calendar is open, and a day is a working day:
`2d` after Tuesday 15:00 is Thursday 15:00. When that time of day is closed there, the next opening
counts; from outside working hours, counting begins at the next opening. Days are counted before
hours. Holidays are known for the current year and the two after it; later only the weekly hours
count.

## Conditions

Conditions are written in CEL, the Common Expression Language. Comparing is by `==`, `!=`, `<`,
`<=`, `>`, `>=` and `in`; joining by `&&`, `||`, `!` and `? :`; lists have `all`, `exists`,
`exists_one`, `filter`, `map` and `size`; texts have `startsWith`, `endsWith`, `contains`,
`matches` and `size`. Money is compared exactly, with whole numbers and with decimals of at most 15
digits: `total <= 50`, `total <= 49.99`. In sums with money write a point: `total + 1.0`. Such sums
are made in binary floating point, so compare plain facts where a cent matters.

A condition that looks at an unknown fact, compares what cannot be compared, or gives something
other than true or false is refused when the file is read. One that cannot be decided for a request
stops that request with a clear error; it never counts as "no". A condition has at most 1000
characters, and no list function stands inside another.
"""

_KINDS = {
    FactKind.MONEY: "money, as a number in EUR",
    FactKind.NUMBER: "whole number",
    FactKind.TRUTH: "`true` or `false`",
    FactKind.TEXT: "text",
    FactKind.TEXTS: "list of texts",
}

_POLICY_PARTS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("The file", Policy),
    ("`calendar`", CalendarRule),
    ("`routes`", Route),
    ("`stages`", Stage),
    ("`groups` of a stage", Group),
    ("`reminders` of a stage", Reminders),
    ("`escalation` of a stage", Level),
    ("`deadline` of a stage", Deadline),
    ("`changes`", Changes),
    ("`break_glass`", BreakGlassRule),
    ("`checks`", ContentRules),
    ("`forbidden` of the checks", ForbiddenPattern),
    ("`data`", DataRules),
)

_PEOPLE_HEAD = """\
## The directory

`policies/directory.yaml` says who there is. An address is the same person whatever its letter case,
surrounding space, invisible characters or Unicode form, and with `plus_addressing` with any `+tag`.
Letters of another alphabet that only look alike are somebody else's, and so nobody's.

Nobody reviews their own request: not under another address, not for somebody who delegated to
them, and whom the requester delegated to gains nothing by it. Delegation goes one step: a
delegate's own delegates may not act. Somebody with the role `placet-admin` may hand over anybody's
seat, but never to the requester.

A key is a JWK, a line that begins with `ssh-ed25519`, or a `BEGIN PUBLIC KEY` block;
`starter.py key new FILE` makes one and prints the line to paste. The private half stays with its
owner.
"""

_PEOPLE_PARTS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("The directory file", DirectoryFile),
    ("`people`", Person),
    ("`absences` of a person", Window),
    ("`delegations` of a person", Delegation),
)


def reference() -> str:
    """Return the whole page as Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for pipeline, facts in known_facts().items():
        yield f"Facts of the pipeline `{pipeline}`:"
        yield ""
        yield "| fact | is |"
        yield "| --- | --- |"
        for name, kind in facts.items():
            yield f"| `{name}` | {_KINDS[kind]} |"
        yield ""
    for title, model in _POLICY_PARTS:
        yield from _table(title, model)
    yield _PEOPLE_HEAD
    for title, model in _PEOPLE_PARTS:
        yield from _table(title, model, level=3)


def _table(title: str, model: type[BaseModel], level: int = 2) -> Iterator[str]:
    yield f"{'#' * level} {title}"
    yield ""
    yield _about(model)
    yield ""
    yield "| field | default | meaning |"
    yield "| --- | --- | --- |"
    told = _attributes(model)
    for name, field in model.model_fields.items():
        meaning = (field.description or told[name]).replace("|", "\\|")
        yield f"| `{field.alias or name}` | {_default(field)} | {meaning} |"
    yield ""


def _about(model: type[BaseModel]) -> str:
    """Return a docstring without its list of attributes, as one paragraph."""
    text = inspect.getdoc(model) or ""
    return " ".join(text.partition("\nAttributes:")[0].replace("``", "`").split())


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """Return what a docstring says about each attribute, of the classes it builds on too."""
    told: dict[str, str] = {}
    for base in reversed(model.__mro__):
        text = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")[2]
        for name, meaning in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE):
            told[name] = " ".join(meaning.replace("``", "`").split())
    return told


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    shown = ""
    if isinstance(value, bool):
        shown = str(value).lower()
    elif isinstance(value, Threshold):
        shown = threshold_text(value)
    elif isinstance(value, StrEnum | Span | int | str):
        shown = str(value)
    return f"`{shown}`" if shown else ""


if __name__ == "__main__":
    sys.stdout.write(reference())
