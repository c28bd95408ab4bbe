"""The Merkle tree over the ledger's leaves, and its proofs: RFC 6962, verified as RFC 9162 says.

Leaves come in order and once, as in a log; nothing here holds more than a few hashes for each
level of the tree, however long it is.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence

HASH_BYTES = 32

EMPTY_ROOT = hashlib.sha256(b"").digest()


def parent(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree: all that is needed to add leaves and to know the root.

    Attributes:
        size: How many leaves the tree has.
        nodes: The roots of its full subtrees, the largest first: one for each bit of ``size``.
    """

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Go on from a tree of ``size`` leaves.

        Raises:
            ValueError: ``nodes`` are not one hash for each bit of ``size``.
        """
        self.size = size
        self.nodes = list(nodes)
        if size < 0 or len(self.nodes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has no frontier of {len(self.nodes)} nodes")
        if any(len(node) != HASH_BYTES for node in self.nodes):
            raise ValueError("a node is not 32 bytes long")

    @classmethod
    def read(cls, size: int, joined: bytes) -> "Frontier":
        """Go on from a tree whose nodes stand one behind the other in ``joined``.

        Raises:
            ValueError: They are not one hash for each bit of ``size``.
        """
        starts = range(0, len(joined), HASH_BYTES)
        return cls(size, [joined[start : start + HASH_BYTES] for start in starts])

    def add(self, leaf: bytes) -> None:
        """Put a leaf's hash at the end."""
        nodes, full = self.nodes, self.size
        while full & 1:
            leaf = parent(nodes.pop(), leaf)
            full >>= 1
        nodes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = parent(node, root)
        return root


def inclusion_proofs(leaves: Iterable[bytes], positions: Collection[int]) -> dict[int, list[bytes]]:
    """Return the audit path of each leaf at ``positions``, in the tree over all ``leaves``.

    Args:
        leaves: Hashes of leaves, in order.
        positions: Counted from 0.

    Raises:
        ValueError: A position is not in the tree.
    """
    wanted = set(positions)
    growing = _Growing()
    for position, leaf in enumerate(leaves):
        growing.add(leaf, [position] if position in wanted else [])
    missing = wanted - growing.paths.keys()
    if missing:
        raise ValueError(f"the tree has no leaf at {min(missing)}")
    growing.finish()
    return growing.paths


def consistency_proof(old: Frontier, newer: Iterable[bytes]) -> list[bytes]:
    """Return the proof that the tree of ``old`` begins the tree with the ``newer`` leaves.

    Args:
        old: The frontier of the old tree; it is not changed.
        newer: The hashes of the leaves that came after it, in order.
    """
    if not old.nodes:
        return []
    # The proof is the path from the old tree's last full subtree to the new root. It begins with
    # that subtree, unless it is the whole old tree, whose root the verifier knows.
    last = old.size & -old.size
    growing = _Growing()
    at = old.size
    for node, size in zip(old.nodes, _subtree_sizes(old.size), strict=True):
        growing.push(node, size, [0] if size == last else [])
    start = [] if len(old.nodes) == 1 else [old.nodes[-1]]
    for leaf in newer:
        growing.add(leaf, [])
        at += 1
    growing.finish()
    return start + growing.paths[0] if at > old.size else []


def root_from_inclusion(leaf: bytes, position: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that an audit path leads to (RFC 9162, section 2.1.3.2).

    Raises:
        ValueError: The path does not fit a leaf at ``position`` in a tree of ``size``.
    """
    if not 0 <= position < size:
        raise ValueError("the position lies outside the tree")
    node, last, root = position, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        if node & 1 or node == last:
            root = parent(sibling, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = parent(root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return root


def is_consistent(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Say whether ``path`` proves that the old tree begins the new one (RFC 9162, 2.1.4.2)."""
    if old_size == new_size:
        return old_root == new_root and not path
    if old_size == 0:
        return old_root == EMPTY_ROOT and not path
    if not 0 < old_size < new_size or not path:
        return False
    rest = list(path)
    if old_size & (old_size - 1) == 0:
        rest.insert(0, old_root)
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = rest[0]
    for sibling in rest[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = parent(sibling, old), parent(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = parent(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


class _Growing:
    """A tree that grows leaf by leaf and notes the path of what is followed in it."""

    def __init__(self) -> None:
        self.paths: dict[int, list[bytes]] = {}
        self._stack: list[tuple[int, bytes, list[int]]] = []

    def add(self, leaf: bytes, followed: list[int]) -> None:
        """Put a leaf at the end and merge what has become full."""
        self.push(leaf, 1, followed)
        while len(self._stack) > 1 and self._stack[-1][0] == self._stack[-2][0]:
            self._merge()

    def push(self, node: bytes, size: int, followed: list[int]) -> None:
        """Put a full subtree at the end."""
        for each in followed:
            self.paths[each] = []
        self._stack.append((size, node, followed))

    def finish(self) -> None:
        """Merge the subtrees at the right edge into the root."""
        while len(self._stack) > 1:
            self._merge()

    def _merge(self) -> None:
        right_size, right, in_right = self._stack.pop()
        left_size, left, in_left = self._stack.pop()
        for each in in_left:
            self.paths[each].append(right)
        for each in in_right:
            self.paths[each].append(left)
        self._stack.append((left_size + right_size, parent(left, right), in_left + in_right))


def _subtree_sizes(size: int) -> list[int]:
    """Return the sizes of the full subtrees of a tree, the largest first."""
    return [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
