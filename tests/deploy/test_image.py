import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.deploy.compose import DEPLOY, PROGRAMS, REPOSITORY

DOCKERFILE = DEPLOY / "Dockerfile"


def _lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [str(PROGRAMS / "hadolint"), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _stages() -> list[str]:
    return re.split(r"(?m)^FROM ", DOCKERFILE.read_text())[1:]


def test_the_dockerfile_has_no_finding() -> None:
    done = _lint(DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        # A tag that moves gives another image tomorrow.
        ("FROM python:3.11.15-slim\n", "FROM python:latest\n", "DL3007"),
        # The last user would be root.
        ("USER 10001:10001", "USER root", "DL3002"),
        # A shell would be process one, and keep SIGTERM from the worker.
        ('CMD ["placet", "worker"]', "CMD placet worker", "DL3025"),
        # An unpinned package gives another image tomorrow.
        ("uv==0.13.9", "uv", "DL3013"),
    ],
)
def test_a_broken_dockerfile_is_found(tmp_path: Path, good: str, bad: str, rule: str) -> None:
    text = DOCKERFILE.read_text()
    assert good in text
    broken = tmp_path / "Dockerfile"
    broken.write_text(text.replace(good, bad))
    done = _lint(broken)
    assert done.returncode != 0
    assert rule in done.stdout


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    users = re.findall(r"(?m)^USER (.+)$", _stages()[-1])
    assert users == ["10001:10001"]


def test_the_last_stage_has_no_build_tool_and_no_source() -> None:
    _, last = _stages()
    copied = re.findall(r"(?m)^COPY (.+)$", last)
    assert copied == ["--from=build /app/.venv /app/.venv", "policies/ /etc/placet/policies/"]
    assert "pip install" not in last


def test_what_is_installed_is_exactly_the_lock() -> None:
    build, _ = _stages()
    syncs = re.findall(r"uv sync (.+)$", build, re.MULTILINE)
    assert len(syncs) == 2
    for flags in syncs:
        assert set(flags.split()) >= {
            "--frozen",
            "--no-dev",
            "--no-editable",
            "--compile-bytecode",
        }


def test_uv_is_the_version_of_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    pinned = next(each for each in project["dependency-groups"]["dev"] if each.startswith("uv=="))
    assert f"pip install --no-cache-dir {pinned}" in DOCKERFILE.read_text()


def test_everything_that_is_copied_is_there_and_let_in() -> None:
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {rule.removeprefix("!").rstrip("/") for rule in rules if rule.startswith("!")}
    sources = {
        source.rstrip("/")
        for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", DOCKERFILE.read_text())
        for source in line.split()[:-1]
    }
    assert sources == let_in
    assert [name for name in sorted(sources) if not (REPOSITORY / name).exists()] == []


def test_no_secret_is_in_the_image() -> None:
    text = DOCKERFILE.read_text()
    assert not re.search(r"(?i)^(ARG|ENV).*(password|secret|token|key)", text, re.MULTILINE)
    assert "!.env" not in (DEPLOY / "Dockerfile.dockerignore").read_text()
