"""Media-mix engines of others, each in a process of its own with a limit on memory and time.

Belongs here: starting such a process and reading what it returns. Does not belong here: what it computes
(``pymc_marketing_fit.py``, run by the other interpreter), saved results (``sources/engine_results.py``).

PyMC-Marketing lives in an interpreter of its own, named by ``GOVERNANCE_PYMC_PYTHON``: its dependencies would tie down ours.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from governance_assets.policy import MmmPolicy
from governance_assets.stats.media_imported import ImportedResult
from governance_assets.stats.media_series import MediaSeries, varying

PYTHON_VARIABLE = "GOVERNANCE_PYMC_PYTHON"
_SCRIPT = Path(__file__).with_name("pymc_marketing_fit.py")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_LEVELS = (0.05, 0.5, 0.95)
_SHOWN = 2000


class ForeignEngineError(ValueError):
    """An engine that could not be started, ended with an error, or went beyond a limit."""


@dataclass(frozen=True)
class Limits:
    """What an engine may use: address space in MB, and seconds by the clock."""

    memory_mb: int = 16_384
    seconds: float = 1800.0


@dataclass(frozen=True)
class WeeklyData:
    """What an engine is fitted to: ``train`` first weeks; the weeks after are predicted. ``weeks`` are Mondays."""

    weeks: Sequence[dt.date]
    target: Sequence[float]
    spend: Mapping[str, Sequence[float]]
    controls: Mapping[str, Sequence[float]]
    train: int
    season_order: int = 2


def run_limited(command: Sequence[str], given: str, limits: Limits) -> str:
    """What ``command`` writes to its output, fed with ``given``; it and all it started are ended beyond a limit."""
    environment = os.environ | dict.fromkeys(_THREADS, "1")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise ForeignEngineError(f"{command[0]} cannot be started: {error.strerror}; name an interpreter in {PYTHON_VARIABLE}") from error
    size = limits.memory_mb * 1024 * 1024
    # The child waits for its input, so the limit is there before it works.
    resource.prlimit(process.pid, resource.RLIMIT_AS, (size, size))
    try:
        told, complaint = process.communicate(given, timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        raise ForeignEngineError(f"{Path(command[-1]).name} was ended after {limits.seconds:g} s; allow more time or fewer weeks") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
    if process.returncode:
        raise ForeignEngineError(
            f"{Path(command[-1]).name} ended with {process.returncode} (memory limit {limits.memory_mb} MB): {complaint.strip()[-_SHOWN:]}"
        )
    return told


def run_pymc_marketing(data: WeeklyData, *, seed: int, limits: Limits | None = None, python: str | None = None) -> dict[str, Any]:
    """Fit PyMC-Marketing's default model; its answer as it comes: seconds, version, least ESS of contributions and of
    coefficients, draws of ROI, samples of later weeks."""
    interpreter = python or os.environ.get(PYTHON_VARIABLE)
    if not interpreter:
        raise ForeignEngineError(f"{PYTHON_VARIABLE} is not set; name an interpreter that has pymc-marketing and nutpie")
    given = {
        "weeks": [week.isoformat() for week in data.weeks],
        "target": list(map(float, data.target)),
        "spend": {name: list(map(float, values)) for name, values in data.spend.items()},
        "controls": {name: list(map(float, values)) for name, values in data.controls.items()},
        "train": data.train,
        "season_order": data.season_order,
        "seed": seed,
    }
    # Isolated: the script's folder and PYTHONPATH hold modules of ours that would stand before its own (``calendar.py``).
    told = run_limited([interpreter, "-I", str(_SCRIPT)], json.dumps(given), limits or Limits())
    try:
        found = json.loads(told.splitlines()[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise ForeignEngineError(f"{_SCRIPT.name} wrote no result as its last line: {told[-_SHOWN:]!r}") from error
    return dict(found)


def fit_pymc_marketing(data: WeeklyData, *, seed: int, limits: Limits | None = None, python: str | None = None) -> ImportedResult:
    """The same as a result that is judged like any imported one: predictions of the weeks after training, ROI of training."""
    found = run_pymc_marketing(data, seed=seed, limits=limits, python=python)
    observed = [float(value) for value in data.target[data.train :]]
    return ImportedResult(
        f"pymc_marketing {found['version']}",
        tuple(data.spend),
        np.quantile(np.array(found["roi"]), _LEVELS, axis=0).T,
        tuple(data.weeks[data.train :]),
        np.quantile(np.array(found["ahead"]), _LEVELS, axis=1).T,
        np.array(observed),
        _LEVELS[2] - _LEVELS[0],
    )


def fit_abroad(engine: str, known: MediaSeries, train: int, policy: MmmPolicy) -> ImportedResult:
    """One of ``policy.foreign_engines`` fitted to the first ``train`` weeks of a tenant; what it predicts of the weeks after.

    Raises ForeignEngineError where the engine cannot be run or the series cannot be used.
    """
    spend, controls = varying(known.exposure, train), varying(known.controls, train)
    for name, values in {"the target": known.target[:train], **controls}.items():
        if not np.isfinite(values).all():
            raise ForeignEngineError(f"{name} is missing in week {known.weeks[int(np.argmin(np.isfinite(values)))]}; fill it in")
    data = WeeklyData(
        known.weeks,
        np.nan_to_num(known.target).tolist(),
        {name: values.tolist() for name, values in spend.items()},
        {name: values.tolist() for name, values in controls.items()},
        train,
        policy.season_order,
    )
    limits = Limits(policy.foreign_memory_mb, policy.foreign_seconds)
    return _ENGINES[engine](data, seed=_SEED + train, limits=limits)


_SEED = 20251006
_ENGINES = {"pymc_marketing": fit_pymc_marketing}
