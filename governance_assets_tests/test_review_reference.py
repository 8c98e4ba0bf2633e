"""The recorded bundle of the origin: its risk, what it lacks, its kickoff and its overdue actions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import conform, violations
from governance_assets.domains.intake import contracts as intake_contracts
from governance_assets.domains.review import contracts, facts, report, rules
from governance_assets.policy import CalendarPolicy, IntakePolicy, ReviewPolicy
from governance_assets.runtime.periods import period, weeks_between
from governance_assets.runtime.sources import landed_relation, read_telemetry

RECORD = Path(__file__).parents[2] / "shared" / "data" / "reviews" / "modeling_meta.json"
AS_OF = dt.datetime(2025, 11, 1, tzinfo=dt.UTC)
PERIODS = [period("quarter", "2025-Q4")]
POLICY = ReviewPolicy()

pytestmark = pytest.mark.skipif(not RECORD.is_file(), reason="the recorded bundle is not on this machine")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    root = tmp_path_factory.mktemp("review")
    folder = root / "telemetry" / "reviews"
    folder.mkdir(parents=True)
    (folder / RECORD.name).write_bytes(RECORD.read_bytes())
    assert intake_contracts.FEEDS  # reading names the columns of manifests by their contracts
    intake = read_telemetry(root / "telemetry", root / "home", IntakePolicy())
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    weeks = weeks_between(dt.date(2025, 9, 29), dt.date(2025, 12, 29))

    def view(feed: str) -> str:
        return landed_relation(con, feed, intake.manifests[feed], root / "home", weeks)

    made = {
        contracts.VarianceBundle: facts.variance_bundle(con, view("variance_reports"), (None, None, None), PERIODS, POLICY),
        contracts.ReviewKickoff: facts.review_kickoff(con, view("review_events"), PERIODS, AS_OF, POLICY, CalendarPolicy()),
        contracts.DecisionLog: facts.decision_log(con, None, view("actions"), (None, None), PERIODS, AS_OF, CalendarPolicy()),
        contracts.ActionRegister: facts.action_register(con, view("actions"), PERIODS, AS_OF, POLICY),
    }
    found = {contract.artifact: conform(contract, rows) for contract, rows in made.items()}
    assert [violations(contract, found[contract.artifact]) for contract in made] == [[], [], [], []]
    return found


def outcomes(judge: Callable[..., list[rules.Finding]], rows: pa.Table) -> dict[tuple[str, str], tuple[str, str]]:
    return {(one.rule, one.subject): (one.outcome, one.message) for one in judge(rows, POLICY, "2025-Q4", None)}


def test_risk_is_0_625_shown_as_0_62_and_highlights_are_missing(tables: dict[str, pa.Table]) -> None:
    rows = tables["variance_bundle"].to_pylist()
    assert {row["component"]: row["severity"] for row in rows} == {
        "modeling_reality_critic": 0.5,
        "allocator_critic": 1.0,
        "mmm_backtest": 0.0,
        "data_quality": 1.0,
    }
    assert {(row["risk_lower"], row["risk_upper"], row["risk_shown"], row["risk_stated"]) for row in rows} == {(0.625, 0.625, "0.62", 0.62)}
    found = outcomes(rules.judge_variance_bundle, tables["variance_bundle"])
    subject = "report 1 of 2025-Q4"
    assert found["fields_are_complete", subject][0] == "fail"
    assert found["fields_are_complete", subject][1].endswith("missing: highlights")
    assert found["risk_is_below_escalation", subject][0] == "pass"
    assert found["stated_risk_is_reproduced", subject][0] == "pass"
    assert found["points_at_its_source", subject][0] == "pass"
    assert found["has_not_failed", f"{subject}: data_quality"][0] == "fail"
    assert found["has_not_failed", f"{subject}: allocator_critic"][0] == "pass"


def test_the_kickoff_lies_outside_the_first_full_week(tables: dict[str, pa.Table]) -> None:
    (row,) = tables["review_kickoff"].to_pylist()
    assert (row["starts_at"], row["due_at"]) == (dt.datetime(2025, 11, 5, 18, tzinfo=dt.UTC), dt.datetime(2025, 10, 8, 18, tzinfo=dt.UTC))
    assert (row["window_start"], row["window_end"], row["missing_roles"]) == (dt.date(2025, 10, 6), dt.date(2025, 10, 10), "")
    assert (row["last_reviewed_at"], row["next_review_at"]) == (None, row["starts_at"])
    found = outcomes(rules.judge_review_kickoff, tables["review_kickoff"])
    assert {rule: outcome for (rule, _), (outcome, _) in found.items()} == {
        "is_in_the_first_full_week": "fail",
        "roles_are_listed": "pass",
        "lasts_as_planned": "pass",
        "is_rebooked_in_time": "not_applicable",
        "next_comes_after_last": "not_applicable",
    }


def test_both_actions_are_overdue(tables: dict[str, pa.Table]) -> None:
    rows = tables["action_register"].to_pylist()
    assert sorted((row["due_by"], row["overdue_days"]) for row in rows) == [(dt.date(2025, 10, 25), 6), (dt.date(2025, 10, 27), 4)]
    found = outcomes(rules.judge_action_register, tables["action_register"])
    assert [outcome for (rule, _), (outcome, _) in found.items() if rule == "action_is_in_time"] == ["fail", "fail"]


def test_the_document_says_what_the_record_said(tables: dict[str, pa.Table]) -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    made = report.documents(tables, pa.table({}), AS_OF)
    told = json.loads(made[report.BUNDLE])
    assert set(json.loads(made[report.SCHEMA])["required"]) == set(told) == set(record)
    assert {name: told[name] for name in ("cadence", "kickoff_event", "last_reviewed_at", "next_review_at")} == {
        name: record[name] for name in ("cadence", "kickoff_event", "last_reviewed_at", "next_review_at")
    }
    ((entry,), (said,)) = told["variance_reports"], record["variance_reports"]
    same = ("cycle", "generated_at", "source_commands", "git_revision", "risk_score")
    assert {name: entry[name] for name in same} == {name: said[name] for name in same}
    assert {name: part["status"] for name, part in entry["variance_summary"].items()} == {
        name: part["status"] for name, part in said["variance_summary"].items()
    }
    assert sorted(entry["recommended_actions"], key=str) == sorted(said["recommended_actions"], key=str)
    needed = set(report.BUNDLE_SCHEMA["properties"]["variance_reports"]["items"]["required"])
    assert needed - set(entry) == {"highlights"}


def test_the_page_links_the_documents_that_are_written(tables: dict[str, pa.Table]) -> None:
    model = report.page(tables, pa.table({}), AS_OF)
    linked = {path for section in model["sections"] for _, path in section.get("documents", [])}
    assert linked == set(report.documents(tables, pa.table({}), AS_OF))
    assert [section["title"] for section in model["sections"]] == [
        "Variance reports",
        "Report 1 of 2025-Q4",
        "Kickoff",
        "Actions of 2025-Q4",
        "Decisions",
    ]
    nothing = {name: rows.slice(0, 0) for name, rows in tables.items()}
    assert {section["text"] for section in report.page(nothing, pa.table({}), AS_OF)["sections"]} == {"Nothing is recorded yet."}
    assert report.documents(nothing, pa.table({}), AS_OF) == {}
