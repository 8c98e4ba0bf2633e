"""The campaign against the drain in a short form; ``make drain-kills`` runs it at full length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from governance_assets.runtime.alerts.transitions import NewAlert
from governance_assets.runtime.history import History
from governance_assets_tests.campaigns import drain_kills, workload
from governance_assets_tests.campaigns.drain_kills import EACH, STANDARD, Outcome, Scenario


@pytest.mark.parametrize(("scenario", "evaluations", "kills"), [(EACH, 400, 7), (STANDARD, 100, 3)], ids=["each", "standard"])
def test_a_drainer_that_is_killed_again_and_again_loses_nothing(tmp_path: Path, scenario: Scenario, evaluations: int, kills: int):
    outcome = drain_kills.campaign(tmp_path, scenario, evaluations, kills, seed=1)
    assert outcome.faults == []
    assert outcome.missing == outcome.changed == outcome.told_twice == 0
    assert outcome.kills.total() == kills
    assert outcome.expected > evaluations * 0.3
    assert outcome.duplicates > 0


def message(key: str, *alerts: int, text: str = "") -> tuple[str, bytes]:
    return key, json.dumps({"lines": [{"alerts": alerts}], "text": text}).encode()


@pytest.mark.parametrize(
    ("kept", "faults"),
    [
        ([message("a", 1), message("b", 2), message("a", 1)], []),
        ([message("a", 1, 2)], []),
        ([message("a", 1)], ["alert 2 never arrived"]),
        ([message("a", 1, 2, 3)], ["alert 3 arrived and was never to be sent"]),
        ([message("a", 1, 2), message("a", 1, 2, text="changed")], ["message a came with 2 contents"]),
        ([message("a", 1, 2), message("b", 2)], ["alert 2 came under 2 keys"]),
    ],
    ids=["again", "together", "missing", "too much", "changed", "two keys"],
)
def test_the_campaign_sees_what_is_wrong(tmp_path: Path, kept: list[tuple[str, bytes]], faults: list[str]):
    with History.open(workload.location(tmp_path)) as history:
        shared = {"artifact": "a", "rule": "r", "partition_key": "all", "outcome": "fail", "severity": "error", "message": "m"}
        new = [NewAlert(kind="failing", subject=name, origin="finding", is_sent=name != "c", **shared) for name in "abc"]
        history.record_alerts(lambda rows: new, workload.provenance("test", 1))
        outcome = Outcome("test")
        drain_kills._compare(outcome, history, kept)
    assert outcome.faults == faults
