"""A command for each pipeline in the registry: it submits a request."""

from collections.abc import Callable
from typing import Annotated

import typer

from placet.cli.options import Json, RequestFile, Timeout, example
from placet.pipelines.pipeline import Pipeline
from placet.registry import PIPELINES

_A_WEEK = 7 * 86_400.0

Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="TEXT",
        help="Your key for this request: the same key and content is the same case. "
        "Without it the file's reference is the key, else the content is.",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until the case ends, and say how it ended.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for pipeline in PIPELINES:
        if pipeline.internal:
            continue
        app.command(
            pipeline.name,
            help=f"{pipeline.about}: submit a request and print the id of its case. "
            f"The same file twice is the same case. {pipeline.also}".rstrip(),
            short_help=f"{pipeline.about}: submit a request.",
            epilog=example(
                f"{pipeline.name} {pipeline.example}",
                f"{pipeline.name} - --wait < request.json",
            ),
        )(_submits(pipeline))


def _submits(pipeline: Pipeline) -> Callable[..., int]:
    def submit(
        file: RequestFile,
        key: Key = None,
        wait: Wait = False,
        timeout: Timeout = _A_WEEK,
        json: Json = False,
    ) -> int:
        from placet.cli.submitting import submit_file
        from placet.cli.world import go

        patience = timeout if wait else None
        return go(submit_file(pipeline, file, key=key, wait=patience, json=json))

    return submit
