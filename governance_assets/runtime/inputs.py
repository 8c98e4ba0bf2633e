"""The kinds of input that an artifact can declare, and which recorded things each of its partitions is made of.

Belongs here: one class a kind, and the choice of recorded partitions. Does not belong here: handing them to a computation
(``artifact.py``), or what is done with them (a domain's ``facts.py``).

An input is a parameter of the computation: its name says which artifact or feed, its annotation how much of it::

    @artifact(contracts.VarianceBundle, judge=rules.judge_variance_bundle)
    def variance_bundle(run: Run, calibration_metrics: Within, plan_items: LandedPast, variance_bundle: OwnPast) -> pa.Table:
        return facts.variance_bundle(run.connection, calibration_metrics.view, plan_items.if_any, variance_bundle.view, run.periods)

Every kind is recorded in the ledger with revision and digest, makes a partition stale when what it read has changed, and is
read as it was by ``governance replay``. ``Within`` and ``Past`` of a finer grain carry one column more, named as the reader's
own partition column (``quarter``, ``half_month``): the period that the row belongs to, by its week's Thursday.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

import pyarrow as pa

from governance_assets.contract import PARTITION_COLUMN, Contract, Grain, registry
from governance_assets.runtime.history import Head, History, Input
from governance_assets.runtime.periods import GRAIN_WORDS, is_finer, overlapping, owner


class InputError(ValueError):
    """An input is declared as a kind that does not fit it."""


@dataclass(frozen=True)
class View:
    """An input: the name of a view on the run's connection."""

    view: str
    is_empty: bool

    has_edge: ClassVar[bool] = True
    """Whether it is an edge of Dagster's graph; what reads back in time would turn round."""
    is_past: ClassVar[bool] = False
    """Whether a change of an earlier partition can change a later one."""
    has_periods: ClassVar[bool] = True
    """Whether its partitions say which periods there are to compute."""

    @property
    def if_any(self) -> str | None:
        """The view's name, or None when it has no rows."""
        return None if self.is_empty else self.view

    @classmethod
    def touches(cls, source: str, key: str, grain: str) -> Sequence[str]:
        """The periods of ``grain`` that the partition ``key`` of the grain ``source`` belongs to."""
        return (owner(source, key, grain),)

    @classmethod
    def takers(cls, source: str, key: str, grain: str, keys: Collection[str]) -> Sequence[str]:
        """Which of the partitions ``keys`` of ``grain`` are made from the partition ``key`` of ``source``."""
        touched = cls.touches(source, key, grain)
        return [each for each in keys if touched[0] <= each] if cls.is_past else [each for each in touched if each in keys]

    @classmethod
    def horizon(cls, source: str, key: str, grain: str) -> str:
        """Partitions of ``grain`` with equal horizons may see the same rows of ``source``, and be computed together."""
        return ""

    @classmethod
    def expected(cls, source: Grain, grain: Grain) -> str | None:
        """What the source would have to be for this kind to fit; None when it fits."""
        return None


class Landed(View):
    """Typed rows of the landed files of a feed, of every week that the asked periods touch::

        def issue_triage(run: Run, issue_events: Landed) -> pa.Table:

    A quarter or half-month takes whole weeks at its edges: the computation cuts at ``run.periods``' exact instants.
    """

    @classmethod
    def touches(cls, source: str, key: str, grain: str) -> Sequence[str]:
        return overlapping(key, grain)


class Same(View):
    """Rows of an artifact of the same grain for the asked partitions::

    def calibration_curve(run: Run, forecast_scores: Same) -> pa.Table:
    """

    @classmethod
    def expected(cls, source: Grain, grain: Grain) -> str | None:
        return None if source == grain else f"an artifact of grain {grain}"


class Within(View):
    """Rows of an artifact of a finer grain whose partitions belong to the asked periods, each to one::

    def dimension_scores(run: Run, calibration_metrics: Within) -> pa.Table:
        return run.connection.sql(f"SELECT quarter, avg(value) FROM {calibration_metrics.view} GROUP BY quarter")
    """

    @classmethod
    def expected(cls, source: Grain, grain: Grain) -> str | None:
        return None if grain != "none" and is_finer(source, grain) else f"an artifact of a finer grain than {grain}"


class Past(View):
    """Rows of an artifact of an equal or finer grain, of every recorded partition up to the end of the last asked one::

        def sla_status(run: Run, issue_triage: Past) -> pa.Table:

    Several partitions are computed at once: the computation takes for each what is not later.
    """

    is_past = True

    @classmethod
    def expected(cls, source: Grain, grain: Grain) -> str | None:
        fits = source != "none" and (source == grain or is_finer(source, grain))
        return None if fits else f"an artifact of grain {grain} or a finer one (Earlier reads a coarser one, Whole one without partitions)"


class LandedPast(Landed, Past):
    """Typed rows of the landed files of a feed, of every week that begins before the end of the last asked partition::

    def plan_dashboard(run: Run, plan_items: LandedPast) -> pa.Table:
    """

    @classmethod
    def expected(cls, source: Grain, grain: Grain) -> str | None:
        return None


class Whole(View):
    """Rows of an artifact without partitions, as it stands now::

        def remediation_plan(run: Run, model_registry: Whole) -> pa.Table:

    A change of it makes every recorded partition of the reader stale.
    """

    has_periods = False

    @classmethod
    def takers(cls, source: str, key: str, grain: str, keys: Collection[str]) -> Sequence[str]:
        return list(keys)

    @classmethod
    def expected(cls, source: Grain, grain: Grain) -> str | None:
        return None if source == "none" else "an artifact without partitions"


class OwnPast(View):
    """The artifact's own earlier partitions; the parameter bears the artifact's own name::

        def action_register(run: Run, variance_bundle: Same, action_register: OwnPast) -> pa.Table:

    Asked partitions are then computed and committed one after the other, so that each sees those before it and no other.
    """

    has_edge = False
    is_past = True
    has_periods = False

    @classmethod
    def takers(cls, source: str, key: str, grain: str, keys: Collection[str]) -> Sequence[str]:
        return [each for each in keys if key < each]

    @classmethod
    def horizon(cls, source: str, key: str, grain: str) -> str:
        return key


class Earlier(View):
    """Rows of a coarser artifact, or of one of a later domain, of partitions whose period is over when the asked one begins::

        def plan_dashboard(run: Run, plan_items: LandedPast, action_register: Earlier) -> pa.Table:

    The week from 29 September 2025 belongs to 2025-Q4 and reads the registers up to 2025-Q3. It is read from history as it is
    when the run begins, and is no edge of Dagster's graph. Partitions that may see the same rows are computed together.
    """

    has_edge = False
    has_periods = False

    @classmethod
    def takers(cls, source: str, key: str, grain: str, keys: Collection[str]) -> Sequence[str]:
        if is_finer(source, grain):
            return [each for each in keys if owner(source, key, grain) < each]
        return [each for each in keys if key < owner(grain, each, source)]

    @classmethod
    def horizon(cls, source: str, key: str, grain: str) -> str:
        return key if is_finer(source, grain) else owner(grain, key, source)

    @classmethod
    def expected(cls, source: Grain, grain: Grain) -> str | None:
        if "none" in (source, grain):
            return "an artifact with partitions, read by one with partitions: without them nothing is earlier"
        return None


def grain_of(name: str, kind: type[View]) -> Grain:
    """The grain of an input's source; landed files are known by week. Raises InputError when nothing has this name."""
    if name not in registry():
        raise InputError(f"no artifact is named {name}; an input bears the name of an artifact of its own or an earlier domain")
    return "week" if issubclass(kind, Landed) else registry()[name].grain


def check_kinds(contract: type[Contract], kinds: Mapping[str, type[View]]) -> None:
    """Refuse an input that its kind does not fit. Raises InputError saying which kind of source it expects."""
    for name, kind in kinds.items():
        where = f"{contract.artifact}({name}: {kind.__name__})"
        if (name == contract.artifact) != issubclass(kind, OwnPast):
            raise InputError(f"{where}: OwnPast reads the artifact itself and bears its name, and nothing else does")
        source = grain_of(name, kind)
        if expected := kind.expected(source, contract.grain):
            raise InputError(f"{where}: found grain {source}, expected {expected}")
        column = PARTITION_COLUMN[contract.grain]
        if has_owner(kind, source, contract.grain) and column in registry()[name].model_fields:
            raise InputError(f"{where}: {name} has a column {column} of its own; rename it, for the {GRAIN_WORDS[contract.grain]} of a row")


def rounds(kinds: Mapping[str, type[View]], grain: str, keys: Collection[str]) -> list[list[str]]:
    """The asked partitions in order, in the groups in which each may see all that the group sees of earlier ones."""

    def horizons(key: str) -> tuple[str, ...]:
        return tuple(kind.horizon(grain_of(name, kind), key, grain) for name, kind in kinds.items())

    return [list(group) for _, group in groupby(sorted(keys), horizons)]


def used_by(
    kind: type[View], source: str, recorded: Sequence[tuple[str, Input]], grain: str, keys: Collection[str]
) -> Iterator[tuple[str, str, Input]]:
    """Which of the ``recorded`` inputs each of the partitions ``keys`` is computed from: its key, that of the source, the input."""
    for key, used in recorded:
        yield from ((taker, key, used) for taker in kind.takers(source, key, grain, keys))


def recorded_inputs(history: History, name: str, kind: type[View]) -> list[tuple[str, Input]]:
    """Everything recorded that an input of this name and kind can hand in, each with its partition."""
    if issubclass(kind, Landed):
        return list(landed_inputs(history.rows(name), name))
    return head_inputs(history.heads(name), name)


def landed_inputs(manifest: pa.Table, feed: str) -> Iterator[tuple[str, Input]]:
    """Every week that a landed file of the ``manifest`` touches, with the file's rows of that week as an input.

    The digest is that of the week's rows: a file that grows by a week leaves the weeks before as they were.
    """
    for file in manifest.select(["origin", "weeks", "week_digests"]).to_pylist():
        for week, digest in zip(file["weeks"].split(","), file["week_digests"].split(","), strict=True):
            if week:
                yield week, Input(feed, file["origin"], 0, digest)


def head_inputs(heads: Mapping[str, Head], name: str) -> list[tuple[str, Input]]:
    """Every recorded partition of an artifact, by its ``heads``, as an input, each with its key."""
    return [(key, Input(name, key, head.revision, head.content_sha256)) for key, head in heads.items()]


def has_owner(kind: type[View], source: str, grain: str) -> bool:
    """Whether rows carry the period they belong to."""
    return grain not in ("none", source) and issubclass(kind, Within | Past) and not issubclass(kind, Landed)


def with_owner(rows: pa.Table, source: Grain, grain: Grain) -> pa.Table:
    """``rows`` of a finer grain with the column that says to which period of ``grain`` each belongs."""
    own, column = PARTITION_COLUMN[source], PARTITION_COLUMN[grain]
    assert own is not None
    assert column is not None
    encoded = rows[own].combine_chunks().dictionary_encode()
    owners = [owner(source, str(key), grain) for key in encoded.dictionary.to_pylist()]
    values = pa.array(
        owners if grain == "quarter" else map(dt.date.fromisoformat, owners), pa.string() if grain == "quarter" else pa.date32()
    )
    return rows.append_column(column, values.take(encoded.indices))
