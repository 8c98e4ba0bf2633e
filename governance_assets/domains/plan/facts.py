"""Snapshots, changes, notes and costs of plans, week by week.

Belongs here: which snapshot a week sees, states of words, sums by phase and plan. Does not belong here: verdicts (``rules.py``),
slopes (``stats/trend.py``) and what a word means (policy).

Every week is computed at its end, or at the run's present while it is open. A plan's newest snapshot by then counts, whole; a plan is
counted in the first kind of item (policy) that it has. Where changes are recorded one by one, scope and progress come from these.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import Contract, arrow_schema
from governance_assets.domains.plan import contracts
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.policy import PlanPolicy
from governance_assets.policy.plan import PlanTerms
from governance_assets.runtime.periods import Period
from governance_assets.stats.trend import slope

Row = dict[str, Any]
_DAY = dt.timedelta(days=1)
_INSTANT = dt.timedelta(microseconds=1)
_EXAMPLES = 5
"""Items that a kind of move names."""


@dataclass(frozen=True)
class Feeds:
    """Views of the landed rows that plans come from; None where nothing landed."""

    plan_items: str | None = None
    plan_transitions: str | None = None
    plan_notes: str | None = None
    cost_entries: str | None = None
    commits: str | None = None
    model_runs: str | None = None
    actions: str | None = None


# ---------------------------------------------------------------- weeks, words, snapshots, steps


def _weeks(con: duckdb.DuckDBPyConnection, periods: Sequence[Period], as_of: dt.datetime, policy: PlanPolicy) -> None:
    """``weeks``: the asked ones that have begun, with the instant they are judged at. ``words``: the state of every known word."""
    rows = [{"week": dt.date.fromisoformat(one.key), "cut": min(one.end, as_of)} for one in periods if one.start < as_of]
    con.register("weeks", pa.Table.from_pylist(rows, pa.schema([("week", pa.date32()), ("cut", pa.timestamp("us", tz="UTC"))])))
    words = [{"word": _plain(word), "state": each.state} for each in policy.states for word in each.words]
    con.register("words", pa.Table.from_pylist(words, pa.schema([("word", pa.string()), ("state", pa.string())])))


def _plain(word: str) -> str:
    return " ".join(re.sub(r"[\s_-]+", " ", word.lower()).split())


def _worded(column: str) -> str:
    """SQL: a status as ``_plain`` writes it."""
    return rf"trim(regexp_replace(lower({column}), '[\s_-]+', ' ', 'g'))"


_SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "date32[day]": "DATE",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
}


def _view(feed: str, view: str | None) -> str:
    """The view, or no rows with the columns of the feed."""
    if view is not None:
        return view
    nothing = ", ".join(f'CAST(NULL AS {_SQL_TYPES[str(each.type)]}) AS "{each.name}"' for each in arrow_schema(RECORD_FEEDS[feed]))
    return f"(SELECT {nothing} WHERE false)"


_ITEMS = """
CREATE OR REPLACE TEMP TABLE snapshots AS
SELECT row_number() OVER (ORDER BY plan, kind, date, instant NULLS FIRST, as_of NULLS FIRST) AS sid, *
FROM (SELECT DISTINCT plan, kind, date, instant, as_of FROM {items} WHERE date <= (SELECT max(cut)::DATE FROM weeks));
CREATE OR REPLACE TEMP TABLE items AS
SELECT s.sid, i.* EXCLUDE (details), coalesce(w.state, 'unknown') AS state, coalesce(i.record_id, i.item_id, i.title, '') AS item_key,
       row_number() OVER (PARTITION BY s.sid, coalesce(i.record_id, i.item_id, i.title, '') ORDER BY i.title, i.position) AS nth
FROM {items} i JOIN snapshots s ON i.plan = s.plan AND i.kind = s.kind AND i.date = s.date
  AND i.instant IS NOT DISTINCT FROM s.instant AND i.as_of IS NOT DISTINCT FROM s.as_of
LEFT JOIN words w ON w.word = {word};
CREATE OR REPLACE TEMP TABLE seen AS
SELECT w.week, w.cut, w.is_before, s.*
FROM (SELECT week, cut, false AS is_before FROM weeks UNION ALL SELECT week, week::TIMESTAMPTZ, true FROM weeks) w
JOIN snapshots s ON s.date < w.cut AND (s.instant IS NULL OR s.instant < w.cut)
QUALIFY row_number() OVER (
  PARTITION BY w.week, w.is_before, plan, kind ORDER BY date DESC, instant DESC NULLS LAST, as_of DESC NULLS LAST) = 1;
CREATE OR REPLACE TEMP TABLE work AS
SELECT * FROM seen WHERE kind IN ({kinds})
QUALIFY row_number() OVER (PARTITION BY week, is_before, plan ORDER BY list_position([{kinds}], kind)) = 1;
"""


def _snapshots(con: duckdb.DuckDBPyConnection, view: str | None, policy: PlanPolicy) -> None:
    """``seen``: the snapshot of each plan and kind at the end and at the beginning of each week; ``work``: of the kind that is counted.

    ``items`` has the rows of every snapshot, with states and a key that holds from one snapshot to the next.
    """
    kinds = ", ".join(f"'{kind}'" for kind in policy.work_kinds)
    con.execute(_ITEMS.format(items=_view("plan_items", view), word=_worded("i.status"), kinds=kinds))


_STEPS = """
CREATE OR REPLACE TEMP TABLE steps AS
WITH told AS (
  SELECT plan, item_id, kind, instant, from_status, to_status, f.state AS from_state, t.state AS to_state,
         CASE WHEN kind <> 'removed' THEN coalesce(t.state, 'unknown') END AS now_state,
         CASE kind WHEN 'removed' THEN 0 WHEN 'added' THEN 1 ELSE 2 END AS rank
  FROM (SELECT * FROM {moves} WHERE instant < (SELECT max(cut) FROM weeks)
        QUALIFY row_number() OVER (PARTITION BY plan, item_id, instant, kind ORDER BY as_of DESC NULLS LAST) = 1) m
  LEFT JOIN words f ON f.word = {before} LEFT JOIN words t ON t.word = {after}
)
SELECT *, date_trunc('week', instant)::DATE AS week, lag(now_state) OVER w AS was_state, lag(to_status) OVER w AS was_status,
       row_number() OVER w AS place
FROM told WINDOW w AS (PARTITION BY plan, item_id ORDER BY instant, rank)
"""


def _steps(con: duckdb.DuckDBPyConnection, view: str | None) -> None:
    """``steps``: every change of an item in order, with the state that its last change left it in."""
    con.execute(_STEPS.format(moves=_view("plan_transitions", view), before=_worded("m.from_status"), after=_worded("m.to_status")))


def _rows(contract: type[Contract], rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(contract))


# ---------------------------------------------------------------- moves


_MOVES = f"""
SELECT week, plan, change, from_status, to_status, count(*) AS moves, count(DISTINCT item_id) AS items,
       count(*) FILTER (place > 1 AND was_status IS DISTINCT FROM nullif(from_status, '')) AS misstated,
       array_to_string(list_sort(list_distinct(list(item_id)))[1:{_EXAMPLES}], ', ') AS examples
FROM (
  SELECT week, plan, item_id, place, was_status, coalesce(from_status, '') AS from_status, coalesce(to_status, '') AS to_status,
    CASE WHEN from_state = 'done' AND to_state IS DISTINCT FROM 'done' THEN 'out_of_done'
         WHEN from_state IS NULL OR to_state IS NULL THEN 'unknown_label'
         WHEN from_state = to_state THEN 'none'
         WHEN to_state = 'blocked' THEN 'pause'
         WHEN to_state = 'done' THEN if(from_state = 'in_progress', 'forward', 'skip')
         WHEN from_state = 'blocked' THEN 'resume'
         WHEN to_state = 'in_progress' THEN 'forward'
         ELSE 'backward' END AS change
  FROM steps JOIN weeks USING (week) WHERE kind = 'status'
) GROUP BY week, plan, change, from_status, to_status ORDER BY ALL
"""


def plan_moves(con: duckdb.DuckDBPyConnection, feeds: Feeds, periods: Sequence[Period], as_of: dt.datetime, policy: PlanPolicy) -> pa.Table:
    """How many items went from one status to another in each week, and whether that is in order."""
    _weeks(con, periods, as_of, policy)
    _steps(con, feeds.plan_transitions)
    return con.execute(_MOVES).to_arrow_table()


# ---------------------------------------------------------------- scope and progress


_STATES = ("todo", "in_progress", "blocked", "done", "unknown")
_BY_STEPS = f"""
WITH changes AS (
  SELECT plan, week,
    {", ".join(f"count(*) FILTER (now_state = '{s}') - count(*) FILTER (was_state = '{s}') AS {s}" for s in _STATES)},
    count(*) FILTER (was_state IS NULL AND now_state IS NOT NULL) AS added,
    count(*) FILTER (was_state IS NOT NULL AND now_state IS NULL) AS removed,
    count(*) FILTER (now_state = 'done' AND was_state <> 'done') AS completed,
    count(*) FILTER (was_state = 'done' AND now_state <> 'done') AS reopened
  FROM steps GROUP BY plan, week
)
SELECT w.week, plan, {", ".join(f"sum({s})::BIGINT AS {s}" for s in _STATES)},
  {", ".join(f"coalesce(sum({s}) FILTER (c.week = w.week), 0)::BIGINT AS {s}" for s in ("added", "removed", "completed", "reopened"))}
FROM weeks w JOIN changes c ON c.week <= w.week GROUP BY w.week, plan
"""
_BY_SNAPSHOTS = f"""
WITH counts AS (
  SELECT sid, count(DISTINCT coalesce(item_id, item_key)) AS snapshot_items,
         {", ".join(f"count(*) FILTER (state = '{s}') AS {s}" for s in _STATES)}
  FROM items GROUP BY sid
),
pairs AS (
  SELECT n.week, n.plan, n.date, n.sid AS now, b.sid AS before FROM work n
  LEFT JOIN work b ON b.week = n.week AND b.plan = n.plan AND b.kind = n.kind AND b.is_before WHERE NOT n.is_before
),
sides AS (
  SELECT now, before, item_key, nth, bool_or(is_now) AS is_in, bool_or(NOT is_now) AS was_in,
         bool_or(is_now AND state = 'done') AS is_done, bool_or(NOT is_now AND state = 'done') AS was_done
  FROM (SELECT DISTINCT now, before FROM pairs WHERE now <> before)
  JOIN (SELECT sid, item_key, nth, state FROM items) i ON i.sid IN (now, before)
  CROSS JOIN (SELECT unnest([true, false]) AS is_now) WHERE sid = if(is_now, now, before) GROUP BY ALL
),
differences AS (
  SELECT now, before, count(*) FILTER (is_in AND NOT was_in) AS added, count(*) FILTER (was_in AND NOT is_in) AS removed,
         count(*) FILTER (is_in AND was_in AND is_done AND NOT was_done) AS completed,
         count(*) FILTER (is_in AND was_in AND was_done AND NOT is_done) AS reopened
  FROM sides GROUP BY now, before
)
SELECT p.week, p.plan, p.date AS snapshot_date, c.* EXCLUDE (sid),
  {", ".join(f"CASE WHEN before IS NOT NULL THEN coalesce({s}, 0) END AS {s}" for s in ("added", "removed", "completed", "reopened"))}
FROM pairs p JOIN counts c ON c.sid = p.now LEFT JOIN differences USING (now, before)
"""


def plan_progress(
    con: duckdb.DuckDBPyConnection, feeds: Feeds, periods: Sequence[Period], as_of: dt.datetime, policy: PlanPolicy
) -> pa.Table:
    """The scope of every plan at each week's end, what is done of it, and what each week changed."""
    _weeks(con, periods, as_of, policy)
    _snapshots(con, feeds.plan_items, policy)
    _steps(con, feeds.plan_transitions)
    found: dict[tuple[dt.date, str], Row] = {}
    for row in con.execute(_BY_SNAPSHOTS).to_arrow_table().to_pylist():
        found[row["week"], row["plan"]] = {**row, "source": "snapshots", "items": sum(row[state] for state in _STATES)}
    for row in con.execute(_BY_STEPS).to_arrow_table().to_pylist():
        snapshot = found.get((row["week"], row["plan"]), {"snapshot_date": None, "snapshot_items": None})
        items = sum(row[state] for state in _STATES)
        found[row["week"], row["plan"]] = {**snapshot, **row, "source": "transitions", "items": items}
    return _rows(contracts.PlanProgress, [found[key] for key in sorted(found)])


# ---------------------------------------------------------------- phases


_PHASES = """
WITH of_work AS (
  SELECT w.week, w.is_before, w.plan, coalesce(i.phase_id, '') AS phase_id, count(*) AS items, count(*) FILTER (state = 'done') AS done,
         count(*) FILTER (state = 'in_progress') AS in_progress, sum(estimated_cost) AS estimated_cost, sum(realised_cost) AS realised_cost,
         min(planned_start) AS planned_start, max(planned_end) AS planned_end, min(actual_start) AS actual_start,
         max(actual_end) AS actual_end
  FROM work w JOIN items i USING (sid) GROUP BY ALL
),
own AS (
  SELECT s.week, s.is_before, s.plan, i.item_id AS phase_id, min(title) AS title, min(state) AS state, min(position) AS position,
         min(planned_start) AS planned_start, max(planned_end) AS planned_end, min(actual_start) AS actual_start,
         max(actual_end) AS actual_end, sum(estimated_cost) AS estimated_cost, sum(realised_cost) AS realised_cost
  FROM seen s JOIN items i USING (sid) WHERE s.kind = 'phase' AND i.item_id IS NOT NULL GROUP BY ALL
),
places AS (
  SELECT week, plan, name, any_value(phase_id) AS phase_id
  FROM (
    SELECT w.week, w.plan, unnest([i.item_id, i.record_id]) AS name, i.phase_id FROM work w JOIN items i USING (sid) WHERE NOT is_before
  ) GROUP BY week, plan, name
),
notes AS (
  SELECT w.week, n.plan, coalesce(n.phase_id, p.phase_id, n.item_id) AS phase_id, max(n.instant)::DATE AS last_note
  FROM weeks w JOIN {notes} n ON n.instant < w.cut LEFT JOIN places p ON p.week = w.week AND p.plan = n.plan AND p.name = n.item_id
  GROUP BY ALL
)
SELECT week, is_before, plan, phase_id, own.title, own.position, own.state AS own_state, coalesce(k.items, 0) AS items,
       coalesce(k.done, 0) AS done, coalesce(k.in_progress, 0) AS in_progress,
       coalesce(k.estimated_cost, own.estimated_cost) AS estimated_cost, coalesce(k.realised_cost, own.realised_cost) AS realised_cost,
       least(k.planned_start, own.planned_start) AS planned_start, greatest(k.planned_end, own.planned_end) AS planned_end,
       least(k.actual_start, own.actual_start) AS actual_start, greatest(k.actual_end, own.actual_end) AS actual_end, last_note,
       (cut - INTERVAL 1 MICROSECOND)::DATE - last_note AS note_age_days
FROM of_work k FULL JOIN own USING (week, is_before, plan, phase_id) LEFT JOIN notes USING (week, plan, phase_id) JOIN weeks USING (week)
"""
_OF_STATUS = {"done": "complete", "in_progress": "in_progress", "todo": "todo", "blocked": "todo"}


def plan_phases(
    con: duckdb.DuckDBPyConnection, feeds: Feeds, periods: Sequence[Period], as_of: dt.datetime, policy: PlanPolicy
) -> pa.Table:
    """The phases of every plan at each week's end."""
    _weeks(con, periods, as_of, policy)
    _snapshots(con, feeds.plan_items, policy)
    told = con.execute(_PHASES.format(notes=_view("plan_notes", feeds.plan_notes))).to_arrow_table().to_pylist()
    before = {(row["week"], row["plan"], row["phase_id"]): _phase_state(row) for row in told if row["is_before"]}
    by_plan: dict[tuple[dt.date, str], list[Row]] = {}
    for row in told:
        if not row["is_before"]:
            by_plan.setdefault((row["week"], row["plan"]), []).append(row)
    rows = []
    for (week, plan), phases in sorted(by_plan.items()):
        for place, row in enumerate(sorted(phases, key=_in_order), 1):
            state = _phase_state(row)
            was = before.get((week, plan, row["phase_id"]))
            rows.append(
                {
                    **row,
                    "position": place,
                    "state": state,
                    "actual_end": row["actual_end"] if state == "complete" else None,
                    "is_newly_complete": state == "complete" and was not in (None, "complete"),
                }
            )
    return _rows(contracts.PlanPhases, rows)


def _phase_state(row: Row) -> str:
    if not row["items"]:
        return _OF_STATUS.get(row["own_state"], "unknown")
    if row["done"] == row["items"]:
        return "complete"
    return "in_progress" if row["done"] or row["in_progress"] else "todo"


def _in_order(row: Row) -> tuple[Any, ...]:
    """The plan's order where it has one, else phases by the numbers in their names; items without a phase last."""
    parts = re.split(r"(\d+)", row["phase_id"])
    natural = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part)
    return (not row["phase_id"], row["position"] is None, row["position"] or 0, natural)


# ---------------------------------------------------------------- the dashboard


_SUMS = """
WITH repeated AS (
  SELECT sid, count(*) FILTER (n > 1) AS repeated
  FROM (SELECT sid, item_id, count(*) AS n FROM items WHERE item_id IS NOT NULL GROUP BY ALL) GROUP BY sid
),
sums AS (
  SELECT sid, count(*) AS items, count(*) FILTER (state = 'done') AS done, count(*) FILTER (state = 'unknown') AS unknown,
    count(*) FILTER (item_id IS NULL) AS uncoded, count(estimated_cost) AS estimates, sum(estimated_cost) AS estimated,
    sum(realised_cost) AS realised, count(realised_cost) FILTER (state = 'done') AS recorded,
    count(realised_cost) FILTER (state <> 'done') AS early,
    sum(realised_cost) FILTER (state = 'done' AND estimated_cost IS NOT NULL) AS spent,
    sum(estimated_cost) FILTER (state = 'done' AND realised_cost IS NOT NULL) AS planned,
    least(min(actual_start), min(planned_start)) AS begun, min(created_at)::DATE AS created, min(planned_start) AS first_day,
    max(planned_end) AS last_day, if(count(*) = count(actual_end), max(actual_end), NULL) AS ended
  FROM items GROUP BY sid
)
SELECT w.week, w.cut, w.plan, w.kind, w.date, coalesce(r.repeated, 0) AS repeated, s.* EXCLUDE (sid),
       p.estimated AS plan_total, h.estimated AS phase_total
FROM work w JOIN sums s USING (sid) LEFT JOIN repeated r USING (sid)
LEFT JOIN (SELECT week, plan, estimated FROM seen JOIN sums USING (sid) WHERE kind = 'plan' AND NOT is_before) p USING (week, plan)
LEFT JOIN (SELECT week, plan, estimated FROM seen JOIN sums USING (sid) WHERE kind = 'phase' AND NOT is_before) h USING (week, plan)
WHERE NOT w.is_before ORDER BY w.week, w.plan
"""
# A budget or a reported figure is restated by its next date; what was spent adds up.
_COSTS = """
SELECT week, plan,
  sum(amount) FILTER (kind = 'budget' AND is_newest) AS budget, sum(amount) FILTER (kind = 'realised') AS realised,
  max(amount) FILTER (kind = 'reported' AND is_newest AND regexp_full_match(name, $reported_budget)) AS reported_budget,
  max(amount) FILTER (kind = 'reported' AND is_newest AND regexp_full_match(name, $reported_spend)) AS reported_spend,
  max(if(unit LIKE 'percent%' OR unit = '%', amount / 100, amount)) FILTER (
    kind = 'reported' AND is_newest AND regexp_full_match(name, $reported_share)) AS reported_share
FROM (
  SELECT w.week, c.plan, c.kind, lower(c.item) AS name, c.amount, lower(c.unit) AS unit,
         c.date = max(c.date) OVER (PARTITION BY w.week, c.plan, c.kind, c.item) AS is_newest
  FROM weeks w JOIN {costs} c ON c.date < w.cut
) GROUP BY week, plan
"""
_R2 = """
SELECT w.week, r.model_id, r.date, avg(r.value) AS value FROM weeks w JOIN {runs} r ON r.instant < w.cut
WHERE r.metric = $metric AND r.source = 'measured' AND isfinite(r.value)
GROUP BY w.week, r.model_id, r.date
QUALIFY row_number() OVER (PARTITION BY w.week, r.model_id ORDER BY r.date DESC) <= $n ORDER BY w.week, r.model_id, r.date
"""


def plan_dashboard(
    con: duckdb.DuckDBPyConnection, feeds: Feeds, phases: str, periods: Sequence[Period], as_of: dt.datetime, policy: PlanPolicy
) -> pa.Table:
    """The figures of the four lines, and of the records they rest on, for every plan and week."""
    _weeks(con, periods, as_of, policy)
    _snapshots(con, feeds.plan_items, policy)
    patterns = {name: getattr(policy, name) for name in ("reported_budget", "reported_spend", "reported_share")}
    costs = con.execute(_COSTS.format(costs=_view("cost_entries", feeds.cost_entries)), patterns).to_arrow_table().to_pylist()
    spent = {(row["week"], row["plan"]): row for row in costs}
    query = f"SELECT week, plan, state, count(*) AS n FROM {phases} WHERE phase_id <> '' GROUP BY ALL"
    states: dict[tuple[dt.date, str], dict[str, int]] = {}
    for week, plan, state, count in con.execute(query).fetchall():
        states.setdefault((week, plan), {})[state] = count
    rows: list[Row] = []
    for sums in con.execute(_SUMS).to_arrow_table().to_pylist():
        key, terms = (sums["week"], sums["plan"]), policy.terms(sums["plan"])
        money = {**_NO_COSTS, **spent.pop(key, {})}
        lines = [*_phase_line(states.get(key, {}), terms), *_budget_line(sums, money, terms), *_timeline(sums, terms), *_records(sums)]
        rows += ({"week": key[0], "plan": key[1], **_BLANK, **line} for line in lines)
    for (week, plan), money in spent.items():
        rows += ({"week": week, "plan": plan, **_BLANK, **line} for line in _budget_line(_NO_ITEMS, money, policy.terms(plan)))
    rows += ({"plan": "", **_BLANK, **line} for line in _r2_lines(con, feeds.model_runs, policy))
    return _rows(contracts.PlanDashboard, sorted(rows, key=lambda row: (row["week"], row["plan"], row["line"], row["name"])))


_BLANK: Row = {"value": None, "unit": "", "lower": None, "upper": None, "arrow": None, "text": ""}
_NO_COSTS: Row = dict.fromkeys(("budget", "realised", "reported_budget", "reported_spend", "reported_share"))
_NO_ITEMS: Row = dict.fromkeys(("estimates", "estimated", "realised", "recorded", "early", "spent", "planned", "plan_total", "phase_total"))
_TOTALS = {
    "declared": "what a document states",
    "budget_entries": "budget entries of the costs telemetry",
    "plan": "estimate of the plan itself",
    "phases": "sum of the estimates of its phases",
    "items": "sum of the estimates of its items",
}


def _line(line: str, name: str, value: float | None, unit: str, text: str, **more: Any) -> Row:
    return {"line": line, "name": name, "value": None if value is None else float(value), "unit": unit, "text": text, **more}


def _phase_line(states: Mapping[str, int], terms: PlanTerms) -> Iterator[Row]:
    expected = "expected by the policy" if terms.phases else "the policy expects no number"
    yield _line("phases", "total", sum(states.values()), "phases", expected, lower=terms.phases, upper=terms.phases)
    for state in ("complete", "in_progress", "todo", "unknown"):
        yield _line("phases", state, states.get(state, 0), "phases", _OF_PHASES[state])


_OF_PHASES = {
    "complete": "every item is done",
    "in_progress": "some item is done or in progress",
    "todo": "no item is done or in progress",
    "unknown": "no items, and no known status of its own",
}


def _budget_line(sums: Row, money: Row, terms: PlanTerms) -> Iterator[Row]:
    totals: dict[str, tuple[str, float | None]] = {f"declared: {each.source}": ("declared", each.amount) for each in terms.totals}
    totals["budget_entries"] = ("budget_entries", money["reported_budget"] if money["budget"] is None else money["budget"])
    totals |= {"plan": ("plan", sums["plan_total"]), "phases": ("phases", sums["phase_total"]), "items": ("items", sums["estimated"])}
    known = {name: (kind, float(value)) for name, (kind, value) in totals.items() if value}
    base = next(((name, value) for name, (kind, value) in known.items() if terms.base in (None, kind)), (None, None))
    yield _line("budget", "base", base[1], "currency", f"the budget: {_told(base[0], known)}" if base[0] else "no total is known")
    for name, (_, value) in known.items():
        yield _line("budget", f"total {name}", value, "currency", _told(name, known))
        if base[1] and name != base[0]:
            yield _line("budget", f"discrepancy {name}", value / base[1] - 1, "fraction", f"{_told(name, known)}, against the budget")
    spent = next((each for each in (money["realised"], money["reported_spend"], sums["realised"]) if each is not None), None)
    yield _line("budget", "realised", spent, "currency", "recorded costs" if spent is not None else "no cost is recorded")
    share = spent / base[1] if spent is not None and base[1] else None
    yield _line("budget", "spent", share, "fraction", "realised, of the budget")
    if money["reported_share"] is not None:
        yield _line("budget", "published spent", money["reported_share"], "fraction", "as the cost report states it")
    variance = (sums["spent"] - sums["planned"]) / sums["planned"] if sums["planned"] else None
    told = "realised against estimated costs of done items that have both"
    yield _line("budget", "estimated of done", sums["planned"], "currency", "estimates of done items with a realised cost")
    yield _line("budget", "variance", variance, "fraction", told if variance is not None else "no done item has both costs")


def _told(name: str | None, known: Mapping[str, tuple[str, float]]) -> str:
    kind = known[str(name)][0]
    return str(name).partition(": ")[2] if kind == "declared" else _TOTALS[kind]


def _timeline(sums: Row, terms: PlanTerms) -> Iterator[Row]:
    share = sums["done"] / sums["items"] if sums["items"] else None
    yield _line("timeline", "done share", share, "fraction", f"{sums['done']} of {sums['items']} items are done")
    span = (sums["last_day"] - sums["first_day"]).days + 1 if sums["first_day"] and sums["last_day"] else None
    low, high = (terms.low_days, terms.high_days) if terms.low_days else (span, span)
    told = "days of the policy" if terms.low_days else "its own planned days" if span else "no estimate and no planned days"
    middle = (low + high) / 2 if low and high else None
    yield _line("timeline", "estimate", middle, "days", told, lower=low, upper=high)
    begun = terms.start or sums["begun"] or sums["created"]
    origin = "the policy's first day" if terms.start else "its earliest start" if sums["begun"] else "the day its first record was made"
    end = dt.datetime.combine(sums["ended"] + _DAY, dt.time(), dt.UTC) if sums["ended"] else sums["cut"]
    elapsed = (end - dt.datetime.combine(begun, dt.time(), dt.UTC)) / _DAY if begun and begun < sums["cut"].date() + _DAY else None
    yield _line("timeline", "elapsed", elapsed, "days", f"since {begun}, {origin}" if begun else "no start is known")
    if elapsed is None or share is None or middle is None:
        yield _line("timeline", "behind", None, "days", "no start, or no estimate, is known")
        return
    ends = {"lower": elapsed - share * high, "upper": elapsed - share * low}
    yield _line("timeline", "behind", elapsed - share * middle, "days", "elapsed, less the estimate times the done share", **ends)


def _records(sums: Row) -> Iterator[Row]:
    age = ((sums["cut"] - _INSTANT).date() - sums["date"]).days
    yield _line("records", "snapshot age", age, "days", f"the newest snapshot is of {sums['date']}")
    yield _line("records", "items", sums["items"], sums["kind"] + "s", f"{sums['kind']}s of the snapshot")
    yield _line("records", "done", sums["done"], sums["kind"] + "s", "of these done")
    yield _line("records", "unknown status", sums["unknown"], sums["kind"] + "s", "without a status, or with an unknown word")
    yield _line("records", "repeated codes", sums["repeated"], "codes", "codes that several items have")
    yield _line("records", "without code", sums["uncoded"], sums["kind"] + "s", "without a code")
    yield _line("records", "estimates", sums["estimates"], sums["kind"] + "s", "with an estimated cost")
    yield _line("records", "realised costs", sums["recorded"], sums["kind"] + "s", f"of {sums['done']} done", upper=float(sums["done"]))
    yield _line("records", "early costs", sums["early"], sums["kind"] + "s", "with a realised cost, and not done")


def _r2_lines(con: duckdb.DuckDBPyConnection, view: str | None, policy: PlanPolicy) -> Iterator[Row]:
    given = {"metric": policy.r2_metric, "n": policy.trend_observations}
    found: dict[tuple[dt.date, str], list[tuple[dt.date, float]]] = {}
    for week, model, day, value in con.execute(_R2.format(runs=_view("model_runs", view)), given).fetchall():
        found.setdefault((week, model), []).append((day, value))
    for (week, model), values in found.items():
        is_enough = len(values) == policy.trend_observations
        rise = slope([value for _, value in values]) if is_enough else None
        text = f"of {values[-1][0]}; " + (
            f"slope {rise:+.3f} over {len(values)} observations" if rise is not None else "too few for a trend"
        )
        more = {"lower": policy.r2_target, "upper": policy.r2_target_high, "arrow": _arrow(rise, policy)}
        yield {"week": week, **_line("r2", model, values[-1][1], "R²", text, **more)}


def _arrow(rise: float | None, policy: PlanPolicy) -> str | None:
    if rise is None:
        return None
    return "up" if rise > policy.trend_slope else "down" if rise < -policy.trend_slope else "flat"


# ---------------------------------------------------------------- adjustments


_ADJUSTMENTS = """
WITH originals AS (
  SELECT s.plan, s.kind, item_key, nth, arg_min(estimated_cost, sid) AS original FROM items i JOIN snapshots s USING (sid)
  WHERE estimated_cost IS NOT NULL GROUP BY ALL
),
present AS (
  SELECT w.week, w.plan, i.item_key, i.nth, i.item_id, i.record_id, i.title, i.phase_id, i.state, i.estimated_cost, i.realised_cost,
         o.original
  FROM work w JOIN items i USING (sid) JOIN originals o ON o.plan = w.plan AND o.kind = w.kind AND o.item_key = i.item_key AND o.nth = i.nth
  WHERE NOT w.is_before AND i.phase_id IS NOT NULL AND i.estimated_cost IS NOT NULL
),
factors AS (
  SELECT week, plan, phase_id, sum(realised_cost) AS spent, sum(original) AS planned, count(*) AS done_items
  FROM present WHERE state = 'done' AND realised_cost IS NOT NULL GROUP BY ALL HAVING count(*) >= $least AND sum(original) > 0
)
SELECT week, plan, item_key || if(nth > 1, ' #' || nth, '') AS item_key, item_id, record_id, title, phase_id, original AS original_estimate,
  estimated_cost AS present_estimate, spent / planned AS factor, round(original * spent / planned, 2) AS new_estimate, done_items,
  format('the {} done items of phase {} cost {:.2f} against {:.2f} estimated', done_items, phase_id, spent, planned) AS reason
FROM present JOIN factors USING (week, plan, phase_id)
WHERE state <> 'done' AND abs(round(original * spent / planned, 2) - estimated_cost) >= 0.005 ORDER BY week, plan, item_key
"""


def estimate_adjustments(
    con: duckdb.DuckDBPyConnection, feeds: Feeds, periods: Sequence[Period], as_of: dt.datetime, policy: PlanPolicy
) -> pa.Table:
    """New estimates of items that are not done, from what the done items of their phase cost.

    Both sides are taken from each item's first estimate: one that was adjusted already is not adjusted again by the same evidence.
    """
    _weeks(con, periods, as_of, policy)
    _snapshots(con, feeds.plan_items, policy)
    return con.execute(_ADJUSTMENTS, {"least": policy.min_done}).to_arrow_table()


# ---------------------------------------------------------------- what happened


_COMPLETED = """
WITH titles AS (
  SELECT w.week, w.plan, i.item_id, min(i.title) AS title FROM work w JOIN items i USING (sid) WHERE NOT is_before GROUP BY ALL
),
told AS (
  SELECT week, plan, item_id, max(instant) AS instant FROM steps JOIN weeks USING (week) GROUP BY week, plan, item_id
  HAVING arg_max(now_state, place) = 'done' AND arg_min(was_state, place) <> 'done'
),
known AS (SELECT week, plan, bool_or(is_before) AS has_before FROM work GROUP BY ALL),
shown AS (
  SELECT w.week, w.plan, i.item_key, min(i.title) AS title, max(i.actual_end) AS ended FROM work w JOIN items i USING (sid)
  JOIN known k ON k.week = w.week AND k.plan = w.plan AND k.has_before
  WHERE NOT w.is_before AND i.state = 'done' AND w.plan NOT IN (SELECT plan FROM steps)
    AND (i.item_key, i.nth) NOT IN (
      SELECT (b.item_key, b.nth) FROM work v JOIN items b USING (sid)
      WHERE v.is_before AND v.week = w.week AND v.plan = w.plan AND b.state = 'done')
  GROUP BY ALL
)
SELECT week, 'completed' AS section, plan AS place, item_id AS ref, instant, coalesce(title, item_id) AS text FROM told
LEFT JOIN titles USING (week, plan, item_id)
UNION ALL SELECT week, 'completed', plan, item_key, ended::TIMESTAMPTZ, coalesce(title, item_key) FROM shown
"""
_COMMITS = """
SELECT w.week, 'commit' AS section, c.repository AS place, c.commit[:12] AS ref, c.instant, split_part(c.message, chr(10), 1) AS text
FROM weeks w JOIN {commits} c ON c.instant >= w.week::TIMESTAMPTZ AND c.instant < w.cut WHERE NOT coalesce(c.is_merge, false)
"""
_NOTES = """
SELECT w.week, n.kind AS section, n.plan AS place, sha256(concat_ws(chr(10), n.instant, n.item_id, n.text))[:12] AS ref, n.instant,
       concat_ws(': ', coalesce(n.item_id, n.phase_id), n.text) AS text
FROM weeks w JOIN {notes} n ON n.instant >= w.week::TIMESTAMPTZ AND n.instant < w.cut WHERE n.kind IN ('learning', 'decision')
"""


def weekly_changelog(
    con: duckdb.DuckDBPyConnection, feeds: Feeds, periods: Sequence[Period], as_of: dt.datetime, policy: PlanPolicy
) -> pa.Table:
    """What was completed, committed, learned and decided in each week."""
    _weeks(con, periods, as_of, policy)
    _snapshots(con, feeds.plan_items, policy)
    _steps(con, feeds.plan_transitions)
    notes, commits = _view("plan_notes", feeds.plan_notes), _view("commits", feeds.commits)
    parts = f"{_COMPLETED} UNION ALL {_COMMITS.format(commits=commits)} UNION ALL {_NOTES.format(notes=notes)}"
    return con.execute(f"SELECT * FROM ({parts}) ORDER BY week, section, place, instant NULLS LAST, ref").to_arrow_table()


# ---------------------------------------------------------------- what is written back


_OPEN_ACTIONS = """
SELECT w.week, a.* FROM weeks w JOIN {actions} a ON a.date < w.cut
WHERE (a.closed_at IS NULL OR a.closed_at >= w.cut)
QUALIFY row_number() OVER (PARTITION BY w.week, a.action_id ORDER BY a.as_of DESC NULLS LAST, a.date DESC) = 1
"""


def plan_changes(
    con: duckdb.DuckDBPyConnection,
    feeds: Feeds,
    adjustments: str,
    dashboard: str,
    periods: Sequence[Period],
    as_of: dt.datetime,
    policy: PlanPolicy,
) -> pa.Table:
    """What the plan store should take over: new estimates, open action items, measured success criteria."""
    _weeks(con, periods, as_of, policy)
    known = {_plain(word) for each in policy.states if each.state == "done" for word in each.words}
    rows = [_adjusted(row) for row in con.sql(f"SELECT a.* FROM {adjustments} a JOIN weeks USING (week)").to_arrow_table().to_pylist()]
    actions = con.execute(_OPEN_ACTIONS.format(actions=_view("actions", feeds.actions))).to_arrow_table().to_pylist()
    rows += [_action(row) for row in actions if _plain(row["status"] or "") not in known]
    measured = con.sql(f"SELECT d.* FROM {dashboard} d JOIN weeks USING (week) WHERE line = 'r2' AND value IS NOT NULL")
    rows += [_criterion(row) for row in measured.to_arrow_table().to_pylist()]
    return _rows(contracts.PlanChanges, sorted(rows, key=lambda row: (row["week"], row["kind"], row["change_key"])))


_NOTHING: Row = dict.fromkeys(("item_key", "record_id", "old_value", "owner", "due_by"))


def _keyed(row: Row, *parts: object) -> Row:
    told = "\n".join(str(part) for part in (row["kind"], row["plan"], *parts))
    return {**_NOTHING, **row, "change_key": hashlib.sha256(told.encode()).hexdigest()[:16]}


def _adjusted(row: Row) -> Row:
    new = f"{row['new_estimate']:.2f}"
    change = {
        "week": row["week"],
        "kind": "adjustment",
        "plan": row["plan"],
        "item_key": row["item_key"],
        "record_id": row["record_id"],
        "old_value": f"{row['present_estimate']:.2f}",
        "new_value": new,
        "reason": f"estimate_adjustments: {row['reason']}",
    }
    return _keyed(change, row["item_key"], new)


def _action(row: Row) -> Row:
    change = {
        "week": row["week"],
        "kind": "action",
        "plan": "",
        "new_value": row["summary"],
        "owner": row["owner"],
        "due_by": row["due_by"],
        "reason": f"actions: {row['action_id']}" + (f", for {row['related_items']}" if row["related_items"] else ""),
    }
    return _keyed(change, row["action_id"])


def _criterion(row: Row) -> Row:
    trend = f", trend {row['arrow']}" if row["arrow"] else ""
    text = f"R² of {row['name']}: {row['value']:.4f}, target {row['lower']:.2f} to {row['upper']:.2f}{trend}"
    change = {"week": row["week"], "kind": "criterion", "plan": "", "new_value": text, "reason": f"plan_dashboard: {row['text']}"}
    return _keyed(change, row["week"], row["name"])


# ---------------------------------------------------------------- the repository


_PLAN_CHANGED = """
SELECT DISTINCT instant FROM (
  SELECT instant FROM {moves} UNION ALL SELECT coalesce(instant, date::TIMESTAMPTZ) FROM {items}
  UNION ALL SELECT instant FROM {notes}
) WHERE instant < (SELECT max(cut) FROM weeks) ORDER BY instant
"""


def repository_sync(
    con: duckdb.DuckDBPyConnection,
    feeds: Feeds,
    compared: Mapping[tuple[str, str], Sequence[Row]],
    periods: Sequence[Period],
    as_of: dt.datetime,
    policy: PlanPolicy,
) -> pa.Table:
    """What a sync would write, as ``compared`` by week and repository, and how far the repository lags behind the plan."""
    _weeks(con, periods, as_of, policy)
    views = (_view(name, getattr(feeds, name)) for name in ("plan_transitions", "plan_items", "plan_notes"))
    changed = [row[0] for row in con.execute(_PLAN_CHANGED.format(**dict(zip(("moves", "items", "notes"), views, strict=True)))).fetchall()]
    cuts = dict(con.execute("SELECT week, cut FROM weeks").fetchall())
    rows = []
    for (key, repository), parts in sorted(compared.items()):
        week = dt.date.fromisoformat(key)
        for part in parts:
            drift = _drift(part, parts, changed, cuts[week]) if part["kind"] == "repository" else None
            rows.append({"week": week, "repository": repository, **part, "drift_hours": drift})
    return _rows(contracts.RepositorySync, rows)


def _drift(own: Row, parts: Sequence[Row], changed: Sequence[dt.datetime], cut: dt.datetime) -> float | None:
    """Hours since the oldest change of the plan after the last sync; none where everything is as it should be."""
    if own["state"] == "unknown":
        return None
    if all(part["state"] == "current" for part in parts if part["kind"] in ("document", "readme", "changelog")):
        return 0.0
    missed = [instant for instant in changed if instant < cut and (own["written_at"] is None or instant > own["written_at"])]
    return (cut - min(missed)) / dt.timedelta(hours=1) if missed else 0.0


def model_commits(con: duckdb.DuckDBPyConnection, registry: str, period: Period) -> list[tuple[str, str]]:
    """Every model version in use in the week that names the commit it was made with."""
    query = f"""
    SELECT model_id || '@' || version, git_revision FROM {registry}
    WHERE week = (SELECT max(week) FROM {registry} WHERE week <= $week) AND status = 'incumbent' AND git_revision IS NOT NULL ORDER BY 1
    """
    return [(str(name), str(commit)) for name, commit in con.execute(query, {"week": period.start.date()}).fetchall()]
