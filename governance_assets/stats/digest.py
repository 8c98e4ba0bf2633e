"""The logical digest of a table: equal rows give equal digests, however they are stored, and any cell can be proved alone.

Belongs here: the encoding that stands behind ``content_sha256`` in the ledger. Does not belong here: where digests are
recorded (``runtime/history.py``) or the columns of a table (a domain's ``contracts.py``).

The encoding is our own, because file bytes change with compaction and equal Arrow arrays can have different IPC bytes.
All integers are little-endian. Rows stand in the order of the key columns, and of all columns where keys repeat: ascending,
missing values last, texts by their UTF-8 bytes. Every column is cut into blocks of 512 rows; the last one may be shorter, and
a table without rows has one block of none. One column's block is a leaf:

- the length of the column's name (4 bytes), its name in UTF-8, one byte for its type (``t`` text, ``b`` boolean, ``i`` integer,
  ``f`` float, ``d`` day, ``u`` instant); the number of rows of the block (8 bytes);
- its validity, one bit a row, the first row in the lowest bit, zero bits to the end of the last byte;
- its values, a missing one as zero: booleans 1 byte; integers 8 bytes; floats 8 bytes, −0.0 as 0.0 and one not-a-number; days
  as 8-byte days since 1970-01-01; instants as 8-byte microseconds since 1970-01-01 UTC; texts as all lengths in bytes (8 bytes
  each), then all texts in UTF-8.

The leaves stand block by block and, within a block, in table order; ``merkle.py`` makes their root. A digest is SHA-256 over the
line ``governance-table-2``, the number of rows, the number of columns and the rows of a block (8 bytes each), and the root (32
bytes; nothing for a table without columns, which has no leaf).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.stats import merkle

HEADER = b"governance-table-2\n"
BLOCK_ROWS = 512
"""Rows of a block: a proof of one cell carries one block of its column and of each key column."""
_THREADS = 4
_MANY_ROWS = 50_000
_NOT_A_NUMBER = np.uint64(0x7FF8000000000000)

Integers = npt.NDArray[np.int64]


def table_digest(table: pa.Table, key: Sequence[str]) -> str:
    """SHA-256 (hexadecimal) of the logical rows of ``table``, whose rows ``key`` identifies.

    It depends on the names and order of the columns, on their kinds and on the set of rows; not on the order of the rows, on
    chunks, slices, dictionary encoding, the width of integers or what lies below a null. Raises ValueError for a key
    column that is not there and TypeError for a column of another kind than text, boolean, integer, float, day and UTC instant.

    >>> first = pa.table({"week": ["a", "b"], "value": [1.0, 2.0]})
    >>> second = pa.table({"week": ["b", "a"], "value": [2.0, 1.0]})
    >>> table_digest(first, ["week"]) == table_digest(second, ["week"])
    True
    """
    return part_digests(table, key, [table.num_rows])[0]


def part_digests(table: pa.Table, key: Sequence[str], part_rows: Sequence[int]) -> list[str]:
    """The digest of each part of ``table``: the first ``part_rows[0]`` rows, the next ``part_rows[1]`` rows, and so on.

    Equal to ``table_digest`` of every slice, at a fraction of the cost when the parts are many and small.
    """
    _check_columns("key column", key, table)
    if sum(part_rows) != table.num_rows:
        raise ValueError(f"the parts have {sum(part_rows)} rows, the table has {table.num_rows}")
    cut = _Cut.of(part_rows)
    # Copying and hashing release the interpreter's lock; below this size threads cost more than they save.
    with ThreadPoolExecutor(_THREADS if table.num_rows >= _MANY_ROWS else 1) as threads:
        by_column = threads.map(lambda column: _leaf_hashes(column, cut), _ordered(table, key, part_rows, threads)[0])
        hashes = iter(list(chain.from_iterable(zip(*by_column, strict=True))))
    width = table.num_columns
    return [_digest(rows, width, list(islice(hashes, width * max(-(-rows // BLOCK_ROWS), 1)))) for rows in part_rows]


def in_order(table: pa.Table, key: Sequence[str]) -> pa.Table:
    """``table`` with its rows in the order in which its digest takes them.

    >>> in_order(pa.table({"week": ["b", None, "a"]}), ["week"])["week"].to_pylist()
    ['a', 'b', None]
    """
    _check_columns("key column", key, table)
    columns = [_column(name, table[name]) for name in table.column_names]
    return table.take(pa.array(_order(columns, [table.column_names.index(name) for name in key], [table.num_rows])))


@dataclass(frozen=True)
class Leaf:
    """One column's block of a table: its place among the leaves, its data, and the path from its hash to the root."""

    name: str
    index: int
    data: bytes
    path: tuple[str, ...]


@dataclass(frozen=True)
class CellProof:
    """What proves cells of one row: the block that holds it, of the columns asked for, with the size of the table."""

    row_count: int
    column_count: int
    row_in_block: int
    leaves: tuple[Leaf, ...]


def cell_proof(table: pa.Table, key: Sequence[str], row: int, names: Sequence[str]) -> CellProof:
    """What proves the cells ``names`` of the row that stands at ``row`` in ``table``, against the digest of ``table``.

    Raises IndexError for a row and ValueError for a column that is not there.
    """
    _check_columns("column", [*key, *names], table)
    if not 0 <= row < table.num_rows:
        raise IndexError(f"found row {row} of a table of {table.num_rows} rows; rows are counted from 0")
    with ThreadPoolExecutor(1) as threads:
        columns, order = _ordered(table, key, [table.num_rows], threads)
    cut = _Cut.of([table.num_rows])
    leaves = list(chain.from_iterable(zip(*(_leaves(column, cut) for column in columns), strict=True)))
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    block, row_in_block = divmod(int(np.flatnonzero(order == row)[0]), BLOCK_ROWS)
    places = [block * len(columns) + table.column_names.index(name) for name in names]
    proved = [Leaf(name, at, leaves[at], tuple(merkle.path_of_hashes(hashes, at))) for name, at in zip(names, places, strict=True)]
    return CellProof(table.num_rows, len(columns), row_in_block, tuple(proved))


def _check_columns(what: str, names: Sequence[str], table: pa.Table) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise ValueError(f"{what} {', '.join(missing)} is not among {', '.join(table.column_names)}")


@dataclass(frozen=True)
class _Column:
    """One column, normalised: ``values`` hold zero (or an empty text) where ``valid`` is false."""

    name: str
    kind: bytes
    valid: npt.NDArray[np.bool_]
    values: npt.NDArray[Any] | pa.Array


@dataclass(frozen=True)
class _Encoded:
    """One column in row order, ready to be cut: fixed-width values, or lengths with the texts behind them."""

    head: bytes
    valid: npt.NDArray[np.bool_]
    values: npt.NDArray[Any]
    text: memoryview | None
    starts: Integers | None


@dataclass(frozen=True)
class _Cut:
    """Where the blocks of all parts lie: in rows, and in the bytes of the validity, of which each block has its own.

    ``bits`` says where in those bytes the bit of each row goes, None when they simply follow one another.
    """

    counts: list[int]
    rows: Integers
    validity: Integers
    bits: Integers | None

    @classmethod
    def of(cls, part_rows: Sequence[int]) -> _Cut:
        parts = np.asarray(part_rows, dtype=np.int64)
        blocks = np.maximum(-(-parts // BLOCK_ROWS), 1)
        counts = np.full(int(blocks.sum()), BLOCK_ROWS, dtype=np.int64)
        counts[np.cumsum(blocks) - 1] = parts - (blocks - 1) * BLOCK_ROWS
        rows = np.concatenate([[0], np.cumsum(counts)])
        validity = np.concatenate([[0], np.cumsum(-(-counts // 8))])
        shift = validity[:-1] * 8 - rows[:-1]
        return cls(counts.tolist(), rows, validity, np.arange(rows[-1]) + np.repeat(shift, counts) if shift.any() else None)

    def packed(self, valid: npt.NDArray[np.bool_]) -> bytes:
        """The validity of all blocks, each from a byte of its own on."""
        if self.bits is None:
            return np.packbits(valid, bitorder="little").tobytes()
        spread = np.zeros(int(self.validity[-1]) * 8, dtype=np.bool_)
        spread[self.bits] = valid
        return np.packbits(spread, bitorder="little").tobytes()


def _column(name: str, values: pa.ChunkedArray) -> _Column:
    flat = _flat(values)
    valid = flat.is_valid().to_numpy(zero_copy_only=False)
    kind = flat.type
    if pa.types.is_large_string(kind):
        return _Column(name, b"t", valid, pc.fill_null(flat, "") if flat.null_count else flat)
    if pa.types.is_boolean(kind):
        return _Column(name, b"b", valid, _numbers(flat, False).astype(np.uint8))
    if pa.types.is_integer(kind):
        return _Column(name, b"i", valid, _numbers(flat.cast(pa.int64()), 0))
    if pa.types.is_floating(kind):
        return _Column(name, b"f", valid, _floats(flat))
    if pa.types.is_date(kind):
        return _Column(name, b"d", valid, _numbers(flat.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()), 0))
    if pa.types.is_timestamp(kind) and kind.tz == "UTC":
        return _Column(name, b"u", valid, _numbers(flat.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()), 0))
    raise TypeError(f"column {name}: found {kind}, expected text, boolean, integer, float, day or UTC instant")


def _flat(values: pa.ChunkedArray) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        kind = pa.large_string()
    elif pa.types.is_null(kind):
        return pa.nulls(len(values))
    return pa.concat_arrays([chunk.cast(kind) for chunk in values.chunks]) if values.num_chunks else pa.array([], kind)


def _numbers(values: pa.Array, zero: Any) -> npt.NDArray[Any]:
    filled = pc.fill_null(values, zero) if values.null_count else values
    return np.asarray(filled.to_numpy(zero_copy_only=False))


def _floats(values: pa.Array) -> npt.NDArray[Any]:
    # Adding 0.0 turns −0.0 into 0.0; every not-a-number gets the same bits.
    with np.errstate(invalid="ignore"):
        numbers = _numbers(values.cast(pa.float64()), 0.0) + 0.0
    numbers.view(np.uint64)[np.isnan(numbers)] = _NOT_A_NUMBER
    return numbers


def _ordered(table: pa.Table, key: Sequence[str], part_rows: Sequence[int], threads: Executor) -> tuple[list[_Encoded], Integers]:
    """The columns with their rows in order, and where each row stood in ``table``."""
    columns = list(threads.map(lambda name: _column(name, table[name]), table.column_names))
    order = _order(columns, [table.column_names.index(name) for name in key], part_rows)
    return list(threads.map(lambda column: _encode(column, order), columns)), order


def _order(columns: Sequence[_Column], key: Sequence[int], part_rows: Sequence[int]) -> Integers:
    """Positions of the rows, part by part, in the order of the key and, where keys repeat, of all columns."""
    part = np.repeat(np.arange(len(part_rows), dtype=np.int64), part_rows)
    codes = _extend(part, len(part_rows), [columns[index] for index in key])
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    if np.any(ordered[1:] == ordered[:-1]):
        rest = [column for index, column in enumerate(columns) if index not in key]
        order = np.argsort(_extend(codes, _width(codes), rest), kind="stable")
    return order


def _extend(codes: Integers, width: int, columns: Sequence[_Column]) -> Integers:
    """Number the rows so that the numbers sort as ``codes`` does first, and as each of ``columns`` then."""
    for column in columns:
        ranks, count = _ranks(column)
        if width > np.iinfo(np.int64).max // max(count, 1):
            codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
            width = _width(codes)
        codes, width = codes * count + ranks, width * count
    return codes


def _width(codes: Integers) -> int:
    return int(codes.max()) + 1 if len(codes) else 1


def _ranks(column: _Column) -> tuple[Integers, int]:
    """Rank of each value within its column, missing values last, and the number of ranks."""
    values = column.values if isinstance(column.values, pa.Array) else pa.array(column.values)
    encoded = values.dictionary_encode()
    rank_of = np.empty(len(encoded.dictionary), dtype=np.int64)
    rank_of[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(encoded.dictionary))
    ranks = rank_of[encoded.indices.to_numpy()] if len(rank_of) else np.zeros(0, dtype=np.int64)
    return np.where(column.valid, ranks, len(rank_of)), len(rank_of) + 1


def _encode(column: _Column, order: Integers) -> _Encoded:
    name = column.name.encode()
    head = struct.pack("<I", len(name)) + name + column.kind
    valid = column.valid[order]
    if not isinstance(column.values, pa.Array):
        return _Encoded(head, valid, column.values[order], None, None)
    taken = column.values.take(pa.array(order))
    starts = np.frombuffer(taken.buffers()[1], dtype=np.int64, count=len(taken) + 1, offset=8 * taken.offset)
    return _Encoded(head, valid, np.diff(starts), memoryview(taken.buffers()[2] or b""), starts)


def _leaf_hashes(column: _Encoded, cut: _Cut) -> list[bytes]:
    return [hashlib.sha256(data).digest() for data in _leaves(column, cut, merkle.LEAF)]


def _leaves(column: _Encoded, cut: _Cut, before: bytes = b"") -> Iterator[bytes]:
    """The data of the column's leaf of each block, with ``before`` in front."""
    heads = {count: before + column.head + struct.pack("<Q", count) for count in set(cut.counts)}
    validity, values = cut.packed(column.valid), np.ascontiguousarray(column.values).view(np.uint8).data
    texts: Iterator[bytes | memoryview] = repeat(b"")
    if column.text is not None and column.starts is not None:
        texts = _slices(column.text, column.starts[cut.rows])
    pieces = (_slices(validity, cut.validity), _slices(values, cut.rows * column.values.itemsize), texts)
    return map(b"".join, zip(map(heads.__getitem__, cut.counts), *pieces, strict=False))


def _slices(data: bytes | memoryview, edges: Integers) -> Iterator[bytes | memoryview]:
    return map(data.__getitem__, map(slice, edges[:-1].tolist(), edges[1:].tolist()))


def _digest(rows: int, columns: int, hashes: Sequence[bytes]) -> str:
    size = struct.pack("<QQQ", rows, columns, BLOCK_ROWS)
    return hashlib.sha256(HEADER + size + (merkle.root_of_hashes(hashes) if columns else b"")).hexdigest()
