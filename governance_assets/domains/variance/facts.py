"""Rows of the quarter's variance by our own verdicts: key figures, components of the risk, and what critics ask for.

Belongs here: picking the newest recorded figure or verdict of a quarter and holding it against quarters before. Does not belong
here: computing a figure (``mmm``, ``critics``), or whether it is acceptable (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.variance.contracts import KpiDeltas, RecommendedActions, VarianceComponents
from governance_assets.policy import MmmPolicy, ReviewPolicy, VariancePolicy
from governance_assets.runtime.periods import Period, previous_quarter
from governance_assets.stats.robust_band import robust_band

Row = dict[str, Any]

_WEEK, _DAY = dt.timedelta(days=7), dt.timedelta(days=1)
_OURS = " (ours)"
_SILENT = ("skipped", "unknown")
BACKTEST = "mmm_backtest"


@dataclass(frozen=True)
class Seen:
    """Recorded weekly rows, each with the ``quarter`` it belongs to."""

    backtests: Sequence[Row] = ()
    allocator: Sequence[Row] = ()
    reality: Sequence[Row] = ()
    summary: Sequence[Row] = ()


# ---------------------------------------------------------------- key figures


def kpi_deltas(seen: Seen, periods: Sequence[Period], policy: VariancePolicy, mmm: MmmPolicy) -> pa.Table:
    """Every key figure of each asked quarter, against all quarters before it that have it."""
    figures: dict[str, dict[tuple[str, str], Row]] = {}
    for quarter, figure in _figures(seen, mmm):
        figures.setdefault(quarter, {})[figure["kpi"], figure["subject"]] = figure
    rows = []
    for period in periods:
        for key, figure in sorted(figures.get(period.key, {}).items()):
            before = [figures[quarter][key]["value"] for quarter in sorted(figures) if quarter < period.key and key in figures[quarter]]
            last = figures.get(previous_quarter(period.key), {}).get(key)
            rows.append({"quarter": period.key, **figure, **_against(figure["value"], before, last, policy)})
    return pa.Table.from_pylist(rows, schema=arrow_schema(KpiDeltas))


def _figures(seen: Seen, mmm: MmmPolicy) -> Iterator[tuple[str, Row]]:
    """Key figures of every quarter: the newest week's, of breaches all that happened in it."""
    window = f"trailing_{mmm.judged_window}"
    judged = [row for row in seen.backtests if (row["engine"], row["window"]) == (mmm.judged_engine, window)]
    for row in _newest(judged, "tenant"):
        for kpi, column in (("mmm_wmape", "wmape"), ("mmm_mae_improvement", "mae_improvement")):
            if row[column] is not None:
                yield row["quarter"], _figure(kpi, row["tenant"], row[column], "fraction", f"mmm_backtest {row['week']}")
    for row in _newest([row for row in seen.allocator if row["lift"] is not None], "subject"):
        yield row["quarter"], _figure("allocator_lift", row["subject"], row["lift"], "fraction", f"allocator_critic {row['week']}")
    for quarter in sorted({row["quarter"] for row in seen.allocator}):
        own = [row for row in seen.allocator if row["quarter"] == quarter]
        weeks = f"allocator_critic {min(row['week'] for row in own)} to {max(row['week'] for row in own)}"
        for level in ("CRITICAL", "WARNING"):
            broken = {(row["check"], row["subject"]) for row in own if row["level"] == level and row["outcome"] == "fail"}
            yield quarter, _figure("guardrail_breaches", level, float(len(broken)), "breaches", weeks)


def _figure(kpi: str, subject: str, value: float, unit: str, source: str) -> Row:
    return {"kpi": kpi, "subject": subject, "value": value, "unit": unit, "source": source}


def _newest(rows: Sequence[Row], by: str) -> Iterator[Row]:
    """The row of the newest week of each quarter and ``by``."""
    found = {(row["quarter"], row[by]): row for row in sorted(rows, key=lambda row: row["week"])}
    yield from found.values()


def _against(value: float, before: Sequence[float], last: Row | None, policy: VariancePolicy) -> Row:
    told: Row = {
        "previous": None if last is None else last["value"],
        "change": None if last is None else value - last["value"],
        "n_before": len(before),
        **dict.fromkeys(("centre", "lower", "upper", "sigmas", "is_high_variance")),
    }
    if len(before) < policy.min_quarters:
        return told
    centre, sigma = robust_band(before, policy.mad_factor)
    distance = abs(value - centre)
    sigmas = distance / sigma if sigma else None
    reach = policy.max_sigmas * sigma
    moved = distance > 0 if sigmas is None else sigmas > policy.max_sigmas
    return told | {"centre": centre, "lower": centre - reach, "upper": centre + reach, "sigmas": sigmas, "is_high_variance": moved}


# ---------------------------------------------------------------- components


def variance_components(
    seen: Seen, periods: Sequence[Period], as_of: dt.datetime, policy: VariancePolicy, review: ReviewPolicy, mmm: MmmPolicy
) -> pa.Table:
    """Every component of the risk score by the newest verdicts of each asked quarter that has a closed week; open weeks say nothing yet."""
    rows = []
    critics = {one.component: one.critics for one in policy.sources}
    severities = {one.word: one.severity for one in review.severities}
    for period in periods:
        summary, backtests = (_closed(rows, period, as_of) for rows in (seen.summary, seen.backtests))
        weeks = {row["week"] for row in (*summary, *backtests)}
        if not weeks:
            continue
        until = min(_midnight(max(weeks) + _WEEK), period.end - dt.timedelta(microseconds=1))
        for component in review.components:
            names = critics.get(component.name, ())
            told = next((found for name in names if (found := _said(name, summary)) is not None), None)
            if told is None and component.name == BACKTEST:
                told = _backtested(backtests, mmm)
            rows.append(
                {"quarter": period.key, "component": component.name, "judged_until": until}
                | (_told(told, component.words, severities) if told else _unsaid(names))
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema(VarianceComponents))


def _closed(rows: Sequence[Row], period: Period, as_of: dt.datetime) -> list[Row]:
    return [row for row in rows if row["quarter"] == period.key and _midnight(row["week"] + _WEEK) <= as_of]


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _said(critic: str, summary: Sequence[Row]) -> Row | None:
    """The newest verdict of a critic, ours before another's of the same week."""
    own = [row for row in summary if row["critic"].removesuffix(_OURS) == critic and row["status"] not in _SILENT]
    if not own:
        return None
    row = max(own, key=lambda row: (row["week"], row["origin"] == "ours"))
    issues = [f"{row['n_failed']} checks failed"] if row["n_failed"] else []
    issues += [f"contradicted: {row['contradiction']}"] if row["contradiction"] else []
    return {"status": row["status"], "source": row["critic"], "judged_on": row["judged_on"], "issues": issues, "notes": row["stated"]}


def _backtested(backtests: Sequence[Row], mmm: MmmPolicy) -> Row | None:
    """Stable where every tenant improves on the baseline by more than policy asks, degraded where one does not improve at all."""
    window = f"trailing_{mmm.judged_window}"
    judged = [row for row in backtests if (row["engine"], row["window"]) == (mmm.judged_engine, window)]
    newest = {row["tenant"]: row for row in sorted(judged, key=lambda row: row["week"]) if row["mae_improvement"] is not None}
    if not newest:
        return None
    least = min(row["mae_improvement"] for row in newest.values())
    short = [
        f"{name}: {row['mae_improvement']:.3f}" for name, row in sorted(newest.items()) if row["mae_improvement"] <= mmm.min_improvement
    ]
    return {
        "status": "degraded" if least <= 0 else "attention" if short else "stable",
        "source": BACKTEST,
        "judged_on": max(row["week"] for row in newest.values()) + _WEEK - _DAY,
        "issues": short,
        "notes": f"smallest improvement of the MAE over the baseline {least:.3f}, of {len(newest)} tenants",
    }


def _told(found: Row, words: Sequence[str], severities: Mapping[str, float]) -> Row:
    """A verdict in a word the component may have: its own, else the one that weighs the same."""
    said = found["status"]
    weighs = severities.get(said)
    status = (
        said if said in words else next((word for word in words if severities.get(word) == weighs), None) if weighs is not None else None
    )
    other = "" if status == said else f"; stated as {said}"
    return {
        "status": status,
        "source": found["source"],
        "judged_on": found["judged_on"],
        "notes": f"{found['notes']}{other}",
        "issues": "\n".join(found["issues"]) or None,
    }


def _unsaid(names: Sequence[str]) -> Row:
    return {"status": None, "source": "", "judged_on": None, "notes": f"no verdict of {' or '.join(names) or 'any critic'}", "issues": None}


# ---------------------------------------------------------------- recommended actions


def recommended_actions(
    seen: Seen, owners: Mapping[str, str], periods: Sequence[Period], as_of: dt.datetime, policy: VariancePolicy
) -> pa.Table:
    """What the checks ask for that failed in the newest closed week of each asked quarter; ``owners`` by critic."""
    rows: list[Row] = []
    days = {"CRITICAL": policy.due_days_critical, "WARNING": policy.due_days_warning}
    for period in periods:
        found = []
        for critic, every in (("modeling_reality_critic", seen.reality), ("allocator_critic", seen.allocator)):
            own = _closed(every, period, as_of)
            newest = max((row["week"] for row in own), default=None)
            for row in own:
                if row["week"] == newest and row["outcome"] == "fail" and row["level"] in days:
                    same = {
                        one["week"]
                        for one in own
                        if (one["check"], one["subject"], one["outcome"]) == (row["check"], row["subject"], "fail")
                    }
                    found.append((row, critic, len(same)))
        found.sort(key=lambda each: (each[0]["level"] != "CRITICAL", -each[2], each[0]["check"], each[0]["subject"]))
        for rank, (row, critic, weeks) in enumerate(found, 1):
            rows.append(
                {
                    "quarter": period.key,
                    "rank": rank,
                    "check": row["check"],
                    "subject": row["subject"],
                    "critic": critic,
                    "level": row["level"],
                    "summary": row["remedy"],
                    "owner": owners[critic],
                    "due_by": row["week"] + _WEEK - _DAY + days[row["level"]] * _DAY,
                    "related_items": row["roadmap_ref"],
                    "evidence": row["evidence"],
                    "weeks_failed": weeks,
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema(RecommendedActions))
