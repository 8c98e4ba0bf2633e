"""What makes a whole task wrong: quantiles that cross, a level stated twice.

Belongs here: arithmetic on sorted typed rows. Does not belong here: cells (``typed.py``) or files (``tables.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources.outcome import Refusal

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Which rows stay, and what was refused of each file; ``counts`` are exact, ``refusals`` are capped a file."""

    keep: Flags
    counts: dict[int, int]
    refusals: dict[int, list[Refusal]]


def judge_tasks(rows: pa.Table, task: Sequence[str], member: str, policy: IntakePolicy, feed: str) -> Judged:
    """Judge ``rows``, sorted by ``file``, the columns of ``task``, ``member`` and ``row``.

    ``member`` is quantile_level or sample_id. A repeated row (same value, rounding aside) is refused alone; a member with two values, and
    crossing quantiles, refuse the whole task.
    """
    size = rows.num_rows
    if not size:
        return Judged(np.zeros(0, bool), {}, {})
    new_task = changes(rows, ("file", *task))
    same_member = ~changes(rows, (member,)) & ~new_task
    value = rows["predicted"].to_numpy()
    step = np.diff(value, prepend=value[:1])
    slack = policy.quantile_crossing_tolerance * np.maximum(1, np.abs(value))
    repeated = same_member & (np.abs(step) <= slack)
    contradicted = same_member & ~repeated
    crossing = ~new_task & ~same_member & (step < -slack) if member == "quantile_level" else np.zeros(size, bool)
    bad = contradicted | crossing
    if not bad.any() and not repeated.any():
        return Judged(np.ones(size, bool), {}, {})
    number = np.cumsum(new_task) - 1
    in_bad_task = np.isin(number, np.unique(number[bad]))
    repeated &= ~in_bad_task
    return _told(rows, member, bad, repeated, in_bad_task, number, policy, feed)


def changes(rows: pa.Table, columns: Sequence[str]) -> Flags:
    """Whether each row differs from the one before it in any of ``columns``; the first row does."""
    differs = np.zeros(rows.num_rows, bool)
    if rows.num_rows:
        differs[0] = True
    for name in columns:
        values = rows[name].combine_chunks()
        after, before = values.slice(1), values.slice(0, max(len(values) - 1, 0))
        unequal = pc.fill_null(pc.not_equal(after, before), False)
        if values.null_count:
            unequal = pc.or_(unequal, pc.xor(pc.is_null(after), pc.is_null(before)))
        differs[1:] |= unequal.to_numpy(zero_copy_only=False)
    return differs


def _told(
    rows: pa.Table,
    member: str,
    bad: Flags,
    repeated: Flags,
    in_bad_task: Flags,
    number: npt.NDArray[np.int64],
    policy: IntakePolicy,
    feed: str,
) -> Judged:
    file = rows["file"].to_numpy()
    line, value = rows["row"].to_numpy(), rows["predicted"].to_numpy()
    refused = in_bad_task | repeated
    counts = {int(each): int(count) for each, count in zip(*np.unique(file[refused], return_counts=True), strict=True)}
    positions = np.flatnonzero(bad)
    first_of_task = positions[np.unique(number[positions], return_index=True)[1]]
    task_rows = np.bincount(number[in_bad_task]) if len(first_of_task) else np.zeros(0, int)
    refusals: dict[int, list[Refusal]] = {each: [] for each in counts}
    for at in first_of_task:
        told = refusals[int(file[at])]
        if len(told) < policy.max_rejected_records_per_file:
            told.append(_task_refusal(rows, member, int(at), int(line[at]), value, int(task_rows[number[at]]), feed))
    for at in np.flatnonzero(repeated):
        told = refusals[int(file[at])]
        if len(told) < policy.max_rejected_records_per_file:
            found = f"{member} {rows[member][int(at)].as_py()} a second time, same value"
            told.append(Refusal("row", int(line[at]), member, found, "each row once", "remove the repeat", 1, feed))
    return Judged(~refused, counts, refusals)


def _task_refusal(rows: pa.Table, member: str, at: int, line: int, value: npt.NDArray[np.float64], size: int, feed: str) -> Refusal:
    here, before = rows[member][at].as_py(), rows[member][at - 1].as_py()
    if here == before:
        found = f"{member} {here} twice: {value[at - 1]:.12g} and {value[at]:.12g}"
        return Refusal("task", line, member, found, f"each {member} once a task", "keep one of them; the whole task is refused", size, feed)
    found = f"{value[at]:.12g} at level {here:g} below {value[at - 1]:.12g} at level {before:g}"
    return Refusal(
        "task",
        line,
        "predicted",
        found,
        "values that do not fall as the level rises",
        "sort the quantiles; the whole task is refused",
        size,
        feed,
    )
