"""Engines of others in the backtest: saved runs from their folder to verdicts, engines run elsewhere, and windows that forget."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import arrow_schema, conform, violations
from governance_assets.domains.mmm import facts_backtests, facts_predictions, facts_saved
from governance_assets.domains.mmm.contracts import MediaPredictions, MmmBacktest, SavedRuns
from governance_assets.domains.mmm.rules import judge_media_predictions, judge_mmm_backtest, judge_saved_runs
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.policy import MmmPolicy
from governance_assets.policy.mmm import RollingEngine
from governance_assets.stats.media_imported import ImportedResult
from governance_assets.stats.media_series import MediaSeries
from governance_assets_tests.intake_samples import Folder, told
from governance_assets_tests.mmm_data import media_table, monday, nobody
from governance_assets_tests.test_runtime_engines import AGGREGATED, DECOMPOSED, FIT, SUMMARY

POLICY = MmmPolicy(engines=("ridge", "seasonal_naive", "trailing_mean"), rolling=(), judged_engine="ridge", windows=(2,), judged_window=2)
MEDIA = media_table(weeks=60)
TARGET = [row["value"] for row in MEDIA.to_pylist() if row["series"] == "target"]


def saved(*rows: dict[str, Any]) -> pa.Table:
    usual = {
        "tenant": "tenant-0",
        "engine": "robyn",
        "run": "a",
        "trained_until": monday(55),
        "part": "week",
        "name": "",
        "confidence": 0.9,
    }
    made = [usual | row for row in rows]
    return pa.Table.from_pylist(
        [row | {"date": row.get("week") or row["trained_until"]} for row in made],
        schema=pa.schema(arrow_schema(RECORD_FEEDS["media_results"])),
    )


def week(place: int, middle: float | None = None, width: float | None = None, **more: Any) -> dict[str, Any]:
    middle = TARGET[place] if middle is None else middle
    ends = {} if width is None else {"lower": middle - width, "upper": middle + width}
    return {"week": monday(place), "middle": middle} | ends | more


def predicted(
    rows: pa.Table | None, places: list[int], policy: MmmPolicy = POLICY, abroad: Any = nobody, media: pa.Table = MEDIA
) -> list[dict[str, Any]]:
    con = duckdb.connect()
    con.register("media", media)
    if rows is not None:
        con.register("saved", rows)
    weeks = [monday(place) for place in places]
    view = None if rows is None else "saved"
    found = conform(MediaPredictions, facts_predictions.media_predictions(con, "media", view, weeks, policy, abroad))
    assert violations(MediaPredictions, found) == []
    return list(found.to_pylist())


def of(rows: list[dict[str, Any]], engine: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["engine"] == engine]


def test_only_weeks_after_training_are_predictions_and_the_newest_run_predicts() -> None:
    newer = {"run": "b", "trained_until": monday(57) + dt.timedelta(days=3)}
    rows = saved(*(week(place, width=50.0) for place in range(54, 60)), *(week(place, 1000.0, 50.0, **newer) for place in range(54, 60)))
    found = of(predicted(rows, list(range(54, 60))), "robyn")
    assert [(row["week"], row["run"], row["steps_ahead"], row["train_weeks"]) for row in found] == [
        *((monday(place), "a", place - 55, 56) for place in (56, 57)),
        *((monday(place), "b", place - 57, 58) for place in (58, 59)),
    ]
    assert {row["source"] for row in found} == {"imported"}
    assert [row["median"] for row in found[:2]] == pytest.approx(TARGET[56:58])
    assert found[0]["lower"] == pytest.approx(TARGET[56] - 50)
    deviation = 50 / 1.6449
    assert found[0]["crps"] == pytest.approx(deviation * (np.sqrt(2) - 1) / np.sqrt(np.pi), rel=0.1)
    assert found[0]["log_density"] == pytest.approx(-np.log(deviation * np.sqrt(2 * np.pi)), abs=1e-3)


def test_a_point_is_judged_by_its_errors_and_not_by_intervals_it_does_not_state() -> None:
    rows = predicted(saved(week(58, TARGET[58] + 10), week(59, TARGET[59] - 30)), [58, 59])
    con = duckdb.connect()
    con.register("predictions", conform(MediaPredictions, pa.Table.from_pylist(rows, schema=arrow_schema(MediaPredictions))))
    table = conform(MmmBacktest, facts_backtests.mmm_backtest(con, "predictions", [monday(59)], POLICY))
    (row,) = of(list(table.to_pylist()), "robyn")
    assert (row["source"], row["n"], row["mae"], row["bias"]) == ("imported", 2, pytest.approx(20), pytest.approx(-10))
    assert row["crps"] is row["coverage"] is row["elpd"] is None
    assert row["mae_improvement"] is not None
    judged = {(f.rule, f.subject): f.outcome for f in judge_mmm_backtest(table, POLICY, str(monday(59)))}
    assert judged["mape_is_low", "tenant-0, robyn"] == "pass"
    assert judged["mape_is_low", "tenant-0"] in ("pass", "fail")
    assert ("fleet_is_predicted", "the fleet") in judged


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([week(58, observed=TARGET[58] * 1.009)], None),
        ([week(58, observed=TARGET[58] * 1.011)], "another target or unit"),
        ([week(58), week(58, run="b")], "2 saved runs \\('a', 'b'\\) were trained until the same week"),
        ([week(58, width=0.0)], "is empty"),
    ],
)
def test_a_saved_run_that_cannot_be_used_is_told(rows: list[dict[str, Any]], problem: str | None) -> None:
    (found,) = of(predicted(saved(*rows), [58]), "robyn")
    assert (found["problem"] is None) == (problem is None)
    if problem is not None:
        assert found["median"] is None
        with pytest.raises(AssertionError, match=problem):
            raise AssertionError(found["problem"])


def test_a_saved_run_alone_says_nothing_of_the_judged_engine() -> None:
    rows = predicted(saved(week(40, trained_until=monday(30))), [40])
    assert [row["engine"] for row in rows] == ["robyn"]
    judged = judge_media_predictions(pa.Table.from_pylist(rows, schema=arrow_schema(MediaPredictions)), POLICY, str(monday(40)))
    assert [finding.outcome for finding in judged] == ["pass", "not_applicable"]


# ---------------------------------------------------------------- saved runs themselves


def test_what_a_run_says_of_its_weeks_and_channels() -> None:
    con = duckdb.connect()
    con.register(
        "saved",
        saved(week(55), week(56, width=5.0), week(57), {"part": "channel", "name": "tv", "middle": 2.0, "lower": 1.0, "upper": 3.0}),
    )
    table = conform(SavedRuns, facts_saved.saved_runs(con, "saved"))
    assert violations(SavedRuns, table) == []
    whole, tv = table.to_pylist()
    assert (whole["channel"], whole["weeks"], whole["weeks_ahead"], whole["weeks_with_interval"]) == ("", 3, 2, 1)
    assert (tv["channel"], tv["roi_lower"], tv["roi"], tv["roi_upper"]) == ("tv", 1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("ahead", "with_interval", "expected"), [(0, 0, ["fail"]), (1, 0, ["pass", "fail"]), (2, 1, ["pass", "fail"]), (2, 2, ["pass", "pass"])]
)
def test_a_run_must_look_ahead_and_say_how_surely(ahead: int, with_interval: int, expected: list[str]) -> None:
    row = {"tenant": "t", "engine": "robyn", "run": "a", "trained_until": monday(1), "channel": "", "weeks": 9, "confidence": 0.9}
    counted = {"weeks_ahead": ahead, "weeks_with_interval": with_interval}
    table = pa.Table.from_pylist([row | counted, row | counted | {"channel": "tv"}], schema=arrow_schema(SavedRuns))
    assert [finding.outcome for finding in judge_saved_runs(table, POLICY, "all")] == expected


def test_no_run_is_a_state_of_its_own() -> None:
    table = facts_saved.saved_runs(duckdb.connect(), None)
    judged = judge_saved_runs(table, POLICY, "all")
    assert {finding.outcome for finding in judged} == {"not_applicable"}
    assert "media_results/ holds no run" in judged[0].message


# ---------------------------------------------------------------- folders of saved runs


def landed(folder: Folder, **files: str) -> list[dict[str, Any]]:
    for name, text in files.items():
        folder.put(f"media_results/brand/july/{name.replace('__', '.')}", text)
    return folder.rows(folder.read(), "media_results")


def test_a_folder_of_robyn_lands_as_rows(tmp_path: Path) -> None:
    rows = landed(
        Folder(tmp_path),
        pareto_aggregated__csv=AGGREGATED,
        pareto_alldecomp_matrix__csv=DECOMPOSED,
        result__yaml="engine: robyn\ntrained_until: 2025-01-06\nsolution: 1_2_3\n",
    )
    weeks = [(row["week"], row["middle"], row["lower"], row["observed"], row["run"]) for row in rows if row["part"] == "week"]
    assert weeks == [(dt.date(2025, 1, 6), 102, None, 100, "july 1_2_3"), (dt.date(2025, 1, 13), 105, None, 110, "july 1_2_3")]
    channels = {row["name"]: (row["lower"], row["middle"], row["upper"]) for row in rows if row["part"] == "channel"}
    assert channels == {"tv": (2.5, 3.0, 3.6), "radio": (None, 1.0, None)}
    assert {(row["tenant"], row["engine"], row["trained_until"]) for row in rows} == {("brand", "robyn", dt.date(2025, 1, 6))}


def test_a_folder_of_meridian_and_a_plain_table_land_side_by_side(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.put("media_results/brand/own.csv", "engine,trained_until,week,predicted\nmine,2025-01-05,2025-01-06,99\n")
    rows = landed(folder, summary__csv=SUMMARY, fit__csv=FIT, result__yaml="engine: meridian\ntrained_until: 2025-01-05\n")
    found = [(row["engine"], row["part"], row["middle"], row["confidence"]) for row in rows if row["part"] == "week"]
    assert sorted(found) == [("meridian", "week", 100, 0.9), ("mine", "week", 99, 0.9)]
    assert {row["tenant"] for row in rows} == {"brand"}


def test_a_saved_run_of_lightweight_mmm_with_weeks_from_sunday(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    home = folder.telemetry / "media_results/brand/lmmm"
    home.mkdir(parents=True)
    drawn = np.random.default_rng(0).normal(100, 5, (400, 2))
    np.savez(home / "run.npz", media_names=["tv"], roi_hat=drawn[:, :1] / 50, predictions=drawn, weeks=["2025-01-05", "2025-01-12"])
    (home / "result.yaml").write_text("engine: lightweight_mmm\ntrained_until: 2025-01-01\nconfidence: 0.8\n")
    rows = [row for row in folder.rows(folder.read(), "media_results") if row["part"] == "week"]
    assert [(row["week"], row["confidence"]) for row in rows] == [(dt.date(2025, 1, 6), 0.8), (dt.date(2025, 1, 13), 0.8)]
    assert rows[0]["upper"] == pytest.approx(np.quantile(drawn[:, 0], 0.9))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("engine: robyn\n", "trained_until: Field required"),
        ("engine: prophet\ntrained_until: 2025-01-06\n", "engine: Input should be 'robyn', 'meridian' or 'lightweight_mmm'"),
        ("engine: robyn\ntrained_until: June\n", "trained_until: Input should be a valid date"),
        ("engine: robyn\ntrained_until: 2025-01-06\n", "found solID 1_2_3, 9_9_9"),
        ("engine: meridian\ntrained_until: 2025-01-06\n", "summary.csv: No such file"),
        ("engine: [\n", "text that is not YAML"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_whole(tmp_path: Path, text: str, found: str) -> None:
    folder = Folder(tmp_path)
    folder.put("media_results/brand/july/pareto_aggregated.csv", AGGREGATED)
    folder.put("media_results/brand/july/pareto_alldecomp_matrix.csv", DECOMPOSED)
    folder.put("media_results/brand/july/result.yaml", text)
    (record,) = told(folder.read())
    assert found in record["found"]
    assert (record["file"], record["feed"], record["scope"]) == ("media_results/brand/july/", "media_results", "file")


# ---------------------------------------------------------------- engines of others, and windows that forget


def test_an_engine_of_others_predicts_beside_ours_and_its_failure_is_a_problem() -> None:
    policy = POLICY.model_copy(update={"foreign_engines": ("pymc_marketing",)})
    asked: list[tuple[str, int, int]] = []

    def abroad(engine: str, known: MediaSeries, train: int) -> ImportedResult:
        asked.append((engine, train, len(known.weeks)))
        later = np.array(known.target[train:])
        return ImportedResult("pymc 1", (), np.zeros((0, 3)), known.weeks[train:], np.stack([later - 9, later, later + 9], 1), later, 0.9)

    rows = of(predicted(None, [56, 57], policy, abroad), "pymc_marketing")
    assert asked == [("pymc_marketing", 52, 58)]
    assert [(row["run"], row["source"], row["steps_ahead"], row["median"]) for row in rows] == [
        ("pymc 1", "alternative", 5, pytest.approx(TARGET[56])),
        ("pymc 1", "alternative", 6, pytest.approx(TARGET[57])),
    ]
    assert {row["problem"] for row in of(predicted(None, [56], policy), "pymc_marketing")} == {"pymc_marketing is not installed"}


def test_a_rolling_engine_forgets_what_came_before_its_weeks() -> None:
    rolling = (RollingEngine(engine="ridge", weeks=52, refit_every_weeks=1), RollingEngine(engine="bayes_logistic", weeks=12))
    policy = POLICY.model_copy(update={"rolling": rolling, "chains": 1, "draws": 32})
    rows = predicted(None, [56, 59], policy)
    assert [(row["train_weeks"], row["steps_ahead"]) for row in of(rows, "ridge_last_52")] == [(52, 1), (52, 1)]
    # Twelve weeks are fewer than the parameters of two channels, a price and a season, and the engine says so.
    assert all("parameters" in row["problem"] for row in of(rows, "bayes_logistic_last_12"))
    assert {row["source"] for row in of(rows, "ridge_last_52")} == {"alternative"}
    # Of what came before the 52 weeks nothing is left: other values there change nothing, and all weeks together do.
    before = pc.if_else(pc.less(MEDIA["week"], monday(7)), pc.multiply(MEDIA["value"], 3.0), MEDIA["value"])
    other = predicted(None, [58, 59], policy, media=MEDIA.set_column(4, "value", before))
    assert of(other, "ridge_last_52")[-1] == of(rows, "ridge_last_52")[-1]
    assert of(other, "ridge")[-1]["median"] != of(rows, "ridge")[-1]["median"]
