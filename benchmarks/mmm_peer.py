"""The media-mix engine against PyMC-Marketing in the same run: posterior of ROI, forecasts, seconds, effective draws.

    GOVERNANCE_PYMC_PYTHON=.venv-pymc/bin/python python -m benchmarks.mmm_peer [--example pymc_example.csv]     (make mmm-peer)

Both fit PyMC-Marketing's default model with its own priors to the same weeks, four chains of nutpie there, and predict the weeks after.
Data are synthetic tenants of two shapes and, where named, PyMC-Marketing's public example file. A grid of 16 × 16 is the engine's
default; where data are strong it blurs the curve, and the refined one is held against the peer. Seconds are CPU seconds of one fit, ours
from data to draws, theirs without the time to build and compile the model. Ends with 1 where medians differ by more than 3 %, bounds of
90 % intervals by more than 5 %, or CRPS is more than 1.02 times theirs.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._harness import print_table
from governance_assets.runtime.foreign_engines import PYTHON_VARIABLE, WeeklyData, run_pymc_marketing
from governance_assets.stats.chain_diagnostics import bulk_ess
from governance_assets.stats.media_columns import COLUMN_PRIOR, SEASON_PRIOR, intercept
from governance_assets.stats.media_curves import CurvePriors
from governance_assets.stats.media_design import prepare
from governance_assets.stats.media_fit import fit, window
from governance_assets.stats.media_forecast import predict
from governance_assets.stats.media_model import Channel, Column
from governance_assets.stats.media_refine import refined
from governance_assets.stats.media_results import contribution_draws, roi_draws
from governance_assets.stats.sample_scores import crps
from governance_assets_tests.media_examples import tenant

HELD_OUT, WAVES = 13, 2
MOST_MEDIAN, MOST_BOUND, MOST_CRPS = 0.03, 0.05, 1.02
# Curves, pilot rounds, whether it is the peer's model: only such a one must agree with it, the averaged one differs on purpose.
OURS = {
    "logistic 16 × 16": (CurvePriors(curves=("logistic",)), 0, False),
    "logistic, refined": (CurvePriors(curves=("logistic",), carryover_points=16, curve_points=8), 1, True),
    "averaged, refined": (CurvePriors(carryover_points=12, curve_points=8), 1, False),
}


@dataclass(frozen=True)
class Data:
    """Weekly series of one tenant; the last 13 weeks are predicted. ``first`` is a Monday."""

    name: str
    first: str
    target: np.ndarray
    spend: dict[str, np.ndarray]
    controls: dict[str, np.ndarray]

    @property
    def train(self) -> int:
        return len(self.target) - HELD_OUT

    def weekly(self) -> WeeklyData:
        first = dt.date.fromisoformat(self.first)
        weeks = [first + dt.timedelta(days=7 * n) for n in range(len(self.target))]
        spend, controls = ({name: row.tolist() for name, row in of.items()} for of in (self.spend, self.controls))
        return WeeklyData(weeks, self.target.tolist(), spend, controls, self.train, WAVES)


def synthetic(channels: int, weeks: int) -> Data:
    truth = tenant(5, weeks=weeks, channels=channels)
    spend = {f"x{n}": row for n, row in enumerate(truth.spend)}
    return Data(f"{channels} channels × {weeks} weeks", "2020-01-06", truth.target, spend, {"t": np.arange(weeks) / 52})


def example(path: Path) -> Data:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    column = {name: np.array([float(row[name]) for row in rows]) for name in ("y", "x1", "x2", "event_1", "event_2", "t")}
    controls = {name: column[name] for name in ("event_1", "event_2", "t")}
    return Data(path.name, rows[0]["date_week"], column["y"], {"x1": column["x1"], "x2": column["x2"]}, controls)


def ours(data: Data, curves: CurvePriors, rounds: int) -> dict[str, Any]:
    """Seconds, effective draws, quantiles of ROI and samples of the weeks after."""
    first, weeks = np.datetime64(data.first), len(data.target)
    days = [int(day.astype("datetime64[D]").astype(object).timetuple().tm_yday) for day in first + 7 * np.arange(weeks)]
    angle = 2 * np.pi * np.array(days) / 365.25
    began = time.process_time()
    season = [Column(f"{turn.__name__}_{k}", turn(k * angle), SEASON_PRIOR) for k in range(1, WAVES + 1) for turn in (np.sin, np.cos)]
    columns = [intercept(weeks), *(Column(name, values, COLUMN_PRIOR) for name, values in data.controls.items()), *season]
    channels = [Channel(name, values, curves=curves) for name, values in data.spend.items()]
    design = prepare(data.target, channels, columns, scale_weeks=data.train)
    design = refined(design, seed=1, weeks=data.train, rounds=rounds) if rounds else design
    found = fit(window(design, data.train), seed=1)
    seconds = time.process_time() - began
    totals = contribution_draws(found).reshape(*found.noise.shape, -1)
    ahead = predict(found, np.arange(data.train, weeks)).samples(1)
    roi = np.quantile(roi_draws(found), [0.05, 0.5, 0.95], axis=0)
    coefficients = float(bulk_ess(found.coefficients[:, :, : len(channels)]).min())
    return {"seconds": seconds, "ess": float(bulk_ess(totals).min()), "ess_coefficient": coefficients, "roi": roi, "ahead": ahead}


def compare(data: Data, rounds: int) -> tuple[list[list[str]], bool]:
    theirs = run_pymc_marketing(data.weekly(), seed=1)
    theirs_roi, observed = np.quantile(np.array(theirs["roi"]), [0.05, 0.5, 0.95], axis=0), data.target[data.train :]
    theirs_crps = float(crps(observed, np.array(theirs["ahead"]), "fair").mean())
    label = f"PyMC-Marketing {theirs['version']}"
    rows, holds = [[data.name, label, f"{theirs['seconds']:.1f}", f"{theirs['ess']:.0f}", "1", "1", "1", "", "", "1"]], True
    for name, (curves, refinements, is_same) in OURS.items():
        runs = [ours(data, curves, refinements) for _ in range(rounds + 1)][1:]
        seconds, found = float(np.median([run["seconds"] for run in runs])), runs[0]
        gap = np.abs(found["roi"] / theirs_roi - 1)
        ratio = float(crps(observed, found["ahead"], "fair").mean()) / theirs_crps
        median, bound = float(gap[1].max()), float(gap[[0, 2]].max())
        if is_same:
            holds = holds and median <= MOST_MEDIAN and bound <= MOST_BOUND and ratio <= MOST_CRPS
        faster = theirs["seconds"] / seconds
        speeds = [f"{faster * found[ess] / theirs[ess]:.0f}" for ess in ("ess", "ess_coefficient")]
        figures = [f"{faster:.0f}", *speeds, f"{100 * median:.1f}", f"{100 * bound:.1f}", f"{ratio:.3f}"]
        rows.append([data.name, name, f"{seconds:.3f}", f"{found['ess']:.0f}", *figures])
    return rows, holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--example", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if not os.environ.get(PYTHON_VARIABLE):
        sys.exit("GOVERNANCE_PYMC_PYTHON names no interpreter with pymc-marketing and nutpie; `make mmm-peer` makes one")
    sets = [synthetic(2, 179), synthetic(5, 208), *([example(given.example)] if given.example else [])]
    found = [compare(data, given.rounds) for data in sets]
    header = [
        "data",
        "engine",
        "CPU s",
        "least ESS",
        "× fewer s",
        "× ESS/s",
        "× of coefficients",
        "median off, %",
        "bounds off, %",
        "× CRPS",
    ]
    print_table(header, [row for rows, _ in found for row in rows])
    return int(not all(holds for _, holds in found))


if __name__ == "__main__":
    sys.exit(main())
