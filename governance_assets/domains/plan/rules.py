"""Verdicts on plans: moves in order, records true, budget and time kept.

Belongs here: pass or fail of what ``facts.py`` found. Does not belong here: limits and words (policy).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import PlanPolicy
from governance_assets.stats.limits import above, below

Row = Mapping[str, Any]

DONE_STAYS_DONE = Rule(
    name="done_stays_done",
    requirement="nothing leaves done",
    remedy="Find out why it was called done; open new work for what is missing, with its own item",
    unit="moves",
    sources="C11 D03",
)
NO_STATE_IS_SKIPPED = Rule(
    name="no_state_is_skipped",
    requirement="work goes from to do through in progress to done",
    remedy="Set items in progress when work begins; what was done elsewhere keeps a note that says so",
    severity="warn",
    unit="moves",
    sources="C11 D03",
)
NO_STEP_BACK = Rule(
    name="no_step_back",
    requirement="work in progress does not go back to do",
    remedy="Block it, with the reason, or note why the plan was changed",
    severity="warn",
    unit="moves",
    sources="C11",
)
LABELS_ARE_KNOWN = Rule(
    name="labels_are_known",
    requirement="every status is a word that the policy knows",
    remedy="Correct the status, or add the word to plan.states",
    severity="warn",
    unit="moves",
    sources="C11",
)
CHANGES_ARE_WHOLE = Rule(
    name="changes_are_whole",
    requirement="a change starts from the status that the change before it left",
    remedy="Find the changes that were not recorded; scope and progress count from the record that there is",
    severity="warn",
    unit="moves",
    sources="C11 C88",
)
SNAPSHOT_MATCHES_CHANGES = Rule(
    name="snapshot_matches_changes",
    requirement="the newest snapshot has the items that the recorded changes leave",
    remedy="Export the plan again, or find the changes that were not recorded",
    severity="warn",
    unit="items",
    sources="C03 C88",
)
PHASE_HAS_A_NOTE = Rule(
    name="phase_has_a_note",
    requirement="every phase in progress has a note of the last days",
    remedy="Write at the weekly update what the phase stands at",
    severity="warn",
    unit="phases",
    sources="C13",
)
PHASES_ARE_AS_EXPECTED = Rule(
    name="phases_are_as_expected",
    requirement="the plan has as many phases as its document says",
    remedy="Add or merge phases in the plan, or correct plan.plans in the policy",
    severity="warn",
    unit="phases",
    sources="C17",
)
TOTALS_AGREE = Rule(
    name="totals_agree",
    requirement="a total of the plan agrees with its budget",
    remedy="Decide which total holds, name it as the plan's base in the policy, and correct the other",
    severity="warn",
    unit="fraction",
    sources="C18 C19",
)
REALISED_COST_IS_RECORDED = Rule(
    name="realised_cost_is_recorded",
    requirement="every done item has its realised cost",
    remedy="Record what the item cost at the weekly update; a budget cannot be judged without it",
    severity="warn",
    unit="items",
    sources="C12",
)
COST_FOLLOWS_WORK = Rule(
    name="cost_follows_work",
    requirement="only a done item has a realised cost",
    remedy="Set the item's status, or move the amount to the costs telemetry until it is done",
    severity="warn",
    unit="items",
    sources="C12",
)
PUBLISHED_SHARE_HOLDS = Rule(
    name="published_share_holds",
    requirement="the share spent that a cost report states follows from its own amounts",
    remedy="Correct the report; the dashboard shows the share computed from its amounts",
    severity="warn",
    unit="fraction",
    sources="C18",
)
TIME_IS_KEPT = Rule(
    name="time_is_kept",
    requirement="no more days have passed than the longest estimate gives the done share",
    remedy="Take work out of the plan, or set a new estimate with its reason",
    severity="warn",
    unit="days",
    sources="C20",
)
R2_REACHES_ITS_TARGET = Rule(
    name="r2_reaches_its_target",
    requirement="R² reaches the lower end of its target",
    remedy="Look at the model's own page for what changed; the issue review holds drops of R²",
    severity="warn",
    sources="C21",
)
SNAPSHOT_IS_FRESH = Rule(
    name="snapshot_is_fresh",
    requirement="the newest snapshot of the plan is recent",
    remedy="Export the plan, or mend its live source; a snapshot that could not be read stands in the quarantine",
    severity="warn",
    unit="days",
    sources="C02 C05 C09",
)
CODES_ARE_UNIQUE = Rule(
    name="codes_are_unique",
    requirement="no two items have the same code",
    remedy="Give each item its own code; changes, notes and costs are told apart by it",
    severity="warn",
    unit="codes",
    sources="C88",
)
ITEMS_HAVE_CODES = Rule(
    name="items_have_codes",
    requirement="every item has a code",
    remedy="Give it one, for notes and costs to refer to",
    severity="warn",
    unit="items",
    sources="C88",
)
STATUSES_ARE_KNOWN = Rule(
    name="statuses_are_known",
    requirement="every item has a status that the policy knows",
    remedy="Set the status, or add the word to plan.states",
    severity="warn",
    unit="items",
    sources="C11",
)
ADJUSTMENT_IS_MODERATE = Rule(
    name="adjustment_is_moderate",
    requirement="the done items of a phase cost neither far more nor far less than estimated",
    remedy="Plan the phase anew; a factor this large says that the estimates were of something else",
    severity="warn",
    unit="ratio",
    sources="C14",
)

DOCUMENTS_FOLLOW_THE_PLAN = Rule(
    name="documents_follow_the_plan",
    requirement="the repository shows every change of the plan within a day",
    remedy="Run `governance sync --apply`",
    severity="warn",
    unit="hours",
    sources="C02 C03 C08",
)
DOCUMENTS_DO_NOT_DRIFT = Rule(
    name="documents_do_not_drift",
    requirement="no change of the plan is missing from the repository for longer than a week",
    remedy="Run `governance sync --apply`, and find out why the weekly sync did not",
    unit="hours",
    sources="C01 C05",
)
README_IS_WRITTEN_WEEKLY = Rule(
    name="readme_is_written_weekly",
    requirement="the status section of the README was written in the last days",
    remedy="Run `governance sync --apply`; the section stands between two markers",
    severity="warn",
    unit="days",
    sources="C04",
)
NOTHING_CONFLICTS = Rule(
    name="nothing_conflicts",
    requirement="a sync can write everything it has",
    remedy="Follow the row's text: a sync never overwrites what a person wrote",
    unit="files",
    sources="C01",
)
PHASE_IS_TAGGED = Rule(
    name="phase_is_tagged",
    requirement="every completed phase has its tag",
    remedy="Run `governance sync --apply`",
    severity="warn",
    unit="tags",
    sources="C07",
)
CODE_MATCHES_THE_MODEL = Rule(
    name="code_matches_the_model",
    requirement="the code in the repository is that which the registered model version was made with",
    remedy="Register a version made with the present code, or take the code back; name the commit where it is not known",
    severity="warn",
    sources="C91",
)

_OF_CHANGE = {
    "out_of_done": DONE_STAYS_DONE,
    "skip": NO_STATE_IS_SKIPPED,
    "backward": NO_STEP_BACK,
    "unknown_label": LABELS_ARE_KNOWN,
}


def judge_plan_moves(rows: pa.Table, policy: PlanPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """The state machine, plan by plan."""
    plans = _by_plan(rows)
    if not plans:
        return [rule.not_applicable("the week", "no status changed") for rule in (*_OF_CHANGE.values(), CHANGES_ARE_WHOLE)]
    return [finding for plan, moves in plans.items() for finding in _moves(_named(plan), moves)]


def _moves(subject: str, rows: list[Row]) -> Iterator[Finding]:
    total = sum(row["moves"] for row in rows)
    for change, rule in _OF_CHANGE.items():
        wrong = [row for row in rows if row["change"] == change]
        count = sum(row["moves"] for row in wrong)
        told = "; ".join(
            f"{row['moves']} {row['from_status'] or 'unset'} to {row['to_status'] or 'unset'} ({row['examples']})" for row in wrong
        )
        yield rule.judge(subject, not count, count, 0, f"of {total} moves: {told}" if count else "")
    misstated = sum(row["misstated"] for row in rows)
    yield CHANGES_ARE_WHOLE.judge(subject, not misstated, misstated, 0, f"of {total} moves")


def judge_plan_progress(rows: pa.Table, policy: PlanPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether snapshots and recorded changes tell of the same plan."""
    if not rows.num_rows:
        return [SNAPSHOT_MATCHES_CHANGES.not_applicable("the week", "no plan is known")]
    return [_matches(row) for row in rows.to_pylist()]


def _matches(row: Row) -> Finding:
    subject = _named(row["plan"])
    if row["source"] == "snapshots":
        return SNAPSHOT_MATCHES_CHANGES.not_applicable(subject, "its changes are not recorded one by one")
    if row["snapshot_items"] is None:
        return SNAPSHOT_MATCHES_CHANGES.not_applicable(subject, "it has no snapshot yet")
    apart = abs(row["snapshot_items"] - row["items"])
    why = f"{row['snapshot_items']} items on {row['snapshot_date']}, {row['items']} by the changes up to the week's end"
    return SNAPSHOT_MATCHES_CHANGES.judge(subject, not apart, apart, 0, why)


def judge_plan_phases(rows: pa.Table, policy: PlanPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether the phases that are worked on have notes."""
    plans = _by_plan(rows)
    if not plans:
        return [PHASE_HAS_A_NOTE.not_applicable("the week", "no plan is known")]
    return [_noted(_named(plan), phases, policy, partition_key) for plan, phases in plans.items()]


def _noted(subject: str, rows: list[Row], policy: PlanPolicy, week: str) -> Finding:
    active = [row for row in rows if row["state"] == "in_progress" and row["phase_id"]]
    if not active:
        return PHASE_HAS_A_NOTE.not_applicable(subject, "no phase is in progress")
    silent = [row["phase_id"] for row in active if not _is_noted(row, policy)]
    why = f"of {len(active)}: {', '.join(silent)}" if silent else ""
    return PHASE_HAS_A_NOTE.judge(subject, not silent, len(silent), 0, why)


def _is_noted(row: Row, policy: PlanPolicy) -> bool:
    return row["note_age_days"] is not None and not above(row["note_age_days"], policy.note_days)


def judge_plan_dashboard(rows: pa.Table, policy: PlanPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """The four lines, and the records they rest on."""
    plans = _by_plan(rows)
    if not plans:
        return [SNAPSHOT_IS_FRESH.not_applicable("the week", "no plan is known")]
    found: list[Finding] = []
    for plan, lines in plans.items():
        figures = {(row["line"], row["name"]): row for row in lines if row["line"] != "r2"}
        subject = _named(plan)
        if ("records", "items") in figures:
            found += [*_recorded(subject, figures, policy), *_phased(subject, figures), _timed(subject, figures)]
        found += [*_budgeted(subject, lines, figures, policy)]
        found += [_fitted(row, policy) for row in lines if row["line"] == "r2"]
    return found


def _recorded(subject: str, figures: Mapping[tuple[str, str], Row], policy: PlanPolicy) -> Iterator[Finding]:
    def value(name: str) -> float:
        return float(figures["records", name]["value"])

    age = value("snapshot age")
    yield SNAPSHOT_IS_FRESH.judge(
        subject, not above(age, policy.stale_days), age, policy.stale_days, figures["records", "snapshot age"]["text"]
    )
    items = f"of {value('items'):.0f} items"
    for rule, name in ((CODES_ARE_UNIQUE, "repeated codes"), (ITEMS_HAVE_CODES, "without code"), (STATUSES_ARE_KNOWN, "unknown status")):
        yield rule.judge(subject, not value(name), value(name), 0, items if value(name) else "")
    yield COST_FOLLOWS_WORK.judge(subject, not value("early costs"), value("early costs"), 0)
    done, recorded = value("done"), value("realised costs")
    if not value("estimates") + recorded + value("early costs"):
        yield REALISED_COST_IS_RECORDED.not_applicable(subject, "the plan states no costs")
    elif not done:
        yield REALISED_COST_IS_RECORDED.not_applicable(subject, "nothing is done yet")
    else:
        yield REALISED_COST_IS_RECORDED.judge(subject, recorded == done, recorded, done, f"{recorded:.0f} of {done:.0f} done items")


def _phased(subject: str, figures: Mapping[tuple[str, str], Row]) -> Iterator[Finding]:
    row = figures["phases", "total"]
    if row["lower"] is None:
        yield PHASES_ARE_AS_EXPECTED.not_applicable(subject, "the policy expects no number of phases")
    else:
        yield PHASES_ARE_AS_EXPECTED.judge(subject, row["value"] == row["lower"], row["value"], row["lower"])


def _timed(subject: str, figures: Mapping[tuple[str, str], Row]) -> Finding:
    row = figures["timeline", "behind"]
    if row["lower"] is None:
        return TIME_IS_KEPT.judge(subject, None, why=row["text"])
    return TIME_IS_KEPT.judge(subject, not above(row["lower"], 0), row["lower"], 0, figures["timeline", "done share"]["text"])


def _budgeted(subject: str, lines: Iterable[Row], figures: Mapping[tuple[str, str], Row], policy: PlanPolicy) -> Iterator[Finding]:
    totals = [row for row in lines if row["line"] == "budget" and row["name"].startswith("discrepancy ")]
    if not totals:
        yield TOTALS_AGREE.not_applicable(subject, "fewer than two totals are known")
    for row in totals:
        is_near = not above(abs(row["value"]), policy.max_discrepancy)
        yield TOTALS_AGREE.judge(
            f"{subject}: {row['name'].removeprefix('discrepancy ')}", is_near, row["value"], policy.max_discrepancy, row["text"]
        )
    published, spent = figures.get(("budget", "published spent")), figures.get(("budget", "spent"))
    if published is not None:
        apart = None if spent is None or spent["value"] is None else abs(published["value"] - spent["value"])
        holds = None if apart is None else not above(apart, policy.max_share_error)
        yield PUBLISHED_SHARE_HOLDS.judge(
            subject, holds, apart, policy.max_share_error, "budget or amount spent is missing" if holds is None else ""
        )


def _fitted(row: Row, policy: PlanPolicy) -> Finding:
    trend = f", trend {row['arrow']}" if row["arrow"] else ""
    return R2_REACHES_ITS_TARGET.judge(
        f"model {row['name']}", not below(row["value"], policy.r2_target), row["value"], policy.r2_target, f"{row['text']}{trend}"
    )


def judge_estimate_adjustments(rows: pa.Table, policy: PlanPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether any phase costs so much more or less that its estimates mean nothing."""
    phases = {(row["plan"], row["phase_id"]): row for row in rows.to_pylist()}
    if not phases:
        return [ADJUSTMENT_IS_MODERATE.not_applicable("the week", "no estimate is to be adjusted")]
    return [_moderate(row, policy) for row in phases.values()]


def _moderate(row: Row, policy: PlanPolicy) -> Finding:
    is_moderate = not above(row["factor"], policy.max_factor) and not below(row["factor"], 1 / policy.max_factor)
    subject = f"{_named(row['plan'])}: phase {row['phase_id']}"
    return ADJUSTMENT_IS_MODERATE.judge(subject, is_moderate, row["factor"], policy.max_factor, row["reason"])


def judge_repository_sync(rows: pa.Table, policy: PlanPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether repositories show the plan, and nothing stands in the way."""
    by_name: dict[str, list[Row]] = {}
    for row in rows.to_pylist():
        by_name.setdefault(row["repository"], []).append(row)
    if not by_name:
        return [DOCUMENTS_DO_NOT_DRIFT.not_applicable("the plan", "the policy names no repository")]
    return [finding for name, parts in by_name.items() for finding in _synced(f"repository {name}", parts, policy)]


def _synced(subject: str, parts: list[Row], policy: PlanPolicy) -> Iterator[Finding]:
    own = next(part for part in parts if part["kind"] == "repository")
    drift, limits = own["drift_hours"], (policy.fresh_hours, policy.drift_hours)
    for rule, limit in zip((DOCUMENTS_FOLLOW_THE_PLAN, DOCUMENTS_DO_NOT_DRIFT), limits, strict=True):
        yield rule.judge(subject, None if drift is None else not above(drift, limit), drift, limit, own["text"])
    if drift is None:
        return
    conflicts = [part["path"] for part in parts if part["state"] == "conflict"]
    yield NOTHING_CONFLICTS.judge(subject, not conflicts, len(conflicts), 0, ", ".join(conflicts))
    readme = next(part for part in parts if part["kind"] == "readme")
    age = readme["age_days"]
    why = "it was never written" if age is None else ""
    yield README_IS_WRITTEN_WEEKLY.judge(subject, age is not None and not above(age, policy.readme_days), age, policy.readme_days, why)
    tags = [part["path"] for part in parts if part["kind"] == "tag"]
    missing = [part["path"] for part in parts if part["kind"] == "tag" and part["state"] == "create"]
    if tags:
        yield PHASE_IS_TAGGED.judge(subject, not missing, len(missing), 0, ", ".join(missing))
    for part in parts:
        if part["kind"] == "model":
            holds = None if part["state"] == "unknown" else part["state"] == "current"
            yield CODE_MATCHES_THE_MODEL.judge(f"model {part['path']}", holds, why=part["text"])


def _by_plan(rows: pa.Table) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["plan"], []).append(row)
    return found


def _named(plan: str) -> str:
    return f"plan {plan}" if plan else "the plan"
