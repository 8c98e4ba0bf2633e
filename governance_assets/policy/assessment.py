"""How the quarter's assessment is scored and decided."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting

Direction = Literal["higher", "lower", "near"]


class ScorePoint(Section):
    """A breakpoint of a score curve."""

    tolerances: float = Field(ge=0, description="Distance from the target, in tolerances of the metric")
    score: float = Field(ge=0, le=100, description="Score at that distance")


class AssessedMetric(Section):
    """A metric of one dimension: its target, and how far off it still counts."""

    name: str = Field(min_length=1, description="Name; a stakeholder signal of this name states it where nothing computes it")
    dimension: str = Field(min_length=1, description="Dimension it belongs to")
    direction: Direction = Field(description="Whether higher, lower, or near the target is better")
    target: float = Field(description="Value that scores 100, in the unit of the metric; near: the lower end")
    upper_target: float | None = Field(default=None, description="near: the upper end of what scores 100; none for the target alone")
    tolerance: float = Field(gt=0, description="Distance from the target to the limit, in the unit of the metric; flips are counted in it")
    unit: str = Field(default="fraction", description="Unit of the metric")
    weight: float = Field(default=1.0, ge=0, description="Weight within its dimension")
    least: float | None = Field(default=None, description="Smallest value it can take; none without a bound")
    most: float | None = Field(default=None, description="Largest value it can take; none without a bound")
    is_score: bool = Field(default=False, description="Whether the value is a share that is the score itself, from 0 to 1")
    source: str = Field(default="", description="Inventory ids")

    @model_validator(mode="after")
    def _in_order(self) -> AssessedMetric:
        if self.least is not None and self.most is not None and self.most <= self.least:
            raise ValueError(f"metric {self.name}: most must be above least")
        if self.upper_target is not None and (self.direction != "near" or self.upper_target < self.target):
            raise ValueError(f"metric {self.name}: upper_target goes with direction near, and is not below target")
        return self


class Criterion(Section):
    """A success criterion: a metric and the limit it must keep."""

    name: str = Field(min_length=1, description="What must be true, in words")
    metric: str = Field(min_length=1, description="Metric that is held against the limit")
    limit: float = Field(description="The limit, in the unit of the metric")
    is_floor: bool = Field(description="Whether the metric must be at least the limit; else at most")


def _metric(name: str, dimension: str, direction: Direction, target: float, tolerance: float, **rest: object) -> AssessedMetric:
    return AssessedMetric.model_validate(
        {"name": name, "dimension": dimension, "direction": direction, "target": target, "tolerance": tolerance} | rest
    )


_SHARE: dict[str, object] = {"least": 0.0, "most": 1.0}
_COUNT: dict[str, object] = {"least": 0.0}
_DIMENSIONS = ("goal_alignment", "technical_gaps", "budget_timeline", "success_criteria", "risk", "stakeholders", "industry")


class AssessmentPolicy(Section):
    """How the quarter's assessment is scored and decided."""

    dimensions: dict[str, Annotated[float, Field(ge=0)]] = setting(
        dict.fromkeys(_DIMENSIONS, 1.0),
        unit="relative weight",
        min_length=1,
        source="C41 C47 C48 P",
        why="the documents name no weights: equal ones",
    )
    curve: tuple[ScorePoint, ...] = setting(
        tuple(ScorePoint(tolerances=at, score=score) for at, score in ((0, 100), (1, 90), (2, 70), (3, 50), (5, 0))),
        unit="points",
        min_length=2,
        source="C48 P",
        why="a metric at its limit, one tolerance off its target, scores 90, where continue ends; two off 70, three 50, as the rows do",
    )
    metrics: tuple[AssessedMetric, ...] = setting(
        (
            _metric("goal_alignment", "goal_alignment", "higher", 1.0, 0.10, is_score=True, source="C41", **_SHARE),
            _metric("strategic_drift", "goal_alignment", "lower", 0.0, 0.10, source="C41", **_SHARE),
            _metric("out_of_sample_r2", "goal_alignment", "higher", 0.60, 0.10, most=1.0, source="C41 A27 A28"),
            _metric("interval_coverage", "goal_alignment", "near", 0.80, 0.05, source="C41 B16", **_SHARE),
            _metric("feature_completeness", "technical_gaps", "higher", 1.0, 0.10, source="C42 B31 P", **_SHARE),
            _metric("critical_gaps", "technical_gaps", "lower", 0.0, 1.0, unit="gaps", source="C42", **_COUNT),
            _metric("gap_share", "technical_gaps", "lower", 0.0, 0.10, source="C57", **_COUNT),
            _metric("tech_debt", "technical_gaps", "lower", 0.0, 0.10, source="C42", **_SHARE),
            _metric("budget_variance", "budget_timeline", "near", 0.0, 0.15, least=-1.0, source="C43 C58"),
            _metric("timeline_variance", "budget_timeline", "near", 0.0, 0.20, least=-1.0, source="C43 C58"),
            _metric("roi", "budget_timeline", "higher", 0.0, 0.25, least=-1.0, source="C43"),
            _metric("criteria_met", "success_criteria", "higher", 1.0, 0.20, source="C44", **_SHARE),
            _metric("open_high_risks", "risk", "lower", 0.0, 5.0, unit="risks", source="C45", **_COUNT),
            _metric("mitigation_coverage", "risk", "higher", 1.0, 0.05, source="C45 P", **_SHARE),
            _metric("contingency_share", "risk", "higher", 0.15, 0.05, source="C45 P", **_COUNT),
            _metric("satisfaction", "stakeholders", "higher", 10.0, 2.0, unit="of 10", least=0.0, most=10.0, source="C46"),
            _metric("utilisation", "stakeholders", "near", 0.60, 0.10, upper_target=0.80, source="C46 P", **_COUNT),
            _metric("dependency_uptime", "stakeholders", "higher", 1.0, 0.01, source="C46", **_SHARE),
            _metric("competitive_percentile", "industry", "higher", 1.0, 0.25, source="C47", **_SHARE),
            _metric("new_techniques", "industry", "near", 1.0, 0.5, upper_target=2.0, unit="a quarter", source="C47 P", **_COUNT),
            _metric("regime_fit", "industry", "higher", 1.0, 0.10, is_score=True, source="C47", **_SHARE),
        ),
        unit="metrics",
        min_length=1,
        source="C41 C42 C43 C44 C45 C46 C47",
        why="the metrics the cadence names for each dimension, its limits one tolerance off the ideal",
    )
    criteria: tuple[Criterion, ...] = setting(
        (
            Criterion(name="out-of-sample R² of at least 0.50", metric="out_of_sample_r2", limit=0.50, is_floor=True),
            Criterion(name="budget within 15 % of the estimate", metric="budget_variance", limit=0.15, is_floor=False),
            Criterion(name="timeline within 20 % of the plan", metric="timeline_variance", limit=0.20, is_floor=False),
            Criterion(name="no critical gap", metric="critical_gaps", limit=0.0, is_floor=False),
            Criterion(name="satisfaction above 8 of 10", metric="satisfaction", limit=8.0, is_floor=True),
            Criterion(name="dependencies up 99 % of the time", metric="dependency_uptime", limit=0.99, is_floor=True),
        ),
        unit="criteria",
        source="C44 C66 C69 P",
        why="one for each measurable promise; a criterion that is taken out is listed as obsolete, one that is added as new",
    )
    min_continue: float = setting(
        90.0, unit="points", ge=0, le=100, source="C49 C50", why="above it the plan goes on; at it tactics are adjusted"
    )
    min_adjust: float = setting(
        70.0, unit="points", ge=0, le=100, source="C50 C51 P", why="at it tactics are adjusted, below it strategy turns"
    )
    min_pivot: float = setting(50.0, unit="points", ge=0, le=100, source="C51 C52 P", why="at it strategy turns, below it work pauses")
    major_gap_share: float = setting(
        0.10, unit="fraction", gt=0, lt=1, source="C57 P", why="above it gaps are major and a remediation plan is due"
    )
    moderate_gap_share: float = setting(0.05, unit="fraction", gt=0, lt=1, source="C55 P", why="half of what calls for a remediation plan")
    max_overrun: float = setting(0.25, unit="fraction", gt=0, source="C54", why="above it scope is reduced or funding secured")
    max_budget_variance: float = setting(0.15, unit="fraction", gt=0, source="C58", why="above it, up or down, an adjustment is proposed")
    max_timeline_variance: float = setting(
        0.20, unit="fraction", gt=0, source="C58 P", why="above it, up or down, an adjustment is proposed"
    )
    r2_observations: int = setting(
        4, unit="quarters", ge=3, le=12, source="C53 P", why="three falls need four observations, on windows that do not overlap"
    )
    r2_significance: float = setting(
        0.10, unit="probability", gt=0, lt=0.5, source="C53 P", why="two-sided p of the slope over these observations"
    )
    r2_window: str = setting("trailing_12", unit="window", source="C53 P", why="the longest backtest window that lies within a quarter")
    r2_engine: str = setting("bayes", unit="engine", source="B29 P", why="the engine whose figures budgets rest on")
    coverage_window: str = setting("trailing_26", unit="window", source="B16 P", why="the shortest window with a verdict on coverage")
    max_signal_age_days: int = setting(100, unit="days", ge=1, source="C46 P", why="a quarterly survey, and a week to hold it in")
    gap_words: tuple[str, ...] = setting(
        ("gap", "missing"), unit="words", min_length=1, source="B31", why="states of a catalogued feature that is not there"
    )
    critical_words: tuple[str, ...] = setting(
        ("p0", "critical"), unit="words", min_length=1, source="C42 P", why="priorities of a late plan item that make the gap critical"
    )
    closed_risk_words: tuple[str, ...] = setting(
        ("resolved", "closed", "accepted"), unit="words", min_length=1, source="C45 P", why="states of a risk that is no longer open"
    )
    mitigated_words: tuple[str, ...] = setting(
        ("mitigated", "mitigating"), unit="words", min_length=1, source="C45 P", why="states of a risk that say something is done about it"
    )
    risk_levels: dict[str, Annotated[int, Field(ge=1)]] = setting(
        {"low": 1, "medium": 2, "moderate": 2, "high": 3, "critical": 4, "confirmed": 4},
        unit="levels",
        source="C45 P",
        why="the registers' words for impact and probability, in order; a confirmed risk has come true",
    )
    high_risk: int = setting(
        6, unit="impact times probability", ge=1, source="C45 P", why="high times medium: from here a risk counts as high"
    )
    band: float = setting(0.90, unit="fraction", gt=0.5, lt=1, source="C48 P", why="level of the band around the alignment")
    draws: int = setting(2000, unit="draws", ge=200, source="P", why="the ends of the band are settled to a tenth of a point")
    band_trials: int = setting(300, unit="trials", ge=50, source="P", why="simulated bands that say how often such a band holds")
    max_flip_facts: int = setting(2, unit="metrics", ge=1, le=3, source="P", why="the smallest single change, else the smallest pair")
    min_coverage: float = setting(
        0.50, unit="fraction", ge=0, le=1, source="C59 P", why="with less of the weight known the score says little"
    )
    deciding_role: str = setting(
        "programme_owner", unit="role", source="C60 C79", why="level 3 results stay pending until this role approves"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> AssessmentPolicy:
        refuse_repeats([metric.name for metric in self.metrics])
        refuse_repeats([criterion.name for criterion in self.criteria])
        if missing := sorted({metric.dimension for metric in self.metrics} - self.dimensions.keys()):
            raise ValueError(f"no weight for dimension {', '.join(missing)}")
        names = {metric.name for metric in self.metrics}
        if missing := sorted({criterion.metric for criterion in self.criteria} - names):
            raise ValueError(f"criteria rest on {', '.join(missing)}, which is no metric")
        if not self.min_pivot < self.min_adjust < self.min_continue:
            raise ValueError("min_pivot, min_adjust and min_continue must ascend")
        if self.moderate_gap_share >= self.major_gap_share:
            raise ValueError("moderate_gap_share must be below major_gap_share")
        at, scores = [point.tolerances for point in self.curve], [point.score for point in self.curve]
        if at[0] != 0 or sorted(set(at)) != at or sorted(scores, reverse=True) != scores:
            raise ValueError("curve must start at 0 tolerances, ascend in them, and not rise in score")
        return self
