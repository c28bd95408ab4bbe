"""What must hold of who sits in a stage, and of what they say there."""

from typing import Any

from ..findings import shown
from .breaches import Breach, MisplacedError, Problems
from .seats import Table, Vote
from .story import CHANGES_REQUESTED, PENDING, Seen, Story
from .values import whole

ADMINISTRATOR = "placet-admin"
HOUR = 3_600_000_000


def open_table(story: Story, event: Seen) -> Table:
    """Return the open stage.

    Raises:
        MisplacedError: None is open, or the event is about another.
    """
    table, name = story.table, event.body.get("stage")
    if table is None or name != table.rule["name"]:
        raise MisplacedError(Breach.STAGE_ORDER, f"stage {shown(name)} is not open")
    return table


def seated(story: Story, table: Table, told: list[dict[str, Any]]) -> Problems:
    """Seats are of the groups that were to be asked, and for nobody whose own matter it is."""
    table.seat(told)
    for (group, _), people in table.people.items():
        if group not in table.groups:
            yield Breach.SEAT_FORBIDDEN, f"no group {shown(group)} may review this stage"
        if not story.kept_out.isdisjoint(people):
            yield Breach.SEAT_FORBIDDEN, "a seat is for somebody whose own matter it is"


def reviewed(story: Story, event: Seen) -> Problems:
    """A review counts when it is by somebody with a seat, proven as demanded, and their first.

    One that does not count is not counted, so that a stage which needs it lacks it.
    """
    table, who = open_table(story, event), str(event.who)
    wrong = list(_may_review(story, event, table))
    yield from wrong
    if wrong or event.body["digest"] != story.digest:
        return
    behalf = event.actor["on_behalf_of"]
    seat = (event.data["group"], behalf if behalf is not None else who)
    moved = {
        each["person"]: (each["group"], each["holder"]) for each in event.data.get("moved", ())
    }
    votes = {
        name: table.votes[name]._replace(seat=to)
        for name, to in moved.items()
        if name in table.votes
    }
    approves = event.kind == "reviewer:review:approved"
    votes[who] = Vote(approves, seat, table.options(who))
    if any(vote.seat not in vote.options for vote in votes.values()):
        yield Breach.REVIEW_BY_STRANGER, f"{shown(who)} has no seat {shown(seat)}, or moves others"
    elif not table.has_room(votes):
        yield Breach.SEAT_TAKEN, f"seat {shown(seat)} is filled already"
    elif not table.earlier.isdisjoint((who, seat[1])):
        yield Breach.REVIEW_TWICE, f"{shown(who)} has reviewed a stage that needs other people"
    elif event.kind != "reviewer:review:changes_requested":
        table.cast(votes)
    if event.kind == "reviewer:review:changes_requested":
        yield from changes_wanted(story, event)


def _may_review(story: Story, event: Seen, table: Table) -> Problems:
    who = event.who
    if who in story.kept_out:
        yield Breach.REVIEW_OF_OWN, f"{shown(who)} reviews their own matter"
    elif who is None or not table.options(who):
        yield Breach.REVIEW_BY_STRANGER, f"{shown(who)} has no seat in this stage"
    elif who in table.votes:
        yield Breach.REVIEW_TWICE, f"{shown(who)} has reviewed this stage already"
    yield from proven(event, table.rule["assurance"])
    yield from _of_this_revision(story, event)
    if event.data.get("held"):
        kept = (table.rule["name"], str(who))
        if kept not in story.held:
            yield Breach.REVIEW_UNTOLD, f"no review of {shown(who)} was kept for this stage"
        story.held.discard(kept)


def proven(event: Seen, demanded: str) -> Problems:
    """Who acts is as sure as the policy demands."""
    if demanded == "verified" and event.actor.get("assurance") != "verified":
        yield Breach.REVIEW_UNPROVED, f"{shown(event.who)} was to prove who they are"


def _of_this_revision(story: Story, event: Seen) -> Problems:
    if event.body.get("digest_shown") not in {None, story.digest}:
        yield Breach.REVISION_DIFFERS, f"{shown(event.who)} was shown another revision"


def held(story: Story, event: Seen) -> Problems:
    """A review is kept for a stage that has not opened yet."""
    name, who = event.body["stage"], str(event.who)
    later = story.stages[story.index + (story.table is not None) :]
    rule = next((each for each in later if each["name"] == name), None)
    if rule is None or story.status != PENDING:
        yield Breach.STAGE_ORDER, f"a review is kept for stage {shown(name)}, which is not to come"
        return
    if who in story.kept_out:
        yield Breach.REVIEW_OF_OWN, f"{shown(who)} reviews their own matter"
    yield from proven(event, rule["assurance"])
    yield from _of_this_revision(story, event)
    # The empty one is shared with other stories.
    story.held = story.held or set()
    story.held.add((name, who))


def changes_wanted(story: Story, event: Seen) -> Problems:
    """The stage closes; the requester has so long to bring a changed request."""
    yield from one_round_more(story)
    story.table, story.status = None, CHANGES_REQUESTED
    story.due = event.at + whole(story.rules["changes_within_hours"]) * HOUR


def one_round_more(story: Story) -> Problems:
    """Changes are asked for, or made by reviewers, only so often."""
    story.rounds += 1
    if story.rounds > story.rules["max_rounds"]:
        yield Breach.ROUNDS_EXCEEDED, f"this is round {story.rounds}, more than the policy allows"


def edits(story: Story, event: Seen, allowed: str) -> Problems:
    """Who edits could review the open stage, and has seen what they change."""
    table, who = story.table, event.who
    if story.rules["edits"] != allowed:
        yield Breach.EDIT_FORBIDDEN, "the policy allows no such edit"
    if table is None or who is None or not table.options(who) or who in table.votes:
        yield Breach.EDIT_FORBIDDEN, f"{shown(who)} has no seat from which to edit"
    if who in story.kept_out:
        yield Breach.REVIEW_OF_OWN, f"{shown(who)} edits their own matter"
    if table is not None:
        yield from proven(event, table.rule["assurance"])
    if event.body.get("digest_shown") != story.digest:
        yield Breach.REVISION_DIFFERS, f"{shown(who)} edits another revision"


def edit_proposed(story: Story, event: Seen) -> Problems:
    """An edit that waits for the requester is a request for changes."""
    yield from edits(story, event, "with_author")
    yield from changes_wanted(story, event)
    story.proposal = (event.data["proposal"], event.who)


def reassigned(story: Story, event: Seen) -> Problems:
    """A seat is handed over by its holder, or an administrator, and not by or to the requester."""
    table, who = open_table(story, event), str(event.who)
    source, target = event.data["from"], event.data["to"]
    holders = {holder for _, holder in table.people}
    sitting = {vote.seat[1] for vote in table.votes.values()}
    if not story.kept_out.isdisjoint({who, target}):
        yield Breach.HANDOVER_FORBIDDEN, "whoever asks, or gets it, has to do with a hand-over"
    if who != source and ADMINISTRATOR not in event.actor["roles"]:
        yield Breach.HANDOVER_FORBIDDEN, f"{shown(who)} gives away the seat of {shown(source)}"
    if source not in holders or target in holders or source in {*sitting, *table.votes}:
        told = f"{shown(source)} has no free seat, or {shown(target)} has one"
        yield Breach.HANDOVER_FORBIDDEN, told
    if target in table.earlier or target in table.votes:
        yield Breach.HANDOVER_FORBIDDEN, f"{shown(target)} has reviewed already"
    yield from proven(event, table.rule["assurance"])
    table.hand_over(source, target)


def leave(story: Story, table: Table) -> None:
    """Remember who has reviewed a stage, and for whom."""
    people = {name: {name, vote.seat[1]} for name, vote in table.votes.items()}
    name = table.rule["name"]
    story.reviewers = {**story.reviewers, name: frozenset().union(*people.values())}
    approved = (people[each] for each, vote in table.votes.items() if vote.approves)
    story.approvers = story.approvers.union(*approved)
