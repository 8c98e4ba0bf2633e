"""The media-mix engine: seconds and effective draws of one fit, and of a fleet's backtest.

    python -m benchmarks.media_mix [--rounds 3] [--tenants 20] [--refits 26]

Peer measured in the same run: an adaptive random-walk Metropolis sampler of the same model in plain NumPy, all parameters
continuous, which is what can be written without a library; with five channels it does not mix, and ratios to it mean little there.
PyMC-Marketing is measured too where GOVERNANCE_PYMC_PYTHON names an interpreter that has it; otherwise its row holds the published CPU
seconds of its fits on other data of the same shape, from another machine, and is labelled so: a published figure is no measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time

import numpy as np

from benchmarks._harness import peak_mb, print_table
from governance_assets.stats.chain_diagnostics import bulk_ess
from governance_assets.stats.media_backtest import backtest_bayes, expanding_windows
from governance_assets.stats.media_curves import CurvePriors, adstock, carryover_weights, logistic
from governance_assets.stats.media_design import Design, prepare
from governance_assets.stats.media_fit import fit
from governance_assets.stats.media_refine import refined
from governance_assets.stats.media_results import diagnose
from governance_assets_tests.media_examples import Truth, tenant, tenant_model

SHAPES = {"2 channels × 179 weeks": (2, 179), "5 channels × 208 weeks": (5, 208)}
# CPU seconds a fit of PyMC-Marketing with nutpie on public examples of these shapes, on a 2-core machine of another day.
PUBLISHED_SECONDS = {"2 channels × 179 weeks": 25.5, "5 channels × 208 weeks": 28.8}
LOGISTIC = CurvePriors(curves=("logistic",))
AVERAGED = CurvePriors(carryover_points=12, curve_points=8)
METROPOLIS_STEPS = 20_000
BACKTEST = {"chains": 4, "burn": 64, "draws": 128}

_PYMC = """
import json, sys, time
import numpy as np, pandas as pd
from pymc_marketing.mmm import MMM, GeometricAdstock, LogisticSaturation
given = json.loads(sys.stdin.read())
frame = pd.DataFrame({f"x{n}": row for n, row in enumerate(given["spend"])} | {"t": np.arange(len(given["target"]))})
frame["week"] = pd.date_range("2020-01-06", periods=len(frame), freq="W-MON")
model = MMM(adstock=GeometricAdstock(l_max=8), saturation=LogisticSaturation(), date_column="week", control_columns=["t"],
            channel_columns=[f"x{n}" for n in range(len(given["spend"]))], yearly_seasonality=1)
began = time.process_time()
model.fit(frame, pd.Series(given["target"], name="y"), chains=4, tune=1000, draws=1000, cores=1, random_seed=1, progressbar=False,
          nuts_sampler="nutpie")
seconds = time.process_time() - began
import arviz as az
print(json.dumps([seconds, float(az.ess(model.idata, var_names=["saturation_beta"])["saturation_beta"].min())]))
"""


def engine(truth: Truth, curves: CurvePriors, rounds: int) -> tuple[float, float]:
    """CPU seconds from data to draws, and the least effective draws of any reported quantity."""
    began = time.process_time()
    design = prepare(truth.target, *tenant_model(truth, curves))
    found = fit(refined(design, seed=1, rounds=rounds) if rounds else design, seed=1)
    return time.process_time() - began, float(diagnose(found).ess.min())


def metropolis(design: Design, steps: int) -> tuple[float, float]:
    """The floor: one chain over carry-over, rate and coefficient of each channel, the columns and the noise, in plain NumPy."""
    random, count, columns = np.random.default_rng(0), len(design.channels), design.columns
    spend = design.spend / design.spend_scale[:, None]

    def log_density(state: np.ndarray) -> float:
        kept, rate, size = 1 / (1 + np.exp(-state[:count])), np.exp(state[count : 2 * count]), np.exp(state[2 * count : 3 * count])
        gamma, noise = state[3 * count : -1], np.exp(state[-1])
        series = [logistic(adstock(row, carryover_weights(a, 8)), r) for row, a, r in zip(spend, kept, rate, strict=True)]
        left = design.target - size @ np.array(series) - gamma @ columns
        priors = (np.log(kept) + 3 * np.log1p(-kept) + 3 * np.log(rate) - rate + np.log(size) - size**2 / 8).sum()
        likelihood = -len(left) * np.log(noise) - left @ left / (2 * noise**2)
        return float(priors + likelihood - (gamma**2).sum() / 8 - noise**2 / 8 + np.log(noise))

    state = np.concatenate([np.full(count, -1.0), np.full(count, 1.0), np.full(count, -1.5), np.zeros(len(columns)), [-2.5]])
    began, drawn = time.process_time(), np.empty((steps, len(state)))
    present, factor, scale = log_density(state), np.eye(len(state)) * 0.05, 1.0
    for step in range(steps):
        proposed = state + scale * (factor @ random.standard_normal(len(state)))
        value = log_density(proposed)
        accepted = np.log(random.random()) < value - present
        if accepted:
            state, present = proposed, value
        drawn[step] = state
        if step < steps // 2:
            scale *= np.exp((float(accepted) - 0.234) / np.sqrt(step + 1))
            if step and step % 1000 == 0:
                factor, scale = np.linalg.cholesky(np.cov(drawn[step // 2 : step].T) + 1e-8 * np.eye(len(state))), 2.4 / np.sqrt(len(state))
    return time.process_time() - began, float(bulk_ess(drawn[None, steps // 2 :, 2 * count : 3 * count]).min())


def pymc_marketing(truth: Truth, shape: str) -> tuple[float, float, str]:
    """Seconds and effective draws measured, or the published seconds without effective draws."""
    python = os.environ.get("GOVERNANCE_PYMC_PYTHON")
    if not python:
        return PUBLISHED_SECONDS[shape], float("nan"), "PyMC-Marketing (published, not measured)"
    given = json.dumps({"target": truth.target.tolist(), "spend": truth.spend.tolist()})
    done = subprocess.run([python, "-c", _PYMC], input=given, capture_output=True, text=True, check=True, timeout=900)
    seconds, effective = json.loads(done.stdout.splitlines()[-1])
    return seconds, effective, "PyMC-Marketing (measured)"


def fits(rounds: int) -> None:
    rows = []
    for shape, (channels, weeks) in SHAPES.items():
        truth = tenant(5, weeks=weeks, channels=channels)
        runs = {
            "logistic 16 × 16": [engine(truth, LOGISTIC, 0) for _ in range(rounds + 1)][1:],
            "averaged, refined twice": [engine(truth, AVERAGED, 2) for _ in range(rounds + 1)][1:],
        }
        floor = metropolis(prepare(truth.target, *tenant_model(truth, LOGISTIC)), METROPOLIS_STEPS)
        peer_seconds, peer_effective, peer = pymc_marketing(truth, shape)
        for name, found in runs.items():
            seconds, effective = (float(np.median(values)) for values in zip(*found, strict=True))
            speed = effective / seconds
            ratios = (
                f"{speed / (floor[1] / floor[0]):.0f}",
                f"{peer_seconds / seconds:.0f}",
                f"{speed / (peer_effective / peer_seconds):.0f}",
            )
            rows.append([shape, name, f"{seconds:.3f}", f"{effective:.0f}", f"{speed:.0f}", *ratios])
        rows.append([shape, "Metropolis in NumPy (floor)", f"{floor[0]:.2f}", f"{floor[1]:.0f}", f"{floor[1] / floor[0]:.1f}", "1", "", ""])
        rows.append([shape, peer, f"{peer_seconds:.1f}", f"{peer_effective:.0f}", f"{peer_effective / peer_seconds:.1f}", "", "1", "1"])
    print_table(["data", "engine", "CPU s", "least ESS", "ESS/s", "× floor ESS/s", "× PyMC fewer s", "× PyMC ESS/s"], rows)


def fleet(tenants: int, refits: int) -> None:
    """The nightly backtest: every tenant, two models, one refit a week."""
    rows, whole = [], 0.0
    trains = expanding_windows(182, refits)
    for name, curves, rounds in (("logistic 16 × 16", LOGISTIC, 0), ("averaged, refined twice", AVERAGED, 2)):
        began, scores = time.process_time(), []
        for number in range(tenants):
            truth = tenant(100 + number, weeks=182, channels=5)
            design = prepare(truth.target, *tenant_model(truth, curves), scale_weeks=trains[0])
            design = refined(design, seed=1, weeks=trains[0], rounds=rounds) if rounds else design
            scores.append(backtest_bayes(design, trains, seed=1, **BACKTEST).predictions.errors())
        seconds = time.process_time() - began
        whole += seconds
        coverage = float(np.mean([score.coverage for score in scores]))
        rows.append([name, f"{seconds:.1f}", f"{seconds / tenants / refits:.3f}", f"{100 * coverage:.1f}"])
    print(f"\n{tenants} tenants × {refits} refits × 2 models, 5 channels, up to {trains[-1]} weeks, one core")
    print(f"{BACKTEST['chains']} chains of {BACKTEST['draws']} draws each")
    print_table(["model", "CPU s", "CPU s a refit", "90 % interval holds, %"], [*rows, ["both", f"{whole:.1f}", "", ""]])
    print(f"peak memory {peak_mb():.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--refits", type=int, default=26)
    given = parser.parse_args()
    fits(given.rounds)
    fleet(given.tenants, given.refits)


if __name__ == "__main__":
    main()
