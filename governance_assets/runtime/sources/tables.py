"""Bytes to a table of text and numbers, for every file format: delimited text, Parquet, JSON, JSON lines and YAML.

Belongs here: encodings, delimiters, broken lines, files that cannot be read. Does not belong here: what a column means
(``columns.py``) or whether its values are acceptable (``typed.py``).
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import yaml

from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources import columns
from governance_assets.runtime.sources.outcome import Refusal, Table, Unreadable, shown

TEXT_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
PARQUET_SUFFIXES = (".parquet", ".pq")
RECORD_SUFFIXES = (".json", ".jsonl", ".ndjson", ".yaml", ".yml")
SUFFIXES = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES, *RECORD_SUFFIXES)

_DELIMITERS = (",", ";", "\t", "|")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_GZIP = b"\x1f\x8b"


def suffix_of(name: str) -> str | None:
    """The recognised ending of a file name, or None.

    >>> suffix_of("a/b.CSV.gz")
    '.csv.gz'
    """
    lowered = PurePosixPath(name).name.lower()
    return next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if lowered.endswith(suffix)), None)


def read_table(data: bytes, suffix: str, policy: IntakePolicy, *, keeps_instants: bool = False) -> Table:
    """The rows of a file, its instants as texts or only their days. Raises Unreadable when it cannot be read at all."""
    if not data:
        raise Unreadable("an empty file", "a header line and rows", "write the file again; remove it if nothing was meant")
    if suffix in PARQUET_SUFFIXES:
        table = _parquet(data, policy, keeps_instants)
    elif suffix in RECORD_SUFFIXES:
        table = _records(data, suffix, policy)
    else:
        table = _text(data, policy)
    twice = columns.repeated(table.names)
    if twice and columns.recognised(table.names):
        raise Unreadable(f"column {', '.join(map(shown, twice))} more than once", "each column once", "rename or remove the repeats")
    return table


def _check_width(width: int, policy: IntakePolicy) -> None:
    if width > policy.max_columns:
        raise Unreadable(f"{width:,} columns", f"at most {policy.max_columns:,}", "write one row a value, not one column a value")


# ---------------------------------------------------------------- delimited text


def _text(data: bytes, policy: IntakePolicy) -> Table:
    if data.startswith(_GZIP):
        data = _unzipped(data)
    data, bad_lines = as_utf8(data)
    lines = data.splitlines()
    refusals = [_undecodable(number) for number in bad_lines]
    multi = _multi_line_cells(data, lines)
    refusals += multi.refusals
    if multi.blanked or bad_lines:
        lines = [b"" if number in multi.blanked else line for number, line in enumerate(lines, 1)]
        data = b"\n".join(lines)
    first = next((line for line in lines if line.strip()), b"")
    if not first:
        raise Unreadable("no header line", "a header line and rows", "write the file again; remove it if nothing was meant")
    delimiter, names = _header(first, policy)
    table, ragged = _parsed(data, delimiter, len(names))
    numbers = _line_numbers(lines)
    skipped = np.array([record - 1 for record, *_ in ragged], dtype=np.int64)
    for record, found in ragged:
        refusals.append(
            Refusal("row", int(numbers[record - 1]), None, f"{found} cells", f"{len(names)} cells, as in the header", _QUOTE_HINT, 1)
        )
    kept = np.delete(numbers, skipped)[1:]
    body = table.slice(1)
    file_rows = len(kept) + len(refusals)
    return Table(names, body.columns, pa.array(kept, pa.int64()), file_rows, refusals)


def _line_numbers(lines: list[bytes]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers, from 1, of the lines that are not empty."""
    if b"" not in lines:
        return np.arange(1, len(lines) + 1)
    return np.array([number for number, line in enumerate(lines, 1) if line], dtype=np.int64)


_QUOTE_HINT = "put cells that hold a delimiter or a quotation mark in quotation marks"


def _undecodable(line: int) -> Refusal:
    return Refusal("row", line, None, "bytes that are not UTF-8", "UTF-8 text", "save the file as UTF-8", 1)


def _unzipped(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable(f"a damaged gzip file ({error})", "a whole gzip file", "compress and copy it again") from None


def as_utf8(data: bytes) -> tuple[bytes, list[int]]:
    """The text as UTF-8 with a plain line end where a carriage return stood alone, and the lines that could not be decoded."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding)
    return _decoded(data, "utf-8")


def _decoded(data: bytes, encoding: str) -> tuple[bytes, list[int]]:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise Unreadable(f"broken {encoding.upper()} ({error.reason})", "UTF-8 text", "save the file as UTF-8") from None
        return _mixed(data)
    return (data if encoding == "utf-8" else text.encode()), []


def _mixed(data: bytes) -> tuple[bytes, list[int]]:
    """Blank the lines that are not UTF-8. A file whose header, or whose every row, is such a line is no text file."""
    lines = data.splitlines()
    bad = []
    for number, line in enumerate(lines, 1):
        try:
            line.decode()
        except UnicodeDecodeError:
            bad.append(number)
            lines[number - 1] = b""
    if not any(lines[1:]) or bad[0] == 1 or b"\0" in data:
        raise Unreadable("bytes that are no UTF-8 text", "UTF-8 text", "save the file as UTF-8, or give it the ending of its real format")
    return b"\n".join(lines), bad


class _Multi:
    def __init__(self) -> None:
        self.blanked: set[int] = set()
        self.refusals: list[Refusal] = []


def _multi_line_cells(data: bytes, lines: list[bytes]) -> _Multi:
    """Lines with an odd number of quotation marks: a cell that spans lines, or a mark that is never closed.

    Taken out before parsing, so that one stray mark cannot swallow the lines that follow it, and a row is always a line.
    """
    found = _Multi()
    if b'"' not in data:
        return found
    odd = [number for number, line in enumerate(lines, 1) if line.count(b'"') % 2]
    position = 0
    while position < len(odd):
        start = odd[position]
        end = odd[position + 1] if position + 1 < len(odd) else None
        if end is not None and _opens(lines[start - 1]) and not _opens(lines[end - 1]):
            found.blanked.update(range(start, end + 1))
            text = b"\n".join(lines[start - 1 : end]).decode()
            found.refusals.append(Refusal("row", start, None, shown(text), "cells on one line", "take the line break out of the cell", 1))
            position += 2
        else:
            found.blanked.add(start)
            text = lines[start - 1].decode()
            found.refusals.append(Refusal("row", start, None, shown(text), "paired quotation marks", _QUOTE_HINT, 1))
            position += 1
    if 1 in found.blanked:
        raise Unreadable("a header with an unpaired quotation mark", "a header on one line", "mend the first line")
    return found


def _opens(line: bytes) -> bool:
    """Whether the last quotation mark of ``line`` starts a cell rather than ending one."""
    before = line[: line.rfind(b'"')].rstrip(b" ")
    return not before or before[-1:] in (b",", b";", b"\t", b"|")


def _header(first: bytes, policy: IntakePolicy) -> tuple[str, list[str]]:
    widest = max(first.count(delimiter.encode()) for delimiter in _DELIMITERS) + 1
    if widest > policy.max_columns and b'"' not in first:
        _check_width(widest, policy)
    text = first.decode()
    if len(text) > policy.max_columns * policy.max_text_length:
        raise Unreadable(f"a header of {len(text):,} characters", "short column names", "write the column names in the first line")
    split = [(delimiter, _cells(first, delimiter)) for delimiter in _DELIMITERS]
    delimiter, names = max(split, key=lambda pair: (columns.recognised(pair[1]), len(pair[1])))
    _check_width(len(names), policy)
    if "\0" in text:
        raise Unreadable("a header with NUL characters", "column names", "save the file as UTF-8, or give it the ending of its real format")
    return delimiter, names


def _cells(line: bytes, delimiter: str) -> list[str]:
    if b'"' not in line:
        return line.decode().split(delimiter)
    width = line.count(delimiter.encode()) + 1
    for cells in range(width, 0, -1):
        try:
            table, bad = _parsed(line, delimiter, cells)
        except Unreadable:
            continue
        if not bad and table.num_rows:
            return [column[0].as_py() for column in table.columns]
        if bad:
            cells = bad[0][1]
            table, _ = _parsed(line, delimiter, cells)
            return [column[0].as_py() for column in table.columns]
    return [line.decode()]


def _parsed(data: bytes, delimiter: str, width: int) -> tuple[pa.Table, list[tuple[int, int]]]:
    """All lines as text columns, header included, and (record, cells found) of the lines that do not fit."""
    ragged: list[tuple[int, int]] = []

    def skip(row: Any) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    names = [f"c{position}" for position in range(width)]
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(data),
            read_options=pa.csv.ReadOptions(use_threads=False, column_names=names, block_size=min(len(data) + 1, 2**31 - 1)),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
            convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        raise Unreadable(f"text that is no table ({shown(str(error))})", "lines of delimited cells", "write the file again") from None
    return table, ragged


# ---------------------------------------------------------------- Parquet


def _parquet(data: bytes, policy: IntakePolicy, keeps_instants: bool) -> Table:
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        _check_width(len(file.schema_arrow), policy)
        table = file.read()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unreadable(f"a damaged Parquet file ({shown(str(error))})", "a whole Parquet file", "write and copy it again") from None
    names, arrays = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        normal = _normal(column, keeps_instants)
        if normal is not None:
            names.append(name)
            arrays.append(normal)
    return Table(names, arrays, pa.array(np.arange(1, table.num_rows + 1)), table.num_rows)


def _normal(column: pa.ChunkedArray, keeps_instants: bool) -> pa.ChunkedArray | None:
    """Text, int64, double or date; None for a nested column, which no feed has."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
        return None
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_date(kind):
        return column.cast(pa.date32())
    if pa.types.is_timestamp(kind) and keeps_instants:
        return column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.string())
    if pa.types.is_timestamp(kind):
        # The day as written: a wall-clock day, not the UTC day of the instant.
        return pc.cast(pc.local_timestamp(column) if kind.tz else column, pa.date32(), safe=False)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return None
    return column.cast(pa.string())


# ---------------------------------------------------------------- JSON and YAML


def _records(data: bytes, suffix: str, policy: IntakePolicy) -> Table:
    data, bad_lines = as_utf8(data)
    text = data.decode()
    refusals = [_undecodable(number) for number in bad_lines]
    is_lines = suffix in (".jsonl", ".ndjson")
    if bad_lines and not is_lines:
        raise Unreadable("bytes that are not UTF-8", "UTF-8 text", "save the file as UTF-8")
    records = list(_line_items(text) if is_lines else _list_items(text, suffix))
    rows: list[tuple[int, dict[str, str | None]]] = []
    names: dict[str, None] = {}
    for number, item in records:
        flat = _flat(item)
        if isinstance(flat, str):
            refusals.append(Refusal("row", number, None, shown(flat), "an object of plain values", "write one object a row", 1))
            continue
        names.update(dict.fromkeys(flat))
        _check_width(len(names), policy)
        rows.append((number, flat))
    if not rows:
        raise Unreadable("no rows", "objects with the columns of a feed", "write the file again; remove it if nothing was meant")
    arrays = [pa.chunked_array([pa.array([row.get(name) for _, row in rows], pa.string())]) for name in names]
    return Table(list(names), arrays, pa.array([number for number, _ in rows], pa.int64()), len(rows) + len(refusals), refusals)


def _list_items(text: str, suffix: str) -> Iterator[tuple[int, Any]]:
    kind = "JSON" if suffix == ".json" else "YAML"
    try:
        whole = json.loads(text, object_pairs_hook=_Pairs) if kind == "JSON" else _yaml(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise Unreadable(f"text that is not {kind} ({shown(str(error))})", "a list of objects", "write the file again") from None
    if not isinstance(whole, list) or isinstance(whole, _Pairs):
        raise Unreadable(f"{kind} that is no list", "a list of objects", "write one object a row, in one list")
    yield from enumerate(whole, 1)


def _yaml(text: str) -> Any:
    """YAML with every scalar as it is written, so that 06 stays a text."""
    whole = yaml.load(text, Loader=yaml.BaseLoader)
    if not isinstance(whole, list):
        return whole
    return [_Pairs((str(name), value) for name, value in item.items()) if isinstance(item, dict) else item for item in whole]


def _line_items(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            yield number, line.rstrip("\n")


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, repeats included."""


def _flat(item: Any) -> dict[str, str | None] | str:
    """The members as text, or a description of what cannot be a row."""
    if not isinstance(item, _Pairs):
        return item if isinstance(item, str) else json.dumps(item)
    flat: dict[str, str | None] = {}
    for name, value in item:
        if isinstance(value, list | dict):
            return f"{name}: a nested value"
        if name in flat:
            return f"{name} more than once"
        flat[name] = _scalar_text(value)
    try:
        "".join(value or "" for pair in flat.items() for value in pair).encode()
    except UnicodeEncodeError:
        return "text with half a surrogate pair"
    return flat


def _scalar_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
