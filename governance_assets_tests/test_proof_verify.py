"""Verification must name the first entry that does not hold, and survive whatever a store has become."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import Contract, field
from governance_assets.runtime.history import Entry, History, Input
from governance_assets.runtime.proof import anchors
from governance_assets.runtime.proof.failures import Failure, Report
from governance_assets.runtime.proof.seals import seal
from governance_assets.runtime.proof.verify import verify
from governance_assets.runtime.store import Store
from governance_assets_tests.campaigns import workload

FIRST = dt.date(2025, 10, 6)


def record(folder: Path, compacted: bool = True) -> Path:
    """Six entries of three rows, two seals, and a tail of one entry; returns the anchors file."""
    path = folder / "home" / "anchors.jsonl"
    with History.open(workload.location(folder / "store")) as history:
        for number in range(7):
            history.commit([entry(number)], workload.judged_provenance(f"run {number}"))
            if number in (2, 5):
                seal(history, [path], "test")
        if compacted:
            history.compact()
    return path


def entry(number: int, rows: int = 3) -> Entry:
    week, draw = FIRST + dt.timedelta(weeks=number), random.Random(number)
    columns = {
        "week": [week] * rows,
        "model_id": [f"model {at}" for at in range(rows)],
        "note": [None, "", "ü"][:rows],
        "score": [draw.random() for _ in range(rows)],
    }
    findings = tuple(workload.RULE.judge(f"subject {at}", at > 0, value=float(at), limit=1.0) for at in range(2))
    inputs = (Input("feed", "origin", 0, "a" * 64),)
    return Entry(workload.Trial, week.isoformat(), pa.table(columns, schema=workload.SCHEMA), inputs, findings, "1", is_open=False)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    record(folder)
    return folder


@pytest.fixture
def site(tmp_path: Path, pristine: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "site"))


def report_on(site: Path) -> Report:
    return verify(workload.location(site / "store"), None, None, [site / "home" / "anchors.jsonl"])


def run(site: Path, *statements: str) -> None:
    with closing(Store(workload.location(site / "store"), None, read_only=False)) as store, store.transaction():
        for sql in statements:
            store.query(sql)


def file_of(site: Path, table: str) -> Path:
    (file,) = (site / "store" / "files" / "main" / table).glob("*.parquet")
    return file


def test_an_untouched_store_holds_and_the_tail_is_told(site: Path):
    report = report_on(site)
    assert report.failures == []
    assert (report.entries, report.sealed, report.anchored, report.seals) == (7, 6, 6, 2)
    assert report.text().splitlines()[:2] == [
        "7 ledger entries, sealed up to 6, anchored up to 6",
        "entry 7 after the last anchor: recomputed from the store alone, an edit with new digests would not show there",
    ]
    assert report.text().endswith("everything that was read holds")


def test_rows_in_the_catalogue_hold_as_well(tmp_path: Path):
    record(tmp_path, compacted=False)
    assert report_on(tmp_path).is_intact


EDITS = {
    "value": ("UPDATE history.campaign_trial SET score = score + 1e-9 WHERE partition_key = '2025-10-20'", 3),
    "null for empty": ("UPDATE history.campaign_trial SET note = NULL WHERE partition_key = '2025-10-20' AND note = ''", 3),
    "row": ("DELETE FROM history.campaign_trial WHERE partition_key = '2025-10-27' AND model_id = 'model 1'", 4),
    "rows": ("DELETE FROM history.campaign_trial WHERE partition_key = '2025-10-27'", 4),
    "further row": ("INSERT INTO history.campaign_trial FROM history.campaign_trial WHERE partition_key = '2025-10-13' LIMIT 1", 2),
    "finding": ("UPDATE history.findings SET outcome = 'pass' WHERE entry = 5", 5),
    "finding gone": ("DELETE FROM history.findings WHERE entry = 5 AND position = 2", 5),
    "finding moved": ("UPDATE history.findings SET entry = 6 WHERE entry = 5 AND position = 1", 5),
    "finding of another": ("UPDATE history.findings SET artifact = 'x' WHERE entry = 5", 5),
    "place of a finding": ("UPDATE history.findings SET position = 7 WHERE entry = 5 AND position = 1", 5),
    "entry": ("UPDATE history.ledger SET committed_by = 'somebody' WHERE entry = 2", 2),
    "entry gone": ("DELETE FROM history.ledger WHERE entry = 2", 2),
    "entry twice": ("INSERT INTO history.ledger SELECT * FROM history.ledger WHERE entry = 2", 2),
    "entry without number": ("UPDATE history.ledger SET entry = NULL WHERE entry = 2", 2),
    "entry out of range": ("UPDATE history.ledger SET entry = 9223372036854775807 WHERE entry = 2", 2),
    "inputs": ("UPDATE history.ledger SET inputs = '[]' WHERE entry = 4", 4),
    "clock": ("UPDATE history.ledger SET recorded_at = recorded_at - INTERVAL 1 DAY WHERE entry = 7", 7),
    "clock missing": ("UPDATE history.ledger SET recorded_at = NULL WHERE entry = 7", 7),
    "clock for ever": ("UPDATE history.ledger SET recorded_at = 'infinity' WHERE entry = 4", 4),
    "kind": ("UPDATE history.ledger SET kind = 'attestation' WHERE entry = 7", 7),
    "kind unknown": ("UPDATE history.ledger SET kind = 'gift' WHERE entry = 7", 7),
    "revision": ("UPDATE history.ledger SET revision = 2 WHERE entry = 7", 7),
    "policy": ("UPDATE history.policies SET text = text || ' '", 1),
    "policy gone": ("DELETE FROM history.policies", 1),
    "findings gone": ("DROP TABLE history.findings", 1),
    "ledger gone": ("DROP TABLE history.ledger", 1),
    "ledger empty": ("DELETE FROM history.ledger", 1),
    "artifact gone": ("DROP TABLE history.campaign_trial", 1),
    "column gone": ("ALTER TABLE history.campaign_trial DROP COLUMN score", 1),
    "column of another kind": ("ALTER TABLE history.ledger DROP COLUMN kind", 1),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), EDITS.values(), ids=EDITS.keys())
def test_the_first_entry_that_does_not_hold_is_named(site: Path, sql: str, expected: int):
    run(site, sql)
    report = report_on(site)
    assert report.first_entry == expected, report.text()
    assert f"first: {report.first}" in report.text()


OTHERS = {
    "alert": ("UPDATE history.alerts SET message = 'all is well' WHERE alert = 1", "alert 1: found leaf"),
    "alert gone": ("DELETE FROM history.alerts WHERE alert = 1", "alert 1: found no alert 1"),
    "alerts gone": ("DROP TABLE history.alerts", "alert 1: found no alert 1"),
    "seal": ("UPDATE history.seals SET sealed_by = 'somebody' WHERE seal = 2", "seal 2: found head_sha256"),
    "seal of no range": ("UPDATE history.seals SET last_entry = 9223372036854775807 WHERE seal = 2", "entry 8: found no entry 8"),
    "seal of nothing": ("UPDATE history.seals SET first_entry = NULL, first_alert = NULL WHERE seal = 2", "seal 2: found no first_entry"),
    "seal gone": ("DELETE FROM history.seals WHERE seal = 2", "seal 2: found no such seal"),
    "seals gone": ("DROP TABLE history.seals", "seal 1: found no such seal"),
    "seal added": ("INSERT INTO history.seals SELECT * REPLACE (3 AS seal) FROM history.seals LIMIT 1", "seal 3: found first_entry"),
    "rows of no entry": ("UPDATE history.campaign_trial SET revision = 9 WHERE partition_key = '2025-10-06'", "entry 1: found no rows"),
    "table of no entry": ("CREATE TABLE history.planted AS SELECT 'a' AS partition_key, 1 AS revision", "store: found 1 rows of planted"),
    "strange table": ("CREATE TABLE history.planted (x STRUCT(a INTEGER)[])", "store: found rows of planted that cannot be read"),
    "policy added": ("INSERT INTO history.policies VALUES ('x', 'y', NULL)", "store: found 2 policies"),
    "finding of no entry": ("INSERT INTO history.findings SELECT * REPLACE (99 AS entry) FROM history.findings LIMIT 1", "store: found"),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "told"), OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_entry_is_named_as_well(site: Path, sql: str, told: str):
    run(site, sql)
    report = report_on(site)
    assert any(str(failure).startswith(told) for failure in report.failures), report.text()


def test_a_filled_column_that_nobody_declares_is_found(site: Path):
    run(site, "ALTER TABLE history.campaign_trial ADD COLUMN approved VARCHAR")
    assert report_on(site).is_intact
    run(site, "UPDATE history.campaign_trial SET approved = 'yes' WHERE partition_key = '2025-10-20'")
    assert report_on(site).first_entry == 3


def broken(site: Path, table: str, change: Callable[[bytes], bytes | None]) -> Report:
    file = file_of(site, table)
    data = change(file.read_bytes())
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    return report_on(site)


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda data: None,
    "empty": lambda data: b"",
    "torn": lambda data: data[: len(data) // 2],
    "garbage": lambda data: random.Random(1).randbytes(len(data)),
    "scribbled": lambda data: data[:4] + random.Random(1).randbytes(len(data) // 2) + data[4 + len(data) // 2 :],
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("table", ["campaign_trial", "ledger", "findings", "policies", "alerts", "seals"])
def test_a_damaged_file_is_named_with_the_first_entry_it_held(site: Path, table: str, change: Callable[[bytes], bytes | None]):
    report = broken(site, table, change)
    assert report.first_entry == 1 or table in ("alerts", "seals"), report.text()
    assert any(file_of_name in str(failure) for failure in report.failures for file_of_name in ("ducklake-", "table ", "leaf", "digest"))
    assert not report.is_intact


def test_a_damaged_file_names_only_the_entries_that_it_held(tmp_path: Path):
    with History.open(workload.location(tmp_path / "store")) as history:
        for number in range(4):
            history.commit([entry(number)], workload.judged_provenance(f"run {number}"))
            history._store.flush()
        seal(history, [tmp_path / "home" / "anchors.jsonl"], "test")
    files = sorted((tmp_path / "store" / "files" / "main" / "campaign_trial").glob("*.parquet"))
    with duckdb.connect() as connection:
        held = {
            connection.execute("SELECT any_value(partition_key) FROM read_parquet(?)", [str(file)]).fetchone()[0]: file for file in files
        }
    held["2025-10-20"].write_bytes(b"PAR1")
    report = report_on(tmp_path)
    assert {failure.number for failure in report.failures if failure.kind == "entry"} == {3}
    assert str(report.first).startswith("entry 3: found no rows of campaign_trial 2025-10-20 revision 1")


@pytest.mark.parametrize("catalogue", [b"", b"no catalogue", b"SQLite format 3\0" + bytes(4000)])
def test_a_catalogue_that_is_none_is_a_failure(site: Path, catalogue: bytes):
    for file in (site / "store").glob("catalog.sqlite*"):
        file.unlink()
    (site / "store" / "catalog.sqlite").write_bytes(catalogue)
    report = report_on(site)
    assert report.first_entry == 1, report.text()


def test_a_store_that_is_not_there_is_a_failure(tmp_path: Path):
    report = verify(workload.location(tmp_path / "nowhere"), None, None, [])
    assert str(report.first).startswith("entry 1: found there is no catalogue")


def test_garbage_anywhere_in_the_catalogue_is_survived(site: Path, tmp_path: Path):
    catalog = site / "store" / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole, draw = catalog.read_bytes(), random.Random(3)
    found = 0
    for length in (1, 600, 4096, 20_000, len(whole) // 3, len(whole) - 100):
        data = bytearray(whole)
        start = draw.randrange(len(data) - length)
        data[start : start + length] = draw.randbytes(length)
        catalog.write_bytes(data)
        found += not report_on(site).is_intact
    assert found > 0


def test_values_that_fit_no_column_are_a_failure(tmp_path: Path):
    record(tmp_path, compacted=False)
    with closing(sqlite3.connect(tmp_path / "store" / "catalog.sqlite")) as catalog, catalog:
        (table,) = next(
            row for row in catalog.execute("SELECT table_name FROM ducklake_inlined_data_tables").fetchall()
            if "inputs_sha256" in [one[1] for one in catalog.execute(f"PRAGMA table_info({row[0]})")]
        )  # fmt: skip
        catalog.execute(f"UPDATE {table} SET recorded_at = 'yesterday' WHERE entry = 3")
    assert not report_on(tmp_path).is_intact


def test_without_the_leaves_the_range_is_named(site: Path):
    anchors.leaves_file(site / "home" / "anchors.jsonl").unlink()
    run(site, "UPDATE history.ledger SET committed_by = 'somebody' WHERE entry = 5")
    assert str(report_on(site).first).startswith("one of entries 4 to 6: found another root")


def test_a_truncated_tail_is_found_by_its_anchor(site: Path):
    removed = [f"DELETE FROM history.{table} WHERE entry >= 5" for table in ("ledger", "findings", "alerts")]
    run(
        site, *removed, "DELETE FROM history.seals WHERE seal = 2", "DELETE FROM history.campaign_trial WHERE partition_key >= '2025-11-03'"
    )
    assert report_on(site).first_entry == 5
    anchors.leaves_file(site / "home" / "anchors.jsonl").unlink()
    assert str(report_on(site).first).startswith("one of entries 4 to 5: found no entry 5, and perhaps others before it")


def test_a_column_that_came_later_is_empty_in_what_was_recorded_before(tmp_path: Path):
    class Early(Contract, artifact="growing", grain="week", key=("week", "b")):
        """Before."""

        week: dt.date = field("Monday")
        b: str = field("Name")

    def commit(contract: type[Contract], week: dt.date, **more: list) -> None:
        columns = {"week": [week], "b": ["x"]} | more
        declared = {name: columns[name] for name in contract.model_fields}
        with History.open(workload.location(tmp_path / "store")) as history:
            entry = Entry(contract, week.isoformat(), pa.table(declared), (), (), "1", is_open=False)
            history.commit([entry], workload.judged_provenance("x"))

    commit(Early, FIRST)
    Late = type(Contract)("Early", (Contract,), {
        "__module__": Early.__module__, "__qualname__": Early.__qualname__, "__doc__": "After.",
        "__annotations__": {"week": dt.date, "a": float | None, "b": str},
        "week": field("Monday"), "a": field("Value", null="not recorded then"), "b": field("Name"),
    }, artifact="growing", grain="week", key=("week", "b"))  # fmt: skip
    commit(Late, FIRST + dt.timedelta(weeks=1), a=[0.5])
    assert report_on(tmp_path).failures == []
    run(tmp_path, "UPDATE history.growing SET a = 0 WHERE partition_key = '2025-10-06'")
    assert report_on(tmp_path).first_entry == 1


def test_an_artifact_that_nothing_declares_cannot_be_recomputed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    record(tmp_path)
    monkeypatch.setattr("governance_assets.runtime.proof.verify.registry", dict)
    assert "rows that no contract declares" in str(report_on(tmp_path).first)


def test_failures_are_ordered_by_entry():
    report = Report(failures=[
        Failure("store", 0, "a", "b"), Failure("seal", 1, "a", "b"), Failure("entry", 2, "a", "b", 9), Failure("entry", 4, "a", "b"),
        *[Failure("alert", number, "a", "b") for number in range(1, 40)],
    ])  # fmt: skip
    assert report.first == Failure("entry", 4, "a", "b")
    assert report.text().splitlines()[-1] == "  … and 22 more"
    assert report.text().splitlines()[3] == "  one of entries 2 to 9: found a, expected b"


def test_thousands_of_entries_take_no_time(tmp_path: Path):
    count = 2000
    path = tmp_path / "home" / "anchors.jsonl"
    with History.open(workload.location(tmp_path / "store")) as history:
        entries = [replace(entry(number % 900), partition_key=str(FIRST + dt.timedelta(weeks=number % 900))) for number in range(900)]
        for batch in range(3):
            told = [replace(one, code_version=str(batch)) for one in entries[: count - 900 * batch]]
            history.commit(told, workload.judged_provenance(f"batch {batch}"))
        seal(history, [path], "test")
        history.compact()
    start = time.process_time()
    report = report_on(tmp_path)
    assert report.failures == []
    assert report.entries == count
    assert report.entries / (time.process_time() - start) > 1500
