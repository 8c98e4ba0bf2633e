"""Small media-mix models with known truth, shared by tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_curves import CurvePriors, adstock, carryover_weights, hill, logistic
from governance_assets.stats.media_design import Design, prepare
from governance_assets.stats.media_fit import fit
from governance_assets.stats.media_model import Channel, Column
from governance_assets.stats.media_priors import Prior, half_normal, normal
from governance_assets.stats.media_results import contribution_draws

TINY = CurvePriors(length=3, carryover_points=2, curve_points=2)


@dataclass(frozen=True)
class Truth:
    """A synthetic tenant: its data and what its channels really contributed."""

    target: Floats
    spend: Floats
    contribution: Floats


def spends(random: np.random.Generator, channels: int, weeks: int) -> Floats:
    """Spend with bursts and pauses, (channels, weeks)."""
    return random.gamma(1.2, 1.0, (channels, weeks)) * (random.random((channels, weeks)) < 0.8)


def tenant(
    seed: int, weeks: int = 156, channels: int = 3, noise: float = 0.4, *, length: int = 8, delay: int = 0, with_hill: bool = False
) -> Truth:
    """A target of trend, season, channels with carry-over and saturation, and noise."""
    random = np.random.default_rng(seed)
    spend, time = spends(random, channels, weeks), np.arange(weeks)
    parts = []
    for values in spend:
        carried = adstock(values / values.max(), carryover_weights(random.uniform(0.1, 0.7), length, delay))
        shape = hill(carried, random.uniform(0.2, 0.6), random.uniform(1, 3)) if with_hill else logistic(carried, random.uniform(1.5, 5))
        parts.append(random.uniform(2, 6) * shape)
    base = 10 + 2 * time / weeks + np.sin(2 * np.pi * time / 52.18)
    target = base + np.sum(parts, axis=0) + noise * random.normal(size=weeks)
    return Truth(target, spend, np.array(parts))


def tenant_model(truth: Truth, curves: CurvePriors | None = None) -> tuple[list[Channel], list[Column]]:
    """Channels and columns that suit a tenant."""
    weeks = truth.spend.shape[1]
    angle = 2 * np.pi * np.arange(weeks) / 52.18
    channels = [Channel(f"channel_{n}", spend, curves=CurvePriors() if curves is None else curves) for n, spend in enumerate(truth.spend)]
    columns = [
        Column("intercept", np.ones(weeks)),
        Column("trend", np.linspace(0, 1, weeks)),
        Column("sine", np.sin(angle)),
        Column("cosine", np.cos(angle)),
    ]
    return channels, columns


def tiny_design(
    seed: int = 0, coefficient: Prior | None = None, noise: Prior | float = 0.2, weeks: int = 14, curves: CurvePriors = TINY
) -> Design:
    """Two channels with few grid points, two columns, few weeks: small enough to enumerate."""
    random = np.random.default_rng(seed)
    spend = random.random((2, weeks))
    prior = half_normal(1.0) if coefficient is None else coefficient
    channels = [Channel(f"channel_{n}", values, prior, curves) for n, values in enumerate(spend)]
    columns = [Column("intercept", np.ones(weeks), normal(0.5, 0.5)), Column("slope", np.linspace(-1, 1, weeks), normal(0.0, 0.3))]
    target = 0.6 + 0.4 * np.tanh(2 * spend[0]) + 0.15 * random.normal(size=weeks)
    return prepare(target / np.abs(target).max(), channels, columns, noise=noise)


def simulated_rank(design: Design, seed: int, *, chains: int = 2, draws: int = 150, thin: int = 3, burn: int = 40) -> tuple[Floats, int]:
    """Ranks of the truth among posterior draws for data simulated from the design's own prior, and how many draws there were.

    Ranks of the channels' contributions, the columns' coefficients and the noise; ties, which a grid makes, are broken at random.
    """
    random = np.random.default_rng(seed)
    blocks = len(design.points)
    points = np.array([random.choice(count, p=np.exp(row[:count])) for count, row in zip(design.points, design.priors, strict=True)])
    spread = design.coefficient_priors[:, 1] + design.coefficient_priors[:, 2] ** -0.5 * random.normal(size=blocks)
    coefficients = np.where(design.coefficient_priors[:, 0] > 0, np.abs(spread), spread)
    gamma = design.column_priors[:, 0] + np.sqrt(design.column_priors[:, 1]) * random.normal(size=len(design.columns))
    kind, first, second = design.noise_prior
    noise = np.sqrt(first) if kind == 0 else second * abs(random.normal())
    series = design.series[np.arange(blocks), points]
    target = coefficients @ series + gamma @ design.columns + noise * random.normal(size=design.weeks)
    found = fit(replace(design, target=target), seed=seed + 1, chains=chains, burn=burn, draws=draws)
    totals = contribution_draws(found).reshape(chains, draws, blocks)
    drawn = np.concatenate([totals, found.columns, found.noise[:, :, None]], axis=2)[:, ::thin].reshape(-1, blocks + len(gamma) + 1)
    truth = np.r_[coefficients * series.sum(axis=1) * design.target_scale, gamma, noise]
    tied = (drawn == truth).sum(axis=0)
    return (drawn < truth).sum(axis=0) + random.integers(0, tied + 1), len(drawn)
