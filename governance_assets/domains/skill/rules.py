"""Whether relative skill has the baseline that it is scaled by.

Belongs here: which model is the baseline, and pass or fail of what ``facts.py`` computes.
Does not belong here: computing figures, and the limits themselves (``policy/``).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.finding import Finding, Rule
from governance_assets.policy import SkillPolicy

BASELINE_IS_NAMED = Rule(
    name="baseline_is_named",
    requirement="exactly one model is the baseline of relative skill",
    remedy="Name it in skill.baseline_model, or let exactly one model's name end with skill.baseline_suffix",
    severity="warn",
    unit="models",
    sources="B15",
)


def baseline_model(models: Sequence[str], policy: SkillPolicy) -> str | None:
    """The model that others are scaled by: the one the policy names, or the only one that is named like a baseline."""
    fitting = _named_like_baseline(models, policy)
    return fitting.pop() if len(fitting) == 1 else None


def judge_relative_skill(rows: pa.Table, policy: SkillPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether relative skill has its baseline in every evaluation set."""
    overall = pc.and_(pc.equal(rows["stratum"], "overall"), pc.equal(rows["window"], "since_start"))
    table = rows.filter(pc.and_(overall, pc.equal(rows["comparison"], "tournament")))
    models: dict[tuple[str, str], set[str]] = {}
    for row in table.select(["evaluation_set", "forecast_type", "model_id"]).to_pylist():
        models.setdefault((row["evaluation_set"], row["forecast_type"]), set()).add(row["model_id"])
    return [baseline_is_named(f"{name} ({kind})", sorted(found), policy) for (name, kind), found in sorted(models.items())]


def baseline_is_named(subject: str, models: Sequence[str], policy: SkillPolicy) -> Finding:
    """Exactly one of the models is the baseline."""
    fitting = _named_like_baseline(models, policy)
    return BASELINE_IS_NAMED.judge(subject, len(fitting) == 1, len(fitting), 1, ", ".join(fitting))


def _named_like_baseline(models: Sequence[str], policy: SkillPolicy) -> list[str]:
    if policy.baseline_model is not None:
        return [model for model in models if model == policy.baseline_model]
    return [model for model in models if model.endswith(policy.baseline_suffix)]
