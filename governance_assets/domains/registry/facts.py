"""The registry: every version of every governed model as it stood at the end of a week.

Belongs here: arranging landed rows and recorded figures into contract columns, and the names of models and versions. Does not belong
here: fits (``facts_retraining.py``), what a challenger shows (``facts_promotions.py``), demos (``facts_demos.py``), verdicts and wording.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.registry.contracts import ModelRegistry
from governance_assets.policy import Policy
from governance_assets.policy.registry import RegistryPolicy
from governance_assets.stats.rounding import rounded

Row = dict[str, Any]

MEDIA_MIX = "media_mix"
_WEEK = dt.timedelta(days=7)
_STATES = {
    "incumbent": ("incumbent", "champion", "production", "active", "live"),
    "challenger": ("challenger", "staging", "shadow"),
    "retired": ("retired", "archived", "deprecated", "withdrawn"),
}
"""What words of registrations mean; any other word is a candidate."""


def model_of(tenant: str) -> str:
    """The name of a tenant's media-mix model."""
    return f"{MEDIA_MIX}/{tenant}"


def version_of(engine: str, week: dt.date) -> str:
    """The name of an engine's fit to all weeks up to one."""
    return f"{engine}@{week}"


def as_json(value: Any) -> str:
    """A value as JSON that is the same whenever the value is."""
    return json.dumps(value, sort_keys=True, default=str)


@dataclasses.dataclass(frozen=True)
class Sources:
    """Everything the registry is made of, as rows."""

    retrained: Sequence[Row]
    predicted: Sequence[Row]
    backtests: Sequence[Row]
    forecasts: Sequence[Row]
    registrations: Sequence[Row]


def sources(
    con: duckdb.DuckDBPyConnection,
    retrained: str,
    predicted: str,
    backtests: str,
    forecasts: str,
    registrations: str | None,
    policy: Policy,
) -> Sources:
    """The rows of the views that the registry needs."""
    window, seen = f"trailing_{policy.mmm.judged_window}", f"trailing_{policy.registry.seen_weeks}"
    return Sources(
        rows_of(con, f"SELECT * FROM {retrained} ORDER BY week, tenant, engine"),
        rows_of(
            con,
            f"""SELECT DISTINCT week, tenant, engine, source, train_weeks, steps_ahead FROM {predicted}
                WHERE median IS NOT NULL ORDER BY ALL""",
        ),
        rows_of(con, f'SELECT week, tenant, engine, n, mae, wmape, crps, coverage, r2 FROM {backtests} WHERE "window" = ?', [window]),
        rows_of(
            con,
            f"""SELECT week, model_id, metric, any_value(value) AS value FROM {forecasts}
                WHERE stratum = 'overall' AND average = 'micro' AND evaluation_set = 'all' AND n > 0 AND "window" IN ('week', ?)
                GROUP BY ALL ORDER BY ALL""",
            [seen],
        ),
        [] if registrations is None else rows_of(con, f"SELECT * FROM {registrations} ORDER BY ALL"),
    )


def rows_of(con: duckdb.DuckDBPyConnection, query: str, given: Sequence[Any] = ()) -> list[Row]:
    """The answer of a query as rows."""
    return list(con.execute(query, list(given)).to_arrow_table().to_pylist())


def recorded(con: duckdb.DuckDBPyConnection, view: str) -> list[Row]:
    """Every row of a recorded artifact, by week and then by whatever follows."""
    return rows_of(con, f"SELECT * FROM {view} ORDER BY ALL")


def model_registry(known: Sources, weeks: Iterable[dt.date], policy: Policy) -> pa.Table:
    """Every version as it stood at the end of each asked week: registered ones, those fitted here, and what only telemetry shows."""
    rows: list[Row] = []
    for week in sorted(set(weeks)):
        registered = standing(known.registrations, week)
        made = [*_registered(registered, week, policy.registry), *_fitted_here(known, week, policy)]
        rows += _settled([*made, *_only_seen(known, {row["model_id"] for row in made}, week)], known, registered, week, policy)
    return pa.Table.from_pylist(rows, schema=arrow_schema(ModelRegistry))


def standing(registrations: Sequence[Row], week: dt.date) -> list[Row]:
    """Of each registered version the newest row that was written by the end of ``week``."""
    end = week + _WEEK
    newest: dict[tuple[str, str], Row] = {}
    for row in registrations:
        written = row["as_of"] or row["date"]
        key = (row["model_id"], row["version"])
        if row["date"] < end and written < end and (key not in newest or written >= (newest[key]["as_of"] or newest[key]["date"])):
            newest[key] = row
    return [newest[key] for key in sorted(newest)]


def _registered(registered: Sequence[Row], week: dt.date, policy: RegistryPolicy) -> Iterator[Row]:
    for row in registered:
        copied = {name: row[name] for name in ("model_id", "version", "engine", "features", "priors", "params", "metrics", "created_at")}
        exposure, purpose = row["exposure"].strip().lower() if row["exposure"] else None, policy.purpose(row["intended_use"])
        stated = _first_number(row["tier"])
        yield copied | {
            "week": week,
            "kind": MEDIA_MIX if row["model_id"].startswith(f"{MEDIA_MIX}/") else "forecast",
            "origin": "registration",
            "data_sha256": row["data_digest"],
            "git_revision": row["commit"],
            "intended_use": row["intended_use"],
            "limitations": row["limitations"],
            "exposure": exposure,
            "purpose": purpose,
            # The more material of what the file states and what exposure and purpose say.
            "tier": min((tier for tier in (stated, policy.tier(exposure, purpose)) if tier is not None), default=None),
            "owner_role": row["owner"],
            "validator_role": row["validator"],
            "approver_role": row["approver"],
            "status": _state_of(row["status"]),
            "is_seen": False,
        }


def _first_number(text: str | None) -> int | None:
    digits = "".join(c if c.isdigit() else " " for c in text or "").split()
    return int(digits[0]) if digits and int(digits[0]) > 0 else None


def _state_of(word: str | None) -> str:
    return next((state for state, words in _STATES.items() if (word or "").strip().lower() in words), "candidate")


def _fitted_here(known: Sources, week: dt.date, policy: Policy) -> Iterator[Row]:
    """The fit that each engine predicted the week with, and the fits of the week itself: the challengers."""
    own = policy.registry
    fits = {(row["tenant"], row["version"]): row for row in known.retrained if row["week"] <= week}
    scores = {(row["tenant"], row["engine"]): row for row in known.backtests if row["week"] == week}
    spend = {row["tenant"]: row["year_spend"] for row in known.retrained if row["week"] <= week}
    found = [
        (
            row["tenant"],
            row["engine"],
            week - _WEEK * row["steps_ahead"],
            "incumbent" if row["engine"] == policy.mmm.judged_engine else "candidate",
        )
        for row in known.predicted
        if row["week"] == week and row["source"] not in ("baseline", "imported")
    ]
    found += [(r["tenant"], r["engine"], week, "challenger") for r in known.retrained if r["week"] == week and r["problem"] is None]
    for tenant, engine, fitted_to, status in found:
        version = version_of(engine, fitted_to)
        fitted = fits.get((tenant, version), {})
        exposure = own.exposure(spend[tenant]) if tenant in spend else None
        yield {
            "week": week,
            "model_id": model_of(tenant),
            "version": version,
            "kind": MEDIA_MIX,
            "origin": "pipeline",
            "engine": engine,
            "features": fitted.get("features"),
            "priors": fitted.get("priors"),
            "params": fitted.get("roi"),
            "metrics": _metrics(scores.get((tenant, engine), {})),
            "data_sha256": fitted.get("data_sha256"),
            "created_at": dt.datetime.combine(fitted_to + _WEEK, dt.time(), dt.UTC),
            "intended_use": own.pipeline_intended_use,
            "limitations": own.pipeline_limitations,
            "exposure": exposure,
            "purpose": own.pipeline_purpose,
            "tier": own.tier(exposure, own.pipeline_purpose),
            "owner_role": own.pipeline_owner,
            "validator_role": own.pipeline_validator,
            "approver_role": own.pipeline_approver,
            "status": status,
            "is_seen": True,
        }


def _metrics(row: Mapping[str, Any]) -> str | None:
    stated = {name: row[name] for name in ("n", "mae", "wmape", "crps", "coverage", "r2") if row.get(name) is not None}
    return as_json(stated) if stated else None


def _seen(known: Sources, week: dt.date) -> set[str]:
    """Models that telemetry of a week shows; a saved run of another engine is a model of its own."""
    forecasts = {row["model_id"] for row in known.forecasts if row["week"] == week}
    saved = [row for row in known.predicted if row["week"] == week and row["source"] == "imported"]
    return forecasts | {f"{model_of(row['tenant'])}/{row['engine']}" for row in saved}


def _only_seen(known: Sources, registered: set[str], week: dt.date) -> Iterator[Row]:
    for model_id in sorted(_seen(known, week) - registered):
        yield {
            "week": week,
            "model_id": model_id,
            "version": "",
            "kind": MEDIA_MIX if model_id.startswith(f"{MEDIA_MIX}/") else "forecast",
            "origin": "telemetry",
            "metrics": _forecast_metrics(known, model_id, week),
            "status": "unregistered",
            "is_seen": True,
        }


def _forecast_metrics(known: Sources, model_id: str, week: dt.date) -> str | None:
    named = ("wis", "crps", "interval_coverage_80")
    rows = [row for row in known.forecasts if (row["week"], row["model_id"]) == (week, model_id) and row["metric"] in named]
    stated = {row["metric"]: rounded(row["value"]) for row in rows if row["value"] is not None}
    return as_json(stated) if stated else None


def _settled(made: Sequence[Row], known: Sources, registered: Sequence[Row], week: dt.date, policy: Policy) -> Iterator[Row]:
    """The rows with what hangs on the whole model: registration by its owner, one incumbent, validation and its date."""
    seen = _seen(known, week)
    chosen = {row["model_id"]: row for row in registered if _state_of(row["status"]) == "incumbent"}
    for model_id, group in groupby(sorted(made, key=lambda row: (row["model_id"], row["version"])), key=lambda row: row["model_id"]):
        own = [row for row in registered if row["model_id"] == model_id]
        validated = max((row["validated_on"] for row in own if row["validated_on"] and row["validated_on"] < week + _WEEK), default=None)
        stated = max((row["validation_due"] for row in own if row["validation_due"]), default=None)
        first = _first_made(model_id, own, known)
        by_version: dict[str, Row] = {}
        for row in group:  # a registration of a version that was fitted here adds to what the fit says
            by_version[row["version"]] = by_version.get(row["version"], {}) | {
                name: value for name, value in row.items() if value is not None
            }
        for row in by_version.values():
            status = row["status"]
            if model_id in chosen and row["origin"] == "pipeline" and status == "incumbent":
                status = "candidate"
            tier = row.get("tier")
            yield row | {
                "status": status,
                "is_seen": row.get("is_seen", False) or model_id in seen,
                "is_fallback": _is_fallback(row, policy.registry),
                "validated_on": validated,
                "validation_due_on": None if tier is None or status == "retired" else _due(tier, validated, stated, first, policy.registry),
            }


def _first_made(model_id: str, registered: Sequence[Row], known: Sources) -> dt.date | None:
    days = [row["date"] for row in registered]
    days += [row["week"] + _WEEK for row in known.retrained if model_of(row["tenant"]) == model_id]
    return min(days, default=None)


def _due(tier: int, validated: dt.date | None, stated: dt.date | None, first: dt.date | None, policy: RegistryPolicy) -> dt.date | None:
    """The earlier of what the registration states and what the tier's cycle says."""
    by_tier = validated + dt.timedelta(policy.cycle_days(tier)) if validated else None
    if validated is None and first is not None:
        by_tier = first + dt.timedelta(policy.first_validation_days)
    return min((day for day in (by_tier, stated) if day is not None), default=None)


def _is_fallback(row: Row, policy: RegistryPolicy) -> bool | None:
    if row["kind"] != MEDIA_MIX or not row.get("engine"):
        return None
    return row["engine"].strip().lower() not in policy.primary_engines
