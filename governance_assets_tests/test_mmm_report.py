"""The page of media-mix models says what the recorded rows say, in shapes the site can draw."""

from __future__ import annotations

import datetime as dt

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import conform, empty
from governance_assets.domains.mmm import facts_backtests, facts_predictions, report, rules
from governance_assets.domains.mmm.contracts import MediaContributions, MediaPredictions, MmmBacktest, RefitStability, SavedRuns
from governance_assets.finding import Finding
from governance_assets.pages import plots
from governance_assets.pages.model import Page, page_from
from governance_assets.policy import MmmPolicy
from governance_assets_tests.mmm_data import WEEKS, media_table, monday, nobody
from governance_assets_tests.mmm_refits import two_tenants

AS_OF = dt.datetime(2025, 10, 6, tzinfo=dt.UTC)
POLICY = MmmPolicy(engines=("bayes", "seasonal_naive", "trailing_mean"), rolling=(), refit_every_weeks=26, chains=2, draws=64)
NEWEST = monday(WEEKS - 1)


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    con = duckdb.connect()
    con.register("media", media_table(tenants=2))
    weeks = [monday(place) for place in range(WEEKS)]
    predictions = conform(MediaPredictions, facts_predictions.media_predictions(con, "media", None, weeks, POLICY, nobody))
    con.register("predictions", predictions)
    return {
        "media_predictions": predictions,
        "mmm_backtest": conform(MmmBacktest, facts_backtests.mmm_backtest(con, "predictions", weeks[-3:], POLICY)),
        "refit_stability": two_tenants().stability,
        "media_contributions": two_tenants().contributions,
        "saved_runs": empty(SavedRuns),
    }


def recorded(findings: list[Finding]) -> pa.Table:
    rows = [finding.model_dump() | {"partition_key": str(NEWEST)} for finding in findings]
    return pa.Table.from_pylist(rows) if rows else pa.table({"partition_key": pa.array([], pa.string()), "rule": pa.array([], pa.string())})


@pytest.fixture(scope="module")
def page(tables: dict[str, pa.Table]) -> Page:
    newest = tables["mmm_backtest"].filter(pc.equal(tables["mmm_backtest"]["week"], NEWEST))
    return page_from(report.page(tables, recorded(rules.judge_mmm_backtest(newest, POLICY, str(NEWEST))), AS_OF))


def test_the_page_names_its_week_and_draws_every_plot(tables: dict[str, pa.Table], page: Page) -> None:
    assert f"Newest week: {NEWEST}" in page.intro
    described = report.page(tables, recorded([]), AS_OF)["sections"]
    drawn = [plots.svg(plot, plots.NARROW) for section in described for plot in [section.get("plot"), *section.get("plots", [])] if plot]
    assert len(drawn) == 7
    assert all(text.startswith("<svg") for text in drawn)


def test_every_tenant_is_accepted_or_not(page: Page) -> None:
    table = page.sections[0].table
    assert table is not None
    assert [row[0] for row in table.rows] == ["tenant-0", "tenant-1"]
    assert all(row[1] > 0 and row[2] == "pass" for row in table.rows)
    assert "the fleet meets" in page.sections[0].text


def test_backtests_stand_with_the_best_first(page: Page) -> None:
    table = page.sections[1].table
    assert table is not None
    assert len(table.rows) == 6
    assert table.rows[0][:3] == ("tenant-0", "Bayesian, averaged over curves", 26)


def test_the_headlines(tables: dict[str, pa.Table]) -> None:
    name, value, unit = report.headline_of_backtest(tables["mmm_backtest"])
    assert (name, unit) == ("median_wmape", "fraction")
    assert isinstance(value, float)
    assert 0 < value < 0.1
    assert report.headline_of_predictions(tables["media_predictions"]) == ("tenants_predicted", 2, None)
    assert report.headline_of_backtest(empty(MmmBacktest)) == ("median_wmape", None, "fraction")


def test_returns_are_drawn_refit_by_refit_and_say_what_they_assume(page: Page) -> None:
    section = page.sections[3]
    assert [plot.kind for plot in section.plots] == ["intervals", "intervals"]
    assert "assuming no unmeasured confounding" in section.text
    assert all("assuming no unmeasured confounding" in plot.subtitle for plot in section.plots)
    assert section.table is not None
    assert [row[1] for row in section.table.rows if row[0] == "tenant-1"] == ["search", "video", "price"]


def test_headlines_and_plots_of_refits(tables: dict[str, pa.Table]) -> None:
    assert report.headline_of_draws(two_tenants().draws) == ("tenants_refitted", 2, None)
    name, value, unit = report.headline_of_stability(two_tenants().stability)
    assert (name, unit) == ("largest_roi_move", "fraction")
    assert value is not None
    assert value > 0
    assert list(report.stability_plots(tables.__getitem__)) == ["roi_by_refit"]
    assert report.headline_of_stability(empty(RefitStability)) == ("largest_roi_move", None, "fraction")
    assert report.stability_plots(lambda _: empty(RefitStability)) == {}


def test_the_plot_beside_a_materialization(tables: dict[str, pa.Table]) -> None:
    assert list(report.backtest_plots(tables.__getitem__)) == ["improvement_over_time"]
    assert report.backtest_plots(lambda _: empty(MmmBacktest)) == {}


def test_a_page_without_rows_says_so() -> None:
    nothing = {
        "media_predictions": empty(MediaPredictions),
        "mmm_backtest": empty(MmmBacktest),
        "refit_stability": empty(RefitStability),
        "media_contributions": empty(MediaContributions),
        "saved_runs": empty(SavedRuns),
    }
    page = page_from(report.page(nothing, recorded([]), AS_OF))
    assert "No week is predicted yet" in page.intro
    assert [section.text for section in page.sections] == [
        "Nothing is judged yet.",
        "No backtest is recorded yet.",
        "Nothing is predicted yet.",
        "No refit is recorded yet.",
        "No contribution is recorded yet.",
        "No line of a backtest has an improvement yet.",
        "No saved run of another engine is in media_results/; README says how to export one.",
    ]


def test_the_inbox_is_shown_and_written_newest_first(tables: dict[str, pa.Table]) -> None:
    (path,) = report.documents(tables, recorded([]), AS_OF)
    text = str(report.documents(tables, recorded([]), AS_OF)[path])
    head, *lines = text.splitlines()
    assert head == "week,tenant,inbox,mae_improvement,mae_improvement_change,n"
    assert lines == sorted(lines, key=lambda line: (line.split(",")[0], -ord(line.split(",")[1][-1])), reverse=True)
    told = tables["mmm_backtest"].filter(pc.is_valid(tables["mmm_backtest"]["inbox"]))
    assert len(lines) == told.num_rows
    section = next(one for one in report.page(tables, recorded([]), AS_OF)["sections"] if one["title"] == "Inbox of backtests")
    assert section["documents"] == [("all entries kept, as CSV", path)]
    many = pa.concat_tables([told] * 300)
    assert len(str(report.documents(tables | {"mmm_backtest": many}, recorded([]), AS_OF)[path]).splitlines()) == 1 + 200
    assert report.documents(tables | {"mmm_backtest": told.slice(0, 0)}, recorded([]), AS_OF) == {}


def test_predictions_without_a_backtest_are_no_missing_weeks(tables: dict[str, pa.Table]) -> None:
    alone = tables | {"mmm_backtest": tables["mmm_backtest"].slice(0, 0)}
    intro = report.page(alone, recorded([]), AS_OF)["intro"]
    assert f"predicted up to {NEWEST}" in intro
    assert "a model needs a year" not in intro
