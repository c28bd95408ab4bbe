"""What every registered pipeline has to bring; each step is in docs/add-a-pipeline.md."""

import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from placet.pipelines.pipeline import Pipeline
from placet.registry import PIPELINES
from tests.record_histories import HISTORIES
from workflows.gate import Doors

REPOSITORY = Path(__file__).resolve().parents[2]


def missing(pipeline: Pipeline) -> Iterator[str]:
    """Name every step that is not done for a pipeline."""
    name, workflow = pipeline.name, pipeline.workflow
    if not issubclass(workflow, Doors):
        yield f"let the workflow of {name} inherit workflows.gate.Doors"
    if not inspect.getdoc(workflow) or not sys.modules[workflow.__module__].__doc__:
        yield f"say in docstrings what a person experiences with {name}"
    if workflow.__module__ != f"workflows.{name.replace('-', '_')}":
        yield f"keep the workflow of {name} in a file of its name"
    if not pipeline.door.facts:
        yield f"list the facts of {name} in its door"
    if not any(HISTORIES.glob(f"{name}-*.json")):
        yield f"add a scene of {name} to tests/record_histories.py and run make histories"
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("pipelines.md")]
    said = f"`{name}`" if pipeline.internal else f"starter.py {name} "
    if not any(said in page.read_text(encoding="utf-8") for page in pages):
        yield f"say in README.md or docs/pipelines.md how to start {name}"


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.name)
def test_a_pipeline_is_complete(pipeline: Pipeline) -> None:
    assert list(missing(pipeline)) == []


def test_an_incomplete_pipeline_is_told_each_step_it_lacks() -> None:
    known = PIPELINES[0]
    bare = replace(
        known,
        name="bare",
        workflow_at="tests.fences.forgetful:Forgetful",
        door_at="tests.fences.forgetful:DOOR",
    )
    steps = list(missing(bare))
    assert [step for step in steps if "inherit" in step]
    assert [step for step in steps if "file of its name" in step]
    assert [step for step in steps if "facts" in step]
    assert [step for step in steps if "make histories" in step]
    assert [step for step in steps if "README.md" in step]


def test_the_names_of_pipelines_are_different() -> None:
    assert len({pipeline.name for pipeline in PIPELINES}) == len(PIPELINES)
