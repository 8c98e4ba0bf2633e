"""From files of a small telemetry folder to the recorded decisions of two quarters, twice, and rebuilt from the record."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from governance_assets.cli import main
from governance_assets.policy import digest, policy_from
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

SIGNALS = """date,signal,value,unit,stakeholder,stderr
2025-06-20,goal_alignment,0.95,fraction,programme_owner,0.01
2025-06-20,satisfaction,9.1,of 10,users,0.2
2025-09-20,goal_alignment,0.66,fraction,programme_owner,0.02
2025-09-20,satisfaction,7.0,of 10,users,0.3
"""
RISKS = """date,risk_id,description,impact,probability,owner,status,mitigation
2025-06-01,R-1,Demand shifts,high,medium,modelling_lead,open,watch drift
2025-09-01,R-2,A feed ends,critical,high,data_quality,open,
"""
APPROVALS = """subject,role,verdict,approved_at,authenticated_by
scorecard_360 2025-Q2,programme_owner,approved,2025-07-02T09:00:00Z,signed_commit
"""
NAMES = (
    *("assessment_facts", "success_criteria", "dimension_scores", "scorecard_360"),
    *("decision_flips", "risk_matrix", "remediation_plan", "decision_approvals"),
)
"""Not adjustment_proposal: no plan lands here, and what no telemetry touches is not recorded."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assessment")
    for place, name, text in (
        ("signals", "survey.csv", SIGNALS),
        ("risks", "register.csv", RISKS),
        ("reviews", "approvals.csv", APPROVALS),
    ):
        (folder / "telemetry" / place).mkdir(parents=True)
        (folder / "telemetry" / place / name).write_text(text, encoding="utf-8")
    (folder / "telemetry" / "governance.yaml").write_text("clock:\n  as_of: 2025-10-06T08:00Z\n", encoding="utf-8")
    run(folder)
    return folder


def run(folder: Path) -> None:
    main(["run", "--home", str(folder / "home"), "--telemetry", str(folder / "telemetry")], standalone_mode=False)


def sql(folder: Path, query: str) -> list[dict]:
    given = {"GOVERNANCE_HOME": str(folder / "home"), "GOVERNANCE_TELEMETRY": str(folder / "telemetry")}
    with Workspace(Settings.from_environment(given)) as workspace:
        return workspace.history.sql(query).to_pylist()


def test_every_artifact_of_the_assessment_is_recorded_for_each_quarter(home: Path) -> None:
    counted = sql(home, "SELECT artifact, count(DISTINCT partition_key) AS n FROM ledger WHERE kind = 'revision' GROUP BY artifact")
    found = {row["artifact"]: row["n"] for row in counted}
    assert {name: found.get(name, 0) for name in NAMES if found.get(name, 0) < 2} == {}
    assert sql(home, "SELECT count(*) AS n FROM ledger WHERE kind = 'refusal'") == [{"n": 0}]


def test_decisions_differ_for_the_planted_reason(home: Path) -> None:
    before, after = sql(home, "SELECT * FROM scorecard_360 WHERE quarter IN ('2025-Q2', '2025-Q3') ORDER BY quarter")
    assert (before["decision"], after["decision"]) == ("continue", "pause")
    # By hand: goals 66; satisfaction 1.5 tolerances off, 80; its criterion missed, 0; two high risks 96, half of them mitigated 0: 48.
    assert after["alignment"] == pytest.approx((66 + 80 + 0 + 48) / 4)
    assert after["previous_decision"] == "continue"
    assert after["change"] == pytest.approx(after["alignment"] - before["alignment"])
    assert after["is_provisional"]
    parts = sql(home, "SELECT sum(change_by_score + change_by_weight) AS points FROM dimension_scores WHERE quarter = '2025-Q3'")
    assert parts[0]["points"] == pytest.approx(after["change"])


def test_the_page_begins_with_the_decision(home: Path) -> None:
    text = (home / "home" / "site" / "assessment.html").read_text(encoding="utf-8")
    assert "2025-Q3: pause (provisional). Alignment " in text


def test_a_decision_is_pending_until_it_is_approved(home: Path) -> None:
    rows = sql(
        home, "SELECT quarter, subject, state, authenticated_by FROM decision_approvals WHERE subject LIKE 'scorecard%' ORDER BY ALL"
    )
    assert [tuple(row.values()) for row in rows if row["quarter"] < "2025-Q4"] == [
        ("2025-Q2", "scorecard_360 2025-Q2", "pending", None),
        ("2025-Q3", "scorecard_360 2025-Q2", "approved", "signed_commit"),
        ("2025-Q3", "scorecard_360 2025-Q3", "pending", None),
    ]
    digest = sql(home, "SELECT content_sha256 FROM decision_approvals WHERE quarter = '2025-Q3' AND subject = 'scorecard_360 2025-Q3'")
    ledger = "SELECT content_sha256 FROM ledger WHERE artifact = 'scorecard_360' AND partition_key = '2025-Q3' ORDER BY entry DESC LIMIT 1"
    assert digest == sql(home, ledger)
    assert "scorecard_360 2025-Q3,approval,programme_owner" in (home / "home/site/documents/model_risk/to_sign.csv").read_text()


def test_a_change_of_policy_lists_the_verdicts_that_it_would_flip(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    milder = home / "milder.yaml"
    frozen = (home / "telemetry" / "governance.yaml").read_text(encoding="utf-8")
    milder.write_text(f"{frozen}assessment:\n  min_adjust: 48\n  min_pivot: 40\n", encoding="utf-8")
    before = sql(home, "SELECT count(*) AS n FROM ledger")
    located = ["--home", str(home / "home"), "--telemetry", str(home / "telemetry")]
    main(["policy", "diff", str(milder), "--out", str(home / "flips.csv"), *located], standalone_mode=False)
    told = capsys.readouterr().out
    assert "assessment.min_pivot: 50.0 → 40.0" in told
    flips = list(csv.DictReader((home / "flips.csv").open(encoding="utf-8")))
    # 48.5 points: below 50 a pause, from 48 on an adjustment; what was approved of the quarter before stays what it was.
    address = ("artifact", "partition_key", "rule", "subject", "before", "after")
    mild = ("scorecard_360", "2025-Q3", "decision_is_mild", "2025-Q3", "fail", "pass")
    assert mild in [tuple(flip[name] for name in address) for flip in flips]
    assert {flip["artifact"] for flip in flips} == {"scorecard_360"}
    assert sql(home, "SELECT count(*) AS n FROM ledger") == before
    assert f"sha256 {digest(policy_from(yaml.safe_load(milder.read_text(encoding='utf-8'))))}" in told


def test_a_second_run_adds_nothing(home: Path) -> None:
    before = sql(home, "SELECT count(*) AS n FROM ledger")
    run(home)
    assert sql(home, "SELECT count(*) AS n FROM ledger") == before
