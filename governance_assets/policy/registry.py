"""What makes a model material, how often it must be validated, and what a challenger must show before it is promoted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting
from governance_assets.policy.mmm import MediaEngine

Exposure = Literal["low", "medium", "high"]
Purpose = Literal["explore", "inform", "decide"]


class Materiality(Section):
    """The tier of models of one exposure and one purpose; tier 1 is the most material."""

    exposure: Exposure = Field(description="How much money hangs on the model")
    purpose: Purpose = Field(description="What its figures are used for: to look around, to inform people, or to decide")
    tier: int = Field(ge=1, description="Tier; 1 is the most material")


class ValidationCycle(Section):
    """How long a validation of models of one tier holds."""

    tier: int = Field(ge=1, description="Tier; 1 is the most material")
    days: int = Field(ge=1, description="Days from one validation to the next")


def _tiers() -> tuple[Materiality, ...]:
    grid: dict[Exposure, tuple[int, int, int]] = {"low": (3, 3, 2), "medium": (3, 2, 1), "high": (2, 1, 1)}
    purposes: tuple[Purpose, ...] = ("explore", "inform", "decide")
    return tuple(
        Materiality(exposure=exposure, purpose=purpose, tier=tier)
        for exposure, tiers in grid.items()
        for purpose, tier in zip(purposes, tiers, strict=True)
    )


class PurposeWords(Section):
    """Words of an intended use that tell its purpose."""

    purpose: Purpose = Field(description="The purpose")
    words: tuple[str, ...] = Field(min_length=1, description="Beginnings of words, in lower case")


class RegistryPolicy(Section):
    """What makes a model material, how often it must be validated, and what a challenger must show before it is promoted."""

    materiality: tuple[Materiality, ...] = setting(
        _tiers(), unit="tiers", min_length=1, source="B30 P", why="exposure times purpose: what decides over much money is looked at most"
    )
    validation_cycles: tuple[ValidationCycle, ...] = setting(
        tuple(ValidationCycle(tier=tier, days=days) for tier, days in ((1, 182), (2, 365), (3, 730))),
        unit="days",
        min_length=1,
        source="P",
        why="half a year, a year and two years, by tier",
    )
    first_validation_days: int = setting(
        30, unit="days", ge=0, source="P", why="a model that was never validated is validated within a month of its registration"
    )
    year_weeks: int = setting(52, unit="weeks", ge=1, source="P", why="exposure is the spend of a year")
    min_exposure_spend: tuple[Annotated[float, Field(gt=0)], ...] = setting(
        (100_000.0, 2_000_000.0),
        unit="currency",
        min_length=2,
        max_length=2,
        source="P",
        why="media spend of the last year from which exposure is medium, and from which it is high",
    )
    purpose_words: tuple[PurposeWords, ...] = setting(
        (
            PurposeWords(purpose="decide", words=("decid", "decision", "allocat", "release", "set ")),
            PurposeWords(purpose="inform", words=("inform", "report", "plan", "monitor")),
            PurposeWords(purpose="explore", words=("explor", "research", "try", "trial")),
        ),
        unit="words",
        min_length=1,
        source="P",
        why="the first purpose, in this order, with a word in the intended use counts: the more material reading wins",
    )
    pipeline_purpose: Purpose = setting("decide", unit="purpose", source="P", why="budgets are proposed from media-mix models fitted here")
    pipeline_intended_use: str = setting(
        "Decide how a media budget is split over channels from one quarter to the next.",
        unit="text",
        min_length=1,
        source="B30 P",
        why="what the media-mix models fitted here are for",
    )
    pipeline_limitations: str = setting(
        "Assumes that nothing unmeasured drives both spend and sales; says nothing of spend beyond what was seen, nor of single days.",
        unit="text",
        min_length=1,
        source="B30 P",
        why="what every observational media-mix model leaves open",
    )
    pipeline_owner: str = setting("modelling_lead", unit="role", min_length=1, source="B30 P", why="owns the models that are fitted here")
    pipeline_validator: str = setting(
        "data_quality_steward", unit="role", min_length=1, source="B30 P", why="somebody who did not build the model"
    )
    pipeline_approver: str = setting("director", unit="role", min_length=1, source="B30 P", why="decides on the use of models")
    primary_engines: tuple[str, ...] = setting(
        ("bayes", "bayes_logistic", "lightweightmmm", "pymc-marketing", "meridian", "robyn"),
        unit="engines",
        min_length=1,
        source="B29 P",
        why="media-mix engines with adstock and saturation; any other is a fallback and is flagged",
    )
    seen_weeks: int = setting(
        13, unit="weeks", ge=1, source="P", why="a model without telemetry for a quarter is in use no longer, and need not be registered"
    )

    retrained_engines: tuple[MediaEngine, ...] = setting(
        ("bayes",), unit="engines", min_length=1, source="C81 P", why="the engine whose figures budgets rest on is retrained every week"
    )
    retrain_min_weeks: int = setting(52, unit="weeks", ge=8, source="P", why="with less than a year a season cannot be told from media")
    retrain_season_order: int = setting(2, unit="waves", ge=0, le=26, source="P", why="as in the backtest")
    retrain_chains: int = setting(2, unit="chains", ge=1, source="P", why="enough starts to see that they agree, every week")
    retrain_draws: int = setting(
        128, unit="draws", ge=32, source="P", why="kept of each chain: medians settled to a tenth of their spread, at a weekly price"
    )
    retrain_confidence: float = setting(0.90, unit="fraction", gt=0.5, lt=1, source="P", why="level of the intervals of ROI")
    max_r_hat: float = setting(1.05, unit="ratio", ge=1, source="P", why="chains of so few draws that agree less say nothing of each other")

    promotion_window: int = setting(26, unit="weeks", ge=2, source="P", why="half a year of predictions of both, on the same weeks")
    min_promotion_gain: float = setting(
        0.02, unit="fraction", ge=0, lt=1, source="B30 P", why="a challenger that is no better by this share of CRPS is not worth a change"
    )
    max_roi_change: float = setting(
        0.30, unit="fraction", gt=0, source="P", why="ROI of a channel that moves more between refits moves budgets for no reason"
    )
    nominal_coverage: float = setting(0.90, unit="fraction", gt=0.5, lt=1, source="P", why="level of the predictive intervals")
    max_coverage_below: float = setting(0.05, unit="fraction", ge=0, lt=1, source="B16 R", why="intervals that are too narrow mislead most")
    max_coverage_above: float = setting(0.10, unit="fraction", ge=0, lt=1, source="B16 R", why="intervals that are too wide say little")

    gap_families: tuple[str, ...] = setting(
        ("pacing", "price_rules", "inventory", "customer_mix", "air_quality", "pollen", "holidays", "macro", "experiments"),
        unit="families",
        source="B31",
        why="families of signals named as gaps; the target is that all are closed",
    )
    gap_signals: tuple[str, ...] = setting(
        (
            "marketing_delivery_diagnostics",
            "price_rule_changes",
            "inventory_levels",
            "customer_type_segments",
            "air_quality_signals",
            "pollen_index",
            "holiday_calendar",
            "macro_indicators",
            "marketing_experiments",
        ),
        unit="signals",
        source="B31 R",
        why="the signal of the catalogue that closes each of these families, in the same order",
    )
    min_feature_coverage: float = setting(
        0.80, unit="fraction", ge=0, le=1, source="B31 P", why="share of catalogued signals that are available; the origin had 45 %"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> RegistryPolicy:
        cells = [f"{one.exposure} × {one.purpose}" for one in self.materiality]
        tiers = [str(one.tier) for one in self.validation_cycles]
        for names in (cells, tiers, self.primary_engines, self.retrained_engines, self.gap_families, self.gap_signals):
            refuse_repeats(names)
        missing = sorted({str(one.tier) for one in self.materiality} - set(tiers))
        if missing:
            raise ValueError(f"validation_cycles says nothing of tier {', '.join(missing)}")
        if self.min_exposure_spend[0] >= self.min_exposure_spend[1]:
            raise ValueError("min_exposure_spend must rise from medium to high")
        if len(self.gap_families) != len(self.gap_signals):
            raise ValueError(f"{len(self.gap_families)} gap_families and {len(self.gap_signals)} gap_signals; name one signal a family")
        if len({self.pipeline_owner, self.pipeline_validator, self.pipeline_approver}) < 3:
            raise ValueError("owner, validator and approver of the pipeline's models must be three roles")
        return self

    def tier(self, exposure: str | None, purpose: str | None) -> int | None:
        """Materiality of an exposure and a purpose; None when either is unknown."""
        return next((one.tier for one in self.materiality if (one.exposure, one.purpose) == (exposure, purpose)), None)

    def purpose(self, intended_use: str | None) -> str | None:
        """The purpose that an intended use names; None when it names none."""
        text = (intended_use or "").lower()
        return next((one.purpose for one in self.purpose_words if any(word in text for word in one.words)), None)

    def exposure(self, year_spend: float) -> Exposure:
        """How much hangs on a media-mix model, by the spend of a year."""
        medium, high = self.min_exposure_spend
        return "low" if year_spend < medium else "medium" if year_spend < high else "high"

    def cycle_days(self, tier: int) -> int:
        """Days for which a validation of this tier holds."""
        return next(one.days for one in self.validation_cycles if one.tier == tier)
