"""Columns of what critics found, of suites of tests, of a summary over all critics, and of how operations perform."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field


class Criticism(Contract, artifact="", key=()):
    """Columns that every critic of ours has: one check of one subject."""

    week: dt.date = field("Monday of the week")
    check: str = field("What must be true")
    subject: str = field("Tenant, model or proposal; the fleet for all tenants")
    profile: Literal["low", "medium", "high"] = field("How thorough the critic was")
    level: Literal["CRITICAL", "WARNING", "INFO"] = field("How grave a failure of this check is")
    outcome: Literal["pass", "fail", "unknown", "not_run"] = field(
        "not_run is a check that the profile leaves out, or that an earlier failure cut off"
    )
    value: float | None = field("The figure judged", null="there is none")
    limit: float | None = field("The limit it was held against", null="there is none")
    evidence: str = field("The verdict in words, with its figures")
    remedy: str = field("What to do about it")
    roadmap_ref: str = field("Item of the plan under which it is mended; empty for none")


class ModelingRealityCritic(
    Criticism, artifact="modeling_reality_critic", grain="week", key=("week", "check", "subject"), owner="modelling_lead"
):
    """One check of a media-mix model, of the fleet or of a registered model."""


class AllocatorCritic(Criticism, artifact="allocator_critic", grain="week", key=("week", "check", "subject"), owner="modelling_lead"):
    """One suite of checks of one tenant's newest proposal."""

    lift: float | None = field("Expected over baseline profit, less 1", unit="fraction", null="the proposal does not state both")
    regret: float | None = field("Expected regret over expected profit", unit="fraction", null="the proposal does not state it")


class IntegritySuite(Contract, artifact="integrity_suite", grain="week", key=("week", "run"), owner="data_quality_steward"):
    """One run of batches of tests: it passes when every batch does."""

    week: dt.date = field("Monday of the week of the run")
    run: str = field("Run, or day, that the batches belong to")
    ran_at: dt.datetime | None = field("Instant of its first batch", null="only the day is known")
    verdict: Literal["pass", "fail", "unknown"] = field("unknown when no batch ran: all were skipped")
    first_failure: str | None = field("First batch, in order, that did not pass", null="none failed")
    n_batches: int = field("Batches of the run", unit="batches", ge=1)
    n_passed: int = field("Batches that passed", unit="batches", ge=0)
    n_skipped: int = field("Batches that were skipped", unit="batches", ge=0)
    outcomes: str = field("Every batch in order with its outcome")


class MergeCoverage(
    Contract, artifact="merge_coverage", grain="quarter", key=("quarter", "repository", "commit"), owner="data_quality_steward"
):
    """One merge, and whether the batches that it needs ran on it."""

    quarter: str = field("Quarter of the merge, by its day in UTC")
    repository: str = field("Repository that was merged into")
    commit: str = field("Hash of the merge")
    merged_at: dt.datetime = field("Instant of the merge")
    batches: str = field("Batches that ran on it, in order of their names, separated by commas")
    missing: str = field("Batches that it needs and that did not run, separated by commas; empty when none")
    is_covered: bool | None = field("Whether all that it needs ran", null="its hours are not over yet")


class CriticSummary(Contract, artifact="critic_summary", grain="week", key=("week", "critic"), owner="modelling_lead"):
    """One critic as it stood at the end of the week, ours or another's."""

    week: dt.date = field("Monday of the week")
    critic: str = field("Critic")
    origin: Literal["ours", "telemetry"] = field("Whether it runs here, or its results arrive")
    status: Literal["pass", "attention", "degraded", "failed", "skipped", "unknown"] = field(
        "Its newest verdict; one that did not run is skipped, whatever it says of having passed"
    )
    stated: str = field("What it says itself")
    judged_on: dt.date = field("Day of that verdict")
    profile: str | None = field("Profile it ran under", null="not stated")
    n_failed: int = field("Checks that failed", unit="checks", ge=0)
    week_tokens: int = field("Tokens it used in the week", unit="tokens", ge=0)
    week_cost: float = field("What it cost in the week", unit="USD", ge=0)
    is_deferred: bool = field("Whether it is put off because critics are over their budget and policy does not flag it")
    contradiction: str | None = field("A verdict of about the same time that says otherwise", null="none does")
    rerun_due_on: dt.date | None = field(
        "First day of the next month: it is unresolved and must be rerun", null="it is not degraded or failed"
    )


class PerformanceBenchmarks(Contract, artifact="performance_benchmarks", grain="week", key=("week", "service"), owner="programme_owner"):
    """How the operations of one service, or agent, went up to the end of the week; one row, named all, over all services."""

    week: dt.date = field("Monday of the week")
    service: str = field("Service or agent, or all")
    n_runs: int = field("Timed operations", unit="operations", ge=1)
    n_ok: int = field("Those recorded as successful", unit="operations", ge=0)
    success_rate: float | None = field("Successful over those of known outcome", unit="fraction", ge=0, le=1, null="no outcome is recorded")
    mean_s: float = field("Mean duration", unit="seconds", ge=0)
    p95_s: float = field("95th percentile of durations", unit="seconds", ge=0)
    max_s: float = field("Longest duration", unit="seconds", ge=0)
    largest_queue: int | None = field("Most operations waiting", unit="operations", ge=0, null="not recorded")
    tokens: int = field("Tokens read and written", unit="tokens", ge=0)
    cost: float = field("Cost", unit="USD", ge=0)
