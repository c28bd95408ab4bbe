"""Finds the paths from a few leaves to the root of a large tree, a block of leaves at a time."""

from collections.abc import Collection, Sequence

from placet.proof.tree import Frontier, inclusion_proofs

BLOCK = 1 << 16
"""Leaves in a block. A power of two, so that the blocks' roots are nodes of the whole tree."""


class Paths:
    """The paths of leaves at some positions, found while the leaves come in order.

    It holds one hash for each block, and the paths.
    """

    def __init__(self, positions: Collection[int], block: int = BLOCK) -> None:
        """Look for the paths of ``positions``, counted from 0; ``block`` is a power of two."""
        self._wanted = sorted(positions)
        self._block = block
        self._roots: list[bytes] = []
        self._inside: dict[int, list[bytes]] = {}

    def add(self, leaves: Sequence[bytes]) -> None:
        """Take the next block: it is full, unless it is the last one."""
        first = len(self._roots) * self._block
        here = [each - first for each in self._wanted if 0 <= each - first < len(leaves)]
        if here:
            found = inclusion_proofs(leaves, here)
            self._inside.update({first + place: path for place, path in found.items()})
        tree = Frontier()
        for leaf in leaves:
            tree.add(leaf)
        self._roots.append(tree.root())

    def found(self) -> dict[int, list[bytes]]:
        """Return the path of each position, from the leaf upwards.

        Raises:
            ValueError: The tree has no leaf at a position.
        """
        missing = set(self._wanted) - self._inside.keys()
        if missing:
            raise ValueError(f"the tree has no leaf at {min(missing)}")
        above = inclusion_proofs(self._roots, {each // self._block for each in self._wanted})
        return {
            position: [*path, *above[position // self._block]]
            for position, path in self._inside.items()
        }
