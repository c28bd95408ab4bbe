import pytest

from tests.conftest import Sample
from tests.deleting.shelf import Shelf


@pytest.fixture
def shelf(sample: Sample) -> Shelf:
    return Shelf(sample.admin_url, sample.environment)
