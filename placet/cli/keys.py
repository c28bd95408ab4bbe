"""Make the key pair with which a reviewer proves that a decision is theirs."""

from pathlib import Path

from placet.attestation import directory_line, new_key
from placet.cli.console import as_json, out, say


def make_key(file: Path, *, key_id: str | None, json: bool) -> int:
    """Write a private key, and print the line with its public half for the directory."""
    public = new_key(file, key_id)
    if json:
        as_json({"file": str(file), "public": dict(public.jwk())})
        return 0
    say(f"{file} holds the private key; keep it. Put this under `keys:` of its owner:")
    out(directory_line(public))
    return 0
