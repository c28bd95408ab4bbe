"""What must hold of stages and their timers: when one opens, what it waits for, how it passes."""

from ..findings import shown
from .breaches import Breach, MisplacedError, Problems
from .reviews import leave, open_table, seated
from .seats import Table
from .story import NOBODY, PENDING, Seen, Story
from .values import instant

_ENDS = {"reject": ("rejected", "timeout"), "expire": ("expired", "timeout")}


def opened(story: Story, event: Seen) -> Problems:
    """Stages open one after the other, with seats for nobody whose own matter it is."""
    name = event.body["stage"]
    expected = _expected(story)
    if story.table is not None or story.status != PENDING or name != expected:
        told = f"stage {shown(name)} opens, {shown(expected)} is next"
        yield Breach.STAGE_ORDER, told
    rule = next((each for each in story.stages if each["name"] == name), None)
    if rule is None:
        raise MisplacedError(Breach.STAGE_ORDER, f"no stage {shown(name)} was planned")
    final = event.data["final"]
    table = Table(rule, instant(event.data["deadline"]), instant(final) if final else None)
    table.escalations = {
        level["name"]: instant(due)
        for level, due in zip(rule["ladder"], event.data["escalations"], strict=False)
        if due is not None
    }
    story.table = table
    earlier = (story.reviewers.get(each, NOBODY) for each in set(rule["distinct_from"]))
    table.earlier = NOBODY.union(*earlier)
    yield from seated(story, table, event.data["seats"])


def _expected(story: Story) -> str | None:
    return story.stages[story.index]["name"] if story.index < len(story.stages) else None


def roster_changed(story: Story, event: Seen) -> Problems:
    """Other people may review; still nobody whose own matter it is."""
    yield from seated(story, open_table(story, event), event.data["seats"])


def escalated(story: Story, event: Seen) -> Problems:
    """A level comes in by its time, or because the stage is stuck or its deadline says so."""
    table, name = open_table(story, event), event.data["level"]
    ladder = table.rule["ladder"]
    level = next((each for each in ladder if each["name"] == name), None)
    if level is None:
        raise MisplacedError(Breach.ESCALATION_UNFOUNDED, f"no level {shown(name)} was planned")
    due = table.escalations.get(name)
    by_deadline = event.before == "timer:stage:extended" and table.rule["deadline"] == "escalate"
    in_time = due is not None and due <= event.at
    if name in table.reached or not (table.stuck or by_deadline or in_time):
        yield Breach.ESCALATION_UNFOUNDED, f"nothing has called level {shown(name)}"
    if event.data["mode"] != level["mode"]:
        yield Breach.ESCALATION_UNFOUNDED, f"level {shown(name)} comes in otherwise than planned"
    table.reached.append(name)
    if level["mode"] == "replace":
        table.replace(level)
    yield from seated(story, table, event.data["seats"])
    if table.stuck and len(table.reached) == len(ladder):
        story.cause = ("rejected", "rule")


def stuck(story: Story, event: Seen) -> Problems:
    """A stage is stuck when its approvals are out of reach; the policy says what then."""
    table = open_table(story, event)
    # It takes long to find out; whoever says so wrongly once need not be asked again.
    table.misjudged = table.misjudged or table.surely_in_reach()
    if table.misjudged:
        yield Breach.STUCK_UNFOUNDED, "those who may review could still approve it"
    table.stuck = True
    then = table.rule["when_stuck"]
    if then == "approve":
        story.only, story.cause = ("reviewers:stage:passed",), ("passed", "rule")
    elif then == "escalate" and len(table.reached) < len(table.rule["ladder"]):
        story.only = ("timer:stage:escalated",)
    else:
        story.only, story.cause = ("system:case:decided",), ("rejected", "rule")


def extended(story: Story, event: Seen) -> Problems:
    """The first deadline gives way to the final one, once, where the policy says so."""
    table = open_table(story, event)
    if event.at < table.deadline:
        yield Breach.TIMER_EARLY, "the deadline is extended before it has come"
    if not _may_extend(table, event.at) or instant(event.data["until"]) != table.final:
        yield Breach.DEADLINE_DIFFERS, "the policy extends no deadline like this"
    table.extended = True


def _may_extend(table: Table, now: int) -> bool:
    again = table.rule["deadline"] in {"extend", "escalate"}
    return again and not table.extended and table.final is not None and table.final > now


def deadline_passed(story: Story, event: Seen) -> Problems:
    """The last deadline does what the policy says, and not before its time."""
    table, then = open_table(story, event), event.data["then"]
    if event.at < table.due:
        yield Breach.TIMER_EARLY, "the deadline has not come yet"
    action = table.rule["deadline"]
    if action in {"extend", "escalate"}:
        action = table.rule["finally"] or "expire"
    if then != action or _may_extend(table, event.at):
        yield Breach.DEADLINE_DIFFERS, f"the deadline does {shown(then)}, not {shown(action)}"
    if then == "approve":
        story.only, story.cause = ("reviewers:stage:passed",), ("passed", "timeout")
    else:
        story.only, story.cause = ("system:case:decided",), _ENDS[then]


def passed(story: Story, event: Seen) -> Problems:
    """A stage passes by enough people, or because the policy has it pass by time or when stuck."""
    table, by = open_table(story, event), event.data["by"]
    if by == "people" and not table.enough():
        yield Breach.QUORUM_MISSING, f"stage {shown(table.rule['name'])} lacks approvals"
    if by != "people" and event.cause != ("passed", by):
        yield Breach.PASSAGE_UNFOUNDED, f"nothing has this stage pass by {shown(by)}"
    if table.rejected(surely=True):
        yield Breach.REJECTION_IGNORED, f"stage {shown(table.rule['name'])} was rejected"
    leave(story, table)
    story.passed = (*story.passed, by)
    story.index += 1
    story.table = None
    if story.index == len(story.stages):
        others = [each for each in story.passed if each != "people"]
        by = by if by != "people" else next(iter(others), by)
        story.only, story.cause = ("system:case:decided",), ("approved", by)
