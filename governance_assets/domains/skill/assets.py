"""The asset of skill: models against each other."""

import pyarrow as pa

from governance_assets.domains.skill import contracts, facts, report, rules
from governance_assets.policy import CalibrationPolicy, SkillPolicy
from governance_assets.runtime.artifact import Past, Run, artifact

_DUCKDB = frozenset({"duckdb", "parquet"})


@artifact(contracts.RelativeSkill, judge=rules.judge_relative_skill, headline=report.headline_of_skill, kinds=_DUCKDB)
def relative_skill(run: Run, policy: CalibrationPolicy, skill: SkillPolicy, forecast_scores: Past) -> pa.Table:
    """One row is one model against one other, or against all of them."""
    return facts.relative_skill(run.connection, forecast_scores.view, run.weeks, policy, skill)
