import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.proof.tree import inclusion_proofs
from placet.reporting.paths import Paths


@given(st.data(), st.integers(1, 200), st.sampled_from([1, 2, 8, 16, 256]))
def test_paths_found_in_blocks_are_those_of_the_whole_tree(
    data: st.DataObject, size: int, block: int
) -> None:
    leaves = [hashlib.sha256(str(number).encode()).digest() for number in range(size)]
    wanted = data.draw(st.sets(st.integers(0, size - 1)))
    paths = Paths(wanted, block)
    for start in range(0, size, block):
        paths.add(leaves[start : start + block])
    assert paths.found() == inclusion_proofs(leaves, wanted)


def test_a_position_outside_the_tree_has_no_path() -> None:
    paths = Paths([3], 2)
    paths.add([b"1" * 32, b"2" * 32])
    with pytest.raises(ValueError, match="no leaf at 3"):
        paths.found()
