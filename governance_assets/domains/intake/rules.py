"""Verdicts on what arrived: how much was refused, what could not be read, what went missing.

Belongs here: pass or fail, and the next step. Does not belong here: limits (``policy/``) or counting (``facts.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from governance_assets.domains.intake import facts
from governance_assets.finding import Finding, Rule
from governance_assets.policy import IntakePolicy

Row = Mapping[str, Any]

SOMETHING_ARRIVED = Rule(
    "something_arrived",
    "at least one file with rows",
    "put files into the folder of the feed, or point --telemetry at the right folder",
    severity="warn",
    unit="rows",
)
FEW_ROWS_REFUSED = Rule(
    "few_rows_refused",
    "a small share of refused rows",
    "read rejected_records: each names file, row, column and the next step",
    severity="error",
    unit="fraction",
)
NO_FILE_VANISHED = Rule(
    "no_file_vanished",
    "every file of the last manifest still there",
    "put the files back, or accept that their weeks are scored without them",
    severity="warn",
    unit="files",
)
EVERY_FILE_READABLE = Rule(
    "every_file_readable",
    "no file that could not be read",
    "mend the files that rejected_records names; copies lie in the quarantine",
    severity="error",
    unit="files",
)
SOURCE_IS_WHOLE = Rule(
    "source_is_whole",
    "the last fetch of a live source brought everything up to its time",
    "read the reason; `governance fetch` goes on where it broke off, as its schedule will; what was there stays",
    severity="warn",
    sources="C25",
)
SOURCE_IS_FRESH = Rule(
    "source_is_fresh",
    "a live source was fetched whole not long ago",
    "mend what the reason names, then `governance fetch`; or take the source out of governance.yaml and send files",
    severity="error",
    unit="hours",
    sources="C25",
)

MEDIA_HAS_NO_GAPS = Rule(
    "media_has_no_gaps",
    "a value in every week from the tenant's first to its last",
    "send the missing weeks; write 0 for weeks without spend; rejected_records names weeks that were refused",
    severity="error",
    unit="weeks",
)
EVERY_CHANNEL_HAS_SPEND = Rule(
    "every_channel_has_spend",
    "no channel that is zero in every week",
    "send the channel's spend, or take it out of media.yaml",
    severity="warn",
    unit="channels",
)
EVERY_CHANNEL_VARIES = Rule(
    "every_channel_varies",
    "no channel with the same spend in every week",
    "check the export: a constant channel cannot be told from the intercept; leave it out, or test it by experiment",
    severity="warn",
    unit="channels",
)
SPEND_KEEPS_ITS_UNIT = Rule(
    "spend_keeps_its_unit",
    "no channel whose spend leaps against its own past",
    "check the unit of the weeks named (cents for units, units for thousands); raise max_spend_jump if the leap is true",
    severity="warn",
    unit="ratio",
)
CHANNELS_ARE_OF_ONE_SCALE = Rule(
    "channels_are_of_one_scale",
    "usual spend of every channel within a factor of the tenant's others",
    "check the unit of the channel named; raise max_channel_ratio if the difference is true",
    severity="warn",
    unit="ratio",
)
SPEND_IS_IN_ONE_CURRENCY = Rule(
    "spend_is_in_one_currency",
    "one currency for all spend of a tenant",
    "convert the files that media.yaml declares in another currency, or correct their currency",
    severity="error",
    unit="currencies",
)
MORE_WEEKS_THAN_PARAMETERS = Rule(
    "more_weeks_than_parameters",
    "more weeks with a target than parameters of the smallest model of these channels, controls and events",
    "send more weeks, or declare fewer channels, controls and events",
    severity="error",
    unit="weeks",
)


def judge_media(rows: pa.Table, policy: IntakePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Verdicts on the series of each tenant as a whole."""
    if not rows.num_rows:
        return [rule.not_applicable("media", "no row of this feed landed") for rule in _OF_MEDIA]
    return [finding for tenant, series in facts.by_tenant(rows).items() for finding in _judge_tenant(tenant, series, policy)]


_OF_MEDIA = (
    MEDIA_HAS_NO_GAPS,
    EVERY_CHANNEL_HAS_SPEND,
    EVERY_CHANNEL_VARIES,
    SPEND_KEEPS_ITS_UNIT,
    CHANNELS_ARE_OF_ONE_SCALE,
    SPEND_IS_IN_ONE_CURRENCY,
    MORE_WEEKS_THAN_PARAMETERS,
)


def _judge_tenant(tenant: str, series: Sequence[Row], policy: IntakePolicy) -> list[Finding]:
    spend = [row for row in series if row["series"] == "spend"]
    gaps = [row for row in series if row["missing_weeks"]]
    first_gap = [f"{row['series']} {row['name']} from {row['first_missing_week']}" for row in gaps]
    missing = max(row["missing_weeks"] for row in series)
    empty = [row["name"] for row in spend if not row["largest"]]
    constant = [row["name"] for row in spend if row["smallest"] == row["largest"] and row["largest"]]
    units = sorted({unit for row in spend for unit in row["unit"].split(", ")})
    weeks = min([row["weeks"] for row in series if row["series"] == "target"], default=0)
    least = facts.parameters(series)
    return [
        MEDIA_HAS_NO_GAPS.judge(tenant, not gaps, missing, 0, ", ".join(first_gap)),
        EVERY_CHANNEL_HAS_SPEND.judge(tenant, not empty, len(empty), 0, ", ".join(empty)),
        EVERY_CHANNEL_VARIES.judge(tenant, not constant, len(constant), 0, ", ".join(constant)),
        _scale(SPEND_KEEPS_ITS_UNIT, tenant, spend, "largest_jump", policy.max_spend_jump),
        _scale(CHANNELS_ARE_OF_ONE_SCALE, tenant, spend, "channel_ratio", policy.max_channel_ratio),
        SPEND_IS_IN_ONE_CURRENCY.judge(tenant, len(units) <= 1, len(units), 1, ", ".join(units) if len(units) > 1 else ""),
        MORE_WEEKS_THAN_PARAMETERS.judge(tenant, weeks > least, weeks, least),
    ]


def _scale(rule: Rule, tenant: str, spend: Sequence[Row], column: str, limit: float) -> Finding:
    known = [row for row in spend if row[column] is not None]
    if not known:
        return rule.not_applicable(tenant, "too few channels or weeks with spend to compare")
    wrong = [row["name"] + (f" in {row['jump_week']}" if column == "largest_jump" else "") for row in known if row[column] > limit]
    return rule.judge(tenant, not wrong, max(row[column] for row in known), limit, ", ".join(wrong))


def headline_values(rows: pa.Table) -> tuple[str, int, None]:
    """The figure shown beside the manifest of media: its name, value and unit."""
    return "landed values", facts.total(rows, "landed_values"), None


def headline_tenants(rows: pa.Table) -> tuple[str, int, None]:
    """The figure shown beside the series of media: its name, value and unit."""
    return "tenants", len(facts.by_tenant(rows)), None


def judge_manifest(rows: pa.Table, policy: IntakePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Verdicts on the manifest of one feed; ``past`` is its previous manifest."""
    return [_arrived(rows), *_refused(rows, policy), _vanished(rows, past)]


def judge_rejected(rows: pa.Table, policy: IntakePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Verdict on the files that could not be read; one finding a file, or one that says there is none."""
    unreadable = facts.unreadable_files(rows)
    if not unreadable:
        return [EVERY_FILE_READABLE.judge("the telemetry folder", True, 0, 0)]
    return [EVERY_FILE_READABLE.judge(file, False, 1, 0, found) for file, found in unreadable]


def judge_sources(rows: pa.Table, policy: IntakePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Two verdicts on each live source: is it whole, and for how long has it not been."""
    return [finding for row in rows.to_pylist() for finding in (_whole(row), _fresh(row))]


def _whole(row: Row) -> Finding:
    subject = facts.named_source(row)
    if row["state"] == "not_configured" and row["last_whole_at"] is None:
        return SOURCE_IS_WHOLE.not_applicable(subject, row["reason"])
    # What did not come is not known to be bad: it is missing.
    is_whole = True if row["state"] == "ok" else None
    since = f"; missing since {row['gap_since']:%Y-%m-%d %H:%M} UTC" if row["gap_since"] else ""
    return SOURCE_IS_WHOLE.judge(subject, is_whole, why="" if is_whole else row["reason"] + since)


def _fresh(row: Row) -> Finding:
    subject, hours, limit = facts.named_source(row), row["hours_since_whole"], row["stale_after_hours"]
    if row["state"] == "not_configured" and row["last_whole_at"] is None:
        return SOURCE_IS_FRESH.not_applicable(subject, row["reason"])
    if hours is None:
        return SOURCE_IS_FRESH.judge(subject, None, limit=limit, why=row["reason"])
    return SOURCE_IS_FRESH.judge(subject, hours <= limit, hours, limit, row["reason"])


def headline_sources(rows: pa.Table) -> tuple[str, int, None]:
    """The figure shown beside the sources: how many are configured."""
    return "configured sources", sum(row["state"] != "not_configured" for row in rows.to_pylist()), None


def headline(rows: pa.Table) -> tuple[str, int, None]:
    """The figure shown beside a manifest: its name, value and unit."""
    return "landed rows", facts.total(rows, "rows"), None


def _arrived(rows: pa.Table) -> Finding:
    if not rows.num_rows:
        return SOMETHING_ARRIVED.not_applicable("the feed", "no file of this feed is in the telemetry folder")
    landed = facts.total(rows, "rows")
    return SOMETHING_ARRIVED.judge("the feed", landed > 0, landed, 1)


def _refused(rows: pa.Table, policy: IntakePolicy) -> Sequence[Finding]:
    if not rows.num_rows:
        return [FEW_ROWS_REFUSED.not_applicable("the feed", "no file arrived")]
    limit = policy.max_rejected_share
    share = facts.refused_share(rows)
    total = FEW_ROWS_REFUSED.judge("the feed", share <= limit, share, limit)
    worst = [
        FEW_ROWS_REFUSED.judge(origin, False, file_share, limit) for origin, file_share in facts.refused_shares(rows) if file_share > limit
    ]
    return [total, *worst]


def _vanished(rows: pa.Table, past: pa.Table | None) -> Finding:
    if not rows.num_rows and (past is None or not past.num_rows):
        return NO_FILE_VANISHED.not_applicable("the feed", "no file arrived, and none had")
    # Against no earlier manifest nothing has vanished: the same telemetry must give the same finding on its first day.
    gone = [] if past is None else facts.vanished(rows, past)
    return NO_FILE_VANISHED.judge("the feed", not gone, len(gone), 0, ", ".join(gone))
