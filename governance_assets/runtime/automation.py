"""What runs by itself: jobs by grain, the nightly schedule, and the sensors that follow new telemetry.

Belongs here: when a run is requested and for which partitions. Does not belong here: what a run does (``runtime/artifact.py``).
"""

import functools
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from governance_assets.domains import FLOW
from governance_assets.policy import Policy
from governance_assets.runtime import calendar
from governance_assets.runtime.alerts.sensors import alert_sensors
from governance_assets.runtime.artifact import DECLARATIONS, Declaration
from governance_assets.runtime.fetching import fetch_jobs, fetch_schedules, records_of_fetches
from governance_assets.runtime.history import Head, History
from governance_assets.runtime.inputs import Landed, View, grain_of, head_inputs, recorded_inputs, used_by
from governance_assets.runtime.ledger import Input, inputs_text, sha256
from governance_assets.runtime.partitions import FIRST, PARTITIONS, to_dagster
from governance_assets.runtime.periods import (
    GRAIN_WORDS,
    PERIODIC,
    last_closed,
    last_closed_week,
    next_period,
    period_of,
    periods_between,
    week_of,
)
from governance_assets.runtime.settings import Settings, code_version
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

INTAKE_JOB = "intake"
JOBS = {"week": "weeks", "half_month": "half_months", "quarter": "quarters"}
"""The job of each grain that has periods, in the order in which they run."""
NIGHTLY_JOB = "nightly"
HEALTH_JOB = "health"
COMPACTION_JOB = "compaction"
SEAL_JOB = "seal"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

_OF_GRAIN = {grain: dg.AssetSelection.tag("governance/grain", grain) for grain in PERIODIC}
# The last domain looks back at all the others; it runs after them, and when they do not run.
_LOOKS_BACK = dg.AssetSelection.groups(FLOW[-1])
_WHOLE = dg.AssetSelection.tag("governance/grain", "none") - _LOOKS_BACK


def jobs() -> list[Any]:
    """One job a grain, the nightly one over intake and the open week, and those that look back."""
    return [
        dg.define_asset_job(INTAKE_JOB, _WHOLE, description="Read the telemetry folder and land what is new."),
        *(_job(grain) for grain in grains()),
        dg.define_asset_job(
            NIGHTLY_JOB,
            _WHOLE | _OF_GRAIN["week"],
            partitions_def=PARTITIONS["week"],
            description="Intake, then a further revision of the open week.",
        ),
        dg.define_asset_job(HEALTH_JOB, _LOOKS_BACK, description="Whether everything that is due is recorded, and what stays open."),
        dg.define_asset_job(COMPACTION_JOB, dg.AssetSelection.assets("history_compaction"), description="Compact the history."),
        dg.define_asset_job(SEAL_JOB, dg.AssetSelection.assets("history_seal"), description="Seal the history, then verify all of it."),
        *fetch_jobs(),
    ]


@functools.cache  # the job that a sensor names must be the one that is defined
def _job(grain: str) -> Any:
    word = GRAIN_WORDS[grain]
    description = f"Every artifact of the grain {word}, for a range of {word}s in one run."
    return dg.define_asset_job(JOBS[grain], _OF_GRAIN[grain], partitions_def=PARTITIONS[grain], description=description)


def grains() -> list[str]:
    """The grains with periods that some artifact has, from fine to coarse."""
    return [grain for grain in PERIODIC if of_grain(grain)]


_REVIEWS = {
    "issue_review": "half_month",
    **dict.fromkeys(("telemetry_sweep", "post_review_check", "quarter_close", "assessment"), "quarter"),
}
"""What the calendar holds on a day about a period: its id there, and the grain of the artifacts that run.

One line here gives a further meeting its schedule; where the calendar says no window that it ``covers``, it is about the period of its day.
"""


def review_schedules() -> list[dg.ScheduleDefinition]:
    """The schedules of all reviews whose grain some artifact has."""
    known = {one.id: one for one in calendar.schedules(Policy().calendar)}
    return [_on_calendar(known[id], grain) for id, grain in _REVIEWS.items() if of_grain(grain)]


def _on_calendar(entry: calendar.Schedule, grain: str) -> dg.ScheduleDefinition:
    """A schedule that runs the job of a grain when ``entry`` is due, for the period in which the window it covers begins."""
    word = GRAIN_WORDS[grain]

    @dg.schedule(
        name=entry.id,
        job_name=JOBS[grain],
        cron_schedule=entry.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{entry.name}, {entry.time} UTC: the {word} that it covers.",
    )
    def due(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.date()
        if not entry.is_due(day):
            return dg.SkipReason(f"{entry.name} is not due on {day}")
        covered = entry.covers(day)[0] if entry.covers else day
        key = period_of(grain, covered)
        return dg.RunRequest(run_key=f"{entry.id}/{day}", partition_key=to_dagster(grain, key), tags={ORIGIN_TAG: "schedule"})

    return due


def _of_domain(name: str, domain: str, cron: str, description: str, *, is_closed: bool) -> dg.ScheduleDefinition:
    """A schedule that records the weekly artifacts of one domain: for the week that has closed, else for the open one."""

    @dg.schedule(
        name=name,
        job_name=JOBS["week"],
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def due(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        instant = context.scheduled_execution_time
        week = (last_closed_week(instant) if is_closed else week_of(instant.date())).isoformat()
        chosen = [dg.AssetKey(one.name) for one in of_grain("week") if one.contract.domain() == domain]
        # A run of one named domain takes what is recorded of the others as it is.
        return dg.RunRequest(run_key=f"{name}/{instant.date()}", partition_key=week, asset_selection=chosen, tags={ORIGIN_TAG: "schedule"})

    return due


def domain_schedules() -> list[dg.ScheduleDefinition]:
    """The nightly backtest (A34), the weekly retraining (C81) and the monthly rerun of critics (A40)."""
    known = {one.id: one for one in calendar.schedules(Policy().calendar)}
    rerun, nightly = known["interim_critics"], known["mmm_backtest"]
    retrain = "Every Monday at 04:00 UTC: every engine retrained on the week that has closed, and registered as challenger."
    return [
        _of_domain("nightly_backtest", "mmm", nightly.cron, f"{nightly.name}, {nightly.time} UTC: the open week.", is_closed=False),
        _of_domain("weekly_retraining", "registry", "0 4 * * 1", retrain, is_closed=True),
        _of_domain(rerun.id, "critics", rerun.cron, f"{rerun.name}, {rerun.time} UTC: the open week.", is_closed=False),
    ]


def schedules() -> list[dg.ScheduleDefinition]:
    """The nightly line of the calibration history (B20), the hourly look at health, and the nightly compaction."""
    append = next(one for one in calendar.schedules(Policy().calendar) if one.id == "calibration_append")

    @dg.schedule(
        job_name=NIGHTLY_JOB,
        cron_schedule=append.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Every night at {append.time} UTC: intake, then a revision of the open week.",
    )
    def nightly_open_week(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.date()
        return dg.RunRequest(run_key=day.isoformat(), partition_key=week_of(day).isoformat(), tags={ORIGIN_TAG: "schedule"})

    return [
        nightly_open_week,
        *review_schedules(),
        *domain_schedules(),
        dg.ScheduleDefinition(
            name="hourly_health",
            job_name=HEALTH_JOB,
            cron_schedule="5 * * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            tags={ORIGIN_TAG: "schedule"},
            description="Five minutes past every hour: what is due and not recorded, and what stays open.",
        ),
        dg.ScheduleDefinition(
            name="nightly_compaction",
            job_name=COMPACTION_JOB,
            cron_schedule="0 3 * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Every night at 03:00 UTC: gather the history's small pieces into larger files.",
        ),
        dg.ScheduleDefinition(
            name="hourly_seal",
            job_name=SEAL_JOB,
            cron_schedule="35 * * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            tags={ORIGIN_TAG: "schedule"},
            description="Every hour: seal and anchor what was recorded, then recompute the history from its files.",
        ),
        *fetch_schedules(),
    ]


def sensors() -> list[dg.SensorDefinition]:
    """New files start intake; periods whose recorded inputs have changed are recomputed; alerts are found and sent."""

    @dg.sensor(
        job_name=INTAKE_JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts intake when a file of the telemetry folder appears, changes or vanishes, and when a source was fetched.",
    )
    def new_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        seen = _listing(Settings.from_environment())
        if seen == context.cursor:
            return dg.SkipReason("No file has changed")
        return dg.SensorResult([dg.RunRequest(run_key=seen, tags={ORIGIN_TAG: "sensor"})], cursor=seen)

    @dg.sensor(
        jobs=[_job(grain) for grain in grains()],
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Recomputes exactly the weeks, half-months and quarters whose recorded inputs have changed, the finer ones first.",
    )
    def changed_periods(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        for grain in grains():
            if busy := context.instance.get_runs_count(dg.RunsFilter(job_name=JOBS[grain], statuses=_UNFINISHED)):
                return dg.SkipReason(f"{busy} runs of {GRAIN_WORDS[grain]}s have not finished")
        with Workspace.from_environment() as workspace:
            requests = [_request(work) for work in next_work(workspace)]
        if not requests:
            return dg.SkipReason("Every recorded period has the inputs that are there now")
        return dg.SensorResult(requests)

    return [new_files, changed_periods, *alert_sensors()]


_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def _request(work: "Work") -> dg.RunRequest:
    # The key makes one request of equal inputs: a period that was refused is not asked for again until a file changes.
    return dg.RunRequest(
        run_key=work.digest,
        job_name=JOBS[work.grain],
        asset_selection=[dg.AssetKey(name) for name in work.names],
        tags={**range_tags(work.grain, work.first, work.last), ORIGIN_TAG: "sensor"},
    )


def range_tags(grain: str, first: str, last: str) -> dict[str, str]:
    """The tags that make a run one over a range of partitions, both ends included."""
    return {RANGE_START: to_dagster(grain, first), RANGE_END: to_dagster(grain, last)}


def _listing(settings: Settings) -> str:
    """A digest of the names, sizes and times of the files below the telemetry folder, and of the records of fetches."""
    total = hashlib.sha256()
    for name, size in records_of_fetches(settings):
        total.update(f"{name}\0{size}\n".encode())
    for path in sorted(p for p in settings.telemetry.rglob("*") if p.is_file()):
        status = path.stat()
        total.update(f"{path.relative_to(settings.telemetry).as_posix()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return total.hexdigest()


# ---------------------------------------------------------------- what is stale


@dataclass(frozen=True)
class Work:
    """A range of periods to run for some artifacts of one grain, and a digest of the inputs that make them stale."""

    grain: str
    names: tuple[str, ...]
    first: str
    last: str
    digest: str


def next_work(workspace: Workspace, *, judged_by: str | None = None, tried: Collection[str] = ()) -> list[Work]:
    """The next ranges of periods to run, of the finest grain that has some; empty when everything is current.

    Within a grain, artifacts that read none of their own grain come first, with what reads them; when these are current, those
    that read the past of others follow for the periods that lie later. ``judged_by`` is as for ``stale``; work with a digest
    that is among ``tried`` is left out.
    """
    known = _Known(workspace.history)
    for grain in PERIODIC:
        declared = of_grain(grain)
        roots = [declaration for declaration in declared if not _peers(declaration)]
        for group in (roots, [declaration for declaration in declared if declaration not in roots]):
            if work := [one for one in _work(workspace, known, grain, group, judged_by) if one.digest not in tried]:
                return work
    return []


class _Known:
    """What is recorded, read once for all that is asked about one state of the history."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._heads = history.heads_by_artifact()
        self._landed: dict[str, list[tuple[str, Input]]] = {}

    def heads(self, artifact: str) -> Mapping[str, Head]:
        """The newest revision of each partition of an artifact."""
        return self._heads.get(artifact, {})

    def inputs(self, name: str, kind: type[View]) -> list[tuple[str, Input]]:
        """Everything recorded that an input of this name and kind can hand in, each with its partition."""
        if not issubclass(kind, Landed):
            return head_inputs(self.heads(name), name)
        if name not in self._landed:
            self._landed[name] = recorded_inputs(self._history, name, kind)
        return self._landed[name]


def _work(workspace: Workspace, known: _Known, grain: str, group: Sequence[Declaration], judged_by: str | None) -> list[Work]:
    expected = [_expected(workspace, known, declaration) for declaration in group]
    found = {
        key for one, inputs in zip(group, expected, strict=True) for key in _stale(workspace, known.heads(one.name), one, inputs, judged_by)
    }
    closed = {key for key in found if not workspace.is_open(grain, key)}
    return [
        Work(
            grain,
            _names(grain, group, expected, first, last),
            first,
            last,
            # Equal inputs are other work for another period, and once it has closed: the sensor asks for no work twice.
            sha256("".join(f"{key} {key in closed} {one.get(key)}" for one in expected for key in sorted(found) if first <= key <= last)),
        )
        for first, last in ranges(grain, found)
    ]


def _names(grain: str, group: Sequence[Declaration], expected: Sequence[Mapping[str, str]], first: str, last: str) -> tuple[str, ...]:
    """The artifacts to run for a range: those of ``group`` that something in it touches, and what reads them.

    The others would record partitions without a row that nobody expects of them.
    """
    touched = [one for one, inputs in zip(group, expected, strict=True) if any(first <= key <= last for key in inputs)]
    return tuple(each.name for each in of_grain(grain) if any(each is one or _reads(each, one.name) for one in touched))


def of_grain(grain: str) -> list[Declaration]:
    """The artifacts of one grain, in the order of their domains."""
    return [declaration for declaration in DECLARATIONS.values() if declaration.contract.grain == grain]


def _peers(declaration: Declaration) -> list[str]:
    """The artifacts of its own grain that it reads."""
    return [name for name in declaration.edges if name in DECLARATIONS and DECLARATIONS[name].contract.grain == declaration.contract.grain]


def stale(workspace: Workspace, *declarations: Declaration, judged_by: str | None = None) -> list[str]:
    """Partitions, in order, of which one of the artifacts' newest ledger entry was not made from the inputs that are recorded now, or
    before they closed.

    With ``judged_by`` (a policy digest) one that was judged by another policy, or made by other code, is stale as well.
    """
    known = _Known(workspace.history)
    found = (_stale(workspace, known.heads(one.name), one, _expected(workspace, known, one), judged_by) for one in declarations)
    return sorted({key for keys in found for key in keys})


def _stale(
    workspace: Workspace, heads: Mapping[str, Head], declaration: Declaration, expected: Mapping[str, str], judged_by: str | None
) -> list[str]:
    code = code_version(declaration.contract.domain())
    found = []
    for key, inputs in sorted(expected.items()):
        head = heads.get(key)
        is_current = head is not None and head.inputs_sha256 == sha256(inputs) and not _has_closed(workspace, declaration, head)
        if is_current and judged_by is not None and head is not None:
            is_current = head.policy_sha256 == judged_by and head.code_version == code
        if not is_current:
            found.append(key)
    return found


def _has_closed(workspace: Workspace, declaration: Declaration, head: Head) -> bool:
    """Whether a period has ended since it was recorded: what was looked at while it went on is looked at once more at its end."""
    return head.is_open and not workspace.is_open(declaration.contract.grain, head.partition_key)


def ranges(grain: str, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Runs of consecutive partitions as (first, last)."""
    first = last = None
    for key in sorted(keys):
        if last is not None and key != next_period(grain, last):
            yield str(first), last
            first = None
        first, last = first or key, key
    if last is not None:
        yield str(first), last


def _reads(declaration: Declaration, name: str) -> bool:
    return any(source == name or (source in DECLARATIONS and _reads(DECLARATIONS[source], name)) for source in declaration.edges)


def _expected(workspace: Workspace, known: _Known, declaration: Declaration) -> dict[str, str]:
    """For every partition that there ought to be, the inputs a computation would use now, as the ledger writes them."""
    grain = declaration.contract.grain
    recorded = {name: known.inputs(name, kind) for name, kind in declaration.inputs.items()}
    found: dict[str, set[Input]] = {key: set() for key in _periods(workspace, known, declaration, recorded)}
    for name, kind in declaration.inputs.items():
        for key, _, used in used_by(kind, grain_of(name, kind), recorded[name], grain, found):
            found[key].add(used)
    return {key: inputs_text(inputs) for key, inputs in found.items()}


def _periods(
    workspace: Workspace, known: _Known, declaration: Declaration, recorded: Mapping[str, Sequence[tuple[str, Input]]]
) -> Iterable[str]:
    """The partitions that there ought to be, up to the open one.

    Of an artifact of weeks these are the weeks that its inputs touch, unless it is declared for quiet weeks too. A half-month or
    quarter in which nothing happened is one nevertheless, from the first that is touched on. Where no input says when (``Whole``,
    ``OwnPast``, ``Earlier``), they go from the first recorded one, or the newest closed one, on.
    """
    grain = declaration.contract.grain
    first, last = FIRST[grain], period_of(grain, workspace.as_of)
    telling = {name: kind for name, kind in declaration.inputs.items() if kind.has_periods}
    if not telling:
        begin = min([*known.heads(declaration.name), last_closed(grain, workspace.as_of)])
        return periods_between(grain, begin, last)
    touched = {
        key for name, kind in telling.items() for source, _ in recorded[name] for key in kind.touches(grain_of(name, kind), source, grain)
    }
    possible = sorted(key for key in touched if first <= key <= last)  # files may hold weeks that are not on the calendar
    has_gaps = grain == "week" and not declaration.in_quiet_weeks
    return possible if has_gaps or not possible else periods_between(grain, possible[0], last)
