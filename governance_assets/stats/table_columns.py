"""Columns of Arrow tables as arrays, and back.

Belongs here: conversions that hold for any column. Does not belong here: which columns a table has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.stats.arrays import Counts, Floats


def codes(texts: pa.ChunkedArray) -> tuple[Counts, list[str]]:
    """For each text its position among the different texts in order, −1 for null; and those texts.

    >>> codes(pa.chunked_array([["b", None, "a"]]))
    (array([ 1, -1,  0]), ['a', 'b'])
    """
    labels = sorted(pc.unique(texts.drop_null()).to_pylist())
    return pc.fill_null(pc.index_in(texts, pa.array(labels, pa.string())), -1).to_numpy().astype(np.int64), labels


def floats(numbers: pa.ChunkedArray) -> Floats:
    """Numbers, NaN for null.

    >>> floats(pa.chunked_array([[1, None]]))
    array([ 1., nan])
    """
    return np.asarray(numbers.cast(pa.float64()).to_numpy(), dtype=np.float64)


def days(dates: Any) -> Counts:
    """Days since 1970-01-01.

    >>> days(pa.array(["1970-01-03"]).cast(pa.date32()))
    array([2])
    """
    return np.asarray(dates.cast(pa.date32()).cast(pa.int32()).to_numpy(), dtype=np.int64)


def nullable(numbers: Floats) -> pa.Array:
    """Numbers row by row as a column, null for NaN.

    >>> nullable(np.array([[1.0], [np.nan]])).to_pylist()
    [1.0, None]
    """
    return pa.array(numbers.ravel(), from_pandas=True)


def finite(numbers: Floats) -> pa.Array:
    """``nullable``, null for infinities, too.

    >>> finite(np.array([1.0, np.inf])).to_pylist()
    [1.0, None]
    """
    return nullable(np.where(np.isinf(numbers), np.nan, numbers))
