"""Published figures against stored windows: the record of the origin, and every outcome."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import conform, violations
from governance_assets.domains.mmm import facts_published
from governance_assets.domains.mmm.contracts import PublishedFigures
from governance_assets.domains.mmm.rules import judge_published_figures
from governance_assets.policy import MmmPolicy
from governance_assets.runtime.sources import landed_relation
from governance_assets_tests.intake_samples import Folder
from governance_assets_tests.mmm_data import monday

FIRST = dt.datetime(2025, 10, 20, 12, tzinfo=dt.UTC)


def landed(*rows: dict[str, Any]) -> pa.Table:
    columns = [("instant", pa.timestamp("us", "UTC")), ("series", pa.string()), ("model_id", pa.string()), ("metric", pa.string())]
    columns += [("value", pa.float64()), ("window_end", pa.date32()), ("source", pa.string())]
    plain = {"instant": FIRST, "series": "demo", "window_end": None, "source": "published"}
    return pa.Table.from_pylist([plain | row for row in rows], schema=pa.schema(columns))


def window(place: int, actual: float, mmm: float, baseline: float, **more: Any) -> list[dict[str, Any]]:
    figures = (("observed", "actual", actual), ("mmm", "prediction", mmm), ("baseline", "prediction", baseline))
    return [{"model_id": model, "metric": metric, "value": value, "window_end": monday(place)} | more for model, metric, value in figures]


WINDOWS = [*window(0, 10.0, 12.0, 14.0), *window(1, 30.0, 28.0, 26.0)]


def figures(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    con = duckdb.connect()
    con.register("runs", landed(*rows))
    found = conform(PublishedFigures, facts_published.published_figures(con, "runs"))
    assert violations(PublishedFigures, found) == []
    return found.to_pylist()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("mae", 2.0),
        ("rmse", 2.0),
        ("bias", 0.0),
        ("wmape", 0.1),
        ("weighted_mape", 0.1),
        ("mape", (0.2 + 2 / 30) / 2),
        ("mae_improvement", 0.5),
    ],
)
def test_figures_of_windows_by_hand(metric: str, expected: float) -> None:
    [row] = figures(*WINDOWS, {"model_id": "mmm", "metric": metric, "value": 1.0})
    assert row["recomputed"] == pytest.approx(expected)
    assert (row["windows"], row["stored_at"]) == (2, FIRST)


def test_a_component_of_a_review_speaks_of_the_newest_windows_before_it() -> None:
    later = FIRST + dt.timedelta(days=7)
    newer = window(0, 10.0, 20.0, 14.0, instant=later)
    asked = [
        {"model_id": "mmm_backtest", "metric": "weighted_mape", "value": 0.1, "series": "", "instant": later + dt.timedelta(days=d)}
        for d in (-1, 1)
    ]
    before, after = figures(*WINDOWS, *newer, *asked)
    assert (before["recomputed"], after["recomputed"]) == (0.1, 1.0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0949, "fail"), (0.095, "pass"), (0.1, "pass"), (0.105, "pass"), (0.1051, "fail")],
)
def test_the_limit(value: float, expected: str) -> None:
    rows = conform(
        PublishedFigures,
        pa.Table.from_pylist(
            figures(*WINDOWS, {"model_id": "mmm", "metric": "wmape", "value": value}), schema=facts_published.arrow_schema(PublishedFigures)
        ),
    )
    assert [finding.outcome for finding in judge_published_figures(rows, MmmPolicy(), "all")] == [expected]


def test_what_no_window_gives_is_unknown_and_nothing_published_is_not_applicable() -> None:
    found = figures(
        *WINDOWS,
        {"model_id": "mmm", "metric": "elpd", "value": 1.0},
        {"model_id": "geo_backtest", "metric": "mae", "value": 1.0},
        {"model_id": "mmm", "metric": "bias", "value": 0.1},
    )
    rows = pa.Table.from_pylist(found, schema=facts_published.arrow_schema(PublishedFigures))
    assert {finding.outcome for finding in judge_published_figures(rows, MmmPolicy(), "all")} == {"unknown"}
    assert len(found) == 3
    assert [f.outcome for f in judge_published_figures(rows.slice(0, 0), MmmPolicy(), "all")] == ["not_applicable"]
    assert facts_published.published_figures(duckdb.connect(), None).num_rows == 0


def test_the_record_of_the_origin_does_not_reproduce(tmp_path: Path, shared_data: Any) -> None:
    folder = Folder(tmp_path)
    for name in ("mmm_backtest_snapshot.json", "modeling_meta.json"):
        folder.put(f"reviews/{name}", Path(shared_data(f"reviews/{name}")).read_bytes())
    intake, con = folder.read(), duckdb.connect()
    view = landed_relation(con, "model_runs", intake.manifests["model_runs"], folder.home, [dt.date(2025, 10, 20)])
    rows = conform(PublishedFigures, facts_published.published_figures(con, view))
    found = {(row["model_id"], row["metric"]): row for row in rows.to_pylist()}
    wrong = found["mmm_backtest", "weighted_mape"]
    assert wrong["recomputed"] == pytest.approx(0.06144918725659203, rel=1e-8)
    assert (wrong["published"], wrong["windows"]) == (0.123, 12)
    outcomes = {finding.subject: finding.outcome for finding in judge_published_figures(rows, MmmPolicy(), "all")}
    assert outcomes.pop("weighted_mape of mmm_backtest, 2025-10-20") == "fail"
    assert set(outcomes.values()) == {"pass"}
    assert len(outcomes) >= 6
