"""The page of skill says what the recorded rows say, sorted, and in shapes the site can draw."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from governance_assets.contract import empty
from governance_assets.domains.skill import contracts, report
from governance_assets.pages import plots
from governance_assets.pages.model import page_from
from governance_assets_tests.calibration_data import season

AS_OF = dt.datetime(2024, 12, 31, tzinfo=dt.UTC)
NOTHING = pa.schema([(name, pa.string()) for name in ("artifact", "partition_key", "rule", "subject")]).empty_table()


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    """Forty weeks of a narrow model, one that is right and a baseline that is too wide."""
    return season()


def test_the_page_can_be_drawn_and_says_what_is_recorded(tables: dict[str, pa.Table]) -> None:
    page = page_from(report.page(tables, NOTHING, AS_OF))
    assert [section.title for section in page.sections] == ["Skill: all"]
    assert "2024-09-30" in page.intro
    (plot,) = page.sections[0].plots
    assert plots.svg(plot).startswith("<svg")
    assert [(one.name, len(one.x)) for one in plot.series] == [("right", 40), ("wide-baseline", 40), ("narrow", 40)]


def test_the_baseline_is_named_and_scaled_to_one(tables: dict[str, pa.Table]) -> None:
    table = page_from(report.page(tables, NOTHING, AS_OF)).sections[0].table
    assert table is not None
    assert "Baseline: wide-baseline" in table.note
    assert {row[3] for row in table.rows if row[1] == "wide-baseline"} == {1.0}
    assert [row[0] for row in table.rows] == sorted(row[0] for row in table.rows)


def test_equal_rows_give_an_equal_page(tables: dict[str, pa.Table]) -> None:
    shuffled = {name: table.take(pa.array(range(table.num_rows - 1, -1, -1))) for name, table in tables.items()}
    assert report.page(tables, NOTHING, AS_OF) == report.page(shuffled, NOTHING, AS_OF)


def test_a_home_without_weeks_has_a_page() -> None:
    page = page_from(report.page({"relative_skill": empty(contracts.RelativeSkill)}, NOTHING, AS_OF))
    assert page.sections == ()
    assert "No week is recorded yet" in page.intro


def test_the_headline_is_the_best_model_against_the_baseline(tables: dict[str, pa.Table]) -> None:
    name, value, _ = report.headline_of_skill(tables["relative_skill"])
    assert name == "best_scaled_relative_skill"
    assert value is not None
    assert value < 1
    assert report.headline_of_skill(empty(contracts.RelativeSkill))[1] is None
