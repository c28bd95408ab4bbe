"""Everything personal goes through here, on its way into the ledger and out of it."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from placet.domain.errors import PlacetError
from placet.domain.ledger import LedgerEvent, LedgerStep
from placet.personal.keys import FileKeys, SubjectKeys, steps_key
from placet.personal.sealing import (
    SEALED,
    Ciphertext,
    gathered,
    open_sealed,
    opening_key,
    replaced,
    seal,
)


class KeyNotAtHandError(PlacetError):
    """A key has to be read or made first, for which the disk may take its time."""


class Sealed(NamedTuple):
    """An event's body without what is personal in it.

    Attributes:
        body: With tokens.
        tokens: How many tokens stand in it.
        ciphertexts: One for each person it says something about.
    """

    body: dict[str, Any]
    tokens: int
    ciphertexts: tuple[Ciphertext, ...]


class Vault:
    """Seals and reveals what is personal, and what workflows' steps came to."""

    def __init__(self, keys: SubjectKeys, steps: Callable[[], bytes]) -> None:
        """Use a key for each person, and one (64 bytes) for what steps came to.

        That one is asked for when a step is first written; what it raises is raised then.
        """
        self.keys = keys
        self._steps_key = steps

    @cached_property
    def _steps(self) -> AESSIV:
        return AESSIV(self._steps_key())

    def seal(self, event: LedgerEvent, *, strays: bool = False, at_once: bool = False) -> Sealed:
        """Seal an event.

        Args:
            event: As the workflow told it.
            strays: Also seal texts that look like tokens and were typed by somebody.
            at_once: Whether to do without the disk.

        Raises:
            KeyNotAtHandError: It cannot be done without.
            UnavailableError: A key can be neither read nor made now.
        """
        ciphertexts, places = [], []
        for subject, values in gathered(event, strays=strays).items():
            key = self.keys.at_hand(subject) if at_once else self.keys.current(subject)
            if key is None:
                raise KeyNotAtHandError
            row = seal(values, subject, key, event.event_id)
            ciphertexts.append(row)
            places += [(path, row.token) for path, _ in values.values()]
        return Sealed(replaced(event.body, places), len(places), tuple(ciphertexts))

    def open(self, rows: Iterable[Ciphertext]) -> dict[str, Mapping[str, Any] | str]:
        """Return, by the digest in hex, what ciphertexts say by path, or what to show instead."""
        return {row.digest.hex(): self._open(row) or SEALED for row in rows}

    def key_of(self, row: Ciphertext) -> bytes | None:
        """Return the key that opens exactly this ciphertext; None when it is gone."""
        return opening_key(row, self.keys)

    def _open(self, row: Ciphertext) -> dict[str, Any] | None:
        key = self.key_of(row)
        return None if key is None else open_sealed(row.ciphertext, key)

    def seal_step(self, step: LedgerStep, outcome: bytes) -> bytes:
        """Encrypt what a step came to, compressed, for this step and no other."""
        return self._steps.encrypt(outcome, _named(step))

    def open_step(self, step: LedgerStep, stored: bytes) -> bytes | None:
        """Return what a step came to, compressed; None when somebody else wrote it."""
        try:
            return self._steps.decrypt(stored, _named(step))
        except (InvalidTag, ValueError):
            return None


def open_vault(keys: Path) -> Vault:
    """Open the vault whose keys are in a directory; those that are missing are made when needed."""
    return Vault(FileKeys(keys), partial(steps_key, keys))


def _named(step: LedgerStep) -> list[bytes]:
    return [part.encode() for part in ("placet-step/1", step.stream, step.chain, str(step.number))]
