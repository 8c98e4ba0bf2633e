"""When a stated uncertainty holds, and where it is reported."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | dt.date) and not isinstance(value, bool) else value


class EvaluationSet(Section):
    """A named filter over forecasts: for each column, the values that are kept."""

    # YAML reads horizons as numbers and dates as dates; columns are compared as text.
    name: str = Field(min_length=1, description="Name shown beside every score of the set")
    filters: dict[str, tuple[Annotated[str, BeforeValidator(_as_text)], ...]] = Field(
        default_factory=dict, description="Column to accepted values as text; every column must match"
    )


class StratumWindows(Section):
    """For one stratum column, the windows and metrics that are reported."""

    stratum: str = Field(min_length=1, description="A column of the scores, overall, or * for every column not named")
    windows: tuple[str, ...] = Field(min_length=1, description="Names of windows: week, trailing_4, …, quarter_to_date, since_start")
    metrics: tuple[str, ...] = Field(default=(), description="Names of the metrics reported; empty for every metric")
    intervals: bool = Field(default=True, description="Whether coverages get an interval and a verdict")


_CORE_METRICS = ("wis", "crps", "ae_median", "bias", "interval_coverage_50", "interval_coverage_80", "interval_coverage_95")
_BREAKDOWN_METRICS = (
    *_CORE_METRICS,
    *("overprediction", "underprediction", "dispersion", "mae", "rmse", "mape", "relative_bias", "sharpness"),
)
_REVIEW_WINDOWS = ("trailing_26", "quarter_to_date", "since_start")
WINDOWS = ("week", "trailing_4", "trailing_13", "trailing_26", "trailing_52", "quarter_to_date", "since_start")


def refuse_unknown_windows(windows: Iterable[str]) -> None:
    """Raise ValueError for the name of a window that is none."""
    unknown = sorted(set(windows) - set(WINDOWS))
    if unknown:
        raise ValueError(f"unknown window {', '.join(unknown)}; known are {', '.join(WINDOWS)}")


class CalibrationPolicy(Section):
    """When a stated uncertainty holds."""

    nominal_coverage: float = setting(
        0.80, unit="fraction", gt=0, lt=1, source="B15", why="the 10–90 % interval is the one the reports publish"
    )
    max_shortfall: float = setting(
        0.05, unit="fraction", ge=0, lt=1, source="B16 R", why="below nominal by more than this the intervals promise too much"
    )
    max_excess: float = setting(
        0.10, unit="fraction", ge=0, lt=1, source="B16 R", why="above nominal by more than this the intervals are too wide to be useful"
    )
    min_weeks: int = setting(
        26, unit="weeks", ge=4, source="B16 P", why="with fewer weeks no interval for a coverage keeps its promise under serial dependence"
    )
    confidence: float = setting(0.90, unit="fraction", gt=0.5, lt=1, source="P", why="level of the intervals drawn around coverages")
    verdict_window: str = setting(
        "trailing_26", unit="window", source="P", why="half a year is the shortest window that holds the least number of weeks"
    )
    min_release_coverage: float = setting(0.75, unit="fraction", ge=0, le=1, source="B17 R", why="release gate of the origin")
    max_release_mape: float = setting(0.10, unit="fraction", ge=0, source="B17 R", why="release gate of the origin")
    max_release_relative_bias: float = setting(0.01, unit="fraction", ge=0, source="B17 R", why="release gate of the origin")
    max_append_gap_days: float = setting(
        1.0, unit="days", gt=0, source="B20", why="the history gets one line a day; a longer gap is a silent job"
    )
    drift_recent_weeks: int = setting(13, unit="weeks", ge=4, source="P", why="a quarter of weeks is compared with everything before it")
    drift_min_past_weeks: int = setting(26, unit="weeks", ge=8, source="P", why="a model's own past must itself be judgeable")
    max_coverage_drift: float = setting(
        0.05, unit="fraction", ge=0, source="P", why="a fall smaller than the shortfall limit cannot by itself break the verdict"
    )
    drift_significance: float = setting(
        0.01,
        unit="probability",
        gt=0,
        lt=0.5,
        source="P",
        why="judged every week, a looser level would fire by chance several times a year",
    )
    sample_levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = setting(
        (0.01, 0.025, *(i / 20 for i in range(1, 20)), 0.975, 0.99),
        unit="quantile levels",
        min_length=1,
        source="P",
        why="the 23 levels of the public forecast hubs: coverages of samples then compare with those of quantiles",
    )
    max_date_age_weeks: int = setting(
        53,
        unit="weeks",
        ge=1,
        source="P",
        why="scores of single dates settle: those of the last year are repeated every week, older ones stand in theirs",
    )
    curve_windows: tuple[str, ...] = setting(
        ("trailing_26", "since_start"), unit="windows", min_length=1, source="B15", why="a curve of fewer weeks is mostly noise"
    )
    pit_bins: int = setting(10, unit="bins", ge=2, le=100, source="B15", why="deciles: fine enough to show a shape, coarse enough to fill")
    evaluation_sets: tuple[EvaluationSet, ...] = setting(
        (EvaluationSet(name="all"),),
        unit="filters",
        min_length=1,
        source="B15",
        why="scores are comparable only inside a named set of tasks",
    )
    strata: tuple[StratumWindows, ...] = setting(
        (
            StratumWindows(stratum="overall", windows=("week", *_REVIEW_WINDOWS)),
            StratumWindows(stratum="overall", windows=("trailing_4", "trailing_13", "trailing_52"), metrics=_BREAKDOWN_METRICS),
            StratumWindows(stratum="horizon", windows=("week", *_REVIEW_WINDOWS), metrics=_BREAKDOWN_METRICS),
            StratumWindows(stratum="location", windows=("since_start",), metrics=_CORE_METRICS, intervals=False),
            StratumWindows(stratum="reference_date", windows=("since_start",), metrics=_CORE_METRICS, intervals=False),
            StratumWindows(stratum="target_end_date", windows=("since_start",), metrics=_CORE_METRICS, intervals=False),
            StratumWindows(stratum="*", windows=_REVIEW_WINDOWS, metrics=_BREAKDOWN_METRICS),
        ),
        unit="windows",
        min_length=1,
        source="D44",
        why="every stratum once over all history; the short windows where a person would look weekly; * stands for any further column",
    )

    @model_validator(mode="after")
    def _known_windows(self) -> CalibrationPolicy:
        lists = [*(entry.windows for entry in self.strata), self.curve_windows]
        refuse_unknown_windows([*itertools.chain(*lists), self.verdict_window])
        reported = [f"{entry.stratum} in {window}" for entry in self.strata for window in entry.windows]
        for names in (*lists, [entry.name for entry in self.evaluation_sets], reported):
            refuse_repeats(names)
        refuse_repeats(self.sample_levels)
        judged = {window for entry in self.strata if entry.stratum == "overall" and entry.intervals for window in entry.windows}
        if self.verdict_window not in judged:
            raise ValueError(
                f"strata must report overall with intervals in {self.verdict_window}, the verdict window, or nothing is judged"
            )
        return self

    def reported(self, columns: Iterable[str], hidden: str = "") -> Iterator[StratumWindows]:
        """The strata that are reported of tasks with these columns; ``*`` stands for any that is neither named nor ``hidden``."""
        present = [*columns]
        named = {entry.stratum for entry in self.strata} | {hidden}
        for entry in self.strata:
            for stratum in [name for name in present if name not in named] if entry.stratum == "*" else [entry.stratum]:
                if stratum in present:
                    yield entry.model_copy(update={"stratum": stratum})
