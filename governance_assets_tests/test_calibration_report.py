"""The page of calibration says what the recorded rows say, sorted, and in shapes the site can draw."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import empty
from governance_assets.domains.calibration import contracts, report, rules
from governance_assets.pages import plots
from governance_assets.pages.model import page_from
from governance_assets_tests.calibration_data import calibration, season

AS_OF = dt.datetime(2024, 12, 31, tzinfo=dt.UTC)
POLICY = calibration()
CONTRACTS = (contracts.CalibrationMetrics, contracts.CalibrationCurve)


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    """Forty weeks of three models."""
    return season()


def _findings(tables: dict[str, pa.Table]) -> pa.Table:
    week = pc.max(tables["calibration_metrics"]["week"])
    newest = tables["calibration_metrics"].filter(pc.equal(tables["calibration_metrics"]["week"], week))
    judged = rules.judge_calibration_metrics(newest, POLICY, str(week.as_py()), None)
    return pa.Table.from_pylist(
        [{"artifact": "calibration_metrics", "partition_key": str(week.as_py()), **one.model_dump()} for one in judged]
    )


def test_the_page_can_be_drawn_and_says_what_is_recorded(tables: dict[str, pa.Table]) -> None:
    page = page_from(report.page(tables, _findings(tables), AS_OF))
    titles = [section.title for section in page.sections]
    assert titles == ["Coverage: all", "Reliability: all", "Scores: all", "Release gate"]
    assert "2024-09-30" in page.intro
    for section in page.sections:
        for plot in section.plots:
            assert plots.svg(plot).startswith("<svg")


def test_the_worst_verdict_stands_first(tables: dict[str, pa.Table]) -> None:
    page = page_from(report.page(tables, _findings(tables), AS_OF))
    table = page.sections[0].table
    assert table is not None
    verdicts = {row[0]: row[1] for row in table.rows}
    coverage = {row[0]: row[2] for row in table.rows}
    assert coverage == {"narrow": 0.0, "right": 0.8, "wide-baseline": 1.0}
    assert (verdicts["narrow"], verdicts["right"]) == ("fail", "pass")
    assert [row[0] for row in table.rows][0] == "narrow"


def test_the_gate_shows_each_condition(tables: dict[str, pa.Table]) -> None:
    table = page_from(report.page(tables, _findings(tables), AS_OF)).sections[3].table
    assert table is not None
    gate = {row[0]: row for row in table.rows}["narrow (quantile), all"]
    assert gate[1:3] == (0.0, "fail")
    assert {gate[4], gate[6]} <= {"pass", "fail"}


def test_equal_rows_give_an_equal_page(tables: dict[str, pa.Table]) -> None:
    shuffled = {name: table.take(pa.array(range(table.num_rows - 1, -1, -1))) for name, table in tables.items()}
    assert report.page(tables, _findings(tables), AS_OF) == report.page(shuffled, _findings(tables), AS_OF)


def test_a_home_without_weeks_has_a_page() -> None:
    nothing = {contract.artifact: empty(contract) for contract in CONTRACTS}
    schema = pa.schema([("artifact", pa.string()), ("partition_key", pa.string()), ("rule", pa.string()), ("subject", pa.string())])
    page = page_from(report.page(nothing, schema.empty_table(), AS_OF))
    assert [section.title for section in page.sections] == ["Release gate"]
    assert "No week is recorded yet" in page.intro


def test_headlines_are_one_figure(tables: dict[str, pa.Table]) -> None:
    metrics = tables["calibration_metrics"]
    newest = metrics.filter(pc.equal(metrics["week"], pc.max(metrics["week"])))
    assert report.headline_of_metrics(newest) == ("median_coverage_80", 0.8, "fraction")
    assert report.headline_of_metrics(empty(contracts.CalibrationMetrics))[1] is None


def test_inline_plots_fit_beside_a_materialization(tables: dict[str, pa.Table]) -> None:
    drawn = report.metric_plots(tables.__getitem__) | report.curve_plots(tables.__getitem__)
    assert set(drawn) == {"coverage_over_time", "reliability"}
    for plot in drawn.values():
        assert len(plots.markdown_image(plots.svg(plot, plots.NARROW))) < plots.MAX_IMAGE_BYTES
