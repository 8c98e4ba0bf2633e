"""Refits: what is recorded of them, how far they moved, and the verdicts on that, every limit at, below and above."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import arrow_schema
from governance_assets.domains.mmm import facts_refits, facts_stability
from governance_assets.domains.mmm.contracts import RefitStability
from governance_assets.domains.mmm.rules import judge_media_draws, judge_refit_stability, refit_findings
from governance_assets.policy import MmmPolicy
from governance_assets.policy.mmm import ExpectedSign
from governance_assets.runtime.periods import weeks_of_quarter
from governance_assets_tests.mmm_data import WEEKS, media_table, monday
from governance_assets_tests.mmm_refits import POLICY, QUARTERS, refitted, two_tenants


def rows_of(table: pa.Table, **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if all(row[name] == value for name, value in wanted.items())]


def test_a_tenant_is_refitted_once_a_quarter_on_all_weeks_up_to_its_end() -> None:
    found = {(row["quarter"], row["last_week"], row["train_weeks"]) for row in rows_of(two_tenants().stability, tenant="tenant-0")}
    expected = []
    for quarter in QUARTERS:
        places = [place for place in range(WEEKS) if monday(place) <= max(weeks_of_quarter(quarter))]
        if len(places) >= 52:
            expected.append((quarter, monday(places[-1]), len(places)))
    assert sorted(found) == expected
    assert len(expected) >= 4


def test_a_refit_comes_out_the_same_whatever_else_is_asked_and_whatever_came_later() -> None:
    quarter = QUARTERS[-3]
    media = two_tenants().media
    known = media.filter(pc.less_equal(media["week"], max(weeks_of_quarter(quarter))))
    alone = refitted(known, (quarter,)).draws
    whole = two_tenants().draws
    assert alone.equals(whole.filter(pc.equal(whole["quarter"], quarter)).combine_chunks())


def test_figures_of_a_refit_agree_with_its_draws() -> None:
    made, quarter = two_tenants(), QUARTERS[-1]
    row = rows_of(made.stability, quarter=quarter, tenant="tenant-1", name="search")[0]
    brought = [r["contribution"] for r in rows_of(made.contributions, quarter=quarter, tenant="tenant-1", name="search")]
    assert len(brought) == min(row["train_weeks"], POLICY.contribution_weeks)
    assert sum(brought) == pytest.approx(row["contribution"], rel=0.05)
    assert row["roi"] == pytest.approx(row["contribution"] / row["spend"], rel=1e-6)
    assert row["roi_lower"] < row["roi"] < row["roi_upper"]
    assert row["elasticity_lower"] > 0
    assert row["multiple"] == pytest.approx(1, abs=0.5)
    shares = [r["optimal_share"] for r in rows_of(made.stability, quarter=quarter, tenant="tenant-1", part="channel")]
    assert sum(shares) == pytest.approx(1, abs=0.1)
    price = rows_of(made.stability, quarter=quarter, tenant="tenant-1", name="price")[0]
    assert price["elasticity_upper"] < 0
    assert (price["roi"], price["optimal_share"], price["multiple"]) == (None, None, None)


def test_moves_are_against_the_refit_before_also_when_that_was_recorded_earlier() -> None:
    made = two_tenants()
    con = duckdb.connect()
    con.register("media", made.media)
    con.register("draws", made.draws)
    con.register("earlier", made.stability.filter(pc.less(made.stability["quarter"], QUARTERS[-1])))
    alone = facts_stability.refit_stability(con, "media", "draws", "earlier", (QUARTERS[-1],), POLICY)
    assert alone.to_pylist() == rows_of(made.stability, quarter=QUARTERS[-1])
    now, before = (rows_of(made.stability, quarter=q, tenant="tenant-0", name="video")[0] for q in (QUARTERS[-1], QUARTERS[-2]))
    assert now["previous_quarter"] == QUARTERS[-2]
    assert now["roi_move"] == pytest.approx(now["roi"] / before["roi"] - 1)
    assert now["is_roi_inside"] == (before["roi_lower"] <= now["roi"] <= before["roi_upper"])
    assert now["optimal_move"] == pytest.approx(now["optimal_share"] - before["optimal_share"])
    first = min(row["quarter"] for row in made.stability.to_pylist())
    assert all(row["previous_quarter"] is None and row["has_vanished"] is None for row in rows_of(made.stability, quarter=first))


def test_a_channel_that_leaves_the_telemetry_has_vanished() -> None:
    media = media_table()
    con = duckdb.connect()
    con.register("media", media.filter(pc.not_equal(media["name"], "video")))
    con.register("draws", facts_refits.media_draws(con, "media", (QUARTERS[-1],), POLICY))
    con.register("earlier", two_tenants().stability)
    rows = facts_stability.refit_stability(con, "media", "draws", "earlier", (QUARTERS[-1],), POLICY).to_pylist()
    gone = next(row for row in rows if row["name"] == "video")
    assert (gone["is_left_out"], gone["has_vanished"], gone["roi"]) == (True, True, None)


def test_an_effect_of_the_wrong_sign_is_found_behind_a_positive_prior() -> None:
    rng = np.random.default_rng(4)
    media = media_table()
    harmful = np.round(50 * rng.random(WEEKS), 3)
    rows = [
        row | {"value": row["value"] - 6 * harmful[(row["week"] - monday(0)).days // 7]} if row["series"] == "target" else row
        for row in media.to_pylist()
    ]
    rows += [
        {"tenant": "tenant-0", "week": monday(n), "series": "spend", "name": "banner", "value": float(harmful[n]), "unit": "EUR"}
        for n in range(WEEKS)
    ]
    made = refitted(pa.Table.from_pylist(rows, schema=media.schema), (QUARTERS[-1],))
    found = {f.subject: f.outcome for f in judge_refit_stability(made.stability, POLICY, "") if f.rule == "elasticity_has_its_sign"}
    assert found == {"tenant-0, banner": "fail", "tenant-0, price": "pass", "tenant-0, search": "pass", "tenant-0, video": "pass"}


def test_a_tenant_that_cannot_be_fitted_says_why() -> None:
    media = media_table()
    gap = media.filter(pc.invert(pc.and_(pc.equal(media["week"], monday(5)), pc.equal(media["series"], "target"))))
    made = refitted(gap, (QUARTERS[-1],))
    [finding] = judge_media_draws(made.draws, POLICY, QUARTERS[-1])
    assert finding.outcome == "fail"
    assert "target is missing" in finding.message
    assert [row["problem"] is None for row in made.stability.to_pylist()] == [False]
    assert judge_refit_stability(made.stability, POLICY, "") == []
    assert made.contributions.num_rows == 0


def test_nothing_landed_and_an_engine_without_a_posterior_give_no_rows() -> None:
    con = duckdb.connect()
    assert facts_refits.media_draws(con, None, QUARTERS, POLICY).num_rows == 0
    con.register("media", media_table())
    assert facts_refits.media_draws(con, "media", QUARTERS, MmmPolicy(refit_engine="ridge")).num_rows == 0
    con.register("draws", facts_refits.media_draws(con, None, QUARTERS, POLICY))
    assert facts_stability.refit_stability(con, "media", "draws", None, QUARTERS, POLICY).num_rows == 0
    assert facts_refits.media_contributions(con, None, "draws", QUARTERS, POLICY).num_rows == 0


GOOD: dict[str, Any] = dict.fromkeys(arrow_schema(RefitStability).names) | {
    "quarter": "2025-Q3", "tenant": "north", "part": "channel", "name": "tv", "engine": "bayes", "is_left_out": False, "is_paid": True,
    "elasticity": 0.1, "elasticity_lower": 0.05, "elasticity_upper": 0.2, "multiple": 1.0, "multiple_lower": 0.5, "multiple_upper": 1.5,
    "contribution_share": 0.1, "r_hat": 1.0, "roi_move": 0.0, "is_roi_inside": True, "contribution_move": 0.0, "optimal_move": 0.0,
    "has_sign_flipped": False, "has_vanished": False,
}  # fmt: skip
CONTROL = {"part": "control", "name": "price", "is_paid": False}


def outcome(rule: str, changed: dict[str, Any], policy: MmmPolicy = POLICY) -> str | None:
    return {finding.rule: finding.outcome for finding in refit_findings(GOOD | changed, policy)}.get(rule)


@pytest.mark.parametrize(
    ("rule", "changed", "expected"),
    [
        ("chains_agree", {"r_hat": 1.049}, "pass"),
        ("chains_agree", {"r_hat": 1.05}, "pass"),
        ("chains_agree", {"r_hat": 1.051}, "fail"),
        ("chains_agree", {"r_hat": None}, "not_applicable"),
        ("roi_keeps_its_interval", {"is_roi_inside": True}, "pass"),
        ("roi_keeps_its_interval", {"is_roi_inside": False}, "fail"),
        ("roi_keeps_its_interval", {"is_roi_inside": None}, "not_applicable"),
        ("roi_is_steady", {"roi_move": 0.349}, "pass"),
        ("roi_is_steady", {"roi_move": -0.35}, "pass"),
        ("roi_is_steady", {"roi_move": -0.351}, "fail"),
        ("roi_is_steady", {"roi_move": None}, "not_applicable"),
        ("roi_is_steady", {"is_paid": False}, None),
        ("contribution_is_steady", {"contribution_move": -0.049}, "pass"),
        ("contribution_is_steady", {"contribution_move": 0.05}, "pass"),
        ("contribution_is_steady", {"contribution_move": 0.051}, "fail"),
        ("contribution_is_steady", {"contribution_move": None}, "not_applicable"),
        ("optimum_is_steady", {"optimal_move": 0.199}, "pass"),
        ("optimum_is_steady", {"optimal_move": -0.2}, "pass"),
        ("optimum_is_steady", {"optimal_move": -0.201}, "fail"),
        ("optimum_is_steady", {"optimal_move": None}, "not_applicable"),
        ("sign_has_not_flipped", {"has_sign_flipped": False}, "pass"),
        ("sign_has_not_flipped", {"has_sign_flipped": True}, "fail"),
        ("sign_has_not_flipped", {"has_sign_flipped": None}, "not_applicable"),
        ("channel_has_not_vanished", {"has_vanished": False}, "pass"),
        ("channel_has_not_vanished", {"has_vanished": True, "contribution_share": 0.001}, "fail"),
        ("channel_has_not_vanished", {"has_vanished": True, "is_left_out": True, "contribution_share": None}, "fail"),
        ("channel_has_not_vanished", {"has_vanished": None}, "not_applicable"),
        ("channel_has_not_vanished", CONTROL, None),
        ("elasticity_has_its_sign", {"multiple_upper": -0.001}, "fail"),
        ("elasticity_has_its_sign", {"multiple_upper": 0.0}, "pass"),
        ("elasticity_has_its_sign", {"multiple_lower": -1.0, "multiple_upper": 0.001}, "pass"),
        ("elasticity_has_its_sign", {"elasticity_upper": -0.001}, "fail"),
        ("elasticity_has_its_sign", {"multiple": None, "elasticity": None}, "unknown"),
        ("elasticity_has_its_sign", CONTROL | {"elasticity_lower": 0.001}, "fail"),
        ("elasticity_has_its_sign", CONTROL | {"elasticity_lower": 0.0}, "pass"),
        ("elasticity_has_its_sign", CONTROL | {"elasticity_lower": -0.001}, "pass"),
        ("elasticity_has_its_sign", CONTROL | {"name": "rain"}, "not_applicable"),
        ("elasticity_has_its_sign", {"is_left_out": True}, None),
    ],
)
def test_each_limit(rule: str, changed: dict[str, Any], expected: str | None) -> None:
    assert outcome(rule, changed) == expected


def test_a_sign_for_one_tenant_wins_over_the_sign_for_all() -> None:
    policy = MmmPolicy(expected_signs=(ExpectedSign(name="price", sign="-"), ExpectedSign(name="price", sign="+", tenant="north")))
    assert outcome("elasticity_has_its_sign", CONTROL, policy) == "pass"
    assert outcome("elasticity_has_its_sign", CONTROL | {"tenant": "south"}, policy) == "fail"


@pytest.mark.parametrize(
    ("declared", "named", "expected"),
    [(None, (), "not_applicable"), ("-", (), "pass"), ("+", (), "fail"), ("+", (ExpectedSign(name="price", sign="-"),), "pass")],
)
def test_a_sign_that_the_telemetry_declares_counts_where_policy_names_none(declared: str | None, named: Any, expected: str) -> None:
    sure = CONTROL | {"elasticity_lower": -0.2, "elasticity_upper": -0.1, "expected_sign": declared}
    assert outcome("elasticity_has_its_sign", sure, MmmPolicy(expected_signs=named)) == expected


def test_units_and_signs_come_from_the_telemetry() -> None:
    rows = two_tenants().stability.to_pylist()
    assert {(row["name"], row["currency"], row["expected_sign"]) for row in rows} == {
        ("price", None, "-"),
        ("search", "EUR", None),
        ("video", "EUR", None),
    }


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ((1.0, 0.5, 1.5), (-0.1, -0.5, 0.3), True),  # sure now
        ((0.1, -0.5, 0.6), (-1.0, -1.5, -0.5), True),  # was sure
        ((0.1, -0.5, 0.6), (-0.1, -0.5, 0.3), False),  # never sure
        ((1.0, 0.5, 1.5), (0.1, -0.5, 0.3), False),
        (None, (0.1, -0.5, 0.3), None),
    ],
)
def test_a_sign_flips_only_where_one_was_sure(now: Any, before: Any, expected: bool | None) -> None:
    one, other = (
        dict(zip(("elasticity", "elasticity_lower", "elasticity_upper"), figures, strict=True)) if figures else {}
        for figures in (now, before)
    )
    assert facts_stability._has_flipped(one, other, "elasticity") is expected


@pytest.mark.parametrize(
    ("share", "before", "expected"), [(0.0049, 0.005, True), (0.005, 0.005, False), (0.0, 0.0049, False), (None, 0.1, None)]
)
def test_a_channel_vanishes_below_the_least_share(share: float | None, before: float, expected: bool | None) -> None:
    row = {"is_left_out": False, "contribution_share": share}
    assert facts_stability._has_vanished(row, {"contribution_share": before}, 0.005) is expected


def test_a_refit_by_the_wide_engine_keeps_its_power_curves() -> None:
    policy = MmmPolicy(refit_engine="bayes_wide", chains=2, draws=64, kept_draws=128, optimum_draws=32)
    made = refitted(two_tenants().media.filter(pc.equal(two_tenants().media["tenant"], "tenant-0")), QUARTERS[-1:], policy)
    assert set(pc.unique(made.draws["engine"]).to_pylist()) == {"bayes_wide"}
    powers = made.draws.filter(pc.equal(made.draws["curve"], "power"))
    assert powers.num_rows
    assert powers["exponent"].null_count == 0
    assert powers["rate"].null_count == powers["half"].null_count == powers.num_rows
    rows = {row["name"]: row for row in made.stability.to_pylist()}
    assert all(rows[name]["roi_lower"] < rows[name]["roi"] < rows[name]["roi_upper"] for name in ("search", "video"))
