from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import Sample
from tests.deleting.shelf import Shelf


@pytest.fixture
def shelf(sample: Sample) -> Iterator[Shelf]:
    with psycopg.connect(sample.admin_url, autocommit=True) as admin:
        yield Shelf(admin, sample.admin_url, sample.environment)
