"""The command line: `placet`, which is `python starter.py`."""

import os
import sys
from contextlib import suppress
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process, and end it with the exit code."""
    try:
        from placet.cli.run import run  # noqa: PLC0415 - Ctrl-C during the imports is quiet too

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    # Temporal's runtime has threads of its own, which now and then abort an interpreter that takes
    # its time to end (sdk-python #300): everything is written, so end at once.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
