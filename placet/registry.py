"""Every pipeline Placet runs, a line each: see `docs/add-a-pipeline.md`."""

from collections.abc import Iterable, Mapping

from placet.domain.facts import FactKind
from placet.pipelines.pipeline import Pipeline, workflow_at

PIPELINES: tuple[Pipeline, ...] = (
    Pipeline(
        "expense",
        "Ask for money back",
        "workflows.expense:Expense",
        "placet.pipelines.expense:DOOR",
        "placet.effects.payment:activities",
    ),
    Pipeline(
        "publish",
        "Ask for a page to go out",
        "workflows.publish:Publish",
        "placet.pipelines.publish:DOOR",
        "placet.effects.publication:activities",
        example="page.md",
    ),
    Pipeline(
        "send",
        "Ask for a mail to go out",
        "workflows.send:Send",
        "placet.pipelines.send:DOOR",
        "placet.effects.sending:activities",
        example="message.eml",
    ),
    Pipeline(
        "export",
        "Ask for data in a file",
        "workflows.export:Export",
        "placet.pipelines.export:DOOR",
        "placet.effects.export:activities",
    ),
    Pipeline(
        "access",
        "Ask for a role for a time",
        "workflows.access:Access",
        "placet.pipelines.access:DOOR",
        "placet.effects.access:activities",
    ),
    Pipeline(
        "access-review",
        "Review access that was taken by breaking the glass",
        "workflows.access_review:AccessReview",
        "placet.pipelines.access_review:DOOR",
        internal=True,
    ),
    Pipeline(
        "delete",
        "Ask for rows of a data set to be deleted",
        "workflows.delete:Delete",
        "placet.pipelines.delete:DOOR",
        "placet.effects.deletion:activities",
    ),
    Pipeline(
        "erase",
        "Ask for what is personal about somebody to be erased",
        "workflows.erase:Erase",
        "placet.pipelines.erase:DOOR",
        "placet.effects.erasing:activities",
        also="A program writes the file; a person types the same without one: placet audit erase "
        "SUBJECT --reason TEXT --as WHO.",
    ),
)

JOBS: tuple[str, ...] = ("workflows.access_check:AccessCheck",)
"""Workflows that are no cases, as ``module:class``."""


def pipeline_named(name: str) -> Pipeline | None:
    """Return the pipeline of this name, or None."""
    return next((pipeline for pipeline in PIPELINES if pipeline.name == name), None)


def workflows(pipelines: Iterable[Pipeline] = PIPELINES) -> list[type]:
    """Return every workflow that a worker of these pipelines runs."""
    return [*(pipeline.workflow for pipeline in pipelines), *map(workflow_at, JOBS)]


def known_facts() -> Mapping[str, Mapping[str, FactKind]]:
    """Return the facts that each pipeline gives its policy's conditions, by name and kind."""
    return {pipeline.name: pipeline.door.facts for pipeline in PIPELINES}
