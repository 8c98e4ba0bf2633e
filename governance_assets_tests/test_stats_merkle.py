"""A root must stand for exactly one list of leaves, and a path for exactly one leaf at one place."""

from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.stats.merkle import inclusion_path, leaf_hash, path_length, root, root_from_path, root_of_hashes

# The leaves that implementations of certificate transparency test themselves with, and the roots of their first 1, 2, … 8.
LEAVES = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Leaf from 0, size, path: from the same source.
PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
LISTS = st.lists(st.binary(max_size=5), min_size=1, max_size=40)


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    left = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + plain_root(leaves[:left]) + plain_root(leaves[left:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int):
    assert root(LEAVES[:size]) == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_known_paths(index: int, size: int, path: list[str]):
    assert inclusion_path(LEAVES[:size], index) == path
    assert root_from_path(leaf_hash(LEAVES[index]), index, size, path) == ROOTS[size - 1]


@given(LISTS)
def test_the_root_is_that_of_the_written_definition(leaves: list[bytes]):
    assert root(leaves) == plain_root(leaves).hex()


@given(LISTS, st.data())
def test_every_leaf_has_its_path(leaves: list[bytes], data: st.DataObject):
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_path(leaves, index)
    assert len(path) == path_length(index, len(leaves))
    assert root_from_path(leaf_hash(leaves[index]), index, len(leaves), path) == root(leaves)


@given(LISTS, st.data())
def test_a_path_proves_no_other_leaf_and_no_other_place(leaves: list[bytes], data: st.DataObject):
    index, place = (data.draw(st.integers(0, len(leaves) - 1)) for _ in range(2))
    path, expected = inclusion_path(leaves, index), root(leaves)
    assert root_from_path(leaf_hash(leaves[index] + b"x"), index, len(leaves), path) != expected
    if len(path) != path_length(place, len(leaves)):
        with pytest.raises(ValueError, match=f"found a path of {len(path)} hashes"):
            root_from_path(leaf_hash(leaves[index]), place, len(leaves), path)
    elif root_from_path(leaf_hash(leaves[index]), place, len(leaves), path) == expected:
        assert leaves[place] == leaves[index]


@given(LISTS, st.data())
def test_every_hash_of_a_path_counts(leaves: list[bytes], data: st.DataObject):
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_path(leaves, index)
    for level in range(len(path)):
        forged = [*path[:level], leaf_hash(bytes.fromhex(path[level])).hex(), *path[level + 1 :]]
        assert root_from_path(leaf_hash(leaves[index]), index, len(leaves), forged) != root(leaves)


@given(LISTS, st.data())
def test_lists_that_differ_have_roots_that_differ(leaves: list[bytes], data: st.DataObject):
    other = data.draw(
        st.one_of(
            st.permutations(leaves),
            st.just([*leaves, leaves[-1]]),
            st.just([*leaves, *leaves]),
            st.just(leaves[:-1] or [b"other"]),
            st.just([b"".join(leaves)]),
            LISTS,
        )
    )
    assert (root(other) == root(leaves)) == (other == leaves)


def test_a_node_cannot_pass_for_a_leaf():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    for forged in (left + right, b"\1" + left + right, left.hex().encode() + right.hex().encode()):
        assert root([forged]) != root([b"a", b"b"])
    assert root([left, right]) != root([b"a", b"b"])
    # The inner node of four leaves, shown as a leaf of two: a shorter path to the same root, were leaves not marked.
    four = [b"a", b"b", b"c", b"d"]
    with pytest.raises(ValueError, match="found a path of 1 hashes, expected 2"):
        root_from_path(leaf_hash(left + right), 0, 4, inclusion_path(four, 0)[1:])
    assert root_from_path(leaf_hash(left + right), 0, 2, inclusion_path(four, 0)[1:]) != root(four)


def test_a_repeated_last_leaf_counts():
    assert root([b"a", b"b", b"c"]) != root([b"a", b"b", b"c", b"c"])
    assert root([b"a"]) != root([b"a", b"a"])


def test_an_empty_tree_is_refused():
    for make in (lambda: root([]), lambda: root_of_hashes([])):
        with pytest.raises(ValueError, match="a tree without leaves"):
            make()
    with pytest.raises(ValueError, match="found leaf 0 of a tree of 0"):
        inclusion_path([], 0)
    with pytest.raises(ValueError, match="found leaf 0 of a tree of 0"):
        root_from_path(leaf_hash(b""), 0, 0, [])


@pytest.mark.parametrize("index", [-1, 3, 2**63])
def test_a_place_outside_the_tree_is_refused(index: int):
    with pytest.raises(ValueError, match=f"found leaf {index} of a tree of 3"):
        inclusion_path([b"a", b"b", b"c"], index)
    with pytest.raises(ValueError, match=f"found leaf {index} of a tree of 3"):
        root_from_path(leaf_hash(b"a"), index, 3, inclusion_path([b"a", b"b", b"c"], 0))


def test_a_path_of_another_length_is_refused():
    path = inclusion_path(LEAVES, 5)
    for wrong in (path[:-1], path[1:], [], [*path, path[0]]):
        with pytest.raises(ValueError, match=f"found a path of {len(wrong)} hashes, expected 3 for leaf 5 of 8"):
            root_from_path(leaf_hash(LEAVES[5]), 5, 8, wrong)


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33, "0x" + "00" * 31, " " + "00" * 32, "00 " * 32])
def test_what_is_no_hash_is_refused(text: str):
    with pytest.raises(ValueError, match="expected a SHA-256"):
        root_from_path(leaf_hash(b"a"), 0, 2, [text])
    with pytest.raises(ValueError, match="expected a SHA-256"):
        root_from_path(b"short", 0, 1, [])


def test_a_hundred_thousand_leaves_take_no_time():
    leaves = [b"%d" % number for number in range(100_000)]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        root(leaves)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3
