"""How far the story of one request has come, as its events alone tell it."""

from typing import Any, NamedTuple

from .seats import Table

PENDING, CHANGES_REQUESTED = "pending", "changes_requested"
NOBODY: frozenset[str] = frozenset()
_NOTHING: dict[str, Any] = {}
_NONE_HELD: set[tuple[str, str]] = set()
"""Shared by all stories that are over: there are many of them."""


class Seen(NamedTuple):
    """One event.

    Attributes:
        kind: ``source:subject:action``.
        at: When it occurred, in microseconds since 1970.
        body: As the ledger has it.
        data: The body's ``data``.
        actor: Who caused it, or nobody: an empty object.
        before: The kind of the workflow's event before this one.
        cause: The outcome, or passage, that the event before leads to, and by what.
    """

    kind: str
    at: int
    body: dict[str, Any]
    data: dict[str, Any]
    actor: dict[str, Any]
    before: str | None
    cause: tuple[str, str] | None

    @property
    def who(self) -> str | None:
        """Return the id of who caused it."""
        return self.actor.get("id")


class Story:
    """One request's story so far.

    Attributes:
        request: Its id.
        chain: The workflow that writes it.
        last: When the last of the workflow's events occurred.
        kind: The last of the workflow's events.
        only: If set, the only kinds that may come next.
        cause: Of the next event, see :class:`Seen`.
        requester: Who asks; None before it is known.
        kept_out: Who asks, and whom it is for.
        revision: 0 before there is one.
        digest: Of the revision.
        policy: The digest of its policy.
        rules: As the plan tells them.
        status: None before there is one.
        index: How many stages have been passed.
        passed: What passed each.
        table: The open stage.
        held: Whose review was kept for which stage.
        proposal: The digest that a reviewer proposes, and their id.
        reviewers: Stage to those who reviewed it, or for whom.
        approvers: Those whose approval counted, or for whom.
        concerned: Who may take an approval back; known with the outcome.
        rounds: How many times changes have been asked for, or made.
        wait: Not before which instant the effect begins, and how long after the approval.
        due: Until when a changed request is waited for, what waits may not begin, what is in force
            is over; at the moment that this is about.
        by: What brought the outcome about.
        permit: The id of the one permit.
        effect: How far what was approved has come; None without a permit.
        consumed: Whether the permit is used.
        ending: Whether something has had it stopped or ended.
        bank: Whether the bank has spoken.
    """

    __slots__ = (
        "approvers",
        "bank",
        "by",
        "cause",
        "chain",
        "concerned",
        "consumed",
        "digest",
        "due",
        "effect",
        "ending",
        "held",
        "index",
        "kept_out",
        "kind",
        "last",
        "only",
        "passed",
        "permit",
        "policy",
        "proposal",
        "request",
        "requester",
        "reviewers",
        "revision",
        "rounds",
        "rules",
        "status",
        "table",
        "wait",
    )

    def __init__(self, request: str) -> None:
        """Begin a story that has not been told yet."""
        self.request = request
        self.chain: str | None = None
        self.last = 0
        self.kind: str | None = None
        self.only: tuple[str, ...] = ()
        self.cause: tuple[str, str] | None = None
        self.requester: str | None = None
        self.kept_out = NOBODY
        self.revision = 0
        self.digest: str | None = None
        self.policy: str | None = None
        self.rules: dict[str, Any] = {}
        self.status: str | None = None
        self.index = 0
        self.passed: tuple[str, ...] = ()
        self.table: Table | None = None
        self.held: set[tuple[str, str]] = _NONE_HELD
        self.proposal: tuple[str, str | None] | None = None
        self.reviewers: dict[str, frozenset[str]] = {}
        self.approvers = NOBODY
        self.concerned: tuple[str, ...] = ()
        self.rounds = 0
        self.wait = (0, 0)
        self.due: int | None = None
        self.by: str | None = None
        self.permit: str | None = None
        self.effect: str | None = None
        self.consumed = False
        self.ending = False
        self.bank = False

    @property
    def stages(self) -> list[dict[str, Any]]:
        """Return the stages that the plan asks for."""
        stages: list[dict[str, Any]] = self.rules["stages"]
        return stages

    @property
    def is_over(self) -> bool:
        """Say whether it has its outcome."""
        return self.by is not None

    def forget(self) -> None:
        """Keep nothing that is only of use before the outcome."""
        if self.status == "approved":
            self.concerned = (*self.kept_out, *self.approvers)
        self.kept_out = self.approvers = NOBODY
        self.table, self.rules, self.reviewers, self.held = None, _NOTHING, _NOTHING, _NONE_HELD
        self.passed, self.wait, self.policy, self.proposal = (), (0, 0), None, None
