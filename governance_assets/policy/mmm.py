"""How media-mix engines are backtested, and when a backtest is accepted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting

MediaEngine = Literal["bayes", "bayes_logistic", "bayes_wide", "ridge", "searched_nnls", "seasonal_naive", "trailing_mean"]
ForeignEngine = Literal["pymc_marketing"]


class ExpectedSign(Section):
    """The sign that an effect must have."""

    name: str = Field(min_length=1, description="Name of the control or channel")
    sign: Literal["+", "-"] = Field(description="+ or -")
    tenant: str | None = Field(default=None, description="Whose; every tenant's when not named")


class RollingEngine(Section):
    """An engine that is fitted to the last weeks only, and forgets those before."""

    engine: MediaEngine = Field(description="Which engine")
    weeks: int = Field(ge=8, description="Weeks it is fitted to")
    refit_every_weeks: int = Field(default=13, ge=1, description="Weeks from one fit to the next")

    @property
    def name(self) -> str:
        """What its predictions are called."""
        return f"{self.engine}_last_{self.weeks}"


class MmmPolicy(Section):
    """How media-mix engines are backtested, and when a backtest is accepted."""

    engines: tuple[MediaEngine, ...] = setting(
        ("bayes", "bayes_logistic", "ridge", "searched_nnls", "seasonal_naive", "trailing_mean"),
        unit="engines",
        min_length=1,
        source="A33 P",
        why="the Bayesian model averaged over curves and with the logistic curve alone, beside baselines that cost nothing; bayes_wide "
        "predicts no better: on 20 tenants of worlds that no engine knows 91 % of weeks lie in the 90 % intervals of either",
    )
    rolling: tuple[RollingEngine, ...] = setting(
        (RollingEngine(engine="bayes_logistic", weeks=52),),
        unit="engines",
        source="A33 P",
        why="a model of the last year alone shows when older weeks do harm; 12 weeks refitted weekly, as in the origin, are too few for a "
        "model of several channels, which then says so",
    )
    foreign_engines: tuple[ForeignEngine, ...] = setting(
        (), unit="engines", source="B29 P", why="engines in an interpreter of their own; a fit takes 25 s and more, so none is run unasked"
    )
    foreign_memory_mb: int = setting(16_384, unit="MB", ge=512, source="B29 P", why="address space one fit may use before it is ended")
    foreign_seconds: int = setting(1800, unit="s", ge=1, source="B29 P", why="time one fit may take before it is ended")
    max_observed_difference: float = setting(
        0.01,
        unit="fraction",
        ge=0,
        source="B29 P",
        why="a saved run whose target differs more from the telemetry was made for another target or unit, and its errors mean nothing",
    )
    judged_engine: MediaEngine = setting("bayes", unit="engine", source="B29 P", why="the engine whose figures budgets rest on")
    refit_engine: MediaEngine = setting(
        "bayes",
        unit="engine",
        source="B29 P",
        why="the engine of quarterly refits, of ROI and budgets. On 20 tenants of worlds that no engine knows the 90 % intervals of bayes "
        "held 54 % of true returns (standard error 6), those of bayes_wide 93 % (4), for 0.9 s of processor time a refit against 0.15 s",
    )
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

    kept_draws: int = setting(
        512, unit="draws", ge=64, source="P", why="recorded of a refit, evenly from all chains: half to choose a split on, half to judge it"
    )
    contribution_weeks: int = setting(
        104, unit="weeks", ge=1, source="P", why="two years of contributions show a season twice; older ones stand in earlier refits"
    )
    current_weeks: int = setting(13, unit="weeks", ge=1, source="P", why="a quarter is what is spent now; single weeks are flights")
    optimum_draws: int = setting(
        128, unit="draws", ge=16, source="P", why="draws that are split each for itself: enough for the ends of an interval"
    )
    optimum_steps: int = setting(64, unit="steps", ge=8, source="P", why="of a channel's range in these splits: shares to one in a hundred")
    max_roi_move: float = setting(
        0.35, unit="fraction", gt=0, source="P", why="a return that moves further between refits turns the same budget upside down"
    )
    max_contribution_move: float = setting(0.05, unit="fraction", gt=0, source="P", why="of the target; more is another story of last year")
    max_optimal_move: float = setting(
        0.20, unit="fraction", gt=0, source="P", why="share of the budget; a plan that jumps further at each refit cannot be followed"
    )
    least_contribution_share: float = setting(
        0.005, unit="fraction", ge=0, lt=1, source="P", why="below half a per cent of the target a channel has vanished"
    )
    sign_confidence: float = setting(
        0.98,
        unit="fraction",
        gt=0.5,
        lt=1,
        source="A27 P",
        why="wide, because many signs are looked at: one in a hundred is wrong by chance",
    )
    expected_signs: tuple[ExpectedSign, ...] = setting(
        (), unit="signs", source="A27", why="signs of controls that are known beforehand, and of channels that must not be +"
    )
    max_published_difference: float = setting(
        0.05, unit="fraction", ge=0, source="A14 P", why="published figures are rounded; more than one in twenty is another figure"
    )
    shift_run_length: float = setting(
        200.0, unit="weeks", ge=100, le=1000, source="A34 P", why="mean weeks until the watch over errors raises a false alarm: four years"
    )
    max_r_hat: float = setting(1.05, unit="ratio", gt=1, source="P", why="chains that differ more have not drawn from one posterior")

    @model_validator(mode="after")
    def _judged_is_computed(self) -> MmmPolicy:
        for names in (self.engines, self.baselines, self.windows, tuple(one.name for one in self.rolling), self.foreign_engines):
            refuse_repeats(names)
        missing = sorted({self.judged_engine, self.baseline_engine, *self.baselines} - set(self.engines))
        if missing:
            raise ValueError(f"{', '.join(missing)} is judged or compared with, but not among the engines")
        if self.judged_engine in (self.baseline_engine, *self.baselines):
            raise ValueError(f"{self.judged_engine} is judged and a baseline at once")
        if self.judged_window not in self.windows:
            raise ValueError(f"judged_window {self.judged_window} is not among the windows")
        return self
