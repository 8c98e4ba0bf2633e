"""Verdicts on a quarter's variance: no key figure left its band, every component has a verdict.

Belongs here: pass or fail of what ``facts.py`` found. Does not belong here: limits and bands (policy).
"""

from __future__ import annotations

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import VariancePolicy

STAYS_IN_ITS_BAND = Rule(
    name="stays_in_its_band",
    requirement="the key figure is no further from the median of the quarters before than the limit",
    remedy="Explain it in the review, and have its critics rerun monthly until it is resolved",
    severity="warn",
    unit="robust sigmas",
    sources="A40 A50",
)
COMPONENT_HAS_A_VERDICT = Rule(
    name="component_has_a_verdict",
    requirement="a verdict of a closed week of the quarter says how the component stands",
    remedy="Let its telemetry land, or name the critic that speaks for it in variance.sources",
    severity="warn",
    sources="A12 A23",
)
NOTHING_CRITICAL_IS_OPEN = Rule(
    name="nothing_critical_is_open",
    requirement="no critical check of our critics failed in the newest closed week of the quarter",
    remedy="Take the recommended actions into the review; give each an owner and a day",
    severity="warn",
    unit="checks",
    sources="A19 A47",
)


def judge_kpi_deltas(rows: pa.Table, policy: VariancePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each key figure stayed within its band."""
    if not rows.num_rows:
        return [STAYS_IN_ITS_BAND.not_applicable(partition_key, "no key figure is known")]
    found = []
    for row in rows.to_pylist():
        subject = f"{row['kpi']}: {row['subject']}"
        moved = row["is_high_variance"]
        why = f"{row['n_before']} quarters before have it; a band takes {policy.min_quarters}" if moved is None else row["source"]
        if moved is not None and row["sigmas"] is None:
            why += "; it never varied before"
        found.append(STAYS_IN_ITS_BAND.judge(subject, None if moved is None else not moved, row["sigmas"], policy.max_sigmas, why))
    return found


def judge_variance_components(rows: pa.Table, policy: VariancePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each component has a status."""
    if not rows.num_rows:
        return [COMPONENT_HAS_A_VERDICT.not_applicable(partition_key, "no week of the quarter is closed and judged")]
    return [
        COMPONENT_HAS_A_VERDICT.judge(row["component"], None if row["status"] is None else True, why=row["notes"])
        for row in rows.to_pylist()
    ]


def judge_recommended_actions(rows: pa.Table, policy: VariancePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether what critics ask for is critical."""
    grave = sorted(f"{row['check']} ({row['subject']})" for row in rows.to_pylist() if row["level"] == "CRITICAL")
    return [NOTHING_CRITICAL_IS_OPEN.judge(partition_key, not grave, len(grave), 0, "; ".join(grave))]
