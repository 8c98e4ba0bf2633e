"""The assets that keep the history in shape and prove that it is: compaction, and the seal with its check.

Belongs here: what runs by itself and is no artifact, for nobody is governed by it. Does not belong here: when it runs
(``automation.py``), how a history is compacted (``store.py``), sealed or verified (``proof/``).
"""

import dagster as dg

from governance_assets.runtime.proof.installation import seal_installation, verify_installation
from governance_assets.runtime.proof.seals import SealRefused
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

LEDGER_INTACT = "ledger_intact"


def upkeep() -> list[dg.AssetsDefinition]:
    """The assets beside the artifacts."""

    @dg.asset(
        group_name="runtime",
        kinds={"duckdb"},
        owners=["team:data_quality"],
        required_resource_keys={"workspace"},
        description="The history's small pieces gathered into larger files; no row, revision or answer changes.",
    )
    def history_compaction(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        history = context.resources.workspace.history
        history.compact()
        return dg.MaterializeResult(metadata={"ledger_entries": history.entry_count()})

    @dg.asset(
        group_name="runtime",
        kinds={"duckdb"},
        owners=["team:data_quality"],
        required_resource_keys={"workspace"},
        pool="history_seal",
        check_specs=[dg.AssetCheckSpec(LEDGER_INTACT, asset="history_seal", description="Every entry, recomputed from the files, holds.")],
        description="One root over everything recorded since the last seal, chained to it and anchored outside the store.",
    )
    def history_seal(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        workspace: Workspace = context.resources.workspace
        try:
            sealed, refusal = seal_installation(workspace, context.run.tags.get(ORIGIN_TAG, "dagster")), ""
        except SealRefused as error:
            sealed, refusal = None, str(error)
        told = {"sealed": sealed.name if sealed else refusal or "nothing new"}
        return dg.MaterializeResult(metadata=told, check_results=[_ledger_intact(workspace, refusal)])

    return [history_compaction, history_seal]


def _ledger_intact(workspace: Workspace, refusal: str) -> dg.AssetCheckResult:
    report = verify_installation(workspace.settings)
    return dg.AssetCheckResult(
        passed=report.is_intact and not refusal,
        check_name=LEDGER_INTACT,
        severity=dg.AssetCheckSeverity.ERROR,
        description=str(report.first or refusal or "everything that was read holds"),
        metadata={
            "report": dg.MetadataValue.text(report.text()),
            "entries": report.entries,
            "anchored": report.anchored,
            "head": report.head,
        },
    )
