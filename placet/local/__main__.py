"""Run the local stack alone, without a worker: `python -m placet.local`."""

import asyncio
import sys

from placet.domain.errors import PlacetError
from placet.local import default_home, serve


def main() -> int:
    """Run until Ctrl-C and return the exit code."""
    try:
        asyncio.run(serve(default_home()))
    except PlacetError as error:
        sys.stderr.write(f"placet: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
