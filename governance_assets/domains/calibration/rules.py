"""When a stated uncertainty holds: verdicts on coverage, release gate, drift, baseline, levels and observations.

Belongs here: pass or fail of figures that ``facts.py`` computed, held against the policy.
Does not belong here: computing figures, and the limits themselves (``policy.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from governance_assets.policy import CalibrationPolicy
from governance_assets.stats.dependent_mean import MeanShift
from governance_assets.stats.limits import above, below

NOT_ENOUGH_DATA = "not_enough_data"
NOT_JUDGED = "not_judged"


def baseline_model(models: Sequence[str], policy: CalibrationPolicy) -> str | None:
    """The model that others are scaled by: the one the policy names, or the only one that is named like a baseline."""
    if policy.baseline_model is not None:
        return policy.baseline_model if policy.baseline_model in models else None
    fitting = [model for model in models if model.endswith(policy.baseline_suffix)]
    return fitting.pop() if len(fitting) == 1 else None


# ---------------------------------------------------------------- verdicts written beside the figures


def coverage_status(coverage: Any, nominal: Any, policy: CalibrationPolicy) -> Any:
    """Point status of coverages, as an array: undercautious, well_calibrated, overcautious, or None without a coverage."""
    value, level = np.asarray(coverage, dtype=np.float64), np.asarray(nominal, dtype=np.float64)
    words = [None, "undercautious", "overcautious"]
    tests = [np.isnan(value), below(value, level - policy.max_shortfall), above(value, level + policy.max_excess)]
    return np.select(tests, np.array(words, dtype=object), default="well_calibrated")


def coverage_verdict(lower: Any, upper: Any, nominal: Any, n_weeks: Any, policy: CalibrationPolicy) -> Any:
    """Verdicts on coverages by their intervals, as an array, and only from enough weeks."""
    low, high, level = (np.asarray(part, dtype=np.float64) for part in (lower, upper, nominal))
    least, most = level - policy.max_shortfall, level + policy.max_excess
    missing = (np.asarray(n_weeks) < policy.min_weeks) | np.isnan(low) | np.isnan(high)
    is_inside = ~below(low, least) & ~above(high, most)
    is_outside = below(high, least) | above(low, most)
    words = np.array([NOT_ENOUGH_DATA, "pass", "fail"], dtype=object)
    return np.select([missing, is_inside, is_outside], words, default="inconclusive")


def drift_verdict(shift: MeanShift | None, policy: CalibrationPolicy) -> str:
    """Verdict on a change of coverage: it fails when a fall beyond the limit is more than noise."""
    if shift is None or np.isnan(shift.p_value):
        return NOT_ENOUGH_DATA
    is_fallen = below(shift.shift, -policy.max_coverage_drift) and shift.p_value < policy.drift_significance
    return "fail" if is_fallen else "pass"
