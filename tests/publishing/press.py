"""Makes versions of pages and approved orders to publish them, with a real ledger."""

import hashlib
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue
from temporalio.testing import ActivityEnvironment

from activities.publication import PublicationActivities
from placet.content.manifest import manifest_bytes, version_of
from placet.digest import canonical
from placet.domain.ledger_rows import Publication, TargetState
from placet.domain.orders import EffectOrder, EffectResult
from placet.domain.plan import PersonRef, Plan, PolicyRef
from placet.domain.publication import (
    DOCUMENT_TYPE,
    MANIFEST_TYPE,
    PAGE_TYPE,
    BundleFile,
    FileType,
    Manifest,
    PublishRequest,
    Scope,
    Source,
    published_file,
)
from placet.ledger import PostgresLedger
from placet.policy.files import parse
from placet.ports import Ledger
from placet.publishing.config import TargetList, parse_targets
from placet.publishing.opening import ListedTargets
from placet.publishing.target import Change, Version
from tests.ledger.stories import event, permit_consumed, submitted

APPROVED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SLUG = "spring-offer"
PICTURE = b"\x89PNG\r\n\x1a\n of number "


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Edition:
    """A version of a page, with everything it was made of.

    Attributes:
        number: Tells it from the others; it is in every one of its bytes.
        contents: Every file of it by its SHA-256: bytes and kind.
    """

    def __init__(self, number: int, slug: str = SLUG, size: int = 20_000) -> None:
        source = f"# Offer {number}\n".encode()
        page = f"<!doctype html><p>offer {number}</p>".encode().ljust(size, b" ")
        pictures = [PICTURE + b"%d/%d" % (number, which) for which in range(2)]
        self.number = number
        self.files = tuple(
            BundleFile(
                path=f"picture-{which}.png",
                sha256=sha(picture),
                media_type=FileType.PNG,
                size=len(picture),
            )
            for which, picture in enumerate(pictures)
        )
        self.document = Source(path="offer.md", sha256=sha(source), size=len(source))
        self.page = page
        self.manifest = Manifest(
            slug=slug,
            title=f"Offer {number}",
            source=sha(source),
            page=sha(page),
            page_size=len(page),
            files=tuple(
                sorted((published_file(file) for file in self.files), key=lambda file: file.name)
            ),
        )
        self.digest = version_of(self.manifest)
        self.contents: dict[str, tuple[bytes, str]] = {
            sha(source): (source, DOCUMENT_TYPE),
            sha(page): (page, PAGE_TYPE),
            self.digest: (manifest_bytes(self.manifest), MANIFEST_TYPE),
            **{sha(picture): (picture, "image/png") for picture in pictures},
        }

    @property
    def version(self) -> Version:
        """Return it as targets have it."""
        return Version(digest=self.digest, manifest=self.manifest)

    @property
    def names(self) -> dict[str, bytes]:
        """Return each file as it goes out: its name and its bytes."""
        files = {file.name: self.contents[file.sha256][0] for file in self.manifest.files}
        return {"index.html": self.page, **files}


class Shelf:
    """Contents for targets that are tried without a ledger."""

    def __init__(self, *editions: Edition) -> None:
        self.contents = {
            digest: data for edition in editions for digest, (data, _) in edition.contents.items()
        }

    async def get(self, digest: str, name: str) -> bytes:  # noqa: ARG002 - only messages need it
        """Return the bytes with this SHA-256."""
        return self.contents[digest]


def change(
    before: Edition | None, after: Edition | None, *, key: str = "change", sure: bool = True
) -> Change:
    slugs = {edition.manifest.slug for edition in (before, after) if edition}
    return Change(
        key=key,
        at=APPROVED,
        slug=next(iter(slugs), SLUG),
        before=before.version if before else None,
        after=after.version if after else None,
        sure=sure,
    )


class Press:
    """People who approve, and a worker that publishes.

    Attributes:
        ledger: The real one.
        writes_to: What the worker has for a ledger; the real one unless a test replaces it.
        listed: The list of targets as YAML; a test may change it.
        secrets: The environment that the list's secrets are in.
        slug: The page it is about.
    """

    def __init__(self, ledger: PostgresLedger, home: Path, listed: str, slug: str = SLUG) -> None:
        self.ledger = ledger
        self.slug = slug
        self.writes_to: Ledger = ledger
        self.home = home
        self.listed = listed
        self.secrets: dict[str, str] = {}
        self._numbers = itertools.count(1)

    @property
    def targets(self) -> TargetList:
        """Return what is listed now."""
        return parse_targets(parse(self.listed, "targets.yaml"), self.home)

    @property
    def activities(self) -> PublicationActivities:
        """Return the activities as a worker has them."""
        listed = ListedTargets(lambda: self.targets, self.secrets)
        return PublicationActivities(self.writes_to, listed)

    async def keep(self, *editions: Edition) -> None:
        """Put everything of some versions into the content store, as planning does."""
        for edition in editions:
            for data, media_type in edition.contents.values():
                await self.ledger.put_content(data, media_type)

    async def approve(
        self,
        edition: Edition | None,
        replaces: Edition | None = None,
        *,
        planned: Mapping[str, JsonValue] | None = None,
    ) -> EffectOrder:
        """Return the order of an approved change to ``edition``; None takes the page away.

        Args:
            edition: What is to stand there.
            replaces: What people were told stands there.
            planned: What the plan says otherwise than it should.
        """
        action = "publish" if edition else "unpublish"
        request = PublishRequest(
            action=action,
            slug=self.slug,
            title="Spring offer",
            requester="alice@example.com",
            document=edition.document if edition else None,
            files=edition.files if edition else (),
        )
        return await self.order(
            request,
            Scope(
                action=action,
                slug=self.slug,
                version=edition.digest if edition else None,
                replaces=replaces.digest if replaces else None,
                targets=self.targets.locations,
            ).model_copy(update=planned),
        )

    async def order(self, request: PublishRequest, scope: Scope) -> EffectOrder:
        """Return the order of an approved request, its permit issued."""
        number = next(self._numbers)
        case = f"publish-{self.slug}-{number}"
        permit = sha(case.encode())
        content = canonical(request)
        await self.ledger.put_content(content, "application/json")
        issued: dict[str, JsonValue] = {
            "permit": permit,
            "effect": "publication",
            "digest": sha(content),
        }
        await self.ledger.append(
            [
                submitted(case),
                event("system:permit:issued", request=case, step=permit, data=issued),
            ]
        )
        return EffectOrder(
            request_id=case,
            revision=1,
            permit=permit,
            effect="publication",
            digest=sha(content),
            plan=Plan(
                policy=PolicyRef(id="publish", version=1, digest="0" * 64),
                route="editor",
                why="always",
                requester=PersonRef(id="alice", name="Alice Ash", address="alice@example.com"),
                title=request.title,
                scope=scope.to_plan(),
            ),
            approved=APPROVED,
            consumed=permit_consumed(permit, case),
            done=event("effect:run:done", request=case, step=permit, data={"effect": "done"}),
            stopped=event("effect:run:stopped", request=case, step=permit),
        )

    async def run(self, order: EffectOrder) -> EffectResult:
        """Run the effect, as Temporal would run one attempt of it."""
        result: EffectResult = await ActivityEnvironment().run(self.activities.publish, order)
        return result

    async def publish(self, edition: Edition | None, replaces: Edition | None = None) -> None:
        """Approve and publish."""
        if edition:
            await self.keep(edition)
        await self.run(await self.approve(edition, replaces))

    async def found(self, order: EffectOrder) -> Publication:
        """Return what the ledger knows of a publication."""
        found = await self.ledger.publishing.find(order.permit)
        assert found is not None
        return found

    async def states(self, order: EffectOrder) -> dict[str, TargetState]:
        """Return how far each target has come."""
        return {row.target: row.state for row in (await self.found(order)).targets}

    async def kinds(self, order: EffectOrder) -> list[str]:
        """Return the kinds of the effect's events in the ledger."""
        told = [event.kind for event in await self.ledger.timeline(order.request_id)]
        return [kind for kind in told if kind.startswith("effect:")]


def shown(root: Path, slug: str = SLUG) -> dict[str, bytes]:
    """Return what readers of a directory see of a page: each file, or nothing."""
    page = root / "live" / slug
    return {
        str(path.relative_to(page)): path.read_bytes()
        for path in sorted(page.rglob("*"))
        if path.is_file()
    }
