"""Write a case's request to files, so that somebody can change them and hand them in again."""

import json as jsonlib
from pathlib import Path

from placet.cli.codes import Code
from placet.cli.console import as_json, out, say
from placet.connections import open_ledger
from placet.domain.errors import ConflictError, NotFoundError, UnavailableError
from placet.domain.publication import PIPELINE, PublishRequest
from placet.settings import Settings


async def fetch_request(case: str, *, target: str | None, json: bool) -> int:
    """Write the current revision: a page as its directory, anything else as one JSON file.

    Args:
        case: Its id.
        target: What to make; None for a directory of the page's slug, or a file of the case's id.
        json: Whether to print JSON.

    Raises:
        NotFoundError: There is no such case.
        ConflictError: Something is there already.
    """
    async with open_ledger(Settings.from_environment()) as ledger:
        row = await ledger.request(case)
        if row is None or row.digest is None:
            raise NotFoundError(f"there is no planned case {case[:100]!r}; look at: placet list")
        content = await ledger.get_content(row.digest)
        page = PublishRequest.model_validate_json(content) if row.pipeline == PIPELINE else None
        files = {
            source.path: await ledger.get_content(source.sha256)
            for source in ((page.document, *page.files) if page else ())
            if source is not None
        }
    if page is not None and files:
        # A document that names no slug has its directory's.
        path = Path(target or page.slug)
        _write_all(path, files)
    else:
        path = Path(target or f"{case}.json")
        _write_all(path.parent, {path.name: _readable(content)})
    if json:
        as_json({"request": case, "digest": row.digest, "path": str(path), "files": sorted(files)})
        return Code.OK
    out(str(path))
    say(f"change it, and then: placet edit {case} {path} --as WHO, or placet resubmit")
    return Code.OK


def _readable(content: bytes) -> bytes:
    return (jsonlib.dumps(jsonlib.loads(content), indent=2, ensure_ascii=False) + "\n").encode()


def _write_all(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a directory; none that is there is touched."""
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise ConflictError(
            f"{folder / there[0]} is there already; name another place with --out, or remove it"
        )
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be written ({error.strerror}); name another place with --out"
        ) from None
