"""Rows of model risk: what was set aside, challenged and attested to, and by when it should have been.

Belongs here: matching overrides, challenges and attestations with what they are about. Does not belong here: approvals
(``facts_approvals.py``), or whether any of it is acceptable (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import Contract, arrow_schema
from governance_assets.domains.model_risk import contracts
from governance_assets.policy.model_risk import ModelRiskPolicy
from governance_assets.runtime.periods import DAY, Period, previous_quarter, quarter_end, utc_day

Row = dict[str, Any]


def role_of(text: str | None) -> str:
    """A role as policy writes it: ``Programme Owner`` is ``programme_owner``."""
    return "_".join(re.findall(r"[a-z0-9]+", (text or "").lower()))


def judged_on(period: Period, as_of: dt.datetime) -> dt.date:
    """The last day of a period, or the one looked from while it goes on."""
    return utc_day(min(as_of, period.end) - dt.timedelta(microseconds=1))


def rows_of_feed(con: duckdb.DuckDBPyConnection, view: str | None, until: dt.date) -> list[Row]:
    """Rows of a feed up to a day, in versions written up to then, the newest last."""
    if view is None:
        return []
    query = f"SELECT * FROM {view} WHERE date <= ? AND (as_of IS NULL OR as_of <= ?) ORDER BY date, instant NULLS FIRST, as_of NULLS FIRST"
    return list(con.execute(query, [until, until]).to_arrow_table().to_pylist())


def table_of(contract: type[Contract], rows: Sequence[Row]) -> pa.Table:
    """``rows`` as a table of their contract."""
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(contract))


# ---------------------------------------------------------------- overrides


def override_register(con: duckdb.DuckDBPyConnection, decisions: str | None, periods: Sequence[Period], as_of: dt.datetime) -> pa.Table:
    """Every override and waiver in its newest version, unless it was settled before the period began."""
    rows = []
    for period in periods:
        day = judged_on(period, as_of)
        versions = {row["decision_id"]: row for row in rows_of_feed(con, decisions, day) if row["kind"] in ("override", "waiver")}
        for name, row in sorted(versions.items()):
            expired = row["expires_on"] is not None and row["expires_on"] < day
            written = row["as_of"] or row["date"]
            if row["outcome"] and max(written, row["expires_on"] or written) < period.start.date():
                continue
            rows.append(
                {
                    "quarter": period.key,
                    "override": name,
                    "kind": row["kind"],
                    "sets_aside": row["sets_aside"],
                    "summary": row["summary"],
                    "overrider": role_of(row["decided_by"]) or None,
                    "reason": row["rationale"],
                    "decided_on": row["date"],
                    "expires_on": row["expires_on"],
                    "outcome": row["outcome"],
                    "state": "closed" if row["outcome"] else "expired" if expired else "in_force",
                    "judged_on": day,
                    "days_expired": (day - row["expires_on"]).days if expired else None,
                }
            )
    return table_of(contracts.OverrideRegister, rows)


# ---------------------------------------------------------------- challenges


def challenge_log(
    con: duckdb.DuckDBPyConnection, challenges: str | None, critics: Mapping[str, str], periods: Sequence[Period], as_of: dt.datetime
) -> pa.Table:
    """Every challenge that was open in a period, and the critical checks that failed in its last judged week."""
    rows = []
    for period in periods:
        day = judged_on(period, as_of)
        failed = {
            (name, one["check"], one["subject"]): one["evidence"] for name, view in critics.items() for one in _failed(con, view, period)
        }
        raised = {row["challenge_id"]: row for row in rows_of_feed(con, challenges, day)}.values()
        met = set()
        for one in sorted(raised, key=lambda row: row["challenge_id"]):
            responded_on = utc_day(one["responded_at"]) if one["responded_at"] else None
            about = [key for key in failed if _is_about(one, key)]
            if one["response"] and (responded_on or one["date"]) < period.start.date() and not about:
                continue
            met.update(about)
            address = (one["artifact"], one["rule"] or "", one["subject"] or "")
            told = "; ".join(failed[key] for key in sorted(about))
            rows.append(_challenged(period, day, address, told, one, responded_on))
        rows += [_challenged(period, day, key, failed[key], None, None) for key in sorted(failed.keys() - met)]
    return table_of(contracts.ChallengeLog, rows)


def _failed(con: duckdb.DuckDBPyConnection, view: str, period: Period) -> list[Row]:
    query = f"""
        SELECT "check", subject, evidence FROM {view} WHERE quarter = ? AND week = (SELECT max(week) FROM {view} WHERE quarter = ?)
        AND level = 'CRITICAL' AND outcome = 'fail' ORDER BY ALL
    """
    return list(con.execute(query, [period.key, period.key]).to_arrow_table().to_pylist())


def _is_about(challenge: Row, key: tuple[str, str, str]) -> bool:
    named = (challenge["artifact"], challenge["rule"], challenge["subject"])
    return all(given in (None, "", part) for given, part in zip(named, key, strict=True))


def _challenged(
    period: Period, day: dt.date, address: tuple[str, str, str], evidence: str, one: Row | None, responded_on: dt.date | None
) -> Row:
    artifact, rule, subject = address
    row: Row = {"quarter": period.key, "artifact_name": artifact, "rule": rule, "subject": subject, "evidence": evidence, "judged_on": day}
    row |= {"is_critical": bool(evidence), "challenge_id": ""}
    if one is None:
        return row
    ended = responded_on or (one["date"] if one["response"] else day)
    copied = {name: one[name] for name in ("challenge_id", "challenge", "response", "verdict")}
    roles = {name: role_of(one[name]) or None for name in ("challenged_by", "responded_by")}
    return (
        row
        | copied
        | roles
        | {"challenged_on": one["date"], "responded_on": responded_on, "days_taken": max((ended - one["date"]).days, 0)}
    )


# ---------------------------------------------------------------- attestations


def owner_attestations(
    con: duckdb.DuckDBPyConnection,
    models: str,
    approvals: str | None,
    periods: Sequence[Period],
    as_of: dt.datetime,
    policy: ModelRiskPolicy,
) -> pa.Table:
    """Every role that attests to the quarter before each period and to the period itself, with what it said by its end."""
    owned = _owners(con, models)
    rows = []
    for period in periods:
        day = judged_on(period, as_of)
        said = [row for row in rows_of_feed(con, approvals, day) if row["kind"] == "attestation"]
        for cycle in (previous_quarter(period.key), period.key):
            if cycle not in owned:
                continue
            due_on = quarter_end(cycle) - DAY + policy.attestation_days * DAY
            for role in sorted({*owned[cycle], *policy.attesting_roles}):
                own = [row for row in said if role_of(row["role"]) == role and row["cycle"] == cycle]
                names = owned[cycle].get(role, [])
                row: Row = {"quarter": period.key, "cycle": cycle, "role": role, "models": ", ".join(names), "n_models": len(names)}
                rows.append(row | {"due_on": due_on, "judged_on": day} | _attested(own, due_on, day))
    return table_of(contracts.OwnerAttestations, rows)


def _owners(con: duckdb.DuckDBPyConnection, view: str) -> dict[str, dict[str, list[str]]]:
    """Of each quarter the owners of models in its last recorded week, with their models; retired ones need nobody to stand behind them."""
    query = f"""
        SELECT quarter, owner_role, list_sort(list(DISTINCT model_id)) FROM (
            SELECT * FROM {view} QUALIFY week = max(week) OVER (PARTITION BY quarter)
        ) WHERE status <> 'retired' AND owner_role IS NOT NULL GROUP BY ALL ORDER BY ALL
    """
    found: dict[str, dict[str, list[str]]] = {}
    for quarter, owner, names in con.execute(query).fetchall():
        found.setdefault(quarter, {}).setdefault(role_of(owner), []).extend(names)
    return found


def _attested(own: Sequence[Row], due_on: dt.date, day: dt.date) -> Row:
    if not own:
        nothing: Row = dict.fromkeys(("given_on", "authenticated_by", "reason"))
        return nothing | {"state": "missing" if day > due_on else "pending"}
    last = own[-1]
    state = "refused" if last["verdict"] == "rejected" else "attested" if last["authenticated_by"] else "asserted"
    return {"given_on": last["date"], "authenticated_by": last["authenticated_by"], "reason": last["reason"], "state": state}
