"""The command line when nothing runs, when it is used wrongly, and when something breaks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from placet.cli.run import run as run_here
from tests.cli.loaded import Program
from tests.cli.office import REPOSITORY, an_expense, call, run
from tests.support.waiting import PATIENCE_SECONDS

Env = dict[str, str]


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", "expense-1"],
        ["watch", "expense-1"],
        ["wait", "expense-1"],
        ["approve", "expense-1", "--as", "bob"],
        ["expense", "examples/expense-team-dinner.json"],
        ["payments", "list"],
        ["setup"],
        ["worker", "--wait", "0"],
    ],
)
def test_when_nothing_runs_one_line_says_what_to_type(arguments: list[str], nowhere: Env) -> None:
    said = run(*arguments, env=nowhere)
    assert said.code == 3, said
    assert said.out == ""
    problem = [line for line in said.err.splitlines() if not line.startswith("{")]
    assert len(problem) == 1
    assert "make up" in problem[0]


def test_a_server_that_does_not_answer_is_named(nowhere: Env) -> None:
    # Nobody listens on port 1.
    said = run("setup", env={**nowhere, "TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert said.code == 3
    assert "127.0.0.1:1" in said.err
    assert "Traceback" not in said.err


def test_a_database_that_does_not_answer_is_told(nowhere: Env) -> None:
    url = "postgresql://placet_app:s3cret@127.0.0.1:1/placet"
    said = run("list", env={**nowhere, "PLACET_DATABASE_URL": url})
    assert said.code == 3
    assert len(said.err.splitlines()) == 1
    assert "s3cret" not in said.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["approve"], "ID"),
        (["approve", "expense-1"], "--as"),
        (["nonsense"], "nonsense"),
        (["key"], "command"),
        (["list", "--limit", "many"], "--limit"),
    ],
)
def test_wrong_use_is_one_line_that_names_the_help(
    arguments: list[str], says: str, nowhere: Env, program: Program
) -> None:
    said = call(program, *arguments, env=nowhere)
    assert said.code == 2
    assert says in said.err
    assert "--help" in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"title": NaN}', "NaN"),
        (json.dumps(an_expense("x", amount="-1.00 EUR")), "lines[0].amount"),
        (json.dumps(an_expense("x", amount="1.00 XXX")), "XXX"),
        (json.dumps(an_expense("x", receipt="../secret.pdf")), "receipt"),
        (json.dumps(an_expense("x", requester="nobody@example.com")), "nobody"),
        (json.dumps(an_expense("x", surprise=1)), "surprise"),
    ],
)
def test_a_bad_request_is_refused_before_any_server_is_asked(
    content: str, says: str, nowhere: Env, program: Program
) -> None:
    said = call(program, "expense", "-", stdin=content, env=nowhere)
    assert said.code in {2, 7}
    assert says in said.err
    assert "Traceback" not in said.err


def test_a_missing_file_is_not_found(nowhere: Env) -> None:
    said = run("expense", "nowhere.json", env=nowhere)
    assert said.code == 7
    assert "nowhere.json" in said.err


def test_a_plan_is_explained_without_any_server(nowhere: Env) -> None:
    said = run("policy", "explain", "examples/expense-conference.json", env=nowhere)
    assert said.code == 0, said.err
    assert "route     finance" in said.out
    told = run("policy", "explain", "examples/expense-conference.json", "--json", env=nowhere)
    assert told.document["plan"]["route"] == "finance"
    assert [len(stage["roster"]["seats"]) for stage in told.document["stages"]] == [1, 3]


def test_policies_and_people_are_checked(nowhere: Env, tmp_path: Path) -> None:
    assert run("policy", "check", env=nowhere).code == 0
    assert run("directory", "check", "--json", env=nowhere).document["people"] == 10
    broken = tmp_path / "directory.yaml"
    broken.write_text(
        "people:\n  - id: bob\n    name: Bob\n    addresses: [b@example.com]\n    x: 1\n"
    )
    said = run("directory", "check", broken, env=nowhere)
    assert said.code == 2
    assert "directory.yaml:5:" in said.err


def test_a_key_pair_is_made_once(nowhere: Env, tmp_path: Path) -> None:
    file = tmp_path / "bob.jwk"
    made = run("key", "new", file, "--id", "laptop", env=nowhere)
    assert made.code == 0
    public = json.loads(made.out.removeprefix("- "))
    assert public["kid"] == "laptop"
    assert "d" not in public
    assert file.stat().st_mode & 0o077 == 0
    assert run("key", "new", file, env=nowhere).code == 2


def test_help_loads_neither_a_server_nor_a_database(nowhere: Env) -> None:
    code = (
        "import sys\n"
        "from placet.cli.run import run\n"
        "assert run(['--help']) == 0\n"
        "heavy = {'temporalio', 'psycopg', 'structlog', 'rich', 'cryptography', 'schwifty'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code],
        env=nowhere,
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )


def test_a_reader_that_stops_reading_hears_no_complaint(nowhere: Env) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "starter.py", "policy", "reference"],
        env=nowhere,
        cwd=REPOSITORY,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_surprise_is_one_line_and_its_traceback_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def surprise(*_: object, **__: object) -> int:
        message = "never\x1b[2Jseen"
        raise KeyError(message)

    monkeypatch.setenv("PLACET_HOME", str(tmp_path))
    monkeypatch.delenv("PLACET_DEBUG", raising=False)
    monkeypatch.setattr("placet.cli.policing.check_directory", surprise)
    assert run_here(["directory", "check"]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "unexpected KeyError" in said
    kept = tmp_path / "logs" / "cli.log"
    assert str(kept) in said
    assert "Traceback" in kept.read_text()


def test_ctrl_c_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("placet.cli.policing.check_directory", interrupted)
    assert run_here(["directory", "check"]) == 130
    assert capsys.readouterr().err == ""
