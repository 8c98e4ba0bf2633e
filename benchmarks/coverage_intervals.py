"""How often intervals for the coverage of forecasts hold the truth when locations and weeks are dependent.

    python -m benchmarks.coverage_intervals [--sets 500] [--confidence 0.95] [--weeks 26 52 104]

Every week 52 locations are inside or outside their prediction interval. In
``factor`` worlds the standardised errors of a week share a common factor, which follows an autoregression over weeks; in the
``waves`` world misses are four times as frequent while a slow hidden state is high, one week in five. The true coverage is the
nominal one in all of them. None of these worlds is the one that ``governance_assets.stats.share_calibration`` draws from.

Each cell is the percentage of simulated data sets whose interval holds the truth, and behind it the mean width of the interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from governance_assets.stats.arrays import Floats
from governance_assets.stats.dependent_mean import mean_shift, share_intervals

LOCATIONS = 52
BLOCK = 4
RESAMPLES = 399
WAVE_SHARE = 0.2
WAVE_FACTOR = 4.0
WAVE_PERSISTENCE = 0.7
Bounds = tuple[Floats, Floats]


@dataclass(frozen=True)
class World:
    """How errors depend: share of the common factor in a week, and its autocorrelation over weeks; or waves."""

    name: str
    factor: float = 0.0
    persistence: float = 0.0
    waves: bool = False


WORLDS = (
    World("weak", 0.1, 0.0),
    World("moderate", 0.5, 0.5),
    World("strong", 0.7, 0.7),
    World("extreme", 0.9, 0.8),
    World("waves", waves=True),
)


def simulate(generator: np.random.Generator, world: World, n_sets: int, weeks: int, nominal: float) -> Floats:
    """Weekly coverages, (n_sets, weeks)."""
    persistence = WAVE_PERSISTENCE if world.waves else world.persistence
    state = generator.standard_normal((n_sets, weeks))
    for week in range(1, weeks):
        state[:, week] = persistence * state[:, week - 1] + np.sqrt(1 - persistence**2) * state[:, week]
    if world.waves:
        high = min(WAVE_FACTOR * (1 - nominal), 0.9)
        low = (1 - nominal - WAVE_SHARE * high) / (1 - WAVE_SHARE)
        inside = 1 - np.where(state > ndtri(1 - WAVE_SHARE), high, low)
    else:
        reach, common, own = ndtri((1 + nominal) / 2), np.sqrt(world.factor) * state, np.sqrt(1 - world.factor)
        inside = ndtr((reach - common) / own) - ndtr((-reach - common) / own)
    return generator.binomial(LOCATIONS, inside) / LOCATIONS


def binomial(shares: Floats, confidence: float, generator: np.random.Generator) -> Bounds:
    mean, n = shares.mean(axis=1), shares.shape[1] * LOCATIONS
    return _around(mean, ndtri((1 + confidence) / 2) * np.sqrt(mean * (1 - mean) / n))


def block_bootstrap(shares: Floats, confidence: float, generator: np.random.Generator) -> Bounds:
    n_sets, weeks = shares.shape
    sums = np.lib.stride_tricks.sliding_window_view(shares, BLOCK, axis=1).mean(axis=2)
    chosen = generator.integers(0, sums.shape[1], (RESAMPLES, -(-weeks // BLOCK)))
    means = sums[:, chosen].mean(axis=2)
    lower, upper = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return lower, upper


def fixed_b_bartlett(shares: Floats, confidence: float, generator: np.random.Generator) -> Bounds:
    """Bartlett kernel, bandwidth 1.3 times the root of the weeks, critical values of Kiefer and Vogelsang (2005)."""
    weeks = shares.shape[1]
    bandwidth = int(np.ceil(1.3 * np.sqrt(weeks)))
    deviation = shares - shares.mean(axis=1, keepdims=True)
    variance = (deviation**2).mean(axis=1)
    for lag in range(1, bandwidth):
        variance = variance + 2 * (1 - lag / bandwidth) * (deviation[:, lag:] * deviation[:, :-lag]).sum(axis=1) / weeks
    coefficients = {0.90: (1.6449, 2.1859, 0.3142, -0.3427), 0.95: (1.9600, 2.9694, 0.4160, -0.5324)}[confidence]
    critical = np.polynomial.Polynomial(coefficients)(bandwidth / weeks)
    return _around(shares.mean(axis=1), critical * np.sqrt(np.maximum(variance, 0) / weeks))


def fixed_b_cosines(shares: Floats, confidence: float, generator: np.random.Generator) -> Bounds:
    """Equal-weighted cosines, 0.4 times the 2/3 power of the weeks, t distribution (Lazarus and others, 2018)."""
    weeks = shares.shape[1]
    count = max(1, round(0.4 * weeks ** (2 / 3)))
    waves = np.sqrt(2 / weeks) * np.cos(np.pi / weeks * np.outer(np.arange(1, count + 1), np.arange(weeks) + 0.5))
    error = np.sqrt(((shares @ waves.T) ** 2).mean(axis=1) / weeks)
    return _around(shares.mean(axis=1), student.ppf((1 + confidence) / 2, count) * error)


def ours(shares: Floats, confidence: float, generator: np.random.Generator) -> Bounds:
    intervals = share_intervals(shares, confidence)
    return intervals.lower, intervals.upper


METHODS: dict[str, Callable[[Floats, float, np.random.Generator], Bounds]] = {
    "binomial": binomial,
    "block bootstrap": block_bootstrap,
    "fixed-b Bartlett": fixed_b_bartlett,
    "fixed-b cosines": fixed_b_cosines,
    "share_interval": ours,
}


def coverage_table(n_sets: int, confidence: float, week_counts: list[int]) -> None:
    print(f"intervals at {confidence:.0%}, {n_sets} data sets a row: covered %, mean width; last column: simulated coverage stated, mean %")
    print(f"{'weeks':>5} {'nominal':>7} {'dependence':10} " + " ".join(f"{name:>17}" for name in METHODS) + f" {'stated':>7}")
    for weeks in week_counts:
        for nominal in (0.5, 0.8, 0.95):
            for world in WORLDS:
                generator = np.random.default_rng([weeks, round(100 * nominal), len(world.name)])
                shares = simulate(generator, world, n_sets, weeks, nominal)
                cells = [_cell(method(shares, confidence, generator), nominal) for method in METHODS.values()]
                stated = share_intervals(shares, confidence).simulated_coverage.mean()
                print(
                    f"{weeks:5d} {nominal:7.2f} {world.name:10} " + " ".join(f"{cell:>17}" for cell in cells) + f" {100 * stated:7.0f}",
                    flush=True,
                )


def shift_table(n_sets: int, recent: int, past: int) -> None:
    print(f"\nmean_shift, {recent} recent against {past} past weeks, {n_sets} data sets a row: % below 0.05 and 0.01 without a shift,")
    print("and % below 0.05 when the coverage of the recent weeks falls by a quarter of itself")
    for nominal in (0.5, 0.8, 0.95):
        for world in WORLDS:
            generator = np.random.default_rng([recent, round(100 * nominal), len(world.name)])
            shares = simulate(generator, world, n_sets, past + recent, nominal)
            p = np.array([mean_shift(series[past:], series[:past]).p_value for series in shares])
            fallen = np.array([mean_shift(series[past:] * 0.75, series[:past]).p_value for series in shares])
            rates = 100 * np.array([np.mean(p < 0.05), np.mean(p < 0.01), np.mean(fallen < 0.05)])
            print(f"{nominal:7.2f} {world.name:10} " + " ".join(f"{rate:6.1f}" for rate in rates), flush=True)


def _around(mean: Floats, half: Floats) -> Bounds:
    return mean - half, mean + half


def _cell(bounds: Bounds, truth: float) -> str:
    lower, upper = np.maximum(bounds[0], 0), np.minimum(bounds[1], 1)
    return f"{100 * np.mean((lower <= truth) & (truth <= upper)):.0f} ({np.mean(upper - lower):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=500, help="simulated data sets a row")
    parser.add_argument("--confidence", type=float, default=0.95, choices=(0.90, 0.95))
    parser.add_argument("--weeks", type=int, nargs="+", default=[26, 52, 104])
    arguments = parser.parse_args()
    coverage_table(arguments.sets, arguments.confidence, arguments.weeks)
    shift_table(arguments.sets, 13, 39)


if __name__ == "__main__":
    main()
