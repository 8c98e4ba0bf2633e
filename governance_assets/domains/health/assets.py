"""Assets of health: what is due and recorded, and what stays open."""

import pyarrow as pa

from governance_assets.domains.health import contracts, facts, report, rules
from governance_assets.policy import Policy
from governance_assets.runtime.alerts.incidents import incidents
from governance_assets.runtime.artifact import DECLARATIONS, Run, Same, artifact


@artifact(contracts.OperationalHealth, judge=rules.judge_operational_health, headline=report.headline_of_health)
def operational_health(run: Run, policy: Policy) -> pa.Table:
    """One row is something the calendar expects of one artifact, and whether it is recorded."""
    declared = {name: one.contract for name, one in DECLARATIONS.items()}
    owners, grains = ({name: getattr(one, what) for name, one in declared.items()} for what in ("owner", "grain"))
    return facts.operational_health(run.workspace.history.ledger(), owners, grains, policy, run.present)


@artifact(contracts.Escalations, judge=rules.judge_escalations, headline=report.headline_of_escalations)
def escalations(run: Run, policy: Policy, operational_health: Same) -> pa.Table:
    """One row is one open incident with its steps."""
    rows = run.workspace.history.alerts().to_pylist()
    late = facts.late_artifacts(run.connection, operational_health.view)
    return facts.escalations(incidents(rows), late, policy, run.present)
