"""Verdicts on governed models: who answers for them, whether they are validated, and whether demos and features keep up.

Belongs here: pass or fail of what ``facts.py`` found. Does not belong here: tiers, dates and limits (``policy/registry.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy.registry import RegistryPolicy
from governance_assets.stats.limits import below

Row = Mapping[str, Any]

RETRAINING_SUCCEEDS = Rule(
    name="retraining_succeeds",
    requirement="every tenant with a year of weeks is retrained every week",
    remedy="Mend in the telemetry what the message names; until then no challenger is registered and demos wait",
    unit="tenants",
    sources="C81 B38",
)
CHAINS_AGREE = Rule(
    name="chains_agree",
    requirement="the largest R-hat of the fit is at most the limit",
    remedy="Raise registry.retrain_draws; do not use a fit whose chains disagree",
    severity="warn",
    sources="C81",
)
MODEL_IS_REGISTERED = Rule(
    name="model_is_registered",
    requirement="a model whose predictions arrive is registered by an owner",
    remedy="Register it: a row in the folder registry/ with version, owner, validator, approver, intended use and limitations",
    sources="B30",
)
ROLES_ARE_APART = Rule(
    name="roles_are_apart",
    requirement="owner, validator and approver are named and are three roles",
    remedy="Name another role: who built or owns a model neither validates nor approves it",
    unit="roles",
    sources="B30",
)
VALIDATION_IS_CURRENT = Rule(
    name="validation_is_current",
    requirement="the model is validated within the days of its tier",
    remedy="Validate it and register the date; until then treat its figures as unvalidated",
    unit="days",
    sources="B30",
)
TIER_IS_KNOWN = Rule(
    name="tier_is_known",
    requirement="exposure and purpose of the model are stated, so that its tier is known",
    remedy="State exposure (low, medium, high) and an intended use that says what is decided, reported or explored with it",
    severity="warn",
    sources="B30",
)
ONE_INCUMBENT = Rule(
    name="one_incumbent",
    requirement="a registered model has exactly one version in use",
    remedy="Register the version in use as incumbent and retire the others",
    unit="versions",
    sources="B30",
)
REGISTRATION_IS_WHOLE = Rule(
    name="registration_is_whole",
    requirement="the version in use states engine, features, data digest, metrics, time, intended use and limitations",
    remedy="Complete its registration; what is not stated cannot be validated",
    severity="warn",
    unit="fields",
    sources="B30",
)
PRIMARY_ENGINE_IS_USED = Rule(
    name="primary_engine_is_used",
    requirement="the media-mix model in use is fitted by a primary engine, with adstock and saturation",
    remedy="Fit it with an engine of registry.primary_engines; a fallback is for the days on which that fails",
    severity="warn",
    sources="B29",
)
PROMOTION_IS_DECIDED = Rule(
    name="promotion_is_decided",
    requirement="no challenger by another method that meets all conditions waits for a decision",
    remedy="Promote it: register it as incumbent with approver; or register it as retired with the reason among its limitations",
    severity="warn",
    unit="versions",
    sources="B30 B34",
)
DEMO_IS_CURRENT = Rule(
    name="demo_is_current",
    requirement="the demo shows the newest registered version",
    remedy="Remove what blocks it, named in the message; the next run makes the demo anew",
    sources="B32 B33 B38",
)
FEATURES_ARE_COVERED = Rule(
    name="features_are_covered",
    requirement="the share of catalogued signals that are available is at least the limit",
    remedy="Close the gaps that the message names, the named families first",
    severity="warn",
    unit="fraction",
    sources="B31",
)
FAMILIES_ARE_CLOSED = Rule(
    name="families_are_closed",
    requirement="every named family of gaps is closed",
    remedy="Connect a source for each family that the message names, and set its signal to available in the catalogue",
    severity="warn",
    unit="families",
    sources="B31",
)

_STATED = ("engine", "features", "data_sha256", "metrics", "created_at", "intended_use", "limitations")


def judge_weekly_retraining(rows: pa.Table, policy: RegistryPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """One verdict a tenant on its fit, one on the agreement of its chains."""
    findings = []
    for row in _sorted(rows, "tenant", "engine"):
        findings.append(RETRAINING_SUCCEEDS.judge(row["tenant"], row["problem"] is None, why=row["problem"] or ""))
        if row["r_hat"] is not None:
            holds = row["r_hat"] <= policy.max_r_hat
            findings.append(CHAINS_AGREE.judge(f"{row['tenant']} {row['engine']}", holds, row["r_hat"], policy.max_r_hat))
    return findings or [RETRAINING_SUCCEEDS.not_applicable("tenants", "none has enough weeks with media yet")]


def judge_model_registry(rows: pa.Table, policy: RegistryPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Verdicts on every model that is registered or seen."""
    end = dt.date.fromisoformat(partition_key) + dt.timedelta(weeks=1)
    models: dict[str, list[Row]] = {}
    for row in _sorted(rows, "model_id", "version"):
        models.setdefault(row["model_id"], []).append(row)
    if not models:
        return [MODEL_IS_REGISTERED.not_applicable("models", "none is registered or seen")]
    return [finding for model, versions in models.items() for finding in _judge_model(model, versions, end)]


def _judge_model(model: str, versions: Sequence[Row], end: dt.date) -> list[Finding]:
    if all(row["origin"] == "telemetry" for row in versions):
        return [MODEL_IS_REGISTERED.judge(model, False, why="only its predictions are known")]
    findings = [MODEL_IS_REGISTERED.judge(model, True)]
    governed = [row for row in versions if row["status"] != "retired"]
    if not governed:
        return [*findings, ONE_INCUMBENT.not_applicable(model, "every version is retired")]
    in_use = [row for row in governed if row["status"] == "incumbent"]
    names = ", ".join(row["version"] for row in in_use)
    findings.append(ONE_INCUMBENT.judge(model, len(in_use) == 1, len(in_use), 1, names))
    return [*findings, *_judge_answering(model, in_use or governed, end)]


def _judge_answering(model: str, versions: Sequence[Row], end: dt.date) -> list[Finding]:
    """Roles, tier, validation and wholeness of what is in use."""
    return [
        _roles(model, versions),
        TIER_IS_KNOWN.judge(model, all(row["tier"] is not None for row in versions), why=_missing(versions, ("exposure", "purpose"))),
        _validation(model, versions, end),
        _wholeness(model, versions),
        _engine(model, versions),
    ]


def _roles(model: str, versions: Sequence[Row]) -> Finding:
    named = [{row[name] for name in ("owner_role", "validator_role", "approver_role") if row[name]} for row in versions]
    fewest = min(named, key=len)
    roles = len(("owner", "validator", "approver"))
    return ROLES_ARE_APART.judge(model, len(fewest) == roles, len(fewest), roles, ", ".join(sorted(fewest)) or "none is named")


def _validation(model: str, versions: Sequence[Row], end: dt.date) -> Finding:
    due = min((row["validation_due_on"] for row in versions if row["validation_due_on"]), default=None)
    if due is None:
        return VALIDATION_IS_CURRENT.judge(model, None, why="without a tier no date is due")
    late = max((end - due).days, 0)
    last = next((row["validated_on"] for row in versions if row["validated_on"]), None)
    return VALIDATION_IS_CURRENT.judge(model, late == 0, late, 0, f"due {due}, last validated {last or 'never'}")


def _wholeness(model: str, versions: Sequence[Row]) -> Finding:
    missing = _missing(versions, _STATED)
    return REGISTRATION_IS_WHOLE.judge(model, not missing, len(missing.split(", ")) if missing else 0, 0, missing)


def _engine(model: str, versions: Sequence[Row]) -> Finding:
    known = [row for row in versions if row["is_fallback"] is not None]
    if not known:
        return PRIMARY_ENGINE_IS_USED.not_applicable(model, "it is no media-mix model")
    fallbacks = [f"{row['version']} by {row['engine']}" for row in known if row["is_fallback"]]
    return PRIMARY_ENGINE_IS_USED.judge(model, not fallbacks, why=", ".join(fallbacks))


def _missing(versions: Sequence[Row], names: Sequence[str]) -> str:
    return ", ".join(name for name in names if any(row[name] is None for row in versions))


def judge_promotion_decisions(rows: pa.Table, policy: RegistryPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """One verdict a model: whether something waits for promotion; unknown conditions are unknown."""
    models: dict[str, list[Row]] = {}
    for row in _sorted(rows, "model_id", "challenger"):
        models.setdefault(row["model_id"], []).append(row)
    findings = [_judge_waiting(model, own) for model, own in models.items()]
    return findings or [PROMOTION_IS_DECIDED.not_applicable("models", "no challenger is registered")]


def _judge_waiting(model: str, rows: Sequence[Row]) -> Finding:
    # A refit of the method in use takes over by itself at the next refit; another method waits for somebody to decide.
    waiting = [row["challenger"] for row in rows if row["decision"] == "promote" and not row["is_refit"]]
    unknown = [f"{row['challenger']} ({row['reason']})" for row in rows if row["decision"] == "unknown"]
    holds = False if waiting else None if unknown else True
    return PROMOTION_IS_DECIDED.judge(model, holds, len(waiting), 0, ", ".join(waiting or unknown))


def judge_demo_artifacts(rows: pa.Table, policy: RegistryPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """One verdict a model: whether its demo shows the newest version."""
    findings = []
    for row in _sorted(rows, "model_id"):
        is_current = row["demo_version"] == row["registered_version"] and row["blocked_by"] is None
        shown = row["demo_version"] or "nothing"
        why = "" if is_current else f"registered {row['registered_version']}, shown {shown}: {row['blocked_by'] or 'not made anew'}"
        findings.append(DEMO_IS_CURRENT.judge(row["model_id"], is_current, why=why))
    return findings or [DEMO_IS_CURRENT.not_applicable("demos", "no media-mix model is registered")]


def judge_feature_coverage(rows: pa.Table, policy: RegistryPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Coverage of the whole catalogue, and the named families."""
    whole = next((row for row in rows.to_pylist() if row["category"] == "all"), None)
    if whole is None:
        return [rule.not_applicable("the catalogue", "no catalogue has arrived") for rule in (FEATURES_ARE_COVERED, FAMILIES_ARE_CLOSED)]
    limit = policy.min_feature_coverage
    told = (
        f"{whole['available']} of {whole['available'] + whole['gaps']} signals; open: {whole['open_signals'].replace(',', ', ') or 'none'}"
    )
    families = [name for name in whole["open_families"].split(",") if name]
    return [
        FEATURES_ARE_COVERED.judge("the catalogue", not bool(below(whole["coverage"], limit)), whole["coverage"], limit, told),
        FAMILIES_ARE_CLOSED.judge("the catalogue", not families, len(families), 0, ", ".join(families)),
    ]


def _sorted(rows: pa.Table, *names: str) -> list[Row]:
    return sorted(rows.to_pylist(), key=lambda row: tuple(str(row[name]) for name in names))
