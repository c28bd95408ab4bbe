"""What people mistype in `placet audit`: each gets one line with what is taken, and the right code.

What is wrong whatever is recorded ends with 2, what is named and not there with 7, and what
contradicts something that is there with 6.
"""

import json
import string
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as some

from placet.cli import values
from placet.cli.codes import Code
from placet.cli.run import run
from placet.proof.__main__ import main as verify_alone
from tests.cli.office import Office

WHY = ("--reason", "They asked", "--as", "erin@example.com")
A_LOG = "placet.local/ledger+033bec40+AYdUev7ell3POvt3tCawpArMCqrmBvuY0+JaWxdrGj13"
WITNESS = ("witness", "--log", A_LOG)
PERIOD = ("report", "--out", "x.html", "--to", "2026-03-31")

MISTYPED: list[tuple[tuple[str, ...], str]] = [
    # A day that is none says how days are written.
    (("export", "--out", "x", "--since", "foo"), "write 1200 or 2026-03-01"),
    (("export", "--out", "x", "--since", ""), "write 1200 or 2026-03-01"),
    (("export", "--out", "x", "--since", "-1"), "write 1200 or 2026-03-01"),
    (("export", "--out", "x", "--since", "9" * 30), "write 1200 or 2026-03-01"),
    (("export", "--out", "x", "--since", "0001-01-01"), "from 1970-01-01 to 9998-12-31"),
    (("reconcile", "--since", "foo"), "write 2026-03-01 or 2026-03-01T08:30"),
    (("reconcile", "--since", ""), "write 2026-03-01 or 2026-03-01T08:30"),
    (("reconcile", "--since", "2026-13-01"), "write 2026-03-01 or 2026-03-01T08:30"),
    (("reconcile", "--since", "9990-01-01"), "still to come"),
    ((*PERIOD, "--from", "foo"), "write it as 2026-03-01"),
    ((*PERIOD, "--from", "2026-W01-1"), "write it as 2026-03-01"),
    ((*PERIOD, "--from", "2026-02-30"), "write it as 2026-03-01"),
    ((*PERIOD, "--from", "2026-05-01"), "swap the days"),
    (("report", "--out", "x.html", "--from", "2026-03-01"), "by both --from DATE and --to DATE"),
    (("report", "--out", "x.html", "--from", "2026-03-01", "--to", "9999-12-31"), "9998-12-31"),
    (("prune", "--before", "foo", *WHY), "write it as 2026-03-01"),
    (("prune", "--before", "2016-1-1", *WHY), "write it as 2026-03-01"),
    # Whatever is wrong, the help that is named is that of the command.
    (("verify", "b", "--trust"), "type: placet audit verify --help"),
    (("trust", "--witness"), "type: placet audit trust --help"),
    (("verify", "b", "--nothing"), "type: placet audit verify --help"),
    # What is empty never means all of them, nor the current directory.
    (("export", "--out", ""), "'--out': it is empty"),
    (("export", "--out", "x", "--request", ""), "'--request': it is empty"),
    (("verify", "", "--trust", "t"), "'BUNDLE': it is empty"),
    (("verify", "b", "--trust", ""), "'--trust': it is empty"),
    (("verify", "b", "--trust", "t", "--held", ""), "'--held': it is empty"),
    (("trust", "--timestamp", ""), "'--timestamp': it is empty"),
    (("reconcile", "--request", " "), "'--request': it is empty"),
    (("report", "", "--out", "x.html"), "it is empty"),
    (("report", "x", "--out", ""), "'--out': it is empty"),
    ((*PERIOD, "--from", "2026-01-01", "--pipeline", ""), "'--pipeline': it is empty"),
    ((*WITNESS, "--name", "", "--state", "s"), "'--name': it is empty"),
    ((*WITNESS, "--name", "w", "--state", ""), "'--state': it is empty"),
    (("erase", "", *WHY), "'SUBJECT': it is empty"),
    (("erase", "judy", "--reason", " ", "--as", "erin"), "'--reason': it is empty"),
    (("erase", "judy", "--reason", "x", "--as", ""), "'--as': it is empty"),
    (("erase", "judy", *WHY, "--key", ""), "'--key': it is empty"),
    (("erasures", ""), "it is empty"),
    (("hold", "", *WHY), "'TARGET': it is empty"),
    (("hold", "judy", "--reason", "", "--as", "erin"), "'--reason': it is empty"),
    (("release", "", *WHY), "'HOLD': it is empty"),
    (("prune", "--before", "2010-01-01", "--reason", "", "--as", "erin"), "it is empty"),
    # Other values say what is taken.
    (("export", "--out", "x", "--request", "r", "--since", "3"), "leave out --since"),
    (("trust", "--witness", "foo"), "the line that the witness printed"),
    (("trust", "--witness", A_LOG), "this is the key of a ledger"),
    (("trust", "--quorum", "3"), "more than the 0 witnesses named"),
    (("trust", "--quorum", "-1"), "greater than or equal to 0"),
    (("trust", "--quorum", "foo"), "a valid integer"),
    (("reconcile", "--grace", "foo"), "--grace 'foo' is no time; write it as 30s, 5m or 1h"),
    (("reconcile", "--grace", "-1m"), "30s, 5m or 1h"),
    (("report", "x", "--out", "x.txt"), "let it end in .html, .pdf, .json or .csv"),
    (("report", "x", "--out", "x.csv"), "html or pdf"),
    (("report", "x", "--out", "x.html", "--format", "foo"), ": 'foo' is not one of 'html'"),
    ((*PERIOD, "--from", "2026-01-01", "--sample", "-1"), "greater than or equal to 0"),
    ((*PERIOD, "--from", "2026-01-01", "--sample", "9999"), "less than or equal to 1000"),
    ((*PERIOD, "--from", "2026-01-01", "--seed", "foo"), "a valid integer"),
    ((*WITNESS, "--name", "a b", "--state", "s"), "as in witness.example/w1"),
    ((*WITNESS, "--name", "w", "--state", "s", "--listen", "foo"), "127.0.0.1:7480"),
    ((*WITNESS, "--name", "w", "--state", "s", "--listen", "h:99999"), "127.0.0.1:7480"),
    ((*WITNESS, "--name", "w", "--state", "s", "--log-level", "foo"), "DEBUG, INFO"),
    (("witness", "--log", "foo", "--name", "w", "--state", "s"), "placet audit trust"),
    (("seal", "--once", "--log-level", "foo"), "DEBUG, INFO"),
    (("prune", "--before", "2010-01-01", *WHY, "--wait", "-1"), "greater than or equal to 0"),
    (("prune", "--before", "2010-01-01", *WHY, "--wait", "nan"), "greater than or equal to 0"),
]


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory of its own, with keys as a service would have them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACET_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(("arguments", "told"), MISTYPED)
def test_what_is_wrong_in_any_case_is_said_with_what_is_taken(
    arguments: tuple[str, ...], told: str, empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", *arguments]) == Code.INVALID
    said = capsys.readouterr()
    assert told in said.err
    assert "Value error" not in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
    assert {path.name for path in empty.iterdir()} <= {"s"}


@pytest.mark.parametrize("what", ["nowhere", "directory"])
def test_a_file_that_is_not_there_is_told_from_one_that_cannot_be_used(
    empty: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    (empty / "directory").mkdir()
    (empty / "text").write_text("nonsense")
    (empty / "bytes").write_bytes(b"\xff\xfe")
    (empty / "trust").write_text(json.dumps(TRUST))
    for arguments in (
        ("verify", what, "--trust", "trust"),
        ("verify", what, "--trust", what),
        ("verify", what, "--trust", "trust", "--held", what),
    ):
        assert run(["audit", *arguments]) == Code.NOT_FOUND, arguments
        assert f"{what}" in capsys.readouterr().err
        assert verify_alone(arguments[1:]) == Code.NOT_FOUND
        assert "name the" in capsys.readouterr().err
    for arguments in (
        ("verify", what, "--trust", "text"),
        ("verify", what, "--trust", "bytes"),
        ("verify", what, "--trust", "trust", "--held", "bytes"),
    ):
        assert run(["audit", *arguments]) == Code.INVALID, arguments
        assert "codec" not in capsys.readouterr().err
        assert verify_alone(arguments[1:]) == Code.INVALID
        assert len(capsys.readouterr().err.splitlines()) == 1
    state = (*WITNESS, "--name", "w", "--state", "text")
    assert run(["audit", *state]) == Code.NOT_FOUND
    assert "name a directory in which this account may write" in capsys.readouterr().err


TRUST = {
    "log": {"origin": "placet.local/ledger", "keys": [A_LOG]},
    "writers": [],
    "witnesses": {"keys": [], "quorum": 0},
    "people": {},
}


def test_what_is_named_and_not_there_is_told_from_what_is_wrong(
    office: Office, tmp_path: Path
) -> None:
    case = office.submit("mistyped")
    office.until_pending(case)
    assert office.placet("audit", "seal", "--once").code == 0
    text = tmp_path / "text"
    text.write_text("nonsense")
    known = ("--out", tmp_path / "bundle")
    for arguments, code, told in (
        (("export", "--out", tmp_path / "no" / "where"), 7, "name a directory that can be made"),
        (("export", "--out", text), 6, "name a directory that does not"),
        (("export", *known, "--request", "nobody"), 7, "no sealed event is of request"),
        (("export", *known, "--since", "99999999"), 7, "name that or an earlier one"),
        (("export", *known, "--since", "2099-01-01"), 7, "name that or an earlier one"),
        (("report", "nobody", "--out", tmp_path / "r.html"), 7, "placet list"),
        (("report", case, "--out", tmp_path / "no" / "r.html"), 7, "in a directory that you may"),
        (("report", case, "--out", tmp_path, "--format", "html"), 7, "name a file in it"),
        (("report", case, "--out", tmp_path, "--format", "html", "--force"), 7, "a directory"),
        (("reconcile", "--request", "nobody"), 7, "placet list"),
        (("trust", "--timestamp", tmp_path / "none.pem"), 7, "name a file that can be read"),
        (("trust", "--timestamp", tmp_path), 7, "name a file that can be read"),
        (("trust", "--timestamp", text), 2, "no certificate in PEM"),
        (("erase", "nobody", *WHY), 7, "nothing personal is recorded about 'nobody'"),
        (("erase", "judy", "--reason", "x", "--as", "nobody"), 7, "an address or id that the"),
        (("erase", "j" * 2000, *WHY), 2, "shorten it"),
        (("erasures", "nobody"), 7, "nothing about nobody was erased"),
        (("hold", "nobody", *WHY), 7, "see the requests: placet list"),
        (("hold", "n" * 2000, *WHY), 7, "see the requests: placet list"),
        (("hold", case, "--reason", "x", "--as", "nobody"), 7, "an address or id that the"),
        (("hold", case, "--reason", "x" * 5000, "--as", "erin"), 2, "at most 4000 are allowed"),
        (("release", "nothing", *WHY), 7, "see those that stand: placet audit holds"),
        (("prune", "--before", "2026-01-01", *WHY), 6, "PLACET_RETENTION_YEARS"),
        (("prune", "--before", "2010-01-01", "--reason", "x", "--as", "no"), 7, "or id that the"),
    ):
        said = office.placet("audit", *arguments)
        assert (said.code, told in said.err) == (code, True), (arguments, said)
        assert len(said.err) < 700
    assert office.placet("audit", "erasures").code == Code.OK
    assert not (tmp_path / "bundle").exists()


@given(some.dates(date(1970, 1, 1), date(9998, 12, 31)))
def test_every_day_is_read_as_it_is_written(day: date) -> None:
    assert values.day(str(day)) == day
    assert values.instant(str(day)).isoformat() == f"{day}T00:00:00+00:00"
    assert values.start(str(day)) == values.instant(str(day))


@given(some.text(f"{string.digits}-T:Z+ W\N{ARABIC-INDIC DIGIT THREE}", max_size=25))
def test_whatever_is_typed_is_read_or_refused_in_words(text: str) -> None:
    for read in (values.instant, values.start):
        with suppress(typer.BadParameter):
            read(text)
    with suppress(typer.BadParameter):
        assert str(values.day(text)) == text


def test_an_instant_may_name_its_zone() -> None:
    for text in ("2026-03-01T08:30", "2026-03-01T10:30+02:00", "2026-03-01 08:30:00Z"):
        assert values.instant(text).isoformat() == "2026-03-01T08:30:00+00:00"
