"""The witness as its operator starts it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from placet.cli.codes import Code
from placet.proof.note import parse_key
from placet.witness.messages import PATH
from tests.support.logs import Log
from tests.support.waiting import PATIENCE_SECONDS
from tests.witness.mortal import NAME

REPOSITORY = Path(__file__).resolve().parents[2]

LOG = Log()


def _command(state: Path, *options: str) -> list[str]:
    return [
        *(sys.executable, str(REPOSITORY / "starter.py"), "audit", "witness", "--json"),
        *("--name", NAME, "--log", str(LOG.key), "--state", str(state)),
        *("--listen", "127.0.0.1:0", *options),
    ]


def _refused(command: list[str]) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - our own program
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@contextmanager
def _started(state: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    process = subprocess.Popen(  # noqa: S603 - our own program
        _command(state), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_SECONDS)


def test_it_runs_until_it_is_asked_to_stop_and_logs_no_content(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    with _started(state) as (process, told):
        key = parse_key(str(told["key"]))
        assert key.name == NAME
        url = f"http://{told['host']}:{told['port']}"
        with httpx.Client(timeout=PATIENCE_SECONDS) as client:
            body = LOG.request(0, 5)
            assert client.post(url + PATH, content=body).status_code == 200
            assert client.post(url + PATH, content=b"a secret").status_code == 400
            code, said = _refused(_command(state))
            assert (code, "another process uses" in said) == (Code.CONFLICT, True)
            process.send_signal(signal.SIGTERM)
            _, logged = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == Code.OK
    events = [json.loads(line) for line in logged.splitlines()]
    assert [each["event"] for each in events] == ["checkpoint_cosigned"]
    for line in body.decode().splitlines():
        assert len(line) < 40 or line not in logged
    assert "secret" not in logged
    with _started(state) as (_, again):
        assert again["key"] == told["key"]


def test_what_it_keeps_is_its_operators_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with _started(state) as (_, told):
        httpx.post(f"http://{told['host']}:{told['port']}{PATH}", content=LOG.request(0, 5))
    assert state.stat().st_mode & 0o777 == 0o700
    kept = sorted(each.name for each in state.iterdir())
    assert kept == [f"{LOG.name_hash}.checkpoint", "lock", "witness.pem", "witness.vkey"]
    assert {each.stat().st_mode & 0o777 for each in state.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (("--log", "nonsense"), Code.INVALID, "is no key"),
        (("--name", "two words"), Code.INVALID, "leave out spaces"),
        (("--listen", "7480"), Code.INVALID, "write a host and a port"),
        (("--listen", "127.0.0.1:99999"), Code.INVALID, "write a host and a port"),
        (("--listen", "256.0.0.1:0"), Code.UNREACHABLE, "cannot be listened at"),
        (("--state", "/dev/null/state"), Code.NOT_FOUND, "cannot be used"),
    ],
)
def test_a_wrong_option_is_named(
    tmp_path: Path, options: tuple[str, ...], code: Code, reason: str
) -> None:
    found, said = _refused(_command(tmp_path / "state", *options))
    assert (found, said.count("\n")) == (code, 1), said
    assert reason in said
