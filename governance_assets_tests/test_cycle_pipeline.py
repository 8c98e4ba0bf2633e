"""From files of a small telemetry folder to the recorded cycle of a review, and again without anything new."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance_assets.cli import main
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

ROLES = "modelling lead, director, data-quality steward, design-systems partner, product ops"
FILES = {
    "reviews/events.csv": f"""kind,cycle,starts_at,event_id,status,facilitator,participants,duration_minutes
preread,2025-Q4,2025-09-30T09:00Z,p4,held,facilitator,,
kickoff,2025-Q4,2025-10-08T18:00Z,k4,held,facilitator,"{ROLES}",60
""",
    "reviews/decisions.csv": """decision_id,date,cycle,summary,rationale,decided_by,related_items
D1,2025-10-08,2025-Q4,Refit the media model,its error grew,director,T1
""",
    "reviews/actions.csv": """action_id,date,decision_id,cycle,summary,owner,due_by,related_items,status,closed_at,evidence
A1,2025-10-09,D1,2025-Q4,Refit with a longer window,modelling lead,2025-10-20,T1,open,,
""",
    "plan/transitions.csv": """timestamp,plan,item_id,from_status,to_status
2025-10-09T09:00Z,core,T1,todo,in_progress
""",
    "critics/results.csv": """critic,timestamp,status,passed,message
modeling_reality_critic,2025-09-24T06:00Z,degraded,false,drift in five channels
allocator_critic,2025-10-02T06:00Z,pass,true,
modeling_reality_critic,2025-10-04T06:00Z,attention,true,drift in two channels
""",
    "governance.yaml": "clock:\n  as_of: 2025-10-13T08:00Z\n",
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
    assert sql(home, "SELECT count(*) AS n FROM rejected_records WHERE scope <> 'ignored'") == [{"n": 0}]


def test_evidence_has_closed_what_was_done(home: Path) -> None:
    rows = sql(home, "SELECT item, state, days_late FROM review_checklist WHERE quarter = '2025-Q4' ORDER BY position")
    assert {row["item"]: (row["state"], row["days_late"]) for row in rows if row["state"] != "closed"} == {
        "modeling_reality_critic_rerun": ("late", 1),
        "claims_compared": ("missing", 8),
        "actions_closed": ("open", None),
        "next_packet_prepared": ("open", None),
    }


def test_a_report_is_made_of_our_own_verdicts(home: Path) -> None:
    rows = sql(home, "SELECT component, origin, status, risk_shown, generated_at FROM variance_bundle WHERE quarter = '2025-Q3'")
    assert {(row["origin"], row["risk_shown"]) for row in rows} == {("computed", "0.25 to 1.00")}
    assert {row["component"]: row["status"] for row in rows}["modeling_reality_critic"] == "degraded"


def test_the_packet_tells_what_the_quarter_left(home: Path) -> None:
    rows = sql(home, "SELECT section, subject, text FROM preread_packet WHERE quarter = '2025-Q4'")
    told = {(row["section"], row["subject"]): row["text"] for row in rows}
    assert told["changed", "modeling_reality_critic"] == "degraded → attention"
    assert told["commitment", "A1"] == "Refit with a longer window"
    assert told["telemetry", "quality: critic_results"] == "newest day 2025-10-04, as of 2025-10-13"
    folder = home / "home" / "site" / "documents" / "reviews"
    assert "| A1 | Refit with a longer window |" in (folder / "2026-Q1-preread.md").read_text(encoding="utf-8")
    assert (folder / "2026-Q1-preread.html").read_text(encoding="utf-8").count("<svg") >= 1


def test_the_review_leaves_its_entry(home: Path) -> None:
    rows = sql(home, "SELECT cycle, entry, missing FROM context_ledger")
    assert rows == [{"cycle": "2025-Q4", "entry": "review", "missing": ""}]


def test_the_site_has_the_calendar(home: Path) -> None:
    text = (home / "home" / "site" / "documents" / "reviews" / "governance-calendar.ics").read_text(encoding="utf-8")
    assert "UID:kickoff/2025-Q4" in text


def test_a_second_run_adds_nothing(home: Path) -> None:
    before = sql(home, "SELECT count(*) AS n FROM ledger")
    run(home)
    assert sql(home, "SELECT count(*) AS n FROM ledger") == before
