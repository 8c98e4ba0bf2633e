"""Changes of state: what opens, worsens and closes an incident, and what is no news."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets import contract as contracts
from governance_assets.contract import Contract, arrow_schema, field
from governance_assets.finding import Finding, Rule
from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.alerts.incidents import Incident, incidents
from governance_assets.runtime.alerts.transitions import Alerting, Evaluation, NewAlert, State, states_after, transitions
from governance_assets.runtime.history import Entry, History, Provenance
from governance_assets.runtime.periods import partition_end

NOW = dt.datetime(2025, 12, 24, 12, tzinfo=dt.UTC)
WEEKS = ["2025-12-01", "2025-12-08", "2025-12-15", "2025-12-22"]
LONG_AGO = "2024-01-01"
COVERAGE = Rule("coverage_holds", "coverage is near nominal", "recalibrate", unit="fraction")
POLICY = AlertsPolicy()


class Desk:
    """The table of alerts, with a clock that ticks by the minute."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.states: dict[tuple[str, str, str], State] = {}
        self.verdicts: dict[tuple[tuple[str, str, str], str], str] = {}
        self.now = NOW

    def judge(self, *verdicts: tuple[str, Sequence[Finding]], is_complete: bool = True) -> list[str]:
        """Judge partitions in one commit; the kinds of the rows it adds."""
        self.now += dt.timedelta(minutes=1)
        before = len(self.rows)
        evaluations = [
            Evaluation("scores", week, partition_end("week", week), found, "analyst", 1, "run", is_complete) for week, found in verdicts
        ]
        transitions(evaluations, self.states, Alerting.by(POLICY, self.now), self._assign, self._was_failing)
        for one in evaluations:
            self.verdicts |= {(("scores", f.rule, f.subject), one.partition_key): f.outcome for f in one.findings}
        return [row["kind"] for row in self.rows[before:]]

    def _assign(self, new: NewAlert) -> dict[str, Any]:
        self.rows.append(new.row(len(self.rows) + 1, self.now))
        return self.rows[-1]

    def _was_failing(self, key: tuple[str, str, str], partition_key: str) -> bool:
        return self.verdicts.get((key, partition_key)) in ("fail", "error")

    @property
    def open(self) -> list[Incident]:
        return [one for one in incidents(self.rows) if one.is_open]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def coverage(outcome: str, value: float | None = 0.6, subject: str = "team a", severity: str = "error") -> Finding:
    rule = Rule(COVERAGE.name, COVERAGE.requirement, COVERAGE.remedy, severity, "fraction")
    return rule.finding(subject, outcome, value, 0.8)


def test_a_first_pass_is_no_news(desk: Desk):
    assert desk.judge((WEEKS[0], [coverage("pass")])) == []


def test_a_failure_opens_one_incident_that_later_weeks_keep_open_and_a_pass_closes(desk: Desk):
    assert desk.judge((WEEKS[0], [coverage("fail")])) == ["failing"]
    assert desk.judge((WEEKS[0], [coverage("fail")])) == []
    assert desk.judge((WEEKS[1], [coverage("fail")])) == ["quiet"]
    (open_one,) = desk.open
    assert open_one.partition_key == WEEKS[1]
    assert desk.judge((WEEKS[2], [coverage("pass", 0.79)])) == ["recovered"]
    (closed,) = incidents(desk.rows)
    assert (closed.is_open, closed.id, closed.opened_at) == (False, open_one.id, open_one.opened_at)
    assert [row["is_sent"] for row in desk.rows] == [True, False, True]
    assert desk.rows[-1]["severity"] == "info"


def test_a_pass_of_an_earlier_week_closes_nothing(desk: Desk):
    desk.judge((WEEKS[0], [coverage("fail")]), (WEEKS[2], [coverage("fail")]))
    assert desk.judge((WEEKS[1], [coverage("pass")])) == []
    assert len(desk.open) == 1


def test_the_next_failure_after_a_recovery_is_another_incident(desk: Desk):
    desk.judge((WEEKS[0], [coverage("fail")]), (WEEKS[1], [coverage("pass")]))
    assert desk.judge((WEEKS[2], [coverage("fail")])) == ["failing"]
    assert len({one.id for one in incidents(desk.rows)}) == 2


def test_weeks_of_one_commit_are_judged_in_their_order(desk: Desk):
    weeks = [(WEEKS[2], [coverage("pass")]), (WEEKS[0], [coverage("fail")]), (WEEKS[1], [coverage("fail")])]
    assert desk.judge(*weeks) == ["failing", "quiet", "recovered"]


def test_judging_the_same_weeks_again_is_no_news_although_old_ones_failed(desk: Desk):
    weeks = [(WEEKS[0], [coverage("fail")]), (WEEKS[1], [coverage("pass")])]
    assert desk.judge(*weeks) == ["failing", "recovered"]
    assert desk.judge(*weeks) == []


def test_an_earlier_week_that_newly_fails_is_news_although_later_ones_pass(desk: Desk):
    desk.judge((WEEKS[0], [coverage("fail")]), (WEEKS[1], [coverage("pass")]), (WEEKS[2], [coverage("pass")]))
    assert desk.judge((WEEKS[1], [coverage("fail")])) == ["failing"]


@pytest.mark.parametrize(
    ("value", "severity", "outcome", "kinds"),
    [
        (0.51, "error", "fail", []),  # 0.29 below the limit where 0.20 was told: less than half more
        (0.49, "error", "fail", ["worse"]),
        (0.6, "error", "error", ["worse"]),
        (0.6, "error", "unknown", ["quiet"]),
        (None, "error", "fail", []),
    ],
)
def test_worse_is_a_further_miss_by_half_or_a_graver_outcome(desk: Desk, value, severity, outcome, kinds):
    desk.judge((WEEKS[0], [coverage("fail", 0.6)]))
    assert desk.judge((WEEKS[0], [coverage(outcome, value, severity=severity)])) == kinds


def test_a_warning_that_becomes_an_error_is_worse(desk: Desk):
    desk.judge((WEEKS[0], [coverage("fail", severity="warn")]))
    assert desk.judge((WEEKS[1], [coverage("fail", severity="error")])) == ["worse"]


def test_worse_is_measured_from_what_was_told_last(desk: Desk):
    desk.judge((WEEKS[0], [coverage("fail", 0.6)]))
    assert desk.judge((WEEKS[1], [coverage("fail", 0.55)])) == ["quiet"]
    assert desk.judge((WEEKS[2], [coverage("fail", 0.49)])) == ["worse"]
    assert desk.judge((WEEKS[3], [coverage("fail", 0.48)])) == ["quiet"]


def test_what_ended_long_ago_opens_nothing_but_may_close(desk: Desk):
    assert desk.judge((LONG_AGO, [coverage("fail")])) == []
    desk.now = dt.datetime(2024, 1, 9, tzinfo=dt.UTC)
    assert desk.judge((LONG_AGO, [coverage("fail", 0.5)])) == ["failing"]
    desk.now = NOW
    assert desk.judge((LONG_AGO, [coverage("pass")])) == ["recovered"]


@pytest.mark.parametrize(("days", "is_news"), [(POLICY.max_partition_age_days, True), (POLICY.max_partition_age_days + 1e-6, False)])
def test_the_age_limit_itself_is_news(days: float, is_news: bool):
    ended = NOW - dt.timedelta(days=days)
    assert Alerting.by(POLICY, NOW).is_old(ended) is not is_news
    assert not Alerting.by(POLICY, NOW).is_old(None)


def test_unknown_for_too_long_opens_an_incident_once_and_a_pass_closes_it(desk: Desk):
    assert desk.judge((WEEKS[3], [coverage("unknown", None)])) == ["quiet"]
    desk.now = NOW + dt.timedelta(days=POLICY.unknown_after_days - 0.1)
    assert desk.judge((WEEKS[3], [coverage("unknown", None)])) == []
    desk.now = NOW + dt.timedelta(days=POLICY.unknown_after_days + 0.1)
    assert desk.judge((WEEKS[3], [coverage("unknown", None)])) == ["unknown"]
    assert desk.judge((WEEKS[3], [coverage("unknown", None)])) == []
    assert desk.judge((WEEKS[3], [coverage("fail")])) == ["worse"]
    assert desk.judge((WEEKS[3], [coverage("pass")])) == ["recovered"]
    assert desk.open == []


def test_unknown_that_passes_in_time_is_never_sent(desk: Desk):
    desk.judge((WEEKS[0], [coverage("unknown", None)]), (WEEKS[1], [coverage("pass")]))
    assert [(row["kind"], row["is_sent"], row["incident"]) for row in desk.rows] == [("quiet", False, "")] * 2
    assert incidents(desk.rows) == []


def test_what_is_no_longer_judged_stays_open_and_its_outcome_is_unknown(desk: Desk):
    desk.judge((WEEKS[0], [coverage("fail"), coverage("fail", subject=f"scores {WEEKS[0]}")]))
    assert desk.judge((WEEKS[1], [coverage("pass", subject="team b")])) == ["quiet"]
    assert [(one.subject, one.outcome) for one in desk.open] == [("team a", "unknown"), (f"scores {WEEKS[0]}", "fail")]


def test_a_subject_that_is_gone_when_its_week_is_judged_again_is_an_incident_no_more(desk: Desk):
    desk.judge((WEEKS[0], [coverage("fail"), coverage("fail", subject=f"scores {WEEKS[0]}")]))
    assert desk.judge((WEEKS[0], [coverage("pass", subject="team b")]), is_complete=False) == []
    assert desk.judge((WEEKS[0], [coverage("pass", subject="team b")])) == ["recovered", "recovered"]
    assert {(row["outcome"], row["severity"], row["is_sent"]) for row in desk.rows[2:]} == {("not_applicable", "info", True)}
    assert desk.open == []


def test_of_two_verdicts_on_one_subject_the_worse_counts(desk: Desk):
    assert desk.judge((WEEKS[0], [coverage("pass"), coverage("fail"), coverage("not_applicable")])) == ["failing"]


def test_subjects_with_unpaired_surrogates_keep_their_state(desk: Desk):
    assert desk.judge((WEEKS[0], [coverage("fail", subject="a\udc80")])) == ["failing"]
    assert desk.judge((WEEKS[1], [coverage("pass", subject="a\udc80")])) == ["recovered"]


VERDICTS = st.lists(
    st.tuples(st.sampled_from(WEEKS), st.sampled_from(["pass", "fail", "error", "unknown"]), st.sampled_from(["a", "b"])), max_size=30
)


@given(VERDICTS)
def test_at_most_one_incident_is_open_and_every_opening_is_closed_by_a_pass(verdicts: list[tuple[str, str, str]]):
    desk = Desk()
    for week, outcome, subject in verdicts:
        desk.judge((week, [coverage(outcome, 0.6, subject)]))
        assert len({one.key for one in desk.open}) == len(desk.open)
        assert states_after(desk.rows) == desk.states
    for one in incidents(desk.rows):
        rows = [row for row in desk.rows if row["incident"] == one.id]
        assert rows[0]["kind"] in ("failing", "unknown")
        assert [row["kind"] for row in rows if row["kind"] == "recovered"] == ["recovered"] * (not one.is_open)


# In the history: one transaction with the verdict, whoever commits


@pytest.fixture(scope="module")
def scores() -> type[Contract]:
    known = contracts.registry().get("alert_scores")
    if known is not None:
        return known

    class AlertScores(Contract, artifact="alert_scores", grain="week", key=("week",), owner="analyst"):
        """Scores that alerts are tried on."""

        week: dt.date = field("Monday of the week")

    return AlertScores


def entry(contract: type[Contract], week: str, *findings: Finding, rows: bool = True) -> Entry:
    table = pa.table({"week": [dt.date.fromisoformat(week)]}, schema=arrow_schema(contract))
    return Entry(contract, week, table if rows else None, (), findings, "code", False)


def provenance(policy_text: str = "{}") -> Provenance:
    return Provenance("run", NOW, "", None, None, "p", ("governance run",), "cli", policy_text, Alerting.by(POLICY, NOW))


def test_verdict_and_change_of_state_are_one_transaction(scores: type[Contract], tmp_path: Path):
    with History.open(f"ducklake:sqlite:{tmp_path / 'catalog.sqlite'}") as history:
        history.commit([entry(scores, WEEKS[0], coverage("fail"))], provenance())
        history.commit([entry(scores, WEEKS[0], coverage("fail"))], provenance())
        (row,) = history.alerts().to_pylist()
        assert (row["kind"], row["entry"], row["owner"], row["recorded_at"]) == (
            "failing",
            1,
            "analyst",
            history.ledger()["recorded_at"][0].as_py(),
        )
        history.commit([entry(scores, WEEKS[1], coverage("pass"))], provenance())
        assert history.alerts(after=1)["kind"].to_pylist() == ["recovered"]
        assert history.sql("SELECT count(*) AS n FROM alerts")["n"].to_pylist() == [2]
        assert history.policy("p") == "{}"
        assert history.policy("q") is None


def test_committers_that_alternate_see_each_others_incidents(scores: type[Contract], tmp_path: Path):
    location = f"ducklake:sqlite:{tmp_path / 'catalog.sqlite'}"
    with History.open(location) as one, History.open(location) as other:
        for number, (history, outcome) in enumerate([(one, "fail"), (other, "fail"), (one, "pass"), (other, "fail"), (other, "pass")]):
            history.commit([entry(scores, WEEKS[0], coverage(outcome, 0.6 + number / 1000))], provenance())
        assert one.alerts()["kind"].to_pylist() == ["failing", "recovered", "failing", "recovered"]
        assert one.alerts()["alert"].to_pylist() == [1, 2, 3, 4]


def test_an_earlier_week_that_failed_before_is_no_news_in_the_history_either(scores: type[Contract], tmp_path: Path):
    with History.open(f"ducklake:sqlite:{tmp_path / 'catalog.sqlite'}") as history:
        history.commit([entry(scores, WEEKS[0], coverage("fail")), entry(scores, WEEKS[1], coverage("pass"))], provenance())
        history.commit([entry(scores, WEEKS[0], coverage("fail", 0.61))], provenance())
        assert history.alerts()["kind"].to_pylist() == ["failing", "recovered"]
        history.commit([entry(scores, WEEKS[0], coverage("pass", 0.81))], provenance())
        history.commit([entry(scores, WEEKS[0], coverage("fail", 0.62))], provenance())
        assert history.alerts(after=2)["kind"].to_pylist() == ["failing"]


def test_a_refusal_alerts_and_a_judgement_closes(scores: type[Contract], tmp_path: Path):
    with History.open(f"ducklake:sqlite:{tmp_path / 'catalog.sqlite'}") as history:
        history.commit([entry(scores, WEEKS[0], coverage("fail"), rows=False)], provenance())
        history.commit([entry(scores, WEEKS[0], coverage("fail", 0.7))], provenance())
        history.judge([entry(scores, WEEKS[0], coverage("pass"), rows=False)], provenance())
        assert history.alerts()["kind"].to_pylist() == ["failing", "recovered"]


def test_what_must_happen_once_is_decided_under_the_lock(tmp_path: Path):
    def once(rows: list[dict[str, Any]]) -> list[NewAlert]:
        if any(row["kind"] == "reminder" for row in rows):
            return []
        return [NewAlert("reminder", "", "plan_update", "plan update", "2025-12-26", "", "info", "due", "clock", incident="")]

    location = f"ducklake:sqlite:{tmp_path / 'catalog.sqlite'}"
    with History.open(location) as one, History.open(location) as other:
        assert [row["alert"] for row in one.record_alerts(once, provenance())] == [1]
        assert other.record_alerts(once, provenance()) == []
        assert incidents(one.alerts().to_pylist()) == []


def test_a_commit_that_fails_leaves_no_alert_and_no_state(scores: type[Contract], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with History.open(f"ducklake:sqlite:{tmp_path / 'catalog.sqlite'}") as history:
        store = history._store
        with monkeypatch.context() as patch:
            patch.setattr(store, "describe", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
            with pytest.raises(OSError, match="disk full"):
                history.commit([entry(scores, WEEKS[0], coverage("fail"))], provenance())
        assert history.alerts().num_rows == 0
        history.commit([entry(scores, WEEKS[0], coverage("fail"))], provenance())
        assert history.alerts()["kind"].to_pylist() == ["failing"]


def test_notes_are_read_from_the_rows():
    def row(number: int, kind: str, **given: Any) -> dict[str, Any]:
        new = NewAlert("failing", "scores", "r", "s", WEEKS[0], "fail", "error", "m", "person", **given)
        return new.row(number, NOW + dt.timedelta(hours=number)) | {"kind": kind}

    first = row(1, "failing")
    same = {"incident": first["incident"], "since": first["since"]}
    until = NOW + dt.timedelta(days=2)
    rows = [
        first,
        row(2, "acknowledged", by="analyst", reason="seen", **same),
        row(3, "waived", by="architect", reason="migration", until=until, **same),
        row(4, "escalated", step="P1", **same),
    ]
    (one,) = incidents(rows)
    assert (one.is_acknowledged(NOW), one.is_waived(until), one.is_waived(until - dt.timedelta(seconds=1))) == (True, False, True)
    assert one.steps == {"P1"}
    assert one.alerts == (1, 2, 3, 4)
    assert one.priority(POLICY) == "P1"
    (lifted,) = incidents([*rows, row(5, "unwaived", by="architect", reason="done", **same)])
    assert lifted.waiver is None
