"""What runs by itself: jobs by grain, the nightly schedule, and the sensors that follow new telemetry.

Belongs here: when a run is requested and for which partitions. Does not belong here: what a run does (``runtime/artifact.py``).
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Sequence

import dagster as dg

from governance_assets.contract import WHOLE
from governance_assets.runtime.artifact import DECLARATIONS, FIRST_WEEK, PARTITIONS, Declaration, Landed, Past, Same
from governance_assets.runtime.settings import Settings, code_version
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

INTAKE_JOB = "intake"
WEEKS_JOB = "weeks"
NIGHTLY_JOB = "nightly"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
WEEK = dt.timedelta(days=7)

_WEEKLY = dg.AssetSelection.tag("governance/grain", "week")
_WHOLE = dg.AssetSelection.tag("governance/grain", "none")


def jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """One job a grain, and the nightly one over both."""
    return [
        dg.define_asset_job(INTAKE_JOB, _WHOLE, description="Read the telemetry folder and land what is new."),
        dg.define_asset_job(WEEKS_JOB, _WEEKLY, partitions_def=PARTITIONS["week"], description="Every weekly artifact, for a range of weeks in one run."),
        dg.define_asset_job(
            NIGHTLY_JOB, _WHOLE | _WEEKLY, partitions_def=PARTITIONS["week"], description="Intake, then a further revision of the open week."
        ),
    ]


def schedules() -> list[dg.ScheduleDefinition]:
    """The nightly line of the calibration history (B20)."""

    @dg.schedule(
        job_name=NIGHTLY_JOB,
        cron_schedule="30 6 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night at 06:30 UTC: intake, then a revision of the open week.",
    )
    def nightly_open_week(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.date()
        monday = day - dt.timedelta(days=day.weekday())
        return dg.RunRequest(run_key=day.isoformat(), partition_key=monday.isoformat(), tags={ORIGIN_TAG: "schedule"})

    return [nightly_open_week]


def sensors() -> list[dg.SensorDefinition]:
    """New files start intake; weeks whose recorded inputs have changed are recomputed."""

    @dg.sensor(
        job_name=INTAKE_JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts intake when a file of the telemetry folder appears, changes or vanishes.",
    )
    def new_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        seen = _listing(Settings.from_environment())
        if seen == context.cursor:
            return dg.SkipReason("No file has changed")
        return dg.SensorResult([dg.RunRequest(run_key=seen, tags={ORIGIN_TAG: "sensor"})], cursor=seen)

    @dg.sensor(
        job_name=WEEKS_JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Recomputes exactly the weeks whose recorded inputs have changed: new files first, then what reads them.",
    )
    def changed_weeks(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        busy = context.instance.get_runs_count(dg.RunsFilter(job_name=WEEKS_JOB, statuses=_UNFINISHED))
        if busy:
            return dg.SkipReason(f"{busy} runs of weeks have not finished")
        with Workspace.from_environment() as workspace:
            wanted = next_work(workspace)
        if not wanted:
            return dg.SkipReason("Every recorded week has the inputs that are there now")
        requests = [_request(names, first, last) for names, first, last in wanted]
        digest = hashlib.sha256(json.dumps([wanted, context.cursor], default=str).encode()).hexdigest()
        return dg.SensorResult(requests, cursor=digest)

    return [new_files, changed_weeks]


_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def _request(names: Sequence[str], first: str, last: str) -> dg.RunRequest:
    return dg.RunRequest(
        asset_selection=[dg.AssetKey(name) for name in names],
        tags={RANGE_START: first, RANGE_END: last, ORIGIN_TAG: "sensor"},
    )


def _listing(settings: Settings) -> str:
    """A digest of the names, sizes and times of the files below the telemetry folder."""
    total = hashlib.sha256()
    for path in sorted(p for p in settings.telemetry.rglob("*") if p.is_file()):
        status = path.stat()
        total.update(f"{path.relative_to(settings.telemetry).as_posix()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return total.hexdigest()


# ---------------------------------------------------------------- which weeks are stale


def next_work(workspace: Workspace) -> list[tuple[list[str], str, str]]:
    """The next ranges of weeks to run: artifact names, first week, last week; empty when everything is current.

    Artifacts that read landed files come first; those that read the past of others follow once these are recorded.
    """
    for declaration in _weekly():
        weeks = stale_weeks(workspace, declaration)
        if weeks:
            return [(with_readers(declaration), first, last) for first, last in ranges(weeks)]
    return []


def with_readers(declaration: Declaration) -> list[str]:
    """The artifact and every weekly artifact that reads it, directly or through another."""
    return [d.name for d in _weekly() if d is declaration or _reads(d, declaration.name)]


def stale_weeks(workspace: Workspace, declaration: Declaration, *, judged_by: str | None = None) -> list[str]:
    """Weeks of an artifact whose newest ledger entry was not made from the inputs that are recorded now.

    With ``judged_by`` (a policy digest) a week judged by another policy, or made by other code, is stale as well.
    """
    expected = _expected_inputs(workspace, declaration)
    heads = workspace.history.heads(declaration.name)
    code = code_version(declaration.contract.domain())
    stale = []
    for week, inputs in sorted(expected.items()):
        head = heads.get(week)
        is_current = head is not None and head.inputs == inputs
        if is_current and judged_by is not None and head is not None:
            is_current = head.policy_sha256 == judged_by and head.code_version == code
        if not is_current:
            stale.append(week)
    return stale


def ranges(weeks: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Runs of consecutive Mondays as (first, last)."""
    first = last = None
    for text in sorted(weeks):
        monday = dt.date.fromisoformat(text)
        if last is not None and monday - last == WEEK:
            last = monday
            continue
        if first is not None and last is not None:
            yield first.isoformat(), last.isoformat()
        first = last = monday
    if first is not None and last is not None:
        yield first.isoformat(), last.isoformat()


def _weekly() -> list[Declaration]:
    return [d for d in DECLARATIONS.values() if d.contract.grain == "week"]


def _reads(declaration: Declaration, name: str) -> bool:
    return any(source == name or (source in DECLARATIONS and _reads(DECLARATIONS[source], name)) for source in declaration.inputs)


def _expected_inputs(workspace: Workspace, declaration: Declaration) -> dict[str, frozenset[tuple[str, str, int, str]]]:
    """For every week that telemetry touches up to the open one, the inputs a computation would use now."""
    last = (workspace.as_of.date() - dt.timedelta(days=workspace.as_of.weekday())).isoformat()
    found: dict[str, set[tuple[str, str, int, str]]] = {}
    landed = [name for name, kind in declaration.inputs.items() if issubclass(kind, Landed)]
    for feed in landed:
        if WHOLE not in workspace.history.heads(feed):
            continue
        for file in workspace.history.rows(feed).select(["origin", "landed_sha256", "weeks"]).to_pylist():
            for week in filter(None, file["weeks"].split(",")):
                if FIRST_WEEK.isoformat() <= week <= last:
                    found.setdefault(week, set()).add((feed, file["origin"], 0, file["landed_sha256"]))
    recorded = {
        name: {key: (name, key, head.revision, head.content_sha256) for key, head in workspace.history.heads(name).items()}
        for name in declaration.inputs
        if name not in landed
    }
    for heads in recorded.values():
        for week in heads:
            found.setdefault(week, set())
    for name, kind in declaration.inputs.items():
        for week, inputs in found.items() if name in recorded else ():
            if issubclass(kind, Same) and week in recorded[name]:
                inputs.add(recorded[name][week])
            if issubclass(kind, Past):
                inputs |= {head for past, head in recorded[name].items() if past <= week}
    return {week: frozenset(inputs) for week, inputs in found.items()}
