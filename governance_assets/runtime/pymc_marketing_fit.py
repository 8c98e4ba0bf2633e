"""One fit of PyMC-Marketing's default model: JSON on the input, JSON as the last line of the output.

Belongs here: what the other interpreter runs. It imports nothing of this package, which that interpreter need not have.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any


def fit(given: Mapping[str, Any]) -> dict[str, Any]:
    """Draws of ROI (draws, channels) and samples of the weeks after training (weeks, draws), with CPU seconds of the sampling."""
    import arviz
    import numpy as np
    import pandas as pd
    import pymc_marketing
    from pymc_marketing.mmm import MMM, GeometricAdstock, LogisticSaturation

    train, channels, controls = given["train"], list(given["spend"]), list(given["controls"])
    frame = pd.DataFrame({**given["spend"], **given["controls"], "week": pd.to_datetime(given["weeks"])})
    target = pd.Series(given["target"], name="y")
    model = MMM(
        adstock=GeometricAdstock(l_max=8),
        saturation=LogisticSaturation(),
        date_column="week",
        channel_columns=channels,
        control_columns=controls or None,
        yearly_seasonality=given["season_order"] or None,
    )
    quiet = {"random_seed": given["seed"], "progressbar": False}
    began = time.process_time()
    model.fit(frame[:train], target[:train], chains=4, tune=1000, draws=1000, cores=1, nuts_sampler="nutpie", **quiet)
    seconds = time.process_time() - began
    # Contributions are of the scaled target.
    sums = model.idata.posterior["channel_contribution"].sum("date") * float(target[:train].max())
    spent = np.array([sum(given["spend"][name][:train]) for name in channels])
    roi = sums.stack(sample=("chain", "draw")).transpose("sample", "channel").to_numpy() / spent
    drawn = np.zeros((0, 1))
    if len(frame) > train:
        ahead = model.sample_posterior_predictive(frame[train:], extend_idata=False, include_last_observations=True, **quiet)
        drawn = ahead["y"].transpose("date", ...).to_numpy()
    return {
        "version": pymc_marketing.__version__,
        "seconds": seconds,
        "ess": float(arviz.ess(sums).to_array().min()),
        "ess_coefficient": float(arviz.ess(model.idata, var_names=["saturation_beta"])["saturation_beta"].min()),
        "roi": roi.tolist(),
        "ahead": drawn[:, ::4].tolist(),
    }


if __name__ == "__main__":
    print(json.dumps(fit(json.load(sys.stdin))))
