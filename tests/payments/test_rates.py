from pathlib import Path

import pytest

from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.money import Money
from placet.payments.rates import read_rates

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_rates_are_read() -> None:
    rates = read_rates(EXAMPLES / "rates.json")
    assert str(rates.convert(Money.parse("108.50 USD"), "EUR")) == "100.00 EUR"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("[]", "it is not an object"),
        ('{"base": "EUR", "as_of": "2026-03-02"}', "rates: it is missing; add it"),
        (
            '{"base": "EUR", "as_of": "2026-03-02", "rates": {"USD": -1}}',
            "rates.USD: -1 cannot be a rate; it must be above zero",
        ),
        (
            '{"base": "EUR", "as_of": "2026-03-02", "rates": {"USD": 1, "USD": 2}}',
            '"USD" is written twice',
        ),
    ],
)
def test_a_bad_rate_table_says_what_is_wrong(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "rates.json"
    path.write_text(content)
    with pytest.raises(InvalidInputError) as caught:
        read_rates(path)
    assert said in str(caught.value)
    assert "rates.json" in str(caught.value)


def test_a_missing_rate_table_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"write one like examples/rates\.json"):
        read_rates(tmp_path / "rates.json")
