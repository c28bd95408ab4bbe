"""Compare who has which role with whom it was granted to, and tell the roles' owners if asked to.

Idempotent: it reads, and a notice has its own key.
"""

import hashlib
from collections.abc import Iterable, Sequence

from temporalio import activity

from activities.errors import permanent
from placet.access.target import AccessTargets
from placet.domain.access_roles import RoleCatalogue
from placet.domain.errors import InvalidInputError, PlacetError, UnavailableError
from placet.domain.grants import GrantRow
from placet.domain.plan import Selector
from placet.domain.reconciling import (
    AccessFinding,
    CheckOrder,
    CheckReport,
    RoleSeen,
    reconcile,
)
from placet.domain.record import Notice, NoticeKind
from placet.domain.review import ADMINISTRATOR
from placet.domain.roster import named
from placet.ports import DirectoryPort, Ledger, Notifier

_ADMINISTRATORS = (Selector(role=ADMINISTRATOR),)

Key = tuple[str, str]
"""A target, and what it calls a role."""


class AccessCheckActivities:
    """Looks whether access is as it was granted."""

    def __init__(
        self,
        ledger: Ledger,
        targets: AccessTargets,
        directory: DirectoryPort,
        notifier: Notifier,
    ) -> None:
        """Compare ``ledger`` with ``targets``, and write to the owners through ``notifier``."""
        self._book = ledger.grants
        self._targets = targets
        self._directory = directory
        self._notifier = notifier

    @activity.defn(name="access.check")
    async def check(self, order: CheckOrder) -> CheckReport:
        """Return everything that is not as it was granted; a target that is away is a finding.

        Raises:
            UnavailableError: The ledger does not answer, or a notice cannot be delivered now.
        """
        with permanent():
            catalogue = self._targets.catalogue()
            before = await self._book.rows()
            seen = await self._look_at_all(_keys(catalogue, before), catalogue)
            after = await self._book.rows()
            now = activity.info().started_time
            report = CheckReport(
                at=now,
                roles=len(seen),
                grants=sum(not grant.state.over for grant in after),
                findings=tuple(reconcile(seen, before, after, now)),
            )
            if order.notify:
                await self._tell(report, catalogue)
            return report

    async def _look_at_all(self, keys: Sequence[Key], catalogue: RoleCatalogue) -> list[RoleSeen]:
        """Look at each role; a target that does not answer is asked once, and not for each."""
        seen: list[RoleSeen] = []
        away: dict[str, str] = {}
        for target, role in keys:
            if target in away:
                seen.append(RoleSeen(target=target, role=role, away=away[target]))
                continue
            try:
                seen.append(await self._look((target, role), catalogue))
            except UnavailableError as problem:
                away[target] = str(problem)
                seen.append(RoleSeen(target=target, role=role, away=away[target]))
        return seen

    async def _look(self, key: Key, catalogue: RoleCatalogue) -> RoleSeen:
        """Look who has a role; whatever is wrong with it is said and stops nothing else.

        Raises:
            UnavailableError: The target does not answer.
        """
        name, role = key
        entry = catalogue.named(name, role)
        permanent_members = entry.role.permanent if entry else ()
        unusable = None
        try:
            target = self._targets.open(name)
            if entry is not None:
                try:
                    await target.check(role)
                except InvalidInputError as problem:
                    unusable = str(problem)
            members = await target.members(role)
        except UnavailableError:
            raise
        except PlacetError as problem:
            return RoleSeen(
                target=name,
                role=role,
                permanent=permanent_members,
                away=None if unusable else str(problem),
                unusable=unusable,
            )
        return RoleSeen(
            target=name,
            role=role,
            members=None if members is None else tuple(sorted(members)),
            permanent=permanent_members,
            unusable=unusable,
        )

    async def _tell(self, report: CheckReport, catalogue: RoleCatalogue) -> None:
        """Write to the owners of each role what was found of it, once for each check.

        Of a role that nobody in the directory owns, or that is listed no more, the administrators
        hear.
        """
        directory, info = self._directory.snapshot(), activity.info()
        by_role: dict[Key, list[AccessFinding]] = {}
        for finding in report.findings:
            by_role.setdefault((finding.target, finding.role), []).append(finding)
        for number, ((target, role), findings) in enumerate(sorted(by_role.items()), 1):
            entry = catalogue.named(target, role)
            owners = named(entry.role.owner, directory) if entry else ()
            to = owners or named(_ADMINISTRATORS, directory)
            if not to:
                continue
            notice = Notice(
                number=number,
                kind=NoticeKind.ACCESS_DIFFERS,
                to=tuple(person.ref() for person in to),
                request=info.workflow_id or info.activity_id,
                title=f"{role} at {target}",
                requester="Placet",
                text="\n".join(finding.text for finding in findings),
                at=report.at,
            )
            await self._notifier.deliver(
                _key(info.workflow_run_id or info.activity_id, target, role), notice
            )


def _keys(catalogue: RoleCatalogue, grants: Iterable[GrantRow]) -> Sequence[Key]:
    """Return every role that is listed, or in which something may be in force, each once."""
    listed = [(entry.role.target, entry.role.role) for entry in catalogue.entries]
    still = [(grant.target, grant.role) for grant in grants if not grant.state.over]
    return sorted({*listed, *still})


def _key(*parts: str) -> str:
    """Return what names a notice for ever."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
