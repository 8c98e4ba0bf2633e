"""Columns of the models that are governed, of their weekly retraining, of promotions, of demos and of the catalogue of features."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

_NOT_FITTED = "the engine could not be fitted; see problem"
_NOT_STATED = "not stated"


class WeeklyRetraining(
    Contract,
    artifact="weekly_retraining",
    grain="week",
    key=("week", "tenant", "engine"),
    owner="modelling_lead",
):
    """One engine fitted anew to everything known of a tenant at the end of the week: the challenger that it registers."""

    week: dt.date = field("Monday of the last week the engine was fitted to")
    tenant: str = field("Whose media are modelled")
    engine: str = field("Engine of the policy")
    version: str = field("Name of this fit: the engine and the week")
    first_week: dt.date = field("Monday of the earliest week it was fitted to")
    train_weeks: int = field("Weeks it was fitted to", unit="weeks", ge=1)
    data_sha256: str = field("SHA-256 of the rows it was fitted to")
    features: str = field("Channels, controls and events of the fit, as a JSON object of lists")
    priors: str = field("Prior distributions by parameter, as a JSON object")
    roi: str = field("Median and central interval of the return on investment of each channel over all weeks, as a JSON object")
    noise: float | None = field("Posterior median of the noise, in the unit of the target", ge=0, null=_NOT_FITTED)
    r_hat: float | None = field("Largest split R-hat of contributions, coefficients and noise: 1 when chains agree", ge=0, null=_NOT_FITTED)
    year_spend: float = field("Spend of the last 52 weeks, in the currency of the tenant", ge=0)
    left_out: str = field("Channels and controls that never varied and were left out, separated by commas")
    problem: str | None = field("Why it could not be fitted", null="it was fitted")


class ModelRegistry(
    Contract,
    artifact="model_registry",
    grain="week",
    key=("week", "model_id", "version"),
    owner="modelling_lead",
):
    """One version of one governed model as it stood at the end of the week."""

    week: dt.date = field("Monday of the week at whose end it stood so")
    model_id: str = field("The model: media_mix/ and the tenant for models fitted here, else the name in telemetry or registration")
    version: str = field("Version of the model; empty when telemetry shows a model without one")
    kind: str = field("What it predicts: media_mix, forecast, or as registered")
    origin: Literal["pipeline", "registration", "telemetry"] = field(
        "Fitted here, registered by its owner, or only seen in telemetry: then nobody answers for it"
    )
    engine: str | None = field("What fits it", null=_NOT_STATED)
    is_fallback: bool | None = field(
        "Whether a media-mix model is fitted by another engine than the primary ones", null="no media-mix model, or no engine is stated"
    )
    features: str | None = field("Inputs of the model", null=_NOT_STATED)
    priors: str | None = field("Prior distributions", null=_NOT_STATED)
    params: str | None = field("Parameters as fitted", null=_NOT_STATED)
    metrics: str | None = field("Metrics as stated at registration, or of the newest backtest, as a JSON object", null=_NOT_STATED)
    data_sha256: str | None = field("SHA-256 of the data it was fitted to", null=_NOT_STATED)
    git_revision: str | None = field("Commit of the code that fitted it", null="not stated; the ledger has that of what is fitted here")
    created_at: dt.datetime | None = field("When the version was made", null=_NOT_STATED)
    intended_use: str | None = field("What it may be used for", null=_NOT_STATED)
    limitations: str | None = field("What it cannot do", null=_NOT_STATED)
    exposure: str | None = field("How much hangs on it: low, medium or high", null=_NOT_STATED)
    purpose: str | None = field("What its figures are for: explore, inform or decide", null=_NOT_STATED)
    tier: int | None = field("Materiality by exposure and purpose; 1 is the most material", ge=1, null="exposure or purpose is unknown")
    owner_role: str | None = field("Role that answers for it", null="nobody does")
    validator_role: str | None = field("Role that validates it", null="nobody does")
    approver_role: str | None = field("Role that approves its use", null="nobody does")
    validated_on: dt.date | None = field("Date of the last validation of the model", null="it was never validated")
    validation_due_on: dt.date | None = field("Date by which it must be validated", null="the tier is unknown, or it is retired")
    status: Literal["incumbent", "challenger", "candidate", "retired", "unregistered"] = field(
        "In use, compared with what is in use, tried, in use no longer; unregistered when only telemetry shows it"
    )
    is_seen: bool = field("Whether the telemetry of the week, or of the weeks just before it, holds predictions of it")


class PromotionDecisions(
    Contract,
    artifact="promotion_decisions",
    grain="week",
    key=("week", "model_id", "challenger"),
    owner="modelling_lead",
):
    """One challenger against the incumbent of its model: three conditions, all of which a promotion needs."""

    week: dt.date = field("Monday of the last week compared")
    model_id: str = field("Model")
    incumbent: str | None = field("Version in use", null="none is")
    challenger: str = field("Version that would take over")
    is_refit: bool = field("Whether it is a refit of the method in use, which takes over at the next refit, and no other method")
    incumbent_score: float | None = field(
        "CRPS of the incumbent on weeks that both predicted, in the unit of the target", null="no such week"
    )
    challenger_score: float | None = field("CRPS of the challenger on the same weeks", null="no such week")
    n_weeks: int = field("Weeks that both predicted and that were observed", unit="weeks", ge=0)
    gain: float | None = field("1 less the challenger's CRPS over the incumbent's", unit="fraction", le=1, null="no such week")
    is_backtest_better: bool | None = field("Whether the gain is enough", null="too few weeks")
    roi_change: float | None = field(
        "Largest relative change of a channel's ROI between refits of the challenger",
        unit="fraction",
        ge=0,
        null="its ROI is not known over refits",
    )
    is_roi_stable: bool | None = field("Whether that is small enough", null="it is not known")
    coverage: float | None = field("Share of observed values inside the challenger's interval", unit="fraction", ge=0, le=1, null="no week")
    is_interval_sound: bool | None = field("Whether that is close enough to the nominal coverage", null="too few weeks")
    decision: Literal["promote", "keep", "unknown"] = field("promote only if all three hold; keep if one does not; else unknown")
    reason: str = field("The conditions that do not hold or are not known, in words")


class DemoArtifacts(
    Contract,
    artifact="demo_artifacts",
    grain="week",
    key=("week", "model_id"),
    owner="product_operations",
):
    """The demo of one tenant's model: which version it shows, and its summary."""

    week: dt.date = field("Monday of the week")
    model_id: str = field("Model the demo is of")
    registered_version: str = field("Newest registered version of the model")
    demo_version: str | None = field("Version that the demo shows", null="no demo was ever made")
    blocked_by: str | None = field("Why the demo of the newest version was not made", null="it was made")
    summary: str | None = field("Text of its SUMMARY.md, Markdown", null="no demo was ever made")


class FeatureCoverage(
    Contract,
    artifact="feature_coverage",
    grain="week",
    key=("week", "category"),
    owner="data_quality_steward",
):
    """How many of a category's catalogued signals are available; one row, named all, over all categories."""

    week: dt.date = field("Monday of the week at whose end the catalogue stood so")
    category: str = field("Category of the catalogue, or all")
    available: int = field("Signals that are available", unit="signals", ge=0)
    gaps: int = field("Signals that are a gap", unit="signals", ge=0)
    coverage: float = field("Available over all signals", unit="fraction", ge=0, le=1)
    open_signals: str = field("Ids of the gaps, separated by commas")
    open_families: str = field("Families of the policy that are not closed, separated by commas; only in the row named all")
