"""How many there are of something, in words that people would use."""

import pytest

from placet.domain.plurals import plural


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 events"), (1, "1 event"), (2, "2 events"), (1_200, "1,200 events")],
)
def test_only_one_is_counted_without_an_s(count: int, said: str) -> None:
    assert plural(count, "event") == said


def test_another_plural_is_taken_as_it_is_told() -> None:
    assert plural(1, "body is", "bodies are") == "1 body is"
    assert plural(3, "body is", "bodies are") == "3 bodies are"
