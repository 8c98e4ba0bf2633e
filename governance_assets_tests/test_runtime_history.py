"""What the history promises: nothing is lost, nothing is rewritten, and yesterday's answer stays yesterday's answer."""

from __future__ import annotations

import datetime as dt
import json
import math
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance_assets import contract as contracts
from governance_assets.contract import Contract, ContractViolation, arrow_schema, field
from governance_assets.finding import Finding, Rule
from governance_assets.policy import AlertsPolicy
from governance_assets.runtime import commit_lock
from governance_assets.runtime import store as stores
from governance_assets.runtime.alerts.transitions import Alerting
from governance_assets.runtime.history import Entry, History, HistoryBusy, HistoryError, Input, Provenance, QueryError, Receipt
from governance_assets.stats.digest import table_digest

NOON = dt.datetime(2025, 11, 20, 12, tzinfo=dt.UTC)
WEEK = dt.date(2025, 11, 3)
KEY = WEEK.isoformat()
RULE = Rule(name="score_is_small", requirement="the score is below 1", remedy="look at the model")
HOSTILE = [
    "'",
    '"',
    "'; DROP TABLE ledger; --",
    "a\0b",
    "\0",
    "😀",
    "é",
    "\n\r\t\x01\x7f",
    "NULL",
    "nan",
    "007",
    "$1 ? :a",
    "\\",
    "x" * 2**20,
    "{}",
    "﻿",
    "  ",
]


class HistoryScores(Contract, artifact="history_scores", grain="week", key=("week", "model_id")):
    """One made-up score."""

    week: dt.date = field("Monday of the week")
    model_id: str = field("Model")
    score: float | None = field("Score", null="not scored", allow_nan=True)
    n: int = field("Tasks")
    is_best: bool = field("Whether no other is better")
    note: str | None = field("Some text", null="nothing to say")
    seen_at: dt.datetime | None = field("Instant", null="never")
    seen_date: dt.date | None = field("Day", null="never")


class HistoryManifest(Contract, artifact="history_manifest", key=("name",)):
    """Something without partitions."""

    name: str = field("Name")


SCHEMA = pa.schema([(column.name, column.type) for column in arrow_schema(HistoryScores)])


class Clock:
    """A clock that the test sets; it stands still by itself."""

    def __init__(self) -> None:
        self.instant = NOON

    def __call__(self) -> dt.datetime:
        return self.instant

    def forward(self, **step: float) -> dt.datetime:
        self.instant += dt.timedelta(**step)
        return self.instant


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(tmp_path: Path, clock: Clock) -> Iterator[History]:
    with History.open(location(tmp_path), now=clock) as opened:
        yield opened


def location(folder: Path) -> str:
    return f"ducklake:sqlite:{folder / 'catalog.sqlite'}"


def scores(*values: float | None, week: dt.date = WEEK, **columns: object) -> pa.Table:
    rows = [
        {
            "week": week,
            "model_id": f"m{number}",
            "score": value,
            "n": number,
            "is_best": False,
            "note": None,
            "seen_at": None,
            "seen_date": None,
        }
        | columns
        for number, value in enumerate(values)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def entry(*values: float | None, week: dt.date = WEEK, **changes: object) -> Entry:
    made = Entry(
        HistoryScores, week.isoformat(), scores(*values, week=week), (), (RULE.judge("m0", True, 0.5, 1.0),), "code 1", is_open=False
    )
    return replace(made, **changes)


def provenance(**changes: object) -> Provenance:
    alerting = Alerting.by(AlertsPolicy(), NOON)
    made = Provenance("run 1", NOON, "package 1", "abc", False, "policy 1", ("governance run",), "somebody", "", alerting)
    return replace(made, **changes)


def record(history: History, *entries: Entry, **changes: object) -> list[Receipt]:
    return history.commit(entries, provenance(**changes))


def values(history: History, as_of: dt.datetime | None = None) -> list[float | None]:
    return history.rows(HistoryScores, as_of=as_of)["score"].to_pylist()


# ---------------------------------------------------------------- kinds of entries


def test_first_rows_are_a_revision(history: History):
    (receipt,) = record(history, entry(0.25, 0.5))
    content = table_digest(scores(0.25, 0.5), HistoryScores.key)
    assert receipt == Receipt("history_scores", KEY, 1, content, "revision", NOON, 2)
    assert history.rows(HistoryScores).equals(scores(0.25, 0.5))


def test_the_same_again_writes_nothing(history: History, clock: Clock):
    record(history, entry(0.25))
    clock.forward(hours=1)
    (receipt,) = record(
        history, entry(0.25), run_id="run 2", git_revision="def", git_dirty=True, source_commands=("other",), committed_by="other"
    )
    assert (receipt.kind, receipt.revision, receipt.recorded_at) == ("unchanged", 1, NOON)
    assert history.ledger().num_rows == 1
    assert history.findings(all=True).num_rows == 1


@pytest.mark.parametrize(
    ("changes", "origin"),
    [
        ({"code_version": "code 2"}, {}),
        ({"inputs": (Input("observations", "truth.csv", 0, "a" * 64),)}, {}),
        ({"findings": ()}, {}),
        ({"is_open": True}, {}),
        ({}, {"policy_sha256": "policy 2"}),
    ],
)
def test_the_same_rows_from_elsewhere_attest_the_revision(history: History, changes: dict, origin: dict):
    (first,) = record(history, entry(0.25))
    (receipt,) = record(history, entry(0.25, **changes), **origin)
    assert (receipt.kind, receipt.revision, receipt.content_sha256) == ("attestation", 1, first.content_sha256)
    assert history.revisions(HistoryScores).num_rows == 1
    assert record(history, entry(0.25, **changes), **origin)[0].kind == "unchanged"


def test_order_of_inputs_and_findings_is_no_change(history: History):
    inputs = (Input("a", "x", 0, "1"), Input("b", "y", 2, "2"))
    findings = (RULE.judge("m0", True), RULE.judge("m1", None, why="no data"))
    record(history, entry(0.25, inputs=inputs, findings=findings))
    assert record(history, entry(0.25, inputs=inputs[::-1], findings=findings[::-1]))[0].kind == "unchanged"
    assert json.loads(history.ledger()["inputs"][0].as_py()) == [
        {"artifact": "a", "partition_key": "x", "revision": 0, "sha256": "1"},
        {"artifact": "b", "partition_key": "y", "revision": 2, "sha256": "2"},
    ]


def test_changed_rows_of_a_closed_partition_are_a_restatement(history: History):
    kinds = [record(history, entry(value))[0].kind for value in (0.25, 0.5, 0.25)]
    assert kinds == ["revision", "restatement", "restatement"]
    assert list(history.heads(HistoryScores)) == [KEY]
    assert history.heads(HistoryScores)[KEY].revision == 3


def test_changed_rows_of_an_open_partition_are_a_revision(history: History):
    kinds = [
        record(history, entry(value, is_open=is_open))[0].kind for value, is_open in ((0.1, True), (0.2, True), (0.3, False), (0.4, False))
    ]
    assert kinds == ["revision", "revision", "revision", "restatement"]


def test_an_open_partition_is_attested_once_a_day(history: History):
    days = [NOON, NOON + dt.timedelta(hours=6), NOON + dt.timedelta(days=1)]
    assert [record(history, entry(0.1, is_open=True), as_of=day)[0].kind for day in days] == ["revision", "unchanged", "attestation"]
    assert [record(history, entry(0.1), as_of=day)[0].kind for day in days] == ["attestation", "unchanged", "unchanged"]


def test_refused_rows_leave_their_findings_and_nothing_else(history: History, clock: Clock):
    record(history, entry(0.25))
    why = (RULE.judge("week", False, why="a score is not a number"),)
    (receipt,) = record(history, entry(rows=None, findings=why))
    assert (receipt.kind, receipt.revision, receipt.content_sha256) == ("refusal", None, None)
    assert values(history) == [0.25]
    assert history.findings(HistoryScores)["outcome"].to_pylist() == ["fail"]
    assert record(history, entry(rows=None, findings=why))[0].kind == "unchanged"
    assert record(history, entry(0.25))[0].kind == "attestation"
    assert history.findings(HistoryScores)["outcome"].to_pylist() == ["pass"]


def test_a_refusal_may_be_the_first_thing_known(history: History):
    assert record(history, entry(rows=None))[0].kind == "refusal"
    assert history.heads(HistoryScores) == {}
    assert history.rows(HistoryScores).num_rows == 0
    assert record(history, entry(0.25))[0].revision == 1


def test_a_judgement_keeps_rows_inputs_and_openness(history: History, clock: Clock):
    inputs = (Input("observations", "truth.csv", 0, "a" * 64),)
    record(history, entry(0.25, inputs=inputs))
    clock.forward(hours=1)
    strict = entry(rows=None, findings=(RULE.judge("m0", False, 0.25, 0.1),), is_open=True)
    (receipt,) = history.judge([strict], provenance(policy_sha256="policy 2"))
    assert (receipt.kind, receipt.revision, receipt.row_count) == ("judgement", 1, 1)
    newest = history.ledger().to_pylist()[-1]
    assert (newest["is_open"], json.loads(newest["inputs"])[0]["partition_key"]) == (False, "truth.csv")
    assert history.findings(HistoryScores)["outcome"].to_pylist() == ["fail"]
    assert history.judge([strict], provenance(policy_sha256="policy 2"))[0].kind == "unchanged"
    head = history.heads(HistoryScores)[KEY]
    assert (head.recorded_at, head.attested_at) == (NOON, NOON + dt.timedelta(hours=1))
    assert record(history, entry(0.25, inputs=inputs, findings=strict.findings), policy_sha256="policy 2")[0].kind == "unchanged"


def test_nothing_can_be_judged_that_is_not_recorded(history: History):
    record(history, entry(0.25))
    other = WEEK + dt.timedelta(weeks=1)
    with pytest.raises(HistoryError, match=f"nothing is recorded to judge for history_scores {other}; materialise it first"):
        history.judge([entry(rows=None), entry(rows=None, week=other)], provenance(policy_sha256="policy 2"))
    with pytest.raises(HistoryError, match="a judgement has no rows"):
        history.judge([entry(0.25)], provenance())
    assert history.ledger().num_rows == 1


def test_an_empty_table_is_a_revision(history: History):
    record(history, entry())
    assert history.rows(HistoryScores).equals(SCHEMA.empty_table())
    assert history.heads(HistoryScores)[KEY].row_count == 0
    assert record(history, entry(0.5))[0].revision == 2


def test_many_partitions_are_one_commit(history: History):
    weeks = [WEEK + dt.timedelta(weeks=number) for number in range(208)]
    receipts = record(history, *(entry(number / 208, week=week) for number, week in enumerate(weeks)))
    assert len({receipt.recorded_at for receipt in receipts}) == 1
    assert history.ledger()["entry"].to_pylist() == list(range(1, 209))
    assert values(history) == [number / 208 for number in range(208)]
    changed = [entry(2.0 if number == 7 else number / 208, week=week) for number, week in enumerate(weeks)]
    assert [r.partition_key for r in record(history, *changed) if r.kind != "unchanged"] == [weeks[7].isoformat()]


def test_no_entries_are_no_commit(history: History):
    assert history.commit([], provenance()) == []


# ---------------------------------------------------------------- two clocks


def test_yesterdays_answer_stays_after_a_restatement(history: History, clock: Clock):
    record(history, entry(0.25))
    clock.forward(days=1)
    record(history, entry(0.5, findings=(RULE.judge("m0", False, 0.5, 0.4),)))
    assert (values(history, NOON), values(history)) == ([0.25], [0.5])
    assert history.heads(HistoryScores, as_of=NOON)[KEY].revision == 1
    assert history.findings(as_of=NOON)["outcome"].to_pylist() == ["pass"]
    assert history.ledger(as_of=NOON).num_rows == 1
    assert history.sql("SELECT score, revision FROM history_scores", as_of=NOON).to_pylist() == [{"score": 0.25, "revision": 1}]
    before = NOON - dt.timedelta(microseconds=1)
    assert values(history, before) == []
    assert history.heads(HistoryScores, as_of=before) == {}


def test_recorded_at_never_turns_back(history: History, clock: Clock, tmp_path: Path):
    record(history, entry(0.1))
    clock.forward(hours=-1)
    assert record(history, entry(0.2))[0].recorded_at == NOON + dt.timedelta(microseconds=1)
    with History.open(location(tmp_path), now=lambda: NOON - dt.timedelta(days=1)) as other:
        assert record(other, entry(0.3))[0].recorded_at == NOON + dt.timedelta(microseconds=2)
    assert record(history, entry(0.4))[0].recorded_at == NOON + dt.timedelta(microseconds=3)


def test_instants_need_a_time_zone(history: History):
    naive = NOON.replace(tzinfo=None)
    for call in (
        lambda: history.rows(HistoryScores, as_of=naive),
        lambda: history.heads(HistoryScores, as_of=naive),
        lambda: history.sql("SELECT 1", as_of=naive),
        lambda: record(history, entry(0.1), as_of=naive),
    ):
        with pytest.raises(HistoryError, match="has no time zone"):
            call()


WEEKS = st.sampled_from([WEEK + dt.timedelta(weeks=number) for number in range(3)])
STEP = st.tuples(
    st.dictionaries(WEEKS, st.one_of(st.none(), st.lists(st.sampled_from([0.0, 0.5, None, math.inf]), max_size=2)), max_size=3),
    st.booleans(),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=6), compact_after=st.integers(0, 6))
def test_history_agrees_with_a_plain_list(tmp_path_factory: pytest.TempPathFactory, steps: list, compact_after: int):
    """A model of the history: for every instant, the rows of each week as they stood then."""
    clock, folder = Clock(), tmp_path_factory.mktemp("model")
    current: dict[str, list] = {}
    revisions: dict[str, int] = {}
    seen: list[tuple[dt.datetime, dict[str, list], dict[str, int]]] = []
    with History.open(location(folder), now=clock) as history, History.open(location(folder), now=clock) as other:
        for number, (asked, by_other) in enumerate(steps):
            instant = clock.forward(hours=1)
            made = [entry(week=week, rows=None) if cells is None else entry(*cells, week=week) for week, cells in asked.items()]
            receipts = record(other if by_other else history, *made)
            for one, receipt in zip(asked.items(), receipts, strict=True):
                key, cells = one[0].isoformat(), one[1]
                if cells is not None and current.get(key) != cells:
                    current[key], revisions[key] = cells, revisions.get(key, 0) + 1
                    assert receipt.kind in ("revision", "restatement")
                if cells is not None:
                    assert receipt.revision == revisions[key]
            seen.append((instant, dict(current), dict(revisions)))
            if number == compact_after:
                history.compact()
        for instant, rows, numbers in seen:
            expected = [cell for key in sorted(rows) for cell in rows[key]]
            assert values(history, instant) == values(other, instant) == expected
            assert {key: head.revision for key, head in history.heads(HistoryScores, as_of=instant).items()} == numbers


def test_a_pinned_read_sees_one_state(history: History, tmp_path: Path):
    record(history, entry(0.1))
    with History.open(location(tmp_path)) as reader, reader.pinned():
        assert values(reader) == [0.1]
        record(history, entry(0.2))
        history.compact()
        assert (values(reader), reader.ledger().num_rows) == ([0.1], 1)
        with pytest.raises(HistoryError, match="leave the pinned block first"):
            record(reader, entry(0.3))
        with pytest.raises(HistoryError, match="leave the pinned block first"):
            reader.compact()
    assert values(history) == [0.2]


# ---------------------------------------------------------------- what is stored comes back


def extremes() -> list[dict[str, object]]:
    texts: list[str | None] = [*HOSTILE, None]
    numbers = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, None]
    integers = [2**63 - 1, -(2**63), 2**53 + 1, 0]
    days = [dt.date(1, 1, 1), dt.date(1900, 1, 1), dt.date(1969, 12, 31), dt.date(9999, 12, 31), None]
    instants = [
        dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999999, dt.UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999999, dt.UTC),
        None,
    ]
    return [
        {
            "week": WEEK,
            "model_id": f"m{number:02}",
            "score": numbers[number % len(numbers)],
            "n": integers[number % len(integers)],
            "is_best": bool(number % 2),
            "note": texts[number % len(texts)],
            "seen_at": instants[number % len(instants)],
            "seen_date": days[number % len(days)],
        }
        for number in range(40)
    ]


@pytest.mark.parametrize("cells", [0, 10**9], ids=["in files", "in the catalogue"])
@pytest.mark.parametrize("together", [True, False], ids=["in one insert", "one by one"])
def test_extreme_values_survive(history: History, monkeypatch: pytest.MonkeyPatch, cells: int, together: bool):
    monkeypatch.setattr(stores, "INLINED_CELLS", cells)
    monkeypatch.setattr(stores, "INLINED_BYTES", 10**9)
    rows = [row for row in extremes() if together or row["note"] in ("\0", "a\0b", "'", None)]
    weeks = [[row] for row in rows] if not together else [rows]
    for number, part in enumerate(weeks):
        week = WEEK + dt.timedelta(weeks=number)
        table = pa.Table.from_pylist([row | {"week": week} for row in part], schema=SCHEMA)
        record(history, entry(week=week, rows=table))
    expected = pa.Table.from_pylist(
        [row | {"week": WEEK + dt.timedelta(weeks=number)} for number, part in enumerate(weeks) for row in part], schema=SCHEMA
    )
    for _ in range(2):
        found = history.rows(HistoryScores)
        assert repr(found.to_pylist()) == repr(expected.to_pylist())  # repr tells −0.0 from 0.0, and lets not-a-number equal itself
        history.compact()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=4),
    numbers=st.lists(st.floats(), min_size=4, max_size=4),
    figure=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_text_and_number_survives(history: History, texts: list[str], numbers: list[float], figure: float):
    together = "".join(texts)
    rows = scores(*numbers[: len(texts)]).set_column(5, "note", pa.array(texts, pa.string()))
    finding = Finding(rule="r", subject=together, outcome="fail", severity="warn", value=figure, message=repr(texts), remedy=together)
    made = entry(rows=rows, findings=(finding,), code_version=together)
    (receipt,) = record(history, made, committed_by=together, run_id=together)
    found = history.rows(HistoryScores)
    assert repr(found.to_pylist()) == repr(rows.to_pylist())
    assert table_digest(found, HistoryScores.key) == receipt.content_sha256
    (told,) = history.findings().to_pylist()
    assert (told["subject"], repr(told["value"])) == (together, repr(figure))
    assert record(history, made)[0].kind == "unchanged"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_findings_and_provenance_survives(history: History, text: str):
    finding = Finding(
        rule=text, subject=text, outcome="unknown", severity="error", value=-0.0, limit=1e308, unit=text, message=text, remedy=text
    )
    record(
        history,
        entry(0.1, findings=(finding, finding), inputs=(Input(text, text, 0, text),)),
        run_id=text,
        committed_by=text,
        source_commands=(text,),
    )
    told = history.findings(HistoryScores, KEY).to_pylist()
    assert [one["message"] for one in told] == [text, text]
    assert [one["position"] for one in told] == [1, 2]
    (ledger,) = history.ledger().to_pylist()
    assert (ledger["run_id"], json.loads(ledger["source_commands"])) == (text, [text])


def test_unpaired_surrogates_become_escapes(history: History):
    # os.listdir gives such names for files whose names are not UTF-8; a finding names the file.
    finding = RULE.judge("caf\udce9.csv", False)
    record(history, entry(0.1, findings=(finding,), inputs=(Input("observations", "caf\udce9.csv", 0, "a"),)), committed_by="\udce9")
    assert history.findings()["subject"].to_pylist() == ["caf\\udce9.csv"]
    assert json.loads(history.ledger()["inputs"][0].as_py())[0]["partition_key"] == "caf\udce9.csv"


# ---------------------------------------------------------------- reads


def test_rows_can_be_asked_by_partition_and_by_name(history: History):
    later = WEEK + dt.timedelta(weeks=1)
    record(history, entry(0.1), entry(0.2, 0.3, week=later))
    assert history.rows("history_scores", [later.isoformat()]).equals(scores(0.2, 0.3, week=later))
    assert history.rows(HistoryScores, [KEY, later.isoformat()]).num_rows == 3
    assert history.rows(HistoryScores, []).num_rows == 0
    assert history.rows(HistoryScores, ["2020-01-06", "'", "a\0b"]).num_rows == 0
    assert list(history.heads("history_scores", [later.isoformat()])) == [later.isoformat()]


def test_rows_come_sorted_by_key(history: History):
    table = scores(*[number / 50 for number in range(50)])
    record(history, entry(rows=table.take(list(range(49, -1, -1)))))
    assert history.rows(HistoryScores)["model_id"].to_pylist() == sorted(table["model_id"].to_pylist())


def test_what_was_never_recorded_is_empty_or_unknown(history: History):
    assert history.rows(HistoryScores).equals(SCHEMA.empty_table())
    assert history.rows("history_manifest").column_names == ["name"]
    assert history.heads("history_manifest") == {}
    for ask in (history.rows, history.revisions):
        with pytest.raises(HistoryError, match="nothing was ever recorded as no_such; recorded are no artifacts"):
            ask("no_such")
    assert history.ledger().column_names[:4] == ["entry", "artifact", "partition_key", "revision"]
    assert history.findings(HistoryScores).num_rows == 0


def test_findings_are_the_newest_verdicts_unless_all_are_asked(history: History):
    record(history, entry(0.1), entry(0.2, week=WEEK + dt.timedelta(weeks=1)))
    record(history, entry(0.1, findings=(RULE.judge("m0", False), RULE.judge("m1", True))))
    assert history.findings(partition_key=KEY)["outcome"].to_pylist() == ["fail", "pass"]
    assert history.findings().num_rows == 3
    assert history.findings(all=True).num_rows == 4
    assert history.findings("history_manifest").num_rows == 0


def test_an_artifact_without_partitions_is_one(history: History):
    rows = pa.table({"name": ["b", "a"]})
    (receipt,) = record(history, Entry(HistoryManifest, "all", rows, (), (), "1", is_open=True))
    assert (receipt.partition_key, receipt.revision) == ("all", 1)
    assert history.rows("history_manifest")["name"].to_pylist() == ["a", "b"]
    with pytest.raises(HistoryError, match="history_manifest has no partitions, found 2025"):
        record(history, Entry(HistoryManifest, "2025", rows, (), (), "1", is_open=True))


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("key", ["", "a\0b", "a\nb", "x" * 201])
def test_odd_partition_keys_are_refused(history: History, key: str):
    with pytest.raises(HistoryError, match="printable characters"):
        record(history, entry(0.1, partition_key=key))


def test_rows_of_another_partition_are_refused(history: History):
    with pytest.raises(HistoryError, match="column week has rows of another partition"):
        record(history, entry(rows=scores(0.1, week=WEEK + dt.timedelta(weeks=1))))
    with pytest.raises(HistoryError, match="stands twice in one commit"):
        record(history, entry(0.1), entry(0.2))
    with pytest.raises(ContractViolation, match="column score"):
        record(history, entry(rows=scores(0.1).drop_columns(["score"])))
    assert history.ledger().num_rows == 0


def test_a_refused_commit_leaves_nothing_behind(history: History):
    record(history, entry(0.1))
    bad = make_contract([("week", dt.date, ...), ("revision", int, ...)], "history_clash")
    table = pa.table({"week": [WEEK], "revision": [1]})
    with pytest.raises(HistoryError, match="history_clash: revision is the history's own"):
        record(history, entry(0.5), Entry(bad, KEY, table, (), (), "1", is_open=False))
    assert (values(history), history.ledger().num_rows) == ([0.1], 1)
    assert record(history, entry(0.5))[0].revision == 2


# ---------------------------------------------------------------- contracts change


def make_contract(columns: list[tuple], artifact: str) -> type[Contract]:
    """A contract as a later version of the code would declare it, under the same name."""
    annotations = {name: kind if default is ... else kind | None for name, kind, default in columns}
    fields = {name: field("A column", null=None if default is ... else "not known") for name, _, default in columns}
    contracts._REGISTRY.pop(artifact, None)
    body = {"__annotations__": annotations, "__module__": __name__, "__qualname__": artifact, **fields}
    return type(Contract)(artifact, (Contract,), body, artifact=artifact, grain="week", key=("week",))


def evolving(*columns: tuple) -> type[Contract]:
    return make_contract([("week", dt.date, ...), *columns], "history_evolving")


def put(history: History, contract: type[Contract], week: dt.date = WEEK, **cells: object) -> Receipt:
    table = pa.Table.from_pylist([{"week": week, **cells}], schema=pa.schema([(c.name, c.type) for c in arrow_schema(contract)]))
    return record(history, Entry(contract, week.isoformat(), table, (), (), "1", is_open=False))[0]


def test_a_contract_may_gain_nullable_columns(history: History, clock: Clock):
    later = WEEK + dt.timedelta(weeks=1)
    put(history, evolving(("a", float, ...)), a=1.0)
    clock.forward(hours=1)
    grown = evolving(("b", str, None), ("a", float, ...))
    assert history.rows(grown).to_pylist() == [{"week": WEEK, "b": None, "a": 1.0}]
    put(history, grown, later, a=2.0, b="new")
    expected = [{"week": WEEK, "b": None, "a": 1.0}, {"week": later, "b": "new", "a": 2.0}]
    assert history.rows(grown).to_pylist() == expected
    history.compact()
    assert history.rows(grown).to_pylist() == expected
    assert history.rows(grown, as_of=NOON).to_pylist() == expected[:1]
    assert put(history, grown, later, a=2.0, b="new").kind == "unchanged"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((("a", float, ...), ("b", str, ...)), "column b is new and has no value in what is recorded; declare it nullable"),
        ((), "column a is recorded but no longer declared; keep it, nullable, in the contract"),
        ((("a", str, ...),), "column a is recorded as double, declared as string; give the new one another name"),
    ],
)
def test_a_contract_may_not_rewrite_the_past(history: History, columns: tuple, message: str):
    put(history, evolving(("a", float, ...)), a=1.0)
    changed = evolving(*columns)
    with pytest.raises(HistoryError, match=message):
        put(
            history,
            changed,
            WEEK + dt.timedelta(weeks=1),
            **{name: "x" for name, _, _ in columns if changed.model_fields[name].annotation is str}
            | ({"a": 2.0} if len(columns) == 2 else {}),
        )
    assert history.sql("SELECT count(*) AS n FROM history_evolving").to_pylist() == [{"n": 1}]


# ---------------------------------------------------------------- queries


def test_sql_sees_every_artifact_the_ledger_and_the_findings(history: History, clock: Clock):
    record(history, entry(0.1))
    clock.forward(hours=1)
    record(history, entry(0.2))
    answer = history.sql("SELECT score, partition_key, revision, recorded_at FROM history_scores").to_pylist()
    assert answer == [{"score": 0.2, "partition_key": KEY, "revision": 2, "recorded_at": NOON + dt.timedelta(hours=1)}]
    assert history.sql("FROM ledger SELECT kind ORDER BY entry")["kind"].to_pylist() == ["revision", "restatement"]
    assert history.sql("SELECT is_current FROM findings ORDER BY entry")["is_current"].to_pylist() == [False, True]
    assert history.sql("SHOW TABLES")["name"].to_pylist() == ["alerts", "findings", "history_scores", "ledger", "policies", "seals"]
    assert "score" in history.sql("DESCRIBE history_scores")["column_name"].to_pylist()
    assert history.sql("SELECT n FROM query_table('led' || 'ger'), (SELECT count(*) AS n FROM HISTORY_SCORES)").num_rows == 2
    assert history.sql("WITH x AS (SELECT 1 AS a) SELECT a FROM x; ").to_pylist() == [{"a": 1}]


HOSTILE_QUERIES = [
    "DELETE FROM ledger",
    "UPDATE ledger SET kind = 'revision'",
    "INSERT INTO ledger SELECT * FROM ledger",
    "DROP TABLE ledger",
    "DROP VIEW ledger",
    "CREATE TABLE t AS SELECT 1",
    "ALTER TABLE ledger ADD COLUMN x INT",
    "TRUNCATE ledger",
    "COPY (SELECT 1) TO '{folder}/stolen.csv'",
    "COPY ledger TO '{folder}/stolen.csv'",
    "EXPORT DATABASE '{folder}/stolen'",
    "ATTACH '{folder}/catalog.sqlite' AS c (TYPE sqlite)",
    "ATTACH '{folder}/new.duckdb'",
    "DETACH history",
    "INSTALL httpfs",
    "LOAD sqlite_scanner",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA enable_logging",
    "CALL pragma_version()",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "USE history",
    "EXPLAIN ANALYZE DELETE FROM ledger",
    "PREPARE p AS DELETE FROM ledger",
    "SELECT 1; DROP TABLE ledger",
    "SELECT 1; SELECT 2",
    "",
    "-- nothing",
    "SELEC 1",
    "SELECT * FROM '{folder}/secret.csv'",
    "SELECT * FROM read_csv('{folder}/secret.csv')",
    "SELECT * FROM read_text('{folder}/secret.csv')",
    "SELECT * FROM read_blob('/etc/hostname')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM read_parquet('{folder}/files/**/*.parquet')",
    "SELECT * FROM sqlite_scan('{folder}/catalog.sqlite', 'ducklake_snapshot')",
    "SELECT * FROM sqlite_query('history', 'DELETE FROM ducklake_snapshot')",
    "SELECT * FROM ducklake_flush_inlined_data('history')",
    "SELECT * FROM ducklake_expire_snapshots('history', older_than => now())",
    "SELECT * FROM history.ledger",
    "SELECT * FROM __ducklake_metadata_history.ducklake_snapshot",
    "SELECT * FROM 'https://localhost/x.parquet'",
    "SELECT * FROM no_such_table",
    "SELECT * FROM HOSTILE_QUERIES",
    "SELECT * FROM answer_of_the_caller",
    "WITH gone AS (DELETE FROM ledger RETURNING *) SELECT * FROM gone",
]


@pytest.mark.parametrize("query", HOSTILE_QUERIES)
def test_sql_reads_and_nothing_else(history: History, tmp_path: Path, query: str):
    record(history, entry(0.1))
    answer_of_the_caller = pa.table({"a": [1]})
    (tmp_path / "secret.csv").write_text("a\n1\n")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(QueryError):
        history.sql(query.format(folder=tmp_path))
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert (values(history), history.ledger().num_rows, answer_of_the_caller.num_rows) == ([0.1], 1, 1)


# ---------------------------------------------------------------- opening, compacting, moving


def test_reading_needs_a_history_and_writing_needs_more_than_reading(tmp_path: Path):
    with pytest.raises(HistoryError, match="there is no history at"):
        History.open(location(tmp_path), read_only=True)
    with History.open(location(tmp_path)) as history:
        record(history, entry(0.1))
    with History.open(location(tmp_path), read_only=True) as reader:
        assert values(reader) == [0.1]
        with pytest.raises(HistoryError, match="was opened read-only"):
            record(reader, entry(0.2))
        with pytest.raises(HistoryError, match="was opened read-only"):
            reader.compact()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HistoryError, match="the history at ducklake:sqlite:.* cannot be opened"):
        History.open(location(tmp_path / "file" / "below"))


@pytest.mark.parametrize("text", ["host=x password=geheim user=y", "host=x password = 'geh eim' user=y", "postgresql://me:geheim@host/db"])
def test_passwords_are_never_shown(text: str):
    shown = commit_lock.without_secrets(f"cannot open {text}")
    assert "geh" not in shown
    assert "***" in shown
    with pytest.raises(HistoryError, match="a history at postgres needs a data path"):
        History.open(f"ducklake:postgres:{text}")


@pytest.mark.parametrize("place", ["catalog.sqlite", "sqlite:x", "ducklake:mysql:x", "ducklake:sqlite:", ""])
def test_odd_locations_are_refused(place: str):
    with pytest.raises(HistoryError, match="expected ducklake:sqlite:PATH or ducklake:postgres:CONNECTION"):
        History.open(place)


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path):
    (tmp_path / "catalog.sqlite").write_bytes(b"no database, this" * 1000)
    with pytest.raises(HistoryError, match="cannot be opened"):
        History.open(location(tmp_path))


def test_folder_names_may_be_odd_and_the_whole_may_be_moved(tmp_path: Path):
    folder = tmp_path / 'it\'s a "folder" ; ünï'
    with History.open(location(folder)) as history:
        record(history, entry(*range(400)), entry(0.5, week=WEEK + dt.timedelta(weeks=1)))
    moved = folder.rename(tmp_path / "moved")
    with History.open(location(moved)) as history:
        assert history.rows(HistoryScores).num_rows == 401
        assert record(history, entry(*range(400)))[0].kind == "unchanged"


def test_data_may_lie_elsewhere(tmp_path: Path):
    with History.open(location(tmp_path / "catalogue"), str(tmp_path / "elsewhere")) as history:
        record(history, entry(*range(400)))
        assert list((tmp_path / "elsewhere").rglob("*.parquet"))
        assert not list((tmp_path / "catalogue").rglob("*.parquet"))


def test_compaction_changes_no_answer(history: History, tmp_path: Path, clock: Clock):
    for number in range(12):
        clock.forward(hours=1)
        record(history, entry(*([number / 10] * (400 if number % 2 else 3))))
    instants = [NOON + dt.timedelta(hours=number) for number in range(13)]
    before = [(values(history, instant), history.ledger(as_of=instant), history.findings(as_of=instant)) for instant in instants]
    history.compact()
    history.compact()
    assert [(values(history, instant), history.ledger(as_of=instant), history.findings(as_of=instant)) for instant in instants] == before
    with sqlite3.connect(tmp_path / "catalog.sqlite") as catalogue:
        live = catalogue.execute("SELECT count(*) FROM ducklake_data_file WHERE end_snapshot IS NULL").fetchone()[0]
    assert live <= 6  # two tables and one artifact, each in one file or in few
    record(history, entry(0.7))
    assert values(history) == [0.7]


def test_orphans_are_removed_only_when_old(history: History, tmp_path: Path):
    record(history, entry(*range(400)))
    orphan = tmp_path / "files" / "main" / "history_scores" / "ducklake-00000000-0000-7000-8000-000000000000.parquet"
    orphan.write_bytes(next(iter((tmp_path / "files").rglob("*.parquet"))).read_bytes())
    history.compact()
    assert orphan.exists()


def test_rows_leave_the_catalogue_by_themselves(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("governance_assets.runtime.recorder.ENTRIES_BETWEEN_FLUSHES", 4)
    for number in range(9):
        record(history, entry(number / 10))
    assert list((tmp_path / "files").rglob("*.parquet"))
    assert values(history) == [0.8]
    assert history.heads(HistoryScores)[KEY].revision == 9


# ---------------------------------------------------------------- conflicts, locks, processes


def test_a_held_lock_is_waited_for_and_then_named(tmp_path: Path):
    with History.open(location(tmp_path)) as holder, History.open(location(tmp_path), lock_wait_s=0.2) as waiting:
        with holder._store.exclusive(), pytest.raises(HistoryBusy, match="another process has held .*catalog.sqlite.lock for 0.2 s"):
            record(waiting, entry(0.1))
        assert record(waiting, entry(0.1))[0].kind == "revision"


def test_a_passing_conflict_is_tried_again(history: History, monkeypatch: pytest.MonkeyPatch):
    failures = iter([duckdb.TransactionException("database is locked"), duckdb.TransactionException("Transaction conflict")])
    describe = history._store.describe

    def fail_twice(author: str, message: str, mark: str) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        describe(author, message, mark)

    monkeypatch.setattr(history._store, "describe", fail_twice)
    assert record(history, entry(0.1))[0].revision == 1
    assert (values(history), history.ledger().num_rows) == ([0.1], 1)


def test_a_lasting_conflict_is_an_error_and_leaves_nothing(history: History, monkeypatch: pytest.MonkeyPatch):
    def fail(author: str, message: str, mark: str) -> None:
        raise duckdb.TransactionException("database is locked")

    monkeypatch.setattr(stores, "COMMIT_ATTEMPTS", 2)
    with monkeypatch.context() as broken:
        broken.setattr(history._store, "describe", fail)
        with pytest.raises(HistoryBusy, match=r"history_scores \(2025-11-03\) could not be recorded in 2 attempts: .*try again later"):
            record(history, entry(0.1))
    assert history.ledger().num_rows == 0
    assert record(history, entry(0.1))[0].revision == 1


def test_an_interrupted_commit_leaves_nothing(history: History, monkeypatch: pytest.MonkeyPatch):
    def interrupt(author: str, message: str, mark: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(history._store, "describe", interrupt)
        with pytest.raises(KeyboardInterrupt):
            record(history, entry(0.1))
    assert history.ledger().num_rows == 0
    assert record(history, entry(0.1))[0].revision == 1


def test_two_open_histories_number_on_from_each_other(history: History, tmp_path: Path):
    with History.open(location(tmp_path)) as other:
        for number in range(6):
            assert record(other if number % 2 else history, entry(number / 10))[0].revision == number + 1
    assert history.ledger()["entry"].to_pylist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("note", ["", "{", "[1]", "{}", '{"mark": "of another history", "entries": []}', "\0"])
def test_what_was_handed_over_may_be_torn_or_foreign(history: History, tmp_path: Path, note: str):
    with History.open(location(tmp_path)) as other:
        record(history, entry(0.1))
        assert record(other, entry(0.2))[0].revision == 2
        (tmp_path / "catalog.sqlite.recent").write_text(note)
        assert record(history, entry(0.3))[0].revision == 3
        (tmp_path / "catalog.sqlite.recent").unlink()
        assert record(other, entry(0.4))[0].revision == 4


def test_what_was_handed_over_must_be_of_the_present_state(history: History, tmp_path: Path):
    recent = tmp_path / "catalog.sqlite.recent"
    with History.open(location(tmp_path)) as other:
        record(history, entry(0.1))
        stale = recent.read_text()
        record(history, entry(0.2))
        recent.write_text(stale)  # as after a kill between a commit and what follows it
        assert record(other, entry(0.2))[0].kind == "unchanged"
        history.compact()
        assert record(other, entry(0.3))[0].revision == 3


def test_whoever_is_far_behind_asks_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("governance_assets.runtime.recorder.RECENT_ENTRIES", 2)
    weeks = [WEEK + dt.timedelta(weeks=number) for number in range(4)]
    with History.open(location(tmp_path)) as ahead, History.open(location(tmp_path)) as behind:
        record(behind, entry(0.0, week=weeks[0]))
        for number in range(1, 5):
            record(ahead, *(entry(number / 10, week=week) for week in weeks[number % 2 :]))
            assert record(ahead, entry(number, week=weeks[number % 4]))[0].kind != "unchanged"
        expected = {key: head.revision for key, head in ahead.heads(HistoryScores).items()}
        receipts = record(behind, *(entry(9.0, week=week) for week in weeks))
        assert {receipt.partition_key: receipt.revision - 1 for receipt in receipts} == expected


def test_threads_of_one_process_do_not_get_in_each_others_way(history: History, tmp_path: Path):
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with History.open(location(tmp_path)) as own:
                for step in range(5):
                    record(own, entry(number + step / 10))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert history.heads(HistoryScores)[KEY].revision == 15


def test_a_commit_follows_a_refusal(tmp_path: Path) -> None:
    """A partition that was only ever refused has no first revision, and the next committer must cope with that."""
    with History.open(f"ducklake:sqlite:{tmp_path / 'catalog.sqlite'}") as history:
        record(history, entry(week=dt.date(2025, 11, 3), rows=None))
        record(history, entry(0.5, week=dt.date(2025, 11, 10)))
        record(history, entry(0.25, week=dt.date(2025, 11, 3)))
        assert {key: head.revision for key, head in history.heads(HistoryScores).items()} == {"2025-11-03": 1, "2025-11-10": 1}
