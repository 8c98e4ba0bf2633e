"""Models as they stand week by week: their weekly retraining, their versions, what a challenger shows, their demos and features.

Belongs here: arranging landed rows and recorded figures into contract columns. Does not belong here: models (``stats/``), verdicts
(``rules.py``) and wording (``report.py``).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.registry.contracts import (
    DemoArtifacts,
    FeatureCoverage,
    ModelRegistry,
    PromotionDecisions,
    WeeklyRetraining,
)
from governance_assets.policy import Policy
from governance_assets.policy.registry import RegistryPolicy
from governance_assets.stats.digest import table_digest
from governance_assets.stats.limits import above, below
from governance_assets.stats.media_curves import CurvePriors
from governance_assets.stats.media_fit import Fit, fit
from governance_assets.stats.media_results import diagnose, roi
from governance_assets.stats.media_rows import tenants_from, until
from governance_assets.stats.media_series import MediaSeries, curves_of, designs
from governance_assets.stats.rounding import rounded

Row = dict[str, Any]

MEDIA_MIX = "media_mix"
_SEED = 20251006
_WEEK = dt.timedelta(days=7)
_DEMO = "demo/"
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


# ---------------------------------------------------------------- weekly retraining


def weekly_retraining(con: duckdb.DuckDBPyConnection, media: str | None, weeks: Sequence[dt.date], policy: RegistryPolicy) -> pa.Table:
    """One row is one engine fitted to everything known of a tenant at the end of one of the asked weeks."""
    rows: list[Row] = []
    if media is not None and weeks:
        for tenant, known in tenants_from(_media_rows(con, media, max(weeks))):
            places = [known.weeks.index(week) for week in sorted(set(weeks) & set(known.weeks))]
            for place in places:
                if place + 1 >= policy.retrain_min_weeks:
                    rows += [_retrained(tenant, until(known, place + 1), engine, policy) for engine in policy.retrained_engines]
    return pa.Table.from_pylist(rows, schema=arrow_schema(WeeklyRetraining))


def _media_rows(con: duckdb.DuckDBPyConnection, media: str, last: dt.date) -> list[tuple[Any, ...]]:
    monday = "CAST(date_trunc('week', week) AS DATE)"
    return con.execute(f"SELECT tenant, series, name, {monday}, value FROM {media} WHERE {monday} <= ? ORDER BY ALL", [last]).fetchall()


def _retrained(tenant: str, known: MediaSeries, engine: str, policy: RegistryPolicy) -> Row:
    week, train = known.weeks[-1], len(known.weeks)
    row: Row = {
        "week": week,
        "tenant": tenant,
        "engine": engine,
        "version": version_of(engine, week),
        "first_week": known.weeks[0],
        "train_weeks": train,
        "data_sha256": _digest(known),
        "features": _text({"channels": sorted(known.exposure), "controls_and_events": sorted(known.controls)}),
        "priors": _text(dataclasses.asdict(CurvePriors(curves=curves_of(engine)))),
        "roi": "{}",
        "year_spend": rounded(sum(values[-policy.year_weeks :].sum() for values in known.cost.values())),
        "left_out": "",
    }
    try:
        if math.isnan(known.target[-1]):
            raise ValueError("the target of the week is not observed")
        made = designs(known, train, engine, policy.retrain_season_order)
        found = fit(made.short, seed=_SEED + train, chains=policy.retrain_chains, draws=policy.retrain_draws)
    except ValueError as error:
        return row | {"problem": str(error)}
    return row | {"left_out": ",".join(made.left_out)} | _fitted(found, policy.retrain_confidence)


def _fitted(found: Fit, confidence: float) -> Row:
    returns = roi(found, confidence)
    known = zip(returns.names, returns.median, returns.lower, returns.upper, strict=True)
    told = {name: [rounded(value) for value in values] for name, *values in known}
    return {
        "roi": _text(told),
        "noise": rounded(np.median(found.noise) * found.design.target_scale),
        "r_hat": rounded(np.nanmax(diagnose(found).r_hat)),
    }


def _digest(known: MediaSeries) -> str:
    parts = {"target": {"": known.target}, "exposure": known.exposure, "cost": known.cost, "control": known.controls}
    columns = {f"{part} {name}": pa.array(values) for part, series in parts.items() for name, values in sorted(series.items())}
    return table_digest(pa.table({"week": pa.array(known.weeks, pa.date32()), **columns}), ["week"])


# ---------------------------------------------------------------- the registry


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
    return _text(stated) if stated else None


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
    return _text(stated) if stated else None


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


# ---------------------------------------------------------------- promotions


def promotion_decisions(registry: Sequence[Row], predicted: Sequence[Row], retrained: Sequence[Row], policy: RegistryPolicy) -> pa.Table:
    """Every challenger and candidate of the registry against the incumbent of its model.

    An engine that is not retrained has no ROI over refits: whether that is stable stays unknown.
    """
    scores = {(row["tenant"], row["engine"], row["week"]): row for row in predicted if row["crps"] is not None}
    returns = {(row["tenant"], row["version"]): json.loads(row["roi"]) for row in retrained if row["problem"] is None}
    rows = []
    for (week, _), group in groupby(registry, key=lambda row: (row["week"], row["model_id"])):
        versions = list(group)
        incumbent = next((row for row in versions if row["status"] == "incumbent"), None)
        for row in versions:
            if row["status"] in ("challenger", "candidate") and row["kind"] == MEDIA_MIX:
                rows.append(_compared(week, incumbent, row, scores, returns, policy))
    return pa.Table.from_pylist(rows, schema=arrow_schema(PromotionDecisions))


def _compared(
    week: dt.date,
    incumbent: Row | None,
    challenger: Row,
    scores: Mapping[tuple[str, str, dt.date], Row],
    returns: Mapping[tuple[str, str], Any],
    policy: RegistryPolicy,
) -> Row:
    tenant = challenger["model_id"].removeprefix(f"{MEDIA_MIX}/")
    engines = (incumbent["engine"] if incumbent else None, challenger["engine"])
    span = [week - _WEEK * back for back in range(policy.promotion_window)]
    pairs = [(scores.get((tenant, engines[0], day)), scores.get((tenant, engines[1], day))) for day in span]
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    is_whole = len(both) == policy.promotion_window
    old, new = (float(np.mean([pair[place]["crps"] for pair in both])) if both else None for place in (0, 1))
    gain = 1 - new / old if old and new is not None else None
    coverage = float(np.mean([new["lower"] <= new["observed"] <= new["upper"] for _, new in both])) if both else None
    change = _roi_change(tenant, week, incumbent, challenger["engine"], returns)
    # A refit of the same engine is the same method: it need not predict better, only not otherwise.
    least = 0.0 if engines[0] == engines[1] else policy.min_promotion_gain
    held = {
        "is_backtest_better": None if gain is None or not is_whole else not bool(below(gain, least)),
        "is_roi_stable": None if change is None else not bool(above(change, policy.max_roi_change)),
        "is_interval_sound": None if coverage is None or not is_whole else _is_sound(coverage, policy),
    }
    return {
        "week": week,
        "model_id": challenger["model_id"],
        "incumbent": incumbent["version"] if incumbent else None,
        "challenger": challenger["version"],
        "is_refit": engines[0] == engines[1],
        "incumbent_score": _rounded(old),
        "challenger_score": _rounded(new),
        "n_weeks": len(both),
        "gain": _rounded(gain),
        "roi_change": _rounded(change),
        "coverage": _rounded(coverage),
        **held,
        **decided(held),
    }


def decided(held: Mapping[str, bool | None]) -> Row:
    """The decision that three conditions give: all must hold, one that does not is enough to keep, else it is unknown."""
    words = {"is_backtest_better": "backtest", "is_roi_stable": "stability of ROI", "is_interval_sound": "quality of intervals"}
    missed = [words[name] for name, value in held.items() if value is False]
    unknown = [words[name] for name, value in held.items() if value is None]
    reasons = [f"does not hold: {', '.join(missed)}"] if missed else []
    reasons += [f"not known: {', '.join(unknown)}"] if unknown else []
    return {"decision": "keep" if missed else "unknown" if unknown else "promote", "reason": "; ".join(reasons)}


def _is_sound(coverage: float, policy: RegistryPolicy) -> bool:
    low, high = policy.nominal_coverage - policy.max_coverage_below, policy.nominal_coverage + policy.max_coverage_above
    return not bool(below(coverage, low)) and not bool(above(coverage, high))


def _roi_change(
    tenant: str, week: dt.date, incumbent: Row | None, engine: str, returns: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]
) -> float | None:
    """Largest relative change of a channel's ROI from the engine's fit to the incumbent's weeks to its fit to all weeks by now."""
    fitted_to = incumbent["version"].partition("@")[2] if incumbent else ""
    before, after = (returns.get((tenant, f"{engine}@{last}")) for last in (fitted_to, week))
    if not before or not after or before.keys() != after.keys():
        return None
    return max((abs(after[name][0] / before[name][0] - 1) for name in before if before[name][0]), default=None)


# ---------------------------------------------------------------- demos and features


@dataclasses.dataclass(frozen=True)
class Failure:
    """A run that failed: on which day, from which day a later run had succeeded, and what failed."""

    day: dt.date
    mended: dt.date | None
    what: str

    def stands(self, end: dt.date) -> bool:
        """Whether it stands at the end of a week, given as the Monday after it."""
        return self.day < end and (self.mended is None or self.mended >= end)


def demo_artifacts(
    registry: Sequence[Row], retrained: Sequence[Row], failed: Mapping[str, Sequence[Failure]], write: Callable[[Row, Row], str]
) -> pa.Table:
    """The demo of each media-mix model, week by week: of the newest registered version that could be shown.

    A ``failed`` run blocks what would have been made after it until a later run succeeds.
    """
    fits = {(model_of(row["tenant"]), row["version"]): row for row in retrained}
    rows = []
    for (week, model_id), group in groupby(registry, key=lambda row: (row["week"], row["model_id"])):
        versions = [row for row in group if row["kind"] == MEDIA_MIX and row["status"] != "retired" and row["created_at"]]
        if not versions:
            continue
        newest = max(versions, key=lambda row: (row["created_at"], row["status"] == "challenger", row["version"]))
        standing_ones = [one for one in failed.get(model_id, ()) if one.stands(week + _WEEK)]
        blocked = _blocked(newest, fits, standing_ones)
        shown = _newest_shown(newest, fits, standing_ones)
        rows.append(
            {
                "week": week,
                "model_id": model_id,
                "registered_version": newest["version"],
                "demo_version": shown["version"] if shown else None,
                "blocked_by": blocked,
                "summary": write(next((row for row in versions if row["version"] == shown["version"]), newest), shown) if shown else None,
            }
        )
    return pa.Table.from_pylist(rows, schema=arrow_schema(DemoArtifacts))


def _blocked(version: Row, fits: Mapping[tuple[str, str], Row], failed: Sequence[Failure]) -> str | None:
    made = fits.get((version["model_id"], version["version"]))
    if made is None:
        return "its fit is not recorded here, so that nothing can be shown of it"
    if made["problem"] is not None:
        return str(made["problem"])
    return failed[0].what if failed else None


def _newest_shown(newest: Row, fits: Mapping[tuple[str, str], Row], failed: Sequence[Failure]) -> Row | None:
    """The newest fit that was made before the run that failed."""
    stop = min((one.day for one in failed), default=newest["week"] + _WEEK)
    usable = [
        row
        for (model_id, _), row in fits.items()
        if model_id == newest["model_id"]
        and row["problem"] is None
        and row["week"] < newest["week"] + _WEEK
        and row["week"] + _WEEK <= stop
    ]
    return max(usable, key=lambda row: (row["week"], row["version"] == newest["version"]), default=None)


def failed_runs(con: duckdb.DuckDBPyConnection, runs: str | None) -> dict[str, list[Failure]]:
    """Runs of demos that failed, by model: batches of test runs that are named demo/ and the model."""
    if runs is None:
        return {}
    found: dict[str, list[Failure]] = {}
    query = f"SELECT batch, date, status FROM {runs} WHERE starts_with(batch, ?) AND status <> 'skipped' ORDER BY batch, date, instant"
    for batch, own in groupby(rows_of(con, query, [_DEMO]), key=lambda row: row["batch"]):
        outcomes = list(own)
        for place, row in enumerate(outcomes):
            if row["status"] != "pass":
                mended = next((later["date"] for later in outcomes[place + 1 :] if later["status"] == "pass"), None)
                what = f"run {batch} of {row['date']} ended with {row['status']}"
                found.setdefault(batch.removeprefix(_DEMO), []).append(Failure(row["date"], mended, what))
    return found


def feature_coverage(catalogue: Sequence[Row], weeks: Iterable[dt.date], policy: RegistryPolicy) -> pa.Table:
    """Coverage of each category, and of all, by the newest catalogue written by the end of each asked week."""
    rows: list[Row] = []
    for week in sorted(set(weeks)):
        written = [row for row in catalogue if row["date"] < week + _WEEK]
        newest = max((row["date"] for row in written), default=None)
        signals = sorted((row for row in written if row["date"] == newest), key=lambda row: (row["category"], row["signal_id"]))
        closed = {row["signal_id"] for row in signals if _is_available(row)}
        families = zip(policy.gap_families, policy.gap_signals, strict=True)
        still_open = ",".join(family for family, signal in families if signal not in closed)
        if signals:
            rows += [_covered(week, name, list(own), "") for name, own in groupby(signals, key=lambda row: row["category"])]
            rows.append(_covered(week, "all", signals, still_open))
    return pa.Table.from_pylist(rows, schema=arrow_schema(FeatureCoverage))


def _covered(week: dt.date, category: str, signals: Sequence[Row], families: str) -> Row:
    gaps = [row["signal_id"] for row in signals if not _is_available(row)]
    return {
        "week": week,
        "category": category,
        "available": len(signals) - len(gaps),
        "gaps": len(gaps),
        "coverage": rounded(1 - len(gaps) / len(signals)),
        "open_signals": ",".join(sorted(gaps)),
        "open_families": families,
    }


def _is_available(row: Row) -> bool:
    return bool(row["status"].strip().lower() == "available")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _rounded(value: float | None) -> float | None:
    return None if value is None else rounded(value)
