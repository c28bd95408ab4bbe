"""Make the version of a page that a request would publish: its page, its manifest, its findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from placet.content.attachments import Attachment
from placet.content.bundle import Blob
from placet.content.checks import check, external_links, paths_used
from placet.content.document import Document, DocumentError
from placet.content.manifest import manifest_bytes
from placet.content.page import Asset, page
from placet.content.rendering import parse
from placet.domain.content_rules import ContentRules
from placet.domain.finding import Finding
from placet.domain.publication import (
    MANIFEST_TYPE,
    PAGE_TYPE,
    Manifest,
    PublishRequest,
    published_file,
)

MAX_HOSTS = 500
"""The facts name every host; this many fit into the ledger."""


@dataclass(frozen=True)
class Made:
    """What a request comes to.

    Attributes:
        version: What is to stand under the slug; None for nothing, or when only the worker knows.
        manifest: Of that version.
        words: How many the page has.
        hosts: Of other sites, to the number of links that lead there.
        findings: What the checks found.
        blobs: What was made, to be kept.
    """

    version: str | None = None
    manifest: Manifest | None = None
    words: int = 0
    hosts: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    blobs: tuple[Blob, ...] = ()


def make(
    request: PublishRequest,
    document: Document,
    attachments: Mapping[str, Attachment],
    rules: ContentRules,
) -> Made:
    """Make what a request to publish asks for; the same always gives the same.

    Args:
        request: Which names the page.
        document: What it says.
        attachments: Path in the bundle to what lies there.
        rules: What the policy demands.

    Raises:
        DocumentError: It would take too long or become too large, or leads to too many sites.
    """
    parsed = parse(document)
    hosts = external_links(parsed)
    if len(hosts) > MAX_HOSTS:
        raise DocumentError(
            f"{document.name}: its links lead to {len(hosts)} sites, and at most {MAX_HOSTS} are"
            " looked at; split the page"
        )
    used = sorted(paths_used(parsed) & attachments.keys())
    files = {path: published_file(attachments[path].file) for path in used}
    content = page(
        parsed,
        title=request.title,
        language=request.language,
        summary=request.summary,
        assets={
            path: Asset(file.name, attachments[path].width, attachments[path].height)
            for path, file in files.items()
        },
    )
    shown = Blob.of(content, PAGE_TYPE)
    by_name = {file.name: file for file in files.values()}
    assert request.document is not None  # noqa: S101 - there is one to publish
    manifest = Manifest(
        slug=request.slug,
        title=request.title,
        source=request.document.sha256,
        page=shown.sha256,
        page_size=len(content),
        files=tuple(by_name[name] for name in sorted(by_name)),
    )
    kept = Blob.of(manifest_bytes(manifest), MANIFEST_TYPE)
    return Made(
        version=kept.sha256,
        manifest=manifest,
        words=parsed.words,
        hosts=hosts,
        findings=tuple(check(document, parsed, attachments, rules)),
        blobs=(shown, kept),
    )
