"""One quarter's review and 360 on top of five years: 50 models, 13 weeks a quarter, by Dagster, and the size of the site's front page.

Figures of weekly artifacts are made up and committed as their own runs would commit them; plan, risks, signals, decisions, actions and
approvals land from files. Every quarter before the last is recorded first. Targets: under a minute, and 2 MB.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa

import governance_assets.definitions as definitions
from governance_assets.contract import WHOLE, Contract, columns
from governance_assets.runtime import overview
from governance_assets.runtime.artifact import DECLARATIONS, materialize
from governance_assets.runtime.automation import JOBS, of_grain, range_tags
from governance_assets.runtime.history import Entry
from governance_assets.runtime.periods import quarters_between, weeks_between
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

FIRST, LAST, AS_OF = "2021-Q1", "2025-Q4", "2026-01-12T08:00:00Z"
WEEKS = weeks_between(dt.date(2021, 1, 4), dt.date(2025, 12, 22))
DOMAINS = ("review", "cycle", "assessment", "model_risk")
CHECKS = 10
_TOGETHER = 26


def filled(contract: type[Contract], count: int, **given: Any) -> pa.Table:
    """So many rows of a contract: the ``given`` columns, and for every other the plainest value that it admits."""
    made = {}
    for one in columns(contract):
        value = given.get(one.name, None if one.is_nullable else _plainest(one))
        made[one.name] = pa.array(value if isinstance(value, list | np.ndarray) else [value] * count, one.type)
    return pa.table(made)


def _plainest(column: Any) -> Any:
    kind = column.type
    if column.choices:
        return column.choices[0]
    if pa.types.is_string(kind):
        return ""
    if pa.types.is_boolean(kind):
        return False
    return dt.date(2021, 1, 4) if pa.types.is_date(kind) else 1 if pa.types.is_integer(kind) else 0.5


def weekly(models: int, seed: int) -> Iterator[tuple[str, dt.date, pa.Table]]:
    """Rows of every weekly artifact that a quarter reads, week by week."""
    random = np.random.default_rng(seed)
    names = [f"model-{n:02}" for n in range(models)]
    contract = {name: DECLARATIONS[name].contract for name in _READ}
    windows = ("week", "trailing_13", "trailing_26", "trailing_52")
    metrics = ("wis", "bias", *(f"interval_coverage_{level}" for level in (50, 80, 95)))
    for week in WEEKS:
        cells = [(name, window, metric) for name in names for window in windows for metric in metrics]
        model_id, window, metric = map(list, zip(*cells, strict=True))
        value = np.clip(0.8 + 0.03 * random.standard_normal(len(cells)), 0, 1)
        bands = {"value": value, "lower": np.clip(value - 0.05, 0, 1), "upper": np.clip(value + 0.05, 0, 1)}
        keys = {"model_id": model_id, "window": window, "metric": metric, "stratum": "overall", "evaluation_set": "all"}
        yield "calibration_metrics", week, filled(contract["calibration_metrics"], len(cells), week=week, **keys, **bands)
        r2 = np.clip(0.6 + 0.05 * random.standard_normal(models), 0, 1)
        tenants = {"tenant": names, "engine": "bayes", "window": "trailing_12", "r2": r2}
        yield "mmm_backtest", week, filled(contract["mmm_backtest"], models, week=week, **tenants)
        owners = {"model_id": names, "version": "1", "status": "incumbent", "owner_role": ["modelling_lead", "architect"] * (models // 2)}
        yield "model_registry", week, filled(contract["model_registry"], models, week=week, **owners)
        subjects, checks = [name for name in names for _ in range(CHECKS)], [f"check {n}" for n in range(CHECKS)] * models
        failed = ["fail" if each < 0.02 else "pass" for each in random.random(len(subjects))]
        rows = {"subject": subjects, "check": checks, "outcome": failed}
        for critic in ("modeling_reality_critic", "allocator_critic"):
            yield critic, week, filled(contract[critic], len(subjects), week=week, **rows)


_READ = ("calibration_metrics", "mmm_backtest", "model_registry", "modeling_reality_critic", "allocator_critic")


def write_telemetry(folder: Path, seed: int) -> None:
    """Five years of the small feeds: a snapshot of the plan a month, a register and a survey a quarter, decisions and actions."""
    random = np.random.default_rng(seed)
    plan, risks, signals, decisions, actions, approvals = [], [], [], [], [], []
    for quarter in quarters_between(FIRST, LAST):
        year, number = int(quarter[:4]), int(quarter[-1])
        for month in range(3 * number - 2, 3 * number + 1):
            day = dt.date(year, month, 20)
            plan += [
                {"date": day, "plan": "atlas", "kind": "stage", "item_id": f"S{n}", "phase_id": f"P{n // 10}"}
                | {"status": "Done" if random.random() < 0.5 else "Todo", "estimated_cost": 100, "realised_cost": 110}
                | {"planned_start": day - dt.timedelta(40), "planned_end": day - dt.timedelta(5)}
                for n in range(108)
            ]
        levels = ("low", "medium", "high", "critical")
        risks += [
            {"date": day, "risk_id": f"R-{n}", "description": "Something may happen", "status": "open"}
            | {"impact": levels[random.integers(4)], "probability": levels[random.integers(3)], "mitigation": "watch it" if n % 3 else ""}
            for n in range(40)
        ]
        for name, value, unit, error in (("goal_alignment", 0.9, "fraction", 0.02), ("satisfaction", 8.5, "of 10", 0.3)):
            signals += [
                {"date": day, "signal": name, "value": value, "unit": unit, "stakeholder": f"group {n}", "stderr": error} for n in range(5)
            ]
        signals.append({"date": day, "signal": "dependency_uptime", "value": 0.995, "unit": "fraction", "stakeholder": "", "stderr": 0.001})
        decisions += [
            {"decision_id": f"D-{quarter}-{n}", "decision": "do it", "decision_date": day, "decided_by": "director", "rationale": "why"}
            | {"kind": "override" if n == 0 else "decision", "expires_on": day + dt.timedelta(60), "quarter": quarter}
            for n in range(10)
        ]
        actions += [
            {"action_id": f"A-{quarter}-{n}", "title": "act", "created_at": f"{day}T09:00:00Z", "owner": "architect", "quarter": quarter}
            | {"due_date": day + dt.timedelta(30), "decision": f"D-{quarter}-{n}", "status": "done" if n % 4 else "open"}
            for n in range(10)
        ]
        approvals.append(
            {"subject": f"scorecard_360 {quarter}", "role": "programme_owner", "verdict": "approved"}
            | {"approved_at": f"{day + dt.timedelta(14)}T09:00:00Z", "authenticated_by": "signed_commit"}
        )
    for place, rows in (
        ("plan/atlas/items.csv", plan),
        ("risks/register.csv", risks),
        ("signals/survey.csv", signals),
        ("reviews/decisions.csv", decisions),
        ("reviews/actions.csv", actions),
        ("reviews/approvals.csv", approvals),
    ):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    (folder / "governance.yaml").write_text(f"clock:\n  as_of: {AS_OF}\n", encoding="utf-8")


def prepare(workspace: Workspace, models: int) -> int:
    """Land the feeds and record the weekly artifacts; how many rows the latter have."""
    materialize([one for one in DECLARATIONS.values() if one.contract.domain() == "intake"], workspace, "intake", [WHOLE], {})
    waiting: dict[str, list[Entry]] = {}
    total = 0
    for name, week, rows in weekly(models, 1):
        total += rows.num_rows
        waiting.setdefault(name, []).append(Entry(DECLARATIONS[name].contract, week.isoformat(), rows, (), (), "1", is_open=False))
        if len(waiting[name]) == _TOGETHER:
            workspace.history.commit(waiting.pop(name), workspace.provenance("weeks", {}))
    for entries in waiting.values():
        workspace.history.commit(entries, workspace.provenance("weeks", {}))
    return total


def main() -> int:
    """Prepare, record the past, time the last quarter; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=50)
    asked = parser.parse_args()
    import dagster as dg

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"GOVERNANCE_HOME": f"{folder}/home", "GOVERNANCE_TELEMETRY": f"{folder}/telemetry"}
        write_telemetry(Path(folder) / "telemetry", 1)
        with Workspace(Settings.from_environment()) as workspace:
            start = time.perf_counter()
            rows = prepare(workspace, asked.models)
            print(
                f"{asked.models} models, {len(WEEKS)} weeks, {rows:,} weekly rows: prepared in {time.perf_counter() - start:.1f} s",
                flush=True,
            )
            chosen = [one for one in of_grain("quarter") if one.contract.domain() in DOMAINS]
            earlier = quarters_between(FIRST, LAST)[:-1]
            start = time.perf_counter()
            for one in chosen:
                began = time.process_time()
                materialize([one], workspace, "earlier", list(earlier), {})
                print(f"  {one.name}: {time.process_time() - began:.1f} s of all cores for {len(earlier)} quarters", flush=True)
            print(f"{len(earlier)} earlier quarters of {len(chosen)} artifacts: {time.perf_counter() - start:.1f} s", flush=True)
            clock, cpu = time.perf_counter(), time.process_time()
            with dg.DagsterInstance.ephemeral() as instance:
                job = definitions.build(workspace).resolve_job_def(JOBS["quarter"])
                keys = [dg.AssetKey(one.name) for one in chosen]
                quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
                tags = range_tags("quarter", LAST, LAST)
                done = job.execute_in_process(instance=instance, tags=tags, asset_selection=keys, run_config=quiet)
            seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
            told = f"{seconds:.1f} s by the clock, {cpu_seconds:.1f} s of all cores"
            print(f"{LAST} by Dagster: {told}; target 60 s", flush=True)
            start = time.perf_counter()
            # Pages of other domains are left out: their artifacts have no whole rows here. The front page has every state.
            with mock.patch.object(overview, "FLOW", DOMAINS):
                pages, _ = overview.site(workspace, overview.states(workspace))
            front = len(pages["index.html"].encode())
            largest = max(pages, key=lambda name: len(pages[name].encode()))
            print(f"front page {front / 1e6:.2f} MB; target 2 MB; all {len(pages)} pages in {time.perf_counter() - start:.1f} s, ", end="")
            print(f"the largest, {largest}, {len(pages[largest].encode()) / 1e6:.2f} MB")
            return int(not done.success or cpu_seconds > 60 or front > 2e6)


if __name__ == "__main__":
    raise SystemExit(main())
