"""Whether the rules that a story tells are those of the policy that it names.

A plan's event says by which route a request goes and what its stages demand; the stories are judged
by that. Whoever has a writer's key could tell gentler rules than the policy has: here they are
derived again from the policy's own text. Which route applies is not: its condition is about facts
that are sealed.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ..bundle import MAX_SMALL_FILE, Bundle
from ..findings import Finding, UnusableError, shown
from .breaches import Breach

_PLANNED = "system:request:planned"
_SPAN = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEPT = 100

Policy = dict[str, Any]


class Rulebook:
    """Compares the rules that are told with the policies of a bundle.

    Attributes:
        unjudged: Nobody: a policy that is not there is a finding of its own.
    """

    def __init__(self, since: int, bundle: Bundle) -> None:
        """Judge events from position ``since`` on by the policies of ``bundle``."""
        self.unjudged: set[str] = set()
        self._since = since
        self._bundle = bundle
        self._known: dict[str, Policy | None] = {}

    def see(
        self,
        position: int,
        stream: str,
        _stream_seq: int,
        kind: str,
        _occurred: int,
        body: dict[str, Any] | None,
    ) -> Iterator[Finding]:
        """Yield whether an event tells other rules than its policy has."""
        if kind != _PLANNED or body is None or position < self._since:
            return
        try:
            policy = self._policy(body["policy"]["digest"])
            told = body["data"]["rules"]
            if policy is None or told == rules_of(policy, body["data"]["route"]):
                return
            wrong = "the rules that it tells are not those of its policy's route"
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            wrong = f"its rules cannot be compared with those of its policy ({shown(error)})"
        yield Finding(Breach.RULES_DIFFER, f"position {position}", f"{shown(stream)}: {wrong}")

    def finish(self) -> Iterator[Finding]:
        """Yield nothing: each event is judged by itself."""
        yield from ()

    def _policy(self, digest: str) -> Policy | None:
        """Return a policy; None when the bundle has none of this digest."""
        name = f"policies/{digest}.json"
        # Nothing else is a name: a path could lead out of the bundle.
        if name not in self._bundle.files or not _DIGEST.fullmatch(digest):
            return None
        if digest not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[digest] = self._read(name)
        return self._known[digest]

    def _read(self, name: str) -> Policy | None:
        try:
            with self._bundle.open(name) as stream:
                told = json.loads(stream.read(MAX_SMALL_FILE))
        except UnusableError:
            # It is named and not there, which has been said.
            return None
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        policy: Policy = told["policy"]
        return policy


def rules_of(policy: Policy, route: str) -> dict[str, Any]:
    """Return the rules of one of a policy's routes, as a plan's event tells them.

    Raises:
        LookupError: The policy has no such route, or lacks something.
        TypeError: Something in it is of another kind.
        ValueError: Likewise.
    """
    taken = [each for each in policy["routes"] if each["name"] == route]
    if not taken:
        raise LookupError("no such route")
    stages, changes = policy["stages"], policy["changes"]
    decision = None
    if taken[0].get("approve") is not None:
        decision = "approve"
    elif taken[0].get("reject") is not None:
        decision = "reject"
    return {
        "stages": [_stage(name, stages[name]) for name in taken[0].get("stages") or ()],
        "decision": decision,
        "max_rounds": changes["at_most"],
        "changes_within_hours": max(1, _minutes(changes["within"]) // 60),
        "edits": changes.get("edits", "never"),
        "break_glass": _break_glass(policy.get("break_glass")),
    }


def _stage(name: str, told: dict[str, Any]) -> dict[str, Any]:
    deadline = told["deadline"]
    return {
        "name": name,
        "groups": [_group(each) for each in told["groups"]],
        "ladder": [
            {**_group(each), "mode": each.get("mode", "join")} for each in told["escalation"]
        ],
        "assurance": told["assurance"],
        "distinct_from": told["distinct_from"],
        "deadline": deadline["then"],
        "finally": deadline["finally"],
        "when_stuck": told["when_stuck"],
    }


def _group(told: dict[str, Any]) -> dict[str, Any]:
    approve, reject = _threshold(told["approve"]), _threshold(told["reject"])
    return {"name": told["name"], "approve": approve, "reject": reject}


def _threshold(told: str) -> dict[str, int]:
    if told in {"any", "all"}:
        return {"count": 1} if told == "any" else {"percent": 100}
    return {"percent" if told.endswith("%") else "count": int(told.removesuffix("%"))}


def _break_glass(told: dict[str, Any] | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {"assurance": told["assurance"], "at_most_minutes": _minutes(told["at_most"])}


def _minutes(span: str) -> int:
    found = _SPAN.fullmatch(span)
    if found is None:
        raise ValueError("it is no length of time")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes
