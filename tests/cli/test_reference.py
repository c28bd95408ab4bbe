"""Every command explains itself, and `docs/cli.md` says what the commands say."""

import re
import shlex
from typing import Any

import pytest

from placet.cli.codes import MEANINGS, Code
from placet.cli.reference import commands, help_of, reference
from placet.registry import PIPELINES
from tests.cli.office import REPOSITORY

COMMANDS = {name: context for name, _, context in commands()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself(name: str) -> None:
    for example in _examples(name):
        assert f"{example} ".startswith(f"placet {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_understands_its_examples(name: str) -> None:
    for example in _examples(name):
        words = shlex.split(re.split("[|<]", example)[0])
        arguments = words[1 + len(name.split()) :]
        assert COMMANDS[name].command.make_context(name, arguments).params


def _examples(name: str) -> list[str]:
    shown = help_of(COMMANDS[name]).partition("Example:")[2]
    examples = [line.strip() for line in shown.splitlines() if line.strip()]
    assert examples, f"{name} has no example"
    return examples


def _options(context: Any) -> set[str]:
    return {option for param in context.command.params for option in param.opts}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"worker"}))
def test_every_command_can_print_json(name: str) -> None:
    assert "--json" in _options(COMMANDS[name])


def test_every_pipeline_has_its_command() -> None:
    assert {p.name for p in PIPELINES if not p.internal} <= set(COMMANDS)
    assert not {p.name for p in PIPELINES if p.internal} & set(COMMANDS)


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Code)


def test_the_page_is_what_the_commands_say() -> None:
    page = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == reference(), "type: python -m placet.cli.reference > docs/cli.md"
