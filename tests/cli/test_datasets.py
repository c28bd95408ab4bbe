"""The catalogue on the command line: listed, and held against its databases and the directory."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.office import REPOSITORY, Said, run
from tests.conftest import Sample

Placet = Callable[..., Said]


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY / "policies", tmp_path / "policies"))


@pytest.fixture
def placet(nowhere: dict[str, str], policies: Path, sample: Sample) -> Placet:
    env = nowhere | sample.environment | {"PLACET_POLICIES": str(policies)}
    return lambda *arguments, **more: run(*arguments, env=env | more)


def bend(policies: Path, name: str, old: str, new: str) -> None:
    path = policies / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_catalogue_is_listed(placet: Placet) -> None:
    said = placet("datasets")
    assert said.code == 0
    assert said.out.splitlines()[1].split("\t")[:4] == [
        "customers",
        "sample: shop.customer",
        "9",
        "name, email, phone, born",
    ]
    assert [row["dataset"] for row in placet("datasets", "--json").documents] == [
        "customers",
        "orders",
        "visits",
    ]


def test_the_shipped_catalogue_fits_its_databases_and_people(placet: Placet) -> None:
    said = placet("datasets", "--check")
    assert (said.code, said.out, said.err) == (0, "", "sound: 3 data sets\n")


def test_what_does_not_fit_is_told(placet: Placet, policies: Path) -> None:
    bend(policies, "datasets.yaml", "shop.visit", "shop.visits")
    bend(policies, "directory.yaml", "data-owner", "data-ovner")
    said = placet("datasets", "--check", "--json")
    assert said.code == 2
    told = {(row["dataset"], row["severity"]) for row in said.documents}
    assert told == {(name, "wrong") for name in ("customers", "orders", "visits")}
    assert "did you mean 'data-ovner'" in said.out
    assert "shop.visits, which its source does not have" in said.out


def test_what_could_not_be_checked_is_told(placet: Placet) -> None:
    said = placet("datasets", "--check", PLACET_SAMPLE_READ_URL="")
    assert said.code == 3
    assert "set PLACET_SAMPLE_READ_URL for the workers" in said.out


def test_a_mistake_in_the_file_has_its_line(placet: Placet, policies: Path) -> None:
    bend(policies, "datasets.yaml", "source: sample", "source: smaple")
    said = placet("datasets")
    assert said.code == 2
    assert "did you mean 'sample'" in said.err
    assert "datasets.yaml:13:5:" in said.err
