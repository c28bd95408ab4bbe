"""Make a plan and open a stage: the two moments at which files and clocks are looked at.

Idempotent: both only read, but for the content they store under its own digest.
"""

from collections.abc import Mapping

from pydantic import JsonValue
from temporalio import activity

from activities.errors import permanent
from placet.digest import canonical, digest
from placet.domain.errors import InvalidInputError
from placet.domain.orders import OpenOrder, Planned, PlanOrder
from placet.domain.plan import Opening
from placet.domain.policy import PolicySnapshot
from placet.pipelines.pipeline import Door, Prepared, Surround, Surroundings
from placet.policy.service import KeptPolicies, make_plan, open_stage, refs_of
from placet.ports import DirectoryPort, Ledger, PolicyPort

JSON = "application/json"


class PlanningActivities:
    """Applies policies to requests."""

    def __init__(
        self,
        policies: PolicyPort,
        directory: DirectoryPort,
        ledger: Ledger,
        doors: Mapping[str, Door],
        surround: Surround = Surroundings,
    ) -> None:
        """Plan by ``policies`` among the people of ``directory``; keep contents in ``ledger``.

        ``surround`` adds what else a request is held against: targets, data sets and the like.
        """
        self._policies = policies
        self._kept = KeptPolicies(ledger.get_content)
        self._directory = directory
        self._ledger = ledger
        self._doors = doors
        self._surround = surround

    @activity.defn(name="planning.make_plan")
    async def make_plan(self, order: PlanOrder) -> Planned:
        """Understand a request, keep exactly what it says, and apply the policy to it.

        Raises:
            ApplicationError: The request is invalid, nobody knows its requester, a file it refers
                to is not stored, or no policy fits. Its detail is who asks, or None.
        """
        with permanent(self._asked_by(order)):
            policy, snapshot = await self._policy(order)
            door = self._doors[order.pipeline]
            surroundings = self._surround(order.now, snapshot.rates, snapshot.policy, self._ledger)
            prepared = await door.prepare(order.request, surroundings)
            requester = self._directory.snapshot().require(prepared.requester).ref()
            if order.requester is not None and requester.id != order.requester:
                raise InvalidInputError(
                    f"the changed request is by {requester.name}; "
                    "a request keeps its requester, whoever changes it"
                )
            revision = await self._keep(order, prepared)
            plan = make_plan(
                snapshot,
                prepared,
                door.facts,
                requester=requester,
                kept_out=refs_of(prepared.kept_out, self._directory.snapshot()),
                policy_digest=policy,
            )
            opening = None
            if plan.stages:
                opening = open_stage(snapshot, plan, 0, self._directory.snapshot(), order.now)
            return Planned(plan=plan, digest=revision, opening=opening)

    @activity.defn(name="planning.open_stage")
    async def open_stage(self, order: OpenOrder) -> Opening:
        """Say who may review a stage that opens now, and when its timers are.

        Raises:
            ApplicationError: The policy snapshot is gone from the content store.
        """
        with permanent():
            snapshot = await self._kept.get(order.plan.policy.digest)
            return open_stage(
                snapshot,
                order.plan,
                order.stage,
                self._directory.snapshot(),
                order.now,
                earlier={stage: frozenset(people) for stage, people in order.earlier.items()},
                reassigned=order.reassigned,
            )

    def _asked_by(self, order: PlanOrder) -> JsonValue:
        """Return whom a request names as its requester, whatever else is wrong with it."""
        told = order.request.get("requester") if isinstance(order.request, dict) else None
        known = self._directory.snapshot().resolve(told) if isinstance(told, str) else None
        return known.ref().model_dump(mode="json") if known else None

    async def _policy(self, order: PlanOrder) -> tuple[str, PolicySnapshot]:
        """Return the policy to plan by; the one in force is kept before a plan names it."""
        if order.policy is not None:
            return order.policy, await self._kept.get(order.policy)
        policy = self._policies.in_force(order.pipeline)
        await self._ledger.put_content(policy.content, JSON)
        return policy.digest, policy.snapshot

    async def _keep(self, order: PlanOrder, prepared: Prepared) -> str:
        """Store the revision; its digest is what people approve."""
        if digest(prepared.request) == order.replaces:
            raise InvalidInputError("nothing has changed; change the request, then send it again")
        missing = [sha for sha in prepared.contents if not await self._ledger.has_file(sha)]
        if missing:
            raise InvalidInputError(
                f"files that the request refers to are not stored: {', '.join(missing)}; "
                "submit it with starter.py, which stores them first"
            )
        for file in prepared.made:
            await self._ledger.put_content(file.content, file.media_type)
        return await self._ledger.put_content(canonical(prepared.request), JSON)
