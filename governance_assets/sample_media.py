"""Generated media telemetry with known truth: tenants whose revenue is a known response to known spend, plus noise.

Belongs here: spend, responses, revenue and the truth about them. Does not belong here: the rest of the sample (``sample.py``)
or writing files (``runtime/telemetry_writer.py``).

Spend is scaled by a channel's largest week, carried over with geometric weights that sum to 1, saturated by the logistic curve of
``stats/media_curves.py`` and multiplied by the channel's height. Before the first week nothing was spent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from governance_assets.stats.media_curves import adstock, carryover_weights, logistic

FIRST_WEEK = dt.date(2024, 1, 8)
WEEKS = 104
CURRENCY = "EUR"
CARRYOVER_WEEKS = 8
SEASON = 0.06
"""Amplitude of the season, as a share of base revenue; the trend adds TREND of it over all weeks."""
TREND = 0.05
PRICE_EFFECT = -0.3
"""Change of revenue, as a share of base revenue, for a price index that is higher by 1."""
HOLIDAY_EFFECT = 0.08
NOISE = 0.02
_DIGITS = 6
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Channel:
    """A channel of a tenant: usual spend in a week with spend, share of weeks with spend, and its true response."""

    name: str
    spend: float
    share_of_weeks: float
    carryover: float
    rate: float
    height: float
    """Weekly revenue that unlimited spend would bring."""


@dataclass(frozen=True)
class Tenant:
    """A tenant: its revenue without media, and its channels."""

    name: str
    base: float
    channels: tuple[Channel, ...]


TENANTS = (
    Tenant(
        "north",
        400_000,
        (
            Channel("tv", 30_000, 0.45, 0.6, 2.0, 160_000),
            Channel("search", 9_000, 1.0, 0.1, 3.5, 60_000),
            Channel("social", 6_000, 0.8, 0.3, 3.0, 35_000),
        ),
    ),
    Tenant(
        "south",
        250_000,
        (
            Channel("tv", 16_000, 0.5, 0.5, 3.0, 60_000),
            Channel("search", 7_000, 1.0, 0.15, 2.5, 55_000),
            Channel("social", 5_000, 0.7, 0.35, 4.0, 12_000),
        ),
    ),
    Tenant(
        "west",
        150_000,
        (
            Channel("tv", 12_000, 0.4, 0.7, 2.5, 45_000),
            Channel("search", 4_000, 1.0, 0.2, 3.0, 22_000),
            Channel("social", 3_500, 0.9, 0.25, 2.0, 26_000),
        ),
    ),
)

MEDIA_YAML = "# Which column is which in the tables beside this file. SYNTHETIC, as everything in this folder.\nfiles:\n" + "".join(
    f"""\
  - file: {tenant.name}.csv
    tenant: {tenant.name}
    date: week
    target: {{column: revenue, unit: {CURRENCY}}}
    currency: {CURRENCY}
    spend: {{{", ".join(f"{channel.name}: {channel.name}_spend" for channel in tenant.channels)}}}
    controls: [price_index]
    events: [holiday]
"""
    for tenant in TENANTS
)


def weeks() -> list[dt.date]:
    """Mondays of all weeks."""
    return [FIRST_WEEK + dt.timedelta(weeks=week) for week in range(WEEKS)]


def generate(random: np.random.Generator) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    """The wide table of each tenant, and the truth about them."""
    tables, truths = {}, {}
    for tenant in TENANTS:
        tables[tenant.name], truths[tenant.name] = _tenant(tenant, random)
    return tables, {
        "note": "revenue = base + trend + season + price and holiday effects + sum over channels of height * logistic(rate, carried) "
        "+ noise; "
        "carried is spend over its largest week with geometric carry-over; ROI is what all spend of a channel brought over that spend",
        "weeks": [str(weeks()[0]), str(weeks()[-1])],
        "carryover_weeks": CARRYOVER_WEEKS,
        "season_share": SEASON,
        "trend_share": TREND,
        "price_effect_share": PRICE_EFFECT,
        "holiday_effect_share": HOLIDAY_EFFECT,
        "noise_share": NOISE,
        "tenants": truths,
    }


def _tenant(tenant: Tenant, random: np.random.Generator) -> tuple[pa.Table, dict[str, Any]]:
    dates = weeks()
    time = np.arange(WEEKS)
    price = np.round(1 + 0.05 * random.standard_normal(WEEKS), 3)
    holiday = np.array([float(_has_holiday(date)) for date in dates])
    spends = {channel.name: _spend(channel, random) for channel in tenant.channels}
    brought = {channel.name: response(channel, spends[channel.name]) for channel in tenant.channels}
    shares = 1 + TREND * time / (WEEKS - 1) + SEASON * np.sin(2 * np.pi * 7 * time / 365.25)
    shares += PRICE_EFFECT * (price - 1) + HOLIDAY_EFFECT * holiday + NOISE * random.standard_normal(WEEKS)
    revenue = np.round(tenant.base * shares + sum(brought.values()))
    columns: dict[str, Any] = {"week": pa.array(dates), "revenue": pa.array(revenue)}
    columns |= {f"{name}_spend": pa.array(spend) for name, spend in spends.items()}
    columns |= {"price_index": pa.array(price), "holiday": pa.array(holiday)}
    truth = {channel.name: _truth(channel, spends[channel.name], brought[channel.name]) for channel in tenant.channels}
    return pa.table(columns), {"base": tenant.base, "file": f"media/{tenant.name}.csv", "channels": truth}


def response(channel: Channel, spend: Values) -> Values:
    """What ``spend`` brought in each week."""
    carried = adstock(spend / spend.max(), carryover_weights(channel.carryover, CARRYOVER_WEEKS))
    return np.asarray(channel.height * logistic(carried, channel.rate), dtype=np.float64)


def _spend(channel: Channel, random: np.random.Generator) -> Values:
    """Whole currency units: gamma around the usual spend, in the share of weeks."""
    amounts = random.gamma(4.0, channel.spend / 4.0, WEEKS)
    return np.asarray(np.round(amounts * (random.random(WEEKS) < channel.share_of_weeks)), dtype=np.float64)


def _truth(channel: Channel, spend: Values, brought: Values) -> Mapping[str, float]:
    return {
        "carryover": channel.carryover,
        "logistic_rate": channel.rate,
        "height": channel.height,
        "spend_scale": float(spend.max()),
        "spend": float(spend.sum()),
        "contribution": round(float(brought.sum()), _DIGITS),
        "roi": round(float(brought.sum() / spend.sum()), _DIGITS),
    }


def _has_holiday(monday: dt.date) -> bool:
    """Whether Christmas Day or New Year's Day lies in the week."""
    days = [monday + dt.timedelta(days=day) for day in range(7)]
    return any((day.month, day.day) in ((12, 25), (1, 1)) for day in days)
