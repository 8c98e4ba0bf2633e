"""Whether tests and critics ran after each merge.

Belongs here: finding the runs of a merge. Does not belong here: which batches a merge needs (policy), verdicts (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.critics.contracts import MergeCoverage
from governance_assets.policy import CriticsPolicy
from governance_assets.runtime.periods import quarter_of

Row = dict[str, Any]

_HOUR = dt.timedelta(hours=1)


def merge_coverage(commits: Sequence[Row], runs: Sequence[Row], quarters: Iterable[str], policy: CriticsPolicy) -> pa.Table:
    """One row is one merge of one of the asked quarters, with the batches that ran on it.

    A run belongs to a merge when it names its commit; a run that names none belongs to the newest merge of any repository before it,
    within the policy's hours. A merge whose hours are not over by the newest run or commit known is not judged while something is missing.
    """
    asked = set(quarters)
    merges = sorted((row for row in commits if row["is_merge"]), key=lambda row: (row["instant"], row["repository"], row["commit"]))
    ran = [row for row in runs if row["instant"] is not None and row["status"] != "skipped"]
    known_until = max((row["instant"] for row in [*commits, *ran]), default=None)
    rows = []
    for place, merge in enumerate(merges):
        if quarter_of(merge["instant"].date()) not in asked:
            continue
        end = merge["instant"] + policy.merge_hours * _HOUR
        cut = next((later["instant"] for later in merges[place + 1 :] if later["instant"] > merge["instant"]), end)
        own = sorted({row["batch"] for row in ran if _is_of(row, merge, min(cut, end))})
        needed = required(merge["files"] or "", policy)
        missing = [batch for batch in needed if batch not in own]
        rows.append(
            {
                "quarter": quarter_of(merge["instant"].date()),
                "repository": merge["repository"],
                "commit": merge["commit"],
                "merged_at": merge["instant"],
                "batches": ",".join(own),
                "missing": ",".join(missing),
                "is_covered": True if not missing else None if known_until < end else False,
            }
        )
    return pa.Table.from_pylist(rows, schema=arrow_schema(MergeCoverage))


def required(files: str, policy: CriticsPolicy) -> list[str]:
    """The batches that a merge of these paths, one a line, needs: those of the integrity suite, and those that its paths ask for."""
    paths = files.splitlines()
    relevant = [one.batch for one in policy.merge_suites if any(re.search(one.paths, path) for path in paths)]
    return list(dict.fromkeys([*policy.merge_batches, *relevant]))


def _is_of(run: Row, merge: Row, end: dt.datetime) -> bool:
    if run["commit"] is not None:
        stated, commit = run["commit"].lower(), merge["commit"].lower()
        return bool(stated.startswith(commit) or commit.startswith(stated))
    return bool(merge["instant"] <= run["instant"] < end)
