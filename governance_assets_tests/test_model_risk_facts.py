"""Approvals, overrides, challenges and attestations, matched with what they are about."""

from __future__ import annotations

import datetime as dt

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import Contract, arrow_schema, conform, empty, registry, violations
from governance_assets.domains.assessment.contracts import AdjustmentProposal, Scorecard360
from governance_assets.domains.critics.contracts import AllocatorCritic, ModelingRealityCritic
from governance_assets.domains.model_risk import contracts, facts, facts_approvals, report
from governance_assets.domains.registry.contracts import ModelRegistry
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.pages import plots
from governance_assets.pages.model import page_from
from governance_assets.policy import Policy
from governance_assets.runtime.periods import Period, period
from governance_assets.stats.digest import table_digest

POLICY = Policy()
Q3, Q4 = period("quarter", "2025-Q3"), period("quarter", "2025-Q4")
LATE = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}T12:00+00:00")


def feed(con: duckdb.DuckDBPyConnection, name: str, rows: list[dict]) -> str:
    blank = dict.fromkeys(RECORD_FEEDS[name].model_fields)
    con.register(name, pa.Table.from_pylist([blank | row for row in rows], schema=arrow_schema(RECORD_FEEDS[name])))
    return name


def recorded(con: duckdb.DuckDBPyConnection, contract: type[Contract], rows: list[dict], with_quarter: str | None = None) -> str:
    defaults = {name: _blank(kind) for name, kind in ((one.name, one.type) for one in arrow_schema(contract))}
    table = pa.Table.from_pylist([defaults | row for row in rows], schema=arrow_schema(contract))
    if with_quarter:
        table = table.append_column("quarter", pa.array([with_quarter] * table.num_rows, pa.string()))
    con.register(contract.artifact, table)
    return contract.artifact


def _blank(kind: pa.DataType) -> object:
    return "" if pa.types.is_string(kind) else False if pa.types.is_boolean(kind) else 0 if pa.types.is_floating(kind) else None


def card(quarter: str, decision: str) -> dict:
    return {"quarter": quarter, "decision": decision, "worst": decision, "best": decision, "alignment": 80.0}


def proposal(quarter: str, is_due: bool) -> dict:
    return {"quarter": quarter, "phase": "*", "n_done": 1, "budget_variance": 0.3, "timeline_variance": None, "is_due": is_due}


def approval(subject: str, on: str, **more: object) -> dict:
    row = {"date": day(on), "instant": at(on), "subject": subject, "kind": "approval", "verdict": "approved", "role": "Programme Owner"}
    return row | more


def item(code: str, on: str, **more: object) -> dict:
    row = {"date": day(on), "plan": "main", "kind": "stage", "item_id": code, "status": "todo", "currency": "USD", "estimated_cost": 10.0}
    return row | more


def checked(contract: type[Contract], table: pa.Table) -> list[dict]:
    assert violations(contract, conform(contract, table)) == []
    return table.to_pylist()


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def approvals(con: duckdb.DuckDBPyConnection, given: list[dict], periods: list[Period], **more: object) -> dict[tuple[str, str], dict]:
    cards = recorded(con, Scorecard360, [card("2025-Q3", "pivot"), card("2025-Q4", "continue")])
    proposals = recorded(con, AdjustmentProposal, [proposal("2025-Q3", True), proposal("2025-Q4", False)])
    plan = feed(con, "plan_items", list(more.get("plan", []))) if "plan" in more else None
    rests = facts_approvals.Given(con, cards, proposals, feed(con, "approvals", given), plan)
    table = facts_approvals.decision_approvals(rests, periods, more.get("as_of", LATE), POLICY)
    return {(row["quarter"], row["subject"]): row for row in checked(contracts.DecisionApprovals, table)}


def test_a_decision_is_pending_until_the_deciding_role_approves(con: duckdb.DuckDBPyConnection) -> None:
    given = [approval("scorecard_360 2025-Q3", "2025-10-07", authenticated_by="signed_commit"), approval("x", "2025-10-08")]
    found = approvals(con, given, [Q3, Q4])
    before, after = found[("2025-Q3", "scorecard_360 2025-Q3")], found[("2025-Q4", "scorecard_360 2025-Q3")]
    assert (before["state"], before["decided_on"], before["due_on"]) == ("pending", day("2025-09-26"), day("2025-10-10"))
    assert (after["state"], after["given_on"], after["days_taken"], after["authenticated_by"]) == (
        "approved",
        day("2025-10-07"),
        11,
        "signed_commit",
    )
    assert found[("2025-Q4", "scorecard_360 2025-Q4")]["adjust_by"] is None, "continue needs no adjustment"
    assert (before["what"], found[("2025-Q4", "scorecard_360 2025-Q4")]["what"]) == ("pivot; proposed for budget +30.0 %", "continue")


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, "asserted"),
        ({"authenticated_by": "signed_file"}, "approved"),
        ({"verdict": "rejected", "authenticated_by": "signed_file"}, "rejected"),
        ({"sha256": "ab" * 32, "authenticated_by": "signed_file"}, "outdated"),
        ({"role": "architect"}, "pending"),
        ({"kind": "attestation", "verdict": "attested"}, "pending"),
        ({"subject": "Scorecard_360  2025-q3"}, "asserted"),
    ],
)
def test_what_an_approval_is_worth(con: duckdb.DuckDBPyConnection, changed: dict, state: str) -> None:
    row = approvals(con, [approval("scorecard_360 2025-Q3", "2025-10-07") | changed], [Q4])[("2025-Q4", "scorecard_360 2025-Q3")]
    assert row["state"] == state
    assert row["given_by_others"] == ("architect" if changed.get("role") else "")


def test_the_digest_is_the_ledgers_and_the_last_word_counts(con: duckdb.DuckDBPyConnection) -> None:
    first = approvals(con, [], [Q4])[("2025-Q4", "scorecard_360 2025-Q3")]
    part = con.execute("SELECT * FROM scorecard_360 WHERE quarter = '2025-Q3'").to_arrow_table()
    assert first["content_sha256"] == table_digest(conform(Scorecard360, part), Scorecard360.key)
    words = [
        approval("scorecard_360 2025-Q3", "2025-10-01", verdict="rejected", reason="too mild"),
        approval("scorecard_360 2025-Q3", "2025-10-06", authenticated_by="signed_file", sha256=f"sha256:{first['content_sha256']}"),
    ]
    row = approvals(con, words, [Q4])[("2025-Q4", "scorecard_360 2025-Q3")]
    assert (row["state"], row["stated_sha256"]) == ("approved", first["content_sha256"])
    early = approvals(con, words, [Q4], as_of=at("2025-10-05"))[("2025-Q4", "scorecard_360 2025-Q3")]
    assert (early["state"], early["judged_on"]) == ("rejected", day("2025-10-05"))


@pytest.mark.parametrize(
    ("later", "items"),
    [
        ([], None),
        ([item("S1", "2025-10-09", status="done"), item("S2", "2025-10-09")], 0),
        ([item("S1", "2025-10-09", estimated_cost=20.0), item("S2", "2025-10-09")], 1),
        ([item("S1", "2025-10-09", planned_end=day("2026-01-01")), item("S3", "2025-10-09")], 3),
        ([item("S1", "2025-10-15", estimated_cost=20.0), item("S2", "2025-10-15")], None),
    ],
)
def test_adjustments_are_changes_of_the_plan_after_the_approval(con: duckdb.DuckDBPyConnection, later: list, items: int | None) -> None:
    plan = [item("S1", "2025-10-01"), item("S2", "2025-10-01"), *later]
    row = approvals(con, [approval("scorecard_360 2025-Q3", "2025-10-07")], [Q4], plan=plan)[("2025-Q4", "scorecard_360 2025-Q3")]
    assert (row["adjust_by"], row["adjusted_items"]) == (day("2025-10-14"), items)


def test_finished_items_of_level_three_wait_for_approval(con: duckdb.DuckDBPyConnection) -> None:
    done = {"status": "Done", "actual_end": day("2025-11-02")}
    plan = [
        item("S1", "2025-11-03", autonomy_level="Level 3 - Owner Approval", **done),
        item("S2", "2025-11-03", autonomy_level="2", **done),
        item("S3", "2025-11-03", autonomy_level="3"),
    ]
    found = approvals(con, [], [Q3, Q4], plan=plan)
    items = [row for row in found.values() if row["kind"] == "item"]
    assert [(row["quarter"], row["subject"], row["state"], row["due_on"]) for row in items] == [
        ("2025-Q4", "main S1", "pending", day("2025-11-16"))
    ]


def test_overrides_stay_until_their_outcome_is_known(con: duckdb.DuckDBPyConnection) -> None:
    one = {"date": day("2025-07-01"), "decision_id": "O-1", "kind": "override", "summary": "release anyway", "rationale": "season"}
    one |= {"decided_by": "Director", "expires_on": day("2025-09-10"), "sets_aside": "calibration_metrics coverage_is_calibrated"}
    other = {"date": day("2025-07-02"), "decision_id": "D-2", "kind": "decision", "summary": "plain"}
    known = one | {"as_of": day("2025-10-20"), "outcome": "sales held"}
    rows = checked(contracts.OverrideRegister, facts.override_register(con, feed(con, "decisions", [one, other, known]), [Q3, Q4], LATE))
    told = [(row["quarter"], row["override"], row["overrider"], row["state"], row["days_expired"]) for row in rows]
    assert told == [("2025-Q3", "O-1", "director", "expired", 20), ("2025-Q4", "O-1", "director", "closed", 112)]
    later = facts.override_register(con, "decisions", [period("quarter", "2026-Q1")], LATE)
    assert later.num_rows == 0


def criticism(week: str, check: str, subject: str, **more: object) -> dict:
    row = {
        "week": day(week),
        "check": check,
        "subject": subject,
        "profile": "high",
        "level": "CRITICAL",
        "outcome": "fail",
        "evidence": check,
    }
    return row | more


def test_critical_failures_of_the_last_week_wait_for_a_response(con: duckdb.DuckDBPyConnection) -> None:
    reality = recorded(
        con,
        ModelingRealityCritic,
        [
            criticism("2025-12-15", "old", "north"),
            criticism("2025-12-22", "signs", "north"),
            criticism("2025-12-22", "roi", "south"),
            criticism("2025-12-22", "fit", "south", outcome="pass"),
            criticism("2025-12-22", "note", "south", level="WARNING"),
        ],
        "2025-Q4",
    )
    allocator = recorded(con, AllocatorCritic, [], "2025-Q4")
    raised = {"date": day("2025-12-23"), "challenge_id": "C-1", "artifact": reality, "rule": "signs", "challenged_by": "Director"}
    raised |= {"challenge": "is the sign a prior?", "response": "it is", "responded_by": "modelling lead", "responded_at": at("2025-12-30")}
    free = {
        "date": day("2025-12-01"),
        "challenge_id": "C-2",
        "artifact": "response_curves",
        "challenged_by": "director",
        "challenge": "why?",
    }
    table = facts.challenge_log(con, feed(con, "challenges", [raised, free]), {reality: reality, "allocator_critic": allocator}, [Q4], LATE)
    rows = {(row["challenge_id"], row["rule"]): row for row in checked(contracts.ChallengeLog, table)}
    assert set(rows) == {("C-1", "signs"), ("C-2", ""), ("", "roi")}
    assert (rows[("C-1", "signs")]["is_critical"], rows[("C-1", "signs")]["days_taken"]) == (True, 7)
    assert (rows[("C-2", "")]["is_critical"], rows[("C-2", "")]["days_taken"]) == (False, 30)
    assert rows[("", "roi")]["response"] is None


def test_each_owner_attests_to_the_quarter_that_ended(con: duckdb.DuckDBPyConnection) -> None:
    def model(week: str, name: str, owner: str | None, status: str = "incumbent") -> dict:
        return {"week": day(week), "model_id": name, "version": "1", "origin": "registration", "status": status, "owner_role": owner}

    rows = [model("2025-09-22", "a", "Modelling Lead"), model("2025-09-22", "b", "architect"), model("2025-09-22", "c", "x", "retired")]
    recorded(con, ModelRegistry, rows, "2025-Q3")
    said = {"date": day("2025-10-20"), "subject": "models", "kind": "attestation", "verdict": "attested", "role": "modelling lead"}
    said |= {"cycle": "2025-Q3", "authenticated_by": "signed_commit"}
    given = feed(con, "approvals", [said])
    found = facts.owner_attestations(con, "model_registry", given, [Q3, Q4], LATE, POLICY.model_risk)
    told = [(row["quarter"], row["role"], row["models"], row["state"]) for row in checked(contracts.OwnerAttestations, found)]
    assert told == [
        ("2025-Q3", "architect", "b", "pending"),
        ("2025-Q3", "modelling_lead", "a", "pending"),
        ("2025-Q4", "architect", "b", "missing"),
        ("2025-Q4", "modelling_lead", "a", "attested"),
    ]
    early = facts.owner_attestations(con, "model_registry", given, [Q4], at("2025-10-30"), POLICY.model_risk)
    assert [row["state"] for row in early.to_pylist()] == ["pending", "attested"]


def test_nothing_landed_is_nothing_asked(con: duckdb.DuckDBPyConnection) -> None:
    cards, proposals = recorded(con, Scorecard360, []), recorded(con, AdjustmentProposal, [])
    given = facts_approvals.Given(con, cards, proposals, None, None)
    assert facts_approvals.decision_approvals(given, [Q4], LATE, POLICY).num_rows == 0
    assert facts.override_register(con, None, [Q4], LATE).num_rows == 0


def test_the_page_tells_what_is_open_and_the_file_what_is_to_be_signed(con: duckdb.DuckDBPyConnection) -> None:
    found = approvals(con, [approval("scorecard_360 2025-Q3", "2025-10-07")], [Q3, Q4])
    tables = {name: empty(registry()[name]) for name in ("override_register", "challenge_log", "owner_attestations", "policy_changes")}
    tables["decision_approvals"] = pa.Table.from_pylist(list(found.values()), schema=arrow_schema(contracts.DecisionApprovals))
    described = report.page(tables, pa.table({}), LATE)
    page = page_from(described)
    assert page.sections[0].text.startswith("1 approvals pending, rejected or outdated; 0 overrides")
    assert plots.svg(described["sections"][0]["plot"], plots.NARROW).count("</svg>") == 1
    (path,) = [path for section in page.sections for _, path in section.documents]
    (text,) = [text for name, text in report.documents(tables, pa.table({}), LATE).items() if name == path]
    assert [line.split(",")[0] for line in text.splitlines()] == ["subject", "scorecard_360 2025-Q4"]
    nothing = {name: empty(registry()[name]) for name in tables}
    assert report.page(nothing, pa.table({}), LATE)["sections"] == []
    assert report.documents(nothing, pa.table({}), LATE) == {}
