"""Makes pages of documents the way planning does, without a server."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from placet.cli.records import LocalFiles
from placet.content.bundle import read_bundle
from placet.content.page import written_part
from placet.domain.money import RateTable
from placet.domain.policy import Policy
from placet.pipelines.pipeline import File, Prepared, Surroundings, WithFiles
from placet.pipelines.publish import prepare_publish

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RATES = RateTable.model_validate({"base": "EUR", "as_of": "2026-03-02", "rates": {}})
TARGETS = {"mirror": "s3://mirror/live", "site": "file:///srv/site"}
PNG = (Path(__file__).parents[2] / "examples" / "receipts" / "taxi.png").read_bytes()
FRONT = "---\ntitle: A page\nrequester: alice@example.com\n---\n"
HEAD = FRONT.count("\n")
"""How many lines of a document stand above its text."""


def policy(**checks: Any) -> Policy:
    """Return a policy that approves by rule, and checks what is said."""
    rule = {"name": "all", "when": "true", "approve": "Nobody is asked."}
    return Policy.model_validate(
        {"id": "publish", "version": 1, "pipeline": "publish", "routes": [rule], "checks": checks}
    )


def around(records: Any, *, offline: bool = True, **checks: Any) -> Surroundings:
    """Return what a request is understood by."""
    return Surroundings(NOW, RATES, policy(**checks), records, lambda: TARGETS, offline=offline)


async def prepared(found: WithFiles, **checks: Any) -> Prepared:
    """Understand a request as it was read from files."""
    return await prepare_publish(found.request, around(LocalFiles(found.files), **checks))


async def published(
    folder: Path, text: str, files: Mapping[str, bytes] | None = None, **checks: Any
) -> Prepared:
    """Write a bundle below ``folder`` and understand it."""
    bundle = folder / "page"
    for name, content in {"index.md": text.encode(), **(files or {})}.items():
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_bytes(content)
    return await prepared(read_bundle(bundle), **checks)


def page_of(made: Prepared) -> str:
    """Return the whole page that would go out."""
    return next(file for file in made.made if file.media_type == "text/html").content.decode()


def body_of(made: Prepared) -> str:
    """Return what was written, as it would go out."""
    return written_part(page_of(made).encode())


def found(made: Prepared) -> list[tuple[str, str]]:
    """Return where something was found, and of which kind."""
    return [(finding.where, finding.kind) for finding in made.findings]


def files_of(made: Prepared) -> tuple[File, ...]:
    """Return what was made, to be kept."""
    return made.made
