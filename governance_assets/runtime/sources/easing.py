"""Columns of text whose every value is fine become numbers and dates at once, so that cells need no looking at one by one.

Belongs here: checks of whole columns, by their distinct values. Does not belong here: finding the cell at fault (``typed.py``,
which sees every column that is not fine as it was written).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources.columns import STRATUM_PREFIX
from governance_assets.runtime.sources.typed import LARGEST_HORIZON, LEVEL_DECIMALS, MISSING, UNUSED_OUTPUT_TYPES

_DATES = frozenset({"reference_date", "target_end_date", "as_of"})
_NUMBERS = frozenset({"horizon", "predicted", "observed", "quantile_level"})
_REQUIRED_TEXTS = frozenset({"model_id", "location", "target"})
_NEVER_CLEAN = frozenset({"output_type_id", "unknown output type"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def ease(columns: Mapping[str, pa.ChunkedArray], policy: IntakePolicy) -> tuple[dict[str, pa.ChunkedArray], frozenset[str]]:
    """The columns, typed where every value allows it, and the parts of which no cell can be at fault."""
    eased, clean = {}, set()
    types = _output_types(columns.get("output_type"))
    for part, column in columns.items():
        typed, is_clean = _eased(_meaning(part, types), column, policy)
        if is_clean:
            clean.add(part)
        # A column of text with a fault stays text, so that the record shows what was written.
        eased[part] = typed if is_clean or not pa.types.is_string(column.type) else column
    return eased, frozenset(clean)


def _output_types(column: pa.ChunkedArray | None) -> frozenset[str]:
    if column is None or not pa.types.is_string(column.type):
        return frozenset()
    return frozenset(str(value).strip().lower() for value in column.unique().to_pylist())


def _meaning(part: str, types: frozenset[str]) -> str:
    """What every cell of the part is; an output_type_id is one thing only in a file of one output type."""
    if part == "output_type_id":
        return {frozenset({"quantile"}): "quantile_level", frozenset({"sample"}): "sample_id"}.get(types, part)
    if part == "output_type" and not types <= {"quantile", "sample", *UNUSED_OUTPUT_TYPES}:
        return "unknown output type"
    return part


def _eased(part: str, column: pa.ChunkedArray, policy: IntakePolicy) -> tuple[pa.ChunkedArray, bool]:
    if part in _DATES:
        dates = _dates(column)
        return dates, pa.types.is_date(dates.type) and not dates.null_count and _in_calendar(dates)
    if part in _NUMBERS:
        numbers = _numbers(column)
        return numbers, pa.types.is_floating(numbers.type) and not numbers.null_count and _in_range(part, numbers)
    if part in _NEVER_CLEAN or not pa.types.is_string(column.type):
        return column, False
    return column, _is_plain(part, column, policy)


def _dates(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_string(column.type):
        return column
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    try:
        days = [dt.date.fromisoformat(text) if _ISO_DATE.fullmatch(text) else None for text in texts]
    except ValueError:
        return column
    if None in days:
        return column
    return pa.chunked_array([pa.array(days, pa.date32()).take(encoded.indices)])


def _in_calendar(column: pa.ChunkedArray) -> bool:
    ends = pc.min_max(column.cast(pa.int32()))
    first, last = ends["min"].as_py(), ends["max"].as_py()
    epoch = dt.date(1970, 1, 1)
    return first is None or ((dt.date.min - epoch).days <= first and last <= (dt.date.max - epoch).days)


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats where every cell holds a finite number; else the column as it is."""
    if pa.types.is_floating(column.type) or pa.types.is_date(column.type):
        return column
    try:
        numbers = column.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid:
        return column
    return numbers if pc.all(pc.is_finite(numbers)).as_py() else column


def _in_range(part: str, column: pa.ChunkedArray) -> bool:
    if not pc.all(pc.is_finite(column)).as_py():
        return False
    if part == "quantile_level":
        ends = pc.min_max(pc.round(column, LEVEL_DECIMALS))
        return not len(column) or bool(ends["min"].as_py() > 0 and ends["max"].as_py() < 1)
    if part == "horizon":
        ends = pc.min_max(pc.abs(column))
        whole = pc.all(pc.equal(column, pc.trunc(column))).as_py()
        return bool(whole) and (not len(column) or ends["max"].as_py() <= LARGEST_HORIZON)
    return True


def _is_plain(part: str, column: pa.ChunkedArray, policy: IntakePolicy) -> bool:
    """Whether every value is short and free of control characters, and none is missing where one must stand."""
    if column.null_count and not part.startswith(STRATUM_PREFIX):
        return False
    values = column.unique().to_pylist()
    if part in _REQUIRED_TEXTS and "" in values:
        return False
    if part == "sample_id" and any(value.strip() in MISSING for value in values):
        return False
    return not any(value and (len(value) > policy.max_text_length or _CONTROL.search(value)) for value in values)
