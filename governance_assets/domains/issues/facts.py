"""Lives of issues from their events, their triage, their service levels, and the lines of a review.

Belongs here: joining events into issues, and what the policy's patterns find in their words. Does not belong here: counted time
(``stats/service_clock.py``), the patterns themselves (policy) and verdicts (``rules.py``).

An issue is what one source calls by one identifier. Issues of different sources with the same words, opened within some days, are one:
it is open while any of them is, and counts the time of the one that counted longest.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import arrow_schema
from governance_assets.domains.issues.contracts import IssueReport, IssueTriage, SlaStatus
from governance_assets.policy import IssuesPolicy
from governance_assets.policy.issues import Matching, PriorityRule
from governance_assets.runtime.periods import Period, is_business_day
from governance_assets.stats.limits import above
from governance_assets.stats.service_clock import HOUR, ServiceClock, always, due, elapsed, microseconds, working_hours

Row = dict[str, Any]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY = dt.timedelta(days=1)
_TEXT = 2000
"""Characters of an issue's text that patterns look at."""
_HORIZON = 3660 * _DAY
"""How far beyond the instant judged a due date is looked for."""
_NEVER = np.iinfo(np.int64).max
UNCATEGORISED = "uncategorised"


@dataclass(frozen=True)
class Feeds:
    """Views of the landed rows that issues come from; None where nothing landed."""

    issue_events: str | None
    model_runs: str | None
    latency_samples: str | None
    test_runs: str | None


@dataclass(frozen=True)
class Automatic:
    """What the telemetry says of one watched figure at one instant: whether it is bad, and how bad."""

    source: str
    subject: str
    instant: dt.datetime
    priority: str | None
    title: str


# ---------------------------------------------------------------- artifacts


def issue_triage(
    con: duckdb.DuckDBPyConnection, feeds: Feeds, periods: Sequence[Period], as_of: dt.datetime, policy: IssuesPolicy
) -> pa.Table:
    """One row an issue that was open in a period, with its category and priority."""
    _load(con, feeds, min(as_of, max(period.end for period in periods)), policy)
    parts = [_triaged(con, period, _cut(period, as_of), policy) for period in periods]
    return pa.concat_tables([arrow_schema(IssueTriage).empty_table(), *parts])


def sla_status(
    con: duckdb.DuckDBPyConnection, feeds: Feeds, triage: str, periods: Sequence[Period], as_of: dt.datetime, policy: IssuesPolicy
) -> pa.Table:
    """One row an issue of the triage of each period, with the time counted for it."""
    _load(con, feeds, min(as_of, max(period.end for period in periods)), policy)
    parts = [_levels(con, triage, period, _cut(period, as_of), policy) for period in periods]
    return pa.concat_tables([arrow_schema(SlaStatus).empty_table(), *parts])


def issue_report(
    con: duckdb.DuckDBPyConnection, triage: str, status: str, periods: Sequence[Period], as_of: dt.datetime, policy: IssuesPolicy
) -> pa.Table:
    """The lines of the review of each period."""
    rows: list[Row] = []
    for period in periods:
        query = (
            f"SELECT * FROM {triage} JOIN {status} USING (half_month, issue_id, priority, opened_at) WHERE half_month = ? ORDER BY issue_id"
        )
        found = con.execute(query, [dt.date.fromisoformat(period.key)]).to_arrow_table()
        rows += ({"half_month": dt.date.fromisoformat(period.key), **row} for row in _lines(found, period, _cut(period, as_of), policy))
    return pa.Table.from_pylist([_BLANK | row for row in rows], schema=arrow_schema(IssueReport))


def _cut(period: Period, as_of: dt.datetime) -> dt.datetime:
    """The instant a period is judged at: its end, or the present while it is open."""
    return min(period.end, as_of)


# ---------------------------------------------------------------- events to lives


_EVENTS = """
CREATE OR REPLACE TEMP TABLE told AS
SELECT replace(source || ':' || source_id, ',', ' ') AS id, source, kind, instant,
       title, severity, labels, section, text, owner, due_by, url,
       CASE WHEN event <> 'listed' THEN event
            WHEN regexp_matches(lower(concat_ws(' ', status, severity)), $closing) THEN 'closed'
            WHEN regexp_matches(lower(coalesce(status, '')), $waiting) THEN 'waiting' ELSE 'listed' END AS event,
       CAST(NULL AS VARCHAR) AS priority
FROM {view} WHERE instant < $until
"""
_RANKS = (
    "CASE event WHEN 'opened' THEN 0 WHEN 'waiting' THEN 2 WHEN 'resumed' THEN 3 WHEN 'reopened' THEN 4 WHEN 'closed' THEN 5 ELSE 1 END"
)
_CLOSED = "CASE WHEN event = 'closed' THEN 1 WHEN event IN ('opened', 'reopened', 'listed') THEN 0 END"
_WAITS = "CASE WHEN event = 'waiting' THEN 1 WHEN event IN ('resumed', 'closed', 'reopened') THEN 0 END"
_STATES = f"""
CREATE OR REPLACE TEMP TABLE states AS
WITH flagged AS (
  SELECT id, instant, row_number() OVER w AS place,
         coalesce(last_value({_CLOSED} IGNORE NULLS) OVER w, 0) AS closed, coalesce(last_value({_WAITS} IGNORE NULLS) OVER w, 0) AS waits
  FROM told WHERE instant < $cut WINDOW w AS (PARTITION BY id ORDER BY instant, {_RANKS})
)
SELECT id, instant, place, closed, waits, lead(instant, 1, $cut) OVER v AS until, lag(closed, 1, 0) OVER v AS was_closed
FROM flagged WINDOW v AS (PARTITION BY id ORDER BY place)
"""
_LIVES = """
CREATE OR REPLACE TEMP TABLE lives AS
SELECT id, min(instant) AS opened_at, arg_max(closed, place) AS closed, arg_max(waits, place) AS waits,
       max(instant) FILTER (closed = 1 AND was_closed = 0) AS closed_at,
       count(*) FILTER (closed = 0 AND was_closed = 1) AS reopened,
       max(instant) FILTER (closed = 0 AND was_closed = 1) AS reopened_at
FROM states GROUP BY id
"""
_WORDS = """
SELECT lives.*, source, kind, title, severity, labels, section, text, owner, due_by, url, priority
FROM lives JOIN (
  SELECT id, first(source) AS source, first(kind) AS kind, arg_max(title, instant) AS title, arg_max(severity, instant) AS severity,
         arg_max(labels, instant) AS labels, arg_max(section, instant) AS section, arg_min(text, instant) AS text,
         arg_max(owner, instant) AS owner, arg_max(due_by, instant) AS due_by, arg_max(url, instant) AS url,
         arg_max(priority, instant) AS priority
  FROM told WHERE instant < $cut GROUP BY id
) USING (id) ORDER BY opened_at, id
"""


def _load(con: duckdb.DuckDBPyConnection, feeds: Feeds, until: dt.datetime, policy: IssuesPolicy) -> None:
    """The events of every source before ``until`` as the table ``told``, those of watched figures among them."""
    patterns = {"closing": policy.closing_words, "waiting": policy.waiting_words, "until": until}
    con.execute(_EVENTS.format(view=feeds.issue_events or f"({_NO_EVENTS})"), patterns)
    made = pa.Table.from_pylist(list(_automatic(con, feeds, until, policy)), schema=con.sql("FROM told").to_arrow_table().schema)
    con.register("made", made)
    con.execute("INSERT INTO told BY NAME SELECT * FROM made")


_NO_EVENTS = """
SELECT '' AS source, '' AS source_id, '' AS kind, '' AS event, TIMESTAMPTZ '1970-01-01 00:00:00Z' AS instant, '' AS title, '' AS severity,
       '' AS labels, '' AS section, '' AS text, '' AS owner, DATE '1970-01-01' AS due_by, '' AS url, '' AS status WHERE false
"""


def _prepare(con: duckdb.DuckDBPyConnection, cut: dt.datetime) -> None:
    con.execute(_STATES, {"cut": cut})
    con.execute(_LIVES)


# ---------------------------------------------------------------- watched figures


def _automatic(con: duckdb.DuckDBPyConnection, feeds: Feeds, until: dt.datetime, policy: IssuesPolicy) -> Iterator[Row]:
    """Events of what the telemetry itself shows to be broken."""
    watched: list[Automatic] = []
    if feeds.model_runs:
        watched += _r2_drops(con, feeds.model_runs, until, policy)
    if feeds.latency_samples:
        watched += _slow_days(con, feeds.latency_samples, until, policy)
    if feeds.test_runs:
        watched += _test_states(con, feeds.test_runs, until)
    state: dict[tuple[str, str], str | None] = {}
    opened: set[tuple[str, str]] = set()
    for one in sorted(watched, key=lambda each: (each.source, each.subject, each.instant)):
        key = (one.source, one.subject)
        before = state.get(key)
        state[key] = one.priority
        if one.priority == before:
            continue
        event = "closed" if one.priority is None else "labelled" if before else "reopened" if key in opened else "opened"
        opened.add(key)
        yield {
            "id": f"{one.source}:{one.subject}",
            "source": one.source,
            "kind": "automatic",
            "instant": one.instant,
            "title": one.title,
            "event": event,
            "priority": one.priority,
        }


def _r2_drops(con: duckdb.DuckDBPyConnection, view: str, until: dt.datetime, policy: IssuesPolicy) -> Iterator[Automatic]:
    """For every value of R² the rolling mean up to it, held against the median of the first days of its version."""
    query = f"""
    SELECT model_id, coalesce(model_version, '') AS version, series, instant,
           avg(value) OVER (own ORDER BY instant RANGE BETWEEN INTERVAL {policy.recent_days} DAY PRECEDING AND CURRENT ROW) AS recent,
           (SELECT median(b.value) FROM {view} b WHERE b.metric = a.metric AND b.model_id = a.model_id AND b.series = a.series
             AND b.model_version IS NOT DISTINCT FROM a.model_version AND coalesce(b.split, 'live') IN ('live', 'test')
             AND b.instant < a.first + INTERVAL {policy.baseline_days} DAY) AS baseline,
           instant >= a.first + INTERVAL {policy.baseline_days} DAY AS ripe
    FROM (SELECT *, min(instant) OVER (PARTITION BY model_id, model_version, series) AS first FROM {view}
          WHERE lower(metric) = ? AND coalesce(split, 'live') IN ('live', 'test') AND source = 'measured' AND instant < ?) a
    WINDOW own AS (PARTITION BY model_id, model_version, series) ORDER BY ALL"""
    for model, version, series, instant, recent, baseline, is_ripe in con.execute(query, [policy.r2_metric, until]).fetchall():
        if not is_ripe:
            continue
        drop = baseline - recent
        priority = "P1" if above(drop, policy.r2_drop) else "P2" if above(drop, policy.r2_drop_watch) else None
        name = " ".join(part for part in (model, version, series) if part)
        yield Automatic("r2_drop", name, instant, priority, f"R² of {name} fell from {baseline:.3f} to {recent:.3f}")


def _slow_days(con: duckdb.DuckDBPyConnection, view: str, until: dt.datetime, policy: IssuesPolicy) -> Iterator[Automatic]:
    """For every day with enough samples whether the service kept its promise; known when the day is over."""
    query = f"""
    SELECT * FROM (
      SELECT service, date_trunc('day', instant) + INTERVAL 1 DAY AS known, quantile_cont(duration_ms, ?) AS slow, count(*) AS n
      FROM {view} WHERE statistic = 'sample' AND NOT coalesce(is_warm_up, false) AND service <> '' GROUP BY service, known)
    WHERE n >= ? AND known < ? ORDER BY ALL"""
    for service, known, slow, _ in con.execute(query, [policy.latency_quantile, policy.min_latency_samples, until]).fetchall():
        priority = "P2" if above(slow, policy.latency_slo_ms) else None
        title = (
            f"Latency of {service}: {slow:.0f} ms at the {policy.latency_quantile:.0%} quantile, promised {policy.latency_slo_ms:.0f} ms"
        )
        yield Automatic("latency", service, known, priority, title)


def _test_states(con: duckdb.DuckDBPyConnection, view: str, until: dt.datetime) -> Iterator[Automatic]:
    query = f"SELECT batch, instant, status, first_failure FROM {view} WHERE instant < ? AND status <> 'skipped' ORDER BY ALL"
    for batch, instant, status, failure in con.execute(query, [until]).fetchall():
        is_bad = status in ("fail", "error")
        yield Automatic("test_runs", batch, instant, "P1" if is_bad else None, f"Check {batch} fails" + (f": {failure}" if failure else ""))


# ---------------------------------------------------------------- triage


def _triaged(con: duckdb.DuckDBPyConnection, period: Period, cut: dt.datetime, policy: IssuesPolicy) -> pa.Table:
    schema = arrow_schema(IssueTriage)
    if cut <= period.start:
        return schema.empty_table()
    _prepare(con, cut)
    known = con.execute(_WORDS, {"cut": cut}).to_arrow_table()
    members = _members(known, policy)
    is_head = pc.equal(known["id"], pa.array(members, pa.string()))
    seen = _open_in(known, members, period.start)
    heads = known.filter(pc.and_(is_head, pc.is_in(known["id"], pa.array(sorted(seen), pa.string()))))
    every = _joined(heads, ("title", "labels", "section", "text"))
    stated = _joined(heads, ("severity", "labels", "section"))
    categories = _first_match(heads, [(rule, every) for rule in policy.categories], [rule.category for rule in policy.categories])
    chosen = [(rule, stated if rule.is_stated else every) for rule in policy.priorities]
    priorities = _first_match(heads, chosen, [rule.priority for rule in policy.priorities])
    together: dict[str, list[str]] = {}
    for each, own in zip(known["id"].to_pylist(), members, strict=True):
        together.setdefault(own, []).append(each)
    rows = []
    for row, category, priority in zip(heads.to_pylist(), categories, priorities, strict=True):
        if row["priority"] is not None:
            priority = (row["priority"], "automatic: the figure itself")
            category = category or (
                "model_performance" if row["source"] == "r2_drop" else "infrastructure",
                "automatic: the watched figure",
            )
        priority = priority or (policy.default_priority, "no rule holds: the policy's default")
        category = category or (UNCATEGORISED, "no rule of the policy holds")
        rows.append(
            {
                "half_month": dt.date.fromisoformat(period.key),
                "issue_id": row["id"],
                **{name: row[name] for name in ("title", "kind", "source", "opened_at", "severity", "due_by", "url")},
                "seen_in": ",".join(together[row["id"]]),
                "category": category[0],
                "category_reason": category[1],
                "priority": priority[0],
                "priority_reason": priority[1],
                "owner": row["owner"] or policy.level(priority[0]).owner,
                "is_owner_named": bool(row["owner"]),
                "is_new": row["opened_at"] >= period.start,
            }
        )
    return pa.Table.from_pylist(rows, schema=schema)


def _members(known: pa.Table, policy: IssuesPolicy) -> list[str]:
    """For each issue, in the order of opening, the earliest one it is the same as."""
    plain = [re.sub(r"[^a-z]+", " ", title.lower()).strip() for title in known["title"].to_pylist()]
    alike: dict[str, list[tuple[str, set[str], dt.datetime]]] = {}
    found = []
    span = dt.timedelta(days=policy.same_within_days)
    for words, own, source, opened in zip(plain, *(known[name].to_pylist() for name in ("id", "source", "opened_at")), strict=True):
        groups = alike.setdefault(words, [])
        same = next((one for one in groups if words and source not in one[1] and opened - one[2] <= span), None)
        if same is None:
            groups.append((own, {source}, opened))
        else:
            same[1].add(source)
        found.append(own if same is None else same[0])
    return found


def _open_in(known: pa.Table, members: Sequence[str], start: dt.datetime) -> set[str]:
    """The issues of which a member is open, or was closed after ``start``."""
    rows = zip(members, *(known[name].to_pylist() for name in ("closed", "closed_at")), strict=True)
    return {own for own, closed, closed_at in rows if not closed or closed_at >= start}


def _joined(rows: pa.Table, names: Sequence[str]) -> pa.ChunkedArray:
    parts = [pc.utf8_slice_codeunits(pc.fill_null(rows[name].cast(pa.string()), ""), 0, _TEXT) for name in names]
    return pc.utf8_lower(pc.binary_join_element_wise(*parts, " "))


def _first_match(rows: pa.Table, rules: Sequence[tuple[Matching, pa.ChunkedArray]], given: Sequence[str]) -> list[tuple[str, str] | None]:
    """What the first rule that holds gives each row, with its number and the words it found."""
    found: list[tuple[str, str] | None] = [None] * rows.num_rows
    is_open = np.ones(rows.num_rows, dtype=np.bool_)
    for number, (rule, texts) in enumerate(rules, start=1):
        holds = is_open.copy()
        for name, wanted in (("kind", rule.kinds), ("source", rule.sources)):
            if wanted:
                holds &= np.asarray(pc.is_in(rows[name], pa.array(list(wanted))))
        if rule.words:
            holds &= np.asarray(pc.match_substring_regex(texts, rule.words, ignore_case=True))
        is_open &= ~holds
        for at in np.flatnonzero(holds).tolist():
            found[at] = (given[number - 1], f"rule {number}: {_shown(rule, texts[at].as_py(), rows, at)}")
    return found


def _shown(rule: Matching, text: str, rows: pa.Table, at: int) -> str:
    where = "stated " if isinstance(rule, PriorityRule) and rule.is_stated else ""
    match = re.search(rule.words, text, re.IGNORECASE) if rule.words else None
    return f"{where}“{match[0].strip()}”" if match else f"kind {rows['kind'][at].as_py()}"


# ---------------------------------------------------------------- service levels


def _levels(con: duckdb.DuckDBPyConnection, triage: str, period: Period, cut: dt.datetime, policy: IssuesPolicy) -> pa.Table:
    schema = arrow_schema(SlaStatus)
    day = dt.date.fromisoformat(period.key)
    known = con.execute(
        f"SELECT issue_id, priority, opened_at, seen_in FROM {triage} WHERE half_month = ? ORDER BY issue_id", [day]
    ).fetchall()
    if not known:
        return schema.empty_table()
    _prepare(con, cut)
    con.register("owned", _owned(known))
    running = "s.closed = 0" + (" AND s.waits = 0" if policy.pauses_while_waiting else "")
    running += " AND s.instant >= coalesce(l.reopened_at, s.instant)" if policy.restarts_on_reopening else ""
    query = f"""
    SELECT o.place, o.member, epoch_us(s.instant) AS since, epoch_us(s.until) AS until
    FROM owned o JOIN states s ON s.id = o.member JOIN lives l ON l.id = o.member WHERE {running} ORDER BY ALL"""
    stretches = con.execute(query).fetchnumpy()
    lives = con.execute("SELECT o.place, l.* FROM owned o JOIN lives l ON l.id = o.member ORDER BY ALL").to_arrow_table().to_pylist()
    by_issue: dict[int, list[Row]] = {}
    for life in lives:
        by_issue.setdefault(life["place"], []).append(life)
    clocks = _clocks(min(row[2] for row in known), cut, policy)
    counted = _counted(stretches, [row[1] for row in known], clocks, policy)
    rows = [
        _level_row(day, cut, issue, by_issue[place], int(counted[place]), clocks[policy.level(issue[1]).is_working_time], policy)
        for place, issue in enumerate(known)
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def _owned(known: Sequence[tuple[Any, ...]]) -> pa.Table:
    pairs = [(place, member) for place, row in enumerate(known) for member in row[3].split(",")]
    return pa.table({"place": [pair[0] for pair in pairs], "member": [pair[1] for pair in pairs]})


def _clocks(first: dt.datetime, cut: dt.datetime, policy: IssuesPolicy) -> Mapping[bool, ServiceClock]:
    """The clock of all time and that of working hours, both long enough for any due date that is stated."""
    last = cut + _HORIZON
    days = [number for number, name in enumerate(_WEEKDAYS) if name in policy.weekdays]
    is_needed = any(level.is_working_time for level in policy.levels)
    made = {False: always(first, last)}
    if is_needed:
        made[True] = working_hours(first, last, zone=policy.zone, opens=policy.opens, closes=policy.closes, weekdays=days)
    return made


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _counted(stretches: Mapping[str, Any], priorities: Sequence[str], clocks: Mapping[bool, ServiceClock], policy: IssuesPolicy) -> Any:
    """Counted microseconds of each issue: of its member that counted longest."""
    names, member = np.unique(np.asarray(stretches["member"], dtype=str), return_inverse=True)
    place_of = np.zeros(len(names), dtype=np.int64)
    place_of[member] = stretches["place"]
    is_working = np.array([policy.level(priority).is_working_time for priority in priorities])
    total = np.zeros(len(priorities), dtype=np.int64)
    for kind, clock in clocks.items():
        chosen = is_working[stretches["place"]] == kind
        spent = elapsed(clock, member[chosen], stretches["since"][chosen], stretches["until"][chosen], len(names))
        np.maximum.at(total, place_of, np.where(is_working[place_of] == kind, spent, 0))
    return total


def _level_row(
    day: dt.date, cut: dt.datetime, issue: tuple[Any, ...], lives: Sequence[Row], counted: int, clock: ServiceClock, policy: IssuesPolicy
) -> Row:
    issue_id, priority, opened_at, _ = issue
    is_closed = all(life["closed"] for life in lives)
    waits = not is_closed and all(life["closed"] or life["waits"] for life in lives)
    closed_at = max(life["closed_at"] for life in lives) if is_closed else None
    limit = round(policy.level(priority).hours * HOUR)
    stands = waits and policy.pauses_while_waiting
    age = ((closed_at or cut) - opened_at) / dt.timedelta(hours=1)
    return {
        "half_month": day,
        "issue_id": issue_id,
        "priority": priority,
        "state": "closed" if is_closed else "waiting" if waits else "open",
        "judged_at": cut,
        "opened_at": opened_at,
        "closed_at": closed_at,
        "reopened": sum(life["reopened"] for life in lives),
        "age_hours": age,
        "counted_hours": counted / HOUR,
        "limit_hours": limit / HOUR,
        "due_at": None if is_closed or stands else _due(cut, limit - counted, clock),
        "breach_hours": (counted - limit) / HOUR if counted > limit else None,
        "is_debt": not is_closed and priority in ("P0", "P1") and age > policy.debt_days * 24,
    }


def _due(cut: dt.datetime, remaining: int, clock: ServiceClock) -> dt.datetime | None:
    """When the rest is counted; for a level already broken, when it broke, as counted back from the instant judged."""
    at = microseconds(cut)
    if remaining > 0:
        found = int(due(clock, np.array([at]), np.array([remaining]))[0])
    else:
        found = int(clock.reached(clock.counted(np.array([at])) + remaining)[0])
    return None if found == _NEVER else _EPOCH + dt.timedelta(microseconds=found)


# ---------------------------------------------------------------- the review


_BLANK: Row = {"value": None, "unit": "issues", "priority": None, "owner": None, "due_date": None}
_WEEKS = 8
"""Bars of the histogram of ages; what is older stands in one more."""


def _lines(found: pa.Table, period: Period, cut: dt.datetime, policy: IssuesPolicy) -> Iterator[Row]:
    issues = found.to_pylist()
    still = [row for row in issues if row["state"] != "closed"]
    done = [row for row in issues if row["state"] == "closed"]
    yield _figure("open", len(still), "open at the end")
    yield _figure("new", sum(row["is_new"] for row in issues), "opened in the half-month")
    yield _figure("closed", len(done), "closed in the half-month")
    yield _figure("reopened", sum(row["reopened"] > 0 for row in issues), "reopened at least once")
    yield _figure("breached", sum(row["breach_hours"] is not None for row in still), "open beyond their service level")
    yield _figure("debt", sum(row["is_debt"] for row in issues), f"P0 and P1 open for more than {policy.debt_days:g} days")
    yield _figure("uncategorised", sum(row["category"] == UNCATEGORISED for row in issues), "no rule of the policy gives them a category")
    for priority in ("P0", "P1", "P2", "P3"):
        yield _figure(f"open {priority}", sum(row["priority"] == priority for row in still), f"{priority} open at the end")
    hours = [row["age_hours"] for row in done]
    median = float(np.median(hours)) if hours else None
    yield _figure("median time to resolve", median, "from opening to closing, of those closed in the half-month") | {"unit": "hours"}
    yield from _histogram(still)
    for cause, count in Counter(row["category"] for row in issues).most_common(policy.report_top):
        yield {
            "section": "cause",
            "name": cause,
            "value": float(count),
            "text": f"{sum(row['category'] == cause for row in still)} still open",
        }
    for row in sorted(still, key=lambda row: (row["priority"], row["opened_at"], row["issue_id"])):
        if row["priority"] in ("P0", "P1"):
            yield _action(row, cut, policy)


def _figure(name: str, value: float | None, text: str) -> Row:
    return {"section": "figure", "name": name, "value": None if value is None else float(value), "text": text}


def _histogram(still: Sequence[Row]) -> Iterator[Row]:
    weeks = Counter(min(int(row["age_hours"] // (7 * 24)), _WEEKS) for row in still)
    for week in range(_WEEKS + 1):
        name = f"{7 * week} to {7 * week + 6} days" if week < _WEEKS else f"{7 * week} days or more"
        yield {"section": "age", "name": name, "value": float(weeks[week]), "text": f"{weeks[week]} of {len(still)} open issues"}


def _action(row: Row, cut: dt.datetime, policy: IssuesPolicy) -> Row:
    level = policy.level(row["priority"])
    latest = row["due_by"] or (row["due_at"] or cut).date()
    return {
        "section": "action",
        "name": row["issue_id"],
        "value": row["breach_hours"],
        "unit": "hours",
        "priority": row["priority"],
        "owner": row["owner"],
        "due_date": max(latest, _next_working_day(cut.date())) if row["breach_hours"] is not None else latest,
        "text": f"{row['title']}: {level.action}",
    }


def _next_working_day(day: dt.date) -> dt.date:
    """What is late already is due on the next working day."""
    day += _DAY
    while not is_business_day(day):
        day += _DAY
    return day
