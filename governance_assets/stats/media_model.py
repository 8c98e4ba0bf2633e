"""What a media-mix model is made of: channels, columns, lift tests, and the checks of their data.

Belongs here: declarations of a model with its data, and refusals of data no model can use.
Does not belong here: how the model is prepared (``media_design``), sampled (``media_fit``) or read (``media_results``).

All of it in the units of the data; the target and each channel's spend are scaled by their largest training value, and
priors speak of the scaled model: a coefficient of 1 is a channel whose full response equals the largest target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, vector
from governance_assets.stats.media_curves import CurvePriors
from governance_assets.stats.media_priors import Prior, half_normal, normal

COEFFICIENT_FAMILIES = ("half_normal", "normal", "laplace", "gamma")
NOISE_FAMILIES = ("half_normal", "inverse_gamma")
LEAST_WEEKS = 8


@dataclass(frozen=True)
class Channel:
    """A paid channel: its spend (weeks,), what is believed of its coefficient and of its curves.

    ``spend`` may run past the last target: those weeks can be predicted. ``cost`` is what ROI divides by, the spend itself unless
    ``spend`` counts impressions or clicks.
    """

    name: str
    spend: Any
    coefficient: Prior = half_normal(2.0)
    curves: CurvePriors = field(default_factory=CurvePriors)
    cost: Any = None


@dataclass(frozen=True)
class Column:
    """Anything else the target depends on, linearly: intercept, trend, season, control, event. ``values`` (weeks,) as they are."""

    name: str
    values: Any
    prior: Prior = normal(0.0, 2.0)


@dataclass(frozen=True)
class LiftTest:
    """An experiment on one channel: raising weekly spend from ``spend`` by ``change`` raised the weekly target by ``lift`` ± ``error``.

    ``error`` is a standard error. The steady response counts: what carries over is part of the lift.
    """

    channel: str
    spend: float
    change: float
    lift: float
    error: float


@dataclass(frozen=True)
class CheckedModel:
    """A model whose data have been found usable: (weeks, ...) arrays in the units of the data."""

    target: Floats
    spend: Floats
    cost: Floats
    columns: Floats


def check_model(target: Any, channels: Sequence[Channel], columns: Sequence[Column], lifts: Sequence[LiftTest], train: int) -> CheckedModel:
    """The data of a model as arrays; ValueError in one sentence for what no model can use."""
    y = vector("target", target)
    if not channels:
        raise ValueError("channels is empty, expected at least one channel")
    names = [channel.name for channel in channels] + [column.name for column in columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"the name {repeated[0]} stands for two channels or columns; give each its own")
    _check_target(y, train)
    weeks = len(np.asarray(channels[0].spend))
    if weeks < len(y):
        raise ValueError(f"spend of {channels[0].name} has {weeks} weeks, the target {len(y)}; spend must reach at least as far")
    spend = np.array([_spend(channel, weeks, train) for channel in channels])
    cost = np.array([spend[n] if each.cost is None else _cost(each, weeks) for n, each in enumerate(channels)])
    others = np.array([_column(each, weeks) for each in columns]).reshape(len(columns), weeks)
    _check_count(channels, columns, train)
    _check_lifts(lifts, [channel.name for channel in channels])
    return CheckedModel(y, spend, cost, others)


def _check_target(y: Floats, train: int) -> None:
    bad = np.flatnonzero(~np.isfinite(y))
    if len(bad):
        raise ValueError(f"target is missing or infinite in week {bad[0]} of {len(y)} ({len(bad)} such weeks); fill or cut them first")
    if not LEAST_WEEKS <= train <= len(y):
        raise ValueError(f"train is {train} weeks, expected {LEAST_WEEKS} to the {len(y)} weeks of the target")
    if np.ptp(y[:train]) == 0:
        raise ValueError(f"target is {y[0]:g} in all {train} training weeks; there is nothing to explain")


def _spend(channel: Channel, weeks: int, train: int) -> Floats:
    values = vector(f"spend of {channel.name}", channel.spend, length=weeks, like="the first channel")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(f"spend of {channel.name} is missing or infinite in week {bad[0]}; write 0 for a week without spend")
    if (values < 0).any():
        week = int(np.argmax(values < 0))
        raise ValueError(f"spend of {channel.name} is {values[week]:g} in week {week}; spend cannot be negative, book credits apart")
    if not values[:train].any():
        raise ValueError(f"spend of {channel.name} is zero in all {train} training weeks; leave the channel out")
    if np.ptp(values[:train]) == 0:
        raise ValueError(
            f"spend of {channel.name} is {values[0]:g} in all {train} training weeks; a constant channel cannot be told from the intercept"
        )
    return values


def _cost(channel: Channel, weeks: int) -> Floats:
    values = vector(f"cost of {channel.name}", channel.cost, length=weeks, like="its spend")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"cost of {channel.name} has missing, infinite or negative weeks; expected what was paid each week")
    return values


def _column(column: Column, weeks: int) -> Floats:
    if column.prior.family not in COEFFICIENT_FAMILIES:
        raise ValueError(f"the prior of {column.name} is {column.prior.family}, expected one of {', '.join(COEFFICIENT_FAMILIES)}")
    values = vector(f"column {column.name}", column.values, length=weeks, like="the spend")
    if not np.isfinite(values).all():
        raise ValueError(f"column {column.name} is missing or infinite in week {int(np.argmin(np.isfinite(values)))}; fill it first")
    return values


def _check_count(channels: Sequence[Channel], columns: Sequence[Column], train: int) -> None:
    for channel in channels:
        if channel.coefficient.family not in COEFFICIENT_FAMILIES:
            raise ValueError(
                f"the prior of {channel.name} is {channel.coefficient.family}, expected one of {', '.join(COEFFICIENT_FAMILIES)}"
            )
    # A coefficient, a carry-over and a curve for each channel, one for each column, and the noise.
    parameters = 3 * len(channels) + len(columns) + 1
    if parameters >= train:
        raise ValueError(
            f"the model has {parameters} parameters ({len(channels)} channels, {len(columns)} columns) for {train} training weeks; "
            "use more weeks or fewer channels and columns"
        )


def _check_lifts(lifts: Sequence[LiftTest], names: Sequence[str]) -> None:
    for lift in lifts:
        if lift.channel not in names:
            raise ValueError(f"a lift test names the channel {lift.channel}, the model has {', '.join(names)}")
        numbers = (lift.spend, lift.change, lift.lift, lift.error)
        if not np.isfinite(numbers).all() or lift.error <= 0 or lift.spend < 0 or lift.spend + lift.change < 0 or lift.change == 0:
            raise ValueError(
                f"the lift test of {lift.channel} has spend {lift.spend:g}, change {lift.change:g}, lift {lift.lift:g} and "
                f"error {lift.error:g}; expected spend not negative before and after, a change and a positive error"
            )
