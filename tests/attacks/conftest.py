"""The attacks use the workflow tests' office, and the whole service as people run it."""

from tests.cli.conftest import office as service
from tests.local.conftest import as_root, home, open_directory
from tests.workflows.conftest import client, closed_office, office, temporal_address

__all__ = [
    "as_root",
    "client",
    "closed_office",
    "home",
    "office",
    "open_directory",
    "service",
    "temporal_address",
]
