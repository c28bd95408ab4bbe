"""What the local stack raises.

The tree::

    UnavailableError
    └── LocalStackError        a part cannot be started, reached or trusted
    ConflictError
    └── AlreadyRunningError    another process runs the stack of this directory
"""

from placet.domain.errors import ConflictError, UnavailableError


class LocalStackError(UnavailableError):
    """A part of the local stack cannot be started, reached or trusted."""

    code = "local-stack"


class AlreadyRunningError(ConflictError):
    """Another process runs the stack of this directory."""

    code = "local-stack-running"
