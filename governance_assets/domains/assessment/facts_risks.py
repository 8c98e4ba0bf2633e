"""The register of risks at the end of a quarter, and what stakeholders state.

Belongs here: levels, exposure, and the newest answer of everybody who was asked. Does not belong here: which metric takes which value
(``facts.py``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

import duckdb
import pyarrow as pa

from governance_assets.domains.assessment import contracts
from governance_assets.domains.assessment.facts_known import Known, Row, Views, table_of
from governance_assets.feeds import newest
from governance_assets.policy import AssessmentPolicy
from governance_assets.policy.assessment import AssessedMetric
from governance_assets.runtime.periods import Period


def risk_matrix(connection: duckdb.DuckDBPyConnection, views: Views, periods: Sequence[Period], policy: AssessmentPolicy) -> pa.Table:
    """Every risk as stated last in or before each period."""
    return table_of(contracts.RiskMatrix, [row for period in periods for row in risk_rows(connection, views, period, policy)])


def risk_rows(connection: duckdb.DuckDBPyConnection, views: Views, period: Period, policy: AssessmentPolicy) -> list[Row]:
    """The register at the end of a period."""
    view = views["risk_register"]
    if view is None:
        return []
    last = period.end.date() - dt.timedelta(days=1)
    register = connection.execute(newest(view, "risk_register", until=f"DATE '{last}'")).to_arrow_table().to_pylist()
    return [_risk(row, period.key, policy) for row in sorted(register, key=lambda row: str(row["risk_id"]))]


def _risk(row: Row, quarter: str, policy: AssessmentPolicy) -> Row:
    status = (row["status"] or "").strip().lower().replace("_", " ")
    impact, probability = (policy.risk_levels.get((row[name] or "").strip().lower()) for name in ("impact", "probability"))
    exposure = None if impact is None or probability is None else impact * probability
    is_open = status not in policy.closed_risk_words and row["resolution_date"] is None
    return {
        "quarter": quarter,
        "risk_id": row["risk_id"],
        "description": row["description"],
        "impact": impact,
        "probability": probability,
        "exposure": exposure,
        "is_open": is_open,
        "is_high": False if not is_open else None if exposure is None else exposure >= policy.high_risk,
        "is_mitigated": bool(row["mitigation"]) or status in policy.mitigated_words,
        "status": row["status"] or "",
        "owner": row["owner"] or "",
        "stated_on": row["date"],
    }


def of_risks(register: Sequence[Row], last: dt.date) -> dict[str, Known]:
    """What the register says, by metric."""
    if not register:
        return {}
    day = min(max(row["stated_on"] for row in register), last)
    unclear = sum(row["is_high"] is None for row in register)
    high = [row for row in register if row["is_high"]]
    found = {}
    if unclear:
        reason = f"{unclear} open risks state no impact or probability that the policy knows"
        found = {name: Known(reason=reason) for name in ("open_high_risks", "mitigation_coverage")}
    else:
        share = sum(row["is_mitigated"] for row in high) / len(high) if high else 1.0
        found["open_high_risks"] = Known(float(len(high)), "risk_register: open risks of high exposure", day)
        found["mitigation_coverage"] = Known(share, "risk_register: high risks something is done about", day)
    return found


def signals_of(connection: duckdb.DuckDBPyConnection, view: str | None, last: dt.date, policy: AssessmentPolicy) -> dict[str, Known]:
    """What stakeholders state, by metric."""
    if view is None:
        return {}
    query = newest(view, "stakeholder_signals", until=f"DATE '{last}'")
    by_name: dict[str, list[Row]] = defaultdict(list)
    for row in connection.execute(query).to_arrow_table().to_pylist():
        by_name[row["signal"].strip().lower().replace(" ", "_")].append(row)
    return {metric.name: _signal(by_name[metric.name], metric, last, policy) for metric in policy.metrics if metric.name in by_name}


def _signal(rows: Sequence[Row], metric: AssessedMetric, last: dt.date, policy: AssessmentPolicy) -> Known:
    """The mean over those who were asked, each with the newest answer that is not too old."""
    current = [row for row in rows if (row["valid_until"] or row["date"] + dt.timedelta(days=policy.max_signal_age_days)) >= last]
    if not current:
        newest_day = max(row["date"] for row in rows)
        return Known(reason=f"the newest signal is of {newest_day}, {(last - newest_day).days} days before the quarter's end")
    scales = [_scale(row["unit"], metric.unit) for row in current]
    if None in scales:
        units = ", ".join(sorted({row["unit"] for row in current}))
        return Known(reason=f"the signal is in {units}, expected {metric.unit}")
    factors = [scale for scale in scales if scale is not None]
    errors = [row["stderr"] for row in current]
    error = None
    if None not in errors:
        error = math.sqrt(math.fsum((one * factor) ** 2 for one, factor in zip(errors, factors, strict=True))) / len(current)
    value = fmean(row["value"] * factor for row, factor in zip(current, factors, strict=True))
    who = ", ".join(sorted({row["stakeholder"] for row in current if row["stakeholder"]}))
    source = f"signal {metric.name}" + (f" of {who}" if who else "")
    return Known(value, source, min(row["date"] for row in current), error, origin="signal")


def _scale(unit: str, wanted: str) -> float | None:
    given = unit.strip().lower()
    if given in ("", wanted):
        return 1.0
    return 0.01 if given in ("percent", "%", "per cent") and wanted == "fraction" else None
