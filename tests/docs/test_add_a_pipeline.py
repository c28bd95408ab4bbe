"""Follows docs/add-a-pipeline.md in a copy of the repository, and runs what it makes."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from placet.local import LocalStack
from tests.conftest import Database
from tests.docs.markdown import REPOSITORY, Block, blocks

PAGE = REPOSITORY / "docs" / "add-a-pipeline.md"
COPIED = ("placet", "workflows", "activities", "policies")

TRY_IT = """
import asyncio
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from placet.bootstrap import build_worker
from placet.db import open_pool
from placet.ledger import PostgresLedger
from placet.registry import PIPELINES
from placet.settings import Settings

SHORT = {"title": "Menu", "requester": "alice@example.com", "text": "Soup."}
PUBLIC = SHORT | {"title": "News", "public": True}


async def main() -> None:
    address, database, home = sys.argv[1:]
    assert "publication" in [p.name for p in PIPELINES], PIPELINES
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    settings = Settings.from_environment({"PLACET_HOME": home, "PLACET_POLICIES": "policies"})
    async with open_pool(database) as pool:
        async with build_worker(client, settings, PostgresLedger(pool)):
            handles = [
                await client.start_workflow(
                    "publication", request, id=f"publication-{i}", task_queue=settings.task_queue
                )
                for i, request in enumerate((SHORT, PUBLIC))
            ]
            await handles[1].signal("approve", {"actor": "bob@example.com", "reason": "good"})
            for handle in handles:
                result = await asyncio.wait_for(handle.result(), 30)
                print("result:", result["outcome"], result["by"])


asyncio.run(main())
"""


@pytest.fixture
def followed(tmp_path: Path) -> Path:
    """Give a copy of the repository in which every step of the page has been done."""
    copy = tmp_path / "copy"
    for name in COPIED:
        shutil.copytree(
            REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "starter.py"):
        shutil.copy(REPOSITORY / name, copy)
    done = {block.note.partition("=")[0] for block in blocks(PAGE) if _follow(block, copy)}
    assert done == {"file", "registry", "followed"}
    return copy


def _follow(block: Block, copy: Path) -> bool:
    kind, _, name = block.note.partition("=")
    if kind == "file":
        assert not (copy / name).exists(), name
        (copy / name).write_text(block.code)
    elif kind == "registry":
        _insert(copy / "placet" / "registry.py", "\n)\n", block.code)
    return bool(kind)


def _insert(file: Path, end: str, lines: str) -> None:
    """Put lines before the first end of a listing."""
    before, found, after = file.read_text().partition(end)
    assert found, file
    file.write_text(f"{before}\n{lines.rstrip()}{end}{after}")


async def test_the_page_makes_a_pipeline_that_works(
    followed: Path, database: Database, tmp_path: Path
) -> None:
    (followed / "try_it.py").write_text(TRY_IT)
    async with LocalStack(tmp_path / "t", postgres=False, throwaway=True) as address:
        arguments = [address.temporal_address, database.app_url, str(tmp_path / "home")]
        done = subprocess.run(  # noqa: ASYNC221, S603 - nothing else runs in this test
            [sys.executable, "try_it.py", *arguments],
            cwd=followed,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    results = [line for line in done.stdout.splitlines() if line.startswith("result:")]
    assert results == ["result: approved rule", "result: approved people"]


def test_its_commands_work_in_what_it_makes(followed: Path, tmp_path: Path) -> None:
    lines = [line for b in blocks(PAGE) if b.note == "followed" for line in b.code.splitlines()]
    assert lines
    for line in lines:
        done = subprocess.run(  # noqa: S603
            [sys.executable, *shlex.split(line)[1:]],
            cwd=followed,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_page_shows_is_written_as_the_project_is(followed: Path) -> None:
    files = [block.note.partition("=")[2] for block in blocks(PAGE) if "=" in block.note]
    python = [name for name in files if name.endswith(".py")]
    assert python
    programs = Path(sysconfig.get_path("scripts"))
    changed = [*python, "placet/registry.py"]
    for arguments in (
        [str(programs / "ruff"), "check", "--no-cache", *changed],
        [str(programs / "ruff"), "format", "--no-cache", "--check", *changed],
    ):
        done = subprocess.run(  # noqa: S603
            arguments, cwd=followed, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
