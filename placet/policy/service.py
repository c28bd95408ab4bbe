"""What activities call: make a plan, open a stage, and keep the snapshot a plan was made with."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from placet.digest import canonical, digest
from placet.domain import planning
from placet.domain.errors import ConflictError
from placet.domain.facts import FactKind
from placet.domain.people import Directory
from placet.domain.plan import Opening, PersonRef, Plan
from placet.domain.policy import PolicySnapshot
from placet.pipelines.pipeline import Prepared
from placet.policy.conditions import holds

_REMEMBERED = 64


class SnapshotError(ConflictError):
    """A stored snapshot is not what its digest says."""

    code = "snapshot"


@dataclass(frozen=True)
class KeptPolicy:
    """A policy snapshot as the content store keeps it.

    Attributes:
        snapshot: All that planning needs.
        content: Its RFC 8785 JSON.
        digest: The SHA-256 of ``content`` (64 hex), by which plans name it.
    """

    snapshot: PolicySnapshot
    content: bytes
    digest: str

    @classmethod
    def of(cls, snapshot: PolicySnapshot) -> "KeptPolicy":
        """Return ``snapshot`` in its canonical form."""
        content = snapshot_bytes(snapshot)
        return cls(snapshot, content, hashlib.sha256(content).hexdigest())


class KeptPolicies:
    """Policy snapshots out of the content store; each is read and checked once a process."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        """Read contents with ``fetch``, by their digest."""
        self._fetch = fetch
        self._known: OrderedDict[str, PolicySnapshot] = OrderedDict()

    async def get(self, policy_digest: str) -> PolicySnapshot:
        """Return the snapshot kept under ``policy_digest``.

        Raises:
            NotFoundError: Nothing is kept under it.
            SnapshotError: See :func:`restore_snapshot`.
        """
        snapshot = self._known.get(policy_digest)
        if snapshot is None:
            snapshot = restore_snapshot(await self._fetch(policy_digest), policy_digest)
            self._known[policy_digest] = snapshot
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return snapshot


def snapshot_bytes(snapshot: PolicySnapshot) -> bytes:
    """Return the RFC 8785 JSON to keep in the content store; its SHA-256 is the policy digest."""
    return canonical(snapshot)


def restore_snapshot(stored: bytes, policy_digest: str) -> PolicySnapshot:
    """Return the snapshot kept under ``policy_digest``.

    Fields that a newer version added are ignored.

    Raises:
        SnapshotError: The bytes are not those the digest was taken of, or cannot be understood.
    """
    if hashlib.sha256(stored).hexdigest() != policy_digest:
        raise SnapshotError(
            f"the policy snapshot {policy_digest[:12]} is not what was stored; restore it from a "
            "backup of the content store"
        )
    try:
        return PolicySnapshot.model_validate_json(stored, extra="ignore")
    except ValidationError as error:
        raise SnapshotError(
            f"the policy snapshot {policy_digest[:12]} cannot be read by this version "
            f"({error.error_count()} problems); upgrade the worker, or restore the snapshot"
        ) from None


def make_plan(  # noqa: PLR0913 - each is a separate fact about one revision.
    snapshot: PolicySnapshot,
    prepared: Prepared,
    kinds: Mapping[str, FactKind],
    *,
    requester: PersonRef,
    kept_out: Sequence[PersonRef] = (),
    policy_digest: str | None = None,
) -> Plan:
    """Apply a policy to one revision of a request.

    Args:
        snapshot: From the policy book for a first revision, from the content store for a later one.
        prepared: The revision, as its pipeline understood it.
        kinds: The pipeline's facts and their types.
        requester: Who asks; ``directory.require(address).ref()`` makes sure they exist.
        kept_out: Whom it is for, see :func:`refs_of`.
        policy_digest: The digest of the snapshot where it is known; else it is computed.

    Raises:
        UnplannableError: A condition cannot be decided; the message names policy and route.
    """
    facts = prepared.facts
    if "requester" in facts:
        # A condition about the requester must not depend on how they spelled their address.
        facts = {**facts, "requester": requester.address}
    if "to_requester" in facts:
        # The same for whom it is for: another address of theirs is theirs too.
        facts = {**facts, "to_requester": requester.id in {person.id for person in kept_out}}
    return planning.plan(
        snapshot,
        policy_digest or digest(snapshot),
        facts,
        title=prepared.title,
        amount=prepared.amount,
        requester=requester,
        holds=lambda text, values: holds(text, values, kinds),
        findings=prepared.findings,
        scope=prepared.scope,
        effect_at=prepared.effect_at,
        effect_after=prepared.effect_after,
        owners=prepared.owners,
        kept_out=kept_out,
    )


def refs_of(addresses: Iterable[str], directory: Directory) -> tuple[PersonRef, ...]:
    """Return whom the directory knows among ``addresses``, each once."""
    found = (directory.resolve(address) for address in addresses)
    return tuple({person.id: person.ref() for person in found if person is not None}.values())


def open_stage(  # noqa: PLR0913 - each is a separate fact about one moment.
    snapshot: PolicySnapshot,
    plan: Plan,
    stage_index: int,
    directory: Directory,
    now: datetime,
    *,
    earlier: Mapping[str, frozenset[str]] | None = None,
    reassigned: Mapping[str, str] | None = None,
) -> Opening:
    """Return who may review the stage that opens at ``now``, and all its timers.

    ``now`` is the workflow's time, handed in, so that a retried activity gives the same answer.

    Raises:
        OtherPolicyError: The snapshot is not the one the plan was made with.
    """
    return planning.opening(
        snapshot, plan, stage_index, directory, now, earlier=earlier, reassigned=reassigned
    )
