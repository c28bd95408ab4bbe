"""What every model does."""

import pytest
from pydantic import ValidationError

from placet.domain.base import Model, Stored
from placet.domain.erasure import EraseRequest, ErasureEntry


@pytest.mark.parametrize("told", ['{"reason": ["Judy Adler"]}', '"Judy Adler"', '{"reason": "Judy'])
@pytest.mark.parametrize(("base", "named"), [(Model, EraseRequest), (Stored, ErasureEntry)])
def test_an_error_tells_nobodys_data_to_the_log(
    base: type[Model], named: type[Model], told: str
) -> None:
    assert issubclass(named, base)
    with pytest.raises(ValidationError) as refused:
        named.model_validate_json(told)
    assert "Judy" not in str(refused.value) + repr(refused.value)
