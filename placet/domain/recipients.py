"""Whom exactly a mail goes to: its lists expanded, each address once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from placet.domain.people import canonical
from placet.domain.sending import Mailbox, SendRequest

MAX_RECIPIENTS = 20_000
TOP_DOMAINS = 20


class Recipient(NamedTuple):
    """One address that gets the mail once.

    Attributes:
        mailbox: Who.
        own: Whether they get a mail of their own, which names only them.
    """

    mailbox: Mailbox
    own: bool


class Recipients(NamedTuple):
    """Everybody who gets the mail, each once and in order, and how many were written twice."""

    all: tuple[Recipient, ...]
    duplicates: int


def expanded(request: SendRequest, lists: Mapping[str, Sequence[Mailbox]]) -> Recipients:
    """Return everybody who gets the mail: the first of several spellings of an address counts.

    Args:
        request: The mail.
        lists: Who is on each list, by the SHA-256 of its file.

    Raises:
        ValueError: There are too many, or nobody.
    """
    found: dict[str, Recipient] = {}
    written = 0
    for mailbox, own in _written(request, lists):
        written += 1
        found.setdefault(canonical(mailbox.address), Recipient(mailbox, own))
    if not found:
        raise ValueError("nobody is on its lists; there is nobody to send it to")
    if len(found) > MAX_RECIPIENTS:
        raise ValueError(
            f"it goes to {len(found):,} people, and at most {MAX_RECIPIENTS:,} are allowed in one "
            "request; split the list"
        )
    return Recipients(tuple(found.values()), written - len(found))


def _written(
    request: SendRequest, lists: Mapping[str, Sequence[Mailbox]]
) -> Iterable[tuple[Mailbox, bool]]:
    yield from ((mailbox, False) for mailbox in request.named)
    for each in request.lists:
        yield from ((mailbox, True) for mailbox in lists[each.sha256])


def by_domain(recipients: Iterable[Recipient]) -> Counter[str]:
    """Count recipients by domain."""
    return Counter(recipient.mailbox.domain for recipient in recipients)


def top_domains(counted: Counter[str]) -> dict[str, int]:
    """Return the 20 domains with most recipients, the greatest first, then by name."""
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP_DOMAINS])
