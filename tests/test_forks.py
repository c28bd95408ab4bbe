import sys

from tests.support.forks import FORKS
from tests.support.waiting import PATIENCE_SECONDS


def _look() -> None:
    sys.exit("tests.support.forked" not in sys.modules)


def test_a_process_to_kill_finds_its_code_loaded() -> None:
    process = FORKS.Process(target=_look)
    process.start()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == 0
