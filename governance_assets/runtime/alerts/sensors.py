"""What keeps alerts moving: two sensors while the daemon lives, the same two steps from the command line where none does.

Belongs here: what is done at a tick, in which order. Does not belong here: the doing (``drain.py``, ``reconcile.py``,
``sweep.py``, ``runtime/proof``).

They request no runs: their work is done inside the tick, and the reason of its skipping says what it was. What goes wrong fails the
tick, and a failing tick is an alert like any other.
"""

import dagster as dg

from governance_assets.pages.wording import count
from governance_assets.policy import AlertsPolicy, PolicyError
from governance_assets.runtime.alerts.delivery import DeliveryStore
from governance_assets.runtime.alerts.drain import drain
from governance_assets.runtime.alerts.reconcile import reconcile
from governance_assets.runtime.alerts.sweep import sweep
from governance_assets.runtime.commit_lock import HistoryError
from governance_assets.runtime.proof.installation import seal_installation
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

DRAIN, RECONCILE = "drain_alerts", "reconcile_runs"


def alert_sensors() -> list[dg.SensorDefinition]:
    """The sensor that sends what is recorded, and the one that records what Dagster knows."""
    policy = _policy()

    @dg.sensor(
        name=DRAIN,
        minimum_interval_seconds=policy.drain_interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Seals what was recorded, then sends the alerts that are due and leaves a heartbeat.",
    )
    def drain_alerts(_: dg.SensorEvaluationContext) -> dg.SkipReason:
        with Workspace.from_environment() as workspace:
            return dg.SkipReason(seal_and_drain(workspace, "sensor"))

    @dg.sensor(
        name=RECONCILE,
        minimum_interval_seconds=policy.reconcile_interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Records failing checks of others, crashed assets, dead runs and failing ticks, and what time has brought.",
    )
    def reconcile_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        with Workspace.from_environment() as workspace:
            return dg.SkipReason(look_around(workspace, context.instance))

    return [drain_alerts, reconcile_runs]


def seal_and_drain(workspace: Workspace, origin: str) -> str:
    """Seal, then send; what was done. A history that cannot be sealed is no reason to be silent: it is told after the sending."""
    refusal: HistoryError | None = None
    sealed = None
    try:
        sealed = seal_installation(workspace, origin)
    except HistoryError as error:
        refusal = error
    drained = drain(workspace, origin)
    if refusal is not None:
        raise refusal
    told = [f"sealed as {sealed.name}"] if sealed is not None else []
    return "; ".join([*told, str(drained), *drained.sentences])


def look_around(workspace: Workspace, instance: dg.DagsterInstance) -> str:
    """Reconcile with Dagster, then record what only the passing of time brings; what was done."""
    with DeliveryStore.open(workspace.settings.home) as delivery:
        reconciled = reconcile(workspace, instance, delivery)
    swept = sweep(workspace)
    return f"{reconciled}; {count(swept, 'alert')} brought by time" if swept else str(reconciled)


def _policy() -> AlertsPolicy:
    """The policy in force. One that cannot be read fails every tick and run with its reason; definitions load all the same."""
    try:
        return Settings.from_environment().policy().alerts
    except PolicyError:
        return AlertsPolicy()
