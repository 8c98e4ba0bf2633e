"""The watch over prediction errors: weeks until a false alarm, and how many planted shifts two weeks are enough for.

    python -m benchmarks.shift_watch [--series 1500] [--weeks 400] [--tenants 12]

First series of noise alone, with the autocorrelation and tails the limits were simulated for and some beyond. Then errors of the
media-mix engine itself on synthetic tenants: every week predicted from a fit to the weeks before it, standardised by the 90 % interval
of the predictive distribution, as the pipeline has them. A shift is planted in the target before its two weeks are predicted.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks._harness import print_table
from governance_assets.stats.media_backtest import backtest_bayes
from governance_assets.stats.media_curves import CurvePriors
from governance_assets.stats.media_design import prepare
from governance_assets.stats.shift_watch import LEAST_REFERENCE, SHIFT, standardised_errors, watched
from governance_assets_tests.media_examples import tenant, tenant_model
from governance_assets_tests.shift_series import correlated, detected, most_found, run_length

CASES = [(freedom, kept) for freedom in (np.inf, 8.0, 5.0, 4.0, 3.0) for kept in (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)]
SIZES = (SHIFT, 4.0, 5.0)
TRAIN, PREDICTED = 104, 104


def noise_alone(series: int, weeks: int) -> None:
    rows = []
    for number, (freedom, kept) in enumerate(CASES):
        errors = correlated(np.random.default_rng([1, number]), series, weeks, freedom, kept)
        found = watched(errors)
        few = run_length(found[:, :, : LEAST_REFERENCE + 30])
        shares = [f"{100 * detected(errors[:, -106:], size).mean():.1f}" for size in SIZES]
        noise = correlated(np.random.default_rng([2, number]), 2 * series, 600, freedom, kept)
        most = f"{100 * most_found(noise, freedom, kept, SHIFT, 200):.1f}"
        rows.append(
            ["normal" if np.isinf(freedom) else f"t, {freedom:g}", f"{kept:.2f}", f"{run_length(found):.0f}", f"{few:.0f}", *shares, most]
        )
    print(f"{series} series of {weeks} weeks each; limits are for autocorrelation to 0.6 and tails to t, 4")
    sizes = [f"found at {size:g} sd, %" for size in SIZES]
    print_table(
        ["noise", "autocorrelation", "mean weeks to a false alarm", "in the first 30 judged", *sizes, f"at most at {SHIFT:g} sd, %"], rows
    )


def of_the_engine(tenants: int) -> None:
    """Errors of weekly refits; the planted shift is measured in standard deviations of the tenant's own noise."""
    trains = list(range(TRAIN, TRAIN + PREDICTED))
    began, errors, shifted = time.process_time(), [], {size: [] for size in SIZES}
    for number in range(tenants):
        noise, curves = 0.5, CurvePriors(curves=("logistic",))
        truth = tenant(700 + number, weeks=TRAIN + PREDICTED, channels=3, noise=noise)

        def standardised(target: np.ndarray, chosen: list[int], truth=truth, curves=curves) -> np.ndarray:
            design = prepare(target, *tenant_model(truth, curves), scale_weeks=TRAIN)
            done = backtest_bayes(design, chosen, seed=1, chains=2, draws=200).predictions
            lower, median, upper = np.quantile(done.samples, [0.05, 0.5, 0.95], axis=1)
            return standardised_errors(done.observed, median, lower, upper)

        errors.append(standardised(truth.target, trains))
        for size in SIZES:
            moved = truth.target.copy()
            moved[-2:] += size * noise
            last = standardised(moved, trains[-2:])
            score, limit, _ = watched(np.r_[errors[-1][:-2], last][None])
            shifted[size].append(bool(score[0, -1] > limit[0, -1]))
    found = watched(np.array(errors))
    judged, alarms = int(np.isfinite(found[0]).sum()), int((found[0] > found[1]).sum())
    print(f"\n{tenants} tenants, {PREDICTED} weekly refits each, {time.process_time() - began:.0f} CPU s")
    rows = [["weeks judged", f"{judged}"], ["alarms without a shift", f"{alarms}"]]
    rows.append(["weeks an alarm", f"{judged / alarms:.0f}" if alarms else f"more than {judged / 3:.0f} (95 % bound)"])
    rows += [[f"found at {size:g} sd, of {tenants}", f"{sum(hits)}"] for size, hits in shifted.items()]
    print_table(["errors of the engine", ""], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1500)
    parser.add_argument("--weeks", type=int, default=400)
    parser.add_argument("--tenants", type=int, default=12)
    given = parser.parse_args()
    noise_alone(given.series, given.weeks)
    of_the_engine(given.tenants)


if __name__ == "__main__":
    main()
