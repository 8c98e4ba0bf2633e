"""Weeks of plans from planted snapshots, changes, notes and costs: states, scope, phases, the four lines, adjustments, changes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from benchmarks import plan_transitions
from governance_assets.contract import Contract, arrow_schema, conform, violations
from governance_assets.domains.plan import contracts, facts
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.policy import PlanPolicy
from governance_assets.policy.plan import DeclaredTotal, PlanTerms
from governance_assets.runtime.periods import period

UTC = dt.UTC
WEEKS = ("2025-10-06", "2025-10-13", "2025-10-20")
LATE = dt.datetime(2026, 1, 1, tzinfo=UTC)


def on(day: int, hour: int = 12) -> dt.datetime:
    return dt.datetime(2025, 10, day, hour, tzinfo=UTC)


def item(item_id: str | None, status: str | None, day: int, **more: Any) -> dict[str, Any]:
    return {"plan": "p", "kind": "stage", "item_id": item_id, "status": status, "date": dt.date(2025, 10, day), "phase_id": "1"} | more


def move(item_id: str, instant: dt.datetime, before: str | None, after: str | None, kind: str = "status") -> dict[str, Any]:
    told = {"plan": "p", "item_id": item_id, "instant": instant, "date": instant.date(), "kind": kind}
    return told | {"from_status": before, "to_status": after}


def view(con: duckdb.DuckDBPyConnection, feed: str, rows: list[dict[str, Any]]) -> str:
    plain = pa.schema([pa.field(each.name, each.type) for each in arrow_schema(RECORD_FEEDS[feed])])
    con.register(feed, pa.Table.from_pylist(rows, schema=plain))
    return feed


def computed(
    contract: type[Contract],
    policy: PlanPolicy | None = None,
    keys: tuple[str, ...] = WEEKS,
    as_of: dt.datetime = LATE,
    **feeds: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """The rows of one artifact, those before it computed on the way, each conforming to its contract."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    given = facts.Feeds(**{feed: view(con, feed, rows) for feed, rows in feeds.items() if rows})
    rest = ([period("week", key) for key in keys], as_of, policy or PlanPolicy())
    wanted = contract.artifact
    for each, needs in (
        (contracts.PlanMoves, ()),
        (contracts.PlanProgress, ()),
        (contracts.PlanPhases, ()),
        (contracts.PlanDashboard, ("plan_phases",)),
        (contracts.EstimateAdjustments, ()),
        (contracts.WeeklyChangelog, ()),
        (contracts.PlanChanges, ("estimate_adjustments", "plan_dashboard")),
    ):
        if each is contract or wanted in ("plan_dashboard", "plan_changes"):
            rows = conform(each, getattr(facts, each.artifact)(con, given, *needs, *rest))
            assert violations(each, rows) == []
            con.register(each.artifact, rows)
            if each is contract:
                return list(rows.to_pylist())
    raise AssertionError(wanted)


def figure(rows: list[dict[str, Any]], line: str, name: str, week: str = WEEKS[0], plan: str = "p") -> dict[str, Any]:
    (found,) = [row for row in rows if (row["line"], row["name"], str(row["week"]), row["plan"]) == (line, name, week, plan)]
    return found


# ---------------------------------------------------------------- moves


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("Todo", "In Progress", "forward"),
        ("in_progress", "DONE", "forward"),
        ("needs-review", "done", "forward"),
        ("pending", "done", "skip"),
        ("blocked", "done", "skip"),
        ("in progress", "todo", "backward"),
        ("todo", "blocked", "pause"),
        ("in progress", "on_hold", "pause"),
        ("blocked", "todo", "resume"),
        ("blocked", "in progress", "resume"),
        ("pending", "Not  Started", "none"),
        ("done", "in progress", "out_of_done"),
        ("done", None, "out_of_done"),
        ("done", "nonsense", "out_of_done"),
        ("done", "complete", "none"),
        ("todo", "nonsense", "unknown_label"),
        (None, "done", "unknown_label"),
    ],
)
def test_a_move_is_what_its_states_say(before: str | None, after: str | None, change: str) -> None:
    (row,) = computed(contracts.PlanMoves, plan_transitions=[move("a", on(7), before, after)])
    assert (row["change"], row["moves"], row["items"], row["examples"], row["misstated"]) == (change, 1, 1, "a", 0)


def test_moves_belong_to_their_week_and_are_counted_once() -> None:
    moves = [
        move("a", dt.datetime(2025, 10, 12, 23, 59, 59, tzinfo=UTC), "todo", "done"),
        move("b", dt.datetime(2025, 10, 13, tzinfo=UTC), "todo", "done"),
        move("a", on(14), "in progress", "todo"),  # it was done: the change before it says so
        {**move("c", on(15), "todo", "in progress"), "as_of": dt.date(2025, 10, 16)},
        {**move("c", on(15), "todo", "done"), "as_of": dt.date(2025, 10, 17)},  # a correction of the same change
        move("d", on(16), None, "todo", "added"),
    ]
    rows = computed(contracts.PlanMoves, plan_transitions=moves)
    assert [(str(row["week"]), row["change"], row["moves"], row["misstated"]) for row in rows] == [
        ("2025-10-06", "skip", 1, 0),
        ("2025-10-13", "backward", 1, 1),
        ("2025-10-13", "skip", 2, 0),
    ]


def test_an_open_week_ends_at_the_present() -> None:
    moves = [move("a", on(7, 9), "todo", "done"), move("b", on(7, 10), "todo", "done")]
    (row,) = computed(contracts.PlanMoves, as_of=on(7, 10), plan_transitions=moves)
    assert row["examples"] == "a"
    assert computed(contracts.PlanMoves, as_of=dt.datetime(2025, 10, 1, tzinfo=UTC), plan_transitions=moves) == []


# ---------------------------------------------------------------- progress


def test_scope_is_counted_from_changes() -> None:
    moves = [
        move("a", on(7), None, "todo", "added"),
        move("b", on(7), None, "done", "added"),
        move("a", on(8), "todo", "done"),
        move("a", on(14), "done", "in progress"),
        move("b", on(14), "done", None, "removed"),
        move("b", on(14), None, "todo", "added"),  # moved within the plan: gone and back at one instant
        move("c", on(15), "todo", "blocked"),  # its arrival was not recorded
    ]
    rows = computed(contracts.PlanProgress, plan_transitions=moves, plan_items=[item("a", "todo", 7), item("b", "todo", 7)])
    names = ("items", "todo", "in_progress", "blocked", "done", "added", "removed", "completed", "reopened", "snapshot_items")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (2, 0, 0, 0, 2, 2, 0, 1, 0, 2),
        (3, 1, 1, 1, 0, 2, 1, 0, 1, 2),
        (3, 1, 1, 1, 0, 0, 0, 0, 0, 2),
    ]
    assert {row["source"] for row in rows} == {"transitions"}


def test_scope_is_the_difference_of_snapshots_where_changes_are_not_recorded() -> None:
    first = [item("a", "todo", 7), item("b", "done", 7), item("x", "todo", 7, title="one"), item("x", "todo", 7, title="two")]
    second = [item("a", "done", 15), item("b", "todo", 15), item("x", "todo", 15, title="one"), item("new", None, 15)]
    rows = computed(contracts.PlanProgress, plan_items=first + second)
    names = ("items", "todo", "done", "unknown", "added", "removed", "completed", "reopened", "snapshot_items")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (4, 3, 1, 0, None, None, None, None, 3),
        (4, 2, 1, 1, 1, 1, 1, 1, 4),
        (4, 2, 1, 1, 0, 0, 0, 0, 4),
    ]
    assert [str(row["snapshot_date"]) for row in rows] == ["2025-10-07", "2025-10-15", "2025-10-15"]


def test_a_plan_is_counted_in_its_stages_before_its_tasks() -> None:
    items = [item("s", "todo", 7), item("t1", "done", 7, kind="task"), item("t2", "done", 7, kind="task")]
    rows = computed(contracts.PlanProgress, keys=WEEKS[:1], plan_items=items)
    assert [(row["items"], row["done"]) for row in rows] == [(1, 0)]
    rows = computed(contracts.PlanProgress, PlanPolicy(work_kinds=("task",)), keys=WEEKS[:1], plan_items=items)
    assert [(row["items"], row["done"]) for row in rows] == [(2, 2)]


# ---------------------------------------------------------------- phases


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (("done", "done"), "complete"),
        (("done", "todo"), "in_progress"),
        (("in progress", "todo"), "in_progress"),
        (("todo", "blocked"), "todo"),
        (("done", None), "in_progress"),
        ((None, None), "todo"),
    ],
)
def test_a_phase_is_what_its_items_are(statuses: tuple[str | None, ...], state: str) -> None:
    items = [item(str(number), status, 7) for number, status in enumerate(statuses)]
    (row,) = computed(contracts.PlanPhases, keys=WEEKS[:1], plan_items=items)
    assert (row["state"], row["items"], row["is_newly_complete"]) == (state, 2, False)


def test_phases_without_items_have_their_own_status_and_stand_in_order() -> None:
    phases = [item(name, status, 7, kind="phase", phase_id=None) for name, status in (("10", "Not Started"), ("2", "odd"), ("1", "x"))]
    items = [item("a", "done", 7, phase_id="1"), item("b", "todo", 7, phase_id=None)]
    rows = computed(contracts.PlanPhases, keys=WEEKS[:1], plan_items=phases + items)
    assert [(row["phase_id"], row["state"], row["position"]) for row in rows] == [
        ("1", "complete", 1),
        ("2", "unknown", 2),
        ("10", "todo", 3),
        ("", "todo", 4),
    ]


def test_a_phase_that_becomes_complete_is_new_in_one_week() -> None:
    items = [
        item("a", "todo", 7),
        item("a", "done", 15, planned_start=dt.date(2025, 10, 1), actual_start=dt.date(2025, 10, 2), actual_end=dt.date(2025, 10, 14)),
    ]
    rows = computed(contracts.PlanPhases, plan_items=items)
    assert [(row["state"], row["is_newly_complete"], str(row["actual_end"])) for row in rows] == [
        ("todo", False, "None"),
        ("complete", True, "2025-10-14"),
        ("complete", False, "2025-10-14"),
    ]


def test_notes_on_items_are_notes_on_their_phase() -> None:
    notes = [
        {"plan": "p", "kind": "note", "item_id": "a", "instant": on(9), "date": dt.date(2025, 10, 9), "text": "stuck"},
        {"plan": "p", "kind": "note", "phase_id": "2", "instant": on(8), "date": dt.date(2025, 10, 8), "text": "fine"},
        {"plan": "p", "kind": "note", "phase_id": "1", "instant": on(13), "date": dt.date(2025, 10, 13), "text": "later"},
    ]
    items = [item("a", "in progress", 7), item("b", "in progress", 7, phase_id="2"), item("c", "in progress", 7, phase_id="3")]
    rows = computed(contracts.PlanPhases, keys=WEEKS[:1], plan_items=items, plan_notes=notes)
    assert [(str(row["last_note"]), row["note_age_days"]) for row in rows] == [("2025-10-09", 3), ("2025-10-08", 4), ("None", None)]


# ---------------------------------------------------------------- the dashboard


def test_budget_bases_and_discrepancies() -> None:
    terms = PlanTerms(plan="p", base="declared", totals=(DeclaredTotal(source="charter", amount=100.0),))
    items = [
        item("a", "done", 7, estimated_cost=40.0, realised_cost=50.0),
        item("b", "done", 7, estimated_cost=30.0),
        item("c", "todo", 7, estimated_cost=31.0, realised_cost=1.0),
    ]
    rows = computed(contracts.PlanDashboard, PlanPolicy(plans=(terms,)), keys=WEEKS[:1], plan_items=items)
    assert figure(rows, "budget", "base")["value"] == 100.0
    assert figure(rows, "budget", "total items")["value"] == 101.0
    assert figure(rows, "budget", "discrepancy items")["value"] == pytest.approx(0.01)
    assert figure(rows, "budget", "variance")["value"] == pytest.approx(0.25)  # (50 - 40) / 40: b has no realised cost, c is not done
    assert figure(rows, "budget", "realised")["value"] == 51.0
    assert (figure(rows, "records", "realised costs")["value"], figure(rows, "records", "early costs")["value"]) == (1, 1)


def test_cost_entries_add_up_and_budgets_are_restated() -> None:
    def entry(kind: str, amount: float, day: int, name: str = "x", unit: str = "USD") -> dict[str, Any]:
        return {"plan": "p", "item": name, "kind": kind, "amount": amount, "unit": unit, "date": dt.date(2025, 10, day)}

    costs = [entry("budget", 200, 7), entry("budget", 250, 14), entry("realised", 10, 7), entry("realised", 15, 14)]
    rows = computed(contracts.PlanDashboard, keys=WEEKS[:2], cost_entries=costs)
    assert [figure(rows, "budget", "base", week)["value"] for week in WEEKS[:2]] == [200, 250]
    assert [figure(rows, "budget", "spent", week)["value"] for week in WEEKS[:2]] == [0.05, 0.1]
    report = [
        entry("reported", 276.0, 7, "monthly_budget"),
        entry("reported", 240.41, 7, "remaining_budget"),
        entry("reported", 35.59, 7, "current_month_spend"),
        entry("reported", 12.9, 7, "utilization_published", "percent"),
    ]
    rows = computed(contracts.PlanDashboard, keys=WEEKS[:1], cost_entries=report)
    assert figure(rows, "budget", "spent")["value"] == pytest.approx(35.59 / 276.0)
    assert figure(rows, "budget", "published spent")["value"] == pytest.approx(0.129)


def test_time_is_held_against_both_ends_of_the_estimate() -> None:
    terms = PlanTerms(plan="p", low_days=71, high_days=85, start=dt.date(2025, 10, 3))
    items = [item("a", "done", 7), item("b", "todo", 7), item("c", "todo", 7), item("d", "todo", 7)]
    rows = computed(contracts.PlanDashboard, PlanPolicy(plans=(terms,)), keys=WEEKS[:1], plan_items=items)
    assert figure(rows, "timeline", "elapsed")["value"] == 10.0
    behind = figure(rows, "timeline", "behind")
    assert (behind["lower"], behind["value"], behind["upper"]) == (10 - 85 / 4, 10 - 78 / 4, 10 - 71 / 4)


def test_a_plans_own_days_stand_in_for_an_estimate_and_end_when_all_is_done() -> None:
    dates = {"planned_start": dt.date(2025, 10, 1), "planned_end": dt.date(2025, 10, 10), "actual_end": dt.date(2025, 10, 5)}
    rows = computed(contracts.PlanDashboard, keys=WEEKS[:1], plan_items=[item("a", "done", 7, **dates)])
    assert figure(rows, "timeline", "estimate")["lower"] == 10.0
    assert (figure(rows, "timeline", "elapsed")["value"], figure(rows, "timeline", "behind")["value"]) == (5.0, -5.0)


@pytest.mark.parametrize(
    ("values", "arrow"),
    [
        ((0.4648, 0.2692, 0.2321, 0.9362), "up"),
        ((0.90, 0.905, 0.91, 0.915), "flat"),  # a slope of exactly 0.005 is none
        ((0.90, 0.9051, 0.9102, 0.9153), "up"),
        ((0.915, 0.91, 0.905, 0.90), "flat"),
        ((0.99, 0.97, 0.95, 0.93), "down"),
        ((0.5, 0.99, 0.97, 0.95, 0.93), "down"),  # only the last four count
        ((0.9, 0.8, 0.7), None),
    ],
)
def test_r2_and_its_arrow(values: tuple[float, ...], arrow: str | None) -> None:
    def run(day: int, value: float, series: str = "", source: str = "measured") -> dict[str, Any]:
        told = {"model_id": "m", "metric": "r2", "value": value, "series": series, "source": source, "unit": "fraction"}
        return told | {"instant": on(day), "date": dt.date(2025, 10, day)}

    runs = [run(6 + day, value) for day, value in enumerate(values)]
    runs += [run(20, 0.1), run(6 + len(values) - 1, 0.0, source="published")]
    rows = computed(contracts.PlanDashboard, keys=WEEKS[:1], model_runs=runs)
    row = figure(rows, "r2", "m", plan="")
    assert (row["arrow"], row["value"], row["lower"], row["upper"]) == (arrow, values[-1], 0.95, 0.99)


# ---------------------------------------------------------------- adjustments and changes


def test_adjustments_follow_the_done_items_of_the_phase_and_settle() -> None:
    def plan(day: int, estimate: float) -> list[dict[str, Any]]:
        return [
            item("a", "done", day, estimated_cost=40.0, realised_cost=60.0),
            item("b", "done", day, estimated_cost=10.0),
            item("c", "todo", day, estimated_cost=estimate, record_id="rec1", title="third"),
            item("d", "todo", day, estimated_cost=5.0, phase_id="2"),
        ]

    feeds = {"plan_items": [*plan(7, 20.0), *plan(15, 30.0), *plan(21, 25.0)]}
    rows = computed(contracts.EstimateAdjustments, **feeds)
    told = [(str(row["week"]), row["item_key"], row["original_estimate"], row["present_estimate"], row["new_estimate"]) for row in rows]
    # In the second week the plan took the new estimate over: nothing is left to adjust. In the third somebody wrote another one.
    assert told == [("2025-10-06", "rec1", 20.0, 20.0, 30.0), ("2025-10-20", "rec1", 20.0, 25.0, 30.0)]
    assert rows[0]["factor"] == 1.5
    assert rows[0]["reason"] == "the 1 done items of phase 1 cost 60.00 against 40.00 estimated"
    assert computed(contracts.EstimateAdjustments, PlanPolicy(min_done=2), **feeds) == []
    changes = [row for row in computed(contracts.PlanChanges, **feeds) if row["kind"] == "adjustment"]
    assert [(row["old_value"], row["new_value"], row["record_id"]) for row in changes] == [
        ("20.00", "30.00", "rec1"),
        ("25.00", "30.00", "rec1"),
    ]


def test_open_actions_and_measured_criteria_are_changes_with_lasting_keys() -> None:
    def action(action_id: str, **more: Any) -> dict[str, Any]:
        told = {"action_id": action_id, "summary": f"do {action_id}", "owner": "architect", "date": dt.date(2025, 10, 7)}
        return told | {"instant": on(7)} | more

    actions = [
        action("open", due_by=dt.date(2025, 10, 20)),
        action("closed", status="Done"),
        action("closes later", closed_at=on(15)),
        action("restated", as_of=dt.date(2025, 10, 7)),
        action("restated", as_of=dt.date(2025, 10, 9), summary="do it otherwise"),
    ]
    run = {"model_id": "m", "metric": "r2", "value": 0.9, "series": "", "source": "measured", "unit": "fraction"}
    runs = [run | {"instant": on(7), "date": dt.date(2025, 10, 7)}]
    rows = computed(contracts.PlanChanges, keys=WEEKS[:2], actions=actions, model_runs=runs)
    by_week = {week: {row["new_value"] for row in rows if str(row["week"]) == week and row["kind"] == "action"} for week in WEEKS[:2]}
    assert by_week == {WEEKS[0]: {"do open", "do closes later", "do it otherwise"}, WEEKS[1]: {"do open", "do it otherwise"}}
    keys = [row["change_key"] for row in rows if row["new_value"] == "do open"]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    notes = [row for row in rows if row["kind"] == "criterion"]
    assert [row["new_value"] for row in notes] == ["R² of m: 0.9000, target 0.95 to 0.99"] * 2
    assert len({row["change_key"] for row in notes}) == 2  # a new week is a new note


# ---------------------------------------------------------------- changelog


def test_the_changelog_of_recorded_changes() -> None:
    moves = [
        move("a", on(7), None, "todo", "added"),
        move("a", on(8), "todo", "done"),
        move("b", on(7), None, "done", "added"),  # done when it came: nothing was completed
        move("c", on(7), None, "todo", "added"),
        move("c", on(8), "todo", "done"),
        move("c", on(9), "done", "todo"),  # not done any more by the week's end
    ]
    commits = [
        {"repository": "r", "commit": "0123456789abcdef", "message": "Fix it\n\nbody", "instant": on(9), "date": dt.date(2025, 10, 9)},
        {"repository": "r", "commit": "1", "message": "Merge", "instant": on(9), "date": dt.date(2025, 10, 9), "is_merge": True},
    ]
    notes = [
        {"plan": "p", "kind": kind, "item_id": None, "instant": on(10), "date": dt.date(2025, 10, 10), "text": f"a {kind}"}
        for kind in ("note", "learning", "decision")
    ]
    # An item that came and was done in one week was never seen open at a week's end; it is completed all the same.
    feeds = {"plan_transitions": moves, "commits": commits, "plan_notes": notes, "plan_items": [item("a", "done", 9, title="First")]}
    rows = computed(contracts.WeeklyChangelog, **feeds)
    assert [(row["section"], row["text"]) for row in rows] == [
        ("commit", "Fix it"),
        ("completed", "First"),
        ("decision", "a decision"),
        ("learning", "a learning"),
    ]


def test_the_changelog_of_snapshots() -> None:
    items = [item("a", "todo", 7), item("b", "done", 7), item("a", "done", 15, actual_end=dt.date(2025, 10, 14)), item("b", "done", 15)]
    rows = computed(contracts.WeeklyChangelog, plan_items=items)
    assert [(str(row["week"]), row["ref"], row["instant"]) for row in rows] == [("2025-10-13", "a", dt.datetime(2025, 10, 14, tzinfo=UTC))]


@pytest.mark.parametrize(
    "contract",
    [
        contracts.PlanMoves,
        contracts.PlanProgress,
        contracts.PlanPhases,
        contracts.PlanDashboard,
        contracts.WeeklyChangelog,
        contracts.PlanChanges,
    ],
)
def test_nothing_landed_is_no_row(contract: type[Contract]) -> None:
    assert computed(contract) == []


# ---------------------------------------------------------------- size


def test_many_changes_are_counted_in_seconds() -> None:
    """The short form of the benchmark over a million changes, which are to take two minutes at most."""
    done = plan_transitions.seconds(20_000)
    assert {name: rows > 0 for name, (rows, _) in done.items()} == dict.fromkeys(("plan_moves", "plan_progress", "weekly_changelog"), True)
    assert sum(spent for _, spent in done.values()) < 30
