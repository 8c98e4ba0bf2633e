"""From files of a small telemetry folder to the recorded cycle of two reviews, and again without anything new."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance_assets.cli import main
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

FILES = {
    "reviews/events.csv": """kind,cycle,starts_at,event_id,status,facilitator,participants,duration_minutes
preread,2025-Q3,2025-07-01T09:00Z,p3,held,facilitator,,
product_sync,2025-Q3,2025-07-06T09:00Z,s3,held,facilitator,,
kickoff,2025-Q3,2025-07-09T18:00Z,k3,held,facilitator,"modelling lead, director, data-quality steward, design-systems partner, product ops",60
""",
    "reviews/decisions.csv": """decision_id,date,cycle,summary,rationale,decided_by,related_items
D1,2025-07-09,2025-Q3,Refit the media model,its error grew,director,T1
""",
    "reviews/actions.csv": """action_id,date,decision_id,cycle,summary,owner,due_by,related_items,status,closed_at,evidence
A1,2025-07-10,D1,2025-Q3,Refit with a longer window,modelling lead,2025-08-01,T1,closed,2025-07-30T12:00Z,runs/refit.json
A2,2025-07-10,D1,2025-Q3,Tell the squads,product ops,2025-08-15,T1,open,,
""",
    "plan/transitions.csv": """timestamp,plan,item_id,from_status,to_status
2025-07-11T09:00Z,core,T1,todo,in_progress
""",
    "critics/results.csv": """critic,timestamp,status,passed,message
modeling_reality_critic,2025-07-03T06:00Z,attention,true,drift in two channels
allocator_critic,2025-07-03T06:00Z,pass,true,
modeling_reality_critic,2025-09-20T06:00Z,degraded,false,drift in five channels
allocator_critic,2025-09-20T06:00Z,pass,true,
skill_critic,2025-09-20T06:00Z,pass,true,
""",
    "governance.yaml": "clock:\n  as_of: 2025-10-02T08:00Z\n",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cycle")
    for name, text in FILES.items():
        path = folder / "telemetry" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    run(folder)
    return folder


def run(folder: Path) -> None:
    main(["run", "--home", str(folder / "home"), "--telemetry", str(folder / "telemetry")], standalone_mode=False)


def sql(folder: Path, query: str) -> list[dict]:
    given = {"GOVERNANCE_HOME": str(folder / "home"), "GOVERNANCE_TELEMETRY": str(folder / "telemetry")}
    with Workspace(Settings.from_environment(given)) as workspace:
        return workspace.history.sql(query).to_pylist()


def test_nothing_is_refused(home: Path) -> None:
    assert sql(home, "SELECT count(*) AS n FROM ledger WHERE kind = 'refusal'") == [{"n": 0}]
    assert sql(home, "SELECT count(*) AS n FROM rejected_records") == [{"n": 0}]


def test_the_third_quarters_review_is_closed_but_for_what_was_left_open(home: Path) -> None:
    rows = sql(home, "SELECT item, state, days_late, evidence FROM review_checklist WHERE quarter = '2025-Q3' ORDER BY position")
    states = {row["item"]: row["state"] for row in rows}
    assert {name: state for name, state in states.items() if state != "closed"} == {
        "variance_recorded": "missing",
        "actions_closed": "missing",
    }
    assert next(row["evidence"] for row in rows if row["item"] == "actions_closed").endswith("not A2")


def test_the_fourth_quarters_review_is_prepared_or_not(home: Path) -> None:
    rows = sql(home, "SELECT item, state FROM review_checklist WHERE quarter = '2025-Q4'")
    states = {row["item"]: row["state"] for row in rows}
    assert (states["packet_compiled"], states["claims_compared"], states["kickoff_held"]) == ("missing", "open", "open")


def test_a_report_is_made_of_our_own_verdicts(home: Path) -> None:
    rows = sql(home, "SELECT component, origin, status, risk_shown, highlights FROM variance_bundle WHERE quarter = '2025-Q3'")
    assert {row["origin"] for row in rows} == {"computed"}
    assert {row["component"]: row["status"] for row in rows}["modeling_reality_critic"] == "degraded"
    assert {row["risk_shown"] for row in rows} == {"0.25 to 0.75"}


def test_the_site_has_the_calendar(home: Path) -> None:
    text = (home / "home" / "site" / "documents" / "reviews" / "governance-calendar.ics").read_text(encoding="utf-8")
    assert "UID:kickoff/2025-Q4" in text


def test_a_second_run_adds_nothing(home: Path) -> None:
    before = sql(home, "SELECT count(*) AS n FROM ledger")
    run(home)
    assert sql(home, "SELECT count(*) AS n FROM ledger") == before
