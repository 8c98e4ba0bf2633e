"""One ``governance run``: intake, weeks, half-months, quarters, then health, in one process under one tag; then site and summary.

Belongs here: which partitions a command line asks for, running the jobs grain by grain, printing what came out.
Does not belong here: what a run computes (``runtime/artifact.py``) or how the site looks (``pages/``).
"""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import dagster as dg

from governance_assets.pages.model import ArtifactState
from governance_assets.pages.site import DOCUMENTS
from governance_assets.pages.wording import VERDICTS, count, figure, instant
from governance_assets.runtime import clock
from governance_assets.runtime.alerts.sweep import sweep
from governance_assets.runtime.artifact import DECLARATIONS
from governance_assets.runtime.automation import (
    HEALTH_JOB,
    INTAKE_JOB,
    JOBS,
    Work,
    grains,
    next_work,
    of_grain,
    range_tags,
    ranges,
    stale,
)
from governance_assets.runtime.fetching import fetch_assets, fetch_jobs, job_name
from governance_assets.runtime.instance import opened
from governance_assets.runtime.overview import site
from governance_assets.runtime.partitions import FIRST
from governance_assets.runtime.periods import (
    GRAIN_WORDS,
    PERIODIC,
    last_closed_quarter,
    overlapping,
    owner,
    period_of,
    periods_between,
    quarter_end,
    quarter_start,
    week_of,
    weeks_of_quarter,
)
from governance_assets.runtime.processes import process_tags
from governance_assets.runtime.proof.installation import seal_installation
from governance_assets.runtime.proof.seals import SealRefused
from governance_assets.runtime.settings import SettingsError
from governance_assets.runtime.site import write_documents, write_site
from governance_assets.runtime.sources.live.records import OK, fetches
from governance_assets.runtime.terminal import console
from governance_assets.runtime.workspace import COMMAND_TAG, ORIGIN_TAG, Workspace

BATCH_TAG = "governance/batch"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """The partitions of each grain, and the artifacts, that a command line names; None where it names none."""

    periods: Mapping[str, tuple[str, ...]] | None = None
    names: tuple[str, ...] | None = None

    @classmethod
    def parse(
        cls,
        *,
        week: str | None = None,
        quarter: str | None = None,
        first: str | None = None,
        last: str | None = None,
        select: str | None = None,
        as_of: dt.datetime | None = None,
    ) -> "Asked":
        """From the options of ``governance run``; the quarter ``latest`` is the newest one that is closed at ``as_of``.

        Raises SettingsError naming the option that is wrong.
        """
        if quarter == "latest" and as_of is not None:
            quarter = last_closed_quarter(as_of)
        if sum(option is not None for option in (week, quarter, first or last)) > 1:
            raise SettingsError("--week, --quarter and --from/--to exclude each other; name one of them")
        names = tuple(part.strip() for part in select.split(",")) if select else None
        if quarter is not None:
            try:
                return cls(_of_quarter(quarter), names)
            except ValueError as error:
                raise SettingsError(f"--quarter: {error}") from None
        if week is not None:
            return cls(_of_weeks(*[_monday(week, "--week")] * 2), names)
        if first or last:
            if not (first and last):
                raise SettingsError("--from and --to go together; name both")
            start, end = _monday(first, "--from"), _monday(last, "--to")
            if end < start:
                raise SettingsError(f"--to: {last} lies before --from {first}; swap them")
            return cls(_of_weeks(start, end), names)
        return cls(None, names)


def _of_quarter(quarter: str) -> dict[str, tuple[str, ...]]:
    """The quarter and what belongs to it: its weeks by their Thursdays, its half-months, itself."""
    edges = (period_of("half_month", day) for day in (quarter_start(quarter), quarter_end(quarter)))
    halves = (key for key in periods_between("half_month", *edges) if owner("half_month", key, "quarter") == quarter)
    return {"week": tuple(map(str, weeks_of_quarter(quarter))), "half_month": tuple(halves), "quarter": (quarter,)}


def _of_weeks(first: dt.date, last: dt.date) -> dict[str, tuple[str, ...]]:
    """The weeks from ``first`` to ``last``, and every half-month and quarter that has a day of them."""
    weeks = tuple(periods_between("week", first.isoformat(), last.isoformat()))
    return {grain: tuple(sorted({key for week in weeks for key in overlapping(week, grain)})) for grain in PERIODIC}


@dataclass
class Done:
    """What a run did: whether Dagster's runs succeeded, and seconds by phase."""

    is_success: bool = True
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str, say: Say) -> Iterator[None]:
        """Time a phase and say how long it took."""
        start = clock.stopwatch()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + clock.stopwatch() - start
        say(f"{name}: {self.seconds[name]:.1f} s")


def run(workspace: Workspace, definitions: dg.Definitions, asked: Asked, command: str, say: Say) -> Done:
    """Execute intake, the asked or stale periods, and health whatever became of these; the history says what came out."""
    unknown = sorted(set(asked.names or ()) - DECLARATIONS.keys())
    if unknown:
        raise SettingsError(f"--select: no artifact is named {', '.join(unknown)}; known are {', '.join(DECLARATIONS)}")
    done = Done()
    tags = {BATCH_TAG: uuid.uuid4().hex, COMMAND_TAG: command, ORIGIN_TAG: "cli", **process_tags()}
    with opened(workspace.settings) as instance:
        batch = _Batch(workspace, definitions, instance, tags, done, say)
        with done.phase("intake", say):
            batch.execute(INTAKE_JOB, None, {})
        if done.is_success:
            batch.periods(asked)
        with done.phase("health", say):
            sweep(workspace)  # where no daemon lives nobody else has taken the steps that are due
            batch.execute(HEALTH_JOB, None, {})
    return done


def fetch(workspace: Workspace, kinds: Sequence[str], command: str, say: Say) -> bool:
    """Fetch these kinds of live sources, one Dagster run a kind; whether every source has everything up to now."""
    done = Done()
    tags = {BATCH_TAG: uuid.uuid4().hex, COMMAND_TAG: command, ORIGIN_TAG: "cli", **process_tags()}
    definitions = dg.Definitions(
        assets=fetch_assets(),
        jobs=fetch_jobs(),
        resources={"workspace": dg.ResourceDefinition.hardcoded_resource(workspace)},
        executor=dg.in_process_executor,
    )
    with opened(workspace.settings) as instance:
        batch = _Batch(workspace, definitions, instance, tags, done, say)
        for kind in kinds:
            batch.execute(job_name(kind), None, {})
    rows = [row for row in fetches(workspace.settings.home, workspace.policy.sources, clock.now()) if row["source"] in kinds]
    for row in rows:
        told = f"{count(row['pages'], 'page')}, {count(row['records'], 'record')}, {count(row['files'], 'new file')}"
        say(f"{row['source']} {row['stream']}: {row['state']}, {told}" + (f"; {row['reason']}" if row["reason"] else ""))
    return done.is_success and all(row["state"] == OK for row in rows)


def seal_run(workspace: Workspace, done: Done, say: Say) -> None:
    """Seal what the run recorded and say the head; a store that contradicts its anchors fails the run."""
    try:
        sealed = seal_installation(workspace, "cli")
    except SealRefused as error:
        done.is_success = False
        say(f"failed: seal: {error}")
        return
    say(f"seal {sealed.seal}, head {sealed.head_sha256}" if sealed else "seal: nothing new")


@dataclass(frozen=True)
class _Batch:
    workspace: Workspace
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    tags: dict[str, str]
    done: Done
    say: Say

    def execute(self, job: str, names: Sequence[str] | None, tags: dict[str, str]) -> None:
        """One Dagster run in this process."""
        definition = self.definitions.resolve_job_def(job)
        result = definition.execute_in_process(
            instance=self.instance,
            tags={**self.tags, **tags},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            asset_selection=[dg.AssetKey(name) for name in names] if names is not None else None,
            raise_on_error=False,
        )
        if not result.success:
            self.done.is_success = False
            for event in result.get_step_failure_events():
                self.say(f"failed: {event.step_key}: {event.step_failure_data.error_display_string}")

    def periods(self, asked: Asked) -> None:
        """Every artifact with periods, grain by grain: the asked periods, else those that are stale."""
        if asked.periods is None and asked.names is None:
            # What reads back in time can make a finer grain stale once more: its phase then comes again.
            for grain, work in groupby(self._stale(), lambda one: one.grain):
                with self.done.phase(JOBS[grain], self.say):
                    for one in work:
                        self._range(grain, one.names, one.first, one.last)
            return
        for grain in grains():
            if self.done.is_success and any(asked.names is None or one.name in asked.names for one in of_grain(grain)):
                with self.done.phase(JOBS[grain], self.say):
                    self._asked(grain, asked)

    def _asked(self, grain: str, asked: Asked) -> None:
        chosen = [one for one in of_grain(grain) if asked.names is None or one.name in asked.names]
        names = [one.name for one in chosen]
        if asked.periods is None:
            self._ranges(grain, names, stale(self.workspace, *chosen, judged_by=self.workspace.policy_sha256))
            return
        last = period_of(grain, self.workspace.as_of)
        wanted = [key for key in asked.periods[grain] if FIRST[grain] <= key <= last]
        if wanted:
            # What reads the past needs the past: earlier periods of it that were never recorded come along.
            read = {name for one in chosen for name, kind in one.inputs.items() if kind.is_past}
            for one in chosen:
                if one.name in read:
                    recorded = self.workspace.history.heads(one.name)
                    earlier = [key for key in stale(self.workspace, one) if key < wanted[0] and key not in recorded]
                    self._ranges(grain, [one.name], earlier)
        self._ranges(grain, names, wanted)

    def _stale(self) -> Iterator[Work]:
        """Ranges that are stale, one after the other; each is looked for when those before it have run."""
        tried: set[str] = set()
        while work := next_work(self.workspace, judged_by=self.workspace.policy_sha256, tried=tried):
            for one in work:
                yield one
                tried.add(one.digest)  # a refused period stays stale, and would be tried for ever
                if not self.done.is_success:
                    return

    def _ranges(self, grain: str, names: Sequence[str], wanted: Collection[str]) -> None:
        for first, last in ranges(grain, wanted):
            self._range(grain, names, first, last)

    def _range(self, grain: str, names: Sequence[str], first: str, last: str) -> None:
        if self.done.is_success:
            self.execute(JOBS[grain], names, range_tags(grain, first, last))


def _monday(text: str, option: str) -> dt.date:
    try:
        return week_of(dt.date.fromisoformat(text))
    except ValueError:
        raise SettingsError(f"{option}: found {text!r}, expected an ISO date; write it as 2025-11-03") from None


def write_report(workspace: Workspace, shown: tuple[ArtifactState, ...]) -> Path:
    """Write the site with the states ``shown`` on its front page; returns the path of that."""
    pages, documents = site(workspace, shown)
    write_documents(workspace.settings.site() / DOCUMENTS, documents)
    return write_site(workspace.settings.site(), pages)


def print_summary(workspace: Workspace, shown: tuple[ArtifactState, ...]) -> bool:
    """Print one line an artifact, then what failed, then what was refused. True when a check failed."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    out.print(f"as of {instant(workspace.as_of)}; latest closed quarter {last_closed_quarter(workspace.as_of)}", style="bold")
    summary = Table("artifact", "partition", "recorded", "rows", "verdict", "headline figure", box=None, pad_edge=False)
    for state in shown:
        verdict = VERDICTS[state.verdict]
        partitions = "" if state.grain == "none" else count(state.partitions, GRAIN_WORDS[state.grain])
        cells = (state.artifact, state.partition_key or "–", partitions, figure(state.rows), verdict.word, state.headline)
        summary.add_row(*(Text(cell) for cell in cells))
    out.print(summary)
    failed = [(state, finding) for state in shown for finding in state.findings if finding.is_failure]
    out.print(f"\n{count(len(failed), 'finding')} failed" + (":" if failed else ""), style="bold")
    for state, finding in failed[:_FAILURES_SHOWN]:
        out.print(Text(f"  {finding.severity}  {state.artifact} {state.partition_key}  {finding.rule}: {finding.message}"), soft_wrap=True)
        out.print(Text(f"         → {finding.remedy}"))
    if len(failed) > _FAILURES_SHOWN:
        out.print(f"  … and {len(failed) - _FAILURES_SHOWN} more on the site")
    return bool(failed)


_FAILURES_SHOWN = 12
