"""The door of the publish pipeline: a document becomes a page, with all that is to be known of it.

The page is made here, before anybody is asked, and kept: what reviewers look at is what goes out.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from placet.content.attachments import Attachment, kind_of, look_at
from placet.content.bundle import attach_bundle, read_bundle
from placet.content.checks import Check, in_order
from placet.content.document import Document, FrontMatter, read_document
from placet.content.making import Made, make
from placet.content.manifest import ManifestError, read_manifest
from placet.content.preview import Shown, Subject, preview
from placet.domain.content_rules import ContentRules
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from placet.domain.facts import FactKind
from placet.domain.finding import Finding
from placet.domain.ledger_rows import PublicationState
from placet.domain.problems import Problem, suggestion
from placet.domain.publication import (
    Action,
    PublishRequest,
    Scope,
    Source,
)
from placet.pipelines.explain import problems_in, refused
from placet.pipelines.pipeline import Door, Prepared, Records, Surroundings, Targets, Viewed

_WHAT = "this publication"
_HISTORY = 1_000


async def prepare_publish(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand a publication for planning; see ``Prepare``.

    Raises:
        InvalidInputError: With a line for each problem.
        FileError: The document's front matter is broken; with each mistake and its place.
        UnavailableError: The list of targets cannot be used now.
    """
    document = await _document(raw, surroundings.records)
    request = _request(raw, document.front if document else FrontMatter())
    targets = _targets(request, surroundings.targets)
    row = await surroundings.records.published(request.slug)
    replaces = row.version if row else None
    if request.action is Action.PUBLISH:
        assert document is not None  # noqa: S101 - such a request has one
        made = await _publishing(request, document, surroundings)
    elif request.action is Action.UNPUBLISH:
        made = _unpublishing(request, replaces, surroundings)
    else:
        made = await _rolling_back(request, replaces, surroundings)
    late = request.publish_at is not None and request.publish_at <= surroundings.now
    findings = made.findings
    if late:
        message = "the time to publish has passed; it goes out as soon as it is approved"
        findings = (*findings, Finding(kind=Check.LATE, where="publish_at", message=message))
    scope = Scope(
        action=request.action,
        slug=request.slug,
        version=made.version,
        replaces=replaces,
        targets=targets,
    )
    document_sha = [request.document.sha256] if request.document else []
    return Prepared(
        request=request,
        requester=request.requester,
        title=request.title,
        amount=None,
        facts=_facts(
            request, made, findings, scope, embargoed=bool(request.publish_at and not late)
        ),
        contents=tuple(sorted({*document_sha, *(file.sha256 for file in request.files)})),
        reference=request.reference,
        findings=tuple(in_order(findings)),
        scope=scope.to_plan(),
        effect_at=None if late else request.publish_at,
        made=made.blobs,
    )


async def _document(raw: Any, records: Records) -> Document | None:
    """Return the document that a request names; None for a request without one."""
    if not isinstance(raw, Mapping):
        raise refused(_WHAT, [Problem((), "it is not a JSON object; write it as {...}")])
    if raw.get("document") is None:
        return None
    try:
        source = Source.model_validate(raw["document"])
    except ValidationError as error:
        found = problems_in(error)
        raise refused(
            _WHAT, [Problem(("document", *each.path), each.message) for each in found]
        ) from None
    content = await _kept(records, source.sha256, source.size, ("document",))
    return read_document(content, source.path)


def _request(raw: Mapping[str, Any], front: FrontMatter) -> PublishRequest:
    """Put together what the request and its document's front matter say; both must agree."""
    told = front.told()
    try:
        request = PublishRequest.model_validate({**told, **raw})
    except ValidationError as error:
        raise refused(_WHAT, problems_in(error)) from None
    said = request.model_dump(mode="json")
    problems = [
        Problem((name,), "the document's front matter says something else; write the same in both")
        for name, value in told.items()
        if said[name] != value
    ]
    if problems:
        raise refused(_WHAT, problems)
    return request


def _targets(request: PublishRequest, listed: Targets) -> dict[str, str]:
    try:
        known = listed()
    except InvalidInputError as error:
        raise UnavailableError(f"the list of targets cannot be used: {error}") from None
    unknown = [name for name in request.targets if name not in known]
    if unknown:
        raise refused(
            _WHAT,
            [
                Problem(("targets",), f"there is no target '{name}'{suggestion(name, known)}")
                for name in unknown
            ],
        )
    return {name: known[name] for name in request.targets or sorted(known)}


async def _kept(records: Records, sha256: str, size: int, path: tuple[str | int, ...]) -> bytes:
    """Return a stored file that is as large as the request says."""
    try:
        content = await records.get_content(sha256)
    except NotFoundError:
        text = "is not stored; submit the file itself with starter.py, which stores it first"
        raise refused(_WHAT, [Problem(path, text)]) from None
    if len(content) != size:
        text = f"has {len(content)} bytes and not {size}; submit the file itself"
        raise refused(_WHAT, [Problem(path, text)])
    return content


async def _publishing(
    request: PublishRequest, document: Document, surroundings: Surroundings
) -> Made:
    attachments: dict[str, Attachment] = {}
    for index, file in enumerate(request.files):
        path = ("files", index)
        content = await _kept(surroundings.records, file.sha256, file.size, path)
        kind = kind_of(file.path, content)
        if kind is not file.media_type:
            text = f"it is {kind or 'of a kind that is not published'}; submit the file itself"
            raise refused(_WHAT, [Problem((*path, "media_type"), text)])
        attachments[file.path] = look_at(file, content)
    rules = surroundings.policy.checks or ContentRules()
    # A long document takes a while, in which the worker has other things to do.
    return await asyncio.to_thread(make, request, document, attachments, rules)


def _unpublishing(
    request: PublishRequest, replaces: str | None, surroundings: Surroundings
) -> Made:
    if replaces is None and not surroundings.offline:
        raise InvalidInputError(f"nothing is published under '{request.slug}'; correct the slug")
    return Made()


async def _rolling_back(
    request: PublishRequest, replaces: str | None, surroundings: Surroundings
) -> Made:
    if surroundings.offline:
        return Made(version=request.to)
    history = await surroundings.records.publications(request.slug, _HISTORY)
    done = [row for row in history if row.state is PublicationState.DONE]
    if not done:
        raise InvalidInputError(
            f"nothing was ever published under '{request.slug}'; correct the slug"
        )
    version = request.to or done[0].replaces
    if version is None:
        raise InvalidInputError(
            f"there is no version of '{request.slug}' before the one published now; unpublish it, "
            "or name a version"
        )
    if version not in {row.version for row in done}:
        raise InvalidInputError(
            f"{version} was never published under '{request.slug}'; give a version that was"
        )
    if version == replaces:
        raise InvalidInputError(
            f"{version} is what is published under '{request.slug}' now; give another version"
        )
    try:
        manifest = read_manifest(await surroundings.records.get_content(version), version)
    except (ManifestError, NotFoundError) as error:
        raise ConflictError(f"{error}") from None
    return Made(version=version, manifest=manifest)


def _facts(
    request: PublishRequest,
    made: Made,
    findings: tuple[Finding, ...],
    scope: Scope,
    *,
    embargoed: bool,
) -> dict[str, Any]:
    kinds = [finding.kind for finding in findings]
    files = made.manifest.files if made.manifest else ()
    page_size = made.manifest.page_size if made.manifest else 0
    return {
        "action": request.action.value,
        "slug": request.slug,
        "requester": request.requester,
        "targets": sorted(scope.targets),
        "tags": sorted(request.tags),
        "first": scope.replaces is None,
        "embargoed": embargoed,
        "words": made.words,
        "file_count": len(files),
        "bytes": page_size + sum(file.size for file in files),
        "external_links": sum(made.hosts.values()),
        "link_hosts": sorted(made.hosts),
        "findings": len(findings),
        "finding_kinds": sorted(set(kinds)),
        "secrets": kinds.count(Check.SECRET),
        "forbidden": kinds.count(Check.FORBIDDEN),
    }


FACTS = {
    "action": FactKind.TEXT,
    "slug": FactKind.TEXT,
    "requester": FactKind.TEXT,
    "targets": FactKind.TEXTS,
    "tags": FactKind.TEXTS,
    "first": FactKind.TRUTH,
    "embargoed": FactKind.TRUTH,
    "words": FactKind.NUMBER,
    "file_count": FactKind.NUMBER,
    "bytes": FactKind.NUMBER,
    "external_links": FactKind.NUMBER,
    "link_hosts": FactKind.TEXTS,
    "findings": FactKind.NUMBER,
    "finding_kinds": FactKind.TEXTS,
    "secrets": FactKind.NUMBER,
    "forbidden": FactKind.NUMBER,
}


async def preview_publish(viewed: Viewed, records: Records) -> bytes:
    """Show a publication; see ``Preview``.

    Raises:
        NotFoundError: Something that belongs to it is not stored any more.
    """
    request = PublishRequest.model_validate(viewed.request, extra="ignore")
    scope = Scope.model_validate(viewed.scope)
    now = await records.published(request.slug)
    subject = Subject(
        request=request,
        digest=viewed.digest,
        case=viewed.case,
        scope=scope,
        findings=viewed.findings,
        count=int(str(viewed.facts.get("findings", len(viewed.findings)))),
        effect_at=viewed.effect_at,
        new=await _shown(records, scope.version),
        old=await _shown(records, now.version if now else None),
        asked=not viewed.offline,
    )
    return await asyncio.to_thread(preview, subject)


async def _shown(records: Records, version: str | None) -> Shown | None:
    if version is None:
        return None
    manifest = read_manifest(await records.get_content(version), version)
    return Shown(
        version=version,
        manifest=manifest,
        page=await records.get_content(manifest.page),
        source=(await records.get_content(manifest.source)).decode("utf-8", "replace"),
        files={file.sha256: await records.get_content(file.sha256) for file in manifest.files},
    )


DOOR = Door(
    prepare_publish,
    FACTS,
    attach_bundle,
    read_bundle,
    preview_publish,
    suffixes=(".md", ".markdown", ""),
)
