"""The shape of an artifact: one declaration becomes one Dagster asset with its checks.

Belongs here: handing inputs in, splitting by partition, validating, judging, committing in one history transaction, and
reporting to Dagster. Does not belong here: what any artifact computes (a domain's ``facts.py``) or how it is judged
(``rules.py``).
"""

import datetime as dt
import inspect
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import WHOLE, Contract, ContractViolation, Problem, columns, conform, registry, violations
from governance_assets.finding import MATCHES_CONTRACT, Finding, Rule, worst
from governance_assets.policy import Policy, Section
from governance_assets.runtime import checks
from governance_assets.runtime.history import Entry, Input, Receipt
from governance_assets.runtime.inputs import (
    Earlier,
    Landed,
    LandedPast,
    OwnPast,
    Past,
    Same,
    View,
    Whole,
    Within,
    check_kinds,
    grain_of,
    has_owner,
    recorded_inputs,
    rounds,
    used_by,
    with_owner,
)
from governance_assets.runtime.partitions import PARTITIONS, dependency, event_key, from_dagster
from governance_assets.runtime.periods import Period, period
from governance_assets.runtime.settings import code_version
from governance_assets.runtime.sources import Intake, landed_relation
from governance_assets.runtime.workspace import Workspace

__all__ = [
    "DECLARATIONS",
    "Declaration",
    "Earlier",
    "Landed",
    "LandedPast",
    "OwnPast",
    "Past",
    "Run",
    "Same",
    "Whole",
    "Within",
    "artifact",
]

_MATCHES = Rule(
    name=MATCHES_CONTRACT,
    requirement="rows have the columns, types, bounds and keys of their contract",
    remedy="Mend the facts that make these rows; nothing of this partition was committed",
    sources="A21",
)
# Dagster then logs no materialization for the output, so that those of the good partitions can be logged one by one.
_NO_EVENT_OF_ITS_OWN = {"__source_asset_observation__": True}


@dataclass(frozen=True)
class Run:
    """What a computation may look at besides its inputs."""

    run_id: str
    connection: duckdb.DuckDBPyConnection
    grain: str
    partition_keys: tuple[str, ...]
    as_of: dt.datetime
    workspace: Workspace

    @property
    def weeks(self) -> tuple[dt.date, ...]:
        """Mondays of the asked weeks."""
        return tuple(dt.date.fromisoformat(key) for key in self.partition_keys)

    @property
    def periods(self) -> tuple[Period, ...]:
        """The asked partitions with their exact instants."""
        return tuple(period(self.grain, key) for key in self.partition_keys)

    @property
    def present(self) -> dt.datetime:
        """The installation's present as the run began; an explicit as-of instant does not move it."""
        return self.as_of if self.workspace.settings.as_of is None else self.workspace.present

    def rows(self, view: View) -> list[dict[str, Any]]:
        """Every row that an input hands in, in the order of its columns."""
        if view.if_any is None:
            return []
        return list(self.connection.execute(f"SELECT * FROM {view.if_any} ORDER BY ALL").to_arrow_table().to_pylist())

    def intake(self) -> Intake:
        """The telemetry folder, read once for the run."""
        return self.workspace.intake(self.run_id)


Compute = Callable[..., pa.Table]
Judge = Callable[[pa.Table, Any, str, pa.Table | None], list[Finding]]
JudgeGap = Callable[[Any, int], list[Finding]]
Headline = Callable[[pa.Table], tuple[str, float | str | None, str | None]]
Plots = Callable[[Callable[[str], pa.Table]], Mapping[str, str]]


@dataclass(frozen=True)
class Declaration:
    """One artifact: its contract, computation, inputs by parameter name, judges, headline and plots.

    ``judge`` gets the rows of one partition, the domain's policy, the partition key and the rows recorded before; ``judge_gap``
    the domain's policy and the days since the artifact's newest entry, when an open partition is recorded. ``in_quiet_weeks`` is for
    what holds in a week without telemetry too, such as the state of a plan: its weeks have no gaps.
    """

    contract: type[Contract]
    compute: Compute
    inputs: Mapping[str, type[View]]
    judge: Judge | None
    judge_gap: JudgeGap | None
    headline: Headline | None
    plots: Plots | None
    kinds: frozenset[str]
    in_quiet_weeks: bool = False

    @property
    def name(self) -> str:
        return self.contract.artifact

    @property
    def reads_past(self) -> bool:
        """Whether a change of an earlier partition can change a later one."""
        return any(kind.is_past for kind in self.inputs.values())

    @property
    def reads_own_past(self) -> bool:
        """Whether its partitions are made one after the other."""
        return OwnPast in self.inputs.values()

    @property
    def edges(self) -> tuple[str, ...]:
        """The inputs that are edges of the graph; the others read back in time."""
        return tuple(name for name, kind in self.inputs.items() if kind.has_edge)


@dataclass(frozen=True)
class Judged:
    """One partition, computed and judged, and what the history answered."""

    partition_key: str
    rows: pa.Table | None
    findings: tuple[Finding, ...]
    receipt: Receipt | None


DECLARATIONS: dict[str, Declaration] = {}


def artifact(
    contract: type[Contract],
    *,
    judge: Judge | None = None,
    judge_gap: JudgeGap | None = None,
    headline: Headline | None = None,
    plots: Plots | None = None,
    kinds: frozenset[str] = frozenset({"python"}),
    in_quiet_weeks: bool = False,
) -> Callable[[Compute], dg.AssetsDefinition]:
    """Declare the computation of ``contract`` as a Dagster asset; inputs are its parameters, by name and annotation."""

    def declare(compute: Compute) -> dg.AssetsDefinition:
        if compute.__name__ != contract.artifact:
            raise ValueError(f"{compute.__name__}: an artifact is named as its contract, {contract.artifact}")
        declaration = Declaration(contract, compute, _inputs(compute), judge, judge_gap, headline, plots, kinds, in_quiet_weeks)
        DECLARATIONS[declaration.name] = declaration
        return _asset(declaration.name, [declaration])

    return declare


def artifacts(
    name: str,
    contracts: Sequence[type[Contract]],
    compute_of: Callable[[str], Compute],
    *,
    judge: Judge | None = None,
    headline: Headline | None = None,
    kinds: frozenset[str] = frozenset({"python"}),
) -> dg.AssetsDefinition:
    """Declare artifacts that are made alike, by one op and in one transaction; ``compute_of`` gives the computation of each by its name."""
    declared = [
        Declaration(contract, compute := compute_of(contract.artifact), _inputs(compute), judge, None, headline, None, kinds)
        for contract in contracts
    ]
    DECLARATIONS.update({one.name: one for one in declared})
    return _asset(name, declared)


def _inputs(compute: Compute) -> dict[str, type[View]]:
    parameters = inspect.signature(compute).parameters.values()
    return {p.name: p.annotation for p in parameters if isinstance(p.annotation, type) and issubclass(p.annotation, View)}


# ---------------------------------------------------------------- compute, validate, judge, commit: no Dagster below


def materialize(
    declarations: Sequence[Declaration], workspace: Workspace, run_id: str, keys: Sequence[str], tags: Mapping[str, str]
) -> dict[str, list[Judged]]:
    """Compute, validate, judge and commit the asked partitions of artifacts of one grain in one history transaction.

    An artifact that reads its own past takes one transaction a partition: each sees what those before it became.
    """
    done: dict[str, list[Judged]] = {one.name: [] for one in declarations}
    reads_own = any(one.reads_own_past for one in declarations)
    for some in [[key] for key in sorted(keys)] if reads_own else [keys]:
        entries = [entry for one in declarations for entry in computed(one, workspace, run_id, some)]
        receipts = workspace.history.commit(entries, workspace.provenance(run_id, tags))
        for one, receipt in zip(entries, receipts, strict=True):
            done[one.contract.artifact].append(Judged(one.partition_key, one.rows, one.findings, receipt))
    return done


def check_inputs() -> None:
    """Refuse the first declaration with an input that its kind does not fit: asked once every domain is declared."""
    for declaration in DECLARATIONS.values():
        check_kinds(declaration.contract, declaration.inputs)


def rejudge(declaration: Declaration, workspace: Workspace, run_id: str, keys: Sequence[str], tags: Mapping[str, str]) -> list[Judged]:
    """Judge the recorded rows of the asked partitions under the present policy and commit the findings."""
    entries = judged_again(declaration, workspace, keys)
    workspace.history.judge([replace(one, rows=None) for one in entries], workspace.provenance(run_id, tags))
    judged = [Judged(one.partition_key, one.rows, one.findings, None) for one in entries]
    found = {one.partition_key for one in entries}
    missing = [_MATCHES.judge(key, None, why="nothing is recorded; materialise it first") for key in keys if key not in found]
    return judged + [Judged(one.subject, None, (one,), None) for one in missing]


def computed(declaration: Declaration, workspace: Workspace, run_id: str, keys: Sequence[str]) -> list[Entry]:
    """The entries that the asked partitions make, computed, validated and judged from the workspace; nothing is committed."""
    recorded = _recorded(declaration, workspace, keys)
    entries = []
    for some in rounds(declaration.inputs, declaration.contract.grain, keys):
        with _Inputs(declaration, workspace, run_id, some) as inputs:
            parts = _split(declaration, inputs.compute(), some)
            judged = [_judge(declaration, workspace, key, part, recorded.get(key)) for key, part in parts]
            entries += [_entry(declaration, workspace, one, inputs.of(one.partition_key)) for one in judged]
    return entries


def judged_again(declaration: Declaration, workspace: Workspace, keys: Sequence[str]) -> list[Entry]:
    """The recorded rows of those of the asked partitions that have some, judged under the workspace's policy; nothing is committed."""
    recorded = _recorded(declaration, workspace, keys)
    judged = [_judge(declaration, workspace, key, recorded[key], recorded[key]) for key in keys if key in recorded]
    return [_entry(declaration, workspace, one, ()) for one in judged]


def _entry(declaration: Declaration, workspace: Workspace, judged: Judged, inputs: tuple[Input, ...]) -> Entry:
    return Entry(
        contract=declaration.contract,
        partition_key=judged.partition_key,
        rows=judged.rows,
        inputs=inputs,
        findings=judged.findings,
        code_version=code_version(declaration.contract.domain()),
        is_open=workspace.is_open(declaration.contract.grain, judged.partition_key),
    )


def _recorded(declaration: Declaration, workspace: Workspace, keys: Sequence[str]) -> dict[str, pa.Table]:
    heads = workspace.history.heads(declaration.name, keys)
    if not heads:
        return {}
    rows = workspace.history.rows(declaration.contract, list(heads))
    return {key: part for key, part in _split(declaration, rows, sorted(heads)) if isinstance(part, pa.Table)}


def _split(declaration: Declaration, table: pa.Table, keys: Sequence[str]) -> list[tuple[str, pa.Table | ContractViolation]]:
    """The rows of each asked partition, in order; a table that cannot be read by its contract refuses them all."""
    try:
        rows = conform(declaration.contract, table)
    except ContractViolation as violation:
        return [(key, violation) for key in keys]
    by = declaration.contract.partition_column()
    if by is None:
        return [(WHOLE, rows)]
    rows = _sorted_by(rows, by)
    runs = pc.run_end_encode(rows[by].combine_chunks())
    bounds = pairwise([0, *runs.run_ends.to_pylist()])
    slices = {str(value): rows.slice(start, end - start) for value, (start, end) in zip(runs.values.to_pylist(), bounds, strict=True)}
    strange = sorted(slices.keys() - set(keys))
    if strange:
        problem = Problem(by, strange[0], "only partitions that were asked for", "filter the facts", count=len(strange))
        return [(key, ContractViolation(declaration.name, [problem])) for key in keys]
    return [(key, slices.get(key, rows.slice(0, 0))) for key in keys]


def _sorted_by(rows: pa.Table, by: str) -> pa.Table:
    """``rows`` in the order of one column; columns are copied side by side, which copying releases the interpreter's lock for."""
    order = pc.sort_indices(rows[by])
    with ThreadPoolExecutor() as threads:
        copied = list(threads.map(lambda column: column.combine_chunks().take(order), rows.columns))
    return pa.table(copied, schema=rows.schema)


def _judge(
    declaration: Declaration, workspace: Workspace, key: str, part: pa.Table | ContractViolation, recorded: pa.Table | None
) -> Judged:
    subject = declaration.name if key == WHOLE else f"{declaration.name} {key}"
    problems = part.problems if isinstance(part, ContractViolation) else violations(declaration.contract, part)
    if problems or isinstance(part, ContractViolation):
        why = "; ".join(str(problem) for problem in problems)
        return Judged(key, None, (_MATCHES.judge(subject, False, value=float(len(problems)), limit=0.0, why=why),), None)
    findings = [_MATCHES.judge(subject, True)]
    section: Section | None = getattr(workspace.policy, declaration.contract.domain(), None)
    if declaration.judge is not None:
        findings += declaration.judge(part, section, key, recorded)
    if declaration.judge_gap is not None and workspace.is_open(declaration.contract.grain, key):
        findings += declaration.judge_gap(section, _gap_days(declaration, workspace))
    return Judged(key, part, tuple(findings), None)


def _gap_days(declaration: Declaration, workspace: Workspace) -> int:
    """Days from the instant the newest entry was looked at from; 0 when there is none."""
    looked_from = [head.as_of.date() for head in workspace.history.heads(declaration.name).values()]
    return (workspace.as_of.date() - max(looked_from)).days if looked_from else 0


class _Inputs:
    """The inputs of one computation: views on a private connection, and which recorded things each partition used."""

    def __init__(self, declaration: Declaration, workspace: Workspace, run_id: str, keys: Sequence[str]) -> None:
        self._declaration, self._workspace, self._run_id, self._keys = declaration, workspace, run_id, tuple(keys)
        self._used: dict[str, list[Input]] = {key: [] for key in keys}

    def __enter__(self) -> "_Inputs":
        self._spill = Path(tempfile.mkdtemp(prefix="governance-"))
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        self._connection.execute(f"SET temp_directory = '{self._spill}'")
        # Landed files are named by their content: what is known of one stays true, and queries read its footer once.
        self._connection.execute("SET parquet_metadata_cache = true")
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()
        shutil.rmtree(self._spill)

    def of(self, key: str) -> tuple[Input, ...]:
        """What the partition was computed from."""
        return tuple(self._used[key])

    def compute(self) -> pa.Table:
        """Call the computation with its inputs."""
        grain = self._declaration.contract.grain
        run = Run(self._run_id, self._connection, grain, self._keys, self._workspace.as_of, self._workspace)
        arguments: dict[str, Any] = {}
        for parameter in inspect.signature(self._declaration.compute).parameters.values():
            arguments[parameter.name] = self._argument(parameter, run)
        return self._declaration.compute(**arguments)

    def _argument(self, parameter: inspect.Parameter, run: Run) -> Any:
        wanted = parameter.annotation
        if wanted is Run:
            return run
        if wanted is Policy:
            return self._workspace.policy
        if issubclass(wanted, Section):
            return next(section for _, section in self._workspace.policy if isinstance(section, wanted))
        return self._hand_in(parameter.name, wanted)

    def _hand_in(self, name: str, kind: type[View]) -> View:
        """The rows of what the asked partitions use of an input, and a note of which uses what."""
        history, grain, source = self._workspace.history, self._declaration.contract.grain, grain_of(name, kind)
        used: set[str] = set()
        for key, from_key, one in used_by(kind, source, recorded_inputs(history, name, kind), grain, self._used):
            self._used[key].append(one)
            used.add(from_key)
        if issubclass(kind, Landed):
            weeks = [dt.date.fromisoformat(week) for week in sorted(used)]
            return kind(landed_relation(self._connection, name, history.rows(name), self._workspace.settings.home, weeks), not used)
        rows = history.rows(registry()[name], sorted(used))
        self._connection.register(name, with_owner(rows, source, grain) if has_owner(kind, source, grain) else rows)
        return kind(name, rows.num_rows == 0)


# ---------------------------------------------------------------- what Dagster sees


def _asset(name: str, declarations: Sequence[Declaration]) -> dg.AssetsDefinition:
    """One op for ``declarations``, which have one grain; several are computed from one reading and committed at once."""
    grain = declarations[0].contract.grain
    partitions = PARTITIONS[grain]

    @dg.multi_asset(
        name=name,
        specs=[_spec(one) for one in declarations],
        check_specs=[check for one in declarations for check in checks.specs(one.name, partitions)],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
        required_resource_keys={"workspace"},
    )
    def op(context: dg.AssetExecutionContext) -> Iterator[Any]:
        workspace: Workspace = context.resources.workspace
        keys = [from_dagster(grain, key) for key in context.partition_keys] if partitions else [WHOLE]
        asked = [one for one in declarations if dg.AssetKey(one.name) in context.selected_asset_keys]
        checked = {key.asset_key.to_user_string() for key in context.selected_asset_check_keys}
        made = materialize(asked, workspace, context.run_id, keys, context.run.tags) if asked else {}
        for one in declarations:
            if one.name in made:
                yield from _materializations(context, one, workspace, made[one.name])
            elif one.name in checked:
                made[one.name] = rejudge(one, workspace, context.run_id, keys, context.run.tags)
            if one.name in checked:
                yield from _evaluations(context, one, made[one.name])

    return op


def _spec(declaration: Declaration) -> dg.AssetSpec:
    contract = declaration.contract
    return dg.AssetSpec(
        contract.artifact,
        deps=[dependency(name, grain_of(name, declaration.inputs[name]), contract.grain) for name in declaration.edges],
        group_name=contract.domain(),
        description=inspect.getdoc(contract),
        owners=[f"team:{contract.owner}"],
        kinds=set(declaration.kinds),
        partitions_def=PARTITIONS[contract.grain],
        metadata={"dagster/column_schema": column_schema(contract), "dagster/table_name": contract.artifact},
        tags={"governance/grain": contract.grain},
    )


def column_schema(contract: type[Contract]) -> dg.TableSchema:
    """The columns of ``contract`` as Dagster's UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=c.name,
                type=str(c.type),
                description=c.description + (f" [{c.unit}]" if c.unit else "") + (f" Null: {c.null}." if c.null else ""),
                constraints=dg.TableColumnConstraints(nullable=c.is_nullable, unique=contract.key == (c.name,)),
            )
            for c in columns(contract)
        ]
    )


def _materializations(
    context: dg.AssetExecutionContext, declaration: Declaration, workspace: Workspace, judged: Sequence[Judged]
) -> Iterator[Any]:
    committed = [one for one in judged if one.rows is not None]
    metadata = {one.partition_key: _metadata(declaration, workspace, one) for one in committed}
    if committed and declaration.plots is not None:
        latest = max(committed, key=lambda one: one.partition_key)
        plots = declaration.plots(lambda name: workspace.history.rows(DECLARATIONS[name].contract))
        metadata[latest.partition_key] |= {name: dg.MetadataValue.md(image) for name, image in plots.items()}
    if len(committed) == len(judged):
        for key, values in metadata.items():
            context.add_asset_metadata(values, asset_key=declaration.name, partition_key=event_key(declaration.contract.grain, key))
        yield dg.Output(None, declaration.name)
        return
    for key, values in metadata.items():
        context.log_event(dg.AssetMaterialization(declaration.name, partition=event_key(declaration.contract.grain, key), metadata=values))
    yield dg.Output(None, declaration.name, metadata=_NO_EVENT_OF_ITS_OWN)


def _metadata(declaration: Declaration, workspace: Workspace, one: Judged) -> dict[str, dg.MetadataValue]:
    assert one.rows is not None
    assert one.receipt is not None
    rows_key = "dagster/row_count" if one.partition_key == WHOLE else "dagster/partition_row_count"
    values = {
        rows_key: dg.MetadataValue.int(one.rows.num_rows),
        "as_of": dg.MetadataValue.text(workspace.as_of.isoformat(timespec="seconds")),
        "verdict": dg.MetadataValue.text(worst(one.findings)),
        "revision": dg.MetadataValue.int(one.receipt.revision or 0),
        "recorded": dg.MetadataValue.text(one.receipt.kind),
        "content_sha256": dg.MetadataValue.text(one.receipt.content_sha256 or ""),
        "page": dg.MetadataValue.path(str(workspace.settings.site() / f"{declaration.contract.domain()}.html")),
    }
    if declaration.contract.grain == "quarter":  # Dagster names it by its first day
        values["quarter"] = dg.MetadataValue.text(one.partition_key)
    if declaration.headline is not None:
        name, value, _ = declaration.headline(one.rows)
        if isinstance(value, float | int):
            values[name] = dg.MetadataValue.float(float(value))
        elif value is not None:
            values[name] = dg.MetadataValue.text(value)
    return values


def _evaluations(context: dg.AssetExecutionContext, declaration: Declaration, judged: Sequence[Judged]) -> Iterator[Any]:
    for check in sorted(key for key in context.selected_asset_check_keys if key.asset_key == dg.AssetKey(declaration.name)):
        for one in judged:
            partition = event_key(declaration.contract.grain, one.partition_key)
            yield checks.evaluation(declaration.name, check.name, one.findings, partition)
        yield dg.Output(None, f"{declaration.name}_{check.name}")
