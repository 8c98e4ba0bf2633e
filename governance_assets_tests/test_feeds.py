"""Record feeds as they are declared: every column is described, arrives under names of its own, and dates can be found."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import ContractError, arrow_schema, columns
from governance_assets.feeds import OWN, RECORD_FEEDS, Row, arrivals, newest, snapshot
from governance_assets.feeds.base import cell

FEEDS = sorted(RECORD_FEEDS)


def test_the_feeds_that_later_domains_read_are_there() -> None:
    assert set(FEEDS) == {
        *("plan_items", "plan_transitions", "plan_notes", "cost_entries", "commits", "issue_events"),
        *("milestone_events", "evidence_files", "test_runs", "model_runs", "latency_samples", "model_registrations"),
        *("allocator_proposals", "media_results", "feature_catalog", "critic_results", "variance_reports", "review_events"),
        *("decisions", "actions", "approvals", "challenges", "risk_register", "stakeholder_signals"),
    }


@pytest.mark.parametrize("feed", FEEDS)
def test_every_column_says_what_it_is(feed: str) -> None:
    row = RECORD_FEEDS[feed]
    assert (row.__doc__ or "").strip()
    assert row.feed == feed
    for column in columns(row):
        assert column.description
        assert bool(column.null) == column.is_nullable


@pytest.mark.parametrize("feed", FEEDS)
def test_a_column_names_itself_first_and_no_word_leads_nowhere(feed: str) -> None:
    for arrival in arrivals(RECORD_FEEDS[feed]):
        assert arrival.names[0] == arrival.column.name
        assert len(set(arrival.names)) == len(arrival.names)
        assert all(name == name.lower() for name in arrival.names)
        assert set(arrival.words.values()) <= set(arrival.column.choices)
        if arrival.default is not None and arrival.column.choices:
            assert arrival.default in arrival.column.choices


@pytest.mark.parametrize("feed", FEEDS)
def test_dates_are_days_or_instants_and_no_name_is_a_column_of_another_meaning(feed: str) -> None:
    row = RECORD_FEEDS[feed]
    kinds = {field.name: field.type for field in arrow_schema(row)}
    assert all(kinds[name] in (pa.date32(), pa.timestamp("us", tz="UTC")) for name in row.dated)
    assert tuple(kinds)[: len(OWN)] == OWN


@pytest.mark.parametrize("feed", FEEDS)
def test_columns_need_no_quotation_marks_in_sql(feed: str) -> None:
    names = arrow_schema(RECORD_FEEDS[feed]).names
    with duckdb.connect() as con:
        con.register("rows_of_feed", arrow_schema(RECORD_FEEDS[feed]).empty_table())
        for name in names:
            con.execute(f"SELECT {name}, max({name}) OVER (PARTITION BY {name} ORDER BY {name}) FROM rows_of_feed WHERE {name} IS NULL")


def test_a_row_class_that_lacks_something_is_refused() -> None:
    with pytest.raises(ContractError, match="name its feed"):
        type(Row)("Nameless", (Row,), {"__module__": __name__})
    with pytest.raises(ContractError, match="nowhere is not declared"):
        type(Row)("Keyless", (Row,), {"__module__": __name__}, feed="x", folder="x", key=("nowhere",), dated=("date",))
    body = {"__module__": __name__, "__annotations__": {"a": str | None}, "a": cell("A")}
    with pytest.raises(ContractError, match="say what null means in a"):
        type(Row)("Silent", (Row,), body, feed="x", folder="x", key=("date",), dated=("date",))
    assert "x" not in RECORD_FEEDS


def test_the_newest_version_of_each_key_and_the_newest_snapshot() -> None:
    with duckdb.connect() as con:
        con.execute(
            """
            CREATE TABLE plan_items AS
            SELECT day::DATE AS date, NULL::TIMESTAMPTZ AS instant, NULL::DATE AS as_of, 'p' AS plan, 'task' AS kind, item_id, status
            FROM (VALUES ('2025-11-03', 'a', 'todo'), ('2025-11-03', 'b', 'todo'), ('2025-11-10', 'a', 'done'), ('2025-11-17', 'a', 'todo'))
                AS t(day, item_id, status)"""
        )
        until = "DATE '2025-11-16'"
        of_each = con.execute(f"SELECT item_id, status FROM ({newest('plan_items', 'plan_items', until=until)}) ORDER BY 1").fetchall()
        of_last = con.execute(f"SELECT item_id, status FROM ({snapshot('plan_items', 'plan_items', until=until)}) ORDER BY 1").fetchall()
    assert of_each == [("a", "done"), ("b", "todo")]
    assert of_last == [("a", "done")]
