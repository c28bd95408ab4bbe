"""A forked call of the command line does what the program does."""

import os
import signal
import subprocess

import pytest

from tests.cli.loaded import Program, awaited
from tests.cli.office import run


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        ((), ""),
        (("show", "nobody"), ""),
        (("expense", "-"), '{"title": "Zo\u00eb\u2019s dinner"}'),
        (("policy", "explain", "examples/expense-conference.json"), ""),
        (("policy", "\x1b[2J\u2026", "--json"), ""),
    ],
)
def test_a_forked_call_says_the_same_as_the_program(
    program: Program, nowhere: dict[str, str], arguments: tuple[str, ...], stdin: str
) -> None:
    forked = program.run(arguments, stdin, nowhere)
    expected = run(*arguments, stdin=stdin, env=nowhere)
    assert (forked.returncode, forked.stdout, forked.stderr) == expected


def test_a_call_that_takes_too_long_is_killed() -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(["/bin/sleep", "600"]) as endless:
        os.write(writer, f"{endless.pid} ".encode())
        with pytest.raises(subprocess.TimeoutExpired):
            awaited(reader, ["sleep"], patience=0.1)
    assert endless.returncode == -signal.SIGKILL
    os.close(reader)
    os.close(writer)
