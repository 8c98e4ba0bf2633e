"""The public example files go from a folder to a judged budget with nothing but a ``media.yaml``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pytest

from governance_assets.domains.allocation import facts as allocation
from governance_assets.domains.allocation.rules import judge_budget_allocation
from governance_assets.domains.mmm import facts_refits, facts_stability
from governance_assets.domains.mmm.rules import judge_media_draws
from governance_assets.policy import AllocationPolicy, MmmPolicy
from governance_assets.runtime.periods import quarter_of_week
from governance_assets.runtime.sources import landed_relation
from governance_assets_tests.intake_samples import Folder
from governance_assets_tests.test_sources_media import EXAMPLES

POLICY = MmmPolicy(chains=2, draws=64, kept_draws=128)
PLAN = AllocationPolicy(budget_changes=(0.0,))
PAID = {
    "pymc_example.csv": ["x1", "x2"],
    "robyn_weekly.csv": ["facebook", "ooh", "print", "search", "tv"],
    "meridian_national_all_channels.csv": ["a", "b", "c", "d", "e"],
    "meridian_geo_all_channels.csv": ["a", "b", "c", "d", "e"],
}


@pytest.mark.parametrize("name", PAID)
def test_a_public_file_is_refitted_and_its_budget_split(tmp_path: Path, shared_data: Any, name: str) -> None:
    folder, con = Folder(tmp_path), duckdb.connect()
    folder.put(f"media/{name}", Path(shared_data(f"mmm/{name}")).read_bytes())
    folder.put("media/media.yaml", f"files:\n  - file: {name}{EXAMPLES[name]}")
    manifest = folder.read().manifests["media_weekly"]
    weeks = sorted({week for row in manifest["weeks"].to_pylist() for week in row.split(",")})
    media = landed_relation(con, "media_weekly", manifest, folder.home, [dt.date.fromisoformat(week) for week in weeks])
    quarter = quarter_of_week(dt.date.fromisoformat(weeks[-1]))
    con.register("draws", draws := facts_refits.media_draws(con, media, (quarter,), POLICY))
    assert [finding.outcome for finding in judge_media_draws(draws, POLICY, quarter)] == ["pass"]
    con.register("refits", refits := facts_stability.refit_stability(con, media, "draws", None, (quarter,), POLICY))
    paid = refits.filter(pc.is_valid(refits["roi"]))
    assert sorted(paid["name"].to_pylist()) == PAID[name]
    assert all(row["roi_lower"] <= row["roi"] <= row["roi_upper"] for row in paid.to_pylist())
    budget = allocation.budget_allocation(con, "draws", "refits", PLAN)
    judged = {(finding.rule, finding.outcome) for finding in judge_budget_allocation(budget, PLAN, quarter)}
    assert ("bounds_are_kept", "pass") in judged
    assert ("split_is_found", "pass") in judged
    assert not {rule for rule, outcome in judged if outcome == "fail"} - {"lift_is_likely"}
