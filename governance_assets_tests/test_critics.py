"""Critics: every check at its limits, suites by profile, runs of batches, and the record of many critics where it is present."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import Contract, arrow_schema, conform, violations
from governance_assets.domains.critics import contracts, facts, report, rules
from governance_assets.policy import CriticsPolicy, Policy, PolicyError, policy_from

WEEK = dt.date(2025, 10, 20)
REVIEWS = Path(__file__).parents[2] / "shared" / "data" / "reviews"
needs_record = pytest.mark.skipif(not REVIEWS.is_dir(), reason="the record of the origin's critics is not here")


def checked(contract: type[Contract], rows: pa.Table) -> pa.Table:
    table = conform(contract, rows)
    assert violations(contract, table) == []
    return table


# The modelling reality critic

GOOD: dict[str, Any] = {
    "week": WEEK, "tenant": "north", "engine": "bayes", "window": "trailing_26", "n": 26, "n_missing": 0, "r2": 0.7, "validation_r2": 0.7,
    "mape": 0.1, "least_mape_ratio": 1.5, "fold_r2_std": 0.05,
}  # fmt: skip
MODEL: dict[str, Any] = {
    "week": WEEK, "model_id": "media_mix/north", "version": "1", "kind": "media_mix", "status": "incumbent", "engine": "bayes",
    "features": "{}", "priors": "{}", "params": '{"tv": [2.0, 1.0, 3.0]}', "metrics": "{}", "data_sha256": "d", "owner_role": "a",
    "validator_role": "b", "limitations": "some",
}  # fmt: skip


def reality(
    changed: dict[str, Any] | None = None, model: dict[str, Any] | None = None, profile: str = "high", **overrides: Any
) -> pa.Table:
    policy = policy_from({"critics": {"profile": profile}} | overrides)
    rows = facts.modeling_reality_critic([GOOD | (changed or {})], [MODEL | (model or {})], [WEEK], policy)
    return checked(contracts.ModelingRealityCritic, rows)


def outcome(rows: pa.Table, check: str) -> tuple[str, str]:
    row = next(row for row in rows.to_pylist() if row["check"] == check)
    return row["outcome"], row["level"]


@pytest.mark.parametrize(
    ("check", "column", "value", "expected"),
    [
        ("explains_unseen_weeks", "r2", 0.299, "fail"),
        ("explains_unseen_weeks", "r2", 0.3, "pass"),
        ("explains_unseen_weeks", "r2", 0.301, "pass"),
        ("explains_unseen_weeks", "r2", None, "fail"),
        ("beats_baselines", "least_mape_ratio", 1.099, "fail"),
        ("beats_baselines", "least_mape_ratio", 1.1, "pass"),
        ("beats_baselines", "least_mape_ratio", 1.101, "pass"),
        ("beats_baselines", "least_mape_ratio", None, "fail"),
        ("test_is_like_validation", "validation_r2", 0.599, "fail"),
        ("test_is_like_validation", "validation_r2", 0.6, "pass"),
        ("test_is_like_validation", "validation_r2", 0.601, "pass"),
        ("test_is_like_validation", "validation_r2", None, "fail"),
        ("errors_are_small", "mape", 0.199, "pass"),
        ("errors_are_small", "mape", 0.2, "pass"),
        ("errors_are_small", "mape", 0.201, "fail"),
        ("errors_are_small", "mape", None, "unknown"),
    ],
)
def test_the_metric_critic_at_its_limits(check: str, column: str, value: float | None, expected: str) -> None:
    assert outcome(reality({column: value}), check) == (expected, "CRITICAL")
    assert outcome(reality({column: value, "n": 20, "n_missing": 6}), check) == ("unknown", "CRITICAL")


@pytest.mark.parametrize(("r2", "expected"), [(0.499, "fail"), (0.5, "pass"), (0.501, "pass")])
def test_tenants_that_hang_on_the_weather_must_explain_more(r2: float, expected: str) -> None:
    rows = reality({"r2": r2, "validation_r2": r2}, mmm={"weather_sensitive": ["north"]})
    assert outcome(rows, "explains_unseen_weeks")[0] == expected


@pytest.mark.parametrize(("r2", "expected"), [(0.499, "fail"), (0.5, "pass")])
def test_the_fleet_of_one(r2: float, expected: str) -> None:
    assert outcome(reality({"r2": r2}), "fleet_passes") == (expected, "CRITICAL")


@pytest.mark.parametrize(
    ("good", "open_ones", "expected"), [(7, 0, "fail"), (8, 0, "pass"), (7, 1, "unknown"), (6, 1, "fail"), (8, 2, "pass")]
)
def test_the_share_of_the_fleet_and_what_is_unknown_of_it(good: int, open_ones: int, expected: str) -> None:
    rows = [GOOD | {"tenant": str(n), "r2": 0.7 if n < good else 0.2} for n in range(10)]
    rows = rows[: 10 - open_ones] + [GOOD | {"tenant": f"open {n}", "n": 3, "n_missing": 23} for n in range(open_ones)]
    found = facts.modeling_reality_critic(rows, [], [WEEK], Policy())
    assert outcome(found, "fleet_passes")[0] == expected


@pytest.mark.parametrize(("r2", "expected"), [(0.59, "fail"), (0.6, "pass")])
def test_the_world_class_band_only_informs(r2: float, expected: str) -> None:
    rows = reality({"r2": r2, "validation_r2": r2})
    assert outcome(rows, "is_world_class") == (expected, "INFO")
    assert [finding.outcome for finding in rules.judge_critic(rows, CriticsPolicy(), "")] == ["pass", "pass"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ('{"tv": [0.1, 0, 1]}', "pass"),
        ('{"tv": 0.0}', "pass"),
        ('{"tv": [-0.1, -1, 1]}', "fail"),
        (None, "fail"),
        ("text", "fail"),
        ("[1]", "fail"),
    ],
)
def test_returns_have_their_sign(params: str | None, expected: str) -> None:
    assert outcome(reality(model={"params": params}), "returns_have_their_sign") == (expected, "CRITICAL")


def test_profiles_differ_in_what_they_run() -> None:
    found = {profile: set(reality(profile=profile)["check"].to_pylist()) for profile in ("low", "medium", "high")}
    assert "states_its_data" in found["medium"] - found["low"]
    assert found["high"] - found["medium"] == {"returns_have_their_sign"}


def test_structural_checks_are_configured() -> None:
    check = {"name": "states_its_metrics", "field": "metrics", "level": "CRITICAL", "roadmap_ref": "T-1"}
    rows = reality(model={"metrics": None}, critics={"structural_checks": [check]}, profile="medium")
    row = next(row for row in rows.to_pylist() if row["check"] == "states_its_metrics")
    assert (row["outcome"], row["level"], row["roadmap_ref"]) == ("fail", "CRITICAL", "T-1")
    judged = rules.judge_critic(rows, CriticsPolicy(), "")
    assert [(finding.rule, finding.outcome, finding.value) for finding in judged] == [
        ("nothing_critical", "fail", 1),
        ("no_warnings", "pass", 0),
    ]


def test_a_critic_without_rows_says_so_and_one_with_unknowns_too() -> None:
    nothing = arrow_schema(contracts.ModelingRealityCritic).empty_table()
    assert {finding.outcome for finding in rules.judge_critic(nothing, CriticsPolicy(), "")} == {"not_applicable"}
    rows = reality({"n_missing": 3})
    assert rules.judge_critic(rows, CriticsPolicy(), "")[0].outcome == "unknown"


# The allocator critic


def proposal(**changed: Any) -> list[dict[str, Any]]:
    row = {"date": WEEK, "instant": dt.datetime(2025, 10, 20, tzinfo=dt.UTC), "tenant": "north", "proposal_id": "p", "platform": "tv"}
    row |= {
        "current_spend": 1000.0,
        "proposed_spend": 1100.0,
        "currency": "USD",
        "expected_profit": 110.0,
        "baseline_profit": 100.0,
        "regret": 0.05,
    }
    other = row | {"platform": "search", "current_spend": 1000.0, "proposed_spend": 900.0}
    return [
        row | changed,
        other | {name: value for name, value in changed.items() if name not in ("proposed_spend", "current_spend", "currency")},
    ]


def suites(profile: str = "high", week: dt.date = WEEK, **changed: Any) -> dict[str, tuple[str, str]]:
    table = checked(
        contracts.AllocatorCritic, facts.allocator_critic(proposal(**changed), [week], policy_from({"critics": {"profile": profile}}))
    )
    return {row["check"]: (row["outcome"], row["level"]) for row in table.to_pylist()}


@pytest.mark.parametrize(
    ("suite", "changed", "expected"),
    [
        ("guardrails", {}, ("pass", "CRITICAL")),
        ("guardrails", {"proposed_spend": 1350.0}, ("pass", "CRITICAL")),
        ("guardrails", {"proposed_spend": 1351.0}, ("fail", "WARNING")),
        ("guardrails", {"proposed_spend": 649.0}, ("fail", "WARNING")),
        ("guardrails", {"current_spend": 200.0, "proposed_spend": 200.0}, ("pass", "CRITICAL")),
        ("guardrails", {"current_spend": 200.0, "proposed_spend": 199.0}, ("fail", "CRITICAL")),
        ("budget", {"proposed_spend": 1120.0}, ("pass", "WARNING")),
        ("budget", {"proposed_spend": 1121.0}, ("fail", "WARNING")),
        ("budget", {"proposed_spend": 1079.0}, ("fail", "WARNING")),
        ("lift", {"expected_profit": 100.0}, ("fail", "CRITICAL")),
        ("lift", {"expected_profit": 100.1}, ("pass", "CRITICAL")),
        ("lift", {"expected_profit": None}, ("unknown", "CRITICAL")),
        ("regret", {"regret": 0.1}, ("pass", "WARNING")),
        ("regret", {"regret": 0.101}, ("fail", "WARNING")),
        ("currency", {"currency": "EUR"}, ("fail", "CRITICAL")),
    ],
)
def test_every_suite_at_its_limit(suite: str, changed: dict[str, Any], expected: tuple[str, str]) -> None:
    assert suites(**changed)[suite] == expected


@pytest.mark.parametrize(("weeks", "expected"), [(4, "pass"), (5, "fail")])
def test_a_proposal_grows_old(weeks: int, expected: str) -> None:
    assert suites(week=WEEK + dt.timedelta(weeks=weeks))["age"][0] == expected


def test_profiles_run_one_four_and_six_suites_and_stop_at_the_first_failure() -> None:
    ran = {profile: sum(found != "not_run" for found, _ in suites(profile).values()) for profile in ("low", "medium", "high")}
    assert ran == {"low": 1, "medium": 4, "high": 6}
    cut = suites(expected_profit=50.0)
    assert [found for found, _ in cut.values()].count("not_run") == 3
    assert cut["regret"][0] == "not_run"


def test_lift_and_regret_are_told_beside_the_verdicts() -> None:
    row = facts.allocator_critic(proposal(), [WEEK], Policy()).to_pylist()[0]
    assert (row["lift"], row["regret"]) == (pytest.approx(0.1), 0.05)


# Runs of batches


def batch(name: str, status: str, run: str = "r", **more: Any) -> dict[str, Any]:
    return {"batch": name, "status": status, "run_id": run, "date": WEEK, "instant": None, "position": None} | more


def run_of(*batches: dict[str, Any]) -> dict[str, Any]:
    return checked(contracts.IntegritySuite, facts.integrity_suite(batches, [WEEK], CriticsPolicy())).to_pylist()[0]


def test_the_first_failing_batch_in_order_fails_the_suite() -> None:
    found = run_of(batch("calibration", "fail"), batch("service", "error"), batch("python", "pass"), batch("other", "fail"))
    assert (found["verdict"], found["first_failure"]) == ("fail", "service")
    assert found["outcomes"] == "python pass, service error, calibration fail, other fail"
    table = pa.Table.from_pylist([found], arrow_schema(contracts.IntegritySuite))
    judged = rules.judge_integrity_suite(table, CriticsPolicy(), "")[0]
    assert judged.outcome == "fail"
    assert "service" in judged.message


def test_a_run_that_was_skipped_has_not_passed() -> None:
    found = run_of(batch("python", "skipped"))
    assert found["verdict"] == "unknown"
    assert run_of(batch("python", "skipped"), batch("web", "pass"))["verdict"] == "pass"
    table = pa.Table.from_pylist([found], arrow_schema(contracts.IntegritySuite))
    assert rules.judge_integrity_suite(table, CriticsPolicy(), "")[0].outcome == "unknown"
    assert rules.judge_integrity_suite(table.slice(0, 0), CriticsPolicy(), "")[0].outcome == "not_applicable"


@needs_record
def test_the_recorded_guardrail_runs() -> None:
    with (REVIEWS / "guardrail_runs.csv").open(encoding="utf-8") as file:
        rows = [
            batch(row["check"], row["status"], row["run"], instant=dt.datetime.fromisoformat(row["timestamp"]))
            | {"date": dt.date.fromisoformat(row["timestamp"][:10])}
            for row in csv.DictReader(file)
        ]
    weeks = sorted({row["date"] - dt.timedelta(row["date"].weekday()) for row in rows})
    found = checked(contracts.IntegritySuite, facts.integrity_suite(rows, weeks, CriticsPolicy())).sort_by("run").to_pylist()
    assert [row["verdict"] for row in found] == ["pass", "pass", "fail", "fail", "pass", "fail", "fail", "pass"]


# The summary


def result(critic: str, day: dt.date = WEEK, **changed: Any) -> dict[str, Any]:
    row = {"critic": critic, "date": day, "instant": dt.datetime.combine(day, dt.time(), dt.UTC), "status": None, "passed": True}
    return row | {"skipped": False, "profile": None, "tests_failed": None, "tokens": None, "cost": None} | changed


def reported(component: str, status: str, day: dt.date = WEEK) -> dict[str, Any]:
    return {"component": component, "status": status, "date": day, "cycle": "2025-Q4"}


def summary(
    results: list[dict[str, Any]], reports: list[dict[str, Any]] | None = None, week: dt.date = WEEK, **policy: Any
) -> dict[str, Any]:
    table = checked(contracts.CriticSummary, facts.critic_summary({}, results, reports or [], [week], CriticsPolicy(**policy)))
    return {row["critic"]: row for row in table.to_pylist()}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, "pass"),
        ({"passed": False}, "failed"),
        ({"skipped": True}, "skipped"),
        ({"skipped": True, "passed": False}, "skipped"),
        ({"status": "stable", "passed": None}, "pass"),
        ({"status": "Attention", "passed": None}, "attention"),
        ({"status": "degraded", "passed": True}, "degraded"),
        ({"status": None, "passed": None}, "unknown"),
    ],
)
def test_what_a_result_says(changed: dict[str, Any], status: str) -> None:
    assert summary([result("tests", **changed)])["tests"]["status"] == status


@pytest.mark.parametrize(("days", "torn"), [(7, True), (8, False), (-5, True)])
def test_verdicts_that_contradict_each_other(days: int, torn: bool) -> None:
    week = WEEK + dt.timedelta(weeks=1)
    found = summary([result("allocator", WEEK + dt.timedelta(days=days))], [reported("allocator_critic", "degraded")], week)
    assert (found["allocator_critic"]["contradiction"] is not None) is torn
    agree = summary([result("allocator", WEEK)], [reported("allocator_critic", "stable")], week)
    assert agree["allocator_critic"]["contradiction"] is None


@pytest.mark.parametrize(("cost", "deferred"), [(25.0, set()), (25.01, {"security"})])
def test_over_budget_only_flagged_critics_run(cost: float, deferred: set[str]) -> None:
    found = summary([result("allocator", cost=25.0), result("security", cost=cost)])
    assert {name for name, row in found.items() if row["is_deferred"]} == deferred
    table = pa.Table.from_pylist(list(found.values()), arrow_schema(contracts.CriticSummary))
    outcomes = {finding.rule: finding.outcome for finding in rules.judge_critic_summary(table, CriticsPolicy(), "")}
    assert outcomes["critics_keep_their_budget"] == ("fail" if deferred else "pass")


def test_what_is_unresolved_is_rerun_in_the_next_month_until_it_passes() -> None:
    failed = [result("tests", passed=False)]
    assert summary(failed)["tests"]["rerun_due_on"] == dt.date(2025, 11, 1)
    assert summary(failed, week=dt.date(2025, 12, 29))["tests"]["rerun_due_on"] == dt.date(2026, 2, 1)
    assert summary([*failed, result("tests", WEEK + dt.timedelta(days=1))])["tests"]["rerun_due_on"] is None


def test_our_own_critics_stand_on_the_board_under_a_name_of_their_own() -> None:
    rows = reality({"r2": 0.1}).to_pylist()
    runs = [run_of(batch("python", "fail"))]
    own = {"modeling_reality_critic": rows, "integrity_suite": runs}
    found = facts.critic_summary(own, [result("modelingreality")], [], [WEEK], CriticsPolicy()).to_pylist()
    assert {row["critic"]: row["status"] for row in found} == {
        "modeling_reality_critic (ours)": "degraded",
        "integrity_suite (ours)": "failed",
        "modeling_reality_critic": "pass",
    }


@needs_record
def test_the_record_contradicts_itself_and_has_critics_that_passed_without_running() -> None:
    lines = (REVIEWS / "critic_results_history.jsonl").read_text(encoding="utf-8").splitlines()
    results = [
        result(
            row["critic"],
            dt.date.fromisoformat(row["timestamp"][:10]),
            passed=row["passed"],
            skipped=row["skipped"],
            tests_failed=row["tests_failed"],
        )
        | {"instant": dt.datetime.fromisoformat(row["timestamp"])}
        for row in map(json.loads, lines)
    ]
    bundle = json.loads((REVIEWS / "modeling_meta.json").read_text(encoding="utf-8"))["variance_reports"][0]
    day = dt.date.fromisoformat(bundle["generated_at"][:10])
    reports = [reported(name, part["status"], day) for name, part in bundle["variance_summary"].items()]
    assert len(results) == 145
    found = summary(results, reports)
    assert (
        found["modeling_reality_critic"]["contradiction"]
        == "attention in the report of 2025-Q4 of 2025-10-20, pass in its own run of 2025-10-21"
    )
    assert (
        "degraded in the report of 2025-Q4 of 2025-10-20, pass in its own run of 2025-10-22" in found["allocator_critic"]["contradiction"]
    )
    assert [row["critic"] for row in found.values() if row["contradiction"]] == ["allocator_critic", "modeling_reality_critic"]
    silent = [row for row in found.values() if row["status"] == "skipped" and "passed" in row["stated"].split(", ")]
    assert len(silent) >= 1
    assert len(found) == len({row["critic"] for row in results if row["date"] < WEEK + dt.timedelta(weeks=1)})


# Timed operations


@needs_record
def test_the_recorded_operations() -> None:
    with (REVIEWS / "performance_runs.csv").open(encoding="utf-8") as file:
        recorded = list(csv.DictReader(file))
    rows = [
        {
            "date": WEEK,
            "statistic": "sample",
            "is_warm_up": None,
            "service": row["agent_type"],
            "duration_ms": 1000 * float(row["duration_seconds"]),
        }
        | {"is_ok": row["success"] == "True", "queue_length": None, "prompt_tokens": int(row["prompt_tokens"] or 0)}
        | {"completion_tokens": int(row["completion_tokens"] or 0), "cost": float(row["token_cost_usd"] or 0)}
        for row in recorded
    ]
    table = checked(contracts.PerformanceBenchmarks, facts.performance_benchmarks(rows, [WEEK]))
    whole = table.filter(pc.equal(table["service"], "all")).to_pylist()[0]
    assert whole["n_runs"] == 201
    assert whole["cost"] == pytest.approx(20.60, abs=5e-3)
    assert (whole["n_ok"], sum(row["final_status"] == "needs_improvement" for row in recorded)) == (65, 136)
    judged = {finding.rule: finding.outcome for finding in rules.judge_performance_benchmarks(table, CriticsPolicy(), "")}
    assert judged["operations_succeed"] == "fail"


@pytest.mark.parametrize(
    ("ok", "seconds", "expected"), [(9, 30.0, ["pass", "pass"]), (8, 30.1, ["fail", "fail"]), (None, 1.0, ["unknown", "pass"])]
)
def test_operations_at_their_limits(ok: int | None, seconds: float, expected: list[str]) -> None:
    one = {
        "date": WEEK,
        "statistic": "sample",
        "is_warm_up": None,
        "service": "",
        "queue_length": 3,
        "prompt_tokens": 1,
        "completion_tokens": None,
    }
    rows = [one | {"cost": None, "duration_ms": 1000 * seconds, "is_ok": None if ok is None else n < ok} for n in range(10)]
    rows.append(rows[0] | {"is_warm_up": True, "duration_ms": 1e6})
    table = checked(contracts.PerformanceBenchmarks, facts.performance_benchmarks(rows, [WEEK]))
    assert table["n_runs"].to_pylist() == [10, 10]
    assert [finding.outcome for finding in rules.judge_performance_benchmarks(table, CriticsPolicy(), "")] == expected


# Policy and page


@pytest.mark.parametrize(
    "changed", [{"suites_low": 5}, {"batches": ["a", "a"]}, {"names": [{"name": "a", "critic": "b"}, {"name": "a", "critic": "c"}]}]
)
def test_a_policy_that_contradicts_itself_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        policy_from({"critics": changed})


def test_the_page_has_a_board_and_says_what_has_not_arrived() -> None:
    tables = {one.artifact: arrow_schema(one).empty_table() for one in (contracts.ModelingRealityCritic, contracts.AllocatorCritic)}
    others = (contracts.IntegritySuite, contracts.PerformanceBenchmarks, contracts.MergeCoverage)
    tables |= {one.artifact: arrow_schema(one).empty_table() for one in others}
    board = facts.critic_summary({}, [result("tests", skipped=True)], [], [WEEK], CriticsPolicy())
    page = report.page(tables | {"critic_summary": board}, pa.table({}), dt.datetime(2025, 10, 27, tzinfo=dt.UTC))
    titles = ["Board", "Modelling reality", "Allocator", "Test batches", "Merges", "Operations"]
    assert [section["title"] for section in page["sections"]] == titles
    assert page["sections"][0]["table"]["rows"][0][1] == "not_judged"
    assert page["sections"][2]["text"] == "No proposal of an allocator has arrived."
