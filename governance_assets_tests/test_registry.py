"""Governed models: retraining, registry, promotions, demos and features, from rows made up here and from a record where it is present."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import Contract, arrow_schema, conform, violations
from governance_assets.domains.registry import (
    contracts,
    facts,
    facts_demos,
    facts_features,
    facts_promotions,
    facts_retraining,
    report,
    rules,
)
from governance_assets.pages.model import page_from
from governance_assets.policy import Policy, PolicyError, RegistryPolicy, policy_from
from governance_assets_tests.mmm_data import media_table, monday

POLICY = Policy()
OWN = RegistryPolicy(retrain_min_weeks=52)
WEEK = monday(90)
CATALOGUE = Path(__file__).parents[2] / "shared" / "data" / "reviews" / "feature_catalog.csv"


def checked(contract: type[Contract], rows: pa.Table) -> pa.Table:
    table = conform(contract, rows)
    assert violations(contract, table) == []
    return table


# Retraining


@pytest.fixture(scope="module")
def retrained() -> pa.Table:
    con = duckdb.connect()
    con.register("media", media_table(tenants=1))
    return checked(contracts.WeeklyRetraining, facts_retraining.weekly_retraining(con, "media", [monday(50), monday(51), monday(52)], OWN))


def test_retraining_begins_with_a_year_and_fits_every_week_known_by_then(retrained: pa.Table) -> None:
    rows = retrained.to_pylist()
    assert [(row["week"], row["train_weeks"], row["version"]) for row in rows] == [
        (monday(51), 52, f"bayes@{monday(51)}"),
        (monday(52), 53, f"bayes@{monday(52)}"),
    ]
    assert all(row["problem"] is None and row["r_hat"] < 1.1 for row in rows)
    assert set(json.loads(rows[0]["roi"])) == {"search", "video"}
    assert rows[0]["data_sha256"] != rows[1]["data_sha256"]


def test_a_week_is_retrained_the_same_whatever_came_later(retrained: pa.Table) -> None:
    con, media = duckdb.connect(), media_table(tenants=1)
    con.register("media", media.filter(pc.less_equal(media["week"], monday(51))))
    alone = checked(contracts.WeeklyRetraining, facts_retraining.weekly_retraining(con, "media", [monday(51)], OWN))
    assert alone.equals(retrained.slice(0, 1))


def test_a_series_that_no_engine_can_use_is_a_failed_finding() -> None:
    con, media = duckdb.connect(), media_table(tenants=1)
    is_target = pc.and_(pc.equal(media["series"], "target"), pc.equal(media["week"], monday(51)))
    con.register("media", media.filter(pc.invert(is_target)))
    rows = checked(contracts.WeeklyRetraining, facts_retraining.weekly_retraining(con, "media", [monday(51)], OWN))
    assert rows["problem"].to_pylist() == ["the target of the week is not observed"]
    found = rules.judge_weekly_retraining(rows, OWN, str(monday(51)))
    assert [(finding.rule, finding.outcome) for finding in found] == [("retraining_succeeds", "fail")]


# The registry


def registration(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        ("engine", "features", "priors", "params", "metrics", "data_digest", "commit", "limitations", "tier", "validation_due", "as_of")
    )
    row |= {"model_id": "atlas", "version": "1", "status": "incumbent", "date": monday(10), "created_at": None, "validated_on": None}
    row |= {"intended_use": "Report weekly orders", "exposure": "high", "owner": "a", "validator": "b", "approver": "c"}
    return row | changed


def registry(registrations: list[dict[str, Any]], week: dt.date = WEEK, **sources: Any) -> list[dict[str, Any]]:
    empty: dict[str, Any] = {"retrained": [], "predicted": [], "backtests": [], "forecasts": [], "registrations": registrations}
    return checked(contracts.ModelRegistry, facts.model_registry(facts.Sources(**empty | sources), [week], POLICY)).to_pylist()


def verdicts(rows: list[dict[str, Any]], week: dt.date = WEEK) -> dict[str, str]:
    table = pa.Table.from_pylist(rows, arrow_schema(contracts.ModelRegistry))
    return {finding.rule: finding.outcome for finding in rules.judge_model_registry(table, POLICY.registry, str(week))}


def test_a_model_that_only_telemetry_shows_is_a_finding() -> None:
    seen = [{"week": WEEK, "model_id": "castor", "metric": "wis", "value": 3.0}]
    rows = registry([], forecasts=seen)
    assert [(row["model_id"], row["origin"], row["status"]) for row in rows] == [("castor", "telemetry", "unregistered")]
    assert verdicts(rows) == {"model_is_registered": "fail"}
    named = registry([registration(model_id="castor")], forecasts=seen)
    assert [(row["origin"], row["is_seen"]) for row in named] == [("registration", True)]
    assert verdicts(named)["model_is_registered"] == "pass"


@pytest.mark.parametrize(
    ("exposure", "use", "stated", "tier"),
    [
        ("high", "Decide on budgets", None, 1),
        ("high", "Explore ideas", None, 2),
        ("medium", "Report weekly orders", None, 2),
        ("low", "Report weekly orders", None, 3),
        ("low", "Report weekly orders", "Tier 1", 1),
        ("high", "Decide on budgets", "3", 1),
        (None, "Decide on budgets", None, None),
        ("high", "", None, None),
        ("high", "No word that is known", "2", 2),
    ],
)
def test_the_tier_is_exposure_times_purpose_and_a_stated_one_counts_when_it_is_graver(
    exposure: str | None, use: str, stated: str | None, tier: int | None
) -> None:
    rows = registry([registration(exposure=exposure, intended_use=use, tier=stated)])
    assert rows[0]["tier"] == tier
    assert verdicts(rows)["tier_is_known"] == ("pass" if tier is not None else "fail")


@pytest.mark.parametrize(
    ("roles", "outcome"),
    [(("a", "b", "c"), "pass"), (("a", "b", "b"), "fail"), (("a", "a", "c"), "fail"), (("a", "b", None), "fail"), ((None,) * 3, "fail")],
)
def test_three_roles_answer_for_a_model(roles: tuple[str | None, ...], outcome: str) -> None:
    owner, validator, approver = roles
    assert verdicts(registry([registration(owner=owner, validator=validator, approver=approver)]))["roles_are_apart"] == outcome


@pytest.mark.parametrize(("days_before", "outcome"), [(182, "pass"), (181, "pass"), (183, "fail")])
def test_a_validation_holds_for_the_days_of_its_tier(days_before: int, outcome: str) -> None:
    end = WEEK + dt.timedelta(weeks=1)
    rows = registry([registration(validated_on=end - dt.timedelta(days_before))])
    assert verdicts(rows)["validation_is_current"] == outcome


@pytest.mark.parametrize(("days_before", "outcome"), [(29, "pass"), (30, "pass"), (31, "fail")])
def test_a_new_model_is_validated_within_a_month(days_before: int, outcome: str) -> None:
    assert verdicts(registry([registration(date=WEEK + dt.timedelta(7 - days_before))]))["validation_is_current"] == outcome


def test_an_earlier_date_that_the_registration_states_counts() -> None:
    rows = registry([registration(validated_on=WEEK, validation_due=WEEK + dt.timedelta(days=3))])
    assert rows[0]["validation_due_on"] == WEEK + dt.timedelta(days=3)
    assert verdicts(rows)["validation_is_current"] == "fail"


def test_a_registration_counts_from_the_week_in_which_it_was_written_and_the_newest_wins() -> None:
    rows = [registration(as_of=monday(10)), registration(as_of=monday(91), status="retired")]
    assert [row["status"] for row in registry(rows)] == ["incumbent"]
    assert [row["status"] for row in registry(rows, monday(91))] == ["retired"]
    assert registry([registration(date=monday(91))]) == []


@pytest.mark.parametrize(
    ("states", "outcome"),
    [(("champion", "shadow"), "pass"), (("production", "incumbent"), "fail"), (("candidate",), "fail"), (("retired",), "not_applicable")],
)
def test_one_version_is_in_use(states: tuple[str, ...], outcome: str) -> None:
    rows = registry([registration(version=str(number), status=state) for number, state in enumerate(states)])
    assert verdicts(rows)["one_incumbent"] == outcome


@pytest.mark.parametrize(("engine", "outcome"), [("LightweightMMM", "pass"), ("ridge", "fail"), (None, "not_applicable")])
def test_a_fallback_engine_is_flagged(engine: str | None, outcome: str) -> None:
    rows = registry([registration(model_id="media_mix/north", engine=engine)])
    assert verdicts(rows)["primary_engine_is_used"] == outcome


def fitted(version_week: dt.date, tv: float = 2.0, engine: str = "bayes", **changed: Any) -> dict[str, Any]:
    row = {"week": version_week, "tenant": "north", "engine": engine, "version": f"{engine}@{version_week}", "train_weeks": 80}
    row |= {"first_week": monday(0), "data_sha256": "d", "features": "{}", "priors": "{}", "roi": json.dumps({"tv": [tv, 1, 3]})}
    return row | {"year_spend": 3e6, "problem": None} | changed


def test_models_fitted_here_register_themselves_with_an_incumbent_and_a_challenger() -> None:
    predicted = [
        {"week": WEEK, "tenant": "north", "engine": engine, "source": source, "train_weeks": 78, "steps_ahead": 13}
        for engine, source in (("bayes", "primary"), ("ridge", "alternative"), ("trailing_mean", "baseline"), ("robyn", "imported"))
    ]
    rows = registry([], retrained=[fitted(monday(77)), fitted(WEEK)], predicted=predicted)
    assert [(row["version"], row["status"]) for row in rows] == [
        (f"bayes@{monday(77)}", "incumbent"),
        (f"bayes@{WEEK}", "challenger"),
        (f"ridge@{monday(77)}", "candidate"),
        ("", "unregistered"),
    ]
    assert rows.pop()["model_id"] == "media_mix/north/robyn"
    assert {(row["exposure"], row["purpose"], row["tier"]) for row in rows} == {("high", "decide", 1)}
    assert verdicts(rows)["roles_are_apart"] == "pass"
    elsewhere = registry(
        [registration(model_id="media_mix/north", version="robyn-7", engine="robyn")], retrained=[fitted(WEEK)], predicted=predicted
    )
    assert [row["version"] for row in elsewhere if row["status"] == "incumbent"] == ["robyn-7"]


# Promotions


def decision(crps: float = 0.9, change: float | None = 0.1, inside: int = 24, weeks: int = 26) -> dict[str, Any]:
    """A ridge challenger against a Bayesian incumbent whose CRPS is 1."""
    versions = [
        {
            "week": WEEK,
            "model_id": "media_mix/north",
            "version": f"{engine}@{monday(77)}",
            "engine": engine,
            "status": status,
            "kind": "media_mix",
        }
        for engine, status in (("bayes", "incumbent"), ("ridge", "challenger"))
    ]
    predicted = []
    for back in range(weeks):
        for engine, score in (("bayes", 1.0), ("ridge", crps)):
            row = {"tenant": "north", "engine": engine, "week": WEEK - dt.timedelta(weeks=back), "crps": score, "lower": 0.0, "upper": 1.0}
            predicted.append(row | {"observed": 0.5 if back < inside else 2.0})
    moved = [] if change is None else [fitted(monday(77), 1.0, "ridge"), fitted(WEEK, 1.0 + change, "ridge")]
    return checked(contracts.PromotionDecisions, facts_promotions.promotion_decisions(versions, predicted, moved, OWN)).to_pylist()[0]


@pytest.mark.parametrize(
    ("given", "expected", "word"),
    [
        ({}, "promote", ""),
        ({"crps": 0.98}, "promote", ""),
        ({"crps": 0.981}, "keep", "backtest"),
        ({"change": 0.3}, "promote", ""),
        ({"change": 0.301}, "keep", "stability of ROI"),
        ({"change": None}, "unknown", "stability of ROI"),
        ({"crps": 1.2, "change": None}, "keep", "backtest"),
        ({"inside": 23}, "promote", ""),
        ({"inside": 22}, "keep", "quality of intervals"),
        ({"inside": 26}, "promote", ""),
        ({"weeks": 25, "inside": 25}, "unknown", "backtest"),
    ],
)
def test_a_promotion_needs_all_three_conditions(given: dict[str, Any], expected: str, word: str) -> None:
    found = decision(**given)
    assert found["decision"] == expected
    assert word in found["reason"]


def test_the_smallest_error_alone_promotes_nothing() -> None:
    best = decision(crps=0.1, change=2.0)
    assert best["gain"] == pytest.approx(0.9)
    assert (best["is_backtest_better"], best["decision"]) == (True, "keep")


@pytest.mark.parametrize(("tv", "expected"), [(2.6, "promote"), (2.61, "keep"), (1.4, "promote"), (1.39, "keep")])
def test_a_refit_of_the_same_method_is_held_by_how_far_its_return_moved(tv: float, expected: str) -> None:
    before, after = fitted(monday(77)), fitted(WEEK, tv=tv)
    versions = [
        {"week": WEEK, "model_id": "media_mix/north", "version": row["version"], "engine": "bayes", "status": status, "kind": "media_mix"}
        for row, status in ((before, "incumbent"), (after, "challenger"))
    ]
    span = [WEEK - dt.timedelta(weeks=back) for back in range(26)]
    predicted = [{"tenant": "north", "engine": "bayes", "week": w, "crps": 1.0, "lower": 0, "upper": 1, "observed": 0.5} for w in span]
    found = facts_promotions.promotion_decisions(versions, predicted, [before, after], OWN).to_pylist()[0]
    assert (found["is_refit"], found["decision"]) == (True, expected)
    assert found["gain"] == 0


@pytest.mark.parametrize(
    ("decided", "is_refit", "outcome"), [("promote", False, "fail"), ("promote", True, "pass"), ("keep", False, "pass")]
)
def test_another_method_that_may_take_over_waits_for_somebody(decided: str, is_refit: bool, outcome: str) -> None:
    rows = pa.Table.from_pylist([decision() | {"decision": decided, "is_refit": is_refit}], arrow_schema(contracts.PromotionDecisions))
    assert [finding.outcome for finding in rules.judge_promotion_decisions(rows, OWN, "")] == [outcome]


def test_unknown_conditions_stay_unknown() -> None:
    rows = pa.Table.from_pylist([decision(change=None)], arrow_schema(contracts.PromotionDecisions))
    assert [finding.outcome for finding in rules.judge_promotion_decisions(rows, OWN, "")] == ["unknown"]
    nothing = arrow_schema(contracts.PromotionDecisions).empty_table()
    assert [finding.outcome for finding in rules.judge_promotion_decisions(nothing, OWN, "")] == ["not_applicable"]


# Demos


def demos(versions: list[str], fits: list[dict[str, Any]], failed: list[facts_demos.Failure]) -> dict[str, Any]:
    registered = [
        {"week": WEEK, "model_id": "media_mix/north", "version": version, "kind": "media_mix", "status": "challenger", "metrics": None}
        | {"created_at": dt.datetime.combine(WEEK, dt.time(number), dt.UTC)}
        for number, version in enumerate(versions)
    ]
    table = facts_demos.demo_artifacts(registered, fits, {"media_mix/north": failed}, report.demo_summary)
    return checked(contracts.DemoArtifacts, table).to_pylist()[0]


def test_a_demo_shows_the_newest_version_and_is_stale_when_it_cannot() -> None:
    fits = [fitted(monday(77)), fitted(WEEK)]
    current = demos([f"bayes@{WEEK}"], fits, [])
    assert current["demo_version"] == current["registered_version"] == f"bayes@{WEEK}"
    assert "| tv | 2 | 1 to 3 |" in current["summary"]
    foreign = demos([f"bayes@{WEEK}", "robyn-7"], fits, [])
    assert (foreign["registered_version"], foreign["demo_version"]) == ("robyn-7", f"bayes@{WEEK}")
    broken = demos([f"bayes@{WEEK}"], fits, [facts_demos.Failure(WEEK, None, "run demo/media_mix/north ended with fail")])
    assert (broken["demo_version"], broken["blocked_by"]) == (f"bayes@{monday(77)}", "run demo/media_mix/north ended with fail")
    mended = demos([f"bayes@{WEEK}"], fits, [facts_demos.Failure(monday(80), monday(81), "a run")])
    assert mended["blocked_by"] is None
    outcomes = []
    for row in (current, foreign, broken, mended):
        rows = pa.Table.from_pylist([row], arrow_schema(contracts.DemoArtifacts))
        outcomes += [finding.outcome for finding in rules.judge_demo_artifacts(rows, OWN, "")]
    assert outcomes == ["pass", "fail", "fail", "pass"]


def test_failed_runs_of_demos_stand_until_one_succeeds() -> None:
    con = duckdb.connect()
    batch = "demo/media_mix/north"
    days = [(monday(1), "fail"), (monday(2), "error"), (monday(3), "pass"), (monday(4), "fail")]
    runs = pa.table(
        {
            "batch": [batch] * 4,
            "date": pa.array([d for d, _ in days]),
            "status": [s for _, s in days],
            "instant": pa.nulls(4, pa.timestamp("us")),
        }
    )
    con.register("runs", runs)
    found = facts_demos.failed_runs(con, "runs")["media_mix/north"]
    assert [(one.day, one.mended) for one in found] == [(monday(1), monday(3)), (monday(2), monday(3)), (monday(4), None)]
    assert facts_demos.failed_runs(con, None) == {}


# Features


def catalogue(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [row | {"date": WEEK} for row in csv.DictReader(file)]


@pytest.mark.skipif(not CATALOGUE.is_file(), reason="the record of the feature catalogue is not here")
def test_the_recorded_catalogue_has_ten_of_twenty_two_signals_and_no_family_closed() -> None:
    rows = checked(contracts.FeatureCoverage, facts_features.feature_coverage(catalogue(CATALOGUE), [WEEK], OWN))
    whole = rows.filter(pc.equal(rows["category"], "all")).to_pylist()[0]
    assert (whole["available"], whole["gaps"]) == (10, 12)
    assert set(whole["open_families"].split(",")) == set(OWN.gap_families)
    assert rows.num_rows == 11
    found = {finding.rule: (finding.outcome, finding.value) for finding in rules.judge_feature_coverage(rows, OWN, str(WEEK))}
    assert found["features_are_covered"] == ("fail", pytest.approx(10 / 22, abs=1e-6))
    assert found["families_are_closed"] == ("fail", 9)


@pytest.mark.parametrize(("available", "outcome"), [(7, "fail"), (8, "pass"), (9, "pass")])
def test_coverage_of_features_at_its_limit(available: int, outcome: str) -> None:
    signals = [{"signal_id": str(n), "category": "a", "status": "available" if n < available else "gap", "date": WEEK} for n in range(10)]
    rows = facts_features.feature_coverage(signals, [WEEK, WEEK - dt.timedelta(weeks=1)], OWN)
    assert set(rows["week"].to_pylist()) == {WEEK}
    assert rules.judge_feature_coverage(rows, OWN, "")[0].outcome == outcome


def test_a_family_closes_with_its_signal() -> None:
    signals = [{"signal_id": signal, "category": "a", "status": "Available", "date": WEEK} for signal in OWN.gap_signals[1:]]
    rows = facts_features.feature_coverage(signals, [WEEK], OWN)
    assert rows.filter(pc.equal(rows["category"], "all"))["open_families"].to_pylist() == ["pacing"]


# Policy and texts


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"min_exposure_spend": [5, 5]}, "must rise"),
        ({"gap_families": ["pacing"]}, "name one signal a family"),
        ({"pipeline_validator": "director"}, "three roles"),
        ({"validation_cycles": [{"tier": 1, "days": 10}]}, "says nothing of tier 2, 3"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        policy_from({"registry": changed})


def test_a_card_says_who_answers_and_keeps_to_its_folder() -> None:
    row = registry([registration(model_id="../atlas|x", version="1/..", metrics='{"wis": 3.5}', limitations="No\nholidays")])[0]
    nothing = pa.table(
        {name: pa.array([], pa.string()) for name in ("artifact", "partition_key", "outcome", "severity", "rule", "subject")}
    )
    card = report.model_card(row, nothing, WEEK)
    assert "| Owner | a |" in card
    assert "| wis | 3.5 |" in card
    assert ".." not in report.card_path(row)
    assert report.card_path(row).startswith("registry/cards/")


def test_the_page_and_its_documents_hold_together() -> None:
    nothing = pa.table(
        {name: pa.array([], pa.string()) for name in ("artifact", "partition_key", "outcome", "severity", "rule", "subject")}
    )
    models = pa.Table.from_pylist(registry([registration()]), arrow_schema(contracts.ModelRegistry))
    demo = pa.Table.from_pylist([demos([f"bayes@{WEEK}"], [fitted(WEEK)], [])], arrow_schema(contracts.DemoArtifacts))
    signals = [{"signal_id": "a", "category": "b", "status": "gap", "date": WEEK}]
    tables = {
        "model_registry": models,
        "promotion_decisions": pa.Table.from_pylist([decision()], arrow_schema(contracts.PromotionDecisions)),
        "demo_artifacts": demo,
        "feature_coverage": facts_features.feature_coverage(signals, [WEEK], OWN),
    }
    page = page_from(report.page(tables, nothing, dt.datetime(2025, 10, 6, tzinfo=dt.UTC)))
    linked = {path for section in page.sections for _, path in section.documents}
    assert linked == set(report.documents(tables, nothing, dt.datetime(2025, 10, 6, tzinfo=dt.UTC)))
    assert len(page.sections) == 4
