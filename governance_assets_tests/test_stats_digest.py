"""A digest must change with every cell, and with nothing else: it stands in the ledger for the rows themselves."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import random
import struct

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.stats import merkle
from governance_assets.stats.digest import cell_proof, part_digests, table_digest

INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [("name", pa.string()), ("is_good", pa.bool_()), ("n", pa.int64()), ("value", pa.float64()), ("day", pa.date32()), ("seen_at", INSTANT)]
)
ROW = ("São", True, -3, 0.1, dt.date(1969, 12, 31), dt.datetime(2025, 11, 20, 1, 2, 3, 4, dt.UTC))
OTHER = ("b\0\"';--😀", False, 2**62, math.inf, dt.date(9999, 12, 31), dt.datetime(1960, 1, 1, tzinfo=dt.UTC))
MISSING = (None, None, None, None, None, None)

CELLS = (
    st.one_of(st.none(), st.text(max_size=6)),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.floats()),
    st.one_of(st.none(), st.dates()),
    st.one_of(st.none(), st.datetimes(timezones=st.just(dt.UTC))),
)
ROWS = st.lists(st.tuples(*CELLS), max_size=8)
WHOLE_KEY = tuple(SCHEMA.names)


def table(rows: list[tuple], schema: pa.Schema = SCHEMA) -> pa.Table:
    return (
        pa.table([pa.array(list(column), field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)], schema=schema)
        if rows
        else schema.empty_table()
    )


def same(left: object, right: object) -> bool:
    """Whether two cells are the same content: one not-a-number, one zero."""
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or left == right
    return left == right


def plain_leaf(field: pa.Field, cells: list) -> bytes:
    """One column's block by the module's docstring, cell by cell."""
    name = field.name.encode()
    bits = sum((cell is not None) << number for number, cell in enumerate(cells))
    out = [struct.pack("<I", len(name)), name, KINDS[field.type], struct.pack("<Q", len(cells))]
    out.append(bits.to_bytes((len(cells) + 7) // 8, "little"))
    if field.type == pa.string():
        texts = [(cell or "").encode() for cell in cells]
        out += [struct.pack("<q", len(text)) for text in texts] + texts
    else:
        out += [ENCODE[field.type](cell) for cell in cells]
    return b"".join(out)


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    left = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + plain_root(leaves[:left]) + plain_root(leaves[left:])).digest()


def plain_digest(rows: list[tuple], schema: pa.Schema = SCHEMA) -> str:
    """The encoding of the module's docstring for rows that are in order already."""
    blocks = [rows[start : start + 512] for start in range(0, len(rows), 512)] or [[]]
    leaves = [plain_leaf(field, [row[index] for row in block]) for block in blocks for index, field in enumerate(schema)]
    return hashlib.sha256(b"governance-table-2\n" + struct.pack("<QQQ", len(rows), len(schema), 512) + plain_root(leaves)).hexdigest()


KINDS = {pa.string(): b"t", pa.bool_(): b"b", pa.int64(): b"i", pa.float64(): b"f", pa.date32(): b"d", INSTANT: b"u"}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def float_bits(cell: float | None) -> bytes:
    if cell is not None and math.isnan(cell):
        return struct.pack("<Q", 0x7FF8000000000000)
    return struct.pack("<d", (cell or 0.0) + 0.0)


ENCODE = {
    pa.bool_(): lambda cell: bytes([bool(cell)]),
    pa.int64(): lambda cell: struct.pack("<q", cell or 0),
    pa.float64(): float_bits,
    pa.date32(): lambda cell: struct.pack("<q", 0 if cell is None else (cell - EPOCH.date()).days),
    INSTANT: lambda cell: struct.pack("<q", 0 if cell is None else (cell - EPOCH) // dt.timedelta(microseconds=1)),
}

GOLDEN = [
    ([], "7ffb255548dff251efd317b72918a5a77ffe93ece6874909e79d47af5915f3c9"),
    ([ROW], "f64f73a463c1bc6a98364d5009719edcaef048130a7ca34a5f2635da8c0ac1e7"),
    ([OTHER, ROW], "039cb505476788e46f701c9375963a22559c94f5dad414a95a10d73245bc7a00"),
    ([OTHER, ROW, MISSING], "1b0e899ae7d32ae812b24364fe66375bb9762f7713e557f998aafd24d8c95324"),
]


@pytest.mark.parametrize(("rows", "expected"), GOLDEN)
def test_golden_digests_stand_for_ever(rows: list[tuple], expected: str):
    # Recorded digests are compared with these for years: a change of the encoding must fail here, not in a ledger.
    assert table_digest(table(rows), ["name"]) == expected
    assert plain_digest(sorted(rows, key=lambda row: (row[0] is None, (row[0] or "").encode()))) == expected


@given(rows=ROWS)
def test_one_row_tables_follow_the_written_encoding(rows: list[tuple]):
    for row in rows:
        assert table_digest(table([row]), WHOLE_KEY) == plain_digest([row])


@pytest.mark.parametrize("count", [511, 512, 513, 1024, 1200])
def test_blocks_follow_the_written_encoding(count: int):
    rows = [(None if n % 7 == 0 else f"{n:05}", *(OTHER if n % 3 else ROW)[1:3], float(n), *MISSING[4:]) for n in range(count)]
    ordered = sorted(rows, key=lambda row: (row[0] is None, row[0], row[3]))
    shuffled = random.Random(count).sample(rows, count)
    assert table_digest(table(shuffled), ["name", "value"]) == plain_digest(ordered)
    parts = [*shuffled, *rows[:5]]
    assert part_digests(table([*parts, *parts]), ["name", "value"], [count, 5, 0, count, 5]) == [
        plain_digest(ordered),
        five := plain_digest(sorted(rows[:5], key=lambda row: (row[0] is None, row[0]))),
        plain_digest([]),
        plain_digest(ordered),
        five,
    ]


@pytest.mark.parametrize("count", [1, 512, 1100])
def test_a_cell_is_proved_by_its_block_and_path(count: int):
    rows = [(f"{n:05}", *(OTHER if n % 3 else ROW)[1:3], float(n), *MISSING[4:]) for n in random.Random(count).sample(range(count), count)]
    content = table(rows)
    for row in {0, count // 2, count - 1}:
        proof = cell_proof(content, ["name"], row, ["value", "name"])
        assert (proof.row_count, proof.column_count) == (count, len(SCHEMA))
        for leaf, field in zip(proof.leaves, (SCHEMA.field("value"), SCHEMA.field("name")), strict=True):
            block = sorted(int(each[0]) for each in rows)[int(rows[row][0]) // 512 * 512 :][:512]
            assert leaf.data == plain_leaf(field, [f"{n:05}" if leaf.name == "name" else float(n) for n in block])
            assert block[proof.row_in_block] == int(rows[row][0])
            blocks = max(-(-count // 512), 1)
            root = merkle.root_from_path(merkle.leaf_hash(leaf.data), leaf.index, blocks * len(SCHEMA), leaf.path)
            size = struct.pack("<QQQ", count, len(SCHEMA), 512)
            assert hashlib.sha256(b"governance-table-2\n" + size + bytes.fromhex(root)).hexdigest() == table_digest(content, ["name"])


def test_a_cell_that_is_not_there_is_refused():
    content = table([ROW])
    with pytest.raises(IndexError, match="found row 1 of a table of 1 rows"):
        cell_proof(content, ["name"], 1, ["value"])
    with pytest.raises(IndexError, match="found row -1"):
        cell_proof(content, ["name"], -1, ["value"])
    with pytest.raises(ValueError, match="column price is not among name"):
        cell_proof(content, ["name"], 0, ["price"])


@given(rows=ROWS, data=st.data())
def test_order_of_rows_does_not_matter(rows: list[tuple], data: st.DataObject):
    shuffled = data.draw(st.permutations(rows))
    key = data.draw(st.sampled_from([WHOLE_KEY, ("name",), ("value", "n"), ()]))
    assert table_digest(table(rows), key) == table_digest(table(shuffled), key)


@given(rows=ROWS, data=st.data())
def test_chunks_slices_and_encodings_do_not_matter(rows: list[tuple], data: st.DataObject):
    whole = table([OTHER, *rows, ROW])
    expected = table_digest(table(rows), ("name",))
    sliced = whole.slice(1, len(rows))
    assert table_digest(sliced, ("name",)) == expected
    cut = data.draw(st.integers(0, len(rows)))
    chunked = pa.concat_tables([sliced.slice(0, cut), SCHEMA.empty_table(), sliced.slice(cut)])
    assert table_digest(chunked, ("name",)) == expected
    encoded = sliced.set_column(0, "name", sliced["name"].dictionary_encode())
    assert table_digest(encoded, ("name",)) == expected
    assert table_digest(sliced.set_column(0, "name", sliced["name"].cast(pa.large_string())), ("name",)) == expected


@given(rows=st.lists(st.tuples(*CELLS), min_size=1, max_size=8), data=st.data())
def test_every_cell_counts(rows: list[tuple], data: st.DataObject):
    row, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, len(SCHEMA) - 1))
    cell = data.draw(CELLS[column])
    changed = [*rows]
    changed[row] = (*rows[row][:column], cell, *rows[row][column + 1 :])
    equal = table_digest(table(rows), WHOLE_KEY) == table_digest(table(changed), WHOLE_KEY)
    assert equal == same(cell, rows[row][column])


@given(rows=st.lists(st.tuples(*CELLS), min_size=1, max_size=8))
def test_number_of_rows_counts(rows: list[tuple]):
    assert table_digest(table(rows), WHOLE_KEY) != table_digest(table([*rows, rows[0]]), WHOLE_KEY)
    assert table_digest(table(rows), WHOLE_KEY) != table_digest(table(rows[1:]), WHOLE_KEY)


@settings(max_examples=50)
@given(parts=st.lists(ROWS, max_size=5), key=st.sampled_from([WHOLE_KEY, ("name",), ()]))
def test_digests_of_parts_are_those_of_the_parts_alone(parts: list[list[tuple]], key: tuple[str, ...]):
    together = pa.concat_tables([SCHEMA.empty_table(), *map(table, parts)])
    assert part_digests(together, key, [len(part) for part in parts]) == [table_digest(table(part), key) for part in parts]


def test_zero_has_one_sign_and_not_a_number_one_form():
    forms = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in (0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001)]
    digests = {table_digest(pa.table({"value": pa.array([form], pa.float64())}), ["value"]) for form in forms}
    assert len(digests) == 1
    zero, minus_zero, missing = (pa.table({"value": pa.array([value], pa.float64())}) for value in (0.0, -0.0, None))
    assert table_digest(zero, ["value"]) == table_digest(minus_zero, ["value"]) != table_digest(missing, ["value"])


def test_what_lies_below_a_null_does_not_matter():
    buffers = [pa.py_buffer(b"\x01"), pa.py_buffer(struct.pack("<qq", 5, 77))]
    hidden = pa.Array.from_buffers(pa.int64(), 2, buffers)
    assert hidden.to_pylist() == [5, None]
    assert table_digest(pa.table({"n": hidden}), ["n"]) == table_digest(pa.table({"n": pa.array([5, None], pa.int64())}), ["n"])


def test_names_kinds_and_order_of_columns_count():
    digests = {
        table_digest(pa.table({"a": pa.array([1]), "b": pa.array([2])}), ["a"]),
        table_digest(pa.table({"b": pa.array([2]), "a": pa.array([1])}), ["a"]),
        table_digest(pa.table({"a": pa.array([1]), "c": pa.array([2])}), ["a"]),
        table_digest(pa.table({"a": pa.array([1.0]), "b": pa.array([2])}), ["a"]),
        table_digest(pa.table({"a": pa.array(["1"]), "b": pa.array([2])}), ["a"]),
    }
    assert len(digests) == 5


def test_width_of_integers_and_unit_of_instants_do_not_matter():
    narrow = pa.table({"n": pa.array([1, 2], pa.int16()), "at": pa.array([1, 2], pa.timestamp("s", tz="UTC"))})
    wide = pa.table({"n": pa.array([1, 2], pa.int64()), "at": pa.array([10**6, 2 * 10**6], INSTANT)})
    assert table_digest(narrow, ["n"]) == table_digest(wide, ["n"])


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"bytes"]),
        pa.array([None]),
        pa.array([[1]]),
        pa.array([dt.datetime(2025, 1, 1)]),
        pa.array([dt.datetime(2025, 1, 1)], pa.timestamp("us", tz="Europe/Berlin")),
        pa.array([dt.timedelta(1)]),
    ],
)
def test_other_kinds_are_refused(column: pa.Array):
    with pytest.raises(TypeError, match="column value"):
        table_digest(pa.table({"value": column}), ["value"])


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="key column b is not among a"):
        table_digest(pa.table({"a": [1]}), ["b"])
    with pytest.raises(ValueError, match="the parts have 2 rows, the table has 1"):
        part_digests(pa.table({"a": [1]}), ["a"], [2])
    with pytest.raises(pa.ArrowInvalid, match="not in range"):
        table_digest(pa.table({"a": pa.array([2**64 - 1], pa.uint64())}), ["a"])


def test_a_table_without_columns_has_a_digest():
    assert table_digest(pa.table({}), []) == hashlib.sha256(b"governance-table-2\n" + struct.pack("<QQQ", 0, 0, 512)).hexdigest()
