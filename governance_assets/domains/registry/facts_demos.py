"""Demos of media-mix models: which version each shows, and which failed run holds it back.

Belongs here: choosing the version. Does not belong here: the text of a demo (``report.py``).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.registry.contracts import DemoArtifacts
from governance_assets.domains.registry.facts import MEDIA_MIX, model_of, rows_of

Row = dict[str, Any]

_WEEK = dt.timedelta(days=7)
_DEMO = "demo/"


@dataclasses.dataclass(frozen=True)
class Failure:
    """A run that failed: on which day, from which day a later run had succeeded, and what failed."""

    day: dt.date
    mended: dt.date | None
    what: str

    def stands(self, end: dt.date) -> bool:
        """Whether it stands at the end of a week, given as the Monday after it."""
        return self.day < end and (self.mended is None or self.mended >= end)


def demo_artifacts(
    registry: Sequence[Row], retrained: Sequence[Row], failed: Mapping[str, Sequence[Failure]], write: Callable[[Row, Row], str]
) -> pa.Table:
    """The demo of each media-mix model, week by week: of the newest registered version that could be shown.

    A ``failed`` run blocks what would have been made after it until a later run succeeds.
    """
    fits = {(model_of(row["tenant"]), row["version"]): row for row in retrained}
    rows = []
    for (week, model_id), group in groupby(registry, key=lambda row: (row["week"], row["model_id"])):
        versions = [row for row in group if row["kind"] == MEDIA_MIX and row["status"] != "retired" and row["created_at"]]
        if not versions:
            continue
        newest = max(versions, key=lambda row: (row["created_at"], row["status"] == "challenger", row["version"]))
        standing_ones = [one for one in failed.get(model_id, ()) if one.stands(week + _WEEK)]
        blocked = _blocked(newest, fits, standing_ones)
        shown = _newest_shown(newest, fits, standing_ones)
        rows.append(
            {
                "week": week,
                "model_id": model_id,
                "registered_version": newest["version"],
                "demo_version": shown["version"] if shown else None,
                "blocked_by": blocked,
                "summary": write(next((row for row in versions if row["version"] == shown["version"]), newest), shown) if shown else None,
            }
        )
    return pa.Table.from_pylist(rows, schema=arrow_schema(DemoArtifacts))


def _blocked(version: Row, fits: Mapping[tuple[str, str], Row], failed: Sequence[Failure]) -> str | None:
    made = fits.get((version["model_id"], version["version"]))
    if made is None:
        return "its fit is not recorded here, so that nothing can be shown of it"
    if made["problem"] is not None:
        return str(made["problem"])
    return failed[0].what if failed else None


def _newest_shown(newest: Row, fits: Mapping[tuple[str, str], Row], failed: Sequence[Failure]) -> Row | None:
    """The newest fit that was made before the run that failed."""
    stop = min((one.day for one in failed), default=newest["week"] + _WEEK)
    usable = [
        row
        for (model_id, _), row in fits.items()
        if model_id == newest["model_id"]
        and row["problem"] is None
        and row["week"] < newest["week"] + _WEEK
        and row["week"] + _WEEK <= stop
    ]
    return max(usable, key=lambda row: (row["week"], row["version"] == newest["version"]), default=None)


def failed_runs(con: duckdb.DuckDBPyConnection, runs: str | None) -> dict[str, list[Failure]]:
    """Runs of demos that failed, by model: batches of test runs that are named demo/ and the model."""
    if runs is None:
        return {}
    found: dict[str, list[Failure]] = {}
    query = f"SELECT batch, date, status FROM {runs} WHERE starts_with(batch, ?) AND status <> 'skipped' ORDER BY batch, date, instant"
    for batch, own in groupby(rows_of(con, query, [_DEMO]), key=lambda row: row["batch"]):
        outcomes = list(own)
        for place, row in enumerate(outcomes):
            if row["status"] != "pass":
                mended = next((later["date"] for later in outcomes[place + 1 :] if later["status"] == "pass"), None)
                what = f"run {batch} of {row['date']} ended with {row['status']}"
                found.setdefault(batch.removeprefix(_DEMO), []).append(Failure(row["date"], mended, what))
    return found
