"""Record feeds are read as they come: columns recognised, cells typed, bad rows told, strange shapes turned into records."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.contract import violations
from governance_assets.domains.intake import contracts
from governance_assets.feeds import RECORD_FEEDS, arrivals
from governance_assets.runtime.sources import Intake
from governance_assets.runtime.sources.landing import LANDED, digests_by_week
from governance_assets.runtime.sources.records import is_of, match, recognised
from governance_assets_tests.intake_samples import Folder, told

RUNS = "timestamp,pair,model,metric,value\n"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def counts(intake: Intake, feed: str) -> list[tuple[int, int, int]]:
    return [(file["rows"], file["rejected_rows"], file["unused_rows"]) for file in intake.manifests[feed].to_pylist()]


@pytest.mark.parametrize("feed", sorted(RECORD_FEEDS))
def test_a_table_with_the_columns_of_a_feed_is_that_feed(feed: str) -> None:
    row = RECORD_FEEDS[feed]
    names = [arrival.column.name for arrival in arrivals(row) if arrival.column.name != "details"]
    assert recognised(names, row.folder) == feed
    assert is_of(row, match(row, names))
    assert match(row, names).extras == ()


def test_a_row_is_typed_under_its_other_names_and_the_rest_is_kept_as_details(folder: Folder) -> None:
    folder.put("runs/a.csv", "Timestamp;Pair;Model;Metric;Value;Remark\n2025-11-03T23:30-02:00;EURUSD;lstm;r2;0.5;seen\n")
    intake = folder.read()
    (row,) = folder.rows(intake, "model_runs")
    assert row["instant"] == dt.datetime(2025, 11, 4, 1, 30, tzinfo=dt.UTC)
    assert (row["date"], row["as_of"], row["details"]) == (dt.date(2025, 11, 4), None, '{"Remark":"seen"}')
    assert (row["series"], row["model_id"], row["metric"], row["value"], row["unit"]) == ("EURUSD", "lstm", "r2", 0.5, "fraction")
    assert violations(contracts.RECORD_MANIFESTS["model_runs"], intake.manifests["model_runs"]) == []
    assert intake.manifests["model_runs"]["weeks"].to_pylist() == ["2025-11-03"]


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2025-11-03", "2025-11-03T00:00:00"),
        ("2025-11-03T10:00Z", "2025-11-03T10:00:00"),
        ("2025-11-03 10:00:05.5", "2025-11-03T10:00:05.500000"),
        ("2025-11-03T10:00:05+03:30", "2025-11-03T06:30:05"),
        ("1762164005000", "2025-11-03T10:00:05"),
        ("1762164005", "2025-11-03T10:00:05"),
    ],
)
def test_instants_are_read_in_every_usual_spelling(folder: Folder, cell: str, instant: str) -> None:
    folder.put("runs/a.csv", f"{RUNS}{cell},p,m,r2,0.5\n")
    (row,) = folder.rows(folder.read(), "model_runs")
    assert row["instant"] == dt.datetime.fromisoformat(instant).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        ("2025-11-03,p,m,r2,NaN", "value", "a finite number"),
        ("2025-11-03,p,m,r2,inf", "value", "a finite number"),
        ("2025-11-03,p,m,r2,1_000", "value", "a number"),
        ("2025-11-03,p,m,r2,", "value", "a value"),
        ("2025-11-03,p,,r2,1", "model", "a value"),
        ("03.11.2025,p,m,r2,1", "timestamp", "an ISO instant"),
        ("2025-02-30,p,m,r2,1", "timestamp", "an ISO instant"),
        ("infinity,p,m,r2,1", "timestamp", "an ISO instant"),
        ("2025-11-03,p,m\x07,r2,1", "model", "text without control characters"),
        ("2025-11-03,p," + "m" * 10_001 + ",r2,1", "model", "at most 10,000 characters"),
        ("2025-11-03,p,m,r2", None, "5 cells, as in the header"),
    ],
)
def test_a_bad_row_is_told_and_the_rest_goes_on(folder: Folder, row: str, column: str | None, expected: str) -> None:
    folder.put("runs/a.csv", f"{RUNS}2025-11-03,p,m,r2,0.5\n{row}\n")
    intake = folder.read()
    (record,) = told(intake)
    assert (record["file"], record["feed"], record["row"], record["column"], record["expected"]) == (
        *("runs/a.csv", "model_runs", 3, column),
        expected,
    )
    assert counts(intake, "model_runs") == [(1, 1, 0)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("runs/a.csv", b""),
        ("runs/a.csv", b"a,b\n1,2\n"),
        ("runs/a.csv", b"\xff\xfe\x00"),
        ("runs/a.csv", ("timestamp,model,metric,value,Value\n" + "1,2,3,4,5\n").encode()),
        ("runs/a.csv", ",".join(f"c{number}" for number in range(3000)).encode() + b"\n"),
        ("runs/a.parquet", b"PAR1 no"),
        ("runs/a.json", b"{"),
        ("runs/a.json", b"3"),
        ("runs/a.json", b'{"a": [{"x": 1}], "b": [{"y": 1}]}'),
        ("runs/a.json", b'{"model": 1, "model": 2}'),
        ("runs/a.json", b"[" * 100_000),
        ("runs/a.json", json.dumps({"x": json.loads("[" * 80 + "]" * 80)}).encode()),
        ("runs/a.jsonl", b"no\nobjects\n"),
        ("runs/a.yaml", b"a: &x [1]\nb: *x\n"),
        ("plan/2025-11-03.yaml", b"epics: [{id: `a`}]\n"),
        ("tests/a.xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><testsuite name='&a;'/>"),
        ("tests/a.xml", b"<testsuite"),
    ],
)
def test_a_file_that_cannot_be_read_is_quarantined_whole(folder: Folder, name: str, content: bytes) -> None:
    folder.put(name, content)
    intake = folder.read()
    (record,) = told(intake)
    assert (record["file"], record["scope"]) == (name, "file")
    assert record["found"]
    assert record["expected"]
    assert record["next_step"]
    assert len(list((folder.home / "quarantine").glob("*.json"))) == 1
    assert all(not manifest.num_rows for manifest in intake.manifests.values())


def test_bom_crlf_and_parquet_give_the_same_rows(folder: Folder) -> None:
    text = f"{RUNS}2025-11-03T10:00:00Z,p,m,r2,0.5\n"
    table = pa.table(
        {
            "timestamp": pa.array([dt.datetime(2025, 11, 3, 10)], pa.timestamp("ns", "UTC")),
            **{name: [value] for name, value in (("pair", "p"), ("model", "m"), ("metric", "r2"), ("value", 0.5))},
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    for name, content in (("a.csv", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()), ("b.parquet", sink.getvalue())):
        folder.put(f"runs/{name}", content)
    intake = folder.read()
    assert counts(intake, "model_runs") == [(1, 0, 0), (0, 0, 1)]


def test_nested_junk_in_a_plain_column_is_refused_and_elsewhere_kept(folder: Folder) -> None:
    good = {"timestamp": "2025-11-03", "model": "m", "metric": "r2", "value": 0.5, "more": {"a": [{"b": 1}]}}
    folder.put("runs/a.json", json.dumps([good, {**good, "model": {"x": [1]}}, "junk", {**good, "metric": "\ud800"}]))
    intake = folder.read()
    assert counts(intake, "model_runs") == [(1, 3, 0)]
    assert json.loads(str(folder.rows(intake, "model_runs")[0]["details"])) == {"more": '{"a": [{"b": 1}]}'}


# ---------------------------------------------------------------- repeats


def test_equal_rows_count_once_within_and_across_files(folder: Folder) -> None:
    header = "committed_at,task_id,from_status,to_status\n"
    folder.put("plan/p/a.csv", header + "2025-11-03T10:00:00Z,T1,todo,done\n" * 2)
    folder.put("plan/p/2025-11-10-b.csv", header + "2025-11-03T10:00:00Z,T1,todo,done\n2025-11-04T10:00:00Z,T1,done,todo\n")
    intake = folder.read()
    assert sorted(counts(intake, "plan_transitions")) == [(0, 0, 2), (2, 0, 0)]
    assert len(folder.rows(intake, "plan_transitions")) == 2


def test_equal_timings_of_one_file_are_as_many_operations(folder: Folder) -> None:
    rows = "timestamp,service,latency_ms\n" + "2025-11-03T10:00:00Z,api,5\n" * 3
    folder.put("latency/a.csv", rows)
    folder.put("latency/b.csv", rows + "2025-11-03T10:00:01Z,api,5\n")
    intake = folder.read()
    assert sum(each[0] for each in counts(intake, "latency_samples")) == 4


def test_two_values_of_one_key_are_refused_and_a_newer_version_counts(folder: Folder) -> None:
    folder.put("runs/a.csv", f"{RUNS}2025-11-03,p,m,r2,0.5\n2025-11-03,p,m,r2,0.6\n2025-11-04,p,m,r2,0.7\n")
    folder.put("runs/2025-11-05-b.csv", f"{RUNS}2025-11-04,p,m,r2,0.8\n")
    folder.put("runs/2025-11-05-c.csv", f"{RUNS}2025-11-04,p,m,r2,0.9\n")
    intake = folder.read()
    assert [row["value"] for row in folder.rows(intake, "model_runs")] == [0.8]
    assert sorted(counts(intake, "model_runs")) == [(0, 1, 0), (0, 2, 1), (1, 0, 0)]
    assert any("otherwise in runs/2025-11-05-b.csv" in str(record["found"]) for record in told(intake))


def test_what_landed_has_the_digests_that_its_manifest_states_and_reading_again_changes_nothing(folder: Folder) -> None:
    folder.put("runs/a.csv", f"{RUNS}2025-11-12,p,m,r2,0.5\n2025-11-03,p,m,r2,0.6\n")
    first = folder.read()
    (file,) = first.manifests["model_runs"].to_pylist()
    rows = pq.read_table(folder.home / file["landed_path"])
    assert rows.column_names == [name for name, _ in LANDED["model_runs"]]
    weeks, digests = file["weeks"].split(","), file["week_digests"].split(",")
    assert digests_by_week(rows, "date") == list(zip(weeks, digests, strict=True))
    again = folder.read()
    assert again.manifests == first.manifests
    folder.put("runs/b.csv", f"{RUNS}2025-11-19,p,m,r2,0.5\n")
    assert folder.read().manifests["model_runs"]["week_digests"].to_pylist()[0] == file["week_digests"]


# ---------------------------------------------------------------- shapes


def test_airtable_pages_become_items_notes_and_costs(folder: Folder) -> None:
    record = {"id": "rec1", "createdTime": "2025-11-01T00:00:00.000Z"}
    stage = {
        **record,
        "fields": {"Stage Code": "S1", "Title": "Load", "Status": "In Progress", "Estimated Cost USD": 5, "Depends On": ["S0", "S2"]},
    }
    folder.put("plan/acme/2025-11-03-stages.json", json.dumps([{"records": [stage]}, {"records": []}]))
    folder.put("plan/acme/notes.json", json.dumps([{**record, "fields": {"Note": "a\nb", "Phase": "P1"}}]))
    folder.put("costs/costs-2025-11-03.json", json.dumps({"records": [{**record, "fields": {"Item": "disk", "Amount": 3.5}}]}))
    intake = folder.read()
    (item,) = folder.rows(intake, "plan_items")
    assert (item["plan"], item["kind"], item["item_id"], item["record_id"]) == ("acme", "stage", "S1", "rec1")
    assert (item["estimated_cost"], item["dependencies"], item["date"]) == (5.0, "S0, S2", dt.date(2025, 11, 3))
    (note,) = folder.rows(intake, "plan_notes")
    assert (note["text"], note["phase_id"], note["date"]) == ("a\nb", "P1", dt.date(2025, 11, 1))
    (cost,) = folder.rows(intake, "cost_entries")
    assert (cost["item"], cost["amount"], cost["unit"], cost["kind"]) == ("disk", 3.5, "USD", "realised")
    assert told(intake) == []


ROADMAP = """\
epics:
- id: E1
  title: One
  milestones:
  - id: M1
    tasks:
    - {id: T1, status: done, exit_criteria: [a, b]}
    - id: T2
      dependencies: DEPENDENCIES
"""


@pytest.mark.parametrize("dependencies", ["[T1]", "{depends_on: [T1]}"])
def test_a_roadmap_gives_its_tasks_under_both_schemas_and_a_broken_one_its_line(folder: Folder, dependencies: str) -> None:
    folder.put("plan/2025-11-03.yaml", ROADMAP.replace("DEPENDENCIES", dependencies))
    folder.put("plan/2025-11-10.yaml", ROADMAP.replace("DEPENDENCIES", "`x`"))
    intake = folder.read()
    rows = {row["item_id"]: row for row in folder.rows(intake, "plan_items")}
    assert [rows[name]["kind"] for name in ("E1", "M1", "T1", "T2")] == ["phase", "milestone", "task", "task"]
    assert (rows["T2"]["dependencies"], rows["T2"]["parent_id"], rows["T2"]["phase_id"]) == ("T1", "M1", "E1")
    assert (rows["T1"]["exit_criteria"], rows["T1"]["date"]) == (2, dt.date(2025, 11, 3))
    (record,) = told(intake)
    assert (record["file"], record["scope"], record["row"]) == ("plan/2025-11-10.yaml", "file", 9)


def test_issues_of_github_cloudwatch_sagemaker_and_lists(folder: Folder) -> None:
    issue = {"number": 7, "title": "Down", "state": "closed", "created_at": "2025-11-03T00:00:00Z", "closed_at": "2025-11-04T00:00:00Z"}
    issue |= {"labels": [{"name": "bug"}, {"name": "p1"}], "url": "https://api.example/repos/o/r/issues/7", "user": {"login": "somebody"}}
    folder.put("issues/github.json", json.dumps([[issue], [{**issue, "number": 8, "closed_at": None, "pull_request": {}}]]))
    events = [{"timestamp": 1762164005000 + n, "message": f"ERROR worker {n} failed", "logStreamName": "s"} for n in range(2)]
    folder.put("issues/log.json", json.dumps({"events": events}))
    job = {"TrainingJobName": "j", "TrainingJobStatus": "Failed", "CreationTime": "2025-11-03T00:00:00Z", "FailureReason": "no memory"}
    folder.put("issues/jobs.json", json.dumps({"TrainingJobSummaries": [job]}))
    folder.put("issues/2025-11-05-list.csv", "id,title,severity,discovered\nA,x,HIGH (again),2025-11-01T00:00Z\nB,y,,\n")
    intake = folder.read()
    rows = folder.rows(intake, "issue_events")
    found = sorted((row["source"], row["event"], row["kind"], row["severity"] or "") for row in rows)
    assert found == [
        ("cloudwatch", "listed", "log_event", "ERROR"),
        ("cloudwatch", "listed", "log_event", "ERROR"),
        ("csv", "listed", "issue", ""),
        ("csv", "opened", "issue", "HIGH (again)"),
        ("github", "closed", "issue", ""),
        ("github", "opened", "issue", ""),
        ("github", "opened", "pull_request", ""),
        ("sagemaker", "opened", "training_job", ""),
    ]
    assert {row["source_id"] for row in rows if row["source"] == "github"} == {"o/r#7", "o/r#8"}
    assert len({row["source_id"] for row in rows if row["source"] == "cloudwatch"}) == 1
    assert "somebody" not in json.dumps(rows, default=str)
    assert told(intake) == []


JUNIT = """<testsuites><testsuite name="unit" timestamp="2025-11-03T10:00:00" time="1.5">
<testcase classname="a" name="ok"/><testcase classname="a" name="bad"><failure message="no"/></testcase>
<testcase name="left"><skipped/></testcase></testsuite></testsuites>"""


def test_test_runs_from_junit_reports_and_exit_codes(folder: Folder) -> None:
    folder.put("tests/a.xml", JUNIT)
    folder.put("tests/b.json", json.dumps({"created": 1762164005.5, "exitcode": 0, "summary": {"passed": 3, "total": 3}}))
    folder.put("tests/c.jsonl", '{"timestamp": "2025-11-03", "batch": "web", "exit_code": 2, "command": "npm test"}\n')
    rows = {row["batch"]: row for row in folder.rows(folder.read(), "test_runs")}
    unit = rows["unit"]
    assert (unit["status"], unit["cases"], unit["passed"], unit["failed"], unit["skipped"]) == ("fail", 3, 1, 1, 1)
    assert (unit["first_failure"], unit["duration"]) == ("a.bad: no", 1.5)
    assert (rows["b"]["status"], rows["web"]["status"], rows["web"]["exit_code"]) == ("pass", "fail", 2)


def test_a_folder_of_evidence_is_hashed_with_what_its_metadata_says(folder: Folder) -> None:
    folder.put("evidence/P0.M1/metadata.json", json.dumps({"author": "TL", "date": "2025-11-03", "commands": ["make a", "make b"]}))
    folder.put("evidence/P0.M1/deep/report.md", "hello")
    folder.put("evidence/P0.M2/x.bin", b"\0\1")
    intake = folder.read()
    rows = {row["path"]: row for row in folder.rows(intake, "evidence_files")}
    report = rows["P0.M1/deep/report.md"]
    assert report["sha256"] == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert (report["milestone_id"], report["size"], report["date"]) == ("P0.M1", 5, dt.date(2025, 11, 3))
    assert (report["has_author"], report["has_date"], report["has_inputs"], report["has_commit"]) == (True, True, False, False)
    assert (report["commands"], report["command_count"]) == ("make a\nmake b", 2)
    assert rows["P0.M2/x.bin"]["has_metadata"] is False
    assert told(intake) == []


NAMES = st.sampled_from(["a.csv", "a.json", "a.jsonl", "a.yaml", "a.parquet", "a.xml"])
PLACES = st.sampled_from(["plan", "issues", "tests", "reviews", "registry"])


@settings(max_examples=60, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), name=NAMES, place=PLACES)
def test_whatever_bytes_arrive_nothing_breaks(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, place: str) -> None:
    folder = Folder(tmp_path_factory.mktemp("bytes"))
    folder.put(f"{place}/{name}", content)
    intake = folder.read()
    assert told(intake) or any(manifest.num_rows for manifest in intake.manifests.values())


KEYS = st.sampled_from(["id", "title", "epics", "records", "fields", "status", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(value=JSON, shape=st.sampled_from(["plain", "epics", "records", "events", "variance_reports", "github", "windows", "jobs"]))
def test_whatever_json_of_a_known_shape_arrives_nothing_breaks(tmp_path_factory: pytest.TempPathFactory, value: object, shape: str) -> None:
    report = {"cycle": value, "variance_summary": {"a": value}, "recommended_actions": value}
    wrapped = {
        "plain": value,
        "epics": {"epics": [value]},
        "records": {"records": [{"id": value, "fields": {"title": value}}]},
        "events": {"events": [{"timestamp": value, "message": value}]},
        "variance_reports": {"variance_reports": [report], "kickoff_event": value},
        "github": [{"number": value, "state": value, "created_at": value, "title": value, "labels": value}],
        "windows": {"windows": [{"actual": value}], "metrics": {"mae_mmm": value}},
        "jobs": [{"TrainingJobName": value, "TrainingJobStatus": value}],
    }[shape]
    folder = Folder(tmp_path_factory.mktemp("json"))
    folder.put("reviews/2025-11-03.json", json.dumps(wrapped))
    intake = folder.read()
    assert told(intake) or any(manifest.num_rows for manifest in intake.manifests.values())
    for manifest in intake.manifests.values():
        assert all(file["unused_rows"] >= 0 for file in manifest.to_pylist())
