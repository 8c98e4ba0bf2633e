"""The page of scores says what the recorded rows say, sorted, and in shapes the site can draw."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import empty
from governance_assets.domains.scores import contracts, report, rules
from governance_assets.pages import plots
from governance_assets.pages.model import page_from
from governance_assets_tests.calibration_data import season

AS_OF = dt.datetime(2024, 12, 31, tzinfo=dt.UTC)
NOTHING = pa.schema([(name, pa.string()) for name in ("artifact", "partition_key", "rule", "subject")]).empty_table()


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    """Forty weeks of a narrow model, one that is right and a baseline that is too wide."""
    return season()


def _findings(tables: dict[str, pa.Table]) -> pa.Table:
    scores = tables["forecast_scores"]
    week = pc.max(scores["week"]).as_py()
    judged = rules.judge_forecast_scores(scores.filter(pc.equal(scores["week"], week)), None, str(week))
    return pa.Table.from_pylist([{"artifact": "forecast_scores", "partition_key": str(week), **one.model_dump()} for one in judged])


def test_the_page_can_be_drawn_and_says_what_is_recorded(tables: dict[str, pa.Table]) -> None:
    page = page_from(report.page(tables, _findings(tables), AS_OF))
    assert [section.title for section in page.sections] == ["Intervals: all", "What scores rest on"]
    assert "2024-09-30" in page.intro
    (plot,) = page.sections[0].plots
    assert plots.svg(plot).startswith("<svg")
    table = page.sections[0].table
    assert table is not None
    assert [(row[0], row[2], row[3], row[4]) for row in table.rows] == [
        ("narrow", 0.4, 10, 10),
        ("right", 8.0, 10, 10),
        ("wide-baseline", 18.0, 10, 10),
    ]


def test_what_scores_rest_on_is_told_model_by_model(tables: dict[str, pa.Table]) -> None:
    table = page_from(report.page(tables, _findings(tables), AS_OF)).sections[-1].table
    assert table is not None
    assert [row[:3] for row in table.rows] == [
        ("observed", "week 2024-09-30", "pass"),
        ("levels", "narrow", "pass"),
        ("levels", "right", "pass"),
        ("levels", "wide-baseline", "pass"),
    ]


def test_equal_rows_give_an_equal_page(tables: dict[str, pa.Table]) -> None:
    shuffled = {name: table.take(pa.array(range(table.num_rows - 1, -1, -1))) for name, table in tables.items()}
    assert report.page(tables, _findings(tables), AS_OF) == report.page(shuffled, _findings(tables), AS_OF)


def test_a_home_without_weeks_has_a_page() -> None:
    nothing = {one.artifact: empty(one) for one in (contracts.ForecastScores, contracts.IntervalScores)}
    page = page_from(report.page(nothing, NOTHING, AS_OF))
    assert [section.title for section in page.sections] == ["What scores rest on"]
    assert "No week is recorded yet" in page.intro


def test_the_headline_is_the_mean_score(tables: dict[str, pa.Table]) -> None:
    name, value, _ = report.headline_of_scores(tables["forecast_scores"])
    assert name == "mean_wis"
    assert value is not None
    assert value > 0
    assert report.headline_of_scores(empty(contracts.ForecastScores))[1] is None
