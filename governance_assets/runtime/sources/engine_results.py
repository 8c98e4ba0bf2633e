"""Saved results of media-mix engines made elsewhere: Robyn, Meridian, LightweightMMM.

Belongs here: reading their documented exports into ``ImportedResult``. Does not belong here: judging them, running engines
(``foreign_engines.py``).

Robyn writes ``pareto_aggregated.csv`` and ``pareto_alldecomp_matrix.csv`` beside its plots; a solution is chosen by ``solID``. Meridian's
analyzer returns data sets: ``summary_metrics()`` and ``expected_vs_actual_data()``, each ``.to_dataframe().reset_index().to_csv(…)``.
LightweightMMM saves pickles, which run code when opened and are refused; its arrays are saved with ``numpy.savez`` under the
names of its own functions: ``media_names``, ``roi_hat`` of ``get_posterior_metrics``, ``predictions`` of ``predict``, ``weeks``.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from governance_assets.stats.media_imported import ImportedResult

Rows = list[dict[str, str]]
_CONFIDENCE = 0.9
# Robyn's bootstrap states 95 % intervals.
_ROBYN_CONFIDENCE = 0.95
_MERIDIAN_METRICS = ("ci_lo", "mean", "ci_hi")
_MISSING = ("", "NA", "NaN", "nan", "Inf", "-Inf")


class EngineResultError(ValueError):
    """A saved result that cannot be read: file, place, found, expected, next step."""


def read_robyn(folder: Path, solution: str | None = None) -> ImportedResult:
    """One solution of a Robyn run; ``solution`` may be left out where the files hold one only."""
    effects = _rows(folder / "pareto_aggregated.csv", ("solID", "rn", "roi_total", "total_spend"))
    fitted = _rows(folder / "pareto_alldecomp_matrix.csv", ("solID", "ds", "dep_var", "depVarHat"))
    known = sorted({row["solID"] for row in effects} & {row["solID"] for row in fitted})
    if solution is None and len(known) == 1:
        solution = known[0]
    if solution not in known:
        raise EngineResultError(
            f"{folder.name}: found solID {', '.join(known) or 'none in both files'}, expected "
            f"{solution or 'one only'}; name one of them as the solution that is used"
        )
    path = folder / "pareto_aggregated.csv"
    paid = [row for row in effects if row["solID"] == solution and _number(path, row, "total_spend") > 0]
    roi = [[_number(path, row, name) for name in ("ci_low", "roi_total", "ci_up")] for row in paid]
    path = folder / "pareto_alldecomp_matrix.csv"
    weeks = sorted((row for row in fitted if row["solID"] == solution), key=lambda row: row["ds"])
    predicted = [[math.nan, _number(path, row, "depVarHat"), math.nan] for row in weeks]
    observed = [_number(path, row, "dep_var") for row in weeks]
    days = [_day(path, row["ds"]) for row in weeks]
    return _result(path, f"robyn {solution}", [row["rn"] for row in paid], roi, days, predicted, observed, _ROBYN_CONFIDENCE)


def read_meridian(summary: Path, fit: Path, confidence: float = _CONFIDENCE) -> ImportedResult:
    """A Meridian run from its two exported data sets; ``confidence`` is what the analyzer was asked for, 0.9 unless told."""
    effects = [
        row
        for row in _rows(summary, ("channel", "metric", "distribution", "roi"))
        if row["distribution"] == "posterior" and row["channel"] not in ("All Channels", "All Paid Channels")
    ]
    fitted = _rows(fit, ("time", "metric", "expected", "actual"))
    channels = list(dict.fromkeys(row["channel"] for row in effects if row["roi"] not in _MISSING))
    of = {(row["channel"], row["metric"]): _number(summary, row, "roi") for row in effects}
    middle = "median" if any(row["metric"] == "median" for row in effects) else "mean"
    roi = [[_stated(summary, of, (channel, metric)) for metric in ("ci_lo", middle, "ci_hi")] for channel in channels]
    days = sorted({row["time"] for row in fitted})
    by = {(row["time"], row["metric"]): _number(fit, row, "expected") for row in fitted}
    seen = {row["time"]: _number(fit, row, "actual") for row in fitted}
    predicted = [[_stated(fit, by, (day, metric)) for metric in _MERIDIAN_METRICS] for day in days]
    return _result(fit, "meridian", channels, roi, [_day(fit, day) for day in days], predicted, [seen[day] for day in days], confidence)


def read_lightweight_mmm(path: Path, confidence: float = _CONFIDENCE) -> ImportedResult:
    """A LightweightMMM run from arrays saved with ``numpy.savez``: draws of ROI (draws, channels) and predictions (draws, weeks)."""
    if not zipfile.is_zipfile(path):
        raise EngineResultError(
            f"{path.name}: no numpy archive; a pickle can run code and is never opened, save the arrays with numpy.savez"
        )
    try:
        with np.load(path, allow_pickle=False) as held:
            missing = [name for name in ("media_names", "roi_hat", "predictions", "weeks") if name not in held.files]
            if missing:
                raise EngineResultError(f"{path.name}: found {', '.join(held.files)}, expected also {', '.join(missing)}")
            names, weeks = [str(name) for name in held["media_names"]], [str(week) for week in held["weeks"]]
            roi, drawn = np.asarray(held["roi_hat"], dtype=float), np.asarray(held["predictions"], dtype=float)
    except (ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, EngineResultError):
            raise
        raise EngineResultError(f"{path.name}: {error}; save plain arrays of numbers and texts") from error
    for name, array, size, what in (("roi_hat", roi, len(names), "channels"), ("predictions", drawn, len(weeks), "weeks")):
        if array.ndim != 2 or array.shape[1] != size or not len(array):
            raise EngineResultError(f"{path.name}: {name} has shape {array.shape}, expected draws by {size} {what}")
    levels = [(1 - confidence) / 2, 0.5, (1 + confidence) / 2]
    summaries = [np.quantile(array, levels, axis=0).T.tolist() for array in (roi, drawn)]
    days = [_day(path, week) for week in weeks]
    return _result(path, "lightweight_mmm", names, summaries[0], days, summaries[1], [math.nan] * len(days), confidence)


def _result(
    path: Path,
    source: str,
    channels: Sequence[str],
    roi: Sequence[Sequence[float]],
    weeks: Sequence[dt.date],
    predicted: Sequence[Sequence[float]],
    observed: Sequence[float],
    confidence: float,
) -> ImportedResult:
    if not channels or not weeks:
        raise EngineResultError(f"{path.name}: found {len(channels)} channels and {len(weeks)} weeks of {source}, expected some of both")
    if len(set(weeks)) < len(weeks):
        raise EngineResultError(f"{path.name}: a week is there twice in {source}; export one row a week")
    return ImportedResult(
        source,
        tuple(channels),
        np.array(roi, dtype=np.float64),
        tuple(weeks),
        np.array(predicted, dtype=np.float64),
        np.array(observed, dtype=np.float64),
        confidence,
    )


def _rows(path: Path, expected: Sequence[str]) -> Rows:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, found = list(reader), list(reader.fieldnames or ())
    except OSError as error:
        raise EngineResultError(f"{path.name}: {error.strerror or error}; expected the export of that name") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise EngineResultError(f"{path.name}: {error}; expected a CSV file in UTF-8") from error
    missing = [name for name in expected if name not in found]
    if missing:
        raise EngineResultError(f"{path.name}: found columns {', '.join(found) or 'none'}; expected also {', '.join(missing)}")
    short = next((number for number, row in enumerate(rows, start=2) if None in row.values()), None)
    if short is not None:
        raise EngineResultError(f"{path.name}, row {short}: fewer fields than columns; export the file again")
    return rows


def _number(path: Path, row: dict[str, str], name: str) -> float:
    """The number in a field; NaN where the engine left it out or the file has no such column."""
    text = row.get(name, "").strip()
    if text in _MISSING:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise EngineResultError(f"{path.name}: column {name} holds {text!r}, expected a number") from None


def _day(path: Path, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise EngineResultError(f"{path.name}: found the week {text!r}, expected a day such as 2025-11-03") from None


def _stated(path: Path, values: dict[tuple[str, str], float], key: tuple[str, str]) -> float:
    if key not in values:
        raise EngineResultError(f"{path.name}: no row for {key[0]} with metric {key[1]}; export all metrics")
    return values[key]
