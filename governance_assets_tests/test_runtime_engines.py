"""Engines of others: their saved results read as documented, their processes held to limits."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from governance_assets.runtime.foreign_engines import ForeignEngineError, Limits, WeeklyData, fit_pymc_marketing, run_limited
from governance_assets.runtime.sources.engine_results import EngineResultError, read_lightweight_mmm, read_meridian, read_robyn
from governance_assets_tests.media_examples import tenant

WEEKS = [dt.date(2025, 1, 6) + dt.timedelta(days=7 * n) for n in range(4)]
AGGREGATED = """solID,rn,coef,xDecompAgg,total_spend,roi_total,boot_mean,ci_low,ci_up
1_2_3,tv,0.4,300,100,3.0,3.1,2.5,3.6
1_2_3,radio,0.1,50,50,1.0,NA,NA,NA
1_2_3,trend,0.2,900,NA,NA,NA,NA,NA
9_9_9,tv,0.3,250,100,2.5,2.5,2.0,3.0
"""
DECOMPOSED = """solID,ds,dep_var,tv,radio,trend,depVarHat
1_2_3,2025-01-13,110,40,5,60,105
1_2_3,2025-01-06,100,40,5,60,102
9_9_9,2025-01-06,100,40,5,60,99
9_9_9,2025-01-13,110,40,5,60,111
"""
SUMMARY = """channel,metric,distribution,impressions,roi
tv,mean,prior,1,1
tv,mean,posterior,1,2.1
tv,median,posterior,1,2.0
tv,ci_lo,posterior,1,1.5
tv,ci_hi,posterior,1,2.8
All Paid Channels,median,posterior,1,2.0
"""
FIT = """time,metric,expected,baseline,actual
2025-01-06,mean,100,80,98
2025-01-06,ci_lo,90,70,98
2025-01-06,ci_hi,110,90,98
"""


@pytest.fixture
def robyn(tmp_path: Path) -> Path:
    (tmp_path / "pareto_aggregated.csv").write_text(AGGREGATED)
    (tmp_path / "pareto_alldecomp_matrix.csv").write_text(DECOMPOSED)
    return tmp_path


def test_a_solution_of_robyn(robyn: Path) -> None:
    found = read_robyn(robyn, "1_2_3")
    assert found.source == "robyn 1_2_3"
    assert found.channels == ("tv", "radio")
    np.testing.assert_array_equal(found.roi, [[2.5, 3.0, 3.6], [math.nan, 1.0, math.nan]])
    assert found.weeks == tuple(WEEKS[:2])
    np.testing.assert_array_equal(found.predicted[:, 1], [102, 105])
    np.testing.assert_array_equal(found.observed, [100, 110])
    with pytest.raises(ValueError, match="states no interval for 2 of 2 weeks"):
        found.prediction()


def test_a_solution_of_robyn_must_be_named_among_several(robyn: Path) -> None:
    with pytest.raises(EngineResultError, match="found solID 1_2_3, 9_9_9, expected one only"):
        read_robyn(robyn)
    with pytest.raises(EngineResultError, match="expected 5_5_5"):
        read_robyn(robyn, "5_5_5")


def test_the_data_sets_of_meridian(tmp_path: Path) -> None:
    summary, fit = tmp_path / "summary.csv", tmp_path / "fit.csv"
    summary.write_text(SUMMARY)
    fit.write_text(FIT)
    found = read_meridian(summary, fit)
    assert found.channels == ("tv",)
    np.testing.assert_array_equal(found.roi, [[1.5, 2.0, 2.8]])
    np.testing.assert_array_equal(found.predicted, [[90, 100, 110]])
    drawn = found.prediction().samples(1)[0]
    assert np.quantile(drawn, [0.05, 0.95]) == pytest.approx([90, 110], abs=2)
    assert found.ahead_of(dt.date(2025, 1, 5)).tolist() == [True]
    assert found.ahead_of(dt.date(2025, 1, 6)).tolist() == [False]
    fit.write_text(FIT.replace("2025-01-06,ci_hi,110,90,98\n", ""))
    with pytest.raises(EngineResultError, match="no row for 2025-01-06 with metric ci_hi"):
        read_meridian(summary, fit)


def test_the_arrays_of_lightweight_mmm(tmp_path: Path) -> None:
    path, random = tmp_path / "run.npz", np.random.default_rng(0)
    roi, drawn = random.gamma(4, 1, (500, 2)), random.normal(100, 5, (500, 4))
    np.savez(path, media_names=np.array(["tv", "radio"]), roi_hat=roi, predictions=drawn, weeks=np.array([str(week) for week in WEEKS]))
    found = read_lightweight_mmm(path)
    np.testing.assert_allclose(found.roi, np.quantile(roi, [0.05, 0.5, 0.95], axis=0).T)
    assert found.weeks == tuple(WEEKS)
    assert np.isnan(found.observed).all()
    np.savez(path, media_names=np.array(["tv"]), roi_hat=roi, predictions=drawn, weeks=np.array([str(week) for week in WEEKS]))
    with pytest.raises(EngineResultError, match=r"roi_hat has shape \(500, 2\), expected draws by 1 channels"):
        read_lightweight_mmm(path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"roi_hat": [1]}))
    with pytest.raises(EngineResultError, match="a pickle can run code and is never opened"):
        read_lightweight_mmm(path)
    archive = tmp_path / "run.npz"
    np.savez(archive, media_names=np.array(["tv", None], dtype=object), roi_hat=[[1.0]], predictions=[[1.0]], weeks=["2025-01-06"])
    with pytest.raises(EngineResultError, match="save plain arrays"):
        read_lightweight_mmm(archive)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("roi_total", "roi_all"), "expected also roi_total"),
        (("300,100,3.0", "300,100,three"), "column roi_total holds 'three', expected a number"),
        (("3.0,3.1,2.5,3.6", "3.0"), "row 2: fewer fields than columns"),
    ],
)
def test_a_damaged_export_of_robyn_is_refused(robyn: Path, change: tuple[str, str], message: str) -> None:
    (robyn / "pareto_aggregated.csv").write_text(AGGREGATED.replace(*change))
    with pytest.raises(EngineResultError, match=message):
        read_robyn(robyn, "1_2_3")


def test_missing_files_and_bad_days_are_refused(robyn: Path) -> None:
    (robyn / "pareto_alldecomp_matrix.csv").write_text(DECOMPOSED.replace("2025-01-13", "13 January"))
    with pytest.raises(EngineResultError, match="found the week '13 January'"):
        read_robyn(robyn, "1_2_3")
    (robyn / "pareto_alldecomp_matrix.csv").unlink()
    with pytest.raises(EngineResultError, match="pareto_alldecomp_matrix.csv: No such file"):
        read_robyn(robyn, "1_2_3")


def test_an_engine_beyond_its_memory_or_time_is_ended() -> None:
    echo = "import sys; print(sys.stdin.read().upper())"
    assert run_limited([sys.executable, "-c", echo], "told", Limits(seconds=60)) == "TOLD\n"
    greedy = "import sys; sys.stdin.read(); held = bytearray(900_000_000); print(len(held))"
    with pytest.raises(ForeignEngineError, match=r"(?s)memory limit 400 MB\).*MemoryError"):
        run_limited([sys.executable, "-c", greedy], "", Limits(memory_mb=400, seconds=60))
    with pytest.raises(ForeignEngineError, match=r"ended after 0.5 s"):
        run_limited([sys.executable, "-c", "import time; time.sleep(60)"], "", Limits(seconds=0.5))
    with pytest.raises(ForeignEngineError, match="cannot be started"):
        run_limited(["/nowhere/python", "-c", ""], "", Limits())


def _data() -> WeeklyData:
    truth = tenant(3, weeks=60, channels=2)
    weeks = [dt.date(2024, 1, 1) + dt.timedelta(days=7 * n) for n in range(60)]
    return WeeklyData(weeks, truth.target.tolist(), {f"x{n}": row.tolist() for n, row in enumerate(truth.spend)}, {}, 56, 1)


def test_the_answer_of_another_interpreter_becomes_a_result(tmp_path: Path) -> None:
    """An interpreter that answers as the script does; the real one is tried where it is named."""
    answer = {"version": "0", "seconds": 1.0, "ess": 9.0, "roi": [[1, 2], [3, 4]], "ahead": [[5, 7], [6, 6], [1, 1], [2, 2]]}
    fake = tmp_path / "python"
    fake.write_text(f"#!{sys.executable}\nimport sys\nsys.stdin.read()\nprint('sampling')\nprint({json.dumps(answer)!r})\n")
    fake.chmod(0o755)
    found = fit_pymc_marketing(_data(), seed=1, python=str(fake))
    assert found.source == "pymc_marketing 0"
    np.testing.assert_allclose(found.roi[:, 1], [2, 3])
    np.testing.assert_allclose(found.predicted[:, 1], [6, 6, 1, 2])
    fake.write_text(f"#!{sys.executable}\nprint('nothing')\n")
    with pytest.raises(ForeignEngineError, match="wrote no result"):
        fit_pymc_marketing(_data(), seed=1, python=str(fake))


def test_no_interpreter_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOVERNANCE_PYMC_PYTHON", raising=False)
    with pytest.raises(ForeignEngineError, match="GOVERNANCE_PYMC_PYTHON is not set"):
        fit_pymc_marketing(_data(), seed=1)


@pytest.mark.skipif(not os.environ.get("GOVERNANCE_PYMC_PYTHON"), reason="GOVERNANCE_PYMC_PYTHON names no interpreter")
def test_pymc_marketing_itself() -> None:
    found = fit_pymc_marketing(_data(), seed=1)
    assert found.channels == ("x0", "x1")
    assert (np.diff(found.roi, axis=1) > 0).all()
    assert (np.abs(found.predicted[:, 1] - found.observed) < 3).all()
