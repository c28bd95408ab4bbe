"""What tests of the verifier have in common: an honest ledger, and a way to ask about a bundle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placet.proof.trust import Trust, read_trust
from placet.proof.verify import verify
from tests.support.ledgers import Ledger, small_ledger, trust

Codes = Callable[..., set[str]]


@pytest.fixture
def ledger() -> Ledger:
    return small_ledger()


@pytest.fixture
def trust_file(tmp_path: Path) -> Path:
    path = tmp_path / "trust.json"
    path.write_text(json.dumps(trust()), encoding="utf-8")
    return path


@pytest.fixture
def pinned(trust_file: Path) -> Trust:
    return read_trust(trust_file)


@pytest.fixture
def codes(pinned: Trust) -> Codes:
    """Return what the verifier finds in a bundle, apart from what the stories in it tell."""

    def ask(path: Path, held: str | None = None, **others: Any) -> set[str]:
        report = verify(path, pinned._replace(**others), held, judges=(), processes=1)
        return set(report.findings.counts)

    return ask
