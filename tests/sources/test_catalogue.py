import os
from pathlib import Path

import pytest
import structlog

from placet.digest import digest
from placet.domain.catalogue import UnknownDatasetError
from placet.domain.filters import Filter
from placet.domain.selection import column_problems, filter_problems
from placet.policy.files import FileError, parse
from placet.policy.loader import load_policies
from placet.sources.catalogue import CatalogueFolder, catalogue_from, load_catalogue
from tests.policy.example import SHIPPED

TEXT = """\
sources:
  shop: {read_env: SHOP_READ, delete_env: SHOP_DELETE}
datasets:
  customers:
    about: People
    source: shop
    table: shop.customer
    key: [id]
    owner: [{role: data-owner}]
    columns:
      id: {}
      name: {personal: true}
    rows: [{column: deleted_at, is: null}]
    filters: [id]
    delete: {soft: deleted_at, undo: 7d}
"""


def put(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def test_the_shipped_catalogue_is_sound() -> None:
    catalogue = load_catalogue(SHIPPED)
    assert list(catalogue.datasets) == ["customers", "orders", "visits"]
    assert catalogue.entry("customers").dataset.personal == ("name", "email", "phone", "born")
    assert catalogue.entry("customers").dataset.all_columns[-1] == "deleted_at"


def test_the_catalogue_is_no_policy() -> None:
    assert "expense" in load_policies(SHIPPED).policies


def test_without_a_file_there_is_no_data_set(tmp_path: Path) -> None:
    assert load_catalogue(tmp_path).datasets == {}
    assert CatalogueFolder(tmp_path).get().datasets == {}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source: shop", "source: shpo", r":6:5: .*no source 'shpo'; did you mean 'shop'"),
        ("filters: [id]", "filters: [nam]", r":14:15: .*'nam' is not among columns; did you"),
        ("key: [id]", "key: [id, id]", r":8:15: .*'id' is written twice"),
        ("    key: [id]\n", "", r":14:5: .*delete: needs key"),
        (", delete_env: SHOP_DELETE", "", r":15:5: .*needs delete_env of the source 'shop'"),
        ("soft: deleted_at", "soft: id", "set by Placet; take it out of columns"),
        ("undo: 7d", "grace: 7d", "soft needs undo"),
        ("soft: deleted_at", "hard: true", "undo and purge are for soft"),
        ("table: shop.customer", "table: customer", r":7:5: .*has the wrong form"),
        ("table: shop.customer", "table: 'shop.customer; drop'", "has the wrong form"),
        ("role: data-owner", "manager_of: requester", "a person, a role or a group"),
        ("about: People", "abuot: People", r":5:5: .*did you mean 'about'"),
        ("personal: true", "personal: perhaps", "must be true or false"),
        ("is: null", "is: 5", "write is: null"),
        # A connection with its password is not repeated.
        ("read_env: SHOP_READ", "read_env: postgres://u:hunter2@h", "is no name of an environment"),
    ],
)
def test_a_mistake_is_told_with_its_place(old: str, new: str, said: str) -> None:
    with pytest.raises(FileError, match=said) as refused:
        catalogue_from(parse(TEXT.replace(old, new), "datasets.yaml"))
    assert "hunter2" not in str(refused.value)


def test_a_change_is_seen_and_a_broken_one_keeps_the_last_good_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "datasets.yaml"
    put(path, TEXT)
    folder = CatalogueFolder(tmp_path)
    before = folder.get().entry("customers")
    put(path, TEXT.replace("filters: [id]", "filters: [name]"))
    after = folder.get().entry("customers")
    assert digest(before) != digest(after)
    for broken in (TEXT.replace("source: shop", "source: x"), None):
        if broken is None:
            os.unlink(path)  # noqa: PTH108 - the same as path.unlink, said plainly.
        else:
            put(path, broken)
        with structlog.testing.capture_logs() as logs:
            assert folder.get().entry("customers") == after
        assert logs[0]["event"] == "files_broken"


def test_an_unknown_data_set_is_answered_with_the_nearest() -> None:
    catalogue = catalogue_from(parse(TEXT, "datasets.yaml"))
    with pytest.raises(UnknownDatasetError, match="did you mean 'customers'"):
        catalogue.entry("customer")


def test_a_selection_is_held_against_its_data_set() -> None:
    dataset = catalogue_from(parse(TEXT, "datasets.yaml")).datasets["customers"]
    found = list(column_problems(dataset, ["id", "nmae", "id", "deleted_at"]))
    assert [problem.path for problem in found] == [
        ("columns", 1),
        ("columns", 2),
        ("columns", 3),
    ]
    assert "did you mean 'name'" in found[0].message
    assert "written twice" in found[1].message
    filters = [
        Filter.model_validate({"column": column, "op": "eq", "value": "1"})
        for column in ("id", "name", "idd")
    ]
    wrong = list(filter_problems(dataset, filters))
    assert [problem.path for problem in wrong] == [
        ("filters", 1, "column"),
        ("filters", 2, "column"),
    ]
    assert "not filtered by 'name'; select by id" in wrong[0].message
    assert "did you mean 'id'" in wrong[1].message
