"""The whole pipeline on the sample telemetry: it finds exactly what was planted, and nothing changes when nothing changed.

One run over all weeks serves every test of this file.
"""

import datetime as dt
import json
import os
import shutil
from pathlib import Path

import pytest

from governance_assets.cli import main
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.campaigns import replay

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
TRUTH = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))

# Each of its runs goes over two years of weeks; the first one pays for compiling the kernels too.
pytestmark = pytest.mark.timeout(1500)


class Governed:
    """The sample, recorded once."""

    def __init__(self, home: Path, telemetry: Path) -> None:
        self.home, self.telemetry = home, telemetry

    def run(self) -> None:
        main(["run", "--home", str(self.home), "--telemetry", str(self.telemetry)], standalone_mode=False)

    def sql(self, query: str) -> list[dict]:
        settings = Settings.from_environment({"GOVERNANCE_HOME": str(self.home), "GOVERNANCE_TELEMETRY": str(self.telemetry)})
        with Workspace(settings) as workspace:
            return workspace.history.sql(query).to_pylist()

    def site(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in (self.home / "site").rglob("*") if path.is_file()}


_REGISTERED = (
    *("model_registry", "promotion_decisions", "demo_artifacts"),
    *("modeling_reality_critic", "critic_summary", "repository_sync"),
)
"""The registry and what reads it: they have one week more, in which the sample's models were registered."""


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("pipeline")
    shutil.copytree(SAMPLE, folder / "telemetry")
    kept = {name: os.environ.get(name) for name in ("GOVERNANCE_HOME", "GOVERNANCE_TELEMETRY", "DAGSTER_HOME")}
    made = Governed(folder / "home", folder / "telemetry")
    made.run()
    yield made
    for name, value in kept.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def test_every_week_of_every_artifact_is_recorded(governed: Governed) -> None:
    from governance_assets.runtime.artifact import DECLARATIONS

    counted = governed.sql("SELECT artifact, count(*) AS n FROM ledger WHERE kind = 'revision' GROUP BY artifact")
    found = {row["artifact"]: row["n"] for row in counted}
    grains = {name: one.contract.grain for name, one in DECLARATIONS.items()}
    assert found.keys() <= grains.keys()
    assert grains.keys() == found.keys()
    weekly = {name: n for name, n in found.items() if grains[name] == "week"}
    assert weekly == {name: 106 if name in _REGISTERED else 105 for name in weekly}
    assert weekly.keys() >= set(_REGISTERED)
    assert {n for name, n in found.items() if grains[name] == "none"} == {1}
    assert {name: n for name, n in found.items() if grains[name] == "quarter" and n < len(TRUTH["quarters"])} == {}
    assert {name: n for name, n in found.items() if grains[name] == "half_month" and n < 24} == {}
    assert governed.sql("SELECT count(*) AS n FROM ledger WHERE kind = 'refusal'") == [{"n": 0}]


def test_each_model_gets_the_verdict_that_was_planted(governed: Governed) -> None:
    rows = governed.sql(
        """SELECT model_id, verdict, status FROM calibration_metrics
           WHERE metric = 'interval_coverage_80' AND "window" = 'trailing_26' AND stratum = 'overall' AND average = 'micro'
             AND evaluation_set = 'all' AND forecast_type = 'quantile' AND week = '2025-12-29'"""
    )
    found = {row["model_id"]: (row["verdict"], row["status"]) for row in rows}
    assert found["atlas"] == ("pass", "well_calibrated")
    assert found["boreas"] == ("fail", "undercautious")
    assert found["castor"] == ("fail", "undercautious")


def test_measured_coverages_agree_with_the_truth_within_their_intervals(governed: Governed) -> None:
    rows = governed.sql(
        """SELECT model_id, metric, value, lower, upper FROM calibration_metrics
           WHERE metric LIKE 'interval_coverage_%' AND "window" = 'since_start' AND stratum = 'overall' AND average = 'micro'
             AND evaluation_set = 'all' AND forecast_type = 'quantile' AND week = '2025-12-29' AND model_id IN ('atlas', 'boreas')"""
    )
    assert len(rows) == 8
    for row in rows:
        truth = TRUTH["models"][row["model_id"]]["interval_coverage"][row["metric"].removeprefix("interval_coverage_")]
        assert row["lower"] <= truth <= row["upper"], row
        assert row["value"] == pytest.approx(truth, abs=0.03), row


def test_the_drift_is_found_after_it_began_and_never_before(governed: Governed) -> None:
    rows = governed.sql(
        """SELECT partition_key AS week FROM findings WHERE is_current AND rule = 'coverage_has_not_fallen' AND outcome = 'fail'
           AND subject LIKE 'castor (quantile), all%' ORDER BY ALL"""
    )
    began = dt.date.fromisoformat(TRUTH["models"]["castor"]["drift"]["first_week_touched"])
    first = dt.date.fromisoformat(rows[0]["week"])
    assert began < first <= began + dt.timedelta(weeks=13)
    calm = governed.sql(
        """SELECT count(*) AS n FROM findings WHERE is_current AND rule = 'coverage_has_not_fallen' AND outcome = 'fail'
           AND (subject LIKE 'atlas%' OR subject LIKE 'boreas%')"""
    )
    assert calm == [{"n": 0}]


def test_the_release_gate_opens_for_the_calibrated_model_only(governed: Governed) -> None:
    rows = governed.sql(
        """SELECT subject, bool_and(outcome = 'pass') AS is_open FROM findings
           WHERE is_current AND artifact = 'calibration_metrics' AND partition_key = '2025-12-29' AND rule LIKE '%allows_release'
             AND subject LIKE '%(quantile), all' GROUP BY subject"""
    )
    found = {row["subject"].split(" ")[0]: row["is_open"] for row in rows}
    assert found["atlas"]
    assert not found["boreas"]
    assert not found["castor"]


def test_exactly_the_planted_rows_and_files_are_refused(governed: Governed) -> None:
    refused = governed.sql("SELECT file, row, scope FROM rejected_records WHERE scope <> 'ignored'")
    files = {row["file"] for row in refused}
    assert files == {reject["file"] for reject in TRUTH["rejected"]}
    assert all(row["scope"] == "file" for row in refused if row["file"].endswith("upload-interrupted.parquet"))
    ignored = {row["file"] for row in governed.sql("SELECT file FROM rejected_records WHERE scope = 'ignored'")}
    assert "truth.json" in ignored


def test_what_is_planted_in_the_governed_files_is_found(governed: Governed) -> None:
    planted = TRUTH["governed"]
    failed = governed.sql(
        """SELECT rule, subject, message FROM findings WHERE is_current AND outcome = 'fail' AND partition_key = '2025-12-22'
           AND artifact IN ('model_registry', 'feature_coverage', 'allocator_critic', 'integrity_suite', 'critic_summary')"""
    )
    by_rule: dict[str, list[str]] = {}
    for row in failed:
        by_rule.setdefault(row["rule"], []).append(row["subject"])
    assert by_rule["model_is_registered"] == planted["unregistered_models"]
    assert by_rule["roles_are_apart"] == planted["models_whose_validator_approves"]
    assert by_rule["validation_is_current"] == planted["models_never_validated"]
    silent = next(row["message"] for row in failed if row["rule"] == "critics_have_run")
    assert silent.endswith(": " + ", ".join(planted["critics_that_passed_without_running"]))
    whole = governed.sql("SELECT available, gaps FROM feature_coverage WHERE category = 'all' AND week = '2025-12-22'")[0]
    assert (whole["available"], whole["available"] + whole["gaps"]) == (planted["features"]["available"], planted["features"]["all"])
    runs = governed.sql("SELECT run, first_failure FROM integrity_suite")
    assert {row["run"]: row["first_failure"] for row in runs} == planted["test_runs"]
    steps = governed.sql("SELECT subject FROM allocator_critic WHERE \"check\" = 'guardrails' AND outcome = 'fail' AND week = '2025-12-22'")
    assert [row["subject"] for row in steps] == planted["proposals_with_too_large_a_step"]


def test_four_quarters_are_decided_as_planted_and_by_the_planted_rule(governed: Governed) -> None:
    rows = governed.sql("SELECT quarter, decision, rule, gap_class FROM scorecard_360 WHERE quarter LIKE '2025-%' ORDER BY quarter")
    assert rows == [{name: one[name] for name in ("quarter", "decision", "rule", "gap_class")} for one in TRUTH["quarters"]]
    assert len({row["decision"] for row in rows}) == 3
    unknown = governed.sql("SELECT metric FROM assessment_facts WHERE quarter LIKE '2025-%' AND value IS NULL")
    assert unknown == []


def test_what_is_planted_in_the_year_is_found(governed: Governed) -> None:
    failed = governed.sql(
        """SELECT rule, subject, message, partition_key FROM findings WHERE is_current AND outcome = 'fail' AND partition_key LIKE '2025-%'
           AND artifact IN ('plan_moves', 'plan_phases', 'sla_status', 'review_kickoff', 'action_register', 'decision_log',
                            'variance_bundle', 'risk_matrix')"""
    )
    by_rule: dict[str, list[dict]] = {}
    for row in failed:
        by_rule.setdefault(row["rule"], []).append(row)
    plan, issues, reviews = TRUTH["plan"], TRUTH["issues"], TRUTH["reviews"]
    moves = (("no_state_is_skipped", "skipped"), ("no_step_back", "set_back"), ("done_stays_done", "reopened_after_done"))
    for rule, planted in moves:
        assert [f"({', '.join(plan[planted])})" in row["message"] for row in by_rule[rule]] == [True], rule
    silent = {dt.date.fromisoformat(day) for day in plan["fridays_without_a_note"]}
    assert {dt.date.fromisoformat(row["partition_key"]) + dt.timedelta(days=4) for row in by_rule["phase_has_a_note"]} == silent
    urgent = {row["subject"].removeprefix("tracker:") for row in by_rule["is_not_overdue"] if row["subject"].startswith("tracker:")}
    overdue = set(issues["beyond_their_level"])
    assert urgent <= overdue
    late = governed.sql("SELECT DISTINCT issue_id FROM sla_status WHERE breach_hours IS NOT NULL AND issue_id LIKE 'tracker:%'")
    assert {row["issue_id"].removeprefix("tracker:") for row in late} == overdue
    assert {row["partition_key"] for row in by_rule["is_in_the_first_full_week"]} == {reviews["kickoff_outside_the_first_full_week"]}
    assert {row["subject"] for row in by_rule["action_is_in_time"]} == {reviews["overdue_action"]}
    assert {row["subject"] for row in by_rule["decision_has_its_action"]} == {reviews["decision_without_action"]}
    slow = {row["subject"] for row in by_rule["decision_reaches_the_plan"]}
    assert slow == set(reviews["decisions_that_reach_the_plan_late_or_never"])
    assert {row["partition_key"] for row in by_rule["risk_is_below_escalation"]} == {reviews["report_above_escalation"]}
    assert {row["partition_key"] for row in by_rule["stated_risk_is_reproduced"]} == {reviews["report_whose_risk_does_not_follow"]}
    risk = TRUTH["risks"]["without_mitigation"]
    assert [(row["subject"], row["partition_key"]) for row in by_rule["high_risk_is_mitigated"]] == [(risk["risk"], risk["quarter"])]


def test_the_planted_delivery_alerts_in_its_week_and_recovers_in_the_next(governed: Governed) -> None:
    cut = TRUTH["cut_delivery"]
    told = f"rule = '{cut['rule']}' AND subject = '{cut['model']}'"
    rows = governed.sql(f"SELECT kind, partition_key, is_sent, incident FROM alerts WHERE {told} ORDER BY alert")
    assert [(row["kind"], row["partition_key"]) for row in rows] == [
        ("failing", cut["fails_in_week"]),
        ("recovered", cut["passes_in_week"]),
    ]
    assert all(row["is_sent"] for row in rows)
    assert len({row["incident"] for row in rows}) == 1


def test_every_incident_is_listed_and_everything_due_is_recorded(governed: Governed) -> None:
    told = governed.sql(
        """SELECT DISTINCT incident FROM alerts WHERE kind = 'failing'
           AND incident NOT IN (SELECT incident FROM alerts WHERE kind = 'recovered') ORDER BY incident"""
    )
    assert governed.sql("SELECT incident FROM escalations ORDER BY incident") == told
    assert len(told) > 10
    due = governed.sql("SELECT state, due, count(*) AS n FROM operational_health GROUP BY ALL ORDER BY ALL")
    assert {row["state"] for row in due} <= {"recorded", "not_applicable", "unknown"}
    assert {row["due"] for row in due if row["state"] == "recorded"} >= {"2025-12-22", "2025-Q4"}
    unrecorded = governed.sql("SELECT artifact_name, reason FROM operational_health WHERE state = 'unknown' ORDER BY artifact_name")
    assert {row["reason"] for row in unrecorded} <= {"nothing is recorded yet"}


def test_no_check_row_stays_planned(governed: Governed) -> None:
    import dagster as dg

    from governance_assets.runtime import checks
    from governance_assets.runtime.instance import opened

    settings = Settings.from_environment({"GOVERNANCE_HOME": str(governed.home)})
    with opened(settings) as instance:
        for artifact in ("forecast_scores", "calibration_metrics", "relative_skill"):
            for check in checks.CHECKS:
                key = dg.AssetCheckKey(dg.AssetKey(artifact), check)
                records = instance.event_log_storage.get_asset_check_execution_history(key, limit=500)
                assert len({record.partition for record in records}) == 105
                assert {record.status.value for record in records} <= {"SUCCEEDED", "FAILED"}


def test_weeks_of_every_artifact_are_rebuilt_alone_as_they_were_recorded_together(governed: Governed) -> None:
    outcome = replay.campaign(governed.home, governed.telemetry, every=60)
    assert outcome.faults == []
    assert outcome.replayed >= 4 + 5 * 3


def test_a_second_run_adds_no_row_and_leaves_every_page_as_it_was(governed: Governed) -> None:
    before, pages = governed.sql("SELECT count(*) AS n FROM ledger"), governed.site()
    governed.run()
    assert governed.sql("SELECT count(*) AS n FROM ledger") == before
    assert governed.site() == pages


def test_a_planted_revision_restates_its_week_and_nothing_earlier(governed: Governed) -> None:
    """The last test of the file: it changes the telemetry."""
    path = governed.telemetry / "observations" / "zz-correction.csv"
    path.write_text(
        "target,location,target_end_date,observed,as_of\nweekly_orders,region-01,2025-11-30,99999,2026-01-04\n", encoding="utf-8"
    )
    before = governed.sql("SELECT max(entry) AS n FROM ledger")[0]["n"]
    governed.run()
    rows = governed.sql(
        f"SELECT partition_key FROM ledger WHERE artifact = 'forecast_scores' AND kind = 'restatement' AND entry > {before}"
    )
    assert rows == [{"partition_key": "2025-11-24"}]
    later = governed.sql(f"SELECT min(partition_key) AS first FROM ledger WHERE artifact = 'calibration_metrics' AND entry > {before}")
    assert later == [{"first": "2025-11-24"}]
