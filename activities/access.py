"""Grant an approved role for its time, and take it away when that is over.

Idempotent by the permit: one transaction consumes it and records the grant as begun, before
anything is given. From then on a membership that is found is this grant's own, and the next run
goes on where one has died. Of one account's role at one target one grant at a time is on its way,
so none takes away what another one gives; what another keeps in force is left where it is.
"""

from datetime import datetime, timedelta

from pydantic import JsonValue
from temporalio import activity

from activities.errors import permanent
from placet.access.approved import approved, lasts
from placet.access.giving import give, look, take_away
from placet.access.target import AccessTargets, Change
from placet.domain.access import EFFECT, Scope
from placet.domain.errors import ConflictError, PlacetError, UnavailableError
from placet.domain.grants import GrantEntry, GrantResult, GrantRow, GrantState, Release
from placet.domain.orders import EffectOrder, EffectResult, EndOrder
from placet.ports import DirectoryPort, Ledger

WITHDRAWN = "withdrawn before it was granted"


class AccessActivities:
    """Gives roles, and takes them away."""

    def __init__(self, ledger: Ledger, targets: AccessTargets, directory: DirectoryPort) -> None:
        """Record in ``ledger`` what is done at ``targets`` for people of ``directory``."""
        self._ledger = ledger
        self._book = ledger.grants
        self._targets = targets
        self._directory = directory

    @activity.defn(name="access.grant")
    async def grant(self, order: EffectOrder) -> EffectResult:
        """Give what was approved; its time counts from when it is given.

        Raises:
            ApplicationError: The content or the catalogue is not what was approved, the account has
                the role already, or the role cannot be granted.
            UnavailableError: The target does not answer, or the same role is on its way to or from
                the same account by another case; it is tried again.
        """
        with permanent():
            begun = await self._book.find(order.permit)
            if begun is not None:
                # A permit answers for its digest and its effect each time it is shown.
                await self._ledger.consume(order.permit, order.digest, EFFECT, [order.consumed])
            if begun is not None and begun.state is not GrantState.GRANTING:
                return await self._again(order, begun)
            if order.stop:
                return await self._stop(order, begun)
            if begun is not None:
                return await self._give(order, begun, perhaps_given=not begun.was_member)
            begun = await self._begin(order)
            # A server that is only told, and refuses what it hears first, has given nothing.
            return await self._give(order, begun, perhaps_given=begun.was_member is False)

    @activity.defn(name="access.revoke")
    async def revoke(self, order: EndOrder) -> EffectResult:
        """Take away what was given, unless another grant keeps it; it is tried until it is gone.

        Raises:
            UnavailableError: It is not gone: the target does not answer or does not allow it, or
                the same role is being given to the same account. The message says what to do.
            ApplicationError: Nothing is in force by this permit.
        """
        with permanent():
            released = await self._book.release(order.permit)
            grant = await self._known(order.permit)
            found = ""
            if released is Release.ENDING:
                found = await take_away(self._targets, _change(grant, order.at), grant)
            elif released is Release.COVERED:
                found = await self._kept_by(grant)
            summary = "; ".join(part for part in (f"{grant}: {order.why.value}", found) if part)
            told = order.ended.telling({"summary": summary, **_facts(grant)})
            return _result(summary, await self._book.end(order.permit, order.why.value, [told]))

    async def _begin(self, order: EffectOrder) -> GrantRow:
        """Look who has the role, consume the permit and record the grant as begun."""
        scope = await self._approved(order)
        has_it = await look(self._ledger, self._targets, scope)
        entry = GrantEntry(
            **scope.membership.model_dump(),
            permit_id=order.permit,
            request=order.request_id,
            digest=order.digest,
            person=scope.person,
            was_member=has_it,
        )
        return (await self._book.begin(entry, [order.consumed])).grant

    async def _give(
        self, order: EffectOrder, begun: GrantRow, *, perhaps_given: bool
    ) -> EffectResult:
        """Give what has begun, and record from when to when it is in force."""
        try:
            lasting = lasts(order, await self._approved(order))
            minutes = lasting // timedelta(minutes=1)
            change = _change(begun, order.approved, minutes)
            identity = await give(self._targets, change, begun.target)
        except PlacetError as refusal:
            await self._give_up(order, begun, refusal, perhaps_given=perhaps_given)
            raise
        # Temporal's clock, by which the workflow waits for the end, and not that of this machine.
        since = max(activity.info().started_time, order.approved)
        until = since + lasting
        told = order.in_force(until).telling({"summary": str(begun), **_facts(begun)})
        return _in_force(await self._book.hold(order.permit, since, until, [told], identity))

    async def _give_up(
        self, order: EffectOrder, begun: GrantRow, refusal: PlacetError, *, perhaps_given: bool
    ) -> None:
        """Leave nothing behind after a refusal; what is only away is tried again as it is."""
        if isinstance(refusal, UnavailableError):
            return
        if perhaps_given:
            await take_away(self._targets, _change(begun, order.approved), begun)
        await self._book.fail(order.permit, str(refusal))

    async def _again(self, order: EffectOrder, grant: GrantRow) -> EffectResult:
        """Say what an earlier run has come to.

        Raises:
            ConflictError: It came to nothing.
        """
        if grant.state is not GrantState.FAILED:
            since, until = _times(grant)
            return _in_force(await self._book.hold(order.permit, since, until, [order.done]))
        if grant.ended_why == WITHDRAWN:
            result = await self._book.fail(order.permit, WITHDRAWN, [order.stopped])
            return _result(WITHDRAWN, result, stopped=True)
        raise ConflictError(grant.ended_why or "nothing was granted; ask again")

    async def _stop(self, order: EffectOrder, begun: GrantRow | None) -> EffectResult:
        """Give nothing, and take away what an earlier run may have given."""
        told = order.stopped.telling({"summary": WITHDRAWN})
        if begun is None:
            consumed = await self._ledger.consume(
                order.permit, order.digest, EFFECT, [order.consumed, told]
            )
            last = max(consumed.receipts, key=lambda receipt: receipt.seq, default=None)
            return EffectResult(summary=WITHDRAWN, stopped=True, receipt=last)
        # What was there before is another grant's.
        if not begun.was_member:
            await take_away(self._targets, _change(begun, order.approved), begun)
        result = await self._book.fail(order.permit, WITHDRAWN, [told])
        return _result(WITHDRAWN, result, stopped=True)

    async def _approved(self, order: EffectOrder) -> Scope:
        content = await self._ledger.get_content(order.digest)
        return approved(order, content, self._targets.catalogue(), self._directory.snapshot())

    async def _known(self, permit: str) -> GrantRow:
        found = await self._book.find(permit)
        assert found is not None  # noqa: S101 - it has just been released
        return found

    async def _kept_by(self, grant: GrantRow) -> str:
        others = await self._ledger.open_grants(grant)
        names = ", ".join(other.request for other in others if other.permit_id != grant.permit_id)
        return f"the account keeps it by {names}" if names else ""


def _change(grant: GrantRow, at: datetime, minutes: int | None = None) -> Change:
    return Change(
        key=grant.permit_id,
        at=at,
        role=grant.role,
        account=grant.account,
        person=grant.person,
        case=grant.request,
        minutes=minutes,
        identity=grant.identity,
    )


def _facts(grant: GrantRow) -> dict[str, JsonValue]:
    return {
        "target": grant.target,
        "role": grant.role,
        "account": grant.account,
        "person": grant.person,
    }


def _times(grant: GrantRow) -> tuple[datetime, datetime]:
    since, until = grant.granted_at, grant.until
    assert since is not None  # noqa: S101 - the database holds it for what came into force
    assert until is not None  # noqa: S101 - the same
    return since, until


def _in_force(held: GrantResult) -> EffectResult:
    _, until = _times(held.grant)
    return _result(str(held.grant), held).model_copy(update={"until": until})


def _result(summary: str, came: GrantResult, *, stopped: bool = False) -> EffectResult:
    return EffectResult(
        summary=summary,
        facts=_facts(came.grant),
        stopped=stopped,
        receipt=max(came.receipts, key=lambda receipt: receipt.seq, default=None),
    )
