"""Every partition of the sample telemetry, recorded in one run over all weeks, rebuilt alone.

``python -m governance_assets_tests.campaigns.replay`` takes minutes: every week reads its whole past again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import governance_assets.definitions  # noqa: F401  (declares the artifacts)
from governance_assets.cli import run_and_explain
from governance_assets.runtime.clock import stopwatch
from governance_assets.runtime.replay import ALL, Replay, Replayed, targets
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


@dataclass
class Outcome:
    """How many partitions were rebuilt alone, and which did not come out as they were recorded."""

    replayed: int = 0
    faults: list[str] = field(default_factory=list)


def campaign(home: Path, telemetry: Path, every: int = 1) -> Outcome:
    """Rebuild every partition that is recorded in ``home``, or of each artifact every so many and the newest, one at a time."""
    outcome = Outcome()
    settings = Settings.from_environment({"GOVERNANCE_HOME": str(home), "GOVERNANCE_TELEMETRY": str(telemetry)})
    with Workspace(settings) as workspace:
        for one in _alone(workspace, every):
            outcome.replayed += 1
            if one.outcome != "identical":
                outcome.faults.append("; ".join([str(one), *one.told]))
    return outcome


def _alone(workspace: Workspace, every: int) -> Iterator[Replayed]:
    replay = Replay(workspace)
    by_artifact: dict[str, list[str]] = {}
    for target in targets(workspace.history, ALL):
        by_artifact.setdefault(target.artifact, []).append(target.partition_key)
    for artifact, keys in by_artifact.items():
        for key in sorted({*keys[::every], keys[-1]}):
            yield from replay.each(targets(workspace.history, artifact, key))


def main() -> int:
    """Record the sample, rebuild everything, and say how it came out; 1 when something differs."""
    with tempfile.TemporaryDirectory(prefix="governance-") as folder:
        code = run_and_explain(["run", "--home", folder, "--telemetry", str(SAMPLE)])
        start = stopwatch()
        outcome = campaign(Path(folder), SAMPLE)
    seconds = stopwatch() - start
    print(f"replay: {outcome.replayed} partitions rebuilt alone in {seconds:.0f} s, {len(outcome.faults)} differ")
    print("\n".join(outcome.faults[:20]))
    return code or int(bool(outcome.faults) or not outcome.replayed)


if __name__ == "__main__":
    sys.exit(main())
