"""Say which kind of request a file holds."""

from pathlib import Path
from typing import Any

from placet.cli import world
from placet.digest import MAX_BYTES, read_json
from placet.domain.errors import InvalidInputError
from placet.pipelines.pipeline import Pipeline
from placet.registry import PIPELINES, pipeline_named

_JSON = ".json"


def kind_of(file: str, name: str | None) -> Pipeline:
    """Return the pipeline that is named, else the one that the file belongs to.

    Args:
        file: Its path, or ``-``.
        name: A pipeline's, or None.

    Raises:
        InvalidInputError: Nothing tells; the message lists the pipelines.
    """
    if name is None and file != "-" and Path(file).suffix.lower() != _JSON:
        suffix = "" if Path(file).is_dir() else Path(file).suffix.lower()
        for pipeline in PIPELINES:
            if suffix in pipeline.door.suffixes:
                return pipeline
    told = name or _named_in(file)
    if told is None and len(PIPELINES) == 1:
        return PIPELINES[0]
    found = pipeline_named(str(told))
    if found is None:
        known = ", ".join(pipeline.name for pipeline in PIPELINES)
        raise InvalidInputError(f"which kind of request is it? Say --pipeline, one of: {known}")
    return found


def _named_in(file: str) -> Any:
    if file == "-" or Path(file).suffix.lower() != _JSON:
        return None
    content, _ = world.read_bytes(file, MAX_BYTES)
    raw = read_json(content)
    return raw.get("pipeline") if isinstance(raw, dict) else None
