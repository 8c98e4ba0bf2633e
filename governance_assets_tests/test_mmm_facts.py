"""Predictions and backtests of made-up tenants: shapes, figures by hand, and independence from what else is asked for."""

from __future__ import annotations

import datetime as dt

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import conform, violations
from governance_assets.domains.mmm import facts_backtests, facts_predictions
from governance_assets.domains.mmm.contracts import MediaPredictions, MmmBacktest
from governance_assets.domains.mmm.rules import no_lasting_shift
from governance_assets.policy import MmmPolicy
from governance_assets.stats.explained_share import r_squared
from governance_assets.stats.media_series import MediaSeries
from governance_assets_tests.mmm_data import WEEKS, media_table, monday, nobody

POLICY = MmmPolicy(engines=("bayes", "ridge", "seasonal_naive", "trailing_mean"), rolling=(), refit_every_weeks=26, chains=2, draws=64)
EVERY = [monday(place) for place in range(WEEKS)]


def predicted(media: pa.Table, weeks: list[dt.date], policy: MmmPolicy = POLICY) -> pa.Table:
    con = duckdb.connect()
    con.register("media", media)
    rows = conform(MediaPredictions, facts_predictions.media_predictions(con, "media", None, weeks, policy, nobody))
    assert violations(MediaPredictions, rows) == []
    return rows.sort_by([(name, "ascending") for name in ("tenant", "engine", "week")])


def backtested(predictions: pa.Table, weeks: list[dt.date], policy: MmmPolicy = POLICY) -> pa.Table:
    con = duckdb.connect()
    con.register("predictions", predictions)
    rows = conform(MmmBacktest, facts_backtests.mmm_backtest(con, "predictions", weeks, policy))
    assert violations(MmmBacktest, rows) == []
    return rows


@pytest.fixture(scope="module")
def whole() -> pa.Table:
    return predicted(media_table(tenants=2), EVERY)


def test_every_week_after_a_year_is_predicted_by_every_engine_from_earlier_weeks(whole: pa.Table) -> None:
    assert whole.num_rows == 2 * 4 * (WEEKS - 52)
    assert whole["problem"].null_count == whole.num_rows
    first = pc.min(whole["week"]).as_py()
    assert first == monday(52)
    assert pc.unique(whole["train_weeks"]).to_pylist() == [52, 78]
    assert pc.max(whole["steps_ahead"]).as_py() == 26


def test_a_week_comes_out_the_same_whatever_else_is_asked_and_whatever_came_later(whole: pa.Table) -> None:
    media, week = media_table(tenants=2), monday(80)
    alone = predicted(media.filter(pc.less_equal(media["week"], week)), [week])
    assert alone.equals(whole.filter(pc.equal(whole["week"], week)))


def test_the_model_beats_its_baselines_and_its_intervals_hold_most(whole: pa.Table) -> None:
    rows = backtested(whole, [EVERY[-1]]).to_pylist()
    model = [row for row in rows if row["engine"] == "bayes" and row["window"] == "trailing_26"]
    assert len(model) == 2
    assert all(row["mae_improvement"] > 0.3 and row["r2"] > 0.5 and 0.7 <= row["coverage"] <= 1 for row in model)


def test_figures_of_a_window_by_hand(whole: pa.Table) -> None:
    week = EVERY[-1]
    own = whole.filter(pc.and_(pc.equal(whole["engine"], "ridge"), pc.equal(whole["tenant"], "tenant-1"))).to_pylist()
    base = whole.filter(pc.and_(pc.equal(whole["engine"], "trailing_mean"), pc.equal(whole["tenant"], "tenant-1"))).to_pylist()
    y, p, b = (np.array([row[name] for row in rows[-12:]]) for rows, name in ((own, "observed"), (own, "median"), (base, "median")))
    row = next(
        r for r in backtested(whole, [week]).to_pylist() if (r["tenant"], r["engine"], r["window"]) == ("tenant-1", "ridge", "trailing_12")
    )
    assert row["mae"] == pytest.approx(np.abs(p - y).mean())
    assert row["rmse"] == pytest.approx(np.sqrt(((p - y) ** 2).mean()))
    assert row["wmape"] == pytest.approx(np.abs(p - y).sum() / y.sum())
    assert row["mape"] == pytest.approx((np.abs(p - y) / y).mean())
    assert row["bias"] == pytest.approx((p - y).mean())
    assert row["elpd"] == pytest.approx(sum(each["log_density"] for each in own[-12:]))
    assert row["r2"] == pytest.approx(r_squared(y, p))
    assert row["validation_r2"] == pytest.approx(r_squared(*([each[name] for each in own[-24:-12]] for name in ("observed", "median"))))
    assert row["mae_improvement"] == pytest.approx(1 - np.abs(p - y).mean() / np.abs(b - y).mean())
    assert (row["n"], row["n_missing"], row["n_zero"]) == (12, 0, 0)


def test_the_change_is_against_the_line_of_the_week_before(whole: pa.Table) -> None:
    rows = backtested(whole, EVERY[-2:]).to_pylist()
    lines = sorted(
        (r for r in rows if (r["tenant"], r["engine"], r["window"]) == ("tenant-0", "bayes", "trailing_26")), key=lambda r: r["week"]
    )
    assert lines[1]["mae_improvement_change"] == pytest.approx(lines[1]["mae_improvement"] - lines[0]["mae_improvement"], rel=1e-6)
    first = backtested(whole, [monday(52)]).to_pylist()
    assert all(row["mae_improvement_change"] is None and row["n"] == 1 for row in first)


def test_zero_truths_are_left_out_of_the_mape_and_counted(whole: pa.Table) -> None:
    own = whole.filter(pc.and_(pc.equal(whole["engine"], "ridge"), pc.equal(whole["tenant"], "tenant-0"))).to_pylist()
    own[-1]["observed"] = 0.0
    row = next(
        r for r in backtested(pa.Table.from_pylist(own, schema=whole.schema), [EVERY[-1]]).to_pylist() if r["window"] == "trailing_12"
    )
    assert row["n_zero"] == 1
    assert row["mape"] == pytest.approx(np.mean([abs(each["median"] - each["observed"]) / each["observed"] for each in own[-12:-1]]))
    assert row["mae_improvement"] is None
    assert row["least_mape_ratio"] is None


def test_a_week_without_a_target_is_predicted_and_not_scored() -> None:
    media = media_table()
    open_week = media.filter(pc.invert(pc.and_(pc.equal(media["week"], EVERY[-1]), pc.equal(media["series"], "target"))))
    rows = predicted(open_week, [EVERY[-1]]).to_pylist()
    assert all(row["observed"] is None and row["crps"] is None and row["median"] > 0 for row in rows)


def test_every_prediction_says_what_it_is_and_who_stands_in_for_a_silent_engine(whole: pa.Table) -> None:
    sources = {row["engine"]: row["source"] for row in whole.to_pylist()}
    assert sources == {"bayes": "primary", "ridge": "alternative", "seasonal_naive": "baseline", "trailing_mean": "baseline"}
    rows = [
        {"week": EVERY[-1], "engine": "bayes", "problem": "too few weeks"},
        {"week": EVERY[-1], "engine": "ridge"},
        {"week": EVERY[-1], "engine": "searched_nnls"},
        {"week": EVERY[-1], "engine": "trailing_mean"},
    ]
    told = {row["engine"]: row["source"] for row in facts_predictions._with_sources(rows, POLICY)}
    assert told == {"bayes": "primary", "ridge": "fallback", "searched_nnls": "alternative", "trailing_mean": "baseline"}


def test_a_missing_target_in_training_is_a_problem_told() -> None:
    media = media_table()
    gap = media.filter(pc.invert(pc.and_(pc.equal(media["week"], monday(5)), pc.equal(media["series"], "target"))))
    rows = predicted(gap, [EVERY[-1]]).to_pylist()
    assert all(row["median"] is None and "target is missing" in row["problem"] for row in rows)


def test_a_missing_control_is_a_problem_of_its_week_alone() -> None:
    media = media_table()
    hole = media.filter(pc.invert(pc.and_(pc.equal(media["week"], EVERY[-2]), pc.equal(media["name"], "price"))))
    rows = predicted(hole, EVERY[-3:]).to_pylist()
    assert {row["week"] for row in rows if row["problem"]} == {EVERY[-2]}
    assert {row["problem"] for row in rows if row["problem"]} == {"price is missing in this week"}


def test_a_channel_that_never_ran_is_left_out_and_named() -> None:
    media = media_table()
    idle = pc.and_(pc.equal(media["name"], "video"), pc.less(media["week"], monday(80)))
    silent = media.set_column(4, "value", pc.if_else(idle, 0.0, media["value"]))
    assert {row["left_out"] for row in predicted(silent, [EVERY[-1]]).to_pylist()} == {"video"}


def test_impressions_drive_a_channel_that_has_them() -> None:
    media = media_table()
    seen = media.filter(pc.equal(media["name"], "search"))
    seen = seen.set_column(2, "series", pa.array(["impressions"] * seen.num_rows))
    [(tenant, known)] = list(_tenants(pa.concat_tables([media, seen.set_column(4, "value", pc.multiply(seen["value"], 7.0))])))
    assert tenant == "tenant-0"
    assert known.exposure["search"] == pytest.approx(7 * known.cost["search"])
    assert known.exposure["video"] == pytest.approx(known.cost["video"])


def _tenants(media: pa.Table) -> list[tuple[str, MediaSeries]]:
    con = duckdb.connect()
    con.register("media", media)
    return list(facts_predictions.tenants(con, "media", EVERY[-1]))


def test_nothing_landed_gives_no_rows() -> None:
    con = duckdb.connect()
    assert facts_predictions.media_predictions(con, None, None, EVERY, POLICY, nobody).num_rows == 0
    con.register("predictions", facts_predictions.media_predictions(con, None, None, EVERY, POLICY, nobody))
    assert facts_backtests.mmm_backtest(con, "predictions", EVERY, POLICY).num_rows == 0


def test_a_planted_shift_is_told_within_two_weeks_and_says_how_often_the_watch_errs(whole: pa.Table) -> None:
    rows = [row for row in whole.to_pylist() if (row["tenant"], row["engine"]) == ("tenant-0", "bayes")]
    spread = np.std([row["observed"] - row["median"] for row in rows])
    calm = {row["week"]: row for row in backtested(pa.Table.from_pylist(rows, schema=whole.schema), EVERY).to_pylist()}
    assert all(row["shift_score"] is None for week, row in calm.items() if week < monday(52 + 27))
    assert all(row["shift_score"] <= row["shift_limit"] for row in calm.values() if row["shift_score"] is not None)
    for row in rows[-2:]:
        row["observed"] += 4 * spread
    [found] = [
        r for r in backtested(pa.Table.from_pylist(rows, schema=whole.schema), [EVERY[-1]]).to_pylist() if r["window"] == "trailing_12"
    ]
    assert found["shift_score"] > found["shift_limit"]
    assert found["shift_size"] > 3
    finding = no_lasting_shift(found, POLICY)
    assert finding.outcome == "fail"
    assert "a false alarm every 200 weeks or rarer" in finding.message


@pytest.mark.parametrize(
    ("improvement", "earlier", "expected"),
    [
        (0.2, float("nan"), "first"),
        (0.2, 0.1901, None),
        (0.2, 0.19, "moved"),
        (0.2, 0.2101, "moved"),
        (0.2, 0.2099, None),
        (float("nan"), 0.2, None),
    ],
)
def test_a_line_is_posted_when_it_is_the_first_or_has_moved(improvement: float, earlier: float, expected: str | None) -> None:
    assert facts_backtests._entry("bayes", 26, improvement, earlier, POLICY) == expected
    assert facts_backtests._entry("ridge", 26, improvement, earlier, POLICY) is None
    assert facts_backtests._entry("bayes", 12, improvement, earlier, POLICY) is None


def test_the_inbox_of_a_tenant_begins_with_its_first_line(whole: pa.Table) -> None:
    rows = backtested(whole, EVERY[50:60]).to_pylist()
    posted = {row["week"]: row["inbox"] for row in rows if row["tenant"] == "tenant-0" and row["inbox"]}
    assert next(iter(sorted(posted.items()))) == (monday(52), "first")
    assert set(posted.values()) == {"first", "moved"}
    changes = {row["week"]: row["mae_improvement_change"] for row in rows if row["tenant"] == "tenant-0" and row["engine"] == "bayes"}
    assert all(abs(changes[week]) >= POLICY.max_improvement_change for week, why in posted.items() if why == "moved")
