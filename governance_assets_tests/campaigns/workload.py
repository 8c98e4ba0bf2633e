"""What the campaigns record, and how a history is examined afterwards without trusting a word of it."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import Contract, arrow_schema, field
from governance_assets.finding import Finding, Rule
from governance_assets.policy import AlertsPolicy, Policy, digest, judging_text
from governance_assets.runtime.alerts.transitions import Alerting
from governance_assets.runtime.history import Entry, History, Input, Provenance
from governance_assets.stats.digest import table_digest

WEEKS = tuple(dt.date(2024, 1, 1) + dt.timedelta(weeks=number) for number in range(8))
RULE = Rule(name="score_is_small", requirement="the score is below 1", remedy="look at the model")
INSTANT = dt.datetime(2025, 11, 20, tzinfo=dt.UTC)


class Trial(Contract, artifact="campaign_trial", grain="week", key=("week", "model_id")):
    """One made-up score."""

    week: dt.date = field("Monday of the week")
    model_id: str = field("Model")
    note: str | None = field("Some text", null="nothing to say")
    score: float = field("Score")


SCHEMA = pa.schema([(one.name, one.type) for one in arrow_schema(Trial)])


def location(folder: Path) -> str:
    """The history below ``folder``."""
    return f"ducklake:sqlite:{folder / 'catalog.sqlite'}"


def open_and_count(folder: Path) -> int:
    """Open the history below ``folder``, create it if need be, and count its entries."""
    with History.open(location(folder)) as history:
        return history.ledger().num_rows


def entries(token: str, partitions: int, rows: int) -> list[Entry]:
    """Entries whose content follows from ``token``, for that many partitions of that many rows."""
    draw = random.Random(token)
    return [_entry(week, draw, token, rows) for week in draw.sample(WEEKS, partitions)]


def provenance(token: str, partitions: int) -> Provenance:
    """A provenance that names the commit and says how many entries it has."""
    alerting = Alerting.by(AlertsPolicy(), INSTANT)
    return Provenance(f"{token}/{partitions}", INSTANT, "", None, None, "p" * 64, ("campaign",), "campaign", "", alerting)


def judged_provenance(token: str) -> Provenance:
    """A provenance with a policy that can be read back, for histories that are verified."""
    policy = Policy()
    return replace(provenance(token, 1), policy_sha256=digest(policy), policy_text=judging_text(policy))


def record_something(history: History, token: str, draw: random.Random) -> None:
    """One commit of some kind: rows for some partitions, equal rows under other code, a refusal, or a further judgement."""
    recorded = [head for head in history.heads(Trial).values() if head.row_count]
    kind = draw.choice(("rows", "rows", "rows", "other code", "refusal", "judgement"))
    if kind == "rows" or not recorded:
        new = entries(token, draw.randint(1, 3), draw.choice((0, 1, 3, 5, 600)))
        history.commit([replace(one, findings=_mixed(token, draw), is_open=draw.random() < 0.3) for one in new], judged_provenance(token))
        return
    head = draw.choice(recorded)
    week = dt.date.fromisoformat(head.partition_key)
    rows = None if kind != "other code" else history.rows(Trial, [head.partition_key])
    told = Entry(Trial, week.isoformat(), rows, (Input("campaign", token, 0, "a" * 64),), _mixed(token, draw), token, is_open=head.is_open)
    if kind == "judgement":
        history.judge([replace(told, inputs=())], judged_provenance(token))
    else:
        history.commit([told], judged_provenance(token))


def _mixed(token: str, draw: random.Random) -> tuple[Finding, ...]:
    """Verdicts on a few subjects that are the same over the weeks: some of them change state."""
    values = [(number, draw.random() * 1.3) for number in range(draw.randint(0, 4))]
    return tuple(RULE.judge(f"model {number}", value < 1.0, value=value, limit=1.0, why=token) for number, value in values)


def _entry(week: dt.date, draw: random.Random, token: str, rows: int) -> Entry:
    table = pa.table(
        {
            "week": [week] * rows,
            "model_id": [f"model {number}" for number in range(rows)],
            "note": [draw.choice((None, "", 'it\'s "so"; --', "😀", token)) for _ in range(rows)],
            "score": [draw.random() for _ in range(rows)],
        },
        schema=SCHEMA,
    )
    findings = tuple(RULE.judge(f"{token} {number} of {rows}", True, value=draw.random(), limit=1.0) for number in range(rows))
    return Entry(Trial, week.isoformat(), table, (Input("campaign", token, 0, "a" * 64),), findings, "1", is_open=False)


def faults(history: History, acknowledged: set[str], is_thorough: bool) -> list[str]:
    """What is wrong with ``history``: lost or torn commits, gaps, repeated numbers, clocks that turn back, rows without an entry.

    ``is_thorough`` also recomputes the digest of every revision.
    """
    with history.pinned():
        ledger = history.ledger()
        if not ledger.num_rows:
            return [f"lost {token}" for token in sorted(acknowledged)]
        recorded = history.revisions(Trial)
        findings = history.findings(all=True)
    found = _commit_faults(ledger, acknowledged) + _order_faults(ledger)
    counted = recorded.group_by(["partition_key", "revision"]).aggregate([([], "count_all")]).to_pylist()
    rows_of = {(one["partition_key"], one["revision"]): one["count_all"] for one in counted}
    told = {(one["partition_key"], one["revision"]): one for one in ledger.to_pylist()}
    found += [f"torn {address}: {told[address]['row_count']} rows in the ledger, {rows_of.get(address, 0)} recorded"
              for address in told if rows_of.get(address, 0) != told[address]["row_count"]]  # fmt: skip
    found += [f"rows without an entry: {address}" for address in rows_of if address not in told]
    judged = {one["entry"]: one["count_all"] for one in findings.group_by("entry").aggregate([([], "count_all")]).to_pylist()}
    found += [f"torn entry {one['entry']}: findings are missing" for one in told.values() if judged.get(one["entry"]) != one["row_count"]]
    return found + (_digest_faults(recorded, told) if is_thorough else [])


def _commit_faults(ledger: pa.Table, acknowledged: set[str]) -> list[str]:
    seen = {one["values"]: one["counts"] for one in pc.value_counts(ledger["run_id"]).to_pylist()}
    lost = [f"lost {token}: acknowledged, not in the ledger" for token in sorted(acknowledged - seen.keys())]
    return lost + [f"torn {token}: {count} of its entries" for token, count in seen.items() if count != int(token.rsplit("/", 1)[1])]


def _order_faults(ledger: pa.Table) -> list[str]:
    found = []
    if ledger["entry"].to_pylist() != list(range(1, ledger.num_rows + 1)):
        found.append("entries are not numbered 1, 2, 3, …")
    instants = ledger["recorded_at"].to_pylist()
    if instants != sorted(instants):
        found.append("recorded_at turns back")
    revisions: dict[str, list[int]] = {}
    for one in ledger.to_pylist():
        revisions.setdefault(one["partition_key"], []).append(one["revision"])
    return found + [f"{key}: revisions {seen}" for key, seen in revisions.items() if seen != list(range(1, len(seen) + 1))]


def _digest_faults(recorded: pa.Table, told: dict[tuple[str, int], dict[str, object]]) -> list[str]:
    found = []
    for (key, revision), entry in told.items():
        rows = recorded.filter(pc.and_(pc.equal(recorded["partition_key"], key), pc.equal(recorded["revision"], revision)))
        if table_digest(rows.select(SCHEMA.names), Trial.key) != entry["content_sha256"]:
            found.append(f"{key} revision {revision}: rows are not those of the ledger")
    return found
