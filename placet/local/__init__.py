"""The local stack: Temporal's dev server and PostgreSQL, supervised, for one person's machine.

What can be imported from here::

    async with LocalStack(default_home()) as address:
        print(address.exports())

`find_running` tells other processes where the stack of a directory answers.
"""

from placet.local.address import StackAddress, default_home, find_running
from placet.local.errors import AlreadyRunningError, LocalStackError
from placet.local.stack import LocalStack, serve

__all__ = [
    "AlreadyRunningError",
    "LocalStack",
    "LocalStackError",
    "StackAddress",
    "default_home",
    "find_running",
    "serve",
]
