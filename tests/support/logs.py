"""A log for tests: it grows, signs its checkpoints and proves that one continues another."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.proof.note import Checkpoint, Note, VerifierKey, public_key, sign
from placet.proof.tree import Frontier, consistency_proof
from placet.witness.messages import Submission

LOG_NAME = "log.example/ledger"


class Log:
    """A log of any length whose leaves are made as they are needed."""

    def __init__(
        self,
        name: str = LOG_NAME,
        private: Ed25519PrivateKey | None = None,
        forked_at: int | None = None,
    ) -> None:
        self.name = name
        self._private = private or Ed25519PrivateKey.generate()
        self._forked_at = forked_at

    @property
    def key(self) -> VerifierKey:
        """Return the key that signs its checkpoints."""
        return public_key(self.name, self._private)

    def forked(self, at: int) -> "Log":
        """Return another history by the same key, of which the first ``at`` leaves agree."""
        return Log(self.name, self._private, at)

    def renewed(self) -> "Log":
        """Return the same history, signed by another key."""
        return Log(self.name, None, self._forked_at)

    def _leaves(self, start: int, end: int) -> list[bytes]:
        return [
            (b"F" if self._forked_at is not None and each >= self._forked_at else b"L")
            + each.to_bytes(31, "big")
            for each in range(start, end)
        ]

    def _frontier(self, size: int) -> Frontier:
        frontier = Frontier()
        for leaf in self._leaves(0, size):
            frontier.add(leaf)
        return frontier

    def checkpoint(self, size: int) -> Note:
        """Return the signed checkpoint of a size."""
        text = Checkpoint(self.name, size, self._frontier(size).root()).text
        return Note(text, (sign(text, self.name, self._private),))

    def proof(self, old: int, size: int) -> list[bytes]:
        """Return the proof that the tree of ``size`` continues that of ``old``."""
        return consistency_proof(self._frontier(old), self._leaves(old, size)) if old else []

    def submission(self, old: int, size: int) -> Submission:
        """Return what a witness is asked."""
        root = self._frontier(size).root()
        return Submission(
            old,
            self.proof(old, size),
            self.checkpoint(size),
            Checkpoint(self.name, size, root),
        )

    def empty_with_root(self, root: bytes) -> bytes:
        """Return the request to cosign an empty tree with a root that it cannot have."""
        checkpoint = Checkpoint(self.name, 0, root)
        signature = sign(checkpoint.text, self.name, self._private)
        return bytes(Submission(0, [], Note(checkpoint.text, (signature,)), checkpoint))

    @property
    def name_hash(self) -> str:
        """Return the SHA-256 of its name, under which a witness serves its checkpoint."""
        return hashlib.sha256(self.name.encode()).hexdigest()

    def request(self, old: int, size: int) -> bytes:
        """Return the body of the request."""
        return bytes(self.submission(old, size))
