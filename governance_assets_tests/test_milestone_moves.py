"""Changes of milestones and vanished evidence."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

from governance_assets.domains.milestones.facts import Vanished, move_of, vanished

EVENTS = Path(__file__).resolve().parents[2] / "shared/data/milestones/evidence_events.csv"
WORDS = {"A": "added", "M": "modified", "D": "deleted"}


@pytest.mark.parametrize(
    ("before", "after", "move"),
    [
        (None, "Planned", "start"),
        (None, "In Progress", "skip"),
        ("Planned", "Planned", "no_op"),
        ("Planned", "In Progress", "step"),
        ("Planned", "Under Review", "skip"),
        ("In Progress", "Planned", "back"),
        ("In Progress", "Under Review", "step"),
        ("In Progress", "Accepted", "skip"),
        ("Under Review", "In Progress", "rework"),
        ("Under Review", "Planned", "back"),
        ("Under Review", "Accepted", "step"),
        ("Accepted", "Accepted", "no_op"),
        ("Accepted", "Under Review", "left_accepted"),
        ("Accepted", "Planned", "left_accepted"),
        ("done", "done", "no_op"),
        ("done", "Planned", "unknown_state"),
        ("Planned", "done", "unknown_state"),
        (None, None, "unknown_state"),
    ],
)
def test_move_of(before: str | None, after: str | None, move: str) -> None:
    assert move_of(before, after) == move


def test_vanished_counts_from_the_first_addition_and_forgets_what_came_back() -> None:
    at = [dt.datetime(2025, 1, 1, hour, tzinfo=dt.UTC) for hour in range(4)]
    events = [(at[0], "added", "a"), (at[1], "modified", "a"), (at[3], "deleted", "a")]
    events += [(at[0], "added", "b"), (at[1], "deleted", "b"), (at[2], "added", "b"), (at[1], "added", "c"), (at[1], "deleted", "d")]
    assert vanished(events) == [Vanished("a", at[0], at[3], 3.0)]


@pytest.mark.skipif(not EVENTS.exists(), reason="the recorded evidence is not here")
def test_the_seven_recorded_files_vanished() -> None:
    rows = list(csv.DictReader(EVENTS.open(encoding="utf-8")))
    gone = vanished((dt.datetime.fromisoformat(row["committed_at"]), WORDS[row["change"]], row["path"]) for row in rows)
    assert len(gone) == 7
    assert gone[0].hours == pytest.approx(17.33, abs=0.005)
