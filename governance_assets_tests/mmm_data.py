"""Weekly media of made-up tenants in the shape of the landed feed."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa

from governance_assets.stats.media_curves import adstock, carryover_weights, logistic
from governance_assets.stats.media_imported import ImportedResult
from governance_assets.stats.media_series import MediaSeries

FIRST = dt.date(2023, 10, 9)
WEEKS = 104


def monday(place: int) -> dt.date:
    """The Monday of a week counted from 0."""
    return FIRST + dt.timedelta(weeks=place)


def media_table(tenants: int = 1, weeks: int = WEEKS, noise: float = 0.03) -> pa.Table:
    """Long rows: a target with season, two channels of spend and a price, each tenant on its own level."""
    rows = [row for number in range(tenants) for row in _tenant(number, weeks, noise)]
    return pa.table(
        {
            "tenant": pa.array([row[0] for row in rows]),
            "week": pa.array([row[1] for row in rows], pa.date32()),
            "series": pa.array([row[2] for row in rows]),
            "name": pa.array([row[3] for row in rows]),
            "value": pa.array([row[4] for row in rows]),
            "unit": pa.array(["EUR"] * len(rows)),
            "sign": pa.array(["-" if row[3] == "price" else None for row in rows], pa.string()),
        }
    )


def _tenant(number: int, weeks: int, noise: float) -> list[tuple[str, dt.date, str, str, float]]:
    rng = np.random.default_rng([7, number])
    level, every = 1000.0 * (number + 1), np.arange(weeks)
    spend = {name: level / 20 * rng.gamma(2.0, 0.5, weeks) for name in ("search", "video")}
    carried = {name: adstock(values / values.max(), carryover_weights(0.4, 8)) for name, values in spend.items()}
    price = 10 + rng.normal(0, 0.5, weeks)
    season = 0.1 * np.sin(2 * np.pi * every / 52)
    effects = 0.5 * logistic(carried["search"], 3.0) + 0.3 * logistic(carried["video"], 2.0)
    target = level * (1 + season + effects - 0.04 * (price - 10) + rng.normal(0, noise, weeks))
    series = [("target", "sales", target), *(("spend", name, values) for name, values in spend.items()), ("control", "price", price)]
    return [
        (f"tenant-{number}", monday(place), kind, name, float(values[place])) for kind, name, values in series for place in range(weeks)
    ]


def nobody(engine: str, known: MediaSeries, train: int) -> ImportedResult:
    """No engine of others is there."""
    raise ValueError(f"{engine} is not installed")
