"""Rows that prove or refute progress: changes of milestones, evidence files, runs of tests.

Belongs here: columns, units and what null means. Does not belong here: which moves are allowed, what evidence must hold (``milestones``).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.feeds.base import Row, cell

_MILESTONE = ("milestone", "taskid", "task_id")


class MilestoneEvents(
    Row, feed="milestone_events", folder="milestones", key=("milestone_id", "instant", "kind"), dated=("instant",), of=("to_state",)
):
    """One event of one milestone."""

    instant: dt.datetime = cell("Instant of the event, UTC", also=("at", "timestamp", "committed_at", "time"))
    milestone_id: str = cell("The plan's code of the milestone or task", also=_MILESTONE)
    kind: str = cell("What happened; task_transition is a change of state", also=("type", "event"), default="task_transition")
    from_state: str | None = cell("State before, in the source's own word", also=("from", "from_status", "data_from"), null="none")
    to_state: str | None = cell("State after, in the source's own word", also=("to", "to_status", "data_to", "status"), null="none")
    actor: str | None = cell("Role behind it", also=("owner", "author"), null="not recorded")
    reason: str | None = cell("Reason given", also=("note", "notes", "comment"), null="none", is_free=True)
    evidence: str | None = cell("Path or address of the evidence given", also=("evidence_path",), null="none")
    commit: str | None = cell("Revision it was made at", also=("git_sha", "sha"), null="not stated")


class EvidenceFiles(
    Row,
    feed="evidence_files",
    folder="evidence",
    key=("path", "version", "change", "date"),
    dated=("instant",),
    of=("sha256", "recorded_sha256", "change", "has_author"),
    place="milestone_id",
):
    """One file of evidence: as it lies there, as a list records its checksum, or as it came, changed or went.

    The date of a file found in the folder is the day its metadata states, else the day it was last changed.
    """

    instant: dt.datetime | None = cell(
        "Instant it was made, changed or removed, UTC",
        also=("at", "committed_at", "generated_on", "first_added", "timestamp"),
        null="only the day is known",
    )
    path: str = cell("Path, with forward slashes", also=("document", "file"))
    milestone_id: str | None = cell(
        "Milestone it is evidence of, by its folder", also=("milestone",), null="it lies in no milestone's folder"
    )
    version: str | None = cell("Version it belongs to, such as v_01", null="not stated")
    change: Literal["present", "added", "modified", "deleted"] = cell(
        "What the row tells: the file is there, or what happened to it",
        words={"a": "added", "m": "modified", "d": "deleted"},
        default="present",
    )
    sha256: str | None = cell("SHA-256 of its bytes, as found", also=("sha256_found",), null="its bytes were not read")
    recorded_sha256: str | None = cell(
        "SHA-256 that a list or its metadata records", also=("sha256_recorded", "checksum"), null="none is recorded"
    )
    is_match: bool | None = cell("Whether the list says that both were compared and equal", also=("verified", "match"), null="not compared")
    size: int | None = cell("Size", unit="bytes", also=("bytes", "size_bytes"), null="its bytes were not read", ge=0)
    has_metadata: bool | None = cell("Whether a metadata.json covers it", null="not looked for")
    author: str | None = cell("Author by role, as its metadata states", also=("authors",), null="not stated")
    has_author: bool | None = cell("Whether the metadata names an author", also=("author_present",), null="no metadata")
    has_date: bool | None = cell("Whether the metadata states a date", also=("date_present",), null="no metadata")
    has_inputs: bool | None = cell("Whether the metadata lists inputs", also=("inputs_present",), null="no metadata")
    has_commit: bool | None = cell("Whether the metadata names a commit", also=("commit_present",), null="no metadata")
    metadata_fields: str | None = cell("Fields that the metadata has, separated by commas", also=("fields_present",), null="no metadata")
    inputs: str | None = cell("Inputs that the metadata lists, one a line", null="none are listed", is_free=True)
    commit: str | None = cell("Commit that the metadata or list names", also=("commit_that_matches", "git_commit"), null="none is named")
    commands: str | None = cell("Commands that the metadata records, one a line", also=("validation_commands",), null="none", is_free=True)
    command_count: int | None = cell("Commands that it records", unit="commands", also=("n_validation_commands",), null="no metadata", ge=0)


class TestRuns(Row, feed="test_runs", folder="tests", key=("batch", "run_id", "instant"), dated=("instant",)):
    """One batch of tests or checks, run once."""

    __test__ = False  # no test of ours, whatever its name says

    instant: dt.datetime | None = cell(
        "Instant of the run, UTC", also=("at", "timestamp", "generated_at", "started_at"), null="only the day is known"
    )
    batch: str = cell("Name of the batch, suite or check", also=("suite", "check", "name"))
    run_id: str | None = cell("Run that several batches belong to", also=("run",), null="a run of its own")
    position: int | None = cell("Place of the batch in its run, from 1", null="not stated", ge=1)
    status: Literal["pass", "fail", "error", "skipped"] = cell(
        "How it ended",
        also=("outcome", "result", "conclusion"),
        words={
            "passed": "pass",
            "success": "pass",
            "ok": "pass",
            "true": "pass",
            "failed": "fail",
            "failure": "fail",
            "false": "fail",
            "skip": "skipped",
        },
    )
    exit_code: int | None = cell("Exit code of the command", also=("code", "returncode"), null="not a command, or not recorded")
    cases: int | None = cell("Cases", also=("tests", "total"), unit="cases", null="not counted", ge=0)
    passed: int | None = cell("Cases that passed", also=("tests_passed",), unit="cases", null="not counted", ge=0)
    failed: int | None = cell("Cases that failed", also=("failures", "tests_failed"), unit="cases", null="not counted", ge=0)
    errors: int | None = cell("Cases that broke", unit="cases", null="not counted", ge=0)
    skipped: int | None = cell("Cases that were skipped", unit="cases", null="not counted", ge=0)
    first_failure: str | None = cell("First case that failed or broke, with its message", also=("first_failed",), null="none", is_free=True)
    duration: float | None = cell(
        "Time it took", unit="seconds", also=("duration_seconds", "time"), scaled={"duration_ms": 0.001}, null="not measured", ge=0
    )
    command: str | None = cell("Command that was run", null="not recorded", is_free=True)
    profile: str | None = cell("Profile it ran under, such as low, medium or high", null="none")
    commit: str | None = cell("Revision that was tested", also=("git_sha", "sha"), null="not recorded")
