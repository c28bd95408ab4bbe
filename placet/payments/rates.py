"""Read the day's exchange rates from a file."""

from pathlib import Path

from pydantic import ValidationError

from placet.digest import read_json
from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.money import RateTable
from placet.pipelines.explain import problems_in, refused


def read_rates(path: Path) -> RateTable:
    """Read a JSON file such as ``examples/rates.json``.

    Raises:
        NotFoundError: There is no such file.
        InvalidInputError: It is not a rate table; the message lists what is wrong with it.
    """
    try:
        raw = read_json(path.read_bytes())
        return RateTable.model_validate(raw)
    except FileNotFoundError:
        raise NotFoundError(f"{path} is not there; write one like examples/rates.json") from None
    except ValidationError as error:
        raise refused(str(path), problems_in(error)) from None
    except (OSError, InvalidInputError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from None
