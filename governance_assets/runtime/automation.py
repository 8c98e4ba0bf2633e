"""What runs by itself: jobs by grain, the nightly schedule, and the sensors that follow new telemetry.

Belongs here: when a run is requested and for which partitions. Does not belong here: what a run does (``runtime/artifact.py``).
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from governance_assets.domains import FLOW
from governance_assets.policy import Policy
from governance_assets.runtime import calendar
from governance_assets.runtime.alerts.sensors import alert_sensors
from governance_assets.runtime.artifact import (
    DECLARATIONS,
    FIRST_WEEK,
    PARTITIONS,
    Declaration,
    Landed,
    recorded_inputs,
    used_by,
)
from governance_assets.runtime.ledger import Input, inputs_text, sha256
from governance_assets.runtime.periods import WEEK, open_week, week_of
from governance_assets.runtime.settings import Settings, code_version
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

INTAKE_JOB = "intake"
WEEKS_JOB = "weeks"
NIGHTLY_JOB = "nightly"
HEALTH_JOB = "health"
COMPACTION_JOB = "compaction"
SEAL_JOB = "seal"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

_WEEKLY = dg.AssetSelection.tag("governance/grain", "week")
# The last domain looks back at all the others; it runs after them, and when they do not run.
_LOOKS_BACK = dg.AssetSelection.groups(FLOW[-1])
_WHOLE = dg.AssetSelection.tag("governance/grain", "none") - _LOOKS_BACK


def jobs() -> list[Any]:
    """One job a grain, and the nightly one over both."""
    return [
        dg.define_asset_job(INTAKE_JOB, _WHOLE, description="Read the telemetry folder and land what is new."),
        dg.define_asset_job(
            WEEKS_JOB, _WEEKLY, partitions_def=PARTITIONS["week"], description="Every weekly artifact, for a range of weeks in one run."
        ),
        dg.define_asset_job(
            NIGHTLY_JOB,
            _WHOLE | _WEEKLY,
            partitions_def=PARTITIONS["week"],
            description="Intake, then a further revision of the open week.",
        ),
        dg.define_asset_job(HEALTH_JOB, _LOOKS_BACK, description="Whether everything that is due is recorded, and what stays open."),
        dg.define_asset_job(COMPACTION_JOB, dg.AssetSelection.assets("history_compaction"), description="Compact the history."),
        dg.define_asset_job(SEAL_JOB, dg.AssetSelection.assets("history_seal"), description="Seal the history, then verify all of it."),
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
    ]


def sensors() -> list[dg.SensorDefinition]:
    """New files start intake; weeks whose recorded inputs have changed are recomputed; alerts are found and sent."""

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
            requests = [_request(work) for work in next_work(workspace)]
        if not requests:
            return dg.SkipReason("Every recorded week has the inputs that are there now")
        return dg.SensorResult(requests)

    return [new_files, changed_weeks, *alert_sensors()]


_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def _request(work: "Work") -> dg.RunRequest:
    # The key makes one request of equal inputs: a week that was refused is not asked for again until a file changes.
    return dg.RunRequest(
        run_key=work.digest,
        asset_selection=[dg.AssetKey(name) for name in work.names],
        tags={RANGE_START: work.first, RANGE_END: work.last, ORIGIN_TAG: "sensor"},
    )


def _listing(settings: Settings) -> str:
    """A digest of the names, sizes and times of the files below the telemetry folder."""
    total = hashlib.sha256()
    for path in sorted(p for p in settings.telemetry.rglob("*") if p.is_file()):
        status = path.stat()
        total.update(f"{path.relative_to(settings.telemetry).as_posix()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return total.hexdigest()


# ---------------------------------------------------------------- which weeks are stale


@dataclass(frozen=True)
class Work:
    """A range of weeks to run for some artifacts, and a digest of the inputs that make them stale."""

    names: tuple[str, ...]
    first: str
    last: str
    digest: str


def next_work(workspace: Workspace, *, judged_by: str | None = None) -> list[Work]:
    """The next ranges of weeks to run; empty when everything is current.

    Artifacts that read landed files come first, with what reads them; when these are current, those that read the past of
    others follow for the weeks that lie later. ``judged_by`` is as for ``stale_weeks``.
    """
    roots = [declaration for declaration in weekly() if not _weekly_inputs(declaration)]
    for group in (roots, [declaration for declaration in weekly() if declaration not in roots]):
        expected = [expected_inputs(workspace, declaration) for declaration in group]
        stale = [_stale(workspace, declaration, inputs, judged_by) for declaration, inputs in zip(group, expected, strict=True)]
        weeks = sorted({week for found in stale for week in found})
        if weeks:
            names = tuple(d.name for d in weekly() if any(d is one or _reads(d, one.name) for one in group))
            return [
                Work(names, first, last, sha256("".join(one.get(week, "") for one in expected for week in weeks if first <= week <= last)))
                for first, last in ranges(weeks)
            ]
    return []


def weekly() -> list[Declaration]:
    """The weekly artifacts, in the order of their domains."""
    return [declaration for declaration in DECLARATIONS.values() if declaration.contract.grain == "week"]


def _weekly_inputs(declaration: Declaration) -> list[str]:
    return [name for name in declaration.inputs if name in DECLARATIONS and DECLARATIONS[name].contract.grain == "week"]


def stale_weeks(workspace: Workspace, declaration: Declaration, *, judged_by: str | None = None) -> list[str]:
    """Weeks of an artifact whose newest ledger entry was not made from the inputs that are recorded now.

    With ``judged_by`` (a policy digest) a week judged by another policy, or made by other code, is stale as well.
    """
    return _stale(workspace, declaration, expected_inputs(workspace, declaration), judged_by)


def _stale(workspace: Workspace, declaration: Declaration, expected: Mapping[str, str], judged_by: str | None) -> list[str]:
    heads = workspace.history.heads(declaration.name)
    code = code_version(declaration.contract.domain())
    stale = []
    for week, inputs in sorted(expected.items()):
        head = heads.get(week)
        is_current = head is not None and head.inputs_sha256 == sha256(inputs)
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


def _reads(declaration: Declaration, name: str) -> bool:
    return any(source == name or (source in DECLARATIONS and _reads(DECLARATIONS[source], name)) for source in declaration.inputs)


def expected_inputs(workspace: Workspace, declaration: Declaration) -> dict[str, str]:
    """For every week that telemetry touches up to the open one, the inputs a computation would use now, as the ledger writes them."""
    last = open_week(workspace.as_of).isoformat()
    recorded: dict[str, list[tuple[str, Input]]] = {}
    for name, kind in declaration.inputs.items():
        known = recorded_inputs(workspace.history, name, kind)
        is_landed = issubclass(kind, Landed)  # files may hold weeks that are not on the calendar
        recorded[name] = [(week, used) for week, used in known if not is_landed or FIRST_WEEK.isoformat() <= week <= last]
    found: dict[str, set[Input]] = {week: set() for inputs in recorded.values() for week, _ in inputs}
    for name, kind in declaration.inputs.items():
        for week, used in used_by(kind, recorded[name], found):
            found[week].add(used)
    return {week: inputs_text(inputs) for week, inputs in found.items()}
