"""One batch of arrived tables of one layout to landings: cells are typed, tasks judged, rows written, everything counted.

Belongs here: the way from a table to its landing. Does not belong here: walking folders (``folder.py``), what one file says
about another (``intake.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources import typed
from governance_assets.runtime.sources.columns import STRATUM_PREFIX, Layout
from governance_assets.runtime.sources.easing import ease
from governance_assets.runtime.sources.landing import LANDED, VERSION_COLUMN, Store
from governance_assets.runtime.sources.outcome import Context, Refusal, Table, shown
from governance_assets.runtime.sources.tasks import changes, judge_tasks
from governance_assets.runtime.sources.typed import OBSERVATION, QUANTILE, SAMPLE, quoted

MEMBER = {QUANTILE: "quantile_level", SAMPLE: "sample_id"}
TASK = ("target_end_date", "model_id", "reference_date", "horizon", "target", "location")
PLACE = ("target_end_date", "target", "location")


@dataclass
class Arrived:
    """One file on its way to its landing."""

    context: Context
    layout: Layout
    table: Table
    landings: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def feeds(self) -> list[str]:
        """The feeds its columns can hold, the leading one first."""
        held = [QUANTILE] * self.layout.holds_quantiles + [SAMPLE] * self.layout.holds_samples
        return held + [OBSERVATION] * self.layout.holds_observations

    def entry(self, policy: IntakePolicy) -> dict[str, Any]:
        """What is remembered of it, in plain values; the first feed that it has rows of answers for lines without a feed."""
        lines = sum(refusal.rows for refusal in self.table.refusals)
        leading = next(iter(self.landings), self.feeds[0])
        for feed, landing in self.landings.items():
            landing["file_rows"] = self.table.file_rows
            landing["rejected_rows"] = self.refused.get(feed, 0) + (lines if feed == leading else 0)
            landing["unused_rows"] = self.table.file_rows - landing["rows"] - landing["rejected_rows"]
        told = self.refusals + [Refusal(**{**asdict(refusal), "feed": leading}) for refusal in self.table.refusals]
        told.sort(key=lambda refusal: (refusal.row or 0, refusal.feed or "", refusal.column or ""))
        total = sum(landing["rejected_rows"] for landing in self.landings.values())
        return {
            "landings": self.landings,
            "refusals": [asdict(refusal) for refusal in capped(told, total, policy)],
            "context": "; ".join(f"{name}={value}" for name, value in sorted((dict(self.context.stated) | self.added()).items())),
        }

    def added(self) -> dict[str, str]:
        """What the file's place adds to its columns: the model always, dates and folder-stated columns where they are missing."""
        context, parts = self.context, self.layout.parts
        added = {}
        if self.layout.holds_forecasts and context.model_id is not None:
            added["model_id"] = context.model_id
        if self.layout.holds_forecasts and context.reference_date is not None and "reference_date" not in parts:
            added["reference_date"] = context.reference_date
        if self.layout.holds_observations and context.as_of is not None and "as_of" not in parts:
            added["as_of"] = context.as_of
        return added


def capped(told: list[Refusal], total: int, policy: IntakePolicy) -> list[Refusal]:
    """At most the policy's number of records; the last one sums up the rows that no other record tells of."""
    most = policy.max_rejected_records_per_file
    if len(told) <= most and sum(refusal.rows for refusal in told) == total:
        return told
    kept = told[: most - 1]
    rest = total - sum(refusal.rows for refusal in kept)
    reasons = sorted({refusal.expected for refusal in told[most - 1 :]} or {refusal.expected for refusal in told})
    summary = Refusal(
        "row",
        None,
        None,
        f"{rest:,} more rows refused",
        shown("; ".join(reasons)),
        "mend the rows above first, then read again",
        rest,
        kept[0].feed,
    )
    return [*kept, summary]


def land_batch(con: duckdb.DuckDBPyConnection, batch: Sequence[Arrived], policy: IntakePolicy, store: Store) -> None:
    """Land every feed of ``batch``, whose files have one layout and one context up to model and dates."""
    first = batch[0]
    columns, clean = ease(_arranged(batch), policy)
    types = {part: _KINDS[column.type] for part, column in columns.items() if part not in ("file", "row")}
    con.register("arrived_rows", pa.table(columns))
    try:
        if first.layout.holds_forecasts:
            _land_forecasts(con, batch, types, clean, policy, store)
        if first.layout.holds_observations:
            _land_observations(con, batch, types, clean, policy, store)
    finally:
        con.unregister("arrived_rows")


def signature(arrived: Arrived) -> tuple[Any, ...]:
    """Files with equal signatures may share a batch."""
    context = arrived.context
    types = tuple(sorted(_kinds(arrived).items()))
    return (context.shape, context.role, context.units, types, tuple(arrived.layout.strata))


_KINDS = {pa.string(): "text", pa.int64(): "int", pa.float64(): "float", pa.date32(): "date"}


def _positions(arrived: Arrived) -> dict[str, int]:
    strata = {STRATUM_PREFIX + name: position for name, position in arrived.layout.strata.items()}
    return {**arrived.layout.parts, **strata}


def _kinds(arrived: Arrived) -> dict[str, str]:
    """The kind of each column, what the file's place says included."""
    kinds = {part: _KINDS[arrived.table.columns[position].type] for part, position in _positions(arrived).items()}
    return {**kinds, **dict.fromkeys(arrived.added(), "text")}


def _arranged(batch: Sequence[Arrived]) -> dict[str, pa.ChunkedArray]:
    """All rows of the batch under the names of their parts, with ``file`` and ``row``."""
    tables = []
    for number, arrived in enumerate(batch):
        size = len(arrived.table.rows)
        columns = {part: arrived.table.columns[position] for part, position in _positions(arrived).items()}
        columns |= {part: pa.repeat(value, size) for part, value in arrived.added().items()}
        columns["file"] = pa.repeat(pa.scalar(number, pa.int32()), size)
        columns["row"] = arrived.table.rows
        tables.append(pa.table(dict(sorted(columns.items()))))
    whole = pa.concat_tables(tables)
    return dict(zip(whole.column_names, whole.columns, strict=True))


# ---------------------------------------------------------------- forecasts


def _land_forecasts(
    con: duckdb.DuckDBPyConnection,
    batch: Sequence[Arrived],
    types: dict[str, str],
    clean: frozenset[str],
    policy: IntakePolicy,
    store: Store,
) -> None:
    strata = sorted(batch[0].layout.strata)
    query = typed.forecast_query("arrived_rows", types, strata, batch[0].context, policy, clean)
    task = (*TASK, *(STRATUM_PREFIX + name for name in strata))
    with _typed_rows(con, batch, query, policy):
        for feed in (QUANTILE, SAMPLE):
            rows = _sorted_rows(con, feed, task, MEMBER[feed])
            judged = judge_tasks(rows, task, MEMBER[feed], policy, feed)
            for number, count in judged.counts.items():
                batch[number].refused[feed] = batch[number].refused.get(feed, 0) + count
                batch[number].refusals += judged.refusals[number]
            kept = rows if judged.keep.all() else rows.filter(pa.array(judged.keep))
            _land(batch, feed, kept, strata, store)


@contextlib.contextmanager
def _typed_rows(con: duckdb.DuckDBPyConnection, batch: Sequence[Arrived], query: typed.Query, policy: IntakePolicy) -> Iterator[None]:
    """For the time of the block ``typed_rows``: a table, as every row is judged once; a view where nothing can be wrong."""
    kind = "VIEW" if query.is_safe else "TABLE"
    con.execute(f"CREATE TEMP {kind} typed_rows AS {query.sql}")
    try:
        if not query.is_safe:
            _collect_refused_cells(con, batch, query, policy)
        yield
    finally:
        con.execute(f"DROP {kind} typed_rows")


def _sorted_rows(con: duckdb.DuckDBPyConnection, feed: str, task: Sequence[str], member: str) -> pa.Table:
    columns = ", ".join(map(quoted, (*task, member)))
    return con.execute(
        f"SELECT file, row, predicted, {columns} FROM typed_rows WHERE problem = 0 AND kind = ? ORDER BY file, {columns}, row", [feed]
    ).to_arrow_table()


def _collect_refused_cells(con: duckdb.DuckDBPyConnection, batch: Sequence[Arrived], query: typed.Query, policy: IntakePolicy) -> None:
    counted = con.execute("SELECT file, kind, count(*) FROM typed_rows WHERE problem > 0 GROUP BY ALL").fetchall()
    if not counted:
        return
    for number, kind, count in counted:
        feed = _feed_of(kind, batch[number])
        batch[number].refused[feed] = batch[number].refused.get(feed, 0) + count
    told = con.execute(
        "SELECT file, row, kind, problem, found FROM typed_rows WHERE problem > 0 "
        "QUALIFY row_number() OVER (PARTITION BY file ORDER BY row) <= ? ORDER BY file, row",
        [policy.max_rejected_records_per_file],
    ).fetchall()
    for number, row, kind, problem, found in told:
        wrong = query.problems[problem - 1]
        column = wrong.part.removeprefix(STRATUM_PREFIX)
        feed = _feed_of(kind, batch[number])
        text = shown("" if found is None else found)
        batch[number].refusals.append(Refusal("row", row, column, text, wrong.expected, wrong.next_step, 1, feed))


def _feed_of(kind: str, arrived: Arrived) -> str:
    return kind if kind in LANDED else arrived.feeds[0]


def _land(batch: Sequence[Arrived], feed: str, rows: pa.Table, strata: Sequence[str], store: Store, extra: Sequence[str] = ()) -> None:
    columns = {name: rows[name].cast(kind) for name, kind in LANDED[feed]}
    columns |= {name: rows[name] for name in extra}
    columns |= {name: rows[STRATUM_PREFIX + name].cast(pa.string()) for name in strata}
    landed = store.land(feed, pa.table(columns), rows["file"].to_numpy()) if rows.num_rows else {}
    for number, arrived in enumerate(batch):
        if number in landed:
            arrived.landings[feed] = landed[number]
            arrived.landings[feed]["blocks"] = []
        elif arrived.refused.get(feed) or (feed == arrived.feeds[0] and not arrived.table.rows):
            arrived.landings[feed] = {**store.land_nothing(feed, strata), "blocks": []}
    if feed != OBSERVATION and rows.num_rows:
        _note_blocks(batch, feed, rows)


def _note_blocks(batch: Sequence[Arrived], feed: str, rows: pa.Table) -> None:
    """The (model, reference date) pairs of each file: files that share none cannot state the same task."""
    starts = np.flatnonzero(changes(rows, ("file", "model_id", "reference_date")))
    picked = rows.select(["file", "model_id", "reference_date"]).take(pa.array(starts))
    seen: dict[int, set[tuple[str, str]]] = {}
    for row in picked.to_pylist():
        seen.setdefault(row["file"], set()).add((row["model_id"], row["reference_date"].isoformat()))
    for number, pairs in seen.items():
        batch[number].landings[feed]["blocks"] = sorted(map(list, pairs))


# ---------------------------------------------------------------- observations


def _land_observations(
    con: duckdb.DuckDBPyConnection,
    batch: Sequence[Arrived],
    types: dict[str, str],
    clean: frozenset[str],
    policy: IntakePolicy,
    store: Store,
) -> None:
    strata = sorted(batch[0].layout.strata)
    query = typed.observation_query("arrived_rows", types, strata, policy, clean)
    place = ", ".join(map(quoted, (*PLACE, *(STRATUM_PREFIX + name for name in strata))))
    with _typed_rows(con, batch, query, policy):
        newest = con.execute(
            f"""
            SELECT file, {place}, as_of, observed, row, count(DISTINCT observed) OVER newest AS values, count(*) OVER newest AS size,
                row_number() OVER (PARTITION BY file, {place}, as_of ORDER BY observed IS NULL, row) AS position
            FROM typed_rows WHERE problem = 0 AND kind = '{OBSERVATION}'
            WINDOW newest AS (PARTITION BY file, {place}, as_of)
            QUALIFY as_of IS NOT DISTINCT FROM max(as_of) OVER (PARTITION BY file, {place})
            ORDER BY file, {place}, position"""
        ).to_arrow_table()
    contradicted = pc.greater(newest["values"], 1)
    _collect_contradictions(batch, newest.filter(contradicted), policy)
    kept = newest.filter(pc.and_(pc.invert(contradicted), pc.equal(newest["position"], 1)))
    extra = (VERSION_COLUMN,) if "as_of" in types else ()
    _land(batch, OBSERVATION, kept, strata, store, extra)


def _collect_contradictions(batch: Sequence[Arrived], rows: pa.Table, policy: IntakePolicy) -> None:
    if not rows.num_rows:
        return
    for row in rows.group_by("file").aggregate([([], "count_all")]).to_pylist():
        arrived = batch[row["file"]]
        arrived.refused[OBSERVATION] = arrived.refused.get(OBSERVATION, 0) + row["count_all"]
    for row in rows.select(["file", "row", "target_end_date", "location", "observed"]).to_pylist():
        told = batch[row["file"]].refusals
        if len(told) < policy.max_rejected_records_per_file:
            found = f"{row['observed']} for {row['target_end_date']} at {row['location'] or 'the only place'}, and another value elsewhere"
            told.append(
                Refusal(
                    "row",
                    row["row"],
                    "observed",
                    shown(found),
                    "one value a place and date",
                    "keep the right one, or add as_of",
                    1,
                    OBSERVATION,
                )
            )
