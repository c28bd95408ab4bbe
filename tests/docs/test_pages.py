import itertools
import re
import shlex
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import click
import pytest
import typer.main

from placet.attestation import Claims
from placet.domain.message import UPDATE, Message, parse
from placet.domain.review import Answer
from placet.domain.vocabulary import Action, Kind, Refusal
from placet.proof.findings import Code
from placet.proof.rules.breaches import Breach
from tests.docs.markdown import (
    REPOSITORY,
    anchors,
    commands,
    first_cells,
    links,
    pages,
    prose,
)

DOCS = REPOSITORY / "docs"
SIGNALS = DOCS / "signals.md"
PROGRAMS = Path(sysconfig.get_path("scripts"))
COMMANDS = [
    pytest.param(page, command, id=f"{page.name}: {command[:60]}") for page, command in commands()
]


def test_every_link_leads_somewhere() -> None:
    dead = []
    for page in pages():
        for link in links(page):
            if link.startswith(("https://", "mailto:")):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                dead.append(f"{page.relative_to(REPOSITORY)}: {link}")
    assert dead == []


def test_every_page_can_be_found_from_the_index() -> None:
    index = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "README.md")}
    assert [
        page.name for page in DOCS.glob("*.md") if page not in index | {DOCS / "README.md"}
    ] == []
    overview = REPOSITORY / "design" / "overview.md"
    design = {(overview.parent / link.partition("#")[0]).resolve() for link in links(overview)}
    assert [
        page.name for page in overview.parent.glob("*.md") if page not in design | {overview}
    ] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_page_names_no_place_of_one_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|root|home|Users|tmp/pytest)/", text)
    assert page.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_exists_as_it_is_shown(page: Path, command: str) -> None:
    words = [word for word in shlex.split(command) if "=" not in word.split("{")[0] or "-" in word]
    program = words[0].removeprefix(".venv/bin/")
    if program == "python" and words[1] in {"starter.py", "worker.py"}:
        program, words = ("placet" if words[1] == "starter.py" else "worker"), words[1:]
    if program == "placet":
        _is_placet(words[1:])
    elif program == "temporal":
        _is_temporal(words[1:])
    elif program == "make":
        _is_target(words[1])
    else:
        known = {"worker", "tctl", "docker", "python", "pytest", "cp", "openssl", "git", "psql"}
        assert program in {*known, "export", "pg_dump", "pg_restore"}, f"{page.name}: {program}"


def test_commands_named_in_sentences_exist_too() -> None:
    named = {
        (page.name, match)
        for page in pages()
        for match in re.findall(r"`placet ([a-z][^`]*)`", prose(page).replace("\n", " "))
    }
    assert named
    for _, command in sorted(named):
        _is_placet(shlex.split(command))


def _is_placet(words: list[str]) -> None:
    """Find the command, and parse what follows it as far as its options go."""
    command = typer.main.get_command(_app())
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        assert words, "a command is missing"
        if words[0] in {"--help", "-h"}:
            return
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    options = {name for parameter in command.params for name in parameter.opts}
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used <= options | {"--help"}, f"{command.name} has no {used - options}"


def _app() -> typer.Typer:
    from placet.cli.app import app  # noqa: PLC0415 - only where it is needed

    return app


def _is_temporal(words: list[str]) -> None:
    path = words[: next((i for i, w in enumerate(words) if w.startswith("-")), len(words))]
    done = subprocess.run(  # noqa: S603
        [str(PROGRAMS / "temporal"), *path, "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert f"temporal {' '.join(path)} [flags]" in done.stdout
    common = {"-n", "--namespace", "--address", "-o", "--output"}
    flags = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout)) | common
    used = {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)}
    assert used <= flags


def _is_target(target: str) -> None:
    assert re.search(rf"(?m)^{target}:", (REPOSITORY / "Makefile").read_text())


def test_every_message_that_is_shown_is_understood() -> None:
    shown = []
    for _, command in commands():
        words = shlex.split(command)
        if words[0] not in {"temporal", "tctl"} or {
            "query",
            "metadata",
            "cancel",
            "schedule",
            "reset",
        } & set(words):
            continue
        told = dict(itertools.pairwise(words))
        message = told.get("--input") or told.get("-i")
        name = UPDATE if "update" in words else told.get("--name") or told["-n"]
        if message is not None:
            shown.append(parse(name, [("json/plain", message.encode())], "signal"))
    assert {type(message) for message in shown} == {Message}
    assert {m.action for m in shown if isinstance(m, Message)} >= {Action.APPROVE, Action.REJECT}


def test_every_field_of_a_message_is_explained() -> None:
    known = {"from" if name == "seat_of" else name for name in Message.model_fields}
    assert set(first_cells(SIGNALS, "The message")) == known | {"field"}


def test_every_action_and_refusal_is_explained() -> None:
    assert set(first_cells(SIGNALS, "The actions")) == {*Action, "action"}
    answered = set(first_cells(SIGNALS, "Send an update"))
    assert answered == {*Answer.model_fields, *Refusal, "field", "type"}


def test_every_claim_of_a_signature_is_explained() -> None:
    assert set(first_cells(SIGNALS, "Signed decisions")) == {*Claims.model_fields, "claim"}


def test_every_kind_of_event_is_explained() -> None:
    assert first_cells(DOCS / "events.md", "Events") == ["kind", *Kind]


def test_every_setting_is_listed() -> None:
    code = [
        *(REPOSITORY / "placet").rglob("*.py"),
        *(REPOSITORY / "activities").rglob("*.py"),
    ]
    read = {
        name
        for path in code
        if "demo" not in path.parts
        for name in re.findall(r'"(PLACET_[A-Z_]+[A-Z])"', path.read_text())
    }
    page = DOCS / "settings.md"
    listed = {*first_cells(page, "Placet"), *first_cells(page, "The local stack")} - {"variable"}
    assert listed == read


def test_every_direct_dependency_has_its_reason() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    told = {
        "What runs": project["project"]["dependencies"],
        "The local stack": project["project"]["optional-dependencies"]["local"],
        "Reports as PDF": project["project"]["optional-dependencies"]["pdf"],
        "What tests and checks": project["dependency-groups"]["dev"],
    }
    for heading, listed in told.items():
        names = {re.split(r"[\[<>=]", line)[0] for line in listed}
        assert set(first_cells(DOCS / "dependencies.md", heading)) == names | {"package"}


def test_every_database_role_is_explained() -> None:
    sql = (REPOSITORY / "placet" / "db" / "roles.sql").read_text()
    roles = set(re.findall(r"'(placet_[a-z]+(?:_[a-z]+)?)'", sql))
    cells = first_cells(DOCS / "security.md", "The database's roles")
    assert {role for cell in cells for role in re.findall(r"placet_\w+", cell)} == roles


def test_every_finding_is_explained_to_the_auditor() -> None:
    told = re.findall(r"`([a-z-]+)`", "\n".join(_rows(DOCS / "findings.md")))
    assert sorted(told) == sorted([*Code, *Breach])


def _rows(page: Path) -> list[str]:
    """Return the first cells of all tables of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [line.split("|")[1] for line in lines if line.startswith("| `")]
