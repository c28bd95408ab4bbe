"""Whether the rules that a story tells are those of the policy that it names.

A plan's event says by which route a request goes and what its stages demand; the stories are judged
by that. Whoever has a writer's key could tell gentler rules than the policy has: here they are
derived again from the policy's own text. Which route applies is not: its condition is about facts
that are sealed.
"""

import hashlib
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
_MOST = 64 << 20
"""Characters of the rules of all routes together: a policy's file has less than one hundredth."""

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
        self._known: dict[str, dict[str, bytes] | None] = {}

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
            told, route = body["data"]["rules"], body["data"]["route"]
            known = self._policy(body["policy"]["digest"])
            if known is None or known.get(route) == _fingerprint(told):
                return
            wrong = "the rules that it tells are not those of its policy's route"
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            wrong = f"its rules cannot be compared with those of its policy ({shown(error)})"
        yield Finding(Breach.RULES_DIFFER, f"position {position}", f"{shown(stream)}: {wrong}")

    def finish(self) -> Iterator[Finding]:
        """Yield nothing: each event is judged by itself."""
        yield from ()

    def _policy(self, digest: str) -> dict[str, bytes] | None:
        """Return a fingerprint of the rules of each route; None when the policy is not there.

        Each policy is read once, however many events name it, and nothing else of it is kept: a
        bundle may hold many, and long ones.
        """
        name = f"policies/{digest}.json"
        # Nothing else is a name: a path could lead out of the bundle.
        if name not in self._bundle.files or not _DIGEST.fullmatch(digest):
            return None
        if digest not in self._known:
            # Whatever keeps it from being read, it is not read again.
            self._known[digest] = {}
            try:
                self._known[digest] = _fingerprints(self._bundle, name)
            except UnusableError:
                # It is named and not there, which has been said.
                self._known[digest] = None
        return self._known[digest]


def _fingerprints(bundle: Bundle, name: str) -> dict[str, bytes]:
    with bundle.open(name) as stream:
        raw = stream.read(MAX_SMALL_FILE)
    try:
        policy: Policy = json.loads(raw)["policy"]
        if _written_out(policy) > _MOST:
            raise ValueError("its routes are longer than those of any policy")
        found: dict[str, bytes] = {}
        for route in policy["routes"]:
            if route["name"] not in found:
                found[route["name"]] = _fingerprint(_rules(policy, route))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return found


def _written_out(policy: Policy) -> int:
    """Return how long the rules of all routes are, when each repeats what it names."""
    stages = {name: _length(told) for name, told in policy["stages"].items()}
    each = _length(policy["changes"]) + _length(policy.get("break_glass"))
    routes = policy["routes"]
    named = (stages[name] for route in routes for name in route.get("stages") or ())
    return each * len(routes) + sum(named)


def _length(told: Any) -> int:
    return len(json.dumps(told))


def _fingerprint(rules: Any) -> bytes:
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).digest()


def rules_of(policy: Policy, route: str) -> dict[str, Any]:
    """Return the rules of one of a policy's routes, as a plan's event tells them.

    Raises:
        LookupError: The policy has no such route, or lacks something.
        TypeError: Something in it is of another kind.
        ValueError: Likewise.
    """
    taken = next((each for each in policy["routes"] if each["name"] == route), None)
    if taken is None:
        raise LookupError("no such route")
    return _rules(policy, taken)


def _rules(policy: Policy, route: dict[str, Any]) -> dict[str, Any]:
    stages, changes = policy["stages"], policy["changes"]
    decision = None
    if route.get("approve") is not None:
        decision = "approve"
    elif route.get("reject") is not None:
        decision = "reject"
    return {
        "stages": [_stage(name, stages[name]) for name in route.get("stages") or ()],
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
