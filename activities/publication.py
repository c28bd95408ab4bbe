"""Publish what was approved: one change of a page, on all its targets or on none.

Idempotent by the permit: one transaction consumes it and begins the publication, which then knows
how far each target has come. A run that dies anywhere is taken up by the next from there, and one
transaction ends it. Every byte is held against its digest before anything moves, and once more
when it goes out.
"""

from pydantic import JsonValue
from temporalio import activity

from activities.errors import permanent
from placet.domain.errors import ConflictError
from placet.domain.ledger_rows import Publication, PublicationEntry, PublicationState
from placet.domain.orders import EffectOrder, EffectResult
from placet.domain.publication import EFFECT, PublishRequest, Scope
from placet.ports import Ledger
from placet.publishing import report
from placet.publishing.contents import KeptContents
from placet.publishing.rollout import Rollout, Targets
from placet.publishing.target import Version


class PublicationFailedError(ConflictError):
    """Nothing was published; the message says what stands where."""

    code = "publication-failed"


class PublicationActivities:
    """Changes what stands under a slug."""

    def __init__(self, ledger: Ledger, targets: Targets) -> None:
        """Record in ``ledger`` and publish on ``targets``."""
        self._ledger = ledger
        self._targets = targets
        self._contents = KeptContents(ledger)

    @activity.defn(name="publication.publish")
    async def publish(self, order: EffectOrder) -> EffectResult:
        """Publish, unpublish or roll back what was approved.

        Raises:
            ApplicationError: The content is not what was approved, something else is published
                by now, a target leads elsewhere, or one refused and everything was put back.
            UnavailableError: A target does not answer, or the page is being changed otherwise; it
                is tried again.
        """
        with permanent():
            records = self._ledger.publishing
            begun = await records.find(order.permit)
            if begun is None:
                begun = await self._begin(order)
            else:
                # A permit answers for its digest and its effect each time it is shown.
                await self._ledger.consume(order.permit, order.digest, EFFECT, [order.consumed])
            rollout = Rollout(
                begun,
                order.approved,
                records=records,
                contents=self._contents,
                targets=self._targets,
            )
            publication = await rollout.run()
            if publication.state is PublicationState.FAILED:
                raise PublicationFailedError(report.failed(publication))
            receipts = await records.end(
                order.permit,
                PublicationState.DONE,
                [order.done.telling({"summary": report.done(publication), **_facts(publication)})],
            )
            return EffectResult(
                summary=report.done(publication),
                facts=_facts(publication),
                receipt=max(receipts, key=lambda receipt: receipt.seq, default=None),
            )

    async def _begin(self, order: EffectOrder) -> Publication:
        """Consume the permit, once everything that is needed is there and as it was approved."""
        scope = Scope.model_validate(order.plan.scope)
        content = await self._contents.get(order.digest, "the request")
        request = PublishRequest.model_validate_json(content)
        version = None if scope.version is None else await self._contents.version(scope.version)
        _require_same(request, scope, version)
        if version is not None:
            await self._contents.check(version)
        targets = self._targets.in_order(scope.targets)
        for name, location in targets.items():
            self._targets.open(name, location)
        entry = PublicationEntry(
            permit_id=order.permit,
            request=order.request_id,
            digest=order.digest,
            slug=scope.slug,
            action=scope.action,
            title=request.title,
            version=scope.version,
            replaces=scope.replaces,
            targets=targets,
        )
        return await self._ledger.publishing.begin(entry, [order.consumed])


def _require_same(request: PublishRequest, scope: Scope, version: Version | None) -> None:
    """Make sure that what would go out was made of what was approved (rule 4).

    Raises:
        ConflictError: It was not.
    """
    pairs = [
        ("slug", request.slug, scope.slug),
        ("action", request.action, scope.action),
        ("version", request.to or scope.version, scope.version),
    ]
    if version is not None:
        pairs.append(("page", request.slug, version.manifest.slug))
    if request.document is not None:
        approved = {file.sha256 for file in request.files}
        manifest = version.manifest if version else None
        pairs.append(("document", request.document.sha256, manifest.source if manifest else None))
        pairs += [
            (file.name, "no such file", file.sha256)
            for file in (manifest.files if manifest else ())
            if file.sha256 not in approved
        ]
    for what, agreed, planned in pairs:
        if agreed != planned:
            raise ConflictError(
                f"{what}: approved was {agreed}, planned is {planned}; this is a fault in Placet, "
                "report it"
            )


def _facts(publication: Publication) -> dict[str, JsonValue]:
    return {
        "slug": publication.slug,
        "action": publication.action,
        "version": publication.version,
        "replaces": publication.replaces,
        "targets": {row.target: row.location for row in publication.targets},
    }
