"""What critics hold against models, proposals, test runs and each other.

Belongs here: every check, its requirement, its remedy and how it comes out. Does not belong here: limits (``policy/``) and the
arranging of rows (``facts.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import CriticsPolicy, Policy
from governance_assets.policy.critics import Level, Suite
from governance_assets.stats.limits import above, below

Row = Mapping[str, Any]
Found = tuple[Finding, Level, str]
"""A verdict, how grave a failure is, and the item of the plan under which it is mended."""

EXPLAINS_UNSEEN_WEEKS = Rule(
    "explains_unseen_weeks",
    "out-of-sample R² is stated and at least the limit",
    "Refit with the drivers that are missing",
    unit="fraction",
    sources="A27",
)
BEATS_BASELINES = Rule(
    "beats_baselines",
    "every baseline's MAPE is stated and at least the limit times the model's",
    "Use the baseline until the model is better",
    unit="ratio",
    sources="A27",
)
TEST_IS_LIKE_VALIDATION = Rule(
    "test_is_like_validation",
    "R² of test and of validation are stated and differ by no more than the limit",
    "Compare the two stretches; look for tuning on the first",
    unit="fraction",
    sources="A27",
)
ERRORS_ARE_SMALL = Rule(
    "errors_are_small",
    "MAPE, where stated, is at most the limit",
    "Look at the weeks with the largest relative errors",
    unit="fraction",
    sources="A27",
)
RETURNS_HAVE_THEIR_SIGN = Rule(
    "returns_have_their_sign",
    "the return on every channel is stated and not negative",
    "A negative return is collinearity or a wrong sign of data: fix the model, not the report",
    severity="error",
    unit="channels",
    sources="A27",
)
IS_WORLD_CLASS = Rule(
    "is_world_class", "out-of-sample R² reaches the world-class band", "None needed", severity="warn", unit="fraction", sources="A28"
)
FLEET_PASSES = Rule(
    "fleet_passes", "enough tenants have enough R²", "Begin with the tenants closest to the limit", unit="fraction", sources="A29"
)
FOLDS_ARE_ALIKE = Rule(
    "folds_are_alike", "R² is alike in all folds", "Find the fold that stands out", severity="warn", unit="fraction", sources="A29"
)
IS_STATED = Rule("is_stated", "the version in use states what the check names", "Complete its registration", sources="A26")

_GUARDRAILS = Rule(
    name="guardrails",
    requirement="every platform's spend changes by no more than the limit and stays above its floor",
    remedy="Cut the step, or leave the platform out",
    unit="platforms",
    sources="A31",
)
_BUDGET = Rule(
    name="budget",
    requirement="proposed spend adds up to present spend",
    remedy="Scale the proposal to the budget",
    severity="warn",
    unit="fraction",
    sources="A30",
)
_LIFT = Rule(
    name="lift", requirement="expected profit exceeds that of present spend", remedy="Keep present spend", unit="fraction", sources="A32"
)
_REGRET = Rule(
    name="regret",
    requirement="expected regret is at most the limit",
    remedy="Measure the platforms that drive it before moving money",
    severity="warn",
    unit="fraction",
    sources="A32",
)
_CURRENCY = Rule(
    name="currency",
    requirement="all amounts of a proposal are in one currency",
    remedy="Convert the amounts",
    unit="currencies",
    sources="A30",
)
_AGE = Rule(
    name="age",
    requirement="the newest proposal is recent",
    remedy="Run the allocator again",
    severity="warn",
    unit="weeks",
    sources="A30",
)
SUITES: Mapping[Suite, tuple[Rule, Level]] = {
    "guardrails": (_GUARDRAILS, "CRITICAL"),
    "budget": (_BUDGET, "WARNING"),
    "lift": (_LIFT, "CRITICAL"),
    "regret": (_REGRET, "WARNING"),
    "currency": (_CURRENCY, "CRITICAL"),
    "age": (_AGE, "WARNING"),
}

NOTHING_CRITICAL = Rule(
    name="nothing_critical",
    requirement="the critic has no CRITICAL finding",
    remedy="The rows of the critic name evidence and remedy of each; mend these first",
    unit="findings",
    sources="A26 A27 A30",
)
NO_WARNINGS = Rule(
    name="no_warnings",
    requirement="the critic has no WARNING",
    remedy="The rows of the critic name evidence and remedy of each",
    severity="warn",
    unit="findings",
    sources="A26 A31",
)
SUITE_PASSES = Rule(
    name="suite_passes",
    requirement="every batch of the newest run passes",
    remedy="Mend the first batch that failed; what stands behind it in the order says nothing until then",
    sources="A37",
)
CRITICS_HAVE_RUN = Rule(
    name="critics_have_run",
    requirement="every known critic has run: a pass of one that was skipped is none",
    remedy="Run the critics that the message names, or say why they are not needed any more",
    severity="warn",
    unit="critics",
    sources="A12 A30",
)
VERDICTS_AGREE = Rule(
    name="verdicts_agree",
    requirement="no critic is called both well and unwell at about the same time",
    remedy="Find out which of the two looked at what; correct the report or the critic",
    unit="critics",
    sources="A14 A25",
)
CRITICS_KEEP_THEIR_BUDGET = Rule(
    name="critics_keep_their_budget",
    requirement="critics cost no more than their budget of the week",
    remedy="The critics named are deferred; run them when the budget allows, or flag them in critics.flagged",
    severity="warn",
    unit="USD",
    sources="A45",
)
VARIANCE_IS_RERUN = Rule(
    name="variance_is_rerun",
    requirement="a critic that is degraded or failed is rerun every month until it is resolved",
    remedy="Rerun it with the high profile; `interim_critics` of the calendar names the day",
    severity="warn",
    unit="critics",
    sources="A40",
)
OPERATIONS_SUCCEED = Rule(
    name="operations_succeed",
    requirement="the share of operations that succeed is at least the limit",
    remedy="Look at the services with the lowest rate first",
    severity="warn",
    unit="fraction",
    sources="A36",
)
OPERATIONS_KEEP_THEIR_TIME = Rule(
    name="operations_keep_their_time",
    requirement="no operation took longer than its budget",
    remedy="Look at the longest operations; raise critics.timeout_budget_s only if they are worth it",
    severity="warn",
    unit="seconds",
    sources="A36",
)


# ---------------------------------------------------------------- the modelling reality critic


def reality(backtests: Sequence[Row], registry: Sequence[Row], policy: Policy) -> Iterator[Found]:
    """All checks of one week: tenants and fleet at every profile, registered models from medium on, returns at high."""
    for row in backtests:
        yield from _tenant(row, policy)
    if backtests:
        yield _fleet(backtests, policy), "CRITICAL", ""
    in_use = [row for row in registry if row["status"] == "incumbent"]
    if policy.critics.profile != "low":
        for check in policy.critics.structural_checks:
            rule = Rule(check.name, f"the version in use states {check.field}", IS_STATED.remedy, sources=IS_STATED.sources)
            for row in in_use:
                yield rule.judge(row["model_id"], bool(row[check.field])), check.level, check.roadmap_ref
    if policy.critics.profile == "high":
        for row in in_use:
            if row["kind"] == "media_mix":
                yield _signs(row), "CRITICAL", ""


def _tenant(row: Row, policy: Policy) -> Iterator[Found]:
    limits, tenant = policy.mmm, str(row["tenant"])
    least = limits.min_r2_weather if tenant in limits.weather_sensitive else limits.min_r2
    gap = None if row["r2"] is None or row["validation_r2"] is None else abs(row["r2"] - row["validation_r2"])
    yield _held(EXPLAINS_UNSEEN_WEEKS, row, row["r2"], least, is_least=True), "CRITICAL", ""
    yield _held(BEATS_BASELINES, row, row["least_mape_ratio"], limits.min_mape_ratio, is_least=True), "CRITICAL", ""
    yield _held(TEST_IS_LIKE_VALIDATION, row, gap, limits.max_r2_gap), "CRITICAL", ""
    yield _held(ERRORS_ARE_SMALL, row, row["mape"], limits.max_mape, is_optional=True), "CRITICAL", ""
    yield _held(FOLDS_ARE_ALIKE, row, row["fold_r2_std"], limits.max_fold_r2_std), "WARNING", ""
    yield _held(IS_WORLD_CLASS, row, row["r2"], policy.critics.world_class_r2, is_least=True, is_optional=True), "INFO", ""


def _held(rule: Rule, row: Row, value: float | None, limit: float, *, is_least: bool = False, is_optional: bool = False) -> Finding:
    """A figure against its limit; one that is missing from a whole window fails unless it is optional."""
    tenant = str(row["tenant"])
    if row["n_missing"]:
        return rule.judge(tenant, None, value, limit, f"{row['n']} of {row['n'] + row['n_missing']} weeks are predicted and observed")
    if value is None:
        return rule.judge(tenant, None if is_optional else False, None, limit, "the figure is missing")
    return rule.judge(tenant, not bool(below(value, limit) if is_least else above(value, limit)), value, limit)


def _fleet(backtests: Sequence[Row], policy: Policy) -> Finding:
    good = [row for row in backtests if row["r2"] is not None and not row["n_missing"] and not below(row["r2"], policy.mmm.fleet_r2)]
    open_ones = [row for row in backtests if row["n_missing"]]
    share, limit = len(good) / len(backtests), policy.mmm.min_fleet_share
    best = (len(good) + len(open_ones)) / len(backtests)
    holds = None if below(share, limit) and not below(best, limit) else not bool(below(share, limit))
    return FLEET_PASSES.judge("the fleet", holds, share, limit, f"{len(good)} of {len(backtests)} tenants, {len(open_ones)} unknown")


def _signs(row: Row) -> Finding:
    stated = row["returns"]
    if not stated:
        return RETURNS_HAVE_THEIR_SIGN.judge(row["model_id"], False, why="no return on a channel is stated")
    wrong = sorted(name for name, value in stated.items() if value < 0)
    return RETURNS_HAVE_THEIR_SIGN.judge(row["model_id"], not wrong, len(wrong), 0, ", ".join(wrong))


# ---------------------------------------------------------------- the allocator critic


def allocator(proposal: Row, policy: Policy) -> Iterator[tuple[Suite, Finding | None, Level]]:
    """Every suite in order with its verdict and level; None for those that the profile leaves out or that a failure cut off.

    Of the guardrails only spend below the floor of a platform is critical; too large a step is a warning.
    """
    run, is_cut = policy.critics.run_suites(), False
    for suite in policy.critics.suites:
        if suite not in run or is_cut:
            yield suite, None, SUITES[suite][1]
            continue
        found = _suite(suite, proposal, policy)
        is_cut = found.is_failure
        is_step = suite == "guardrails" and found.is_failure and not _below_floor(proposal, policy)
        yield suite, found, "WARNING" if is_step else SUITES[suite][1]


def _below_floor(proposal: Row, policy: Policy) -> list[str]:
    low = [one for one in proposal["platforms"] if below(one["proposed"], policy.allocation.min_platform_spend)]
    return [f"{one['platform']} at {one['proposed']:g}" for one in low]


def _suite(suite: Suite, proposal: Row, policy: Policy) -> Finding:
    rule, subject = SUITES[suite][0], proposal["subject"]
    if suite == "guardrails":
        moved = [
            f"{one['platform']} by {one['change']:+.0%}"
            for one in proposal["platforms"]
            if above(abs(one["change"]), policy.allocation.max_spend_change)
        ]
        low = _below_floor(proposal, policy)
        return rule.judge(subject, not (moved or low), len(moved) + len(low), 0, "; ".join([*moved, *low]))
    if suite == "currency":
        return rule.judge(subject, len(proposal["currencies"]) == 1, len(proposal["currencies"]), 1, ", ".join(proposal["currencies"]))
    limits = {
        "budget": policy.critics.max_budget_change,
        "lift": 0.0,
        "regret": policy.critics.max_regret,
        "age": float(policy.critics.max_proposal_weeks),
    }
    value, limit = proposal[suite], limits[suite]
    if value is None:
        return rule.judge(subject, None, None, limit, "the proposal does not state it")
    figure = abs(value) if suite == "budget" else value
    return rule.judge(subject, bool(above(figure, limit)) if suite == "lift" else not bool(above(figure, limit)), figure, limit)


# ---------------------------------------------------------------- verdicts on recorded rows


MERGES_ARE_COVERED = Rule(
    "merges_are_covered",
    "the batches that a merge needs ran after it, for at least the limit's share of merges",
    "Run the missing batches on the merged revision, and record its commit with the run",
    severity="warn",
    unit="fraction",
    sources="B28",
)


def judge_critic(rows: pa.Table, policy: CriticsPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """One verdict on everything CRITICAL and one on every WARNING; a check that is unknown leaves them unknown unless another fails."""
    judged = [row for row in rows.to_pylist() if row["outcome"] != "not_run"]
    if not judged:
        return [rule.not_applicable("the critic", "there is nothing to judge yet") for rule in (NOTHING_CRITICAL, NO_WARNINGS)]
    return [_tally(rule, judged, level) for rule, level in ((NOTHING_CRITICAL, "CRITICAL"), (NO_WARNINGS, "WARNING"))]


def _tally(rule: Rule, rows: Sequence[Row], level: str) -> Finding:
    own = [row for row in rows if row["level"] == level]
    failed = sorted(f"{row['subject']}: {row['check']}" for row in own if row["outcome"] == "fail")
    unknown = sorted(f"{row['subject']}: {row['check']}" for row in own if row["outcome"] == "unknown")
    holds = False if failed else None if unknown else True
    return rule.judge("the critic", holds, len(failed), 0, ", ".join(failed or unknown))


def judge_integrity_suite(rows: pa.Table, policy: CriticsPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """The newest run of the week."""
    if not rows.num_rows:
        return [SUITE_PASSES.not_applicable("the suite", "no batch ran in this week")]
    newest = max(rows.to_pylist(), key=lambda row: (str(row["ran_at"] or row["run"]), row["run"]))
    holds = None if newest["verdict"] == "unknown" else newest["verdict"] == "pass"
    why = f"first failure: {newest['first_failure']}" if newest["first_failure"] else "" if holds else "every batch was skipped"
    return [SUITE_PASSES.judge("the suite", holds, why=f"run {newest['run']}" + (f", {why}" if why else ""))]


def judge_merge_coverage(rows: pa.Table, policy: CriticsPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """The share of merges of the quarter that are covered, of those whose hours are over."""
    judged = [row for row in rows.to_pylist() if row["is_covered"] is not None]
    if not judged:
        return [MERGES_ARE_COVERED.not_applicable("merges", "no merge of the quarter has had its hours yet")]
    bare = sorted(f"{row['repository']} {row['commit']}: {row['missing']}" for row in judged if not row["is_covered"])
    share, limit = 1 - len(bare) / len(judged), policy.min_merge_coverage
    why = f"{len(judged) - len(bare)} of {len(judged)} merges" + (f"; missing {'; '.join(bare)}" if bare else "")
    return [MERGES_ARE_COVERED.judge("merges", not below(share, limit), share, limit, why)]


def judge_critic_summary(rows: pa.Table, policy: CriticsPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Over all critics: who has not run, who contradicts whom, what is deferred, what must be rerun."""
    every = sorted(rows.to_pylist(), key=lambda row: str(row["critic"]))
    if not every:
        return [CRITICS_HAVE_RUN.not_applicable("critics", "no critic has run or reported yet")]
    silent = [row["critic"] for row in every if row["status"] == "skipped"]
    torn = [f"{row['critic']}: {row['contradiction']}" for row in every if row["contradiction"]]
    deferred = [row["critic"] for row in every if row["is_deferred"]]
    due = [row["critic"] for row in every if row["rerun_due_on"]]
    cost = float(sum(row["week_cost"] for row in every))
    return [
        CRITICS_HAVE_RUN.judge("critics", not silent, len(silent), 0, ", ".join(silent)),
        VERDICTS_AGREE.judge("critics", not torn, len(torn), 0, "; ".join(torn)),
        CRITICS_KEEP_THEIR_BUDGET.judge("critics", not deferred, cost, policy.max_weekly_cost, ", ".join(deferred)),
        VARIANCE_IS_RERUN.judge("critics", not due, len(due), 0, ", ".join(due)),
    ]


def judge_performance_benchmarks(rows: pa.Table, policy: CriticsPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Success and time of all operations."""
    whole = next((row for row in rows.to_pylist() if row["service"] == "all"), None)
    if whole is None:
        return [rule.not_applicable("operations", "none was timed") for rule in (OPERATIONS_SUCCEED, OPERATIONS_KEEP_THEIR_TIME)]
    rate, least, longest, most = whole["success_rate"], policy.min_success_rate, whole["max_s"], policy.timeout_budget_s
    succeeds = None if rate is None else not bool(below(rate, least))
    return [
        OPERATIONS_SUCCEED.judge("operations", succeeds, rate, least, "" if rate is not None else "no outcome is recorded"),
        OPERATIONS_KEEP_THEIR_TIME.judge("operations", not bool(above(longest, most)), longest, most),
    ]
