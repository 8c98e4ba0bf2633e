"""The recorded issue lists of the origin, and a hundred thousand made-up issues of four sources."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema
from governance_assets.domains.intake import contracts as intake_contracts
from governance_assets.domains.issues import facts
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.policy import IntakePolicy, IssuesPolicy
from governance_assets.runtime.periods import period
from governance_assets.runtime.sources import landed_relation, read_telemetry

SHARED = Path(__file__).parents[2] / "shared" / "data" / "issues"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded issue lists are not on this machine")
def test_every_recorded_issue_gets_one_priority_by_its_stated_severity(tmp_path: Path) -> None:
    folder = tmp_path / "telemetry" / "issues"
    folder.mkdir(parents=True)
    for path in SHARED.glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    home = tmp_path / "home"
    assert intake_contracts.FEEDS  # reading names the columns of manifests by their contracts
    intake = read_telemetry(tmp_path / "telemetry", home, IntakePolicy())
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    weeks = [dt.date(2025, 11, 3) + dt.timedelta(weeks=n) for n in range(8)]
    view = landed_relation(con, "issue_events", intake.manifests["issue_events"], home, weeks)
    feeds = facts.Feeds(view, None, None, None)
    end = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)
    rows = facts.issue_triage(con, feeds, [period("half_month", "2025-12-01")], end, IssuesPolicy()).to_pylist()
    stated = {"CRITICAL": "P0", "HIGH": "P1", "MEDIUM": "P2", "LOW": "P3"}
    told = [row for row in rows if (row["severity"] or "").split(" ")[0] in stated]
    assert len(told) >= 20
    assert [row["priority"] for row in told] == [stated[row["severity"].split(" ")[0]] for row in told]
    assert len({row["issue_id"] for row in rows}) == len(rows)


def test_many_issues_of_four_sources_are_triaged_each_once() -> None:
    per_source, start = 2_500, dt.datetime(2025, 9, 1, tzinfo=dt.UTC)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(
        f"""CREATE TABLE told AS
        SELECT ['github', 'airtable', 'cloudwatch', 'sagemaker'][1 + n % 4] AS source, CAST(n // 4 AS VARCHAR) AS source_id, event,
               TIMESTAMPTZ '{start.isoformat()}' + to_minutes(n % 60000)
                 + to_hours(CASE event WHEN 'closed' THEN n % 700 ELSE 0 END) AS instant,
               'issue' AS kind, ['System is down', 'Slow endpoint', 'Typo in docs', 'Job failed'][1 + (n // 4) % 4] || ' '
               || chr(CAST(97 + (n // 4) % 26 AS INTEGER)) AS title
        FROM range({4 * per_source}) r(n), (VALUES ('opened'), ('closed')) e(event) WHERE event = 'opened' OR n % 3 = 0"""
    )
    schema = pa.schema([pa.field(field.name, field.type) for field in arrow_schema(RECORD_FEEDS["issue_events"])])
    rows = con.execute("FROM told").to_arrow_table()
    blank = {field.name: pa.nulls(rows.num_rows, field.type) for field in schema}
    con.register(
        "issue_events", pa.table([rows[n].cast(blank[n].type) if n in rows.column_names else blank[n] for n in blank], schema=schema)
    )
    feeds = facts.Feeds("issue_events", None, None, None)
    periods = [period("half_month", "2025-10-01"), period("half_month", "2025-10-15")]
    triage = facts.issue_triage(con, feeds, periods, dt.datetime(2025, 12, 1, tzinfo=dt.UTC), IssuesPolicy())
    con.register("triage", triage)
    status = facts.sla_status(con, feeds, "triage", periods, dt.datetime(2025, 12, 1, tzinfo=dt.UTC), IssuesPolicy())
    assert triage.num_rows == status.num_rows > per_source
    assert max(Counter(zip(*(triage[name].to_pylist() for name in ("half_month", "issue_id")), strict=True)).values()) == 1
    seen = [
        each for key in ("2025-10-01",) for row in triage.to_pylist() if str(row["half_month"]) == key for each in row["seen_in"].split(",")
    ]
    assert len(seen) == len(set(seen))
