"""Reads the published example forecasts and their published scores, for the tests of ``stats``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

UNIT = ["location", "target_end_date", "target_type", "forecast_date", "model", "horizon"]
_FOLDER = "forecasts/scoringutils_example"
Find = Callable[[str], Path]


@dataclass(frozen=True)
class Forecasts:
    """Forecasts as arrays: ``units`` names the rows, ``levels`` the columns."""

    units: pd.MultiIndex
    observed: np.ndarray
    predicted: np.ndarray
    levels: np.ndarray

    def of(self, column: str, value: str) -> np.ndarray:
        """Which rows belong to this value of a unit column."""
        return np.asarray(self.units.get_level_values(column) == value)


def table(find: Find, name: str, index: pd.Index | None = None) -> pd.DataFrame:
    """A published table, in the order of ``index`` when one is given."""
    frame = pd.read_parquet(find(f"{_FOLDER}/{name}.parquet"))
    if index is None:
        return frame
    keyed = frame.set_index(list(index.names))
    assert len(keyed) == len(index)
    return keyed.loc[index]


def quantile_forecasts(find: Find) -> Forecasts:
    return _wide(find, "example_quantile", "quantile_level")


def sample_forecasts(find: Find) -> Forecasts:
    return _wide(find, "example_sample_continuous", "sample_id")


def means(units: pd.MultiIndex, columns: Mapping[str, Any], by: list[str]) -> pd.DataFrame:
    """Mean of each column over the units that agree in ``by``; infinite and missing values pass through to the mean."""
    frame = pd.DataFrame({name: np.asarray(values, dtype=float) for name, values in columns.items()}, index=units)
    return frame.groupby(by).agg(lambda column: float(np.mean(column.to_numpy())))


def assert_equal(ours: Any, theirs: Any, *, absolute: Any = 0.0) -> None:
    """Equal to nine digits, missing and infinite values at the same places; ``absolute`` also allows that distance."""
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        close = np.abs(a - b) <= np.maximum(1e-9 * np.abs(b), absolute)
    assert a.shape == b.shape
    assert (same | (close & np.isfinite(a) & np.isfinite(b))).all(), f"largest distance {np.nanmax(np.where(same, 0, np.abs(a - b)))}"


def _wide(find: Find, name: str, column: str) -> Forecasts:
    long = table(find, name).dropna(subset=["predicted", "observed"]).astype({"horizon": int})
    wide = long.pivot_table(index=[*UNIT, "observed"], columns=column, values="predicted")
    assert not wide.isna().to_numpy().any()
    observed = wide.index.get_level_values("observed").to_numpy(dtype=float)
    return Forecasts(wide.index.droplevel("observed"), observed, wide.to_numpy(), wide.columns.to_numpy(dtype=float))
