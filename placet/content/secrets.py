"""Find what looks like a password, a key or a token, and say where: never what it is.

A small table of forms that issuers have published, and one rule for `password = …`. A name that
says "password" is not enough: people write about passwords.
"""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from placet.content.patterns import Text, compiled

_KNOWN = (
    ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),
    ("a Slack webhook", r"\bhooks\.slack\.com/services/T\w+/B\w+/\w{20,}"),
    ("a Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}\b"),
    ("an API key of a language model", r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
    ("a Telegram bot's token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    (
        "a JSON Web Token",
        r"\beyJ[A-Za-z0-9_-]{8,1000}\.eyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}",
    ),
)
_NAMES = r"(?:passwor[dt]|passwd|pwd|kennwort|secret|api[ _-]?key|access[ _-]?key|token)"
_GUESSED = (
    ("a password in an address", r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@]{0,100}:([^\s/@]+)@"),
    (
        "a password or a key",
        r"(?i)" + _NAMES + r"""["'`]?\s*(?:=>|[=:])\s*["'`]?([^\s"'`,;<>]{8,200})""",
    ),
)
_PLACEHOLDERS = ("example", "changeme", "password", "xxxx", "your", "****", "....")
_LEAST_BITS = 2.5


class Secret(NamedTuple):
    """What looks like a secret: on which line, counted from 1, and of which kind."""

    line: int
    what: str


def secrets(text: Text) -> Iterator[Secret]:
    """Find what looks like a secret, in the order of the lines, each line and kind once."""
    found = {
        Secret(line, what) for what, pattern in _KNOWN for line, _ in text.search(compiled(pattern))
    }
    lines = {each.line for each in found}
    found |= {
        Secret(line, what)
        for what, pattern in _GUESSED
        for line, match in text.search(compiled(pattern))
        if line not in lines and _could_be_one(_told(match))
    }
    yield from sorted(found)


def _told(match: Any) -> str:
    return str(match.group(1), "utf-8", "replace")


def _could_be_one(value: str) -> bool:
    """Say whether a value is mixed as what a program or a careful person makes."""
    low = value.lower()
    if value[0] in "$<{[(" or any(word in low for word in _PLACEHOLDERS):
        return False
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return mixed and _bits(value) >= _LEAST_BITS


def _bits(value: str) -> float:
    """Return the Shannon entropy of a text's characters, in bits for each."""
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares)
