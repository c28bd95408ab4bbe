"""What must hold of a request itself: how it begins, changes, and comes to its outcome."""

from sys import intern

from ..findings import shown
from .breaches import Breach, Problems
from .reviews import edits, leave, one_round_more, proven
from .story import CHANGES_REQUESTED, PENDING, Seen, Story
from .values import instant, whole

_PLANNED = ("system:request:planned",)
_DECIDED = ("system:case:decided",)
MINUTE = 60_000_000


def submitted(story: Story, event: Seen) -> Problems:
    """A story begins with its requester and its first revision."""
    story.requester = event.who if event.who is None else intern(event.who)
    story.revision, story.digest, story.status = 1, event.body["digest"], PENDING
    story.policy = event.body["policy"]["digest"]
    story.only = _PLANNED
    if story.requester is None or not isinstance(story.digest, str):
        yield Breach.STORY_ORDER, "nobody has asked for anything"


def unplannable(story: Story, event: Seen) -> Problems:
    """What cannot be planned has failed, whoever asked for it."""
    asks = event.body["requester"]
    story.requester = intern(asks) if isinstance(asks, str) else None
    story.revision, story.status = 1, "planning"
    story.only, story.cause = _DECIDED, ("failed", "rule")
    yield from ()


def planned(story: Story, event: Seen) -> Problems:
    """The rules are told, and hold until there is another revision."""
    if event.before not in {
        "requester:request:submitted",
        "requester:request:resubmitted",
        "reviewer:request:edited",
    }:
        yield Breach.STORY_ORDER, "rules are told of a revision that had its rules"
    if event.body["policy"]["digest"] != story.policy:
        yield Breach.RULES_REPLACED, "another policy applies than when it was submitted"
    story.rules = event.data["rules"]
    story.kept_out = frozenset((str(story.requester), *event.data.get("kept_out", ())))
    story.due = story.proposal = None
    story.status, story.index, story.passed, story.table = PENDING, 0, (), None
    story.held, story.reviewers, story.approvers = set(), {}, frozenset()
    at, after = event.data.get("effect_at"), event.data.get("effect_after_minutes", 0)
    story.wait = (instant(at) if at else 0, whole(after) * MINUTE)
    decision = story.rules["decision"]
    if decision is not None:
        story.cause = ("approved" if decision == "approve" else "rejected", "rule")


def resubmitted(story: Story, event: Seen) -> Problems:
    """Only the requester brings another revision, which nobody has voted on."""
    if event.who != story.requester:
        yield Breach.REQUESTER_DIFFERS, f"{shown(event.who)} resubmits what is not theirs"
    if event.body.get("digest_shown") not in {None, story.digest}:
        yield Breach.REVISION_DIFFERS, "it changes another revision than the last"
    author = event.data.get("edited_by")
    if author is not None and story.proposal != (event.body["digest"], author):
        yield Breach.EDIT_FORBIDDEN, f"it is not what {shown(author)} proposed"
    yield from _next_revision(story, event)


def edited(story: Story, event: Seen) -> Problems:
    """A reviewer brings another revision, where the policy lets them; it is voted on anew."""
    yield from edits(story, event, "freely")
    yield from one_round_more(story)
    yield from _next_revision(story, event)


def _next_revision(story: Story, event: Seen) -> Problems:
    if event.data["replaces"] != story.digest or event.body["revision"] != story.revision + 1:
        yield Breach.REVISION_DIFFERS, "it does not follow the revision before it"
    story.revision, story.digest = event.body["revision"], event.body["digest"]
    story.table, story.status = None, PENDING
    story.only = _PLANNED


def withdrawn(story: Story, event: Seen) -> Problems:
    """Only the requester withdraws."""
    if event.who != story.requester:
        yield Breach.WITHDRAWAL_FORBIDDEN, f"{shown(event.who)} withdraws what is not theirs"
    yield from cancelled(story, event)


def cancelled(story: Story, _: Seen) -> Problems:
    """Whoever runs Temporal may end what has no outcome; who it was stands there."""
    story.only, story.cause = _DECIDED, ("withdrawn", "people")
    yield from ()


def failed(story: Story, _: Seen) -> Problems:
    """What cannot go on has failed."""
    story.only, story.cause = _DECIDED, ("failed", "system")
    yield from ()


def glass_broken(story: Story, event: Seen) -> Problems:
    """Only whom the policy permits has it carried out at once, proven and with a reason."""
    rule = story.rules["break_glass"]
    if rule is None or event.who not in event.data["permitted"] or story.status != PENDING:
        yield Breach.GLASS_FORBIDDEN, f"{shown(event.who)} may not break the glass"
    else:
        yield from proven(event, rule["assurance"])
    if not event.body.get("reason"):
        yield Breach.GLASS_FORBIDDEN, "nobody says why the glass was broken"
    if event.body.get("digest_shown") not in {None, story.digest}:
        yield Breach.REVISION_DIFFERS, f"{shown(event.who)} was shown another revision"
    story.only, story.cause = _DECIDED, ("approved", "break-glass")


def decided(story: Story, event: Seen) -> Problems:
    """Every outcome has its cause right before it, or in the votes, or in the time."""
    outcome, by = event.data["outcome"], event.data["by"]
    table = story.table
    if (outcome, by) == ("rejected", "people"):
        founded = table is not None and table.rejected()
    elif (outcome, by) == ("expired", "timeout") and story.status == CHANGES_REQUESTED:
        founded = story.due is not None and event.at >= story.due
    else:
        founded = event.cause == (outcome, by)
    if not founded:
        yield Breach.OUTCOME_UNFOUNDED, f"nothing leads to {shown(outcome)} by {shown(by)}"
    if table is not None:
        leave(story, table)
    waits = max(story.wait[0], event.at + story.wait[1])
    story.due = waits if waits > event.at else None
    story.status, story.by = intern(outcome), intern(by)
    story.forget()
