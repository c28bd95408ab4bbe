"""A fresh ledger to seal."""

from pathlib import Path

import pytest

from tests.conftest import Database
from tests.sealing.sealed import SealedLedger


@pytest.fixture
def sealed_ledger(database: Database, tmp_path: Path) -> SealedLedger:
    """Give a ledger without an event."""
    return SealedLedger(database.admin_url, tmp_path)
