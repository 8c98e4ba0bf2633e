"""Every number somebody could dispute: one frozen section per domain, overridden by ``governance.yaml``.

Belongs here: thresholds, weights, windows, SLAs, roles, each with unit, bounds, reason and source.
Does not belong here: reading the file (``runtime/settings.py``) or applying a value (a domain's ``rules.py``).

A source is an inventory id (``B16``), followed by ``R`` when the value comes from the origin repository or by ``P`` when
it is this project's proposal.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo


class PolicyError(ValueError):
    """An override that the policy refuses; the message starts with the path of the key."""


def setting(default: Any, *, unit: str, why: str, source: str, **bounds: Any) -> Any:
    """Declare a policy value: its default, unit, reason and source, and its bounds (``ge``, ``gt``, ``le``, ``lt``)."""
    return Field(default=default, description=why, json_schema_extra={"unit": unit, "source": source}, **bounds)


class Section(BaseModel):
    """A frozen group of policy values."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_stand_ins(cls, value: Any, info: ValidationInfo) -> Any:
        # Left to itself pydantic takes true for 1, and 5 for the fifth second of 1970.
        types = _leaves(cls.model_fields[str(info.field_name)].annotation)
        given = list(value) if isinstance(value, list | tuple) else [value]
        if bool not in types and any(isinstance(item, bool) for item in given):
            raise ValueError("true and false are no value here")
        if any(isinstance(item, bytes) for item in given):
            raise ValueError("bytes are no value here")
        if (dt.date in types or dt.datetime in types) and any(_is_number(item) for item in given):
            raise ValueError("a number is no date; write it as 2025-10-20")
        return value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | dt.date) and not isinstance(value, bool) else value


def _leaves(annotation: Any) -> tuple[Any, ...]:
    arms = get_args(annotation)
    return tuple(leaf for arm in arms for leaf in _leaves(arm)) if arms else (annotation,)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(_NUMBER, value.strip()) is not None)


_NUMBER = r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"


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


class IntakePolicy(Section):
    """What arrives, and how much of it may be refused."""

    is_synthetic: bool = setting(False, unit="flag", source="P", why="generated telemetry says so, and every page then says it too")
    max_rejected_share: float = setting(
        0.01,
        unit="fraction",
        ge=0,
        le=1,
        source="P",
        why="more than one refused row in a hundred points at a broken exporter, not at a typing error",
    )
    max_rejected_records_per_file: int = setting(
        1000,
        unit="records",
        ge=1,
        source="P",
        why="beyond this the records repeat each other; the count stays exact, the rest is summed in one record",
    )
    max_columns: int = setting(2000, unit="columns", ge=10, source="P", why="a wider header is a transposed or corrupt file")
    max_text_length: int = setting(
        10_000, unit="characters", ge=100, source="P", why="a longer cell is an embedded document, never an identifier"
    )
    quantile_crossing_tolerance: float = setting(
        1e-9,
        unit="fraction",
        ge=0,
        lt=1,
        source="P",
        why="quantiles that went through text or single precision cross by their last digit; of the value, at least of one",
    )
    max_spend_jump: float = setting(
        50.0,
        unit="ratio",
        gt=1,
        source="P",
        why="public example channels move at most twentyfold within a quarter; cents for units, or units for thousands, move further",
    )
    max_channel_ratio: float = setting(
        100.0,
        unit="ratio",
        gt=1,
        source="P",
        why="channels of public examples lie within a factor of twenty in usual weeks; a unit that is wrong by a thousand cannot",
    )
    spend_past_weeks: int = setting(13, unit="weeks", ge=4, source="P", why="a quarter of a channel's own weeks says what is usual for it")
    spend_recent_weeks: int = setting(4, unit="weeks", ge=1, source="P", why="one small week is a pause; four in a row are another unit")


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
    pairwise_windows: tuple[str, ...] = setting(
        ("since_start",), unit="windows", min_length=1, source="P", why="pairs grow with the square of the models"
    )
    baseline_suffix: str = setting(
        "-baseline", unit="text", source="P", why="the baseline model of a hub is named so; exactly one model must match"
    )
    baseline_model: str | None = setting(None, unit="model id", source="P", why="names the baseline when the suffix does not")
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
        lists = [*(entry.windows for entry in self.strata), self.curve_windows, self.pairwise_windows]
        unknown = sorted({window for windows in lists for window in windows}.union([self.verdict_window]) - set(WINDOWS))
        if unknown:
            raise ValueError(f"unknown window {', '.join(unknown)}; known are {', '.join(WINDOWS)}")
        reported = [f"{entry.stratum} in {window}" for entry in self.strata for window in entry.windows]
        for names in (*lists, [entry.name for entry in self.evaluation_sets], reported):
            _refuse_repeats(names)
        _refuse_repeats(self.sample_levels)
        judged = {window for entry in self.strata if entry.stratum == "overall" and entry.intervals for window in entry.windows}
        if self.verdict_window not in judged:
            raise ValueError(
                f"strata must report overall with intervals in {self.verdict_window}, the verdict window, or nothing is judged"
            )
        return self


def _refuse_repeats(names: Sequence[str] | Sequence[float]) -> None:
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"given twice: {', '.join(repeated)}")


MediaEngine = Literal["bayes", "bayes_logistic", "ridge", "searched_nnls", "seasonal_naive", "trailing_mean"]


class MmmPolicy(Section):
    """How media-mix engines are backtested, and when a backtest is accepted."""

    engines: tuple[MediaEngine, ...] = setting(
        ("bayes", "bayes_logistic", "ridge", "searched_nnls", "seasonal_naive", "trailing_mean"),
        unit="engines",
        min_length=1,
        source="A33 P",
        why="the Bayesian model averaged over curves and with the logistic curve alone, beside baselines that cost nothing",
    )
    judged_engine: MediaEngine = setting("bayes", unit="engine", source="B29 P", why="the engine whose figures budgets rest on")
    baseline_engine: MediaEngine = setting("trailing_mean", unit="engine", source="A33", why="improvement is stated over the trailing mean")
    baselines: tuple[MediaEngine, ...] = setting(
        ("seasonal_naive", "trailing_mean"), unit="engines", min_length=1, source="A27 P", why="what needs no media data to predict"
    )
    min_train_weeks: int = setting(52, unit="weeks", ge=8, source="P", why="with less than a year a season cannot be told from media")
    refit_every_weeks: int = setting(
        13, unit="weeks", ge=1, source="P", why="four refits a year keep a first run of all weeks cheap; 1 refits before every week"
    )
    season_order: int = setting(2, unit="waves", ge=0, le=26, source="P", why="sines and cosines a year, as the public examples have")
    chains: int = setting(4, unit="chains", ge=1, source="P", why="enough starts to see that they agree")
    draws: int = setting(
        256, unit="draws", ge=32, source="P", why="kept of each chain: the median of 1,024 draws is settled to 4 % of its spread"
    )
    confidence: float = setting(0.90, unit="fraction", gt=0.5, lt=1, source="P", why="level of the predictive intervals")
    windows: tuple[Annotated[int, Field(ge=2)], ...] = setting(
        (12, 26), unit="weeks", min_length=1, source="A33", why="twelve windows as in the origin, and half a year"
    )
    judged_window: int = setting(26, unit="weeks", ge=2, source="P", why="half a year of predictions; R² of fewer is mostly noise")
    fold_weeks: int = setting(13, unit="weeks", ge=2, source="A29 P", why="a quarter is a fold")
    min_improvement: float = setting(
        0.05, unit="fraction", ge=0, lt=1, source="A35 R", why="the MAE must be lower than the baseline's by more than this share"
    )
    min_r2: float = setting(0.30, unit="fraction", le=1, source="A27 R", why="out of sample, tenants that do not hang on the weather")
    min_r2_weather: float = setting(0.50, unit="fraction", le=1, source="A27 R", why="out of sample, tenants that hang on the weather")
    weather_sensitive: tuple[str, ...] = setting((), unit="tenants", source="A27", why="tenants whose demand hangs on the weather")
    min_mape_ratio: float = setting(1.10, unit="ratio", ge=0, source="A27 R", why="every baseline's MAPE over the engine's")
    max_r2_gap: float = setting(0.10, unit="fraction", ge=0, source="A27 R", why="R² of two windows in a row that differ more is luck")
    max_mape: float = setting(0.20, unit="fraction", ge=0, source="A27 R", why="limit of the origin's critic")
    fleet_r2: float = setting(0.50, unit="fraction", le=1, source="A29 R", why="a tenant with this R² counts as predicted")
    min_fleet_share: float = setting(0.80, unit="fraction", ge=0, le=1, source="A29 R", why="share of tenants that must be predicted")
    max_fold_r2_std: float = setting(0.15, unit="fraction", ge=0, source="A29 R", why="folds that differ more do not tell the same story")
    max_improvement_change: float = setting(
        0.01, unit="fraction", gt=0, source="A34 R", why="a change of this much against the line before is told"
    )

    @model_validator(mode="after")
    def _judged_is_computed(self) -> MmmPolicy:
        for names in (self.engines, self.baselines, self.windows):
            _refuse_repeats(names)
        missing = sorted({self.judged_engine, self.baseline_engine, *self.baselines} - set(self.engines))
        if missing:
            raise ValueError(f"{', '.join(missing)} is judged or compared with, but not among the engines")
        if self.judged_engine in (self.baseline_engine, *self.baselines):
            raise ValueError(f"{self.judged_engine} is judged and a baseline at once")
        if self.judged_window not in self.windows:
            raise ValueError(f"judged_window {self.judged_window} is not among the windows")
        return self


def _quoted(value: Any) -> Any:
    # YAML 1.1 reads an unquoted 18:00 as the number 1080, in base sixty.
    if isinstance(value, int | float):
        raise ValueError('expected text such as "18:00"; put the time in quotes')
    return value


TimeOfDay = Annotated[str, BeforeValidator(_quoted), Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Workday = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class SprintMilestone(Section):
    """A milestone of the sprint, due on a day counted from its start."""

    name: str = Field(min_length=1, description="Id of the milestone")
    day: int = Field(ge=0, description="Days after the start of the sprint")


class SprintWindow(Section):
    """A stretch of days of the sprint, both ends included."""

    name: str = Field(min_length=1, description="What is done in it")
    first_day: int = Field(ge=0, description="Days after the start of the sprint")
    last_day: int = Field(ge=0, description="Days after the start of the sprint")

    @model_validator(mode="after")
    def _in_order(self) -> SprintWindow:
        if self.last_day < self.first_day:
            raise ValueError(f"window {self.name} ends before it begins")
        return self


class PhaseWeeks(Section):
    """The weeks of a phase of the programme, both ends included, counted from week 0."""

    name: str = Field(min_length=1, description="Id of the phase")
    first_week: int = Field(ge=0, description="Weeks after the start of the programme")
    last_week: int = Field(ge=0, description="Weeks after the start of the programme")


def _phases(*weeks: tuple[int, int]) -> tuple[PhaseWeeks, ...]:
    return tuple(PhaseWeeks(name=f"P{number}", first_week=first, last_week=last) for number, (first, last) in enumerate(weeks))


class CalendarPolicy(Section):
    """When things are due. All times are UTC; a deadline that is a day ends with that day."""

    day_end: TimeOfDay = setting(
        "23:59", unit="UTC time", source="B01 P", why="the last minute that still counts as the day a thing is due"
    )
    holidays: tuple[dt.date, ...] = setting(
        (), unit="dates", source="P", why="days that are no business days although they fall on Monday to Friday; none is named"
    )

    kickoff_weekday: Workday = setting(
        "wednesday", unit="weekday", source="A01 P", why="mid-week leaves room to rebook inside the same review week"
    )
    kickoff_time: TimeOfDay = setting("18:00", unit="UTC time", source="A01 P", why="the hour of the one recorded kickoff")
    kickoff_minutes: int = setting(60, unit="minutes", ge=1, source="A03", why="the agenda adds up to an hour")
    rebook_business_days: int = setting(
        5, unit="business days", ge=1, source="A05", why="a missed kickoff is rebooked within a working week"
    )
    preread_days: int = setting(7, unit="days", ge=1, le=60, source="A08", why="readers get a week")
    sweep_days: int = setting(5, unit="days", ge=1, le=60, source="A10", why="variances are archived in time to be read")
    sweep_tick_days: tuple[Annotated[int, Field(ge=1, le=60)], ...] = setting(
        (7, 5, 3), unit="days", min_length=1, source="A11", why="a sweep that fails on the first day has two more chances"
    )
    sweep_tick_time: TimeOfDay = setting("06:00", unit="UTC time", source="A11", why="after the nightly jobs, before the working day")
    telemetry_max_age_days: int = setting(
        10,
        unit="days",
        ge=1,
        le=60,
        source="A12 P",
        why="a sweep run on time is five to seven days old at the kickoff and must still count",
    )
    product_sync_days: int = setting(3, unit="days", ge=1, le=60, source="A13", why="claims are compared once the sweep is in")
    post_review_days: int = setting(3, unit="days", ge=0, le=60, source="A16", why="decisions reach the roadmap while they are remembered")
    quarter_close_time: TimeOfDay = setting("18:00", unit="UTC time", source="A17", why="end of the last day, with hours left to act")
    interim_rerun_time: TimeOfDay = setting("06:00", unit="UTC time", source="A40", why="the hour of the telemetry sweep")

    backtest_time: TimeOfDay = setting("00:00", unit="UTC time", source="A34 R P", why="the nightly workflow of the origin")
    holdout_time: TimeOfDay = setting("02:00", unit="UTC time", source="B06 P", why="after ingestion")
    calibration_append_time: TimeOfDay = setting("06:30", unit="UTC time", source="B20 P", why="after the night's runs and the sweep")
    sprint_start: dt.date = setting(
        dt.date(2025, 10, 20), unit="date", source="B01 P", why="the day the sprint plan was prepared is its day 0"
    )
    sprint_milestones: tuple[SprintMilestone, ...] = setting(
        tuple(SprintMilestone(name=f"M0.{day}", day=day) for day in (1, 2, 3)),
        unit="days",
        source="B02 B03 B04",
        why="one milestone on each of the first three days",
    )
    sprint_windows: tuple[SprintWindow, ...] = setting(
        (
            SprintWindow(name="design", first_day=0, last_day=1),
            SprintWindow(name="implementation", first_day=1, last_day=4),
            SprintWindow(name="qa", first_day=4, last_day=5),
        ),
        unit="days",
        source="B27",
        why="design is signed off before code, and checked after it; each shares a day with the next",
    )

    sync_weekday: Weekday = setting("monday", unit="weekday", source="C01", why="the week starts from what is recorded")
    sync_time: TimeOfDay = setting("09:00", unit="UTC time", source="C01", why="start of the working day")
    sync_hours: int = setting(2, unit="hours", ge=1, source="C01", why="planned length of the sync")
    sync_overdue_days: int = setting(3, unit="days", ge=1, source="C71", why="later than this the sync is escalated")
    plan_update_weekday: Weekday = setting("friday", unit="weekday", source="C09", why="the week is closed with its learnings")
    plan_update_time: TimeOfDay = setting("16:00", unit="UTC time", source="C09", why="end of the working week")
    plan_update_hours: int = setting(1, unit="hours", ge=1, source="C09", why="planned length of the update")
    plan_update_reminder_time: TimeOfDay = setting("15:00", unit="UTC time", source="C10", why="an hour's notice on the same day")
    plan_update_overdue_days: int = setting(7, unit="days", ge=1, source="C72", why="later than this the update is escalated")
    issue_review_time: TimeOfDay = setting("10:00", unit="UTC time", source="C22", why="on the 1st and the 15th, weekends not shifted")
    issue_review_hours: int = setting(3, unit="hours", ge=1, source="C22", why="planned length of the review")
    issue_reminder_time: TimeOfDay = setting("10:00", unit="UTC time", source="C23 P", why="a day's notice")
    issue_review_overdue_cycles: int = setting(1, unit="cycles", ge=1, source="C73", why="a review missed by a cycle is escalated")

    assessment_time: TimeOfDay = setting("09:00", unit="UTC time", source="C38 P", why="start of the full day, the quarter's last Friday")
    assessment_hours: int = setting(8, unit="hours", ge=1, source="C38", why="a full working day")
    assessment_reminder_days: int = setting(
        21, unit="days", ge=1, le=60, source="C39 P", why="counted from the quarter's end it would come after the process has to start"
    )
    assessment_stages: tuple[Annotated[str, Field(min_length=1)], ...] = setting(
        ("collection", "analysis", "deliverables"),
        unit="weeks",
        min_length=1,
        max_length=8,
        source="C40 P",
        why="one work week each; the last one ends with the assessment, so the first starts the Monday 18 days before it",
    )
    assessment_overdue_days: int = setting(14, unit="days", ge=1, source="C74", why="later than this the assessment is escalated as urgent")
    adjustment_days: int = setting(7, unit="days", ge=1, le=60, source="C60", why="approved adjustments reach the plan within a week")
    cadence_start: dt.date | None = setting(
        None,
        unit="date",
        source="C85 C86 C87 P",
        why="the day the cadence was taken up; its first-week and first-month dates count from it",
    )

    steering_weekday: Weekday = setting("monday", unit="weekday", source="D01 P", why="the plan says weekly and names no day")
    steering_time: TimeOfDay = setting("14:00", unit="UTC time", source="D01 P", why="after the sync of the same day")
    status_time: TimeOfDay = setting("09:00", unit="UTC time", source="D02 P", why="start of each working day")
    programme_start: dt.date | None = setting(
        None, unit="date", source="D62 P", why="first day of week 0; the plan names weeks and no date, so unset means no phase dates"
    )
    phases: tuple[PhaseWeeks, ...] = setting(
        _phases((0, 1), (2, 2), (3, 5), (6, 8), (9, 11), (12, 18), (19, 24)),
        unit="weeks",
        source="D62",
        why="weeks of the seven phases as planned",
    )

    @model_validator(mode="after")
    def _consistent(self) -> CalendarPolicy:
        if max(self.sweep_tick_days) < self.sweep_days:
            raise ValueError("no day of sweep_tick_days is early enough for sweep_days")
        if self.telemetry_max_age_days < self.sweep_days:
            raise ValueError("telemetry_max_age_days is below sweep_days: a sweep done on time would count as stale")
        if not self.preread_days >= self.sweep_days >= self.product_sync_days:
            raise ValueError("preread_days, sweep_days and product_sync_days must not ascend")
        expected = 0
        for phase in self.phases:
            if phase.first_week != expected or phase.last_week < phase.first_week:
                raise ValueError(f"phase {phase.name} must start in week {expected} and not end before it starts")
            expected = phase.last_week + 1
        for names in ([m.name for m in self.sprint_milestones], [w.name for w in self.sprint_windows], [p.name for p in self.phases]):
            _refuse_repeats(names)
        _refuse_repeats(self.assessment_stages)
        return self


def _utc(instant: dt.datetime) -> dt.datetime:
    """An instant without offset is meant as UTC, as everywhere else in the settings."""
    try:
        return instant.astimezone(dt.UTC) if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
    except OverflowError:
        raise ValueError("an instant outside the years 1 to 9999") from None


class ChannelPolicy(Section):
    """One way out for alerts. What is secret is named by environment variables and never written here."""

    name: str = Field(min_length=1, description="Name that routes refer to")
    kind: Literal["console", "file", "slack_webhook", "slack_bot", "sns", "email", "webhook"] = Field(description="How a message leaves")
    target: str = Field(
        default="", description="File path below home; Slack channel id; topic ARN; mail addresses, separated by commas; URL of a webhook"
    )
    server: str = Field(default="", description="Host and port of the mail server; region or endpoint URL of SNS; base URL of Slack's API")
    sender: str = Field(default="", description="Address that mail comes from")
    secret_env: str = Field(
        default="", description="Environment variable with the webhook URL, bot token, signing key or mail password; empty for none"
    )
    user_env: str = Field(default="", description="Environment variable with the user of the mail server; empty for none")


class Route(Section):
    """Which channels carry which messages: the first route that matches is taken."""

    severities: tuple[Literal["error", "warn", "info"], ...] = Field(
        default=("error", "warn", "info"), min_length=1, description="Severities it takes; info are reminders, notices and recoveries"
    )
    kinds: tuple[str, ...] = Field(default=(), description="Kinds of message it takes; empty for all")
    artifacts: tuple[str, ...] = Field(default=(), description="Artifacts it takes; empty for all")
    channels: tuple[str, ...] = Field(min_length=1, description="Names of the channels that carry them")


class RulePriority(Section):
    """The priority of a failure of one rule."""

    rule: str = Field(min_length=1, description="Name of the rule")
    priority: Literal["P0", "P1", "P2", "P3"] = Field(description="Priority of what it opens")


class EscalationStep(Section):
    """What happens when something stays open for too long; each step is taken once."""

    priority: Literal["P0", "P1", "P2", "P3"] = Field(description="Priority of what is open")
    after_hours: float = Field(gt=0, description="Hours it may stay open; on business days only when is_business_time")
    is_business_time: bool = Field(default=False, description="Whether only the hours of business days count")
    role: str = Field(min_length=1, description="Role that is told")
    action: str = Field(min_length=1, description="What that role is asked to do")
    source: str = Field(default="", description="Inventory ids")

    @property
    def text(self) -> str:
        """The step in words, which also tell it from every other step of its priority."""
        time = "business hours" if self.is_business_time else "hours"
        return f"{self.role}: {self.action} ({self.priority}, open for more than {self.after_hours:g} {time})"


class MissedActivity(Section):
    """An activity of the calendar whose absence is escalated."""

    activity: str = Field(min_length=1, description="Id of the calendar's schedule")
    artifact: str = Field(min_length=1, description="Artifact whose entry in the ledger proves that it took place")
    role: str = Field(min_length=1, description="Role that is told when it is overdue")
    is_urgent: bool = Field(default=False, description="Whether the message is marked urgent")
    source: str = Field(default="", description="Inventory ids")

    @property
    def text(self) -> str:
        """What its role is asked to do, in words."""
        return f"{self.role}: see that {self.activity} takes place{' (urgent)' if self.is_urgent else ''}"


class AlertsPolicy(Section):
    """What becomes an alert, who is told, how often and how late."""

    DELIVERY: ClassVar[set[str]] = {
        *("drain_interval_s", "max_attempts", "backoff_s", "max_backoff_s", "suppression_minutes", "max_messages_per_hour"),
        *("quiet_start", "quiet_end", "quiet_severities", "channels", "routes", "site_url"),
        *("reminders", "max_reminder_age_hours", "status_artifacts"),
        *("reconcile_interval_s", "silent_run_minutes", "lookback_days", "max_queue_minutes", "daemon_silence_s", "min_free_gb"),
    }
    """Values that say how a message is sent and its path is watched; no verdict on an artifact depends on them."""

    max_partition_age_days: float = setting(
        35.0,
        unit="days",
        gt=0,
        source="P",
        why="a verdict on a period that ended earlier is news of the past: backfills are recorded and not sent",
    )
    unknown_after_days: float = setting(
        7.0, unit="days", gt=0, source="P", why="facts that are missing for a week do not come by themselves"
    )
    worse_ratio: float = setting(
        0.5, unit="fraction", gt=0, source="P", why="a miss that has grown by half since it was last told is told again"
    )
    drain_interval_s: int = setting(30, unit="seconds", ge=1, source="P", why="an alert leaves within half a minute")
    reconcile_interval_s: int = setting(
        60, unit="seconds", ge=1, source="P", why="a crash is heard of within a minute; each look asks Dagster for the runs of ten"
    )
    max_attempts: int = setting(8, unit="attempts", ge=1, source="P", why="with the backoff below these span about two hours")
    backoff_s: float = setting(60.0, unit="seconds", gt=0, source="P", why="first pause after a failed attempt; it doubles each time")
    max_backoff_s: float = setting(3600.0, unit="seconds", gt=0, source="P", why="a channel that comes back is used within the hour")
    suppression_minutes: float = setting(
        30.0, unit="minutes", ge=0, source="P", why="what flips back and forth is told once in this time, with what happened meanwhile"
    )
    max_messages_per_hour: int = setting(
        20, unit="messages", ge=1, source="P", why="nobody reads more; the rest of the hour comes as one digest"
    )
    quiet_start: TimeOfDay = setting("22:00", unit="UTC time", source="P", why="warnings and reminders wait for the morning")
    quiet_end: TimeOfDay = setting("06:00", unit="UTC time", source="P", why="end of the quiet hours; equal to the start for none")
    quiet_severities: tuple[Literal["error", "warn", "info"], ...] = setting(
        ("info",), unit="severities", source="P", why="only these wait; an error never does"
    )
    late_after_days: float = setting(
        2.0, unit="days", ge=0, source="P", why="a period that has ended has its figures two days later, or somebody is told"
    )
    silent_run_minutes: float = setting(
        60.0, unit="minutes", gt=0, source="P", why="a run without any event for an hour, whose process is gone or cannot be asked, is dead"
    )
    max_queue_minutes: float = setting(
        30.0, unit="minutes", gt=0, source="P", why="a run that waits or starts for longer than this waits for something that does not come"
    )
    daemon_silence_s: float = setting(
        120.0,
        unit="seconds",
        gt=0,
        source="P",
        why="each of Dagster's daemons reports twice a minute; two minutes of silence are no chance",
    )
    min_free_gb: float = setting(
        1.0, unit="GB", ge=0, source="P", why="a commit needs its rows twice for a moment, and a full disk stops alerts as well"
    )
    lookback_days: float = setting(
        7.0, unit="days", gt=0, source="P", why="how far back runs are reconciled when nothing is known of an earlier look"
    )
    error_priority: Literal["P0", "P1", "P2", "P3"] = setting("P1", unit="priority", source="P", why="a failed rule of severity error")
    warn_priority: Literal["P0", "P1", "P2", "P3"] = setting("P2", unit="priority", source="P", why="a failed rule of severity warn")
    rule_priorities: tuple[RulePriority, ...] = setting(
        (RulePriority(rule="ledger_intact", priority="P0"),),
        unit="priorities",
        source="P",
        why="rules whose failure is more, or less, than their severity says",
    )
    escalation: tuple[EscalationStep, ...] = setting(
        (
            EscalationStep(priority="P0", after_hours=24, role="programme_owner", action="call an emergency meeting", source="C75"),
            EscalationStep(priority="P1", after_hours=7 * 24, role="architect", action="step in", source="C76"),
            EscalationStep(priority="P2", after_hours=14 * 24, role="programme_owner", action="set the priority anew", source="C77"),
            EscalationStep(
                priority="P3", after_hours=30 * 24, role="programme_owner", action="review whether it still matters", source="C78"
            ),
        ),
        unit="steps",
        source="C75 C76 C77 C78",
        why="what stays open goes to the next role",
    )
    missed: tuple[MissedActivity, ...] = setting(
        (
            MissedActivity(activity="repository_sync", artifact="repository_sync", role="programme_owner", source="C71"),
            MissedActivity(activity="plan_update", artifact="plan_dashboard", role="programme_owner", source="C72"),
            MissedActivity(activity="issue_review", artifact="issue_report", role="architect", source="C73"),
            MissedActivity(activity="assessment", artifact="scorecard_360", role="programme_owner", is_urgent=True, source="C74"),
        ),
        unit="activities",
        source="C71 C72 C73 C74",
        why="an activity that did not take place is as loud as one that failed; how late is the calendar's",
    )
    reminders: tuple[str, ...] = setting(
        ("plan_update_reminder", "issue_review_reminder", "assessment_reminder"),
        unit="ids of the calendar",
        source="C10 C23 C39",
        why="these are sent when their time comes; the daily status notes are a habit and need no message",
    )
    max_reminder_age_hours: float = setting(
        24.0, unit="hours", gt=0, source="P", why="a reminder that could not be sent for a day is noise: it is recorded and not sent"
    )
    status_artifacts: tuple[str, ...] = setting(
        ("forecast_scores", "calibration_metrics", "relative_skill"),
        unit="artifacts",
        source="B22",
        why="the nightly message tells how these stand; it follows their nightly run",
    )
    channels: tuple[ChannelPolicy, ...] = setting(
        (ChannelPolicy(name="console", kind="console"), ChannelPolicy(name="file", kind="file", target="alerts/alerts.jsonl")),
        unit="channels",
        min_length=1,
        source="C89",
        why="both work with no account and no configuration",
    )
    routes: tuple[Route, ...] = setting(
        (Route(channels=("console", "file")),), unit="routes", min_length=1, source="C89", why="every message has a way out"
    )
    site_url: str = setting("", unit="URL", source="P", why="where the site is served; links are file paths when empty")

    def steps_of(self, priority: str) -> tuple[EscalationStep, ...]:
        """The steps for what has this priority, the earliest first."""
        return tuple(sorted((step for step in self.escalation if step.priority == priority), key=lambda step: step.after_hours))

    @model_validator(mode="after")
    def _every_message_has_a_way(self) -> AlertsPolicy:
        names = [channel.name for channel in self.channels]
        for repeatable in (names, [step.text for step in self.escalation], [one.activity for one in self.missed]):
            _refuse_repeats(repeatable)
        unknown = sorted({name for route in self.routes for name in route.channels} - set(names))
        if unknown:
            raise ValueError(f"routes name unknown channels {', '.join(unknown)}; known are {', '.join(names)}")
        last = self.routes[-1]
        if len(last.severities) < 3 or last.kinds or last.artifacts:
            raise ValueError("the last route must take every message, or some would have no way out; end with one that names channels only")
        return self


class ClockPolicy(Section):
    """The instant a run looks from."""

    as_of: Annotated[dt.datetime, AfterValidator(_utc)] | None = setting(
        None, unit="instant", source="P", why="set only for frozen telemetry such as the sample; else the wall clock is asked"
    )


class Policy(Section):
    """The whole policy, one section per domain."""

    clock: ClockPolicy = Field(default_factory=ClockPolicy)
    calendar: CalendarPolicy = Field(default_factory=CalendarPolicy)
    alerts: AlertsPolicy = Field(default_factory=AlertsPolicy)
    intake: IntakePolicy = Field(default_factory=IntakePolicy)
    calibration: CalibrationPolicy = Field(default_factory=CalibrationPolicy)
    mmm: MmmPolicy = Field(default_factory=MmmPolicy)


def policy_from(overrides: Mapping[str, Any] | None) -> Policy:
    """The policy with ``overrides`` applied.

    A number may carry its unit as ``"14 days"``; the unit must be the declared one. Raises PolicyError naming the path
    of every key that is unknown, out of bounds or in another unit.
    """
    if overrides is None:
        return Policy()
    if not isinstance(overrides, Mapping):
        raise PolicyError(
            f"governance.yaml: found {type(overrides).__name__}, expected sections; write `calibration:` and its keys below it"
        )
    problems: list[str] = []
    plain = _without_units(Policy, overrides, "", problems)
    try:
        policy = Policy.model_validate(plain)
    except ValidationError as error:
        problems += _refusals(error)
    if problems:
        raise PolicyError("; ".join(problems))
    return policy


def digest(policy: Policy) -> str:
    """SHA-256 of every value of the policy that a verdict can depend on, in a fixed order."""
    return hashlib.sha256(judging_text(policy).encode()).hexdigest()


def judging_text(policy: Policy) -> str:
    """The values that judge, as canonical JSON. How an alert is sent judges nothing: a new channel makes no verdict stale."""
    judging = policy.model_dump(mode="json", exclude={"alerts": AlertsPolicy.DELIVERY})
    return json.dumps(judging, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def catalogue(policy: Policy) -> Iterator[dict[str, str]]:
    """One entry a value: path, value, unit, bounds, source and reason."""
    for name, section in policy:
        for key, field in type(section).model_fields.items():
            extra = _extra(field)
            yield {
                "path": f"{name}.{key}",
                "value": json.dumps(section.model_dump(mode="json")[key], ensure_ascii=False),
                "unit": str(extra.get("unit", "")),
                "bounds": ", ".join(text for mark in field.metadata if (text := _bound(mark))),
                "source": str(extra.get("source", "")),
                "why": field.description or "",
            }


_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def _bound(mark: Any) -> str:
    """A bound in signs, a pattern as it is, nothing for a mark that only converts."""
    if pattern := getattr(mark, "pattern", None):
        return f"matches {pattern}"
    return next((f"{sign} {getattr(mark, name)}" for name, sign in _SIGNS.items() if hasattr(mark, name)), "")


_WITH_UNIT = re.compile(rf"\s*({_NUMBER})\s+(\S.*?)\s*", re.DOTALL)
_SHOWN = 80
"""Characters of a refused value that a message repeats."""


def _without_units(section: type[BaseModel], overrides: Mapping[Any, Any], path: str, problems: list[str]) -> dict[str, Any]:
    """``overrides`` with ``"14 days"`` as ``"14"``; what cannot be used is told in ``problems`` and left out."""
    plain: dict[str, Any] = {}
    for key, value in overrides.items():
        here = f"{path}{_key(key)}"
        field = section.model_fields.get(key) if isinstance(key, str) else None
        if field is None:
            problems.append(f"{here}: unknown key; known here are {', '.join(sorted(section.model_fields))}")
            continue
        nested = field.annotation if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel) else None
        if nested is not None and value is None:  # a section whose every line is commented out
            continue
        if nested is not None and isinstance(value, Mapping):
            plain[key] = _without_units(nested, value, f"{here}.", problems)
        else:
            before = len(problems)
            number = _in_unit(value, field, here, problems)
            if len(problems) == before:
                plain[key] = number
    return plain


def _in_unit(value: Any, field: FieldInfo, path: str, problems: list[str]) -> Any:
    if not {int, float} & {leaf for leaf in _leaves(field.annotation) if isinstance(leaf, type)}:
        return value
    if isinstance(value, list | tuple):
        return [_in_unit(item, field, f"{path}.{number}", problems) for number, item in enumerate(value)]
    match = _WITH_UNIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    unit = _extra(field).get("unit", "")
    if match[2] != unit:
        problems.append(f"{path}: found unit {_shortened(repr(match[2]))}, expected {unit}; write the value in {unit}")
    return match[1]


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _refusals(error: ValidationError) -> list[str]:
    details = error.errors()
    # A list whose entries are refused is also told to be too short; that says nothing new.
    return [
        _refusal(detail)
        for detail in details
        if not (detail["type"] == "too_short" and any(_is_within(other["loc"], detail["loc"]) for other in details))
    ]


def _is_within(path: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


_WORDS = {"extra_forbidden": "unknown key", "model_type": "expected keys and values below it", "dict_type": "expected keys and values"}


def _refusal(detail: Any) -> str:
    path = ".".join(_key(part) for part in detail["loc"]) or "governance.yaml"
    message = _WORDS.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    message = f"{message[0].lower()}{message[1:]}"
    if detail["type"] == "value_error" and isinstance(detail["input"], Mapping):  # several values that do not fit together
        return f"{path}: {message}"
    return f"{path}: found {_shortened(repr(detail['input']))}, {message}"


def _key(key: Any) -> str:
    text = str(key)
    return _shortened(text if text.isprintable() else repr(key))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
