"""Write `docs/cli.md` from the commands themselves: `python -m placet.cli.reference`."""

import sys
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from placet.cli.app import app
from placet.cli.codes import MEANINGS
from placet.cli.run import PROGRAM

WIDTH = 100

_HEAD = f"""# The command line

`{PROGRAM}` and `python starter.py` are the same program. This page is made from its help by
`python -m placet.cli.reference > docs/cli.md`, and a test holds it to that.

Results go to the standard output and everything else to the standard error output, so a script may
read the first and a person both. `--json` prints one JSON document a line, in ASCII. Nothing that a
request says can move the cursor or change a colour: control characters are shown
as `\N{REPLACEMENT CHARACTER}`.

A decision is sent as the update `decide` and answered with its receipt. When no worker takes it
within five seconds, the signal of the same name carries it, under the same decision id: it counts
once, when a worker is up, and the exit code says that it is not confirmed.

Temporal is found by `TEMPORAL_ADDRESS` or a profile in `temporal.toml`, as its own CLI finds it;
Postgres by `PLACET_DATABASE_URL`. Without them the local stack in `PLACET_HOME` (`.placet`) is
used. The policies and people are those in `PLACET_POLICIES` (`policies/`).
"""


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Yield the full name, the command and its context of everything that can be typed."""
    top = get_command(app)
    context = top.make_context(PROGRAM, [], resilient_parsing=True)
    yield from _below(top, context, "")


def _below(group: Any, parent: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    for name, command in group.commands.items():
        context = command.make_context(name, [], parent=parent, resilient_parsing=True)
        if hasattr(command, "commands"):
            yield from _below(command, context, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command, context


def help_of(context: Any) -> str:
    """Return a command's help, of the same width everywhere."""
    context.terminal_width = WIDTH
    return "\n".join(line.rstrip() for line in str(context.get_help()).splitlines())


def reference() -> str:
    """Return the whole page as Markdown."""
    lines = [_HEAD, "## Exit codes", "", "| code | meaning |", "| --- | --- |"]
    lines += [f"| {code.value} | {text} |" for code, text in MEANINGS.items()]
    for name, _, context in commands():
        lines += ["", f"## {PROGRAM} {name}", "", "```text", help_of(context), "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
