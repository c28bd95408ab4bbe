"""Messages that are small enough to be taken and expensive to think about."""

import cProfile
import json
import pstats

import pytest

from placet.domain.message import MAX_CHANGE_BYTES, Malformed, parse

CALLS = 1_000_000
"""Well below a second; a workflow that thinks for two is taken for one that hangs, for ever."""


@pytest.mark.rule(number=8)
@pytest.mark.parametrize("name", ["resubmit", "decide"])
def test_a_megabyte_of_almost_known_fields_is_refused_with_little_work(name: str) -> None:
    fields = {
        f"{field}{n}": 1 for n in range(7_000) for field in ("reaso", "diges", "acto", "chan")
    }
    data = json.dumps({"actor": "bob@example.com", **fields}).encode()
    assert MAX_CHANGE_BYTES / 2 < len(data) < MAX_CHANGE_BYTES
    profile = cProfile.Profile()
    understood = profile.runcall(parse, name, [("json/plain", data)], "signal")
    assert isinstance(understood, Malformed)
    assert "did you mean" in understood.problem
    assert pstats.Stats(profile).total_calls < CALLS  # type: ignore[attr-defined]
