"""Fixtures shared by all tests."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

FIRST_MONDAY = dt.date(2025, 7, 7)
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A path below the folder of public reference data; the test is skipped where that folder is absent."""
    root = Path(__file__).parents[2] / "shared" / "data"

    def find(relative: str) -> Path:
        path = root / relative
        if not path.exists():
            pytest.skip(f"reference data {relative} is not on this machine")
        return path

    return find


@pytest.fixture
def tiny_telemetry(tmp_path: Path) -> Path:
    """Six weeks of two models for two places, as long tables in CSV, looked at from a frozen instant."""
    return make_tiny_telemetry(tmp_path / "telemetry")


def make_tiny_telemetry(folder: Path) -> Path:
    """Write the small telemetry into ``folder``."""
    write_csv(folder / "forecasts" / "forecasts.csv", tiny_forecasts())
    write_csv(folder / "observations" / "observations.csv", tiny_observations())
    (folder / "governance.yaml").write_text("clock:\n  as_of: 2025-08-20T08:00:00Z\n")
    return folder


def tiny_forecasts() -> list[dict[str, object]]:
    """Quantiles around 100 for two models, six weeks and two places; the second model's are narrower."""
    return [
        {
            "model_id": model,
            "reference_date": FIRST_MONDAY + dt.timedelta(weeks=week, days=-1),
            "horizon": 1,
            "target_end_date": FIRST_MONDAY + dt.timedelta(weeks=week, days=5),
            "location": place,
            "quantile_level": level,
            "predicted": 100 + spread * (level - 0.5),
        }
        for (model, spread), week, place, level in itertools.product(
            (("steady-baseline", 40.0), ("narrow", 4.0)), range(6), ("01", "02"), LEVELS
        )
    ]


def tiny_observations() -> list[dict[str, object]]:
    """What came true: close to 100, further away in the second place."""
    return [
        {"target_end_date": FIRST_MONDAY + dt.timedelta(weeks=week, days=5), "location": place, "observed": 100 + shift + week}
        for week, (place, shift) in itertools.product(range(6), (("01", 0), ("02", 12)))
    ]


def write_csv(path: Path, rows: list[dict[str, object]]) -> Path:
    """``rows`` as a CSV file with a header, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
