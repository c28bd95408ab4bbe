"""What a request says, as names and values for people: a line, or a row, for each of them."""

from collections.abc import Iterator
from typing import Any

from placet.files import size_text


def told_pairs(content: Any) -> Iterator[tuple[str, str]]:
    """Yield name and value of what a JSON object says; nothing of anything else."""
    for name, value in content.items() if isinstance(content, dict) else ():
        label = str(name).replace("_", " ")
        if isinstance(value, list):
            for number, item in enumerate(value, start=1):
                yield f"{label} {number}", _inline(item)
        elif value is not None:
            yield label, _inline(value)


def _inline(value: Any) -> str:
    """Return a JSON value on one line: money as money, a stored file by what is known of it."""
    if isinstance(value, list):
        return ", ".join(_inline(item) for item in value)
    if not isinstance(value, dict):
        return str(value)
    if value.keys() == {"amount", "currency"}:
        return f"{value['amount']} {value['currency']}"
    if "sha256" in value:
        return _file(value)
    return ", ".join(_inline(item) for item in value.values() if item is not None)


def _file(stored: dict[str, Any]) -> str:
    size = stored.get("size")
    known = [
        stored.get("media_type"),
        size_text(size) if isinstance(size, int) else None,
        f"sha256 {str(stored['sha256'])[:12]}…",
    ]
    name = stored.get("path") or stored.get("name") or "a file"
    return f"{name} ({', '.join(str(part) for part in known if part is not None)})"
