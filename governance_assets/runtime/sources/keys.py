"""Keys of landed quantile forecasts: a row's task as one text, and its cell (model, horizon, target, level and strata) as another.

Belongs here: how such a text is made. Does not belong here: landing (``landing.py``) or what is grouped by it (``facts.py`` of scores).

DuckDB groups by one dictionary-encoded text far faster than by the columns it stands for. A text is the values in order,
joined by ``/``, with ``~0`` for ``~`` and ``~1`` for ``/`` as in a JSON pointer, and a lone ``~`` for null. Strata follow as
``name=value`` where they are not null, so that a file without a stratum and one that leaves it empty name the same task.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.runtime.sources.tasks import changes

TASK_KEY, CELL_KEY = "_task", "_cell"
"""No stratum has such a name: theirs start with no underscore."""
KEYED = {"quantile_forecasts": (TASK_KEY, CELL_KEY)}

_TASK = ("target_end_date", "model_id", "reference_date", "horizon", "target", "location")
_CELL = ("model_id", "horizon", "target", "quantile_level")


def with_keys(rows: pa.Table, strata: Sequence[str]) -> pa.Table:
    """``rows`` of quantile forecasts with their two keys; fastest where rows of a task lie side by side."""
    level = rows["quantile_level"].combine_chunks().dictionary_encode(null_encoding="encode")
    run = np.cumsum(changes(rows, ("model_id", "horizon", "target", *strata)))
    cell = pa.array(run * (len(level.dictionary) + 1) + level.indices.to_numpy()).dictionary_encode().indices.to_numpy()
    task = np.cumsum(changes(rows, (*_TASK, *strata)), dtype=np.int32) - 1
    keyed = rows.append_column(TASK_KEY, _key(rows, task, _TASK, strata))
    return keyed.append_column(CELL_KEY, _key(rows, cell, _CELL, strata))


def _key(rows: pa.Table, number: npt.NDArray[np.int32], columns: Sequence[str], strata: Sequence[str]) -> pa.DictionaryArray:
    """The texts of ``columns``; rows with one ``number``, counted up as they first occur, have one text."""
    first = np.flatnonzero(np.diff(np.maximum.accumulate(number), prepend=-1))
    # Numbers may share a text, a dictionary holds each text once.
    texts = _texts(rows.take(pa.array(first)), columns, strata).dictionary_encode()
    return pa.DictionaryArray.from_arrays(texts.indices.take(pa.array(number)), texts.dictionary)


def _texts(rows: pa.Table, columns: Sequence[str], strata: Sequence[str]) -> pa.Array:
    days = rows["reference_date"].cast(pa.date32()).cast(pa.int32())
    rows = rows.set_column(rows.column_names.index("reference_date"), "reference_date", days)
    parts = [pc.fill_null(_escaped(rows[name]), "~") for name in columns]
    parts += [pc.binary_join_element_wise(f"{name}=", _escaped(rows[name]), "") for name in sorted(strata)]
    return pc.binary_join_element_wise(*parts, "/", null_handling="skip").combine_chunks()


def _escaped(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_string(values.type):
        return values.cast(pa.string())
    return pc.replace_substring(pc.replace_substring(values, "~", "~0"), "/", "~1")
