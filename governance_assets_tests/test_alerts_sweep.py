"""What only the passing of time brings: each step at its hour and once, however many sweep at once."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from governance_assets import contract as contracts
from governance_assets.contract import Contract, arrow_schema, field
from governance_assets.finding import Rule
from governance_assets.policy import Policy, policy_from
from governance_assets.policy.alerts import EscalationStep
from governance_assets.runtime import clock
from governance_assets.runtime.alerts import escalation
from governance_assets.runtime.alerts.incidents import incidents
from governance_assets.runtime.alerts.sweep import sweep
from governance_assets.runtime.alerts.transitions import NewAlert
from governance_assets.runtime.history import Entry
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
TICK = dt.timedelta(microseconds=1)
OPENED = dt.datetime(2025, 10, 6, 12, tzinfo=dt.UTC)  # a Monday
QUIET: dict[str, Any] = {"reminders": [], "status_artifacts": []}
At = Callable[..., Workspace]


@pytest.fixture(scope="module")
def nothing_recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an empty history: making one takes longer than most tests of this file."""
    home = tmp_path_factory.mktemp("home")
    with Workspace(settings(home), Policy()) as workspace:
        assert not workspace.history.alerts().num_rows
    return home


@pytest.fixture
def at(tmp_path: Path, nothing_recorded: Path) -> Iterator[At]:
    """The one workspace of the test, moved to an instant and under the policy with these alerts."""
    shutil.copytree(nothing_recorded, tmp_path, dirs_exist_ok=True)
    with Workspace(settings(tmp_path), policy_at(OPENED, QUIET)) as workspace:

        def moved(now: dt.datetime, alerts: dict[str, Any] | None = None, **sections: Any) -> Workspace:
            workspace.policy, workspace.as_of = policy_at(now, QUIET | (alerts or {}), **sections), now
            return workspace

        yield moved


def settings(home: Path) -> Settings:
    return Settings.from_environment({"GOVERNANCE_HOME": str(home), "GOVERNANCE_TELEMETRY": str(home)})


def policy_at(now: dt.datetime, alerts: dict[str, Any], **sections: Any) -> Policy:
    return policy_from({"clock": {"as_of": now.isoformat()}, "alerts": alerts, **sections})


def told(workspace: Workspace, *kinds: str) -> list[dict[str, Any]]:
    return [row for row in workspace.history.alerts().to_pylist() if row["kind"] in kinds]


def record(workspace: Workspace, *alerts: NewAlert) -> None:
    workspace.history.record_alerts(lambda rows: alerts, workspace.provenance("run", {}))


def failing(rule: str = "value_is_low", severity: str = "error", since: dt.datetime = OPENED, **more: Any) -> NewAlert:
    given = {"artifact": "toys", "subject": "red", "partition_key": "2025-09-29", "outcome": "fail", "owner": "toy_lead"} | more
    return NewAlert(kind="failing", rule=rule, severity=severity, since=since, message="red misses it", origin="finding", **given)


def said(kind: str, workspace: Workspace, **more: Any) -> NewAlert:
    """What a person says to the one open incident."""
    (incident,) = [one for one in incidents(workspace.history.alerts().to_pylist()) if one.is_open]
    told = {name: getattr(incident, name) for name in ("artifact", "rule", "subject", "partition_key", "outcome", "severity", "message")}
    return NewAlert(kind=kind, **told, origin="person", incident=incident.id, since=incident.opened_at, by="toy_lead", **more)


# ---------------------------------------------------------------- escalation


@pytest.mark.parametrize(
    ("rule", "severity", "priority", "after", "role"),
    [
        ("ledger_intact", "error", "P0", 24 * HOUR, "programme_owner"),
        ("value_is_low", "error", "P1", 7 * DAY, "architect"),
        ("value_is_low", "warn", "P2", 14 * DAY, "programme_owner"),
        ("toy_is_new", "warn", "P3", 30 * DAY, "programme_owner"),
    ],
)
def test_each_priority_is_escalated_after_its_limit_and_once(
    at: At, rule: str, severity: str, priority: str, after: dt.timedelta, role: str
) -> None:
    priorities = {"rule_priorities": [{"rule": "ledger_intact", "priority": "P0"}, {"rule": "toy_is_new", "priority": "P3"}]}
    record(at(OPENED, priorities), failing(rule, severity))
    assert sweep(at(OPENED + after - TICK, priorities)) == 0
    assert sweep(at(OPENED + after, priorities)) == 0, "exactly as old as the limit is not older"
    assert sweep(at(OPENED + after + TICK, priorities)) == 1
    assert sweep(at(OPENED + after + 100 * DAY, priorities)) == 0
    (row,) = told(at(OPENED), "escalated")
    assert row["step"].startswith(f"{role}: ")
    assert f"({priority}, " in row["step"]
    assert (row["artifact"], row["rule"], row["subject"], row["since"], row["is_sent"]) == ("toys", rule, "red", OPENED, True)
    assert row["incident"] == told(at(OPENED), "failing")[0]["incident"]


def test_business_time_stands_still_over_a_weekend_and_a_holiday(at: At) -> None:
    friday = dt.datetime(2025, 10, 10, 18, tzinfo=dt.UTC)
    step = {"priority": "P1", "after_hours": 24, "is_business_time": True, "role": "director", "action": "decide"}
    policy = {"escalation": [step]}
    off = {"calendar": {"holidays": ["2025-10-13"]}}
    record(at(friday), failing(since=friday))
    assert sweep(at(friday + 3 * DAY, policy)) == 0
    assert sweep(at(friday + 3 * DAY + TICK, policy, **off)) == 0
    assert sweep(at(friday + 4 * DAY, policy, **off)) == 0
    assert sweep(at(friday + 4 * DAY + TICK, policy, **off)) == 1


def test_several_steps_that_came_due_while_nobody_swept_are_all_taken_in_their_order(at: At) -> None:
    steps = [
        {"priority": "P1", "after_hours": hours, "role": role, "action": "decide"} for hours, role in ((48, "director"), (24, "architect"))
    ]
    record(at(OPENED), failing())
    assert sweep(at(OPENED + 3 * DAY, {"escalation": steps})) == 2
    assert [row["step"].split(":")[0] for row in told(at(OPENED), "escalated")] == ["architect", "director"]


def test_what_has_recovered_is_not_escalated(at: At) -> None:
    record(at(OPENED), failing())
    record(at(OPENED), said("recovered", at(OPENED)))
    assert sweep(at(OPENED + 100 * DAY)) == 0


def test_an_acknowledgement_holds_its_steps_until_it_ends(at: At) -> None:
    record(at(OPENED), failing())
    record(at(OPENED), said("acknowledged", at(OPENED), until=OPENED + 10 * DAY))
    assert sweep(at(OPENED + 10 * DAY - TICK)) == 0
    assert sweep(at(OPENED + 10 * DAY)) == 1
    assert [row["kind"] for row in told(at(OPENED), "escalated", "waiver_expired")] == ["escalated"]


def test_an_acknowledgement_without_end_holds_for_good(at: At) -> None:
    record(at(OPENED), failing())
    record(at(OPENED), said("acknowledged", at(OPENED)))
    assert sweep(at(OPENED + 1000 * DAY)) == 0


def test_the_end_of_a_waiver_is_told_once_and_lets_the_steps_go_on(at: At) -> None:
    record(at(OPENED), failing())
    record(at(OPENED), said("waived", at(OPENED), until=OPENED + 20 * DAY, reason="known"))
    assert sweep(at(OPENED + 20 * DAY - TICK)) == 0
    assert sweep(at(OPENED + 20 * DAY)) == 2
    assert sweep(at(OPENED + 30 * DAY)) == 0
    expired, escalated = told(at(OPENED), "waiver_expired", "escalated")
    assert (expired["kind"], expired["by"], expired["reason"]) == ("waiver_expired", "toy_lead", "known")
    assert escalated["kind"] == "escalated"


@pytest.mark.parametrize(
    ("rule", "source", "role"),
    [
        ("risk_score_is_acceptable", "A24", "director"),
        ("telemetry_is_fresh_at_kickoff", "A43", "architect"),
        ("holdout_is_assigned", "B10", "modelling_lead"),
        ("repository_is_synchronised", "C08", "programme_owner"),
        ("no_critical_issue_is_open", "C35", "quality_lead"),
    ],
)
def test_a_rule_of_any_domain_escalates_to_the_role_its_priority_names(at: At, rule: str, source: str, role: str) -> None:
    """A rule needs nothing but its finding and a line of policy; the path from there is the same for all."""
    step = {"priority": "P0", "after_hours": 1, "role": role, "action": "decide", "source": source}
    policy = {"rule_priorities": [{"rule": rule, "priority": "P0"}], "escalation": [step]}
    judged = Rule(rule, "it holds", "mend it", sources=source).judge("team-a", False)
    now = clock.now()
    before = at(now, policy, calendar={})
    contract = make_contract("sweep_risks")
    try:
        before.history.commit([entry(contract, now, judged)], before.provenance("run", {}))
        opened = told(before, "failing")[0]
        assert (opened["rule"], opened["sources"], opened["is_sent"]) == (rule, source, True)
        assert sweep(at(opened["recorded_at"] + HOUR, policy)) == 0
        assert sweep(at(opened["recorded_at"] + HOUR + TICK, policy)) == 1
    finally:
        contracts._REGISTRY.pop("sweep_risks")
    (row,) = told(before, "escalated")
    assert row["step"].startswith(f"{role}: decide")
    assert row["incident"] == opened["incident"]


def make_contract(name: str) -> type[Contract]:
    class Toy(Contract, artifact=name, grain="week", key=("week",)):
        """A week."""

        week: dt.date = field("Monday")

    return Toy


def entry(contract: type[Contract], looked_from: dt.datetime, *findings: Any) -> Entry:
    """The week before the one that is running, with its findings."""
    week = looked_from.date() - dt.timedelta(days=looked_from.weekday() + 7)
    rows = pa.Table.from_pylist([{"week": week}], schema=arrow_schema(contract))
    return Entry(contract, week.isoformat(), rows, (), tuple(findings), "code", False)


def test_a_missed_activity_is_told_to_its_role_at_once(at: At) -> None:
    missed = failing(escalation.ACTIVITY_TOOK_PLACE, artifact="operational_health", subject="assessment", partition_key="all")
    record(at(OPENED), missed)
    assert sweep(at(OPENED)) == 0
    assert sweep(at(OPENED + TICK)) == 1
    assert sweep(at(OPENED + DAY)) == 0
    assert told(at(OPENED), "escalated")[0]["step"] == "programme_owner: see that assessment takes place (urgent)"


def test_steps_are_told_apart_by_their_words() -> None:
    policy = Policy()
    (incident,) = incidents([failing().row(1, OPENED)])
    first = escalation.steps_of(incident, policy)
    assert [(step.role, step.due_at) for step in first] == [("architect", OPENED + 7 * DAY)]
    (taken,) = incidents([failing().row(1, OPENED), failing().row(1, OPENED) | {"alert": 2, "kind": "escalated", "step": first[0].text}])
    assert escalation.open_steps(taken, policy) == []
    texts = [
        EscalationStep(priority="P1", after_hours=hours, role="a", action="b", is_business_time=is_business).text
        for hours in (1, 2)
        for is_business in (False, True)
    ]
    assert len(set(texts)) == 4


# ---------------------------------------------------------------- many at once

_SWEEP = """
import sys
from pathlib import Path
import datetime as dt
from governance_assets_tests.test_alerts_sweep import QUIET, policy_at, settings
from governance_assets.runtime.alerts.sweep import sweep
from governance_assets.runtime.workspace import Workspace

home, first, last = Path(sys.argv[1]), *map(dt.datetime.fromisoformat, sys.argv[2:4])
sys.stdin.readline()
recorded = 0
with Workspace(settings(home)) as workspace:
    for number in range(6):
        workspace.policy = policy_at(first + number * (last - first) / 5, QUIET)
        recorded += sweep(workspace)
print(recorded)
"""


def test_two_processes_that_sweep_at_once_take_each_step_once(at: At, tmp_path: Path) -> None:
    incidents_opened = [failing(subject=f"toy {number}", since=OPENED + number * HOUR) for number in range(12)]
    record(at(OPENED), *incidents_opened)
    arguments = [sys.executable, "-c", _SWEEP, str(tmp_path), OPENED.isoformat(), (OPENED + 8 * DAY).isoformat()]
    running = [
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
        for _ in range(2)
    ]
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    recorded = [int(one.communicate(timeout=120)[0]) for one in running]
    rows = told(at(OPENED), "escalated")
    assert sum(recorded) == len(rows) == len(incidents_opened)
    assert len({row["incident"] for row in rows}) == len(rows)


def test_a_decision_taken_before_somebody_else_swept_is_taken_again_under_the_lock(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    record(at(OPENED), failing())
    late = at(OPENED + 8 * DAY)
    asked = late.history.record_alerts

    def overtaken(*arguments: Any) -> Any:
        with Workspace(late.settings, late.policy) as early:
            assert sweep(early) == 1
        return asked(*arguments)

    monkeypatch.setattr(late.history, "record_alerts", overtaken)
    assert sweep(late) == 0
    assert len(told(at(OPENED), "escalated")) == 1


# ---------------------------------------------------------------- unknown for too long


def test_a_state_that_became_unknown_and_is_not_judged_again_is_told_once(at: At) -> None:
    quiet = NewAlert("quiet", "toys", "value_is_low", "red", "all", "unknown", "error", "no facts", "finding", incident="", is_sent=False)
    record(at(OPENED), quiet)
    became = told(at(OPENED), "quiet")[0]["recorded_at"]
    limit = dt.timedelta(days=Policy().alerts.unknown_after_days)
    assert sweep(at(became + limit - TICK)) == 0
    assert sweep(at(became + limit)) == 1
    assert sweep(at(became + limit + DAY)) == 0
    (row,) = told(at(OPENED), "unknown")
    assert (row["severity"], row["outcome"], row["message"], row["is_sent"]) == ("warn", "unknown", "no facts", True)
    assert row["incident"]


def test_an_unknown_week_that_is_long_past_is_no_news(at: At) -> None:
    contract = make_contract("sweep_weeks")
    try:
        quiet = NewAlert(
            "quiet", "sweep_weeks", "r", "red", "2025-08-25", "unknown", "error", "no facts", "finding", incident="", is_sent=False
        )
        record(at(OPENED), quiet)
        assert sweep(at(clock.now() + 8 * DAY)) == 0
    finally:
        contracts._REGISTRY.pop(contract.artifact)


# ---------------------------------------------------------------- reminders

SENT = {"reminders": ["plan_update_reminder", "issue_review_reminder", "assessment_reminder"]}
REMINDED = dt.datetime(2025, 10, 10, 15, tzinfo=dt.UTC)  # Friday: plan update


def test_a_reminder_comes_at_its_hour_and_once(at: At) -> None:
    record(at(REMINDED), failing(since=REMINDED))
    sweep(at(REMINDED - TICK, SENT))
    before = {row["subject"] for row in told(at(REMINDED), "reminder", "quiet")}
    assert "plan_update_reminder/2025-10-10" not in before
    assert sweep(at(REMINDED, SENT)) == 1
    assert sweep(at(REMINDED + HOUR, SENT)) == 0
    (row,) = told(at(REMINDED), "reminder")
    assert (row["subject"], row["severity"], row["incident"], row["is_sent"]) == ("plan_update_reminder/2025-10-10", "info", "", True)
    assert "2025-10-10 15:00" in row["message"]


def test_reminders_missed_in_a_stop_are_recorded_and_not_sent(at: At) -> None:
    fresh = dt.timedelta(hours=Policy().alerts.max_reminder_age_hours)
    assert sweep(at(REMINDED + fresh, SENT)) == 1
    assert [row["is_sent"] for row in told(at(REMINDED), "reminder", "quiet")] == [True]
    later = REMINDED + 7 * DAY + fresh + TICK
    assert sweep(at(later, SENT)) == 2
    missed = told(at(REMINDED), "quiet")
    assert [row["subject"] for row in missed] == ["issue_review_reminder/2025-10-14", "plan_update_reminder/2025-10-17"]
    assert not any(row["is_sent"] for row in missed)
    assert sweep(at(later + TICK, SENT)) == 0


def test_a_year_of_stop_brings_no_flood(at: At) -> None:
    sweep(at(REMINDED, SENT))
    before = len(told(at(REMINDED), "reminder"))
    sweep(at(REMINDED + 365 * DAY, SENT))
    assert len(told(at(REMINDED), "reminder")) - before == 1, "what is older than a day is not sent"
    rows = [row["subject"] for row in told(at(REMINDED), "reminder", "quiet") if row["subject"] > "plan_update_reminder/2025-10-10"]
    weekly = [subject for subject in rows if subject.startswith("plan_update_reminder/")]
    assert len(weekly) == len(set(weekly)) == 52, "and all of it is recorded, each once"


# ---------------------------------------------------------------- the nightly message


def test_the_nightly_message_follows_the_nightly_run_and_comes_once_a_day(at: At) -> None:
    contract = make_contract("sweep_scores")
    policy = {"status_artifacts": ["sweep_scores"]}
    night = dt.datetime(2025, 10, 7, 6, 35, tzinfo=dt.UTC)
    failed = Rule("value_is_low", "it is low", "lower it").judge("red", False, 2, 1)
    passed = Rule("value_is_low", "it is low", "lower it").judge("blue", True, 0, 1)
    try:
        here = at(night, policy)
        assert sweep(here) == 0
        here.history.commit([entry(contract, night, failed, passed)], here.provenance("run", {ORIGIN_TAG: "cli"}))
        assert sweep(here) == 0, "a run by hand is not the nightly one"
        later = at(night + 1 * HOUR, policy)
        later.history.commit([entry(contract, night, failed)], later.provenance("night", {ORIGIN_TAG: "schedule"}))
        assert sweep(later) == 1
        assert sweep(at(night + 12 * HOUR, policy)) == 0
        assert sweep(at(night + 24 * HOUR, policy)) == 0, "the run of the next night is still to come"
    finally:
        contracts._REGISTRY.pop("sweep_scores")
    (row,) = told(here, "notice")
    assert row["message"] == "sweep_scores 2025-09-29: Fail, 1 of 1 finding failed; 1 open incident"
    assert (row["severity"], row["incident"], row["subject"], row["sources"]) == ("info", "", "2025-10-07", "B22")
