"""Rows of the review's cycle: the checklist with the evidence that closes its items, and the governance calendar.

Belongs here: finding evidence among recorded rows and holding it against windows. Does not belong here: whether a late item is
acceptable (``rules.py``), or when things are due (``runtime/due_dates.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.cycle.contracts import ContextLedger, GovernanceCalendar, ReviewChecklist
from governance_assets.policy import CalendarPolicy, CyclePolicy
from governance_assets.runtime import due_dates
from governance_assets.runtime.calendar import governance_calendar as events_of
from governance_assets.runtime.periods import DAY, Period, next_quarter, previous_quarter, quarter_of, utc_day

Row = dict[str, Any]

_NO_VERDICT = ("skipped", "unknown")


@dataclass(frozen=True)
class Record:
    """Everything recorded that may close an item, over all quarters."""

    kickoffs: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    actions: Sequence[Row] = ()
    reports: Sequence[Row] = ()
    critics: Sequence[Row] = ()
    events: Sequence[Row] = ()
    packets: Mapping[str, Sequence[dt.datetime]] = field(default_factory=dict)
    """When the packet for the review after each quarter was recorded or confirmed."""


@dataclass(frozen=True)
class Found:
    """Evidence of one item: when it was there, and in words; ``applies`` is false when there is nothing to do."""

    done_at: dt.datetime | None
    told: str
    applies: bool = True


def compiled(ledger: pa.Table, is_simulated: bool) -> dict[str, list[dt.datetime]]:
    """When each partition in the ledger was recorded or confirmed; under a simulated clock, the instants it was looked at from."""
    found: dict[str, list[dt.datetime]] = {}
    for row in ledger.to_pylist():
        if row["revision"] is not None:
            found.setdefault(row["partition_key"], []).append(row["as_of"] if is_simulated else row["recorded_at"])
    return found


def review_checklist(
    record: Record, periods: Sequence[Period], as_of: dt.datetime, policy: CyclePolicy, calendar: CalendarPolicy
) -> pa.Table:
    """Every item of the review of each asked quarter; none for quarters before the first review that anything is recorded of."""
    known = min((*_traces(record), *([calendar.cadence_start] if calendar.cadence_start else [])), default=None)
    rows: list[Row] = []
    for period in periods:
        if known is not None and known < utc_day(period.end):
            items = _Review(record, period, as_of, policy, calendar).items()
            rows += ({"quarter": period.key, "position": place, **item} for place, item in enumerate(items, 1))
    return pa.Table.from_pylist(rows, schema=arrow_schema(ReviewChecklist))


def _traces(record: Record) -> Iterator[dt.date]:
    """Days on which something that only a review makes is recorded."""
    yield from (utc_day(row["starts_at"]) for row in record.events)
    yield from (utc_day(row["generated_at"]) for row in record.reports if row["origin"] == "imported")
    yield from (row["decided_on"] for row in record.decisions)
    yield from (row["agreed_on"] for row in record.actions)


class _Review:
    """The review of one quarter, its dates counted from the kickoff that is recorded, else from the one that is due."""

    def __init__(self, record: Record, period: Period, as_of: dt.datetime, policy: CyclePolicy, calendar: CalendarPolicy) -> None:
        self.record, self.period, self.policy, self.calendar = record, period, policy, calendar
        self.cut = min(as_of, period.end)
        self.is_over = as_of >= period.end
        self.kickoff = kickoff_of(record.kickoffs, period.key)
        self.begins: dt.datetime = due_dates.kickoff(period.key, calendar) if self.kickoff is None else self.kickoff["starts_at"]
        self.last = due_dates.kickoff(previous_quarter(period.key), calendar)
        held = self.kickoff is not None and self.kickoff["status"] == "held" and self.begins <= self.cut
        self.held_at = self.begins if held else None
        own = [row for row in record.decisions if row["quarter"] == period.key]
        first, last = utc_day(self.begins), utc_day(due_dates.post_review_due(self.begins, calendar))
        # What is decided later in the quarter has a deadline of its own, which the decision log judges.
        self.decisions = [
            row for row in own if row["decided_on"] == first or (row["cycle"] == period.key and first <= row["decided_on"] <= last)
        ]

    def items(self) -> Iterator[Row]:
        """Every item in the order of its phase."""
        calendar, begins = self.calendar, self.begins
        preread, sweep, sync = (due(begins, calendar) for due in (due_dates.preread_due, due_dates.sweep_due, due_dates.product_sync_due))
        after, close = due_dates.post_review_due(begins, calendar), due_dates.quarter_close(self.period.key, calendar)
        ends = begins + dt.timedelta(minutes=calendar.kickoff_minutes)
        before = due_dates.post_review_due(self.last, calendar)
        yield self._item(
            "preread",
            "packet_compiled",
            before,
            preread,
            self._packet(previous_quarter(self.period.key), self._event(("preread",), before, begins)),
        )
        yield self._item("preread", "variance_recorded", before, preread, self._report(before, begins))
        for critic in self.policy.swept_critics:
            yield self._item("telemetry_sweep", f"{critic}_rerun", preread, sweep, self._critic(critic))
        yield self._item("product_sync", "claims_compared", sweep, sync, self._event(self.policy.sync_kinds, preread, begins))
        yield self._item("review_session", "kickoff_held", begins, self._hold_by(), self._kickoff())
        yield self._item("review_session", "decisions_logged", begins, due_dates.at(utc_day(begins), calendar.day_end), self._decided())
        yield self._item("post_review", "actions_assigned", ends, after, self._assigned())
        yield self._item("post_review", "plan_updated", ends, after, self._updated())
        yield self._item("quarter_close", "actions_closed", after, close, self._closed(close))
        yield self._item("quarter_close", "next_packet_prepared", after, close, self._packet(self.period.key))

    def _item(self, phase: str, item: str, opens: dt.datetime, due: dt.datetime, found: Found) -> Row:
        late = None
        if not found.applies:
            state = "not_applicable"
        elif found.done_at is not None:
            state, late = ("closed", None) if found.done_at <= due else ("late", found.done_at - due)
        else:
            state, late = ("open", None) if self.cut <= due else ("missing", self.cut - due)
        return {
            "phase": phase,
            "item": item,
            "owner": self.policy.owner(phase),
            "opens_at": opens,
            "due_at": due,
            "state": state,
            "done_at": found.done_at,
            "days_late": None if late is None else -(-late // DAY),
            "evidence": found.told,
            "judged_at": self.cut,
        }

    # Evidence

    def _event(self, kinds: Sequence[str], first: dt.datetime, last: dt.datetime) -> Found:
        """A session of one of ``kinds`` that took place for this review."""
        held = [
            row
            for row in self.record.events
            if row["kind"] in kinds
            and row["status"] not in ("cancelled", "scheduled", "rescheduled")
            and first < row["starts_at"] <= min(last, self.cut)
        ]
        if not held:
            return Found(None, f"no session of kind {' or '.join(kinds)} is recorded")
        row = min(held, key=lambda row: row["starts_at"])
        return Found(row["starts_at"], row["title"] or row["kind"])

    def _packet(self, quarter: str, instead: Found | None = None) -> Found:
        """The first record of the packet about a quarter, or a session that compiled it, whichever was first.

        A record that is older at the kickoff than telemetry may be is an early draft and does not count.
        """
        found = [instead] if instead is not None and instead.done_at is not None else []
        oldest = due_dates.oldest_telemetry(self._begins_after(quarter), self.calendar)
        told = self.record.packets.get(quarter, ())
        found += [Found(at, f"preread_packet {quarter}") for at in told if oldest <= at <= self.cut]
        lacking = f"no packet was recorded or confirmed since {oldest:%Y-%m-%d %H:%M}"
        return min(found, key=lambda one: str(one.done_at), default=Found(None, lacking))

    def _begins_after(self, quarter: str) -> dt.datetime:
        """When the review that follows ``quarter`` begins: this one's own kickoff, else the one that is due."""
        following = next_quarter(quarter)
        return self.begins if following == self.period.key else due_dates.kickoff(following, self.calendar)

    def _report(self, first: dt.datetime, last: dt.datetime) -> Found:
        made = sorted(
            (row["generated_at"], row["quarter"], row["entry"])
            for row in self.record.reports
            if first < row["generated_at"] <= min(last, self.cut)
        )
        if not made:
            return Found(None, "no variance report was made since the review before")
        made_at, quarter, entry = made[0]
        return Found(made_at, f"report {entry} of {quarter}")

    def _critic(self, name: str) -> Found:
        """The first verdict of a critic that is fresh enough at the kickoff."""
        oldest = utc_day(due_dates.oldest_telemetry(self.begins, self.calendar))
        told = [
            row
            for row in self.record.critics
            if row["critic"].removesuffix(_OURS) == name and row["status"] not in _NO_VERDICT and row["judged_on"] <= utc_day(self.cut)
        ]
        fresh = [row for row in told if oldest <= row["judged_on"] <= utc_day(self.begins)]
        if fresh:
            row = min(fresh, key=lambda row: (row["judged_on"], row["critic"]))
            return Found(due_dates.at(row["judged_on"], "00:00"), f"{row['critic']}: {row['status']} on {row['judged_on']}")
        newest = max((row["judged_on"] for row in told if row["judged_on"] < oldest), default=None)
        return Found(None, f"no verdict since {oldest}; " + ("none is recorded" if newest is None else f"the newest is of {newest}"))

    def _hold_by(self) -> dt.datetime:
        """The end of the review week; of a kickoff that was moved, the last instant to which it may be."""
        if self.kickoff is not None and self.kickoff["rebook_by"] is not None:
            return self.kickoff["rebook_by"]
        return due_dates.at(due_dates.review_week(self.period.key, self.calendar).end, self.calendar.day_end)

    def _kickoff(self) -> Found:
        if self.kickoff is None:
            return Found(None, "no kickoff is recorded")
        return Found(self.held_at, f"{self.kickoff['event']}: {self.kickoff['status'] or 'no state'} on {utc_day(self.begins)}")

    def _decided(self) -> Found:
        days = [row["decided_on"] for row in self.decisions]
        if not days:
            return Found(None, "no decision of the review is logged")
        return Found(due_dates.at(min(days), "00:00"), _count(len(days), "decision"))

    def _assigned(self) -> Found:
        """From when every decision has an action with its owner and day."""
        whole: dict[str, dt.date] = {}
        for row in self.record.actions:
            if row["quarter"] == self.period.key and row["decision_id"] and row["owner"] and row["due_by"]:
                whole[row["decision_id"]] = min(whole.get(row["decision_id"], row["agreed_on"]), row["agreed_on"])
        return self._all({row["decision_id"]: whole.get(row["decision_id"]) for row in self.decisions}, "an action with owner and day")

    def _updated(self) -> Found:
        return self._all({row["decision_id"]: row["touched_on"] for row in self.decisions}, "a change in the plan")

    def _all(self, days: Mapping[str, dt.date | None], what: str) -> Found:
        """Evidence that each decision has its part, dated by the last of them."""
        if not days:
            return Found(None, "no decision of the review is logged")
        known = [day for day in days.values() if day is not None]
        lacking = sorted(name for name, day in days.items() if day is None)
        told = f"{len(known)} of {len(days)} decisions have {what}" + (f"; not {', '.join(lacking)}" if lacking else "")
        return Found(None if lacking else due_dates.at(max(known), "00:00"), told)

    def _closed(self, close: dt.datetime) -> Found:
        """Whether every action is closed or carried over; known only once the quarter is over."""
        own = [row for row in self.record.actions if row["quarter"] == self.period.key]
        if not own:
            return Found(None, "no action was open in the quarter", applies=False)
        left = sorted(row["action_id"] for row in own if row["state"] == "open" and not row["carry_over_reason"])
        told = f"{len(own) - len(left)} of {len(own)} closed or carried over" + (f"; not {', '.join(left)}" if left else "")
        return Found(close if self.is_over and not left else None, told)


_OURS = " (ours)"


def kickoff_of(kickoffs: Iterable[Row], quarter: str) -> Row | None:
    """The kickoff of a quarter: the one that was held, else the latest that is not cancelled."""
    own = [row for row in kickoffs if row["quarter"] == quarter and row["status"] != "cancelled"]
    return max(own, key=lambda row: (row["status"] == "held", row["starts_at"], row["event"]), default=None)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# ---------------------------------------------------------------- the context ledger


def context_ledger(record: Record, checklist: Sequence[Row], periods: Sequence[Period], as_of: dt.datetime, escalate_at: float) -> pa.Table:
    """Every entry that is due in an asked quarter."""
    rows: list[Row] = []
    for period in periods:
        cut = min(as_of, period.end)
        found = [
            *_held(record, period, cut),
            *_remediated(record, period, cut),
            *_escalated(record, period, escalate_at),
            *_blocked(record, checklist, period, cut),
        ]
        rows += ({"quarter": period.key, **row} for row in found)
    return pa.Table.from_pylist(rows, schema=arrow_schema(ContextLedger))


def _held(record: Record, period: Period, cut: dt.datetime) -> Iterator[Row]:
    kickoff, cycle = kickoff_of(record.kickoffs, period.key), period.key
    if kickoff is None or kickoff["status"] != "held" or kickoff["starts_at"] > cut:
        return
    decisions = [row for row in record.decisions if row["quarter"] == cycle]
    actions = [row for row in record.actions if row["quarter"] == cycle and row["cycle"] == cycle]
    reports = {(row["quarter"], row["entry"]): row for row in record.reports if row["quarter"] in (cycle, previous_quarter(cycle))}
    newest = reports[max(reports)] if reports else None
    told = [_count(len(decisions), "decision"), _count(len(actions), "action")]
    told += [f"risk score {newest['risk_shown']}"] if newest else []
    what = "; ".join(f"{row['decision_id']}: {row['summary']}" for row in decisions)
    links = [f"review_checklist {cycle}", f"reviews/{cycle}-preread.md"]
    links += [f"variance_bundle {newest['quarter']}, report {newest['entry']}"] if newest else []
    links += [f"decision_log {cycle}"] if decisions else []
    links += [f"action_register {cycle}"] if actions else []
    lacking = [name for name, rows in (("variance report", reports), ("decisions", decisions), ("actions", actions)) if not rows]
    yield _entry(cycle, "review", kickoff["starts_at"], f"Review held: {', '.join(told)}." + (f" {what}." if what else ""), links, lacking)


def _remediated(record: Record, period: Period, cut: dt.datetime) -> Iterator[Row]:
    """A second entry of every review whose last action was closed in the quarter."""
    newest = {row["action_id"]: row for row in sorted(record.actions, key=lambda row: row["quarter"]) if row["quarter"] <= period.key}
    for cycle in sorted({row["cycle"] for row in newest.values() if row["cycle"]}):
        own = [row for row in newest.values() if row["cycle"] == cycle]
        days = [row["closed_on"] for row in own]
        if None in days or any(row["state"] == "open" for row in own) or not utc_day(period.start) <= max(days) <= utc_day(cut):
            continue
        proofs = sorted({row["evidence"] for row in own if row["evidence"]})
        bare = sorted(row["action_id"] for row in own if not row["evidence"])
        told = f"All {_count(len(own), 'action')} of the review are closed: {'; '.join(row['summary'] for row in own)}."
        yield _entry(
            cycle,
            "remediation",
            due_dates.at(max(days), "00:00"),
            told,
            [f"action_register {period.key}", *proofs],
            [f"evidence of {name}" for name in bare],
        )


def _escalated(record: Record, period: Period, escalate_at: float) -> Iterator[Row]:
    reports = {row["entry"]: row for row in record.reports if row["quarter"] == period.key and row["risk_lower"] >= escalate_at}
    if reports:
        row = reports[min(reports)]
        told = f"The risk score of report {row['entry']} is {row['risk_shown']}, at or above {escalate_at:g}: the director is told."
        yield _entry(period.key, "escalation", row["generated_at"], told, [f"variance_bundle {period.key}, report {row['entry']}"], [])


def _blocked(record: Record, checklist: Sequence[Row], period: Period, cut: dt.datetime) -> Iterator[Row]:
    swept = [row for row in checklist if row["quarter"] == period.key and row["phase"] == "telemetry_sweep" and row["state"] == "missing"]
    kickoff = kickoff_of(record.kickoffs, period.key)
    if swept and kickoff is not None and kickoff["starts_at"] <= cut:
        told = "No fresh telemetry at the kickoff: " + "; ".join(f"{row['item']}, {row['evidence']}" for row in swept) + "."
        yield _entry(period.key, "blocker", kickoff["starts_at"], told, [f"review_checklist {period.key}"], [])


def _entry(cycle: str, entry: str, at: dt.datetime, text: str, links: Sequence[str], missing: Sequence[str]) -> Row:
    return {"cycle": cycle, "entry": entry, "happened_at": at, "text": text, "links": "\n".join(links), "missing": ", ".join(missing)}


# ---------------------------------------------------------------- the calendar


def governance_calendar(as_of: dt.datetime, calendar: CalendarPolicy) -> pa.Table:
    """Every event that is not daily, of the quarter before the present one, of it, and of the one after."""
    here = quarter_of(utc_day(as_of))
    rows = [
        {
            "event": event.id,
            "name": event.name,
            "quarter": quarter,
            "due_at": event.due_at,
            "window_start": event.window_start,
            "window_end": event.window_end,
            "overdue_at": event.overdue_at,
            "kind": event.kind,
            "cadence": event.cadence,
            "inventory_ids": " ".join(event.inventory_ids),
        }
        for quarter in (previous_quarter(here), here, next_quarter(here))
        for event in events_of(quarter, calendar)
        if event.cadence != "daily"
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(GovernanceCalendar))
