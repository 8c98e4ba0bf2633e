"""How often intervals of the media-mix engine hold the truth, on tenants whose truth is known and mostly not the model's.

    python -m benchmarks.media_coverage [--tenants 300] [--part developed|fresh|confounded]

Fresh tenants from worlds the model does not know. Longer and delayed carry-over, Hill and power curves, drifting effects, shifts of the
level and autocorrelated noise were used in development: ``WIDE`` and the steps of the level were chosen on them. The fresh worlds
were not, their figures are the ones that count; others may be harder. Where spend follows demand no regression knows the effect: those
tenants are reported apart. Share of held-out weeks inside the 90 % predictive interval and of true ROI inside the 90 % interval, with
standard errors clustered by tenant. Simulation-based calibration is a campaign of its own (``make sbc``).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from benchmarks._harness import print_table
from governance_assets.stats.media_columns import level_steps
from governance_assets.stats.media_curves import WIDE, CurvePriors, adstock, carryover_weights, hill, logistic, power
from governance_assets.stats.media_design import Design, prepare
from governance_assets.stats.media_fit import fit
from governance_assets.stats.media_forecast import predict
from governance_assets.stats.media_model import Channel, Column
from governance_assets.stats.media_refine import refined
from governance_assets.stats.media_results import roi
from governance_assets_tests.media_examples import spends

WEEKS, HELD_OUT = 156, 13
# Curves, pilot rounds, and whether the level may move.
MODELS = {
    "logistic, 8 weeks": (CurvePriors(curves=("logistic",)), 0, False),
    "averaged, refined": (CurvePriors(carryover_points=12, curve_points=8), 1, False),
    "wide, moving level": (WIDE, 1, True),
}


@dataclass(frozen=True)
class World:
    """How a tenant's truth differs from the model."""

    name: str
    most_kept: float = 0.7
    length: int = 8
    delay: int = 0
    curve: str = "logistic"
    lag: str = "geometric"
    drift: float = 0.0
    season_of_effect: float = 0.0
    persistence: float = 0.0
    shifts: int = 0
    walk: float = 0.0
    freedom: float = np.inf
    follows_demand: float = 0.0


DEVELOPED = (
    World("as the model"),
    World("long carry-over", most_kept=0.9, length=20),
    World("delayed carry-over", length=13, delay=2),
    World("Hill curves", curve="hill"),
    World("power curves", curve="power"),
    World("drifting effects", drift=0.3),
    World("shifts of the level", shifts=2),
    World("autocorrelated noise", persistence=0.7),
    World("power, shifts, autocorrelation", curve="power", shifts=1, persistence=0.5),
)
FRESH = (
    World("Weibull lags, exponential curves, seasonal effects", lag="weibull", length=16, curve="exponential", season_of_effect=0.4),
    World("binomial lags, root-logistic S-curves, drift, fat tails", lag="binomial", length=12, curve="s", drift=0.3, freedom=4.0),
    World("two-speed lags, logarithmic curves, wandering level", lag="two speeds", length=26, curve="logarithm", walk=0.5),
    World("Hill, long and delayed, drift, persistent noise", most_kept=0.85, length=20, delay=1, curve="hill", drift=0.2, persistence=0.4),
)
CONFOUNDED = (World("spend follows demand", follows_demand=0.6),)
PARTS = {"developed": DEVELOPED, "fresh": FRESH, "confounded": CONFOUNDED}


@dataclass(frozen=True)
class Tenant:
    """Data of one tenant and the true ROI of its channels over the training weeks."""

    target: np.ndarray
    spend: np.ndarray
    roi: np.ndarray


def lags(world: World, random: np.random.Generator) -> np.ndarray:
    """Weights of this and past weeks, summing to 1."""
    weeks = np.arange(world.length)
    if world.lag == "weibull":
        shape, scale = random.uniform(1.2, 2.5), random.uniform(1.5, 5)
        weights = np.exp(-((weeks / scale) ** shape)) - np.exp(-(((weeks + 1) / scale) ** shape))
    elif world.lag == "binomial":
        chance = random.uniform(0.1, 0.4)
        weights = np.cumprod(np.r_[1.0, (world.length - weeks[1:]) / weeks[1:] * chance / (1 - chance)])
    elif world.lag == "two speeds":
        slow = random.uniform(0.1, 0.4)
        weights = (1 - slow) * carryover_weights(random.uniform(0, 0.4), world.length) + slow * carryover_weights(0.92, world.length)
    else:
        weights = carryover_weights(random.uniform(0.1, world.most_kept), world.length, world.delay)
    return weights / weights.sum()


def response(world: World, random: np.random.Generator, carried: np.ndarray) -> np.ndarray:
    """The curve of one channel."""
    match world.curve:
        case "hill":
            return hill(carried, random.uniform(0.2, 0.6), random.uniform(1, 3))
        case "power":
            return power(carried, random.uniform(0.3, 0.9))
        case "exponential":
            return 1 - np.exp(-random.uniform(0.7, 4) * carried)
        case "s":
            rate, middle = random.uniform(4, 10), random.uniform(0.2, 0.5)
            return 1 / (1 + np.exp(-rate * (carried - middle))) - 1 / (1 + np.exp(rate * middle))
        case "logarithm":
            return np.log1p(random.uniform(1, 20) * carried) / 3
        case _:
            return logistic(carried, random.uniform(1.5, 5))


def disturbances(world: World, random: np.random.Generator, weeks: int) -> np.ndarray:
    """Noise of variance 1, as persistent and with tails as fat as the world has them."""
    tails = random.normal(size=weeks) if np.isinf(world.freedom) else random.standard_t(world.freedom, weeks)
    shocks = tails if np.isinf(world.freedom) else tails / np.sqrt(world.freedom / (world.freedom - 2))
    noise = shocks.copy()
    for week in range(1, weeks):
        noise[week] = world.persistence * noise[week - 1] + np.sqrt(1 - world.persistence**2) * shocks[week]
    return noise


def level(world: World, random: np.random.Generator, weeks: int) -> np.ndarray:
    """What the level does beside trend and season: shifts of 5 to 15 per cent, and a walk."""
    moved = world.walk * np.cumsum(random.normal(size=weeks)) / np.sqrt(weeks)
    for _ in range(world.shifts):
        moved[random.integers(20, WEEKS - 10) :] += random.choice([-1, 1]) * random.uniform(0.5, 1.5)
    return moved


def tenant(world: World, seed: int) -> Tenant:
    """A tenant of 2 to 5 channels with trend, two waves a year and noise of 3 to 8 per cent."""
    random = np.random.default_rng(seed)
    channels, weeks = int(random.integers(2, 6)), WEEKS + HELD_OUT
    angle = 2 * np.pi * np.arange(weeks) / 52.18
    demand = level(world, random, weeks) + (disturbances(World("", persistence=0.8), random, weeks) if world.follows_demand else 0)
    base = 10 + random.normal() * np.arange(weeks) / weeks + np.sin(angle + random.uniform(0, 6)) + 0.4 * np.cos(2 * angle) + demand
    spend, parts = spends(random, channels, weeks) * np.exp(world.follows_demand * demand), []
    for values in spend:
        carried = adstock(values / values[:WEEKS].max(), lags(world, random))
        steps = world.drift * np.cumsum(random.normal(size=weeks)) / np.sqrt(weeks)
        turns = world.season_of_effect * np.sin(angle + random.uniform(0, 6))
        parts.append(random.uniform(0.5, 3) * response(world, random, carried) * np.exp(steps + turns))
    contribution = np.array(parts)
    target = base + contribution.sum(axis=0) + random.uniform(0.03, 0.08) * 10 * disturbances(world, random, weeks)
    return Tenant(target, spend, contribution[:, :WEEKS].sum(axis=1) / spend[:, :WEEKS].sum(axis=1))


def design_of(given: Tenant, curves: CurvePriors, rounds: int, moves: bool, seed: int) -> Design:
    """The tenant's model: intercept, trend, two waves a year, and its channels."""
    weeks = WEEKS + HELD_OUT
    angle = 2 * np.pi * np.arange(weeks) / 52.18
    waves = [Column(f"{name}_{k}", turn(k * angle)) for k in (1, 2) for name, turn in (("sin", np.sin), ("cos", np.cos))]
    columns = [
        Column("intercept", np.ones(weeks)),
        Column("trend", np.linspace(0, 1, weeks)),
        *waves,
        *(level_steps(weeks) if moves else []),
    ]
    channels = [Channel(f"channel_{n}", values, curves=curves) for n, values in enumerate(given.spend)]
    design = prepare(given.target[:WEEKS], channels, columns)
    return refined(design, seed=seed, rounds=rounds) if rounds else design


def held(given: Tenant, curves: CurvePriors, rounds: int, moves: bool, seed: int) -> tuple[float, float]:
    """Shares of held-out weeks and of channels' ROI inside their 90 % intervals."""
    found = fit(design_of(given, curves, rounds, moves, seed), seed=seed, chains=4, burn=60, draws=250)
    drawn = predict(found, np.arange(WEEKS, WEEKS + HELD_OUT)).samples(seed)
    lower, upper = np.quantile(drawn, [0.05, 0.95], axis=1)
    ahead, estimate = given.target[WEEKS:], roi(found)
    weeks = ((lower <= ahead) & (ahead <= upper)).mean()
    return float(weeks), float(((estimate.lower <= given.roi) & (given.roi <= estimate.upper)).mean())


def cell(values: np.ndarray) -> str:
    return f"{100 * values.mean():.1f} ± {100 * values.std(ddof=1) / np.sqrt(len(values)):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=300, help="of each part, spread over its worlds")
    parser.add_argument("--part", choices=tuple(PARTS), action="append")
    given = parser.parse_args()
    rows = []
    for part in given.part or PARTS:
        share = -(-given.tenants // len(PARTS[part]))
        for name, (curves, rounds, moves) in MODELS.items():
            every, began = [], time.process_time()
            for number, world in enumerate(PARTS[part]):
                seeds = [(1 + list(PARTS).index(part)) * 100_000 + 1000 * number + k for k in range(share)]
                found = np.array([held(tenant(world, seed), curves, rounds, moves, seed) for seed in seeds])
                every.append(found)
                rows.append([part, name, world.name, str(share), cell(found[:, 0]), cell(found[:, 1]), ""])
            joined = np.concatenate(every)
            seconds = (time.process_time() - began) / len(joined)
            rows.append([part, name, "all", str(len(joined)), cell(joined[:, 0]), cell(joined[:, 1]), f"{seconds:.2f}"])
    print_table(["part", "model", "world", "tenants", "held-out weeks inside, %", "true ROI inside, %", "CPU s a tenant"], rows)


if __name__ == "__main__":
    main()
