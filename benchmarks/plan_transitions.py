"""Seconds for a million changes of a plan over two years of weeks: moves, scope and the changelog, from landed Parquet.

    python benchmarks/plan_transitions.py [CHANGES]

Prints rows, seconds and changes a second of each artifact; there is no peer to compare with. The limit is two minutes for all.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from governance_assets.domains.plan import facts
from governance_assets.policy import PlanPolicy
from governance_assets.runtime.periods import period, weeks_between

FIRST, WEEKS = dt.date(2024, 1, 1), 104
_CHANGES = """
COPY (
  WITH n AS (SELECT range AS place, range % ($changes // 10) AS item, range // ($changes // 10) AS step FROM range($changes)),
  told AS (SELECT *, ['pending', 'in_progress', 'blocked', 'done'] AS words FROM n)
  SELECT (TIMESTAMPTZ '2024-01-01 00:00:00Z' + to_seconds(CAST(place AS DOUBLE) * 86400 * 7 * 104 / $changes)) AS instant,
         instant::DATE AS date, 'plan' || item % 20 AS plan, 'T' || item AS item_id,
         if(step = 0, 'added', 'status') AS kind, if(step = 0, NULL, words[CAST(1 + hash(item, step - 1) % 4 AS BIGINT)]) AS from_status,
         words[CAST(1 + hash(item, step) % 4 AS BIGINT)] AS to_status, NULL::DATE AS as_of
  FROM told
) TO '{path}' (FORMAT parquet)
"""


def seconds(changes: int) -> dict[str, tuple[int, float]]:
    """Rows and seconds of each artifact over ``changes`` changes."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        path = Path(folder) / "changes.parquet"
        con.execute(_CHANGES.format(path=path).replace("$changes", str(changes)))
        con.execute(f"CREATE VIEW plan_transitions AS SELECT * FROM read_parquet('{path}')")
        periods = [period("week", week.isoformat()) for week in weeks_between(FIRST, FIRST + dt.timedelta(weeks=WEEKS - 1))]
        for name in ("plan_moves", "plan_progress", "weekly_changelog"):
            start = time.perf_counter()
            feeds = facts.Feeds(plan_transitions="plan_transitions")
            rows = getattr(facts, name)(con, feeds, periods, periods[-1].end, PlanPolicy())
            found[name] = (rows.num_rows, time.perf_counter() - start)
    return found


def main() -> None:
    """Print a line an artifact."""
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    done = seconds(changes)
    for name, (rows, spent) in done.items():
        print(f"{name}: {rows:,} rows in {spent:.1f} s, {changes / spent:,.0f} changes a second")
    print(f"all: {sum(spent for _, spent in done.values()):.1f} s for {changes:,} changes over {WEEKS} weeks")


if __name__ == "__main__":
    main()
