"""The command line: `placet`, which is `python starter.py`."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process, and end it with the exit code."""
    try:
        from placet.cli.run import run  # noqa: PLC0415 - Ctrl-C during the imports is quiet too

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
