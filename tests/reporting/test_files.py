import stat
from pathlib import Path

import pytest

from placet.reporting.files import (
    Form,
    FormError,
    ReportExistsError,
    ReportFolderError,
    form_of,
    write_report,
)


def test_a_report_is_for_its_owner_alone(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_report(target, b"first")
    assert target.read_bytes() == b"first"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_there_stays_unless_forced(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_report(target, b"first")
    with pytest.raises(ReportExistsError, match="--force"):
        write_report(target, b"second")
    assert target.read_bytes() == b"first"
    write_report(target, b"second", force=True)
    assert target.read_bytes() == b"second"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    other, link = tmp_path / "other", tmp_path / "report.html"
    other.write_bytes(b"other")
    link.symlink_to(other)
    with pytest.raises(ReportExistsError):
        write_report(link, b"report")
    write_report(link, b"report", force=True)
    assert other.read_bytes() == b"other"
    assert not link.is_symlink()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportFolderError, match="in a directory"):
        write_report(tmp_path / "none" / "report.html", b"report")


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["", ".", "..", "below"])
def test_a_directory_is_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    force: bool,  # noqa: FBT001 - drawn
) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReportFolderError, match="is a directory; name a file in it"):
        write_report(Path(name), b"report", force=force)


def test_the_name_says_the_form_unless_it_is_told() -> None:
    assert form_of(Path("a.PDF")) is Form.PDF
    assert form_of(Path("a"), Form.CSV) is Form.CSV
    with pytest.raises(FormError, match=r"\.html"):
        form_of(Path("report.txt"))
