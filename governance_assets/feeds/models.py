"""Rows about models and the machine: metric values, timings, registered models, proposals of the allocator, catalogued features.

Belongs here: columns, units and what null means. Does not belong here: limits (policy) or what a metric means (its domain).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.feeds.base import Row, cell

_MODEL = ("model", "model_name")
_AT = ("at", "timestamp", "generated_at", "time", "created_at")


class ModelRuns(
    Row,
    feed="model_runs",
    folder="runs",
    key=("model_id", "model_version", "run_id", "series", "metric", "split", "horizon", "window_end", "instant"),
    dated=("instant",),
    is_single=True,
):
    """One value of one metric of one model at an instant."""

    instant: dt.datetime = cell("Instant the value is of, UTC", also=(*_AT, "date"))
    model_id: str = cell("Model", also=_MODEL)
    metric: str = cell("Metric in lower case, such as r2, mae, wmape, coverage", also=("metric_name",))
    value: float = cell("Its value, in the unit of the row", also=("metric_value",))
    unit: str = cell("Unit of the value; fraction where nothing is said", default="fraction")
    series: str = cell("What it was measured on: a pair, tenant or segment", also=("pair", "tenant", "segment", "tenant_id"), default="")
    model_version: str | None = cell("Version of the model", also=("version",), null="not stated")
    run_id: str | None = cell("Run that made it", also=("run",), null="not stated")
    split: str | None = cell("Part of the data: train, validation, test, live", also=("dataset", "part"), null="not stated")
    horizon: int | None = cell("Forecast horizon", unit="steps", null="none, or all together")
    window_start: dt.date | None = cell("First day it covers", also=("train_start",), null="not stated")
    window_end: dt.date | None = cell("Last day it covers", also=("holdout",), null="not stated")
    n: int | None = cell("Values it was computed from", unit="values", also=("sample_size", "count"), null="not stated", ge=0)
    stderr: float | None = cell("Standard error of the value, in its unit", also=("std_error", "se"), null="not stated", ge=0)
    seed: int | None = cell("Random seed of the run", null="not recorded")
    commit: str | None = cell("Revision the run was made at", also=("git_sha", "git_commit", "sha"), null="not recorded")
    hardware: str | None = cell("Machine it ran on", null="not recorded")
    source: str = cell("measured, or published for a figure that a report states and that must reproduce", default="measured")


class LatencySamples(
    Row, feed="latency_samples", folder="latency", key=("service", "operation", "run_id", "instant"), dated=("instant",), keeps_repeats=True
):
    """One timed operation: a request to a served model, or a task of an agent; or one statistic of many."""

    instant: dt.datetime = cell("Instant it was measured, UTC", also=_AT)
    service: str = cell("Service or agent", also=("agent_type", "endpoint", "model"), default="")
    operation: str | None = cell("Operation or task", also=("task_id", "route"), null="not stated")
    duration_ms: float = cell(
        "Time it took", unit="milliseconds", also=("latency_ms", "ms"), scaled={"duration_seconds": 1000.0, "seconds": 1000.0}, ge=0
    )
    statistic: Literal["sample", "mean", "p50", "p90", "p95", "p99", "max"] = cell("One operation, or what of many", default="sample")
    n: int | None = cell("Operations it is a statistic of", unit="operations", also=("count",), null="one operation", ge=0)
    is_ok: bool | None = cell("Whether it succeeded", also=("success", "ok"), null="not recorded")
    status: str | None = cell("How it ended, in the source's own word", also=("final_status",), null="not recorded")
    is_warm_up: bool | None = cell("Whether it is a warm-up, to be left out", also=("warmup",), null="not stated")
    run_id: str | None = cell("Measurement run it belongs to", also=("run",), null="not stated")
    prompt_tokens: int | None = cell("Tokens read", unit="tokens", null="no language model, or not counted", ge=0)
    completion_tokens: int | None = cell("Tokens written", unit="tokens", null="no language model, or not counted", ge=0)
    cost: float | None = cell("What it cost", unit="USD", also=("token_cost_usd", "cost_usd"), null="not recorded", ge=0)
    queue_length: int | None = cell("Operations waiting at that instant", unit="operations", also=("queue",), null="not recorded", ge=0)
    hardware: str | None = cell("Machine it ran on", null="not recorded")


class ModelRegistrations(Row, feed="model_registrations", folder="registry", key=("model_id", "version"), dated=("created_at",)):
    """One version of one governed model, as a file registers it; a later file may restate it."""

    model_id: str = cell("Model", also=(*_MODEL, "id"))
    version: str = cell("Version", also=("model_version",))
    engine: str | None = cell("What it is made with", also=("source", "framework"), null="not stated")
    status: str | None = cell("State, such as incumbent, challenger or retired", also=("stage",), null="not stated")
    created_at: dt.datetime | None = cell("Instant it was made, UTC", also=("trained_at", "created"), null="not recorded")
    features: str | None = cell("Features it uses, separated by commas", null="not stated", is_free=True)
    priors: str | None = cell("Priors, as JSON", null="it has none, or not stated", is_free=True)
    params: str | None = cell("Parameters, as JSON", also=("parameters", "hyperparameters"), null="not stated", is_free=True)
    metrics: str | None = cell("Metrics stated at registration, as JSON", null="not stated", is_free=True)
    data_digest: str | None = cell("Digest of the training data", also=("data_sha256",), null="not recorded")
    commit: str | None = cell("Revision it was made at", also=("git_revision", "git_commit", "git_sha"), null="not recorded")
    intended_use: str | None = cell("What it is for", also=("purpose",), null="not stated", is_free=True)
    limitations: str | None = cell("What it must not be used for", null="not stated", is_free=True)
    exposure: str | None = cell("How much depends on it: low, medium or high, in the file's own word", null="not stated")
    tier: str | None = cell("Materiality tier that the file states", also=("materiality", "materiality_tier"), null="not stated")
    owner: str | None = cell("Role that owns it", null="nobody is named")
    validator: str | None = cell("Role that validated it", null="nobody is named")
    approver: str | None = cell("Role that approved it", null="nobody is named")
    validated_on: dt.date | None = cell("Day it was last validated", also=("validation_date",), null="never, or not recorded")
    validation_due: dt.date | None = cell("Day by which it must be validated again", also=("validation_due_date",), null="not stated")


class AllocatorProposals(
    Row,
    feed="allocator_proposals",
    folder="allocator",
    key=("tenant", "proposal_id", "platform", "instant"),
    dated=("instant",),
    is_single=True,
):
    """What the allocator proposes for one platform of one tenant."""

    instant: dt.datetime = cell("Instant of the proposal, UTC", also=(*_AT, "date"))
    tenant: str = cell("Whose budget it is", also=("tenant_id",), default="")
    proposal_id: str | None = cell(
        "Proposal that several platforms belong to", also=("scenario", "proposal"), null="one proposal an instant"
    )
    platform: str = cell("Platform or channel", also=("channel", "cell"))
    current_spend: float = cell("Spend at present, in the currency of the row", also=("current", "baseline_spend"), ge=0)
    proposed_spend: float = cell("Proposed spend, in the currency of the row", also=("proposed", "spend"), ge=0)
    currency: str = cell("Currency of all amounts", default="USD")
    expected_profit: float | None = cell("Profit expected of the whole proposal", also=("profit", "proposed_profit"), null="not stated")
    baseline_profit: float | None = cell("Profit expected at present spend", also=("current_profit",), null="not stated")
    regret: float | None = cell(
        "Expected regret over expected profit", unit="fraction", scaled={"regret_pct": 0.01}, null="not stated", ge=0
    )


class MediaResults(
    Row,
    feed="media_results",
    folder="media_results",
    key=("tenant", "engine", "run", "trained_until", "part", "name", "week"),
    dated=("week", "trained_until"),
    is_single=True,
    place="tenant",
):
    """One week that a media-mix engine elsewhere predicted, or what it says of one channel."""

    tenant: str = cell("Whose media are modelled", also=("tenant_id",), default="")
    engine: str = cell("Engine that made it, such as robyn", also=("source", "model_engine"))
    run: str = cell("What tells its runs apart, such as a Robyn solution", also=("run_id", "model", "solution"), default="")
    trained_until: dt.date = cell("A day of the last week that the engine was fitted to", also=("train_end",))
    part: Literal["week", "channel"] = cell("A predicted week, or a channel's return", default="week")
    name: str = cell("Channel; empty for a week", also=("channel",), default="")
    week: dt.date | None = cell("Monday of the predicted week", also=("ds", "time"), null="a channel's return")
    lower: float | None = cell("Lower end of the interval", also=("ci_lo", "p05"), null="not stated")
    middle: float = cell("Median, in the unit of the target; of a channel its return on investment", also=("median", "predicted", "roi"))
    upper: float | None = cell("Upper end of the interval", also=("ci_hi", "p95"), null="not stated")
    confidence: float = cell("Probability inside the interval", unit="fraction", default="0.9", gt=0, lt=1)
    observed: float | None = cell("The target as the engine saw it", also=("actual",), null="not stated")


class FeatureCatalog(Row, feed="feature_catalog", folder="features", key=("signal_id", "date"), dated=("date",)):
    """One signal as one version of the catalogue states it."""

    signal_id: str = cell("Signal", also=("feature_id", "feature", "id"))
    signal: str | None = cell("Its name in words", also=("name", "description"), null="it has none", is_free=True)
    category: str = cell("Family it belongs to", also=("family", "group"))
    status: str = cell("State in the catalogue's own word, such as available or gap")
    owner: str | None = cell("Role that owns it", null="nobody is named")
    source: str | None = cell("Where it comes from", also=("system",), null="not stated")
