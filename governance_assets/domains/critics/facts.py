"""Rows of critics: their checks, runs of tests, the newest verdict of every critic, and timed operations.

Belongs here: arranging recorded and landed rows. Does not belong here: whether they are acceptable (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.critics import rules
from governance_assets.domains.critics.contracts import (
    AllocatorCritic,
    CriticSummary,
    IntegritySuite,
    ModelingRealityCritic,
    PerformanceBenchmarks,
)
from governance_assets.finding import Finding
from governance_assets.policy import CriticsPolicy, Policy
from governance_assets.stats.rounding import rounded

Row = dict[str, Any]

_WEEK = dt.timedelta(days=7)
_WELL = ("pass", "stable")
_UNWELL = ("attention", "degraded", "failed")


def modeling_reality_critic(backtests: Sequence[Row], registry: Sequence[Row], weeks: Iterable[dt.date], policy: Policy) -> pa.Table:
    """Every check of every asked week, from the backtests of the judged engine and the registry."""
    window = f"trailing_{policy.mmm.judged_window}"
    rows = []
    for week in sorted(set(weeks)):
        judged = [row for row in backtests if (row["week"], row["engine"], row["window"]) == (week, policy.mmm.judged_engine, window)]
        models = [row | {"returns": _returns(row["params"])} for row in registry if row["week"] == week]
        for finding, level, reference in rules.reality(judged, models, policy):
            rows.append(_criticism(week, finding, level, policy.critics) | {"roadmap_ref": reference})
    return pa.Table.from_pylist(rows, schema=arrow_schema(ModelingRealityCritic))


def _returns(params: str | None) -> dict[str, float]:
    """Return on each channel, where parameters state it: a number, or a median followed by its interval."""
    try:
        stated = json.loads(params or "{}")
    except ValueError:
        return {}
    first = (
        {name: value[0] if isinstance(value, list) and value else value for name, value in stated.items()}
        if isinstance(stated, dict)
        else {}
    )
    return {name: float(value) for name, value in first.items() if isinstance(value, int | float) and not isinstance(value, bool)}


def _criticism(week: dt.date, finding: Finding, level: str, policy: CriticsPolicy) -> Row:
    return {
        "week": week,
        "check": finding.rule,
        "subject": finding.subject,
        "profile": policy.profile,
        "level": level,
        "outcome": finding.outcome,
        "value": finding.value,
        "limit": finding.limit,
        "evidence": finding.message,
        "remedy": finding.remedy,
        "roadmap_ref": "",
    }


def allocator_critic(proposals: Sequence[Row], weeks: Iterable[dt.date], policy: Policy) -> pa.Table:
    """Every suite over the newest proposal of each tenant, as it stood at the end of each asked week."""
    rows = []
    for week in sorted(set(weeks)):
        for proposal in _newest_proposals(proposals, week):
            for suite, finding, level in rules.allocator(proposal, policy):
                rule = rules.SUITES[suite][0]
                judged = finding or rule.judge(proposal["subject"], None, why="not run under this profile, or behind a suite that failed")
                row = _criticism(week, judged, level, policy.critics) | {"lift": proposal["lift"], "regret": proposal["regret"]}
                rows.append(row if finding else row | {"outcome": "not_run"})
    return pa.Table.from_pylist(rows, schema=arrow_schema(AllocatorCritic))


def _newest_proposals(proposals: Sequence[Row], week: dt.date) -> Iterator[Row]:
    known = sorted((row for row in proposals if row["date"] < week + _WEEK), key=lambda row: row["tenant"])
    for tenant, own in groupby(known, key=lambda row: row["tenant"]):
        every = list(own)
        last = max(every, key=lambda row: (row["instant"], row["proposal_id"] or ""))
        rows = [row for row in every if (row["instant"], row["proposal_id"]) == (last["instant"], last["proposal_id"])]
        current, proposed = (sum(row[name] for row in rows) for name in ("current_spend", "proposed_spend"))
        yield {
            "subject": tenant or "the proposal",
            "platforms": [{"platform": r["platform"], "proposed": r["proposed_spend"], "change": _change(r)} for r in rows],
            "currencies": sorted({row["currency"] for row in rows}),
            "budget": proposed / current - 1 if current else None,
            "lift": _lift(last),
            "regret": last["regret"],
            "age": float((week - (last["date"] - dt.timedelta(last["date"].weekday()))) // _WEEK),
        }


def _change(row: Row) -> float:
    before, after = row["current_spend"], row["proposed_spend"]
    return float(after / before - 1) if before else float("inf") if after else 0.0


def _lift(row: Row) -> float | None:
    expected, baseline = row["expected_profit"], row["baseline_profit"]
    return None if expected is None or not baseline else float((expected - baseline) / abs(baseline))


# ---------------------------------------------------------------- runs of tests


def integrity_suite(runs: Sequence[Row], weeks: Iterable[dt.date], policy: CriticsPolicy) -> pa.Table:
    """Every run of the asked weeks: its batches in order, and the first that failed."""
    asked, order = set(weeks), {name: place for place, name in enumerate(policy.batches)}
    inside = [row | {"week": row["date"] - dt.timedelta(row["date"].weekday())} for row in runs]
    named = sorted((row | {"run": row["run_id"] or str(row["date"])} for row in inside if row["week"] in asked), key=_by_run)
    rows = []
    for (week, run), group in groupby(named, key=lambda row: (row["week"], row["run"])):
        batches = sorted(
            group, key=lambda row: (order.get(row["batch"], len(order)), row["position"] or 0, str(row["instant"]), row["batch"])
        )
        failed = next((row["batch"] for row in batches if row["status"] in ("fail", "error")), None)
        passed, skipped = (sum(row["status"] == status for row in batches) for status in ("pass", "skipped"))
        rows.append(
            {
                "week": week,
                "run": run,
                "ran_at": min((row["instant"] for row in batches if row["instant"]), default=None),
                "verdict": "fail" if failed else "pass" if passed else "unknown",
                "first_failure": failed,
                "n_batches": len(batches),
                "n_passed": passed,
                "n_skipped": skipped,
                "outcomes": ", ".join(f"{row['batch']} {row['status']}" for row in batches),
            }
        )
    return pa.Table.from_pylist(rows, schema=arrow_schema(IntegritySuite))


def _by_run(row: Row) -> tuple[dt.date, str]:
    return row["week"], row["run"]


# ---------------------------------------------------------------- the summary


def critic_summary(
    own: Mapping[str, Sequence[Row]], results: Sequence[Row], reports: Sequence[Row], weeks: Iterable[dt.date], policy: CriticsPolicy
) -> pa.Table:
    """The newest verdict of every critic at the end of each asked week; ``own`` are the rows of ours by the critic's name."""
    aliases = {one.name: one.critic for one in policy.names}
    told = [row | {"critic": aliases.get(row["critic"].lower(), row["critic"])} for row in results]
    stated = [row | {"critic": aliases.get(row["component"].lower(), row["component"])} for row in reports if row["component"]]
    rows: list[Row] = []
    for week in sorted(set(weeks)):
        found = [*_ours(own, week, policy), *_theirs([row for row in told if row["date"] < week + _WEEK], week)]
        is_over = (
            sum(row["week_tokens"] for row in found) > policy.max_weekly_tokens
            or sum(row["week_cost"] for row in found) > policy.max_weekly_cost
        )
        for row in found:
            rows.append(
                row
                | {
                    "week": week,
                    "is_deferred": is_over and row["critic"] not in policy.flagged,
                    "contradiction": _contradiction(row["critic"], told, stated, week, policy),
                    "rerun_due_on": _next_month(week + _WEEK) if row["status"] in ("degraded", "failed") else None,
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema(CriticSummary))


def _ours(own: Mapping[str, Sequence[Row]], week: dt.date, policy: CriticsPolicy) -> Iterator[Row]:
    for critic, every in own.items():
        rows = [row for row in every if row["week"] == week]
        if rows:
            status, failed = _standing(rows)
            yield {
                "critic": f"{critic} (ours)",
                "origin": "ours",
                "status": status,
                "stated": status,
                "judged_on": week + _WEEK - dt.timedelta(days=1),
                "profile": policy.profile if "level" in rows[0] else None,
                "n_failed": failed,
                "week_tokens": 0,
                "week_cost": 0.0,
            }


def _standing(rows: Sequence[Row]) -> tuple[str, int]:
    """Status of a critic of ours from its checks, or of the suite from its newest run; and how many checks failed."""
    if "verdict" in rows[0]:
        newest = max(rows, key=lambda row: (str(row["ran_at"] or row["run"]), row["run"]))
        return {"pass": "pass", "fail": "failed", "unknown": "unknown"}[newest["verdict"]], int(newest["verdict"] == "fail")
    failed = [row["level"] for row in rows if row["outcome"] == "fail" and row["level"] != "INFO"]
    open_ones = [row for row in rows if row["outcome"] == "unknown" and row["level"] == "CRITICAL"]
    status = "degraded" if "CRITICAL" in failed else "attention" if failed else "unknown" if open_ones else "pass"
    return status, len(failed)


def _theirs(known: Sequence[Row], week: dt.date) -> Iterator[Row]:
    for critic, group in groupby(sorted(known, key=lambda row: (row["critic"], row["instant"])), key=lambda row: row["critic"]):
        every = list(group)
        newest, here = every[-1], [row for row in every if row["date"] >= week]
        yield {
            "critic": critic,
            "origin": "telemetry",
            "status": status_of(newest),
            "stated": _words(newest),
            "judged_on": newest["date"],
            "profile": newest["profile"],
            "n_failed": int(newest["tests_failed"] or 0),
            "week_tokens": sum(row["tokens"] or 0 for row in here),
            "week_cost": float(sum(row["cost"] or 0 for row in here)),
        }


def status_of(row: Mapping[str, Any]) -> str:
    """What a result says of its critic; a run that was skipped says nothing, whatever it says of having passed."""
    word = (row["status"] or "").strip().lower()
    if row["skipped"] or word == "skipped":
        return "skipped"
    if word in (*_WELL, *_UNWELL):
        return "pass" if word in _WELL else word
    if row["passed"] is None:
        return {"fail": "failed", "passed": "pass"}.get(word, "unknown")
    return "pass" if row["passed"] else "failed"


def _words(row: Mapping[str, Any]) -> str:
    parts = [row["status"]] if row["status"] else []
    parts += [] if row["passed"] is None else ["passed" if row["passed"] else "did not pass"]
    parts += ["skipped"] if row["skipped"] else []
    return ", ".join(parts) or "nothing"


def _contradiction(critic: str, told: Sequence[Row], stated: Sequence[Row], week: dt.date, policy: CriticsPolicy) -> str | None:
    """The newest run that a report of about its time contradicts: one calls the critic well, the other unwell."""
    end, near = week + _WEEK, dt.timedelta(days=policy.contradiction_days)
    results = [(row["date"], status_of(row), "its own run") for row in told if row["critic"] == critic and row["date"] < end]
    reports = [
        (r["date"], (r["status"] or "").lower(), f"the report of {r['cycle']}") for r in stated if r["critic"] == critic and r["date"] < end
    ]
    for day, status, source in sorted(reports):
        for other, verdict, run in sorted(results, reverse=True):
            torn = (status in _UNWELL and verdict in _WELL) or (status in _WELL and verdict in _UNWELL)
            if torn and abs(day - other) <= near:
                return f"{status} in {source} of {day}, {verdict} in {run} of {other}"
    return None


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1)


# ---------------------------------------------------------------- timed operations


def performance_benchmarks(samples: Sequence[Row], weeks: Iterable[dt.date]) -> pa.Table:
    """Every service, and all of them, up to the end of each asked week; warm-ups and statistics of many are left out."""
    single = [row for row in samples if row["statistic"] == "sample" and not row["is_warm_up"]]
    rows = []
    for week in sorted(set(weeks)):
        known = sorted((row for row in single if row["date"] < week + _WEEK), key=lambda row: row["service"])
        if known:
            rows += [_timed(week, name or "unnamed", list(own)) for name, own in groupby(known, key=lambda row: row["service"])]
            rows.append(_timed(week, "all", known))
    return pa.Table.from_pylist(rows, schema=arrow_schema(PerformanceBenchmarks))


def _timed(week: dt.date, service: str, rows: Sequence[Row]) -> Row:
    seconds = np.array([row["duration_ms"] for row in rows]) / 1000
    outcomes = [row["is_ok"] for row in rows if row["is_ok"] is not None]
    queues = [row["queue_length"] for row in rows if row["queue_length"] is not None]
    return {
        "week": week,
        "service": service,
        "n_runs": len(rows),
        "n_ok": sum(outcomes),
        "success_rate": rounded(sum(outcomes) / len(outcomes)) if outcomes else None,
        "mean_s": rounded(seconds.mean()),
        "p95_s": rounded(np.percentile(seconds, 95)),
        "max_s": rounded(seconds.max()),
        "largest_queue": max(queues, default=None),
        "tokens": sum((row["prompt_tokens"] or 0) + (row["completion_tokens"] or 0) for row in rows),
        "cost": rounded(sum(row["cost"] or 0 for row in rows)),
    }
