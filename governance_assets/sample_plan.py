"""A made-up plan of the year 2025: stages, their changes, notes and costs, milestones with evidence, commits, and values of R².

Belongs here: these files, as texts and tables, and the truth about them. Does not belong here: issues, reviews and signals
(``sample_cadence.py``), or writing files (``runtime/telemetry_writer.py``). Nothing here is random.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from governance_assets.sample_registry import csv

PLAN = "renewal"
CURRENCY = "EUR"
LAST_SNAPSHOT = dt.date(2026, 1, 2)
FIRST_DAY = dt.date(2025, 1, 6)
SCOPE_DAY = dt.date(2025, 7, 21)
"""Monday on which two stages came and one went; its budget followed in October only."""
BUDGET_DAY = dt.date(2025, 10, 6)
_SNAPSHOTS = [dt.date(2025, 1, 10) + dt.timedelta(days=14 * n) for n in range(26)]
_QUARTER_ENDS = [dt.date(2025, 3, 31), dt.date(2025, 6, 30), dt.date(2025, 9, 30), dt.date(2025, 12, 31)]
_DAY = dt.timedelta(days=1)
_COST_FACTORS = (1.03, 1.45, 1.05, 0.85)
"""What stages cost against their estimates, by the quarter in which they were done: the second overran."""
_SPREAD = (-0.04, 0.0, 0.04)
SILENT_WEEKS = (dt.date(2025, 8, 15), dt.date(2025, 8, 22))
"""Fridays without a note."""
DROP = (dt.date(2025, 8, 4), dt.date(2025, 9, 1))
"""First and last Monday of the weeks in which the ensemble's R² was low."""


@dataclass(frozen=True)
class Stage:
    """One stage: where it stands in the plan, when it was planned, and what became of it."""

    phase: str
    number: int
    title: str
    owner: str
    planned_start: dt.date
    planned_days: int
    slip_days: int
    estimate: int
    added_on: dt.date = FIRST_DAY
    removed_on: dt.date | None = None

    @property
    def code(self) -> str:
        """The plan's code for it."""
        return f"S{self.phase[1:]}.{self.number}"

    @property
    def planned_end(self) -> dt.date:
        """Last planned day."""
        return self.planned_start + (self.planned_days - 1) * _DAY

    @property
    def actual_end(self) -> dt.date | None:
        """Day it was done; None where that lies after the last snapshot, or it was taken out."""
        end = _workday(self.planned_end + self.slip_days * _DAY)
        return None if self.removed_on or end > LAST_SNAPSHOT else end

    @property
    def realised(self) -> int | None:
        """What it cost."""
        if self.actual_end is None:
            return None
        factor = _COST_FACTORS[min((self.actual_end.month - 1) // 3, 3) if self.actual_end.year == FIRST_DAY.year else -1]
        return round(self.estimate * (factor + _SPREAD[self.number % len(_SPREAD)]) / 10) * 10

    @cached_property
    def changes(self) -> tuple[tuple[dt.date, str, str | None, str | None], ...]:
        """Day, kind, status before and after of every change, oldest first."""
        made: list[tuple[dt.date, str, str | None, str | None]] = [(self.added_on, "added", None, "Todo")]
        if self.removed_on:
            return (*made, (self.removed_on, "removed", "Todo", None))
        if self.code in _SKIPPED:
            return (*made, (self.actual_end or LAST_SNAPSHOT, "status", "Todo", "Done"))
        if self.planned_start > LAST_SNAPSHOT:
            return tuple(made)
        start = _workday(self.planned_start)
        made.append((start, "status", "Todo", "In Progress"))
        if self.code in _SET_BACK:
            made += [(start + 3 * _DAY, "status", "In Progress", "Todo"), (start + 7 * _DAY, "status", "Todo", "In Progress")]
        if self.code in _BLOCKED:
            made += [(start + 8 * _DAY, "status", "In Progress", "Blocked"), (start + 14 * _DAY, "status", "Blocked", "In Progress")]
        if self.actual_end:
            if self.code in _REOPENED:
                early = _workday(self.actual_end - 14 * _DAY)
                made += [(early, "status", "In Progress", "Done"), (early + 4 * _DAY, "status", "Done", "In Progress")]
            made.append((self.actual_end, "status", "In Progress", "Done"))
        return tuple(made)

    def status_on(self, day: dt.date) -> str | None:
        """Its status at the end of a day; None where the plan does not have it."""
        found = None
        for at, _, _, after in self.changes:
            if at <= day:
                found = after
        return found


def _workday(day: dt.date) -> dt.date:
    """The day itself, or the Monday after a Saturday or Sunday."""
    return day + max(0, 7 - day.weekday()) * _DAY if day.weekday() > 4 else day


_SKIPPED, _SET_BACK, _REOPENED = ("S2.4",), ("S3.3",), ("S4.2",)
_BLOCKED = ("S1.4", "S2.2", "S2.6", "S3.2", "S3.5", "S3.7", "S4.3", "S4.6", "S4.7", "S5.2", "S6.3")
_PHASES: tuple[tuple[str, str, dt.date, int, tuple[tuple[str, str, int, int, int], ...]], ...] = (
    # phase, title, first day, planned days of a stage; of each stage: title, owner, offset and slip in days, estimate
    (
        *("P1", "Foundations", dt.date(2025, 1, 6), 13),
        (
            ("Charter, roles and budget", "programme_owner", 0, 0, 8000),
            ("Glossary of metrics", "modelling_lead", 0, 1, 6000),
            ("Inventory of models in use", "modelling_lead", 3, 0, 7000),
            ("Access to source systems", "data_quality", 7, 3, 9000),
            ("Scoring rules agreed", "modelling_lead", 10, 0, 8000),
            ("Policy of thresholds", "director", 14, 1, 6000),
            ("Landing of telemetry", "architect", 17, 0, 11000),
            ("Append-only history", "architect", 24, 2, 12000),
            ("First weekly report", "coordination", 31, 0, 7000),
        ),
    ),
    (
        *("P2", "Data feeds", dt.date(2025, 2, 10), 19),
        (
            ("Weekly orders by region", "data_quality", 0, 0, 10000),
            ("Revisions of observations", "data_quality", 7, 1, 9000),
            ("Media spend of tenant north", "data_quality", 14, 0, 8000),
            ("Media spend of tenant south", "data_quality", 21, 0, 8000),
            ("Media spend of tenant west", "data_quality", 28, 6, 8000),
            ("Price index", "product_operations", 35, 2, 7000),
            ("Holiday calendar", "product_operations", 42, 0, 5000),
            ("Quarantine with reasons", "architect", 49, 3, 12000),
        ),
    ),
    (
        *("P3", "Forecast models", dt.date(2025, 4, 7), 26),
        (
            ("Seasonal baseline", "modelling_lead", 0, 0, 9000),
            ("Autoregression atlas", "modelling_lead", 7, 2, 14000),
            ("Challenger boreas", "modelling_lead", 14, 0, 13000),
            ("Challenger castor", "modelling_lead", 21, 4, 13000),
            ("Coverage by interval", "modelling_lead", 28, 0, 11000),
            ("Ensemble members", "modelling_lead", 42, 20, 15000),
            ("Release gate", "director", 56, 10, 9000),
            ("Alerts on drift", "architect", 63, 0, 10000),
        ),
    ),
    (
        *("P4", "Media mix", dt.date(2025, 6, 23), 33),
        (
            ("Carry-over and saturation", "modelling_lead", 0, 2, 14000),
            ("Backtest by window", "modelling_lead", 7, 3, 12000),
            ("Stability of refits", "modelling_lead", 14, 5, 10000),
            ("Contributions by channel", "modelling_lead", 21, 0, 11000),
            ("Response curves", "modelling_lead", 28, 4, 9000),
            ("Geo experiment design", "product_operations", 35, 30, 16000),
            ("Lift against the model", "modelling_lead", 49, 27, 12000),
        ),
    ),
    (
        *("P5", "Decisions", dt.date(2025, 9, 1), 26),
        (
            ("Budget proposal", "product_operations", 0, 1, 10000),
            ("Guardrails of the allocator", "director", 7, 0, 8000),
            ("Review of reviews", "coordination", 14, 2, 6000),
            ("Scorecard of the quarter", "programme_owner", 28, 0, 9000),
            ("Remediation of the weather feed", "data_quality", 42, 0, 9000),
            ("Recalibration of castor", "modelling_lead", 49, 3, 12000),
            ("Hourly forecasts", "modelling_lead", 56, 0, 16000),
        ),
    ),
    (
        *("P6", "Rollout", dt.date(2025, 11, 3), 28),
        (
            ("Runbook of the duty", "coordination", 0, 0, 6000),
            ("Training of readers", "product_operations", 7, 1, 7000),
            ("Second site of the history", "architect", 14, 40, 12000),
            ("Audit of a quarter", "director", 35, 0, 9000),
            ("Handover to operations", "programme_owner", 49, 0, 8000),
        ),
    ),
)
_ADDED_LATER = ("S5.5", "S5.6")
_REMOVED = ("S5.7",)


def _made() -> tuple[Stage, ...]:
    stages = []
    for phase, _, first, days, rows in _PHASES:
        for number, (title, owner, offset, slip, estimate) in enumerate(rows, 1):
            code = f"S{phase[1:]}.{number}"
            added = SCOPE_DAY if code in _ADDED_LATER else FIRST_DAY
            removed = SCOPE_DAY if code in _REMOVED else None
            stages.append(Stage(phase, number, title, owner, first + offset * _DAY, days, slip, estimate, added, removed))
    return tuple(stages)


STAGES = _made()


def generate() -> tuple[dict[str, bytes], dict[str, pa.Table], dict[str, Any]]:
    """Texts and tables by path, and what is planted in them."""
    commits = list(_commits())
    texts = {
        f"plan/{PLAN}/transitions.csv": csv(
            ("at", "item_id", "kind", "from_status", "to_status", "phase_id", "actor"),
            sorted(
                (f"{day}T09:{stage.number:02}:00Z", stage.code, kind, before or "", after or "", stage.phase, stage.owner)
                for stage in STAGES
                for day, kind, before, after in stage.changes
            ),
        ),
        f"plan/{PLAN}/notes.csv": csv(("at", "kind", "item_id", "phase_id", "author", "text"), list(_notes())),
        f"costs/{PLAN}/entries.csv": csv(("date", "kind", "item", "amount", "unit", "phase_id"), list(_costs())),
        f"commits/{PLAN}/log.csv": csv(("at", "sha", "author_role", "message", "n_files"), commits),
        "milestones/events.csv": csv(("at", "milestone_id", "from_state", "to_state", "actor", "note"), _MILESTONES),
        "evidence/listing.csv": csv(_EVIDENCE_COLUMNS, list(_evidence(commits))),
        "runs/r2.csv": csv(("at", "model_id", "model_version", "metric", "value", "split", "n"), list(_r2())),
    }
    return texts, {f"plan/{PLAN}/snapshots.parquet": _snapshots()}, _truth()


def plan_of_milestones() -> str:
    """The section ``milestones`` of the sample's settings: six phases with one milestone each, and their deliverables."""
    phases, milestones = [], []
    for phase, title, first, *_ in _PHASES:
        stages = [stage for stage in STAGES if stage.phase == phase]
        last, owner = max(stage.planned_end for stage in stages), stages[0].owner
        files = ", ".join(name for milestone, name, _ in _FILES if milestone == f"{phase}.M1")
        phases.append(f"    - {{id: {phase}, name: {title}, starts_on: {first}, ends_on: {last}}}\n")
        milestones.append(f"    - {{id: {phase}.M1, name: {title}, phase: {phase}, accountable: {owner}, deliverables: [{files}]}}\n")
    return f"milestones:\n  phases:\n{''.join(phases)}  milestones:\n{''.join(milestones)}"


def _truth() -> dict[str, Any]:
    return {
        "name": PLAN,
        "stages": sum(stage.status_on(LAST_SNAPSHOT) is not None for stage in STAGES),
        "transitions": sum(len(stage.changes) for stage in STAGES),
        "done": sum(stage.status_on(LAST_SNAPSHOT) == "Done" for stage in STAGES),
        "late_at_quarter_ends": {
            str(end): [stage.code for stage in STAGES if stage.planned_end <= end and stage.status_on(end) not in (None, "Done")]
            for end in _QUARTER_ENDS
        },
        "skipped": list(_SKIPPED),
        "set_back": list(_SET_BACK),
        "reopened_after_done": list(_REOPENED),
        "scope_changed_on": str(SCOPE_DAY),
        "budget_followed_on": str(BUDGET_DAY),
        "fridays_without_a_note": [str(day) for day in SILENT_WEEKS],
        "low_r2": [str(day) for day in DROP],
        "milestone_accepted_without_review": "P5.M1",
        "milestone_reworked": "P4.M1",
        "evidence_that_vanished": "P2.M1/feeds.md",
        "evidence_that_differs_from_its_checksum": "P3.M1/coverage.csv",
        "evidence_without_metadata": "P5.M1/proposal.csv",
        "milestones": dict(zip((f"{phase}.M1" for phase, *_ in _PHASES), _PROOFS, strict=True)),
    }


# ---------------------------------------------------------------- snapshots, notes, costs


_ITEM_TYPES = {
    "date": pa.date32(),
    "kind": pa.string(),
    "item_id": pa.string(),
    "title": pa.string(),
    "status": pa.string(),
    "phase_id": pa.string(),
    "position": pa.int64(),
    "owner": pa.string(),
    "priority": pa.string(),
    "estimated_cost": pa.float64(),
    "realised_cost": pa.float64(),
    "currency": pa.string(),
    "planned_start": pa.date32(),
    "planned_end": pa.date32(),
    "actual_start": pa.date32(),
    "actual_end": pa.date32(),
}


def _snapshots() -> pa.Table:
    rows = [row for day in sorted({*_SNAPSHOTS, *_QUARTER_ENDS, LAST_SNAPSHOT}) for row in _snapshot(day)]
    return pa.Table.from_pylist([dict.fromkeys(_ITEM_TYPES) | row for row in rows], schema=pa.schema(list(_ITEM_TYPES.items())))


def _snapshot(day: dt.date) -> Iterator[dict[str, Any]]:
    for position, (phase, title, *_) in enumerate(_PHASES, 1):
        found = [status for stage in STAGES if stage.phase == phase and (status := stage.status_on(day))]
        status = "Done" if set(found) == {"Done"} else "Todo" if set(found) == {"Todo"} else "In Progress"
        yield {"date": day, "kind": "phase", "item_id": phase, "title": title, "status": status, "position": position, "currency": CURRENCY}
    for position, stage in enumerate(STAGES, 1):
        status = stage.status_on(day)
        if status is None:
            continue
        is_done = status == "Done"
        yield {
            "date": day,
            "kind": "stage",
            "item_id": stage.code,
            "title": stage.title,
            "status": status,
            "phase_id": stage.phase,
            "position": position,
            "owner": stage.owner,
            "priority": "high" if stage.estimate > 11000 else "medium",
            "estimated_cost": float(stage.estimate),
            "realised_cost": float(stage.realised) if is_done and stage.realised else None,
            "currency": CURRENCY,
            "planned_start": stage.planned_start,
            "planned_end": stage.planned_end,
            "actual_start": _workday(stage.planned_start) if status != "Todo" else None,
            "actual_end": stage.actual_end if is_done else None,
        }


_LEARNINGS = (
    ("2025-02-21T15:30:00Z", "learning", "", "P1", "coordination", "Agreeing on words first saved a week of rework"),
    ("2025-05-16T15:30:00Z", "learning", "", "P2", "data_quality", "Ask for revisions in writing: two feeds restated silently"),
    ("2025-06-27T15:30:00Z", "learning", "S3.6", "", "modelling_lead", "Labelling by a vendor cost half more than estimated"),
    ("2025-09-26T15:30:00Z", "learning", "", "P4", "modelling_lead", "A geo test needs its regions named a quarter ahead"),
    ("2025-12-19T15:30:00Z", "learning", "", "P5", "product_operations", "Proposals with guardrails are accepted at the first reading"),
    ("2025-07-21T11:00:00Z", "decision", "S5.7", "", "programme_owner", "Hourly forecasts leave the plan: nobody staffs by the hour"),
    ("2025-10-06T11:00:00Z", "decision", "", "P5", "programme_owner", "The budget follows the scope of July"),
)


def _notes() -> Iterator[tuple[str, ...]]:
    yield from _LEARNINGS
    friday = dt.date(2025, 1, 10)
    while friday <= LAST_SNAPSHOT:
        for phase, *_ in _PHASES:
            found = [status for stage in STAGES if stage.phase == phase and (status := stage.status_on(friday))]
            done = found.count("Done")
            shown = [stage.status_on(friday - 14 * _DAY) for stage in STAGES if stage.phase == phase]
            is_worked_on = any(status != "Todo" for status in found) and not ("Done" in shown and set(shown) <= {"Done", None})
            if is_worked_on and friday not in SILENT_WEEKS:
                blocked = found.count("Blocked")
                told = f"{done} of {len(found)} stages are done" + (f", {blocked} blocked" if blocked else "")
                yield f"{friday}T15:00:00Z", "note", "", phase, "coordination", told
        friday += 7 * _DAY


def _costs() -> Iterator[tuple[Any, ...]]:
    for day in (FIRST_DAY, BUDGET_DAY):
        for phase, title, *_ in _PHASES:
            amount = sum(stage.estimate for stage in STAGES if stage.phase == phase and stage.status_on(day))
            yield str(day), "budget", title, amount, CURRENCY, phase
    for month in range(1, 13):
        for phase, title, *_ in _PHASES:
            ended = [stage for stage in STAGES if stage.phase == phase and stage.actual_end and _month(stage.actual_end) == month]
            amount = sum(stage.realised or 0 for stage in ended)
            if amount:
                yield str(max(stage.actual_end or FIRST_DAY for stage in ended)), "realised", title, amount, CURRENCY, phase


def _month(day: dt.date) -> int:
    """Month of the year 2025; what was done in the first days after it is booked in December."""
    return day.month if day.year == FIRST_DAY.year else 12


# ---------------------------------------------------------------- milestones, evidence, commits, R²


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def revision(text: str) -> str:
    """A whole Git revision that stands for ``text``."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _commits() -> Iterator[tuple[Any, ...]]:
    for stage in sorted((stage for stage in STAGES if stage.actual_end), key=lambda stage: (stage.actual_end or FIRST_DAY, stage.code)):
        yield (
            f"{stage.actual_end}T08:{stage.number:02}:00Z",
            revision(stage.code),
            stage.owner,
            f"{stage.phase}.M1 {stage.code}: {stage.title}",
            1 + stage.number,
        )


_STEPS = ("Planned", "In Progress", "Under Review", "Accepted")
_MILESTONES: tuple[tuple[str, ...], ...] = (
    *(
        (at, f"P{phase}.M1", before, after, actor, "")
        for phase, days in enumerate(
            (
                ("2025-01-06", "2025-02-17", "2025-02-20"),
                ("2025-02-10", "2025-04-24", "2025-04-28"),
                ("2025-04-07", "2025-07-07", "2025-07-10"),
                ("2025-06-23", "2025-10-06"),
                ("2025-09-01",),
                ("2025-11-03",),
            ),
            1,
        )
        for at, before, after, actor in zip(
            (f"{day}T10:00:00Z" for day in days), _STEPS, _STEPS[1:], ("modelling_lead", "modelling_lead", "director"), strict=False
        )
    ),
    ("2025-10-08T10:00:00Z", "P4.M1", "Under Review", "In Progress", "director", "the lift has no interval"),
    ("2025-10-15T10:00:00Z", "P4.M1", "In Progress", "Under Review", "modelling_lead", ""),
    ("2025-10-17T10:00:00Z", "P4.M1", "Under Review", "Accepted", "director", ""),
    ("2025-11-21T10:00:00Z", "P5.M1", "In Progress", "Accepted", "modelling_lead", ""),
)
_PROOFS = ("proved", "refuted", "refuted", "proved", "refuted", "not_claimed")
"""What the evidence shows of each milestone: P2's vanished, P3's differs from its checksum, P5's has no metadata."""
_FILES = (
    ("P1.M1", "charter.md", "2025-02-17"),
    ("P1.M1", "policy.yaml", "2025-02-17"),
    ("P2.M1", "feeds.md", "2025-04-24"),
    ("P2.M1", "refusals.csv", "2025-04-24"),
    ("P3.M1", "coverage.csv", "2025-07-07"),
    ("P3.M1", "release.md", "2025-07-07"),
    ("P4.M1", "backtest.csv", "2025-10-06"),
    ("P4.M1", "lift.csv", "2025-10-15"),
    ("P5.M1", "proposal.csv", "2025-11-20"),
)
_EVIDENCE_COLUMNS = (
    *("at", "path", "milestone_id", "change", "sha256", "recorded_sha256", "size", "has_metadata", "author"),
    *("has_author", "has_date", "has_inputs", "has_commit", "commit", "commands", "command_count"),
)


def _evidence(commits: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    for milestone, name, day in _FILES:
        path = f"{milestone}/{name}"
        found = _digest(path + " changed") if path == "P3.M1/coverage.csv" else _digest(path)
        at = f"{day}T09:30:00Z"
        commit = max((row for row in commits if row[0] < at), key=lambda row: str(row[0]))[1]
        if milestone == "P5.M1":
            yield at, path, milestone, "added", found, "", 2048, "false", *[""] * 8
        else:
            told = ("true", "modelling_lead", *["true"] * 4, commit, "governance run --quarter latest", 1)
            yield at, path, milestone, "added", found, _digest(path), 2048, *told
    yield "2025-06-03T16:00:00Z", "P2.M1/feeds.md", "P2.M1", "deleted", *[""] * 12


def _r2() -> Iterator[tuple[Any, ...]]:
    for week in range(52):
        monday = FIRST_DAY + 7 * week * _DAY
        value = 0.962 + 0.004 * (week % 3) - (0.08 if DROP[0] <= monday <= DROP[1] else 0.0)
        yield f"{monday}T05:00:00Z", "orders_ensemble", "1", "r2", f"{value:.3f}", "live", 16
