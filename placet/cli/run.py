"""Run one command: every way it can end becomes one line and an exit code."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from typer.exceptions import Abort, TyperException
from typer.main import get_command

from placet.cli.app import app
from placet.cli.codes import Code, StopError, code_of
from placet.cli.console import safe, say
from placet.domain.errors import PlacetError

PROGRAM = "placet"


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        code = _run(list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more; the interpreter would complain at its end when it flushes.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Code.PIPE_CLOSED
    return code


def _run(arguments: list[str]) -> int:
    try:
        result = app(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except TyperException as error:
        # An option whose value is missing is found before the parser says where.
        command = getattr(getattr(error, "ctx", None), "command_path", _command_of(arguments))
        # Pydantic's word for what the next words say.
        told = error.format_message().replace(": Value error, ", ": ").rstrip(".")
        say(f"{PROGRAM}: {told}; type: {command} --help")
        return Code.INVALID
    except (Abort, KeyboardInterrupt):
        return Code.INTERRUPTED
    except StopError as error:
        if str(error):
            say(f"{PROGRAM}: {error}")
        return error.code
    except PlacetError as error:
        say(f"{PROGRAM}: {error}")
        return code_of(error)
    except SystemExit as error:
        # The command's parser turns a closed pipe into an exit of its own.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last door: one line, and the rest in a file
        return _unexpected(error)
    return result if isinstance(result, int) else Code.OK


def _command_of(arguments: Sequence[str]) -> str:
    """Return which command was typed."""
    words, command = [PROGRAM], get_command(app)
    for word in arguments:
        found = getattr(command, "commands", {}).get(word)
        if found is None:
            break
        words.append(word)
        command = found
    return " ".join(words)


def _unexpected(error: Exception) -> Code:
    import traceback  # noqa: PLC0415 - only a surprise needs it

    trace = "".join(traceback.format_exception(error))
    if os.environ.get("PLACET_DEBUG"):
        say(trace)
        where = "above"
    else:
        where = _keep(trace)
    short = safe(str(error))[:200]
    say(f"{PROGRAM}: unexpected {type(error).__name__}: {short}; the traceback is {where}")
    return Code.UNEXPECTED


def _keep(trace: str) -> str:
    """Append the traceback to a file and say where."""
    home = Path(os.environ.get("PLACET_HOME") or ".placet").expanduser().absolute()
    path = home / "logs" / "cli.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(trace)
    except OSError:
        return f"shown by: {PROGRAM} --debug …"
    return f"in {path}"
