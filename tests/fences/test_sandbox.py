"""What a workflow's sandbox imports, and what its code may not ask; no server is needed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

import placet.domain
import workflows
from placet.registry import workflows as every_workflow
from tests.fences import forgetful

FOLDER = Path(workflows.__file__).parent

# What gives another answer at replay, and what to use. The gate's modules and the domain are passed
# through the sandbox, so it does not watch over them.
METHODS = {
    "now": "workflow.now()",
    "utcnow": "workflow.now()",
    "today": "workflow.now()",
    "time_ns": "workflow.time_ns()",
    "monotonic": "workflow.now()",
    "uuid1": "workflow.uuid4()",
    "uuid4": "workflow.uuid4()",
    "as_completed": "workflow.as_completed()",
    "wait": "workflow.wait()",
    "wait_for": "workflow.wait_condition(…, timeout=…)",
    "to_thread": "an activity",
    "run_in_executor": "an activity",
    "getenv": "an activity",
}
BUILTINS = {
    "open": "an activity",
    "input": "an activity",
    "id": "a key of its own",
    "hash": "hashlib",
}
UNORDERED = {
    "set": "a list or a dict, which keep their order",
    "frozenset": "a tuple, which keeps its order",
}
ALSO_PASSED = Path(placet.domain.__file__).parent


def definition(of: type) -> workflow._Definition:
    """Return what the worker knows of a workflow."""
    return workflow._Definition.must_from_class(of)  # noqa: SLF001 - as the worker does


def runner() -> SandboxedWorkflowRunner:
    """Return the worker's sandbox, which here refuses what was not passed through on purpose."""
    restrictions = SandboxRestrictions.default.with_import_notification_policy(
        SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
    )
    return SandboxedWorkflowRunner(restrictions=restrictions)


@pytest.mark.parametrize("kind", every_workflow(), ids=lambda kind: kind.__name__)
async def test_a_workflow_imports_in_the_sandbox_only_what_it_passes_through(kind: type) -> None:
    runner().prepare_workflow(definition(kind))


async def test_an_import_that_was_not_passed_through_is_noticed() -> None:
    with pytest.raises(Exception, match=r"psycopg") as caught:
        runner().prepare_workflow(definition(forgetful.Forgetful))
    assert "psycopg" in str(caught.value) or "psycopg" in str(caught.value.__cause__)


def test_importing_one_pipeline_imports_no_other() -> None:
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    (only,) = tree.body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert isinstance(only.value.value, str)


def unrepeatable(source: str, *, sets: bool = True) -> Iterator[str]:
    """Name every place that asks for what is different at replay.

    Args:
        source: The code.
        sets: Whether to name sets too: their order is another in every process.
    """
    calls = BUILTINS | (UNORDERED if sets else {})
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)) if (
                name in METHODS and owner not in {"workflow", "self"}
            ):
                yield f"line {node.lineno}: {owner}.{name}, use {METHODS[name]}"
            case ast.Call(func=ast.Name(id=name)) if name in calls:
                yield f"line {node.lineno}: {name}, use {calls[name]}"
            case ast.Set() | ast.SetComp() if sets:
                yield f"line {node.lineno}: a set, use {UNORDERED['set']}"


@pytest.mark.parametrize("folder", [FOLDER, ALSO_PASSED], ids=lambda folder: folder.name)
def test_workflows_ask_only_what_has_the_same_answer_at_replay(folder: Path) -> None:
    found = [
        f"{file.name}, {place}"
        for file in sorted(folder.glob("*.py"))
        # The domain may look things up in sets; replaying shows that it never lists one.
        for place in unrepeatable(file.read_text(encoding="utf-8"), sets=folder == FOLDER)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "date.today()",
        "uuid.uuid4()",
        "asyncio.wait(tasks)",
        "asyncio.to_thread(work)",
        "open('file')",
        "set(names)",
        "hash(name)",
        "{name for name in names}",
    ],
)
def test_a_question_with_another_answer_at_replay_is_noticed(line: str) -> None:
    assert list(unrepeatable(line))


@pytest.mark.parametrize("line", ["workflow.now()", "workflow.wait(tasks)", "self.wait()"])
def test_a_question_to_temporal_is_not(line: str) -> None:
    assert not list(unrepeatable(line))
