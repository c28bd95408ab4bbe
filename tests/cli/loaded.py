"""The command line, loaded once: a server forks a process for each call of it.

A command takes five times as long to load as it then takes to work. Each call still has a process
of its own, which runs ``starter.py`` with its own arguments, environment and streams; what it loads
beyond this, and that it can be loaded at all, is for the tests that start Python for it.

    python -m tests.cli.loaded NUMBER    serve calls from the socket with this descriptor
"""

import gc
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from placet import cli
from placet.registry import PIPELINES
from tests.support.waiting import PATIENCE_SECONDS

REPOSITORY = Path(__file__).resolve().parents[2]
_STREAMS = 3
_PASSED = _STREAMS + 2
"""The three streams of a call, the file that says what to run, and the pipe for what came of it."""


class Program:
    """Calls the command line; several threads may."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server

    def run(
        self, arguments: Sequence[str], stdin: str, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Do what ``subprocess.run`` does for ``starter.py`` with these arguments."""
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(_STREAMS + 1)]
            given, out, err, told = files
            for file, text in ((given, stdin), (told, json.dumps([list(arguments), dict(env)]))):
                file.write(text.encode())
                file.seek(0)
            reader, writer = os.pipe()
            stack.callback(os.close, reader)
            try:
                passed = [*(file.fileno() for file in files), writer]
                socket.send_fds(self._server, [b"!"], passed)
            finally:
                os.close(writer)
            code = awaited(reader, ["starter.py", *arguments])
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode())
        return subprocess.CompletedProcess(arguments, code, *said)


def awaited(reader: int, what: Sequence[str], patience: float = PATIENCE_SECONDS) -> int:
    """Return the exit code of a call, once there is one; kill a call that takes too long."""
    heard = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        while selector.select(patience):
            more = os.read(reader, 64)
            if not more:
                _, code = heard.split()
                return int(code)
            heard += more
    with suppress(ProcessLookupError, ValueError):
        os.kill(int(heard.split()[0]), signal.SIGKILL)
    raise subprocess.TimeoutExpired(list(what), patience)


@contextmanager
def loaded_program() -> Iterator[Program]:
    """Have a server for calls of the command line inside the block; it ends with this process."""
    mine, its = socket.socketpair()
    with mine:
        with its:
            server = subprocess.Popen(  # noqa: S603 - this module
                [sys.executable, "-m", "tests.cli.loaded", str(its.fileno())],
                cwd=REPOSITORY,
                env={"PATH": os.defpath},
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        yield Program(mine)
    assert server.wait(PATIENCE_SECONDS) == 0


def _serve(calls: socket.socket) -> None:
    """Fork a process for each call, until nobody can call any more."""
    for module in pkgutil.iter_modules(cli.__path__, f"{cli.__name__}."):
        import_module(module.name)
    for pipeline in PIPELINES:
        assert pipeline.door
    assert import_module("cel")  # Conditions load it late.
    # What is loaded stays: no process needs to look through it, and so to copy it, for garbage.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        word, passed, _, _ = socket.recv_fds(calls, 1, _PASSED)
        if not word:
            return
        if os.fork() == 0:
            calls.close()
            _attend(passed)
        for each in passed:
            os.close(each)


def _attend(passed: Sequence[int]) -> NoReturn:
    """Run a call in a process below this one, and tell who runs it and what came of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, teller = passed[_STREAMS:]
    process = os.fork()
    if process == 0:
        os.close(teller)
        for number, stream in enumerate(passed[:_STREAMS]):
            os.dup2(stream, number)
        with os.fdopen(told) as file:
            _become(*json.load(file))
    os.write(teller, f"{process} ".encode())
    _, status = os.waitpid(process, 0)
    os.write(teller, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(arguments: list[str], environment: dict[str, str]) -> NoReturn:
    """Be the program, to the end."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[:] = ["starter.py", *arguments]
        runpy.run_path(str(REPOSITORY / "starter.py"), run_name="__main__")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:  # noqa: BLE001 - as Python does at the end of a program
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
