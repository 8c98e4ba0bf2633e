"""Generated telemetry with known truth: three models and a baseline forecast an autoregressive world.

Belongs here: the random world, the models' exact forecast distributions, the planted defects and the truth about all of
them, as frames. Does not belong here: writing files (``runtime/telemetry_writer.py``).

The logarithm of a location's weekly orders is a known season plus a first-order autoregression, so the distribution of
every future value given today is known in closed form. A model that states that distribution is calibrated, not merely
tuned to look so, and the coverage of every distorted model follows from the normal distribution.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from governance_assets import sample_cadence, sample_media, sample_plan, sample_registry

SEED = 1
"""Any seed gives the truth stated here; at this one the calibrated model also passes in every week of the latest closed quarter."""
AS_OF = dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC)
TARGET = "weekly_orders"
LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
HORIZONS = (1, 2, 3, 4)
LOCATIONS = tuple(f"region-{number:02d}" for number in range(1, 17))
FIRST_REFERENCE_DATE = dt.date(2024, 1, 7)
REFERENCE_WEEKS = 104

PERSISTENCE = 0.7
SHOCK = 0.025
SEASON = 0.12
SMALLEST_LEVEL, LARGEST_LEVEL = 12_000, 60_000

ENSEMBLE_WEEKS = 30
ENSEMBLE_MEMBERS = 50

LATE_ENTRY_DATES = (dt.date(2025, 11, 30), dt.date(2025, 12, 7))
LATE_OBSERVATION_DATE = dt.date(2025, 11, 9)
REVISED_DATES = (dt.date(2025, 11, 30), dt.date(2025, 12, 7))
REVISION_DATE = dt.date(2025, 12, 18)
UNDERCOUNT = 0.85
CUT_MODEL, CUT_DATE, CUT_HORIZON = "boreas", dt.date(2025, 12, 14), 1
CUT_LEVELS = (LEVELS[0], LEVELS[-1])

_WEEK = dt.timedelta(days=7)
_NORMAL = NormalDist()
_DIGITS = 9
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Distortion:
    """How stated quantiles differ from the true ones: width times ``spread``, all moved up by ``shift`` true deviations."""

    spread: float = 1.0
    shift: float = 0.0

    def share_at_or_below(self, level: float) -> float:
        """Probability that the value falls at or below the stated quantile of ``level``."""
        return _NORMAL.cdf(self.shift + self.spread * _NORMAL.inv_cdf(level))

    def coverage(self, nominal: float) -> float:
        """Probability that the value falls inside the stated central interval."""
        return self.share_at_or_below((1 + nominal) / 2) - self.share_at_or_below((1 - nominal) / 2)


@dataclass(frozen=True)
class Model:
    """A model of the sample: what it knows, how it distorts that, and from when on otherwise."""

    name: str
    planted: str
    is_conditional: bool = True
    distortion: Distortion = Distortion()
    drift_date: dt.date | None = None
    drifted: Distortion = Distortion()

    def distortion_on(self, reference_date: dt.date) -> Distortion:
        """The distortion in force on a reference date."""
        return self.drifted if self.drift_date is not None and reference_date >= self.drift_date else self.distortion


MODELS = (
    Model("atlas", "well calibrated: states the exact distribution given today"),
    Model("boreas", "overconfident: the exact centre, intervals 0.6 times as wide as they should be", distortion=Distortion(spread=0.6)),
    Model(
        "castor",
        "drifting: exact until the drift date, then 0.8 deviations too high and intervals 0.8 times as wide",
        drift_date=dt.date(2025, 6, 15),
        drifted=Distortion(spread=0.8, shift=0.8),
    ),
    Model("seasonal-baseline", "ignores today: the long-run distribution of the week, right on average only", is_conditional=False),
)
BASELINE = MODELS[-1]
ENSEMBLE_MODELS = (MODELS[0], BASELINE)


@dataclass(frozen=True)
class World:
    """The values that came true: one row a week from the first reference date on, one column a location."""

    dates: tuple[dt.date, ...]
    centre: Values
    state: Values

    @cached_property
    def observed(self) -> Values:
        """The weekly orders, whole numbers."""
        return np.round(np.exp(self.centre[: len(self.state)] + self.state))


@dataclass(frozen=True)
class Sample:
    """Telemetry as frames, file by file, with the truth about it."""

    quantile_forecasts: pa.Table
    sample_forecasts: pa.Table
    observations: pa.Table
    tables: Mapping[str, pa.Table]
    texts: Mapping[str, bytes]
    truth: Mapping[str, Any]


def generate(seed: int = SEED) -> Sample:
    """The whole sample of one seed; the same seed gives the same values."""
    world_stream, ensemble_stream, broken_stream, media_stream = np.random.default_rng(seed).spawn(4)
    world = _world(world_stream)
    quantiles = pa.concat_tables([_quantile_forecasts(world, model) for model in MODELS])
    ensemble = pa.concat_tables([_ensemble(world, model, ensemble_stream) for model in ENSEMBLE_MODELS])
    observations = _observations(world)
    late, late_rejects = _late_entries(quantiles)
    first, first_rejects = _first_observations(observations)
    broken = b"PAR1" + broken_stream.bytes(4096)
    texts = {
        "forecasts/late-entries.csv": late,
        "forecasts/upload-interrupted.parquet": broken,
        "observations/observations.csv": first,
        "observations/revisions-2025-12.csv": _csv(_revisions(observations)),
    }
    media, media_truth = sample_media.generate(media_stream)
    texts |= {"media/media.yaml": sample_media.MEDIA_YAML.encode()} | {f"media/{name}.csv": _csv(table) for name, table in media.items()}
    governed, governed_truth = sample_registry.generate()
    planned, snapshots, plan_truth = sample_plan.generate()
    held, cadence_truth = sample_cadence.generate()
    texts |= governed | planned | held
    rejects = [*late_rejects, _UNREADABLE, *first_rejects]
    truth = _truth(seed, observations, rejects) | {"media": media_truth, "governed": governed_truth, "plan": plan_truth} | cadence_truth
    return Sample(quantiles, ensemble, observations, _files(quantiles, ensemble) | snapshots, texts, truth)


def reference_dates() -> list[dt.date]:
    """Sundays on which the models forecast, oldest first."""
    return [FIRST_REFERENCE_DATE + week * _WEEK for week in range(REFERENCE_WEEKS)]


def deviation(model: Model, horizon: int) -> float:
    """Standard deviation of the logarithm that an undistorted model states ``horizon`` weeks ahead."""
    stationary = SHOCK**2 / (1 - PERSISTENCE**2)
    return float(np.sqrt(stationary * (1 - PERSISTENCE ** (2 * horizon)) if model.is_conditional else stationary))


def _world(random: np.random.Generator) -> World:
    weeks = REFERENCE_WEEKS + 1
    dates = tuple(FIRST_REFERENCE_DATE + week * _WEEK for week in range(REFERENCE_WEEKS + max(HORIZONS)))
    levels = np.geomspace(SMALLEST_LEVEL, LARGEST_LEVEL, len(LOCATIONS))
    phases = np.linspace(0, np.pi / 2, len(LOCATIONS))
    days = np.array([(date - FIRST_REFERENCE_DATE).days for date in dates])
    centre = np.log(levels) + SEASON * np.sin(2 * np.pi * days[:, None] / 365.25 + phases)
    shocks = random.standard_normal((weeks, len(LOCATIONS))) * SHOCK
    state = np.empty_like(shocks)
    state[0] = shocks[0] / np.sqrt(1 - PERSISTENCE**2)
    for week in range(1, weeks):
        state[week] = PERSISTENCE * state[week - 1] + shocks[week]
    return World(dates, centre, state)


def _stated(world: World, model: Model, week: int, scores: Values) -> Values:
    """Values a model states for standard normal ``scores``: horizon × location × score."""
    distortion = model.distortion_on(world.dates[week])
    stated = []
    for position, horizon in enumerate(HORIZONS):
        known = PERSISTENCE**horizon * world.state[week] if model.is_conditional else 0.0
        moved = distortion.shift + distortion.spread * scores[position]
        stated.append(np.exp((world.centre[week + horizon] + known)[:, None] + deviation(model, horizon) * moved))
    return np.round(np.stack(stated))


def _quantile_forecasts(world: World, model: Model) -> pa.Table:
    scores = np.array([_NORMAL.inv_cdf(level) for level in LEVELS])
    everywhere = np.broadcast_to(scores, (len(HORIZONS), len(LOCATIONS), len(LEVELS)))
    weeks = range(REFERENCE_WEEKS)
    predicted = np.stack([_stated(world, model, week, everywhere) for week in weeks])
    return _long(model, [world.dates[week] for week in weeks], "quantile_level", pa.array(LEVELS), predicted)


def _ensemble(world: World, model: Model, random: np.random.Generator) -> pa.Table:
    """Stratified draws: one from each of equally likely slices, shuffled, so that few members carry the whole distribution."""
    weeks = range(REFERENCE_WEEKS - ENSEMBLE_WEEKS, REFERENCE_WEEKS)
    shape = (len(weeks), len(HORIZONS), len(LOCATIONS), ENSEMBLE_MEMBERS)
    slices = random.permuted(np.broadcast_to(np.arange(ENSEMBLE_MEMBERS), shape), axis=-1)
    # A draw of exactly 0 would have no normal score; random() includes 0 and excludes 1.
    shares = (slices + 1 - random.random(shape)) / ENSEMBLE_MEMBERS
    scores = np.vectorize(_NORMAL.inv_cdf, otypes=[float])(np.minimum(shares, 1 - 1e-12))
    predicted = np.stack([_stated(world, model, week, scores[position]) for position, week in enumerate(weeks)])
    members = pa.array([str(number) for number in range(1, ENSEMBLE_MEMBERS + 1)])
    return _long(model, [world.dates[week] for week in weeks], "sample_id", members, predicted)


def _long(model: Model, dates: Sequence[dt.date], label: str, labels: pa.Array, predicted: Values) -> pa.Table:
    """One row a value of ``predicted``, an array of week × horizon × location × label."""
    week, horizon, location, position = (axis.ravel() for axis in np.indices(predicted.shape))
    starts = np.array(dates, dtype="datetime64[D]")[week]
    steps = np.array(HORIZONS)[horizon]
    return pa.table(
        {
            "model_id": pa.repeat(pa.scalar(model.name), predicted.size),
            "reference_date": pa.array(starts),
            "horizon": pa.array(steps, pa.int64()),
            "target": pa.repeat(pa.scalar(TARGET), predicted.size),
            "location": pa.array(LOCATIONS).take(pa.array(location)),
            "target_end_date": pa.array(starts + 7 * steps),
            label: labels.take(pa.array(position)),
            "predicted": pa.array(predicted.ravel()),
        }
    )


def _observations(world: World) -> pa.Table:
    """Every value in its final version."""
    week, location = (axis.ravel() for axis in np.indices(world.observed[1:].shape))
    ends = np.array(world.dates[1 : len(world.observed)], dtype="datetime64[D]")[week]
    return pa.table(
        {
            "target_end_date": pa.array(ends),
            "location": pa.array(LOCATIONS).take(pa.array(location)),
            "target": pa.repeat(pa.scalar(TARGET), ends.size),
            "observed": pa.array(world.observed[1:].ravel()),
        }
    )


def _is_late(observations: pa.Table) -> pa.ChunkedArray:
    where = pc.is_in(observations["location"], value_set=pa.array(LOCATIONS[:2]))
    return pc.and_(where, pc.equal(observations["target_end_date"], LATE_OBSERVATION_DATE))


def _is_revised(observations: pa.Table) -> pa.ChunkedArray:
    where = pc.is_in(observations["location"], value_set=pa.array(LOCATIONS[3:9]))
    return pc.and_(where, pc.is_in(observations["target_end_date"], value_set=pa.array(REVISED_DATES)))


def _undercounted(observed: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.round(pc.multiply(observed, UNDERCOUNT))


def _first_observations(observations: pa.Table) -> tuple[bytes, list[dict[str, Any]]]:
    """The values as they stood the day after their week, with one not yet counted and one on an impossible date."""
    on_time = observations.filter(pc.invert(_is_late(observations)))
    observed = pc.if_else(_is_revised(on_time), _undercounted(on_time["observed"]), on_time["observed"])
    arrived = pc.add(on_time["target_end_date"].cast(pa.timestamp("s")), pa.scalar(dt.timedelta(days=1), pa.duration("s")))
    first = on_time.set_column(3, "observed", observed).append_column("as_of", arrived.cast(pa.date32()))
    lines = _csv(first).splitlines(keepends=True)
    pending = len(lines)
    lines[-1] = f"{AS_OF.date() - dt.timedelta(days=1)},{LOCATIONS[-1]},{TARGET},pending,{AS_OF.date()}\n".encode()
    lines.append(f"2025-02-30,{LOCATIONS[0]},{TARGET},12000,2025-06-02\n".encode())
    file = "observations/observations.csv"
    return b"".join(lines), [
        _reject(
            file, [pending], "observed", "pending", "a word where a number belongs: the newest week of one location is not counted yet"
        ),
        _reject(file, [pending + 1], "target_end_date", "2025-02-30", "a day that does not exist"),
    ]


def _revisions(observations: pa.Table) -> pa.Table:
    """The values that came or changed after their day."""
    rows = observations.filter(pc.or_(_is_late(observations), _is_revised(observations)))
    return rows.append_column("as_of", pa.repeat(pa.scalar(REVISION_DATE), rows.num_rows))


def _is_late_entry(forecasts: pa.Table) -> pa.ChunkedArray:
    when = pc.is_in(forecasts["reference_date"], value_set=pa.array(LATE_ENTRY_DATES))
    return pc.and_(pc.equal(forecasts["model_id"], BASELINE.name), when)


def _is_cut(forecasts: pa.Table) -> pa.ChunkedArray:
    """The outermost levels that one delivery lacks for its nearest week; every delivery after it is whole again."""
    which = pc.and_(pc.equal(forecasts["model_id"], CUT_MODEL), pc.equal(forecasts["reference_date"], CUT_DATE))
    levels = pc.is_in(forecasts["quantile_level"], value_set=pa.array(CUT_LEVELS))
    return pc.and_(pc.and_(which, pc.equal(forecasts["horizon"], CUT_HORIZON)), levels)


_BAD_ENTRIES = (
    # horizon 5 is forecast nowhere else, so refusing these rows takes nothing from the sound ones
    ("quantile_level", "1.5", "a level outside (0, 1)", (("2026-01-11", "region-01", "1.5", "15000"),)),
    ("predicted", "n/a", "a word where a number belongs", (("2026-01-11", "region-02", "0.5", "n/a"),)),
    ("predicted", "inf", "an infinite value", (("2026-01-11", "region-03", "0.5", "inf"),)),
    ("target_end_date", "2025-13-12", "a month that does not exist", (("2025-13-12", "region-04", "0.5", "16000"),)),
    (
        "predicted",
        "18000, 16000, 14000",
        "quantiles that fall as their level rises",
        tuple(("2026-01-11", "region-05", level, value) for level, value in (("0.1", "18000"), ("0.5", "16000"), ("0.9", "14000"))),
    ),
)


def _late_entries(quantiles: pa.Table) -> tuple[bytes, list[dict[str, Any]]]:
    """Two weeks of the baseline, entered by hand: sound rows, then bad ones."""
    lines = [_csv(quantiles.filter(_is_late_entry(quantiles)))]
    last = lines[0].count(b"\n")
    rejects = []
    for column, found, reason, rows in _BAD_ENTRIES:
        for end, location, level, value in rows:
            lines.append(f"{BASELINE.name},{LATE_ENTRY_DATES[-1]},5,{TARGET},{location},{end},{level},{value}\n".encode())
        numbers = list(range(last + 1, last + 1 + len(rows)))
        rejects.append(_reject("forecasts/late-entries.csv", numbers, column, found, reason))
        last += len(rows)
    return b"".join(lines), rejects


def _reject(file: str, rows: list[int], column: str | None, found: str, reason: str) -> dict[str, Any]:
    scope = "file" if not rows else "row" if len(rows) == 1 else "task"
    return {"file": file, "scope": scope, "rows": rows, "column": column, "found": found, "reason": reason}


_UNREADABLE = _reject(
    "forecasts/upload-interrupted.parquet", [], None, "no footer", "an upload that broke off: starts like Parquet, is none"
)


def _csv(table: pa.Table) -> bytes:
    """Plain comma-separated lines; no value of the sample needs quoting."""
    out = io.StringIO()
    out.write(",".join(table.column_names) + "\n")
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        out.write(",".join(f"{value:.10g}" if isinstance(value, float) else str(value) for value in row) + "\n")
    return out.getvalue().encode()


def _files(quantiles: pa.Table, ensemble: pa.Table) -> dict[str, pa.Table]:
    """Forecasts by quarter of their reference date; the weeks entered by hand are left to their own file, the cut levels to none."""
    files = {}
    on_time = quantiles.filter(pc.invert(pc.or_(_is_late_entry(quantiles), _is_cut(quantiles))))
    quarters = pc.binary_join_element_wise(
        pc.year(on_time["reference_date"]).cast(pa.string()), pc.quarter(on_time["reference_date"]).cast(pa.string()), "-Q"
    )
    for quarter in sorted(pc.unique(quarters).to_pylist()):
        files[f"forecasts/quantiles-{quarter}.parquet"] = on_time.filter(pc.equal(quarters, quarter))
    files["forecasts/ensemble-2025.parquet"] = ensemble
    return files


def _truth(seed: int, observations: pa.Table, rejects: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "note": "Synthetic. Everything below is known by construction; realised shares differ from it by sampling error only.",
        "seed": seed,
        "as_of": AS_OF.isoformat(),
        "world": {
            "process": "log(observed) = log(level) + season + state; state is AR(1), independent between locations",
            "persistence": PERSISTENCE,
            "shock_deviation": SHOCK,
            "season_amplitude": SEASON,
            "rounding": "values are rounded to whole orders, which moves a coverage by less than 0.002",
        },
        "reference_dates": [str(FIRST_REFERENCE_DATE), str(reference_dates()[-1])],
        "reference_weeks": REFERENCE_WEEKS,
        "models": {model.name: _model_truth(model) for model in MODELS},
        "ensemble": {
            "models": [model.name for model in ENSEMBLE_MODELS],
            "members": ENSEMBLE_MEMBERS,
            "reference_dates": [str(reference_dates()[-ENSEMBLE_WEEKS]), str(reference_dates()[-1])],
            "draws": "stratified: one from each of equally likely slices of its model's distribution",
        },
        "late_entries": {
            "model": BASELINE.name,
            "reference_dates": [str(date) for date in LATE_ENTRY_DATES],
            "file": "forecasts/late-entries.csv",
        },
        "cut_delivery": _cut_truth(),
        "revisions": _revision_truth(observations),
        "not_observed_yet": [{"target_end_date": str(AS_OF.date() - dt.timedelta(days=1)), "location": LOCATIONS[-1]}],
        "rejected": rejects,
    }


def _cut_truth() -> dict[str, Any]:
    week = _monday(CUT_DATE + CUT_HORIZON * _WEEK)
    return {
        "model": CUT_MODEL,
        "reference_date": str(CUT_DATE),
        "horizon": CUT_HORIZON,
        "missing_levels": list(CUT_LEVELS),
        "missing_rows": len(CUT_LEVELS) * len(LOCATIONS),
        "rule": "levels_are_complete",
        "fails_in_week": str(week),
        "passes_in_week": str(week + _WEEK),
    }


def _model_truth(model: Model) -> dict[str, Any]:
    truth: dict[str, Any] = {"planted": model.planted, **_distortion_truth(model.distortion)}
    if not model.is_conditional:
        truth["kind"] = "baseline for scaled relative skill; its coverage is right on average, and its misses come in runs"
    if model.drift_date is not None:
        truth["drift"] = {
            "first_reference_date": str(model.drift_date),
            "first_week_touched": str(_monday(model.drift_date + HORIZONS[0] * _WEEK)),
            "first_week_wholly_drifted": str(_monday(model.drift_date + HORIZONS[-1] * _WEEK)),
            **_distortion_truth(model.drifted),
        }
    return truth


def _distortion_truth(distortion: Distortion) -> dict[str, Any]:
    paired = [level for level in LEVELS if level > 1 / 2]
    return {
        "spread": distortion.spread,
        "shift": distortion.shift,
        "interval_coverage": {
            f"{round(100 * (2 * level - 1))}": round(distortion.coverage(2 * level - 1), _DIGITS) for level in reversed(paired)
        },
        "share_at_or_below": {f"{level}": round(distortion.share_at_or_below(level), _DIGITS) for level in LEVELS},
    }


def _revision_truth(observations: pa.Table) -> list[dict[str, Any]]:
    late, revised = _is_late(observations).to_pylist(), _is_revised(observations).to_pylist()
    firsts = _undercounted(observations["observed"]).to_pylist()
    return [
        {
            "target_end_date": str(row["target_end_date"]),
            "location": row["location"],
            "first": None if is_late else first,
            "revised": row["observed"],
            "as_of": str(REVISION_DATE),
        }
        for row, is_late, is_revised, first in zip(observations.to_pylist(), late, revised, firsts, strict=True)
        if is_late or is_revised
    ]


def _monday(date: dt.date) -> dt.date:
    return date - dt.timedelta(days=date.weekday())
