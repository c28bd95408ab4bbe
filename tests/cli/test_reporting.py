"""The command for reports refuses what would be a report about something else."""

from pathlib import Path

from tests.cli.office import Office, run


def test_what_belongs_to_a_period_is_refused_beside_a_request(tmp_path: Path) -> None:
    out = tmp_path / "one.html"
    said = run("audit", "report", "expense-1", "--sample", "3", "--out", str(out), env={})
    assert said.code == 2
    assert "--sample" in said.err
    assert len(said.err.splitlines()) == 1
    assert not out.exists()


def test_a_misspelt_pipeline_is_no_empty_report(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "period.html"
    period = ("audit", "report", "--from", "2026-01-01", "--to", "2026-12-31", "--out", str(out))
    said = office.placet(*period, "--pipeline", "expnse")
    assert said.code == 2
    assert "'expnse' is no pipeline; known are: expense, " in said.err
    assert not out.exists()
    assert office.placet(*period, "--pipeline", "erase").code == 0
