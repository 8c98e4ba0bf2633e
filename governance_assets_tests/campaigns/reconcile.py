"""Reconciliation under kills: assets that succeed, raise or die with -9 at random, lookers that die with -9 at random moments.

Each asset is run again and again, each time in a process of its own; several lookers reconcile at once and are killed and replaced
all the while. At the end an asset must have as many incidents as it went from good to bad, and be open if and only if it is bad.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import dagster as dg

from governance_assets.runtime.alerts.delivery import DeliveryStore
from governance_assets.runtime.alerts.incidents import incidents
from governance_assets.runtime.alerts.observations import MATERIALIZES
from governance_assets.runtime.alerts.reconcile import reconcile
from governance_assets.runtime.processes import process_tags
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

ENDS = ("good", "good", "raises", "killed")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_REST_S = 0.05


@dataclass(frozen=True)
class Outcome:
    """What was expected of each asset and what was found: incidents in all, and whether one is open."""

    expected: dict[str, tuple[int, bool]]
    found: dict[str, tuple[int, bool]]
    kills_of_runs: int
    kills_of_lookers: int

    @property
    def faults(self) -> list[str]:
        """Every asset whose incidents are not those expected."""
        names = sorted(self.expected.keys() | self.found.keys())
        return [
            f"{name}: found {self.found.get(name, (0, False))}, expected {self.expected.get(name, (0, False))}"
            for name in names
            if self.found.get(name, (0, False)) != self.expected.get(name, (0, False))
        ]


def campaign(folder: Path, assets: int, steps: int, lookers: int, seed: int) -> Outcome:
    """Run every asset ``steps`` times while ``lookers`` look and are killed; then look once in peace."""
    plans = {f"asset_{n}": random.Random(f"{seed} {n}").choices(ENDS, k=steps) for n in range(assets)}
    os.environ |= {"GOVERNANCE_HOME": str(folder / "home"), "GOVERNANCE_TELEMETRY": str(folder / "telemetry")}
    for name in ("home", "telemetry", "dagster"):
        (folder / name).mkdir()
    _wait(_fork(lambda: _look(folder, True)))  # makes the stores
    workers = [_fork(lambda name=name, plan=plan: _work(folder, name, plan)) for name, plan in plans.items()]
    killer = _fork(lambda: _kill_lookers(folder, lookers, random.Random(seed)))
    for worker in workers:
        assert _wait(worker) == 0
    os.kill(killer, signal.SIGTERM)
    _wait(killer)
    _wait(_fork(lambda: _look(folder, True)))
    with Workspace(Settings.from_environment()) as workspace:
        opened = [one for one in incidents(workspace.history.alerts().to_pylist()) if one.rule == MATERIALIZES]
    total = Counter(one.artifact for one in opened)
    is_open = Counter(one.artifact for one in opened if one.is_open)
    return Outcome(
        expected={name: _expected(plan) for name, plan in plans.items()},
        found={name: (total[name], is_open[name] == 1) for name in {*plans, *total}},
        kills_of_runs=sum(plan.count("killed") for plan in plans.values()),
        kills_of_lookers=int((folder / "kills").read_text()),
    )


def _expected(plan: Sequence[str]) -> tuple[int, bool]:
    """How many incidents an asset with these ends has, and whether one is open at last."""
    return sum(is_bad for is_bad, _ in groupby(end != "good" for end in plan)), plan[-1] != "good"


def _fork(act: Callable[[], None]) -> int:
    """Do ``act`` in a process of its own, where nothing of Dagster or DuckDB is open yet; returns its number."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return child


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _work(folder: Path, name: str, plan: Sequence[str]) -> None:
    for end in plan:
        found = _wait(_fork(lambda end=end: _run(folder, name, end)))
        assert found == (-signal.SIGKILL if end == "killed" else 0), f"{name} was to end {end}, its process ended with {found}"


def _run(folder: Path, name: str, end: str) -> None:
    @dg.asset(name=name)
    def asset() -> None:
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if end == "raises":
            raise RuntimeError("as planned")

    with dg.DagsterInstance.local_temp(str(folder / "dagster")) as instance:
        job = dg.Definitions(assets=[asset], executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=instance, raise_on_error=False, tags=process_tags(), run_config=_QUIET)


def _look(folder: Path, is_once: bool) -> None:
    with (
        dg.DagsterInstance.local_temp(str(folder / "dagster")) as instance,
        Workspace(Settings.from_environment()) as workspace,
        DeliveryStore.open(workspace.settings.home) as delivery,
    ):
        while True:
            reconcile(workspace, instance, delivery)
            if is_once:
                return
            time.sleep(_REST_S)


def _kill_lookers(folder: Path, lookers: int, chance: random.Random) -> None:
    """Keep ``lookers`` looking and kill one at a time, until told to stop."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    looking = [_fork(lambda: _look(folder, False)) for _ in range(lookers)]
    kills = 0
    while not stopped:
        time.sleep(chance.uniform(0.2, 2.0))
        victim = looking.pop(chance.randrange(lookers))
        os.kill(victim, signal.SIGKILL)
        kills += _wait(victim) == -signal.SIGKILL
        looking.append(_fork(lambda: _look(folder, False)))
    for child in looking:
        os.kill(child, signal.SIGKILL)
        _wait(child)
    (folder / "kills").write_text(str(kills))


def main() -> int:
    """Run the campaign and print what it found; 1 when an asset has other incidents than expected."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--assets", type=int, default=4)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--lookers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = campaign(Path(folder), given.assets, given.steps, given.lookers, given.seed)
    total = sum(number for number, _ in outcome.expected.values())
    print(
        f"reconcile: {given.assets * given.steps} runs, {outcome.kills_of_runs} of them killed; {outcome.kills_of_lookers} lookers killed; "
        f"{total} incidents expected, {sum(number for number, _ in outcome.found.values())} found, {len(outcome.faults)} assets at fault"
    )
    for fault in outcome.faults:
        print(f"  {fault}")
    return int(bool(outcome.faults))


if __name__ == "__main__":
    sys.exit(main())
