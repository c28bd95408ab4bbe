"""The tests' policies with one thing changed."""

import shutil
from pathlib import Path

from tests.workflows.office import POLICIES


def policies_with(edits: str, folder: Path) -> Path:
    """Return the tests' policies in ``folder``, by which reviewers may edit."""
    copied = shutil.copytree(POLICIES, folder)
    policy = copied / "expense.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("changes: {", f"changes: {{edits: {edits}, "), encoding="utf-8")
    return copied
