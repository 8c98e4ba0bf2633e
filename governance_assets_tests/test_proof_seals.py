"""Seals must cover everything recorded, once and in order, and their anchors must survive kills."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import random
from pathlib import Path

import pytest

from governance_assets.runtime.history import History
from governance_assets.runtime.proof import anchors
from governance_assets.runtime.proof.leaves import NOTHING_BEFORE, alert_text, canonical, entry_text, head, leaf_hashes
from governance_assets.runtime.proof.seals import SealRefused, newest, seal
from governance_assets.runtime.proof.verify import verify
from governance_assets.stats import merkle
from governance_assets_tests.campaigns import workload

INSTANT = dt.datetime(2025, 11, 20, 1, 2, 3, 4, dt.UTC)


def recorded(folder: Path, commits: int = 3) -> History:
    """A history with a few commits."""
    history = History.open(workload.location(folder))
    draw = random.Random(commits)
    for number in range(commits):
        workload.record_something(history, f"commit {number}", draw)
    return history


def sealer(folder: Path, name: str) -> list[int]:
    """What one of several sealing processes sealed."""
    found = []
    with History.open(workload.location(folder)) as history:
        for number in range(5):
            history.commit(workload.entries(f"{name} {number}", 1, 1), workload.judged_provenance(f"{name} {number}"))
            made = seal(history, [folder / "anchors.jsonl"], name)
            found += [made.seal] if made else []
    return found


def test_the_text_of_a_row_stands_for_ever():
    # Recorded roots are made of these texts: a change must fail here, not in a verification.
    row = {"entry": 1, "artifact": "é\n", "revision": None, "is_open": False, "recorded_at": INSTANT}
    text = '{"ledger":{"artifact":"\\u00e9\\n","entry":1,"is_open":false,"recorded_at":"2025-11-20T01:02:03.000004+00:00"}}'
    assert entry_text(row) == text
    assert entry_text(row | {"added_later": None}) == text
    assert alert_text({"alert": 1, "value": 0.1}) == '{"alert":{"alert":1,"value":0.1}}'
    east = dt.timezone(dt.timedelta(hours=1))
    assert canonical({"at": INSTANT.astimezone(east)}) == '{"at":"2025-11-20T01:02:03.000004+00:00"}'
    with pytest.raises(TypeError, match="found datetime"):
        canonical({"at": INSTANT.replace(tzinfo=None)})


def test_a_seal_covers_what_is_new_and_is_chained(tmp_path: Path):
    with recorded(tmp_path) as history:
        first = seal(history, [tmp_path / "anchors.jsonl"], "test")
        assert first is not None
        assert seal(history, [tmp_path / "anchors.jsonl"], "test") is None
        workload.record_something(history, "later", random.Random(7))
        second = seal(history, [tmp_path / "anchors.jsonl"], "test")
        assert second is not None
        assert second == newest(history)
        rows, ledger, alerts = history.seals().to_pylist(), history.ledger().to_pylist(), history.alerts().to_pylist()
    assert (first.seal, first.first_entry, first.first_alert, first.previous_sha256) == (1, 1, 1, NOTHING_BEFORE)
    assert (second.first_entry, second.previous_sha256) == (first.last_entry + 1, first.head_sha256)
    assert (second.last_entry, second.last_alert) == (len(ledger), len(alerts))
    for row in rows:
        covered = ledger[row["first_entry"] - 1 : row["last_entry"]], alerts[row["first_alert"] - 1 : row["last_alert"]]
        hashes = leaf_hashes(*covered)
        assert (row["leaf_count"], row["root_sha256"]) == (len(hashes), merkle.root_of_hashes(hashes).hex())
        assert row["head_sha256"] == head(row)


def test_nothing_is_sealed_when_nothing_is_recorded(tmp_path: Path):
    with History.open(workload.location(tmp_path)) as history:
        assert seal(history, [tmp_path / "anchors.jsonl"], "test") is None
        assert newest(history) is None


def test_every_file_of_anchors_gets_every_seal(tmp_path: Path):
    own, outside = tmp_path / "home" / "anchors.jsonl", tmp_path / "elsewhere" / "anchors.jsonl"
    with recorded(tmp_path) as history:
        seal(history, [own], "test")
        workload.record_something(history, "later", random.Random(7))
        seal(history, [own, outside], "test")
        heads = history.seals()["head_sha256"].to_pylist()
    for path in (own, outside):
        assert [json.loads(line)["head_sha256"] for line in path.read_text().splitlines()] == heads
        known = anchors.read(path)
        assert (sorted(known.leaves), known.problems) == ([1, 2], [])


def test_anchors_that_a_kill_left_out_are_written_with_the_next_seal(tmp_path: Path):
    path = tmp_path / "anchors.jsonl"
    with recorded(tmp_path) as history:
        seal(history, [path], "test")
        line = path.read_text()
        path.write_text(line[:40])  # killed within the line, with the seal in the store
        assert verify(workload.location(tmp_path), None, None, [path]).is_intact
        assert seal(history, [path], "test") is None
        assert path.read_text() == f"{line[:40]}\n{line}"
        known = anchors.read(path)
        assert (known.anchors[1].head_sha256, known.problems) == (newest(history).head_sha256, [])
        anchors.leaves_file(path).unlink()
        path.unlink()
        seal(history, [path], "test")
        assert path.read_text() == line
        assert anchors.read(path).leaves.keys() == {1}


def test_a_store_that_contradicts_its_anchors_is_not_sealed(tmp_path: Path):
    path = tmp_path / "anchors.jsonl"
    with recorded(tmp_path / "one") as history:
        seal(history, [path], "test")
    with recorded(tmp_path / "other", 2) as history:
        with pytest.raises(SealRefused, match="seal 1: found no such seal"):
            seal(history, [path], "test")
        seal(history, [tmp_path / "own.jsonl"], "test")
        workload.record_something(history, "later", random.Random(7))
        with pytest.raises(SealRefused, match=r"seal 1: found [0-9a-f]{64}, expected [0-9a-f]{64} as anchored"):
            seal(history, [path], "test")
        assert newest(history).seal == 1


@pytest.mark.parametrize(
    "line", ["no json\n{}\n", '{"seal":"1"}\n', "[1]\n{}\n", '{"seal":1,"head_sha256":2,"last_entry":1,"last_alert":0,"sealed_at":""}\n']
)
def test_lines_that_are_no_anchor_are_told(tmp_path: Path, line: str):
    path = tmp_path / "anchors.jsonl"
    path.write_text(line)
    assert "expected an anchor" in anchors.read(path).problems[0]


def test_two_heads_of_one_seal_are_told(tmp_path: Path):
    path = tmp_path / "anchors.jsonl"
    line = {"seal": 1, "head_sha256": "a" * 64, "last_entry": 1, "last_alert": 0, "sealed_at": ""}
    path.write_text(f"{json.dumps(line)}\n{json.dumps(line)}\n{json.dumps(line | {'head_sha256': 'b' * 64})}\n")
    known = anchors.read(path)
    assert (len(known.problems), known.anchors[1].head_sha256) == (1, "a" * 64)


def test_leaves_that_do_not_lead_to_the_anchor_count_for_nothing(tmp_path: Path):
    path = tmp_path / "anchors.jsonl"
    with recorded(tmp_path) as history:
        seal(history, [path], "test")
    beside = anchors.leaves_file(path)
    told = json.loads(beside.read_text())
    for forged in (
        told | {"leaves": told["leaves"][64:]},
        told | {"leaves": "0" + told["leaves"][1:] if told["leaves"][0] != "0" else "1" + told["leaves"][1:]},
        told | {"leaves": ""},
        told | {"seal": told["seal"] | {"sealed_by": "somebody"}},
        {"seal": 1},
        [],
    ):
        beside.write_text(json.dumps(forged))
        assert anchors.read(path).leaves == {}


def test_many_sealers_never_seal_twice(tmp_path: Path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    History.open(workload.location(tmp_path)).close()
    with context.Pool(3) as pool:
        sealed = pool.starmap(sealer, [(tmp_path, f"sealer {number}") for number in range(3)])
    numbers = sorted(number for found in sealed for number in found)
    assert numbers == list(range(1, len(numbers) + 1))
    assert [json.loads(line)["seal"] for line in (tmp_path / "anchors.jsonl").read_text().splitlines()] == numbers
    report = verify(workload.location(tmp_path), None, None, [tmp_path / "anchors.jsonl"])
    assert (report.is_intact, report.anchored) == (True, report.entries)
