"""The ledger of a real service is sealed without anybody doing anything."""

from tests.cli.office import Office
from tests.support.waiting import until


def test_what_a_case_records_is_sealed_and_published_by_the_worker(office: Office) -> None:
    office.until_pending(office.submit("sealed-1"))

    def sealed() -> bool:
        (told,) = office.placet("audit", "status", "--json").documents
        (place,) = told["places"]
        return bool(told["size"] > 0 and told["unsealed"] == 0 and place["size"] == told["size"])

    until(sealed, "its events to be sealed and published")
    shown = office.placet("audit", "status")
    assert shown.code == 0, shown.err
    assert "local" in shown.out
    assert office.placet("audit", "seal", "--once").code == 0
