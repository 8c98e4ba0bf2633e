"""What every challenger shows against the incumbent of its model.

Belongs here: comparing recorded predictions and fits. Does not belong here: limits (policy) and findings (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.registry.contracts import PromotionDecisions
from governance_assets.domains.registry.facts import MEDIA_MIX
from governance_assets.policy.registry import RegistryPolicy
from governance_assets.stats.limits import above, below
from governance_assets.stats.rounding import rounded

Row = dict[str, Any]

_WEEK = dt.timedelta(days=7)


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


def _rounded(value: float | None) -> float | None:
    return None if value is None else rounded(value)
