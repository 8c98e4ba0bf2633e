"""Proposed budgets and response curves of made-up tenants: bounds, scenarios, lift on other draws, points of curves."""

from __future__ import annotations

import functools
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import conform, violations
from governance_assets.domains.allocation import facts
from governance_assets.domains.allocation.contracts import BudgetAllocation, ResponseCurves
from governance_assets.policy import AllocationPolicy
from governance_assets.policy.allocation import ChannelBounds, GroupBounds
from governance_assets.stats.media_posterior import recorded_draws
from governance_assets_tests.mmm_refits import QUARTERS, two_tenants

POLICY = AllocationPolicy(min_platform_spend=5.0, curve_points=9)
NEWEST = QUARTERS[-1]


def connected() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    made = two_tenants()
    con.register("draws", made.draws.filter(pc.equal(made.draws["quarter"], NEWEST)))
    con.register("refits", made.stability.filter(pc.equal(made.stability["quarter"], NEWEST)))
    return con


@functools.cache
def proposed(policy: AllocationPolicy = POLICY) -> list[dict[str, Any]]:
    rows = conform(BudgetAllocation, facts.budget_allocation(connected(), "draws", "refits", policy))
    assert violations(BudgetAllocation, rows) == []
    return rows.to_pylist()


def of(rows: list[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_every_scenario_spends_its_budget_within_the_guardrails() -> None:
    scenarios = {"budget-20": -0.2, "budget-10": -0.1, "budget+0": 0.0, "budget+10": 0.1, "budget+20": 0.2}
    for tenant in ("tenant-0", "tenant-1"):
        for name, change in scenarios.items():
            rows = of(proposed(), tenant=tenant, scenario=name)
            current = sum(row["current_spend"] for row in rows)
            assert [row["channel"] for row in rows] == ["search", "video"]
            assert sum(row["proposed_spend"] for row in rows) == pytest.approx(current * (1 + change), rel=1e-8)
            assert all(abs(row["change"]) <= 0.35 + 1e-8 and row["broken_bounds"] == "" for row in rows)
            assert [row["is_recommended"] for row in rows] == [change == 0.0] * 2


def test_lift_is_that_of_draws_the_split_was_not_chosen_on() -> None:
    rows = of(proposed(), tenant="tenant-0", scenario="budget+0")
    drawn = of(two_tenants().draws.to_pylist(), quarter=NEWEST, tenant="tenant-0", part="channel")
    after, before = 0.0, 0.0
    for row in rows:
        own = [d for d in drawn if d["name"] == row["channel"] and d["chain"] == 1]
        curve = recorded_draws({name: [d[name] for d in own] for name in own[0]})
        after += curve.steady([row["proposed_spend"]])[:, 0]
        before += curve.steady([row["current_spend"]])[:, 0]
    assert rows[0]["judged_draws"] == 64
    assert rows[0]["lift"] == pytest.approx(np.median(after / before - 1), abs=1e-7)
    assert rows[0]["lift_probability"] == pytest.approx((after > before).mean())
    assert rows[0]["regret"] == pytest.approx(0, abs=1e-5)


def test_frozen_channels_bounds_and_groups_hold() -> None:
    policy = POLICY.model_copy(update={
        "frozen": ("tenant-0/search",),
        "bounds": (ChannelBounds(channel="video", tenant="tenant-1", upper=40.0),),
        "groups": (GroupBounds(name="all", channels=("search", "video"), tenant="tenant-1", upper=85.0),),
        "budget_changes": (-0.2, -0.1, 0.0),
    })  # fmt: skip
    rows = proposed(policy)
    for row in of(rows, tenant="tenant-0", channel="search"):
        assert row["is_frozen"]
        assert row["proposed_spend"] is None or row["proposed_spend"] == pytest.approx(row["current_spend"])
    made = [row for row in of(rows, tenant="tenant-1") if row["problem"] is None]
    assert all(row["proposed_spend"] <= 40.0 + 1e-9 for row in made if row["channel"] == "video")
    refused = {row["scenario"]: row["problem"] for row in of(rows, tenant="tenant-1") if row["problem"]}
    assert all("must be" in why for why in refused.values())
    assert {row["scenario"] for row in made} | refused.keys() == {"budget-20", "budget-10", "budget+0"}


def test_bounds_that_leave_nothing_are_told_and_nothing_is_proposed() -> None:
    policy = POLICY.model_copy(update={"groups": (GroupBounds(name="all", channels=("search", "video"), upper=1.0),)})
    rows = of(proposed(policy), tenant="tenant-0")
    assert {row["proposed_spend"] for row in rows} == {None}
    assert all("group all must be 0 to 1" in row["problem"] for row in rows)


def test_a_free_budget_stops_where_spend_no_longer_pays() -> None:
    cheap, dear = (
        sum(
            row["proposed_spend"]
            for row in of(proposed(POLICY.model_copy(update={"worth": worth})), tenant="tenant-0", scenario="free_budget")
        )
        for worth in (1e-6, 1e6)
    )
    current = sum(row["current_spend"] for row in of(proposed(), tenant="tenant-0", scenario="budget+0"))
    assert cheap == pytest.approx(0.65 * current, rel=1e-6)
    assert dear > current


@pytest.mark.parametrize(
    ("current", "largest", "expected"),
    [
        (1000.0, 3000.0, (650.0, 1350.0, False)),
        (1000.0, 1100.0, (650.0, 1100.0, False)),  # no further than the data have seen
        (1000.0, 900.0, (650.0, 1000.0, False)),  # unless it is there already
        (250.0, 900.0, (200.0, 337.5, False)),  # the floor of a platform
        (100.0, 900.0, (100.0, 100.0, True)),  # out of one step's reach of the floor
        (0.0, 900.0, (0.0, 0.0, False)),  # nothing to change by a share of
    ],
)
def test_guardrails_make_the_bounds(current: float, largest: float, expected: tuple[float, float, bool]) -> None:
    lower, upper, keeps = facts.bounds("north", ["tv"], np.array([current]), np.array([largest]), ["EUR"], AllocationPolicy())
    assert (lower[0], upper[0], bool(keeps[0])) == pytest.approx(expected)


def test_groups_concern_those_who_have_all_their_channels() -> None:
    policy = AllocationPolicy(groups=(
        GroupBounds(name="both", channels=("tv", "radio"), lower=5.0),
        GroupBounds(name="south alone", channels=("tv",), tenant="south", upper=9.0),
    ))  # fmt: skip
    assert [group.name for group in facts.groups_of("north", ["radio", "tv"], policy)] == ["both"]
    assert [group.name for group in facts.groups_of("south", ["tv"], policy)] == ["south alone"]
    assert facts.groups_of("north", ["radio", "tv"], policy)[0].members == {0, 1}


def test_one_chain_is_parted_in_its_middle() -> None:
    assert [list(part) for part in facts.halves(np.zeros(4, dtype=int))] == [[0, 1], [2, 3]]
    assert [list(part) for part in facts.halves(np.array([0, 1, 2, 3]))] == [[0, 2], [1, 3]]


def test_curves_rise_from_nothing_and_carry_both_marks() -> None:
    con = connected()
    con.register("proposals", pa.Table.from_pylist(proposed(), schema=facts.arrow_schema(BudgetAllocation)))
    rows = conform(ResponseCurves, facts.response_curves(con, "draws", "refits", "proposals", POLICY))
    assert violations(ResponseCurves, rows) == []
    own = of(rows.to_pylist(), tenant="tenant-1", channel="search")
    line = [row for row in own if row["kind"] == "curve"]
    assert [row["point"] for row in line] == list(range(9))
    assert line[0]["response"] == 0
    assert all(one["response"] < other["response"] for one, other in zip(line, line[1:], strict=False))
    assert all(row["response_lower"] <= row["response"] <= row["response_upper"] for row in own)
    assert line[-1]["is_beyond_data"]
    budget = of(proposed(), tenant="tenant-1", channel="search", scenario="budget+0")[0]
    marks = {row["kind"]: row["spend"] for row in own if row["kind"] != "curve"}
    assert marks == {"current": budget["current_spend"], "optimal": budget["proposed_spend"]}
    assert all(row["marginal_roi"] > 0 for row in line[1:])


def test_without_refits_there_is_nothing_to_split() -> None:
    con = duckdb.connect()
    made = two_tenants()
    con.register("draws", made.draws.slice(0, 0))
    con.register("refits", made.stability.slice(0, 0))
    con.register("proposals", nothing := facts.budget_allocation(con, "draws", "refits", POLICY))
    assert nothing.num_rows == 0
    assert facts.response_curves(con, "draws", "refits", "proposals", POLICY).num_rows == 0
