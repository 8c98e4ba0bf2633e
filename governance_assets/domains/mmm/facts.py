"""Predictions of media-mix engines week by week, what windows of them say, and what refits say of channels.

Belongs here: arranging landed series for the engines, and their predictions into contract columns.
Does not belong here: models and scores (``stats/``) and verdicts (``rules.py``).

An engine is refitted at fixed lengths counted from a tenant's first week, so that a week's prediction is the same whichever weeks are
asked for. Figures are rounded as ``stats/rounding.py`` says.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from statistics import NormalDist
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import arrow_schema
from governance_assets.domains.mmm.contracts import (
    MediaContributions,
    MediaDraws,
    MediaPredictions,
    MmmBacktest,
    PublishedFigures,
    RefitStability,
)
from governance_assets.policy import MmmPolicy
from governance_assets.runtime.periods import quarter_of_week, weeks_of_quarter
from governance_assets.stats.arrays import Floats
from governance_assets.stats.chain_diagnostics import split_r_hat
from governance_assets.stats.explained_share import fold_spread, r_squared
from governance_assets.stats.forecast_errors import relative_improvement
from governance_assets.stats.media_posterior import (
    ChannelDraws,
    channel_draws,
    column_draws,
    kept_places,
    optimal_shares,
    recorded_columns,
    recorded_draws,
    unconstrained_multiples,
)
from governance_assets.stats.media_rows import tenants_from, until
from governance_assets.stats.media_series import (
    BAYES,
    FittedWeeks,
    MediaSeries,
    curves_of,
    designs,
    fitted,
    model_columns,
    predictions,
    varying,
)
from governance_assets.stats.rounding import rounded
from governance_assets.stats.sample_scores import crps
from governance_assets.stats.shift_watch import standardised_errors, watch_shifts

_SEED = 20251006
_WEEK = dt.timedelta(days=7)
_STEP = 0.01
"""Relative rise of exposure that an elasticity is measured by."""

Row = dict[str, Any]


# ---------------------------------------------------------------- predictions


def media_predictions(con: duckdb.DuckDBPyConnection, media: str | None, weeks: Sequence[dt.date], policy: MmmPolicy) -> pa.Table:
    """One row is what one engine predicted of one tenant in one of the asked weeks."""
    rows: list[Row] = []
    if media is not None and weeks:
        for tenant, known in tenants(con, media, max(weeks)):
            rows += _with_sources(_predicted(tenant, known, sorted(set(weeks) & set(known.weeks)), policy), policy)
    return pa.Table.from_pylist(rows, schema=arrow_schema(MediaPredictions))


def _with_sources(rows: Iterable[Row], policy: MmmPolicy) -> Iterator[Row]:
    """Rows of one tenant with their source: where the judged engine is silent, the first other engine with media stands in for it."""
    made = list(rows)
    speaking = {week: [row["engine"] for row in own] for week, own in _by_week(row for row in made if row.get("problem") is None)}
    for row in made:
        engines = [engine for engine in speaking.get(row["week"], []) if engine not in policy.baselines]
        is_fallback = policy.judged_engine not in engines and engines[:1] == [row["engine"]]
        kind = "baseline" if row["engine"] in policy.baselines else "fallback" if is_fallback else "alternative"
        yield row | {"source": "primary" if row["engine"] == policy.judged_engine else kind}


def _by_week(rows: Iterable[Row]) -> Iterator[tuple[dt.date, list[Row]]]:
    """Rows by week, engines in the order of the policy."""
    for week, own in groupby(sorted(rows, key=lambda row: row["week"]), key=lambda row: row["week"]):
        yield week, list(own)


def tenants(con: duckdb.DuckDBPyConnection, media: str, last: dt.date) -> Iterator[tuple[str, MediaSeries]]:
    """Each tenant's series from its first observed target to its last week, no later than ``last``; NaN where a value is missing."""
    monday = "CAST(date_trunc('week', week) AS DATE)"
    query = f"SELECT tenant, series, name, {monday}, value FROM {media} WHERE {monday} <= ? ORDER BY ALL"
    return tenants_from(con.execute(query, [last]).fetchall())


def _predicted(tenant: str, known: MediaSeries, asked: Sequence[dt.date], policy: MmmPolicy) -> Iterator[Row]:
    places = [place for place in map(known.weeks.index, asked) if place >= policy.min_train_weeks]
    for train, group in groupby(places, key=lambda place: _train_weeks(place, policy)):
        chosen = list(group)
        shared: dict[tuple[str, ...], FittedWeeks] = {}
        for engine in policy.engines:
            yield from _by_engine(tenant, known, engine, train, chosen, policy, shared)


def _train_weeks(place: int, policy: MmmPolicy) -> int:
    """Weeks of the newest fit that a week's prediction may rest on."""
    return place - (place - policy.min_train_weeks) % policy.refit_every_weeks


def _by_engine(
    tenant: str,
    known: MediaSeries,
    engine: str,
    train: int,
    places: Sequence[int],
    policy: MmmPolicy,
    shared: dict[tuple[str, ...], FittedWeeks],
) -> Iterator[Row]:
    told: list[Row] = [
        {
            "week": known.weeks[place],
            "tenant": tenant,
            "engine": engine,
            "train_weeks": train,
            "steps_ahead": place - train + 1,
            "observed": None if math.isnan(known.target[place]) else float(known.target[place]),
            "left_out": "",
        }
        for place in places
    ]
    try:
        if curves_of(engine) not in shared:
            shared[curves_of(engine)] = designs(until(known, places[-1] + 1), train, engine, policy.season_order)
        made = shared[curves_of(engine)]
        found = fitted(made, seed=_SEED + train, chains=policy.chains, draws=policy.draws) if engine in BAYES else None
    except ValueError as error:
        yield from ({**row, "problem": str(error)} for row in told)
        return
    for row, place, drawn in zip(told, places, predictions(made, found, engine, places), strict=True):
        unknown = [name for name, values in known.controls.items() if name not in made.left_out and math.isnan(values[place])]
        if unknown:
            yield row | {"problem": f"{', '.join(sorted(unknown))} is missing in this week"}
            continue
        samples = drawn.samples(_SEED + place)
        yield row | {"left_out": ",".join(made.left_out)} | _figures(row["observed"], samples, drawn.log_density, policy.confidence)


def _figures(observed: float | None, samples: Floats, log_density: Any, confidence: float) -> Row:
    lower, median, upper = np.quantile(samples[0], [(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    row: Row = {"median": rounded(median), "lower": rounded(lower), "upper": rounded(upper)}
    if observed is not None:
        y = np.array([observed])
        row |= {"crps": rounded(crps(y, samples, "fair")[0]), "log_density": rounded(log_density(y)[0])}
    return row


# ---------------------------------------------------------------- backtests


def mmm_backtest(con: duckdb.DuckDBPyConnection, predictions: str, weeks: Sequence[dt.date], policy: MmmPolicy) -> pa.Table:
    """One row is what one engine was worth for one tenant over a window that ends with one of the asked weeks."""
    rows: list[Row] = []
    for _, every in groupby(_recorded(con, predictions), key=lambda row: row["tenant"]):
        by_engine = {engine: list(own) for engine, own in groupby(every, key=lambda row: row["engine"])}
        first = min(own[0]["week"] for own in by_engine.values())
        shifts = _shifts(by_engine.get(policy.judged_engine, ()), policy)
        for week in sorted(week for week in weeks if week >= first):
            for length in policy.windows:
                for row in _window_rows(by_engine, week, length, policy):
                    rows.append(row | (shifts.get(week, {}) if row["engine"] == policy.judged_engine else {}))
    return pa.Table.from_pylist(rows, schema=arrow_schema(MmmBacktest))


def _shifts(rows: Sequence[Row], policy: MmmPolicy) -> dict[dt.date, Row]:
    """What the watch over one engine's errors says of each week it judges."""
    usable = [row for row in rows if row["crps"] is not None and row["upper"] > row["lower"]]
    if not usable:
        return {}
    columns = (np.array([row[name] for row in usable]) for name in ("observed", "median", "lower", "upper"))
    found = watch_shifts(standardised_errors(*columns, policy.confidence), run_length=policy.shift_run_length)
    return {
        row["week"]: {"shift_score": rounded(score), "shift_limit": rounded(limit), "shift_size": rounded(size)}
        for row, score, limit, size in zip(usable, found.score, found.limit, found.size, strict=True)
        if math.isfinite(score)
    }


def _recorded(con: duckdb.DuckDBPyConnection, predictions: str) -> list[Row]:
    found = con.execute(f"SELECT * FROM {predictions} ORDER BY tenant, engine, week").to_arrow_table()
    return list(found.to_pylist())


def _window_rows(by_engine: Mapping[str, Sequence[Row]], week: dt.date, length: int, policy: MmmPolicy) -> Iterator[Row]:
    here = {engine: _cases(rows, week, length) for engine, rows in by_engine.items()}
    before = {engine: _cases(rows, week - _WEEK, length) for engine, rows in by_engine.items()}
    for engine, cases in here.items():
        if not any(row["week"] == week for row in by_engine[engine]):
            continue
        improvement, earlier = (_improvement(each, engine, policy.baseline_engine) for each in (here, before))
        yield {
            "week": week,
            "tenant": by_engine[engine][0]["tenant"],
            "engine": engine,
            "window": f"trailing_{length}",
            "n": len(cases),
            "n_missing": length - len(cases),
            "n_zero": sum(row["observed"] == 0 for row in cases.values()),
            **_errors(list(cases.values())),
            "validation_r2": _r2(list(_cases(by_engine[engine], week - length * _WEEK, length).values()), length),
            "fold_r2_std": rounded(fold_spread(*_pair(cases.values()), policy.fold_weeks)),
            "mae_improvement": rounded(improvement),
            "mae_improvement_change": rounded(improvement - earlier),
            "least_mape_ratio": rounded(min((_mape_ratio(here, engine, name) for name in policy.baselines), default=math.nan)),
        }


def _cases(rows: Sequence[Row], week: dt.date, length: int) -> dict[dt.date, Row]:
    """What was predicted and observed in the ``length`` weeks that end with ``week``, by week."""
    first = week - (length - 1) * _WEEK
    return {row["week"]: row for row in rows if first <= row["week"] <= week and row["crps"] is not None}


def _errors(cases: Sequence[Row]) -> Row:
    if not cases:
        return {}
    observed, median = _pair(cases)
    errors, size = median - observed, np.abs(observed)
    inside = [row["lower"] <= row["observed"] <= row["upper"] for row in cases]
    return {
        "mae": rounded(np.abs(errors).mean()),
        "rmse": rounded(np.sqrt((errors**2).mean())),
        "wmape": rounded(np.abs(errors).sum() / size.sum()) if size.any() else None,
        "mape": rounded(_mape(observed, median)),
        "bias": rounded(errors.mean()),
        "crps": rounded(np.mean([row["crps"] for row in cases])),
        "coverage": rounded(np.mean(inside)),
        "elpd": rounded(np.sum([row["log_density"] for row in cases])),
        "r2": _r2(cases, len(cases)),
    }


def _pair(cases: Any) -> tuple[Floats, Floats]:
    rows = list(cases)
    return np.array([row["observed"] for row in rows], dtype=np.float64), np.array([row["median"] for row in rows], dtype=np.float64)


def _r2(cases: Sequence[Row], length: int) -> float | None:
    """R² of the cases if there are ``length`` of them."""
    return rounded(r_squared(*_pair(cases))) if len(cases) == length else None


def _mape(observed: Floats, median: Floats) -> float:
    known = observed != 0
    return float((np.abs(median - observed)[known] / np.abs(observed)[known]).mean()) if known.any() else math.nan


def _improvement(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> float:
    """Relative improvement of the MAE on weeks that both predicted; NaN when there is none."""
    own, other = _shared(cases, engine, baseline)
    if not own:
        return math.nan
    return relative_improvement(*(float(np.abs(np.subtract(*_pair(each))).mean()) for each in (own, other)))


def _mape_ratio(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> float:
    own, other = (_mape(*_pair(each)) for each in _shared(cases, engine, baseline))
    return other / own if own > 0 else math.nan


def _shared(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> tuple[list[Row], list[Row]]:
    own, other = cases[engine], cases.get(baseline, {})
    both = sorted(own.keys() & other.keys())
    return [own[week] for week in both], [other[week] for week in both]


# ---------------------------------------------------------------- refits: draws


def media_draws(con: duckdb.DuckDBPyConnection, media: str | None, quarters: Sequence[str], policy: MmmPolicy) -> pa.Table:
    """One row is one posterior draw of one channel or control, of the judged engine refitted at the end of one of the asked quarters."""
    parts = [arrow_schema(MediaDraws).empty_table()]
    if media is not None and policy.judged_engine in BAYES:
        parts += [_drawn_rows(quarter, tenant, known, policy) for quarter, tenant, known in refits(con, media, quarters, policy)]
    return pa.concat_tables(parts)


def refits(
    con: duckdb.DuckDBPyConnection, media: str, quarters: Sequence[str], policy: MmmPolicy
) -> Iterator[tuple[str, str, MediaSeries]]:
    """Each quarter and tenant with a new observed week, and its series up to the last of them, if that is long enough to fit."""
    ends = {quarter: max(weeks_of_quarter(quarter)) for quarter in sorted(set(quarters))}
    for tenant, known in tenants(con, media, max(ends.values())) if ends else ():
        observed = np.flatnonzero(~np.isnan(known.target))
        for quarter, end in ends.items():
            places = [place for place in observed if known.weeks[place] <= end]
            if places and places[-1] + 1 >= policy.min_train_weeks and quarter_of_week(known.weeks[places[-1]]) == quarter:
                yield quarter, tenant, until(known, places[-1] + 1)


def _drawn_rows(quarter: str, tenant: str, known: MediaSeries, policy: MmmPolicy) -> pa.Table:
    train = len(known.weeks)
    told: Row = {
        "quarter": quarter,
        "tenant": tenant,
        "engine": policy.judged_engine,
        "last_week": known.weeks[-1],
        "train_weeks": train,
        "left_out": "",
    }
    try:
        made = designs(known, train, policy.judged_engine, policy.season_order)
        found = fitted(made, seed=_SEED + train, chains=policy.chains, draws=policy.draws)
    except ValueError as error:
        nothing = told | {"part": "channel", "name": "", "draw": 0, "chain": 0, "problem": str(error)}
        return pa.Table.from_pylist([nothing], schema=arrow_schema(MediaDraws))
    places = kept_places(policy.chains, policy.draws, policy.kept_draws)
    told["left_out"] = ",".join(made.left_out)
    parts = []
    chains = places // policy.draws
    for place, channel in enumerate(found.design.channels):
        recorded = recorded_columns(channel_draws(found, place, places))
        parts.append(_draw_table(told | {"part": "channel", "name": channel.name}, recorded, chains))
    for name, values in known.controls.items():
        if name not in made.left_out:
            effect = column_draws(found, f"control {name}", places) / np.abs(values).max()
            parts.append(_draw_table(told | {"part": "control", "name": name}, {"height": list(map(rounded, effect))}, chains))
    return pa.concat_tables(parts)


def _draw_table(told: Row, columns: Mapping[str, Sequence[Any]], chains: np.ndarray) -> pa.Table:
    count, schema = len(chains), arrow_schema(MediaDraws)
    given = {"draw": range(count), "chain": chains.tolist()} | columns
    return pa.table([pa.array(given.get(field.name, [told.get(field.name)] * count), field.type) for field in schema], schema=schema)


def media_contributions(
    con: duckdb.DuckDBPyConnection, media: str | None, draws: str, quarters: Sequence[str], policy: MmmPolicy
) -> pa.Table:
    """One row is what one channel or control brought in one week, as one refit sees it."""
    rows: list[Row] = []
    for quarter, tenant, series in refits(con, media, quarters, policy) if media is not None else ():
        weeks = series.weeks[-policy.contribution_weeks :]
        for (part, name), own in _by_subject(_drawn_of(con, draws, quarter, tenant)).items():
            if part == "channel":
                brought = recorded_draws(own.to_pydict()).weekly(series.exposure[name])[:, -len(weeks) :]
            else:
                brought = own["height"].to_numpy()[:, None] * series.controls[name][-len(weeks) :]
            ends = np.quantile(brought, [(1 - policy.confidence) / 2, 0.5, (1 + policy.confidence) / 2], axis=0)
            told = {"quarter": quarter, "tenant": tenant, "part": part, "name": name}
            for week, (lower, median, upper) in zip(weeks, ends.T, strict=True):
                rows.append(told | {"week": week, "contribution": rounded(median), "lower": rounded(lower), "upper": rounded(upper)})
    return pa.Table.from_pylist(rows, schema=arrow_schema(MediaContributions))


def _drawn_of(con: duckdb.DuckDBPyConnection, draws: str, quarter: str, tenant: str) -> pa.Table:
    query = f"SELECT * FROM {draws} WHERE quarter = ? AND tenant = ? ORDER BY part, name, draw"
    return con.execute(query, [quarter, tenant]).to_arrow_table()


def _by_subject(own: pa.Table) -> dict[tuple[str, str], pa.Table]:
    """The draws of each channel and control; nothing when none were drawn."""
    subjects = sorted(set(zip(*(own[column].to_pylist() for column in ("part", "name")), strict=True)))
    return {(p, n): own.filter(pc.and_(pc.equal(own["part"], p), pc.equal(own["name"], n))) for p, n in subjects if n}


# ---------------------------------------------------------------- refits: what they say, and how far they moved


def refit_stability(
    con: duckdb.DuckDBPyConnection, media: str | None, draws: str, earlier: str | None, quarters: Sequence[str], policy: MmmPolicy
) -> pa.Table:
    """One row is what one refit says of one channel or control; ``earlier`` holds the rows of earlier quarters."""
    schema = arrow_schema(RefitStability)
    known = [] if earlier is None else con.execute(f"SELECT * FROM {earlier} ORDER BY quarter").to_arrow_table().to_pylist()
    newest: dict[tuple[str, str, str], Row] = {_subject(row): row for row in known if row["problem"] is None}
    rows: list[Row] = []
    for quarter, tenant, series in sorted(refits(con, media, quarters, policy), key=lambda one: one[:2]) if media is not None else ():
        own = _drawn_of(con, draws, quarter, tenant)
        if own.num_rows:
            found = [_moved(row, newest.get(_subject(row)), policy) for row in _refit_rows(own, series, newest, policy)]
            newest |= {_subject(row): row for row in found if row["problem"] is None}
            rows += found
    return pa.Table.from_pylist(rows, schema=schema)


def _subject(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["tenant"], row["part"], row["name"]


def _refit_rows(own: pa.Table, series: MediaSeries, newest: Mapping[tuple[str, str, str], Row], policy: MmmPolicy) -> list[Row]:
    head = own.slice(0, 1).to_pylist()[0]
    told = {name: head[name] for name in ("quarter", "tenant", "engine", "last_week", "train_weeks", "problem")}
    if head["problem"] is not None:
        return [told | {"part": "channel", "name": "", "is_left_out": True, "is_paid": False}]
    by_name = _by_subject(own)
    channels = {name: recorded_draws(rows.to_pydict()) for (part, name), rows in by_name.items() if part == "channel"}
    chain = by_name["channel", next(iter(channels))]["chain"].to_numpy()
    rows = _channel_rows(channels, chain, series, policy)
    rows += [
        _control_row(name, drawn["height"].to_numpy(), chain, series, policy) for (p, name), drawn in by_name.items() if p == "control"
    ]
    known = {("channel", name) for name in series.exposure} | {("control", name) for name in series.controls}
    known |= {(part, name) for tenant, part, name in newest if tenant == head["tenant"]}
    gone = sorted(known - by_name.keys())
    rows += [{"part": part, "name": name, "is_left_out": True, "is_paid": name in series.cost} for part, name in gone]
    return [told | {"is_left_out": False} | row for row in rows]


def _channel_rows(channels: Mapping[str, ChannelDraws], chain: np.ndarray, series: MediaSeries, policy: MmmPolicy) -> list[Row]:
    weekly = {name: drawn.weekly(series.exposure[name]) for name, drawn in channels.items()}
    train = len(series.weeks)
    columns = model_columns(series.weeks, varying(series.controls, train), train, policy.season_order)
    others = np.array([column.values for column in columns], dtype=np.float64)
    multiples = unconstrained_multiples(series.target, [np.median(each, axis=0) for each in weekly.values()], others)
    optimal = _optima(channels, series, policy)
    recent = float(np.abs(series.target[-policy.current_weeks :]).mean())
    rows = []
    for (name, drawn), multiple, error in zip(channels.items(), *multiples, strict=True):
        exposure, total = series.exposure[name], weekly[name].sum(axis=1)
        level = exposure[-policy.current_weeks :].mean()
        at, above = drawn.steady([level, level * (1 + _STEP)]).T
        rows.append(
            {"part": "channel", "name": name, "is_paid": name in series.cost}
            | _costs(name, series, policy)
            | _spread("contribution", total, policy.confidence)
            | _share_of_target(total, series)
            | _spread("elasticity", (above - at) / _STEP / recent if recent else None, policy.sign_confidence)
            | _interval("multiple", multiple, error, policy.sign_confidence)
            | _spread("optimal_share", optimal.get(name), policy.confidence)
            | _r_hat(total, chain)
            | (_spread("roi", total / series.cost[name].sum(), policy.confidence) if name in series.cost else {})
        )
    return rows


def _control_row(name: str, effect: Floats, chain: np.ndarray, series: MediaSeries, policy: MmmPolicy) -> Row:
    values, recent = series.controls[name], float(np.abs(series.target[-policy.current_weeks :]).mean())
    total = effect * values.sum()
    return (
        {"part": "control", "name": name, "is_paid": False}
        | _spread("contribution", total, policy.confidence)
        | _share_of_target(total, series)
        | _spread("elasticity", effect * values.std() / recent if recent else None, policy.sign_confidence)
        | _r_hat(effect, chain)
    )


def _costs(name: str, series: MediaSeries, policy: MmmPolicy) -> Row:
    if name not in series.cost:
        return {}
    cost, exposure = series.cost[name], series.exposure[name]
    bought = [exposure[part].sum() / cost[part].sum() for part in (slice(-policy.current_weeks, None), slice(None)) if cost[part].sum() > 0]
    return {
        "spend": rounded(cost.sum()),
        "current_spend": rounded(cost[-policy.current_weeks :].mean()),
        "largest_spend": rounded(cost.max()),
        "exposure_per_cost": rounded(bought[0]) if bought else None,
    }


def _optima(channels: Mapping[str, ChannelDraws], series: MediaSeries, policy: MmmPolicy) -> dict[str, Floats]:
    """Each draw's best split of what is spent now, over channels whose cost is known."""
    costs = {name: _costs(name, series, policy) for name in channels}
    paid = [name for name, cost in costs.items() if cost.get("exposure_per_cost")]
    budget = sum(costs[name]["current_spend"] for name in paid)
    if not paid or not budget:
        return {}
    chosen = kept_places(1, len(channels[paid[0]].first), policy.optimum_draws)
    levels = np.array([np.linspace(0, costs[name]["largest_spend"], policy.optimum_steps + 1) for name in paid])
    responses = [
        channels[name].taking(chosen).steady(row * costs[name]["exposure_per_cost"]) for name, row in zip(paid, levels, strict=True)
    ]
    shares = optimal_shares(np.stack(responses, axis=1), levels, budget)
    return dict(zip(paid, shares.T, strict=True))


def _spread(name: str, drawn: Floats | None, confidence: float) -> Row:
    if drawn is None or not np.isfinite(drawn).all():
        return {}
    lower, median, upper = np.quantile(drawn, [(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    return {name: rounded(median), f"{name}_lower": rounded(lower), f"{name}_upper": rounded(upper)}


def _interval(name: str, middle: float, error: float, confidence: float) -> Row:
    if not (math.isfinite(middle) and math.isfinite(error)):
        return {}
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return {name: rounded(middle), f"{name}_lower": rounded(middle - reach), f"{name}_upper": rounded(middle + reach)}


def _share_of_target(total: Floats, series: MediaSeries) -> Row:
    size = float(np.abs(series.target).sum())
    return {"contribution_share": rounded(np.median(total) / size) if size else None}


def _r_hat(drawn: Floats, chain: np.ndarray) -> Row:
    count = len(np.unique(chain))
    return {"r_hat": rounded(split_r_hat(drawn.reshape(count, -1)))} if count > 1 else {}


def _moved(row: Row, before: Mapping[str, Any] | None, policy: MmmPolicy) -> Row:
    if before is None or row["problem"] is not None:
        return row
    inside = None
    if row.get("roi") is not None and before.get("roi") is not None:
        inside = before["roi_lower"] <= row["roi"] <= before["roi_upper"]
    return row | {
        "previous_quarter": before["quarter"],
        "roi_move": rounded(row["roi"] / before["roi"] - 1) if inside is not None and before["roi"] else None,
        "is_roi_inside": inside,
        "contribution_move": _difference(row, before, "contribution_share"),
        "optimal_move": _difference(row, before, "optimal_share"),
        "has_sign_flipped": _has_flipped(row, before, "multiple" if row["part"] == "channel" else "elasticity"),
        "has_vanished": _has_vanished(row, before, policy.least_contribution_share),
    }


def _difference(row: Mapping[str, Any], before: Mapping[str, Any], name: str) -> float | None:
    if row.get(name) is None or before.get(name) is None:
        return None
    return rounded(row[name] - before[name])


def _has_flipped(row: Mapping[str, Any], before: Mapping[str, Any], name: str) -> bool | None:
    if row.get(name) is None or before.get(name) is None:
        return None
    is_sure = any(one[f"{name}_lower"] > 0 or one[f"{name}_upper"] < 0 for one in (row, before))
    return bool(is_sure and row[name] * before[name] < 0)


def _has_vanished(row: Mapping[str, Any], before: Mapping[str, Any], least: float) -> bool | None:
    if before.get("contribution_share") is None:
        return None
    share = 0.0 if row["is_left_out"] else row.get("contribution_share")
    return None if share is None else bool(abs(before["contribution_share"]) >= least > abs(share))


# ---------------------------------------------------------------- published figures

_BACKTEST = "_backtest"
_ALIASES = {"weighted_mape": "wmape", "relative_mae_improvement": "mae_improvement"}


def published_figures(con: duckdb.DuckDBPyConnection, runs: str | None) -> pa.Table:
    """One row is one published figure of a backtest, and what the newest windows stored until then give."""
    schema = arrow_schema(PublishedFigures)
    if runs is None:
        return schema.empty_table()
    stored = _stored_windows(con, runs)
    rows = con.execute(
        f"""SELECT instant, model_id, metric, series, any_value(value) AS published FROM {runs}
            WHERE source = 'published' AND metric NOT IN ('actual', 'prediction')
              AND (model_id LIKE '%{_BACKTEST}' OR model_id IN (SELECT model_id FROM {runs} WHERE metric = 'prediction'))
            GROUP BY ALL ORDER BY ALL"""
    ).to_arrow_table()
    return pa.Table.from_pylist([row | _recomputed(row, stored) for row in rows.to_pylist()], schema=schema)


def _stored_windows(con: duckdb.DuckDBPyConnection, runs: str) -> dict[tuple[dt.datetime, str], dict[str, tuple[Floats, Floats]]]:
    """Observed and predicted values of each model, by instant and series of the stored backtest."""
    found: dict[tuple[dt.datetime, str], dict[str, tuple[Floats, Floats]]] = {}
    rows = con.execute(
        f"""SELECT p.instant, p.series, p.model_id, list(a.value ORDER BY p.window_end), list(p.value ORDER BY p.window_end)
            FROM {runs} p JOIN {runs} a ON p.instant = a.instant AND p.series = a.series AND p.window_end = a.window_end
            WHERE p.metric = 'prediction' AND a.metric = 'actual' GROUP BY ALL"""
    ).fetchall()
    for instant, series, model, observed, predicted in rows:
        found.setdefault((instant, series), {})[model] = np.array(observed, dtype=np.float64), np.array(predicted, dtype=np.float64)
    return found


def _recomputed(row: Row, stored: Mapping[tuple[dt.datetime, str], Mapping[str, tuple[Floats, Floats]]]) -> Row:
    model = row["model_id"].removesuffix(_BACKTEST)
    known = [key for key in stored if key[0] <= row["instant"] and row["series"] in ("", key[1]) and model in stored[key]]
    if not known:
        return {"windows": 0}
    here = max(known)
    value = _figure_of_windows(_ALIASES.get(row["metric"], row["metric"]), model, stored[here])
    told = {"windows": len(stored[here][model][0]) if value is not None else 0, "stored_at": here[0], "recomputed": value}
    return told | ({"difference": rounded(row["published"] / value - 1)} if value else {})


def _figure_of_windows(metric: str, model: str, windows: Mapping[str, tuple[Floats, Floats]]) -> float | None:
    observed, predicted = windows[model]
    errors = predicted - observed
    if metric == "mae_improvement":
        others = [name for name in windows if name != model]
        if len(others) != 1:
            return None
        other = float(np.abs(np.subtract(*windows[others[0]])).mean())
        return rounded(relative_improvement(float(np.abs(errors).mean()), other))
    figures = {
        "mae": lambda: np.abs(errors).mean(),
        "rmse": lambda: np.sqrt((errors**2).mean()),
        "bias": errors.mean,
        "wmape": lambda: np.abs(errors).sum() / np.abs(observed).sum(),
        "mape": lambda: _mape(observed, predicted),
    }
    return rounded(figures[metric]()) if metric in figures else None
