"""Hash trees: one digest for a list of texts, and short proofs that one of them stands at its place.

Belongs here: the trees of RFC 6962 (section 2.1) over SHA-256. Does not belong here: what the leaves say (``stats/digest.py`` for
tables, ``runtime/proof/`` for the ledger).

A leaf is hashed as SHA-256(0x00 ‖ data) and a node as SHA-256(0x01 ‖ left ‖ right), so that no leaf can pass for a node. A tree of
n leaves has the largest power of two below n in its left branch. No leaf is repeated to fill a level: lists of different
length have different roots. A tree without leaves is refused, for its root would prove nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

LEAF, NODE = b"\x00", b"\x01"
DIGEST_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return hashlib.sha256(LEAF + data).digest()


def root(leaves: Sequence[bytes]) -> str:
    """Root (hexadecimal) of the tree whose leaves have these data, in this order. Raises ValueError for no leaves.

    >>> root([b""])[:16]
    '6e340b9cffb37a98'
    >>> root([b"a", b"b"]) == root([b"b", b"a"])
    False
    """
    return root_of_hashes([leaf_hash(leaf) for leaf in leaves]).hex()


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over leaves that are hashed already. Raises ValueError for none."""
    if not hashes:
        raise ValueError("found a tree without leaves, expected at least one; an empty tree proves nothing")
    sha256 = hashlib.sha256
    level = list(hashes)
    # Neighbours are joined level by level, and a last one without neighbour rises: the same tree as by the largest power of two.
    while len(level) > 1:
        last = level[-1:] if len(level) % 2 else []
        level = [sha256(NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)] + last
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[str]:
    """The hashes (hexadecimal) that lead from the leaf at ``index``, from 0, to the root: its neighbours, from the leaf upwards.

    Raises ValueError for an index outside the leaves.

    >>> data = [b"a", b"b", b"c"]
    >>> path = inclusion_path(data, 2)
    >>> root_from_path(leaf_hash(b"c"), 2, 3, path) == root(data)
    True
    """
    return path_of_hashes([leaf_hash(leaf) for leaf in leaves], index)


def path_of_hashes(hashes: Sequence[bytes], index: int) -> list[str]:
    """``inclusion_path`` over leaves that are hashed already."""
    return paths_of_hashes(hashes, [index])[0]


def paths_of_hashes(hashes: Sequence[bytes], indexes: Sequence[int]) -> list[list[str]]:
    """``path_of_hashes`` for many leaves: the tree is made once. Raises ValueError for an index outside the leaves.

    >>> hashes = [leaf_hash(data) for data in (b"a", b"b", b"c")]
    >>> paths_of_hashes(hashes, [0, 2]) == [path_of_hashes(hashes, 0), path_of_hashes(hashes, 2)]
    True
    """
    for index in indexes:
        _check_index(index, len(hashes))
    paths: list[list[str]] = [[] for _ in indexes]
    level, places = list(hashes), list(indexes)
    while len(level) > 1:
        for path, at in zip(paths, places, strict=True):
            if at ^ 1 < len(level):
                path.append(level[at ^ 1].hex())
        last = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(NODE + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)] + last
        places = [at // 2 for at in places]
    return paths


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[str]) -> str:
    """The root (hexadecimal) of a tree of ``size`` leaves that has the hashed ``leaf`` at ``index``, by the leaf's ``path``.

    Whoever trusts a root compares it with this one. Raises ValueError for an index outside the tree, for a path of another
    length than that place in a tree of that size has, and for anything in it that is no SHA-256.
    """
    _check_index(index, size)
    if len(path) != path_length(index, size):
        raise ValueError(f"found a path of {len(path)} hashes, expected {path_length(index, size)} for leaf {index} of {size}")
    hashes = iter([_digest(text) for text in path])
    found, at, last = _digest(leaf.hex()), index, size - 1
    while last:
        if at % 2:
            found = hashlib.sha256(NODE + next(hashes) + found).digest()
        elif at < last:
            found = hashlib.sha256(NODE + found + next(hashes)).digest()
        at, last = at // 2, last // 2
    return found.hex()


def path_length(index: int, size: int) -> int:
    """How many hashes lead from the leaf at ``index`` to the root of a tree of ``size`` leaves.

    >>> [path_length(index, 3) for index in range(3)]
    [2, 2, 1]
    """
    length, at, last = 0, index, size - 1
    while last:
        length += at % 2 or at < last
        at, last = at // 2, last // 2
    return length


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise ValueError(f"found leaf {index} of a tree of {size}, expected 0 to {size - 1}; leaves are counted from 0")


def _digest(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != DIGEST_BYTES or len(text) != 2 * DIGEST_BYTES:
        raise ValueError(f"found {text[:80]!r}, expected a SHA-256 as 64 hexadecimal digits")
    return found
