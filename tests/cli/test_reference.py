"""Every command explains itself, and `docs/cli.md` says what the commands say."""

from typing import Any

import pytest

from placet.cli.codes import MEANINGS, Code
from placet.cli.reference import commands, help_of, reference
from placet.registry import PIPELINES
from tests.cli.office import REPOSITORY

COMMANDS = {name: context for name, _, context in commands()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself(name: str) -> None:
    text = help_of(COMMANDS[name])
    assert f"placet {name} " in text.partition("Example:")[2] + " "


def _options(context: Any) -> set[str]:
    return {option for param in context.command.params for option in param.opts}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"worker"}))
def test_every_command_can_print_json(name: str) -> None:
    assert "--json" in _options(COMMANDS[name])


def test_every_pipeline_has_its_command() -> None:
    assert {pipeline.name for pipeline in PIPELINES} <= set(COMMANDS)


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Code)


def test_the_page_is_what_the_commands_say() -> None:
    page = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == reference(), "type: python -m placet.cli.reference > docs/cli.md"
