"""Eighteen months of a failing history, recorded today: every finding is kept, nobody is told, nothing looks fresher."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import governance_assets.domains.health.assets  # noqa: F401  (declares operational_health)
from governance_assets import contract as contracts
from governance_assets.contract import WHOLE, Contract, field
from governance_assets.finding import Finding, Rule
from governance_assets.policy import policy_from
from governance_assets.runtime.alerts.drain import drain
from governance_assets.runtime.alerts.sweep import sweep
from governance_assets.runtime.artifact import DECLARATIONS, Run, artifact, materialize
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

WEEKS = 78
"""Eighteen months."""
NOW = dt.datetime(2025, 10, 6, 8, tzinfo=dt.UTC)
LAST_OLD = dt.date(2025, 8, 18)  # it ended 42 days ago, alerts are sent for 35
OLD = [(LAST_OLD - dt.timedelta(weeks=number)).isoformat() for number in reversed(range(WEEKS))]
LOW = Rule("value_is_low", "the value stays below its limit", "lower it")
SUBJECTS = ("red", "blue")


def judge_worn_toys(rows: pa.Table, policy: Any, partition_key: str, past: pa.Table | None) -> list[Finding]:
    """Every week of the backfill fails; those recorded in time pass."""
    return [LOW.judge(row["name"], not row["is_worn"], 9.0 if row["is_worn"] else 0.0, 5.0) for row in rows.to_pylist()]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    class WornToys(Contract, artifact="worn_toys", grain="week", key=("week", "name")):
        """A toy of one week."""

        week: dt.date = field("Monday")
        name: str = field("Name")
        is_worn: bool = field("Whether it is worn")

        @classmethod
        def domain(cls) -> str:
            return "calibration"

    @artifact(WornToys, judge=judge_worn_toys)
    def worn_toys(run: Run) -> pa.Table:
        return pa.Table.from_pylist([{"week": week, "name": name, "is_worn": week <= LAST_OLD} for week in run.weeks for name in SUBJECTS])

    policy = policy_from({"clock": {"as_of": NOW.isoformat()}, "alerts": {"reminders": []}})
    with Workspace(Settings.from_environment({"GOVERNANCE_HOME": str(tmp_path), "GOVERNANCE_TELEMETRY": str(tmp_path)}), policy) as opened:
        yield opened
    DECLARATIONS.pop("worn_toys")
    contracts._REGISTRY.pop("worn_toys")


def record(workspace: Workspace, weeks: list[str]) -> None:
    materialize([DECLARATIONS["worn_toys"]], workspace, f"run of {len(weeks)}", weeks, {})


def health_of(workspace: Workspace) -> tuple[str, list[dict[str, Any]]]:
    """What became of a further record of operational_health, and its rows."""
    (judged,) = materialize([DECLARATIONS["operational_health"]], workspace, "health", [WHOLE], {})["operational_health"]
    assert judged.receipt is not None
    assert judged.rows is not None
    return judged.receipt.kind, judged.rows.to_pylist()


def failures(workspace: Workspace) -> int:
    return sum(row["outcome"] == "fail" for row in workspace.history.findings("worn_toys", all=True).to_pylist())


@pytest.mark.parametrize(
    ("recorded", "state"),
    [(["2025-09-15", "2025-09-22"], "recorded"), (["2025-09-08"], "missing")],
    ids=["on time", "late"],
)
def test_a_backfill_of_a_failing_history_sends_nothing_and_makes_nothing_fresh(
    workspace: Workspace, recorded: list[str], state: str
) -> None:
    record(workspace, recorded)
    kind, before = health_of(workspace)
    assert kind == "revision"
    assert [row["state"] for row in before if row["artifact_name"] == "worn_toys"] == [state]
    drain(workspace, "test")
    known, told = workspace.history.alerts().num_rows, lines(workspace)
    assert (("operational_health", "worn_toys") in told) == (state == "missing")

    record(workspace, OLD)

    assert len(workspace.history.heads("worn_toys")) == WEEKS + len(recorded)
    assert failures(workspace) == WEEKS * len(SUBJECTS)
    assert health_of(workspace) == ("unchanged", before)
    assert sweep(workspace) == 0
    assert workspace.history.alerts(after=known).num_rows == 0
    assert drain(workspace, "test").sent == 0
    assert lines(workspace) == told


def lines(workspace: Workspace) -> set[tuple[str, str]]:
    """Artifact and subject of everything that the file of alerts tells."""
    file = workspace.settings.home / "alerts" / "alerts.jsonl"
    texts = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {(line["artifact"], line["subject"]) for text in texts for line in json.loads(text)["lines"]}


def test_the_same_failures_in_recent_weeks_are_sent(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the backfill is silent must not come from a path that is."""
    monkeypatch.setattr(f"{__name__}.LAST_OLD", dt.date(2025, 12, 1))
    record(workspace, ["2025-09-15", "2025-09-22"])
    assert sum(row["is_sent"] for row in workspace.history.alerts().to_pylist()) == len(SUBJECTS)
    drain(workspace, "test")
    assert lines(workspace) == {("worn_toys", name) for name in SUBJECTS}


def test_nothing_grows_when_health_is_looked_at_again_on_the_same_day(workspace: Workspace) -> None:
    record(workspace, ["2025-09-22"])
    assert [health_of(workspace)[0] for _ in range(3)] == ["revision", "unchanged", "unchanged"]
