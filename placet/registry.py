"""Every pipeline Placet runs, a line each: see `docs/add-a-pipeline.md`."""

from placet.pipelines.pipeline import Pipeline

PIPELINES: tuple[Pipeline, ...] = (
    Pipeline(
        "expense",
        "Ask for money back",
        "workflows.expense:Expense",
        "placet.pipelines.expense:DOOR",
    ),
)


def pipeline_named(name: str) -> Pipeline | None:
    """Return the pipeline of this name, or None."""
    return next((pipeline for pipeline in PIPELINES if pipeline.name == name), None)
