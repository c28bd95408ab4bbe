"""Read addresses and lists of them as people write them: each in the one form SMTP takes."""

import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from io import StringIO
from typing import Any

from email_validator import EmailNotValidError, validate_email
from pydantic import ValidationError

from placet.domain.errors import InvalidInputError
from placet.domain.problems import Problem
from placet.domain.recipients import MAX_RECIPIENTS
from placet.domain.sending import ADDRESS, Mailbox
from placet.domain.text import clean_text
from placet.pipelines.explain import MAX_SHOWN, problems_in, refused

_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
_ADDRESS_COLUMNS = ("email", "e-mail", "mail", "address")
_NAME_COLUMNS = ("name", "full name")
_MAX_WRITTEN = 2 * MAX_RECIPIENTS
"""How many entries a list may have, those that are written twice among them."""


class AddressError(InvalidInputError):
    """Something that should be a mail address is none."""

    code = "invalid-address"


def read_address(text: str) -> str:
    """Return an address as SMTP takes it: the domain in lower case and its IDNA 2008 form.

    Raises:
        AddressError: It is none, or none that every mail server takes.
    """
    local, _, domain = text.strip(" ").rpartition("@")
    try:
        found = f"{local}@{_ascii_domain(domain)}"
        if ADDRESS.fullmatch(found):
            return found
        # The library says best what is wrong with it.
        validate_email(text, check_deliverability=False, allow_smtputf8=False)
        reason = "not every mail server takes it"
    except EmailNotValidError as error:
        said = str(error).rstrip(".")
        reason = said[:1].lower() + said[1:]
    shown = clean_text(text, 80, multiline=False, truncate=True)
    raise AddressError(f"{shown!r} is not an address: {reason}; correct it")


@lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    found = validate_email(f"x@{domain}", check_deliverability=False, allow_smtputf8=False)
    return found.ascii_domain.lower()


def read_mailbox(value: Any) -> Any:
    """Read ``bob@example.com``, ``Bob Brown <bob@example.com>`` or an object with both.

    Returns:
        What a :class:`Mailbox` is made of; a value of another kind is left for its own check.

    Raises:
        AddressError: The address is none.
    """
    if isinstance(value, str):
        match = _NAMED.fullmatch(value.strip(" "))
        if match is None:
            return {"address": read_address(value)}
        name = match["name"].strip(" ")
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        return {"address": read_address(match["address"]), **({"name": name} if name else {})}
    if isinstance(value, dict) and isinstance(value.get("address"), str):
        return {**value, "address": read_address(value["address"])}
    return value


def read_list(content: bytes) -> tuple[Mailbox, ...]:
    """Read a file of addresses: one a line, or a CSV file with a column ``email``.

    Empty lines and lines that begin with ``#`` count for nothing. A CSV file may have a column
    ``name``; its other columns count for nothing either.

    Raises:
        InvalidInputError: With a line for each entry that is none, the first 20 of them.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AddressError(
            f"it is not UTF-8 text (byte {error.start}); save the list as UTF-8"
        ) from None
    found: list[Mailbox] = []
    problems: list[Problem] = []
    for line, entry in _entries(text):
        try:
            found.append(Mailbox.model_validate(read_mailbox(entry)))
        except ValidationError as error:
            problems.append(Problem((f"line {line}",), problems_in(error)[0].message))
        except AddressError as error:
            problems.append(Problem((f"line {line}",), str(error)))
        if len(problems) > MAX_SHOWN:
            break
        if len(found) > _MAX_WRITTEN:
            raise AddressError(f"it has more than {_MAX_WRITTEN:,} entries; split the list")
    if problems:
        raise refused("the list", problems)
    return tuple(found)


def _entries(text: str) -> Iterator[tuple[int, Any]]:
    """Yield each entry with the number of its line."""
    # Not splitlines(): to it characters end a line that no editor shows as its end.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((line for line in lines if _counts(line)), "")
    dialect = ";" if first.count(";") > first.count(",") else ","
    heads = [head.strip(' "').casefold() for head in first.split(dialect)]
    column = next((heads.index(name) for name in _ADDRESS_COLUMNS if name in heads), None)
    if column is None:
        yield from ((number, line) for number, line in enumerate(lines, 1) if _counts(line))
        return
    names = next((heads.index(name) for name in _NAME_COLUMNS if name in heads), None)
    reader = csv.reader(StringIO("\n".join(lines)), delimiter=dialect)
    seen_heads = False
    for row in _rows(reader):
        if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
            continue
        if not seen_heads:
            seen_heads = True
            continue
        address = row[column] if column < len(row) else ""
        name = row[names].strip(" ") if names is not None and names < len(row) else ""
        yield reader.line_num, {"address": address, **({"name": name} if name else {})}


def _rows(reader: Any) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise AddressError(
            f"line {reader.line_num} is no row of a table ({error}); save the list anew"
        ) from None


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
