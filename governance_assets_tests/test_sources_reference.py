"""Public reference data is read as it lies there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from governance_assets_tests.intake_samples import Folder, assert_nothing_lost, told


def test_the_scoringutils_example_is_read_as_it_is(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """One folder with quantiles, two sets of samples of the same tasks, and tables of scores that are no telemetry."""
    folder = Folder(tmp_path)
    shutil.copytree(shared_data("forecasts/scoringutils_example"), folder.telemetry, dirs_exist_ok=True)
    intake = folder.read()
    assert intake.manifests["quantile_forecasts"]["rows"].to_pylist() == [20_401]
    assert intake.manifests["sample_forecasts"]["rows"].to_pylist() == [35_480, 0]
    assert len(folder.rows(intake, "observations")) == 240
    assert {record["file"] for record in told(intake)} == {"example_sample_discrete.parquet"}
    assert len(told(intake)) == 887
    rows = {"example_quantile": 20_545, "example_sample_continuous": 35_624, "example_sample_discrete": 35_624}
    assert_nothing_lost(intake, {f"{name}.parquet": count for name, count in rows.items()})
    assert dict(intake.ignored)["example_point.parquet"] == "predictions without quantile_level or sample_id"


def test_observations_of_flusight_are_read_as_they_are(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for name in ("observations.parquet", "published_scores.parquet", "eval_sets.json", "README.md"):
        shutil.copy(shared_data(f"forecasts/flusight_2024_25/{name}"), folder.telemetry)
    intake = folder.read()
    assert len(folder.rows(intake, "observations")) == 1_560
    assert told(intake) == []
    assert len(intake.ignored) == 3
