"""Variance by our own verdicts: figures against quarters before, components of the risk, what critics ask for, the computed report."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform, violations
from governance_assets.domains.review import contracts as review_contracts
from governance_assets.domains.review import facts as review_facts
from governance_assets.domains.review import report as review_report
from governance_assets.domains.variance import facts, report, rules
from governance_assets.domains.variance.contracts import KpiDeltas, RecommendedActions, VarianceComponents
from governance_assets.policy import MmmPolicy, ReviewPolicy, VariancePolicy
from governance_assets.runtime.periods import period

POLICY, REVIEW, MMM = VariancePolicy(), ReviewPolicy(), MmmPolicy()
QUARTERS = [period("quarter", f"2025-Q{n}") for n in (1, 2, 3, 4)]
Q3 = QUARTERS[2]
OVER = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
WEEKS = {
    "2025-Q1": dt.date(2025, 3, 24),
    "2025-Q2": dt.date(2025, 6, 23),
    "2025-Q3": dt.date(2025, 9, 22),
    "2025-Q4": dt.date(2025, 12, 15),
}


def backtest(quarter: str, wmape: float | None, gain: float | None = 0.2, **more: Any) -> dict[str, Any]:
    told = {"quarter": quarter, "week": WEEKS[quarter], "tenant": "north", "engine": MMM.judged_engine, "wmape": wmape}
    return told | {"window": f"trailing_{MMM.judged_window}", "mae_improvement": gain} | more


def check(quarter: str, outcome: str = "fail", **more: Any) -> dict[str, Any]:
    told = {"quarter": quarter, "week": WEEKS[quarter], "check": "c", "subject": "north", "level": "CRITICAL", "outcome": outcome}
    return told | {"lift": None, "remedy": "Mend it", "evidence": "e", "roadmap_ref": "T1"} | more


def critic(name: str, status: str, **more: Any) -> dict[str, Any]:
    told = {"quarter": "2025-Q3", "week": WEEKS["2025-Q3"], "critic": name, "origin": "ours", "status": status, "stated": status}
    return told | {"judged_on": dt.date(2025, 9, 28), "n_failed": 0, "contradiction": None} | more


def valid(contract: Any, rows: pa.Table) -> list[dict[str, Any]]:
    made = conform(contract, rows)
    assert violations(contract, made) == []
    return list(made.to_pylist())


def test_figures_are_held_against_the_quarters_before() -> None:
    seen = facts.Seen([backtest(p.key, value, None) for p, value in zip(QUARTERS, (0.10, 0.12, 0.14, 0.19), strict=True)])
    rows = valid(KpiDeltas, facts.kpi_deltas(seen, QUARTERS, POLICY, MMM))
    last = rows[-1]
    assert [(row["quarter"], row["n_before"], row["is_high_variance"]) for row in rows[:3]] == [
        ("2025-Q1", 0, None), ("2025-Q2", 1, None), ("2025-Q3", 2, None),
    ]  # fmt: skip
    # By hand: median 0.12, absolute deviations 0.02, 0, 0.02, their median 0.02, times 1.4826.
    sigma = 1.4826 * 0.02
    assert (last["previous"], last["centre"]) == (0.14, 0.12)
    assert last["change"] == pytest.approx(0.05)
    assert (last["lower"], last["upper"]) == (pytest.approx(0.12 - sigma), pytest.approx(0.12 + sigma))
    assert last["sigmas"] == pytest.approx(0.07 / sigma)
    assert last["is_high_variance"] is True
    assert rows[1]["previous"] == 0.10
    assert last["source"] == "mmm_backtest 2025-12-15"


@pytest.mark.parametrize(("value", "moved"), [(0.12, False), (0.1496, False), (0.1497, True)])
def test_a_figure_that_moves_by_a_sigma_has_not_moved_further(value: float, moved: bool) -> None:
    seen = facts.Seen([backtest(p.key, v, None) for p, v in zip(QUARTERS, (0.10, 0.12, 0.14, value), strict=True)])
    assert valid(KpiDeltas, facts.kpi_deltas(seen, QUARTERS[3:], POLICY, MMM))[0]["is_high_variance"] is moved


@pytest.mark.parametrize(("value", "moved"), [(0.1, False), (0.11, True)])
def test_where_nothing_varied_any_move_is_one(value: float, moved: bool) -> None:
    seen = facts.Seen([backtest(p.key, v, None) for p, v in zip(QUARTERS, (0.1, 0.1, 0.1, value), strict=True)])
    (row,) = valid(KpiDeltas, facts.kpi_deltas(seen, QUARTERS[3:], POLICY, MMM))
    assert (row["sigmas"], row["is_high_variance"]) == (None, moved)


def test_breaches_count_a_check_of_a_subject_once_and_lift_is_the_newest() -> None:
    earlier = {"week": WEEKS["2025-Q3"] - dt.timedelta(7)}
    allocator = [
        check("2025-Q3", lift=0.2, **earlier),
        check("2025-Q3", lift=0.1),
        check("2025-Q3", check="d", level="WARNING"),
        check("2025-Q3", "pass", check="e"),
    ]
    found = {
        (row["kpi"], row["subject"]): row["value"]
        for row in valid(KpiDeltas, facts.kpi_deltas(facts.Seen((), allocator), [Q3], POLICY, MMM))
    }
    assert found == {("allocator_lift", "north"): 0.1, ("guardrail_breaches", "CRITICAL"): 1, ("guardrail_breaches", "WARNING"): 1}


def components(summary: list[dict[str, Any]], backtests: list[dict[str, Any]] | None = None, as_of: dt.datetime = OVER) -> dict[str, dict]:
    made = facts.variance_components(facts.Seen(backtests or [], summary=summary), [Q3], as_of, POLICY, REVIEW, MMM)
    return {row["component"]: row for row in valid(VarianceComponents, made)}


@pytest.mark.parametrize(
    ("summary", "component", "expected"),
    [
        ([critic("modeling_reality_critic (ours)", "attention")], "modeling_reality_critic", "attention"),
        ([critic("allocator_critic", "failed", origin="telemetry")], "allocator_critic", "degraded"),
        ([critic("integrity_suite (ours)", "failed")], "data_quality", "failed"),
        ([critic("integrity_suite (ours)", "failed"), critic("data_quality", "pass")], "data_quality", "pass"),
        ([critic("data_quality", "degraded")], "data_quality", "failed"),
        ([critic("allocator_critic (ours)", "skipped")], "allocator_critic", None),
        ([critic("allocator_critic (ours)", "unknown"), critic("allocator_critic", "pass")], "allocator_critic", "pass"),
        ([critic("other", "failed")], "mmm_backtest", None),
        ([critic("mmm_backtest", "attention")], "mmm_backtest", "attention"),
    ],
)
def test_components_take_the_newest_verdict_in_a_word_they_may_have(summary: list, component: str, expected: str | None) -> None:
    row = components(summary)[component]
    assert row["status"] == expected
    assert row["judged_until"] == dt.datetime(2025, 9, 29, tzinfo=dt.UTC)
    assert bool(row["source"]) == (expected is not None)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [((0.2, 0.051), "stable"), ((0.2, 0.05), "attention"), ((0.2, 0.001), "attention"), ((0.2, 0.0), "degraded"), ((None, None), None)],
)
def test_backtests_speak_for_themselves(gains: tuple[float | None, ...], expected: str | None) -> None:
    rows = [backtest("2025-Q3", 0.1, gain, tenant=name) for name, gain in zip(("north", "south"), gains, strict=True)]
    assert components([], rows)["mmm_backtest"]["status"] == expected


def test_an_open_week_says_nothing_yet() -> None:
    summary = [critic("allocator_critic (ours)", "pass")]
    closes = dt.datetime(2025, 9, 29, tzinfo=dt.UTC)
    assert components(summary, as_of=closes - dt.timedelta(seconds=1)) == {}
    assert components(summary, as_of=closes)["allocator_critic"]["status"] == "pass"


def test_actions_are_asked_for_by_what_failed_last() -> None:
    earlier = {"week": WEEKS["2025-Q3"] - dt.timedelta(7)}
    reality = [
        check("2025-Q3", **earlier),
        check("2025-Q3"),
        check("2025-Q3", check="gone", **earlier),
        check("2025-Q3", check="i", level="INFO"),
    ]
    allocator = [check("2025-Q3", check="w", level="WARNING", roadmap_ref=""), check("2025-Q3", "pass", check="p")]
    owners = {"modeling_reality_critic": "modelling_lead", "allocator_critic": "modelling_lead"}
    made = facts.recommended_actions(facts.Seen(reality=reality, allocator=allocator), owners, [Q3], OVER, POLICY)
    rows = valid(RecommendedActions, made)
    assert [(row["rank"], row["check"], row["weeks_failed"], row["due_by"]) for row in rows] == [
        (1, "c", 2, dt.date(2025, 10, 5)), (2, "w", 1, dt.date(2025, 10, 12)),
    ]  # fmt: skip


FIGURE: dict[str, Any] = {
    "quarter": "2025-Q3", "kpi": "mmm_wmape", "subject": "north", "value": 0.2, "unit": "fraction", "source": "s", "previous": None,
    "change": None, "n_before": 3, "centre": 0.1, "lower": 0.0, "upper": 0.2, "sigmas": 1.0, "is_high_variance": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sigmas": 0.99}, "pass"),
        ({}, "pass"),
        ({"sigmas": 1.01, "is_high_variance": True}, "fail"),
        ({"sigmas": None, "is_high_variance": True}, "fail"),
        ({"sigmas": None, "is_high_variance": None, "n_before": 2}, "unknown"),
    ],
)
def test_figures_stay_in_their_band(change: dict[str, Any], expected: str) -> None:
    rows = pa.Table.from_pylist([FIGURE | change], arrow_schema(KpiDeltas))
    assert [one.outcome for one in rules.judge_kpi_deltas(rows, POLICY, "2025-Q3")] == [expected]


COMPONENT: dict[str, Any] = {
    "quarter": "2025-Q3", "component": "data_quality", "status": "pass", "source": "s", "judged_on": dt.date(2025, 9, 28), "notes": "n",
    "issues": None, "judged_until": dt.datetime(2025, 9, 29, tzinfo=dt.UTC),
}  # fmt: skip
ASKED: dict[str, Any] = {
    "quarter": "2025-Q3", "rank": 1, "check": "c", "subject": "north", "critic": "modeling_reality_critic", "level": "CRITICAL",
    "summary": "Mend it", "owner": "modelling_lead", "due_by": dt.date(2025, 10, 5), "related_items": "T1", "evidence": "e",
    "weeks_failed": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("judge", "contract", "row", "expected"),
    [
        (rules.judge_variance_components, VarianceComponents, COMPONENT, "pass"),
        (rules.judge_variance_components, VarianceComponents, COMPONENT | {"status": None}, "unknown"),
        (rules.judge_variance_components, VarianceComponents, None, "not_applicable"),
        (rules.judge_recommended_actions, RecommendedActions, ASKED, "fail"),
        (rules.judge_recommended_actions, RecommendedActions, ASKED | {"level": "WARNING"}, "pass"),
        (rules.judge_recommended_actions, RecommendedActions, None, "pass"),
        (rules.judge_kpi_deltas, KpiDeltas, None, "not_applicable"),
    ],
)
def test_components_and_actions(judge: Any, contract: Any, row: dict[str, Any] | None, expected: str) -> None:
    rows = pa.Table.from_pylist([row] if row else [], arrow_schema(contract))
    assert [one.outcome for one in judge(rows, POLICY, "2025-Q3")] == [expected]


@pytest.mark.parametrize(
    ("contract", "row"),
    [
        (KpiDeltas, FIGURE | {"kpi": "mood"}),
        (KpiDeltas, FIGURE | {"sigmas": -1.0}),
        (VarianceComponents, COMPONENT | {"judged_until": None}),
        (RecommendedActions, ASKED | {"level": "INFO"}),
        (RecommendedActions, ASKED | {"weeks_failed": 0}),
    ],
)
def test_contracts_refuse(contract: Any, row: dict[str, Any]) -> None:
    schema = pa.schema([pa.field(one.name, one.type) for one in arrow_schema(contract)])
    assert violations(contract, pa.Table.from_pylist([row], schema))


def computed(reports: list[dict[str, Any]] | None = None) -> pa.Table:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    summary = [critic("modeling_reality_critic (ours)", "degraded", n_failed=3), critic("allocator_critic (ours)", "pass")]
    made = facts.variance_components(facts.Seen(summary=summary), [Q3], OVER, POLICY, REVIEW, MMM)
    con.register("components", made)
    moved = FIGURE | {"sigmas": 3.0, "is_high_variance": True}
    con.register("figures", pa.Table.from_pylist([moved, moved | {"quarter": "2025-Q2", "subject": "old"}], arrow_schema(KpiDeltas)))
    con.register("asked", pa.Table.from_pylist([ASKED], arrow_schema(RecommendedActions)))
    bundle = review_facts.variance_bundle(con, None, ("components", "figures", "asked"), [Q3], REVIEW)
    rows = conform(review_contracts.VarianceBundle, bundle)
    assert violations(review_contracts.VarianceBundle, rows) == []
    return rows


def test_a_quarter_without_a_report_has_one_of_our_own_verdicts() -> None:
    rows = computed().to_pylist()
    assert {row["origin"] for row in rows} == {"computed"}
    assert {(row["risk_lower"], row["risk_upper"], row["risk_shown"]) for row in rows} == {(0.25, 0.75, "0.25 to 0.75")}
    assert rows[0]["generated_at"] == dt.datetime(2025, 9, 29, tzinfo=dt.UTC)
    told = rows[0]["highlights"].split("\n")
    assert told[0] == "modeling_reality_critic is degraded: degraded (modeling_reality_critic (ours))"
    assert told[-1] == "mmm_wmape of north is 20 %; the quarters before: 10 % in the median, 3.0 robust sigmas away (s)"
    assert len([line for line in told if "is unknown" in line]) == 2


def test_the_json_of_a_computed_report_names_its_ledger_entry() -> None:
    tables = {
        "variance_bundle": computed(),
        "review_kickoff": arrow_schema(review_contracts.ReviewKickoff).empty_table(),
        "action_register": arrow_schema(review_contracts.ActionRegister).empty_table(),
    }
    made = review_report.documents(tables, pa.table({}), OVER)
    (entry,) = json.loads(made[review_report.BUNDLE])["variance_reports"]
    assert entry["ledger_entry"] == "governance explain variance_bundle 2025-Q3"
    assert entry["recommended_actions"] == [
        {"summary": "Mend it (c: north)", "owner": "modelling_lead", "due_by": "2025-10-05", "related_tasks": ["T1"]}
    ]
    assert "git_revision" not in entry


def test_the_page_shows_the_newest_quarter() -> None:
    tables = {
        "kpi_deltas": pa.Table.from_pylist([FIGURE, FIGURE | {"quarter": "2025-Q2"}], arrow_schema(KpiDeltas)),
        "variance_components": pa.Table.from_pylist([COMPONENT], arrow_schema(VarianceComponents)),
        "recommended_actions": pa.Table.from_pylist([ASKED], arrow_schema(RecommendedActions)),
    }
    page = report.page(tables, pa.table({}), OVER)
    assert [section["title"] for section in page["sections"]] == [
        "Key figures of 2025-Q3", "Components of the risk in 2025-Q3", "Recommended actions of 2025-Q3",
    ]  # fmt: skip
    assert page["sections"][0]["plot"]["series"][0]["y"] == [0.2, 0.2]
    nothing = {name: rows.slice(0, 0) for name, rows in tables.items()}
    assert [section["text"] for section in report.page(nothing, pa.table({}), OVER)["sections"]][:2] == ["Nothing is recorded yet."] * 2
