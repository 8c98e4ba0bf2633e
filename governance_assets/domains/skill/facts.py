"""Models against each other on the tasks they share, over windows of scored weeks.

Belongs here: reading scores into arrays, and the arrangement of ratios into contract columns.
Does not belong here: formulas without columns (``stats/skill.py``) and verdicts (``rules.py``).

A sum of floating point numbers depends on its order, and the same telemetry must give the same bits: what is read back from
history is sorted before it is summed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import filled, together
from governance_assets.domains.scores.contracts import CELL, DATES, task_columns
from governance_assets.domains.skill import contracts, rules
from governance_assets.policy import CalibrationPolicy, SkillPolicy
from governance_assets.policy.calibration import StratumWindows
from governance_assets.stats.arrays import Counts, Flags, Floats
from governance_assets.stats.skill import PairwiseSums, pairwise_sums_by_block, score_ratios
from governance_assets.stats.skill import relative_skill as relative_skill_of
from governance_assets.stats.sql_text import are_among, quoted
from governance_assets.stats.table_columns import codes, days, finite, floats
from governance_assets.stats.windows import not_older, spans, window_totals

_COMPARED = {"quantile": ("wis", "ae_median"), "sample": ("crps", "ae_median")}
_SUMS_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class _Field:
    """What all models made of the tasks of one evaluation set, (models, tasks), tasks week by week; NaN where there is no score."""

    kind: str
    evaluation_set: str
    models: list[str]
    axis: list[dt.date]
    week: Counts
    strata: Mapping[str, tuple[Counts, list[str]]]
    is_made: Flags
    scores: Mapping[str, Floats]

    def baselines(self, ends: list[dt.date], policy: SkillPolicy) -> Counts:
        """For each end week the row of the baseline among the models known by then, −1 for none."""
        first_week = np.where(self.is_made, self.week, len(self.axis)).min(axis=1)
        found = []
        for stop in spans(self.axis, ends, "since_start").stops:
            name = rules.baseline_model([model for model, first in zip(self.models, first_week, strict=True) if first < stop], policy)
            found.append(self.models.index(name) if name in self.models else -1)
        return np.array(found, dtype=np.int64)

    def contests(self, stratum: str, score: str) -> Iterator[_Contests]:
        """The weekly sums of some values of the stratum at a time: so many that memory stays bounded."""
        codes, labels = self.strata[stratum]
        n_weeks = len(self.axis)
        cell = codes * n_weeks + self.week
        order = np.argsort(cell, kind="stable")
        cell = cell[order]
        at_once = max(1, _SUMS_AT_ONCE // (n_weeks * len(self.models) ** 2))
        for first in range(0, len(labels), at_once):
            values = min(at_once, len(labels) - first)
            chosen = slice(*np.searchsorted(cell, [first * n_weeks, (first + values) * n_weeks]))
            yield self._contests_of(order[chosen], cell[chosen] - first * n_weeks, first, values, score)

    def _contests_of(self, tasks: Counts, cell: Counts, first: int, values: int, score: str) -> _Contests:
        cells, starts = np.unique(cell, return_index=True)
        value, week = np.divmod(cells, len(self.axis))
        sums = pairwise_sums_by_block(self.scores[score][:, tasks], starts)
        n_made = np.add.reduceat(self.is_made[:, tasks].astype(np.float64), starts, axis=1)
        shape = (len(self.axis), values, len(self.models))
        total, shared, made = np.zeros((*shape, shape[-1])), np.zeros((*shape, shape[-1])), np.zeros(shape)
        total[week, value], shared[week, value], made[week, value] = sums.total, sums.shared, n_made.T
        return _Contests(slice(first, first + values), total, shared, made)


@dataclass(frozen=True)
class _Contests:
    """Summed scores on shared tasks, and each model's own tasks, by week and value of a stratum: (weeks, values, models[, models])."""

    values: slice
    total: Floats
    shared: Floats
    made: Floats


def relative_skill(
    con: duckdb.DuckDBPyConnection, scores: str, weeks: Sequence[dt.date], policy: CalibrationPolicy, skill: SkillPolicy
) -> pa.Table:
    """Every model against all others on shared tasks, and pair by pair, over the windows that end with each of ``weeks``."""
    parts: list[pa.Table] = []
    for field in _fields(con, scores, weeks, policy):
        ends = sorted(set(weeks) & set(field.axis))
        baselines = field.baselines(ends, skill)
        for entry in policy.reported(name for name, (_, labels) in field.strata.items() if labels):
            for score in _COMPARED[field.kind]:
                parts += _stratum_skill(field, entry, score, ends, baselines, policy, skill)
    return together(contracts.RelativeSkill, parts)


def _fields(con: duckdb.DuckDBPyConnection, scores: str, weeks: Sequence[dt.date], policy: CalibrationPolicy) -> Iterator[_Field]:
    until = f"week <= DATE '{max(weeks)}'" if weeks else "false"
    further = con.execute(f"SELECT DISTINCT unnest(json_keys(strata)) FROM {quoted(scores)} ORDER BY ALL").fetchall()
    strata = {name: sql for name, sql in task_columns(name for (name,) in further).items() if name != CELL}
    texts = ", ".join(f"{sql} AS {quoted('in ' + name)}" for name, sql in strata.items())
    task = "week, target, reference_date, horizon, location, target_end_date, strata"
    for entry in policy.evaluation_sets:
        for kind, compared in _COMPARED.items():
            table = con.execute(
                f"""SELECT dense_rank() OVER (ORDER BY {task}) - 1 AS position, week, model_id, {", ".join(compared)}, {texts}
                    FROM {quoted(scores)} WHERE forecast_type = '{kind}' AND {until}
                      AND {are_among(entry.filters, {**strata, "model_id": "model_id"})}
                    ORDER BY position, model_id"""
            ).to_arrow_table()
            if table.num_rows:
                yield _as_field(table, kind, entry.name, list(strata))


def _as_field(table: pa.Table, kind: str, evaluation_set: str, strata: list[str]) -> _Field:
    position = table["position"].to_numpy()
    first = np.unique(position, return_index=True)[1]
    model, models = codes(table["model_id"])
    week = table["week"].combine_chunks().take(pa.array(first))
    axis = sorted(pc.unique(week).to_pylist())
    shape = (len(models), len(first))
    is_made = np.zeros(shape, dtype=bool)
    is_made[model, position] = True
    scores = {}
    for score in _COMPARED[kind]:
        scores[score] = np.full(shape, np.nan)
        scores[score][model, position] = floats(table[score])
    coded = {name: codes(table[f"in {name}"]) for name in strata}
    return _Field(
        kind=kind,
        evaluation_set=evaluation_set,
        models=models,
        axis=axis,
        week=np.searchsorted(days(pa.array(axis)), days(week)).astype(np.int64),
        strata={"overall": (np.zeros(len(first), dtype=np.int64), [""])}
        | {name: (code[first], labels) for name, (code, labels) in coded.items()},
        is_made=is_made,
        scores=scores,
    )


def _stratum_skill(
    field: _Field, entry: StratumWindows, score: str, ends: list[dt.date], baselines: Counts, policy: CalibrationPolicy, skill: SkillPolicy
) -> Iterator[pa.Table]:
    stratum, labels = entry.stratum, field.strata[entry.stratum][1]
    is_recent = np.ones((len(ends), len(labels)), dtype=bool)
    if stratum in DATES:  # scores of dates long before the end week stand in earlier weeks
        is_recent = not_older([dt.date.fromisoformat(label) for label in labels], ends, policy.max_date_age_weeks)
    wheres = {window: spans(field.axis, ends, window) for window in entry.windows}
    pairwise = () if stratum in ("horizon", "location", *DATES) else skill.pairwise_windows
    for contests in field.contests(stratum, score):
        for window, where in wheres.items():
            made = window_totals(contests.made, where)
            end, value = np.nonzero(made.any(axis=-1) & is_recent[:, contests.values])
            shared = window_totals(contests.shared, where)[end, value].astype(np.int64)
            sums = PairwiseSums(window_totals(contests.total, where)[end, value], shared)
            rows = _SkillRows(field, score, stratum, window, ends, end, contests.values.start + value, made[end, value], sums)
            yield rows.tournament(baselines[end])
            if window in pairwise:
                yield rows.pairs()


@dataclass(frozen=True)
class _SkillRows:
    """Contests of some end weeks and values of a stratum, before they are written out: one entry each."""

    field: _Field
    score: str
    stratum: str
    window: str
    ends: list[dt.date]
    end: Counts
    value: Counts
    made: Floats
    sums: PairwiseSums

    def tournament(self, baseline: Counts) -> pa.Table:
        """Every model that has a task against all others that have one."""
        with np.errstate(divide="ignore", invalid="ignore"):  # a baseline that is perfect, or shares no task
            found = relative_skill_of(self.sums, baseline)
        here = self.made > 0
        contest, model = np.nonzero(here)
        has_baseline = (baseline >= 0) & np.take_along_axis(here, baseline[:, None], axis=1)[:, 0]
        return self._table(
            contest,
            comparison="tournament",
            model_id=self._names(model),
            compared_with=self._names(np.where(has_baseline, baseline, -1)[contest]),
            ratio=pa.nulls(len(contest), pa.float64()),
            relative_skill=finite(found.relative[here]),
            scaled_relative_skill=finite(found.scaled[here]),
            n_shared=self.made[here],
            n_pairs_left_out=here.sum(axis=1)[contest] - 1 - found.n_pairs[here],
        )

    def pairs(self) -> pa.Table:
        """Every two models that have a task, in both directions."""
        here = self.made > 0
        both = here[:, :, None] & here[:, None, :] & ~np.eye(here.shape[1], dtype=bool)
        contest, model, other = np.nonzero(both)
        ratio = score_ratios(self.sums)[both]
        return self._table(
            contest,
            comparison="pairwise",
            model_id=self._names(model),
            compared_with=self._names(other),
            ratio=finite(ratio),
            relative_skill=pa.nulls(len(contest), pa.float64()),
            scaled_relative_skill=pa.nulls(len(contest), pa.float64()),
            n_shared=self.sums.shared[both],
            n_pairs_left_out=np.isnan(ratio),
        )

    def _names(self, rows: Counts) -> pa.Array:
        return pa.array([*self.field.models, ""], pa.string()).take(pa.array(rows % (len(self.field.models) + 1)))

    def _table(self, contest: Counts, **given: Any) -> pa.Table:
        given |= {name: pa.array(given[name].astype(np.int64)) for name in ("n_shared", "n_pairs_left_out")}
        given |= {
            "week": pa.array(self.ends, pa.date32()).take(pa.array(self.end[contest])),
            "stratum_value": pa.array(self.field.strata[self.stratum][1], pa.string()).take(pa.array(self.value[contest])),
        }
        given |= {"forecast_type": self.field.kind, "evaluation_set": self.field.evaluation_set}
        given |= {"window": self.window, "stratum": self.stratum, "score": self.score}
        return filled(contracts.RelativeSkill, len(contest), given)
