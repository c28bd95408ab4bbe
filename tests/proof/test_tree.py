"""The tree against the definition of RFC 6962, written down as it stands there."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.proof.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proofs,
    is_consistent,
    root_from_inclusion,
)

# The inputs and roots that Certificate Transparency's own implementations test with.
INPUTS = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


LEAVES = [sha(b"leaf %d" % number) for number in range(70)]


def root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over hashes of leaves."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def proof(m: int, leaves: list[bytes]) -> list[bytes]:
    """PROOF of section 2.1.2."""
    return subproof(m, leaves, whole=True) if m < len(leaves) else []


def subproof(m: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if whole else [root(leaves)]
    k = split(n)
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), root(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), root(leaves[:k])]


def split(n: int) -> int:
    """Return the largest power of two smaller than ``n``."""
    return 1 << (n - 1).bit_length() - 1


def grown(leaves: list[bytes]) -> Frontier:
    tree = Frontier()
    for leaf in leaves:
        tree.add(leaf)
    return tree


def test_the_roots_are_those_that_certificate_transparency_has() -> None:
    leaves = [sha(b"\x00" + bytes.fromhex(each)) for each in INPUTS]
    assert [grown(leaves[: size + 1]).root().hex() for size in range(len(ROOTS))] == list(ROOTS)
    assert grown([]).root() == EMPTY_ROOT == sha(b"")


@pytest.mark.rule(number=11)
@given(st.integers(0, 70))
def test_a_growing_tree_has_the_root_of_the_definition(size: int) -> None:
    assert grown(LEAVES[:size]).root() == root(LEAVES[:size])


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_a_path_is_that_of_the_definition_and_leads_to_the_root(drawn: tuple[int, int]) -> None:
    size, position = drawn
    leaves = LEAVES[:size]
    found = inclusion_proofs(leaves, [position])[position]
    assert found == path(position, leaves)
    assert root_from_inclusion(leaves[position], position, size, found) == root(leaves)


@pytest.mark.rule(number=11)
@given(st.data())
def test_a_path_proves_no_other_leaf_place_or_size(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    position = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda at: at != position))
    leaves, found = LEAVES[:size], path(position, LEAVES[:size])
    assert root_from_inclusion(leaves[other], position, size, found) != root(leaves)
    try:
        moved = root_from_inclusion(leaves[position], other, size, found)
    except ValueError:
        return
    assert moved != root(leaves)


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
def test_consistency_is_that_of_the_definition_and_is_accepted(sizes: tuple[int, int]) -> None:
    old, new = sizes
    found = consistency_proof(grown(LEAVES[:old]), LEAVES[old:new])
    assert found == proof(old, LEAVES[:new])
    assert is_consistent(old, root(LEAVES[:old]), new, root(LEAVES[:new]), found)


@pytest.mark.rule(number=11)
@given(st.data())
def test_a_rewritten_tree_is_consistent_with_nothing(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = LEAVES[:new]
    rewritten[changed] = sha(b"another leaf")
    found = proof(old, rewritten)
    assert not is_consistent(old, root(LEAVES[:old]), new, root(rewritten), found)


@given(st.data())
@settings(max_examples=200)
def test_a_proof_with_any_bit_flipped_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    found = proof(old, LEAVES[:new])
    at = data.draw(st.integers(0, len(found) * 32 - 1))
    node = bytearray(found[at // 32])
    node[at % 32] ^= 1 << data.draw(st.integers(0, 7))
    found[at // 32] = bytes(node)
    assert not is_consistent(old, root(LEAVES[:old]), new, root(LEAVES[:new]), found)


def test_proofs_of_the_wrong_length_are_refused() -> None:
    found = proof(3, LEAVES[:7])
    for wrong in ([], found[:-1], [*found, LEAVES[0]]):
        assert not is_consistent(3, root(LEAVES[:3]), 7, root(LEAVES[:7]), wrong)
    with pytest.raises(ValueError, match="too short"):
        root_from_inclusion(LEAVES[2], 2, 7, path(2, LEAVES[:7])[:-1])
    with pytest.raises(ValueError, match="too long"):
        root_from_inclusion(LEAVES[2], 2, 7, [*path(2, LEAVES[:7]), LEAVES[0]])
    with pytest.raises(ValueError, match="outside"):
        root_from_inclusion(LEAVES[2], 7, 7, path(2, LEAVES[:7]))
