"""The page of media-mix models, the headline figures of their artifacts, and the plots shown beside a materialization.

Belongs here: choosing, sorting and wording of recorded figures. Does not belong here: computing or judging them, or markup.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Plot = dict[str, Any]

_ENGINES = ("bayes", "bayes_wide", "bayes_logistic", "searched_nnls", "ridge")
_MODELS = {
    "bayes": "Bayesian, averaged over curves",
    "bayes_wide": "Bayesian, wide: longer carry-over, a level that moves",
    "bayes_logistic": "Bayesian, logistic curve",
    "pymc_marketing": "PyMC-Marketing",
    "searched_nnls": "non-negative least squares",
    "ridge": "ridge",
    "seasonal_naive": "seasonal naive",
    "trailing_mean": "trailing mean",
}
_RULES = {
    "improves_on_the_baseline": "improvement",
    "explains_out_of_sample": "R²",
    "beats_every_baseline": "against baselines",
    "two_windows_agree": "two windows",
    "mape_is_low": "MAPE",
    "folds_agree": "folds",
}
_CONFOUNDING = "Model-implied, assuming no unmeasured confounding."
_MOST_TENANTS = 6
_INBOX = ("week", "tenant", "inbox", "mae_improvement", "mae_improvement_change", "n")
_INBOX_PATH = "mmm/backtest_inbox.csv"
_KEPT_ENTRIES, _SHOWN_ENTRIES = 200, 20
"""A34 keeps the last 200 entries."""
_INTRO = (
    "A media-mix model is worth what it predicts of weeks it has not seen. Every engine is fitted to earlier weeks only and refitted as "
    "weeks come in; its predictions are held against what came true, and against baselines that know nothing of media. A small error "
    "alone says nothing of the return on media: engines that predict alike can credit channels quite differently."
)


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: acceptance, backtests and predictions, for the newest recorded week."""
    backtests, predictions = tables["mmm_backtest"], tables["media_predictions"]
    newest = pc.max(backtests["week"]).as_py() if backtests.num_rows else None
    reach = f"Newest week: {newest}." if newest else _no_backtest(predictions)
    sections = [
        _acceptance_section(findings, newest),
        _backtest_section(backtests, newest),
        _prediction_section(predictions),
        _return_section(tables["refit_stability"]),
        _contribution_section(tables["media_contributions"]),
        _inbox_section(backtests),
        _saved_section(tables["saved_runs"]),
    ]
    return {"title": "Media mix", "intro": f"{_INTRO}\n\n{reach} As of {as_of.date()}.", "sections": sections}


def documents(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, str]:
    """The inbox of backtests as CSV, newest entry first."""
    entries = _inbox(tables["mmm_backtest"])
    if not entries:
        return {}
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_INBOX)
    writer.writerows([entry[name] for name in _INBOX] for entry in entries)
    return {_INBOX_PATH: written.getvalue()}


def headline_of_predictions(rows: pa.Table) -> tuple[str, int, None]:
    """How many tenants have a prediction."""
    made = rows.filter(pc.is_valid(rows["median"]))
    return "tenants_predicted", len(pc.unique(made["tenant"])), None


def headline_of_backtest(rows: pa.Table) -> tuple[str, float | None, str | None]:
    """wMAPE of the best known engine, of the tenant in the middle, over the longest window."""
    chosen = rows.filter(pc.and_(pc.equal(rows["engine"], _engine(rows)), pc.equal(rows["window"], _longest(rows))))
    value = pc.quantile(chosen["wmape"], 0.5)[0].as_py() if chosen.num_rows else None
    return "median_wmape", None if value is None else float(value), "fraction"


def backtest_plots(rows_of: Callable[[str], pa.Table]) -> dict[str, Plot]:
    """The plot beside a materialization of the backtest: improvement over time."""
    rows = rows_of("mmm_backtest")
    return {"improvement_over_time": _improvement_plot(rows)} if rows.num_rows else {}


def headline_of_draws(rows: pa.Table) -> tuple[str, int, None]:
    """How many tenants were refitted."""
    return "tenants_refitted", len(pc.unique(rows.filter(pc.is_valid(rows["height"]))["tenant"])), None


def headline_of_stability(rows: pa.Table) -> tuple[str, float | None, str | None]:
    """The largest move of an ROI against the refit before."""
    value = pc.max(pc.abs(rows["roi_move"])).as_py()
    return "largest_roi_move", value, "fraction"


def stability_plots(rows_of: Callable[[str], pa.Table]) -> dict[str, Plot]:
    """The plot beside a materialization of the refits: ROI of the first tenant."""
    paid = _with_roi(rows_of("refit_stability"))
    return {"roi_by_refit": _roi_plot(paid, min(paid["tenant"].to_pylist()))} if paid.num_rows else {}


# ---------------------------------------------------------------- sections


def _no_backtest(predictions: pa.Table) -> str:
    if not predictions.num_rows:
        return "No week is predicted yet: a model needs a year of weeks first."
    last = pc.max(predictions["week"]).as_py()
    return f"Weeks are predicted up to {last}, and no backtest of these is recorded: `governance run` without a quarter records them all."


def _acceptance_section(findings: pa.Table, newest: dt.date | None) -> dict[str, Any]:
    here = findings.filter(pc.equal(findings["partition_key"], str(newest)))
    fleet = here.filter(pc.equal(here["rule"], "fleet_is_predicted")).to_pylist()
    rows = here.filter(pc.is_in(here["rule"], pa.array(list(_RULES)))).to_pylist()
    found = {(row["subject"], row["rule"]): row for row in rows}
    columns: list[Any] = ["tenant"]
    for rule, word in _RULES.items():
        unit = None if rule == "beats_every_baseline" else "fraction"
        columns += [{"name": word, "unit": unit} if unit else word, {"name": f"{word} verdict", "kind": "verdict"}]
    table_rows = []
    for tenant in sorted({row["subject"] for row in rows}):
        cells = [found.get((tenant, rule), {}) for rule in _RULES]
        table_rows.append((tenant, *(part for cell in cells for part in (cell.get("value"), cell.get("outcome", "unknown")))))
    text = " ".join(f"{row['message']}." for row in fleet) or "Nothing is judged yet."
    note = (
        "Improvement of the MAE over the baseline; out-of-sample R²; how many times a baseline's MAPE is that of the engine, for the "
        "baseline that comes closest; difference of R² to the window before; MAPE; standard deviation of R² over folds."
    )
    return {"title": "Acceptance", "text": text, "table": {"columns": columns, "rows": table_rows, "note": note}}


def _backtest_section(backtests: pa.Table, newest: dt.date | None) -> dict[str, Any]:
    if newest is None:
        return {"title": "Backtests", "text": "No backtest is recorded yet."}
    window = _longest(backtests)
    here = backtests.filter(pc.and_(pc.equal(backtests["week"], newest), pc.equal(backtests["window"], window))).to_pylist()
    here.sort(key=lambda row: (row["tenant"], row["crps"] is None, row["crps"], row["engine"]))
    shares = ("wMAPE", "coverage", "R²", "improvement")
    columns = ["tenant", "engine", "weeks", "MAE", "RMSE", "bias", "CRPS", "ELPD", *({"name": name, "unit": "fraction"} for name in shares)]
    return {
        "title": "Backtests",
        "text": f"The last {window.removeprefix('trailing_')} predicted weeks; the lowest CRPS of each tenant first.",
        "plot": _improvement_plot(backtests),
        "table": {
            "columns": columns,
            "rows": [_backtest_row(row) for row in here],
            "note": "MAE, RMSE, bias and CRPS in the unit of the target. ELPD is the sum of log predictive densities; the higher of two "
            "engines on the same weeks is better. Coverage is of the central predictive interval.",
        },
    }


def _backtest_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    figures = (row[name] for name in ("mae", "rmse", "bias", "crps", "elpd", "wmape", "coverage", "r2", "mae_improvement"))
    return (row["tenant"], _MODELS.get(row["engine"], row["engine"]), row["n"], *figures)


def _inbox(backtests: pa.Table) -> list[Mapping[str, Any]]:
    """The last entries, newest first."""
    told = backtests.filter(pc.is_valid(backtests["inbox"])).sort_by([("week", "descending"), ("tenant", "ascending")])
    return list(told.slice(0, _KEPT_ENTRIES).to_pylist())


def _inbox_section(backtests: pa.Table) -> dict[str, Any]:
    entries = _inbox(backtests)
    if not entries:
        return {"title": "Inbox of backtests", "text": "No line of a backtest has an improvement yet."}
    shares = ({"name": name, "unit": "fraction"} for name in ("improvement", "change"))
    return {
        "title": "Inbox of backtests",
        "text": "Every night the backtest is made again. A line is posted when it is a tenant's first, or when the improvement of the MAE "
        f"over the baseline moved by the policy's limit or more since the line before; the last {_KEPT_ENTRIES} entries are kept.",
        "table": {
            "columns": ["week", "tenant", "why", *shares, "weeks"],
            "rows": [tuple(entry[name] for name in _INBOX) for entry in entries[:_SHOWN_ENTRIES]],
            "note": f"Shown are the newest {min(len(entries), _SHOWN_ENTRIES)} of {len(entries)} entries.",
        },
        "documents": [("all entries kept, as CSV", _INBOX_PATH)],
    }


def _prediction_section(predictions: pa.Table) -> dict[str, Any]:
    made = predictions.filter(pc.is_valid(predictions["median"]))
    engine = _engine(made)
    own = made.filter(pc.equal(made["engine"], engine))
    tenants = sorted(pc.unique(own["tenant"]).to_pylist())
    shown = tenants[:_MOST_TENANTS]
    left = f" Shown are {len(shown)} of {len(tenants)} tenants." if len(tenants) > len(shown) else ""
    text = f"{_MODELS.get(engine, engine).capitalize()}: what was predicted of each week, with its interval, and what came true.{left}"
    plots = [_fan_plot(own.filter(pc.equal(own["tenant"], tenant)).sort_by("week"), tenant) for tenant in shown]
    return {"title": "Predictions", "text": text if shown else "Nothing is predicted yet.", "plots": plots}


def _return_section(refits: pa.Table) -> dict[str, Any]:
    paid = _with_roi(refits)
    if not paid.num_rows:
        return {"title": "Return on investment", "text": "No refit is recorded yet."}
    tenants = sorted(pc.unique(paid["tenant"]).to_pylist())
    newest = pc.max(refits["quarter"]).as_py()
    here = refits.filter(pc.and_(pc.equal(refits["quarter"], newest), pc.is_valid(refits["contribution"])))
    rows = here.sort_by([(name, "ascending") for name in ("tenant", "part", "name")]).to_pylist()
    names = ("tenant", "name", "roi", "roi_lower", "roi_upper", "roi_move", "contribution_share", "optimal_share", "elasticity")
    shares = ("ROI move", "contribution", "best split", "elasticity")
    columns = ["tenant", "channel or control", "ROI", "from", "to", *({"name": name, "unit": "fraction"} for name in shares)]
    columns += ["unconstrained", "from", "to"]
    names += ("multiple", "multiple_lower", "multiple_upper")
    return {
        "title": "Return on investment",
        "text": "What each refit says of each channel: one refit a quarter on all weeks so far, the open quarter's as weeks come in. "
        f"{_CONFOUNDING}",
        "plots": [_roi_plot(paid, tenant) for tenant in tenants[:_MOST_TENANTS]],
        "table": {
            "columns": columns,
            "rows": [tuple(row[name] for name in names) for row in rows],
            "note": f"Of the refit of {newest}. Move against the refit before; contribution as a share of the target; share in the best "
            "split of current spend; elasticity of a channel, or the effect of one standard deviation of a control. Unconstrained: what "
            "least squares, held to no sign, would multiply the response by; 1 agrees with the model, wholly below 0 contradicts it.",
        },
    }


def _contribution_section(contributions: pa.Table) -> dict[str, Any]:
    if not contributions.num_rows:
        return {"title": "Contributions", "text": "No contribution is recorded yet."}
    newest = pc.max(contributions["quarter"]).as_py()
    here = contributions.filter(pc.and_(pc.equal(contributions["quarter"], newest), pc.equal(contributions["part"], "channel")))
    tenants = sorted(pc.unique(here["tenant"]).to_pylist())[:_MOST_TENANTS]
    return {
        "title": "Contributions",
        "text": f"What each channel brought week by week, with its interval, as the refit of {newest} sees it. {_CONFOUNDING}",
        "plots": [_contribution_plot(here, tenant) for tenant in tenants],
    }


def _saved_section(saved: pa.Table) -> dict[str, Any]:
    title = "Models made elsewhere"
    if not saved.num_rows:
        return {"title": title, "text": "No saved run of another engine is in media_results/; README says how to export one."}
    rows = saved.sort_by([(name, "ascending") for name in ("tenant", "engine", "trained_until", "run", "channel")]).to_pylist()
    names = ("tenant", "engine", "run", "trained_until", "weeks_ahead", "channel", "roi", "roi_lower", "roi_upper")
    return {
        "title": title,
        "text": "Saved runs of other engines. What they predict of weeks after their training stands among the backtests above, under the "
        f"same rules; this is what they say of channels. {_CONFOUNDING}",
        "table": {
            "columns": ["tenant", "engine", "run", "trained until", "weeks ahead", "channel", "ROI", "from", "to"],
            "rows": [tuple(row[name] for name in names) for row in rows],
            "note": "Intervals have the probability that each run states; empty where it states none.",
        },
    }


# ---------------------------------------------------------------- plots


def _with_roi(refits: pa.Table) -> pa.Table:
    return refits.filter(pc.is_valid(refits["roi"]))


def _roi_plot(paid: pa.Table, tenant: str) -> Plot:
    own = paid.filter(pc.equal(paid["tenant"], tenant)).sort_by("last_week").to_pylist()
    series = []
    for name in sorted({row["name"] for row in own}):
        rows = [row for row in own if row["name"] == name]
        ends = {end: [row[f"roi_{end}"] for row in rows] for end in ("lower", "upper")}
        series.append({"name": name, "x": [row["last_week"] for row in rows], "y": [row["roi"] for row in rows]} | ends)
    return {
        "kind": "intervals",
        "title": f"Return on investment by refit: {tenant}",
        "subtitle": "median and interval; assuming no unmeasured confounding",
        "x_label": "last week of training",
        "series": series,
        "references": [{"value": 1.0, "label": "money back"}],
    }


def _contribution_plot(rows: pa.Table, tenant: str) -> Plot:
    own = rows.filter(pc.equal(rows["tenant"], tenant)).sort_by("week")
    series = []
    for name in sorted(pc.unique(own["name"]).to_pylist()):
        line = own.filter(pc.equal(own["name"], name))
        figures = {"y": "contribution", "lower": "lower", "upper": "upper"}
        series.append({"name": name, "x": line["week"].to_pylist()} | {end: line[column].to_pylist() for end, column in figures.items()})
    return {"kind": "lines", "title": f"Weekly contributions: {tenant}", "x_label": "week", "series": series}


def _fan_plot(rows: pa.Table, tenant: str) -> Plot:
    weeks = rows["week"].to_pylist()
    predicted = {name: rows[column].to_pylist() for name, column in (("y", "median"), ("lower", "lower"), ("upper", "upper"))}
    return {
        "kind": "lines",
        "title": f"Predicted and observed: {tenant}",
        "x_label": "week",
        "series": [{"name": "predicted", "x": weeks} | predicted, {"name": "observed", "x": weeks, "y": rows["observed"].to_pylist()}],
    }


def _improvement_plot(backtests: pa.Table) -> Plot:
    engine, window = _engine(backtests), _longest(backtests)
    own = backtests.filter(pc.and_(pc.equal(backtests["engine"], engine), pc.equal(backtests["window"], window))).sort_by("week")
    series = []
    for tenant in sorted(pc.unique(own["tenant"]).to_pylist())[:_MOST_TENANTS]:
        rows = own.filter(pc.equal(own["tenant"], tenant))
        series.append({"name": tenant, "x": rows["week"].to_pylist(), "y": rows["mae_improvement"].to_pylist()})
    return {
        "kind": "lines",
        "title": "Improvement of the MAE over the baseline",
        "subtitle": f"last {window.removeprefix('trailing_')} predicted weeks",
        "unit": "fraction",
        "x_label": "week",
        "series": series,
        "references": [{"value": 0.0, "label": "no better"}],
    }


# ---------------------------------------------------------------- choosing


def _engine(rows: pa.Table) -> str:
    """The engine to show: the first of those that use media, else any."""
    known: Sequence[str] = sorted(pc.unique(rows["engine"]).to_pylist())
    return next((engine for engine in _ENGINES if engine in known), next(iter(known), ""))


def _longest(rows: pa.Table) -> str:
    windows = pc.unique(rows["window"]).to_pylist()
    return str(max(windows, key=lambda window: int(window.removeprefix("trailing_")), default=""))
