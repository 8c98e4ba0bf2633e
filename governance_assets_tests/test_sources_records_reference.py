"""Real records land as they are, with the counts known of them; skipped where the data is not at hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from governance_assets.runtime.sources import Intake, landed_relation
from governance_assets_tests.intake_samples import Folder, told

PLACES = {
    "plan/weathervane/roadmap_weekly/*": "plan/wv/",
    "plan/weathervane/roadmap_malformed/*": "plan/wv/",
    "plan/weathervane/roadmap_transitions.csv": "plan/wv/",
    "plan/bqx_ml/stages.csv": "plan/bqx/2025-11-16-",
    "plan/bqx_ml_v3/plan_backup_*": "plan/v3/",
    "plan/bqx_ml_v3/risk_register_history.csv": "risks/",
    "plan/bqx_ml_v3/cost_report_2025-12-09.csv": "costs/",
    "plan/bqx_ml_v3/alignment_scorecard_20251213.csv": "signals/",
    "issues/*": "issues/",
    "milestones/checksums.csv": "evidence/",
    "milestones/evidence_metadata.csv": "evidence/",
    "milestones/evidence_events.csv": "evidence/",
    "reviews/modeling_meta.json": "reviews/",
    "reviews/mmm_backtest_snapshot.json": "reviews/",
    "reviews/forecast_calibration_20251021T212850Z.json": "reviews/",
    "reviews/critic_results_history.jsonl": "critics/",
    "reviews/feature_catalog.csv": "features/",
    "reviews/performance_runs.csv": "latency/",
    "reviews/guardrail_runs.csv": "tests/",
    "reviews/autopilot_events.jsonl": "milestones/",
}


@pytest.fixture(scope="module")
def read(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Intake]:
    folder, data = Folder(tmp_path_factory.mktemp("records")), shared_data("plan").parent
    for pattern, place in PLACES.items():
        for source in sorted(data.glob(pattern)):
            target = folder.telemetry / f"{place}{source.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder, folder.read()


def sql(read: tuple[Folder, Intake], feed: str, query: str) -> list[tuple]:
    folder, intake = read
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        landed_relation(con, feed, intake.manifests[feed], folder.home, None)
        return con.execute(query.replace("ROWS", f"landed_{feed}")).fetchall()


def test_the_stages_of_a_plan_with_repeated_and_missing_codes(read: tuple[Folder, Intake]) -> None:
    query = "SELECT status, count(*) FROM ROWS WHERE plan = 'bqx' AND kind = 'stage' GROUP BY 1 ORDER BY 2"
    assert sql(read, "plan_items", query) == [("In Progress", 9), ("Done", 29), ("Todo", 70)]
    query = """SELECT count(*), count(*) FILTER (item_id IS NULL), count(estimated_cost), sum(estimated_cost), count(realised_cost)
        FROM ROWS WHERE plan = 'bqx'"""
    (found,) = sql(read, "plan_items", query)
    assert found == (108, 17, 64, pytest.approx(1056.87), 0)
    query = "SELECT count(*) FROM (SELECT item_id FROM ROWS WHERE plan = 'bqx' AND item_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"
    assert sql(read, "plan_items", query) == [(7,)]


def test_the_backup_of_a_plan(read: tuple[Folder, Intake]) -> None:
    query = "SELECT kind, count(*), count(actual_hours), count(realised_cost) FROM ROWS WHERE plan = 'v3' GROUP BY 1 ORDER BY 2"
    assert sql(read, "plan_items", query) == [("plan", 1, 0, 0), ("phase", 14, 0, 0), ("stage", 92, 0, 5), ("task", 362, 57, 0)]


def test_roadmaps_of_both_schemas_and_the_malformed_one(read: tuple[Folder, Intake]) -> None:
    query = """SELECT date::VARCHAR, count(*) FILTER (kind = 'phase'), count(*) FILTER (kind = 'milestone'), count(*) FILTER (kind = 'task')
        FROM ROWS WHERE plan = 'wv' GROUP BY 1 ORDER BY 1"""
    assert sql(read, "plan_items", query) == [
        ("2025-10-11", 10, 23, 57),
        ("2025-10-19", 12, 28, 96),
        ("2025-10-26", 24, 50, 358),
        ("2025-10-31", 30, 61, 453),
    ]
    assert sql(
        read, "plan_items", "SELECT count(*) > 0 FROM ROWS WHERE plan = 'wv' AND date = DATE '2025-10-31' AND dependencies IS NOT NULL"
    ) == [(True,)]
    (broken,) = [record for record in told(read[1]) if record["scope"] == "file"]
    assert (broken["file"], broken["row"]) == ("plan/wv/2025-11-13__4e0c7c869__reduced.yaml", 58)


def test_transitions(read: tuple[Folder, Intake]) -> None:
    assert sql(read, "plan_transitions", "SELECT kind, count(*) FROM ROWS GROUP BY 1 ORDER BY 1") == [
        ("added", 722),
        ("removed", 560),
        ("status", 511),
    ]
    query = """SELECT count(DISTINCT item_id), count(*) FILTER (from_status = 'pending' AND to_status = 'done' AND kind = 'status'),
        count(*) FILTER (from_status = 'done' AND kind = 'status') FROM ROWS"""
    assert sql(read, "plan_transitions", query) == [(683, 151, 65)]


def test_issues_with_dirty_severities_keep_their_words(read: tuple[Folder, Intake]) -> None:
    assert sql(read, "issue_events", "SELECT count(*), count(*) FILTER (severity = 'HIGH (multiple agents flagged)') FROM ROWS") == [
        (42, 1)
    ]


def test_evidence_checksums_and_metadata(read: tuple[Folder, Intake]) -> None:
    query = """SELECT count(*) FILTER (is_match), count(recorded_sha256), count(has_author),
        count(*) FILTER (has_author AND has_date), count(*) FILTER (has_author AND has_date AND has_inputs AND has_commit),
        count(*) FILTER (change = 'added' OR change = 'modified' OR change = 'deleted') FROM ROWS"""
    assert sql(read, "evidence_files", query) == [(90, 90, 20, 20, 0, 56)]


def test_results_series_and_catalogues(read: tuple[Folder, Intake]) -> None:
    assert sql(read, "feature_catalog", "SELECT count(*), count(*) FILTER (status = 'available'), count(DISTINCT category) FROM ROWS") == [
        (22, 10, 10)
    ]
    assert sql(read, "critic_results", "SELECT count(*), count(DISTINCT critic) FROM ROWS") == [(145, 40)]
    assert sql(read, "test_runs", "SELECT count(*), count(DISTINCT run_id), count(DISTINCT batch) FROM ROWS") == [(32, 8, 4)]
    assert sql(read, "milestone_events", "SELECT count(*), count(*) FILTER (from_state = to_state) FROM ROWS") == [(4, 1)]
    assert sql(read, "risk_register", "SELECT count(*), count(DISTINCT risk_id) FROM ROWS") == [(51, 6)]
    query = "SELECT status, count(*), sum(cost) FROM ROWS GROUP BY ROLLUP (status) ORDER BY 2"
    runs = sql(read, "latency_samples", query)
    assert [(status, count) for status, count, _ in runs] == [("done", 65), ("needs_improvement", 136), (None, 201)]
    assert runs[-1][2] == pytest.approx(20.60, abs=0.005)


def test_the_bundle_and_the_figures_it_publishes(read: tuple[Folder, Intake]) -> None:
    query = "SELECT component, status, risk_score, highlights FROM ROWS ORDER BY component"
    assert sql(read, "variance_reports", query) == [
        ("allocator_critic", "degraded", 0.62, None),
        ("data_quality", "failed", 0.62, None),
        ("mmm_backtest", "stable", 0.62, None),
        ("modeling_reality_critic", "attention", 0.62, None),
    ]
    assert sql(read, "model_runs", "SELECT value, source, unit FROM ROWS WHERE metric = 'weighted_mape'") == [
        (0.123, "published", "not stated")
    ]
    query = """SELECT sum(abs(p.value - a.value)) / sum(a.value), count(*) FROM ROWS p JOIN ROWS a USING (window_end)
        WHERE p.model_id = 'mmm' AND p.metric = 'prediction' AND a.metric = 'actual'"""
    assert sql(read, "model_runs", query) == [(pytest.approx(0.06144918725659203, abs=1e-9), 12)]
    assert sql(read, "model_runs", "SELECT value, unit FROM ROWS WHERE metric = 'mape'") == [
        (pytest.approx(99.99970541237808), "not stated")
    ]
    assert sql(read, "actions", "SELECT owner, due_by::VARCHAR, related_items FROM ROWS ORDER BY 2") == [
        ("Data Quality Steward", "2025-10-25", "T12.2.2"),
        ("Atlas", "2025-10-27", "CRIT-PERF-ALLOCATOR-bc8604"),
    ]
    assert sql(read, "review_events", "SELECT kind, cycle, starts_at::VARCHAR, duration_minutes FROM ROWS") == [
        ("kickoff", "2025-Q4", "2025-11-05 18:00:00+00", 60)
    ]
    assert sql(read, "stakeholder_signals", "SELECT sum(value * weight) FROM ROWS") == [(pytest.approx(69.85),)]
    assert sql(read, "cost_entries", "SELECT count(*), count(*) FILTER (kind = 'reported') FROM ROWS") == [(13, 13)]
