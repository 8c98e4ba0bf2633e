"""Posterior draws of a media-mix model by the grid-collapsed Gibbs sampler.

Belongs here: running chains on a training window, and windows that grow week by week.
Does not belong here: the sampler's loops (``media_chain``), what draws say (``media_results``, ``media_forecast``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from governance_assets.stats.arrays import Counts, Floats
from governance_assets.stats.media_design import Design

if TYPE_CHECKING:
    from governance_assets.stats.media_chain import Chains, Data, Work

CHAINS, BURN, DRAWS = 8, 64, 256


@dataclass(frozen=True)
class Window:
    """The first ``weeks`` of a design: sums of squares of all responses (blocks, G), and products with and of the columns."""

    design: Design
    weeks: int
    squares: Floats
    crossed: Floats
    column_squares: Floats


@dataclass(frozen=True)
class ChainState:
    """Where the chains stand: grid point and coefficient of each block (chains, blocks), variance of the noise (chains,)."""

    points: Counts
    coefficients: Floats
    variance: Floats


@dataclass(frozen=True)
class Fit:
    """Posterior draws of the scaled model on the first ``weeks``, chain by chain.

    ``points`` and ``coefficients`` (chains, draws, blocks), ``columns`` (chains, draws, K) the coefficients of columns with a prior
    on both sides, ``scales`` their prior variances (they vary under a Laplace prior), ``noise`` (chains, draws) the standard
    deviation of the noise; ``state`` is where the chains stopped.
    """

    window: Window
    seed: int
    points: Counts
    coefficients: Floats
    columns: Floats
    scales: Floats
    noise: Floats
    state: ChainState

    @property
    def design(self) -> Design:
        """The design that was fitted."""
        return self.window.design

    @property
    def weeks(self) -> int:
        """Training weeks."""
        return self.window.weeks

    def flat(self, of: str) -> np.ndarray:
        """One of the draws with all chains in one row, (chains · draws, ...)."""
        drawn = np.asarray(getattr(self, of))
        return drawn.reshape(-1, *drawn.shape[2:])


def window(design: Design, weeks: int | None = None) -> Window:
    """The first ``weeks`` of a design, all weeks of the target unless given."""
    blocks, points, _ = design.series.shape
    size = len(design.columns)
    nothing = Window(design, 0, np.zeros((blocks, points)), np.zeros((blocks, size, points)), np.zeros((size, size)))
    return extended(nothing, len(design.target) if weeks is None else weeks)


def extended(past: Window, weeks: int) -> Window:
    """``past`` with the weeks up to ``weeks`` added; only those are read."""
    design = past.design
    if not past.weeks < weeks <= len(design.target):
        raise ValueError(f"weeks is {weeks}, expected {past.weeks + 1} to the {len(design.target)} weeks of the target")
    new = slice(past.weeks, weeks)
    series, columns = design.series[:, :, new], design.columns[:, new]
    return Window(
        design,
        weeks,
        past.squares + np.einsum("bgt,bgt->bg", series, series),
        past.crossed + np.matmul(columns, series.transpose(0, 2, 1)),
        past.column_squares + columns @ columns.T,
    )


def fit(
    data: Design | Window,
    *,
    seed: int,
    chains: int = CHAINS,
    burn: int = BURN,
    draws: int = DRAWS,
    start: ChainState | None = None,
) -> Fit:
    """Draw from the posterior of a design (all weeks of its target) or of a window of it.

    Every chain starts at a point drawn from the prior, or at ``start``, the state of an earlier fit of the same design (then a short
    ``burn`` will do). ``draws`` of each chain are kept after ``burn``. The same arguments give the same draws on the same kind of
    machine. Raises ValueError for counts below 1, or a start that does not fit.
    """
    from governance_assets.stats.media_chain import Drawn, run_chains

    training = window(data) if isinstance(data, Design) else data
    if min(chains, draws) < 1 or burn < 0:
        raise ValueError(f"chains, draws and burn are {chains}, {draws} and {burn}; expected at least 1, 1 and 0")
    generator = np.random.Generator(np.random.PCG64(seed))
    state = _first_state(training, chains, generator) if start is None else start
    blocks, size = len(training.design.points), len(training.design.columns)
    if state.points.shape != (chains, blocks):
        raise ValueError(f"start has {state.points.shape} chains and blocks, expected {(chains, blocks)}")
    drawn = Drawn(
        np.empty((chains, draws, blocks), dtype=np.int64),
        np.empty((chains, draws, blocks)),
        np.empty((chains, draws, size)),
        np.empty((chains, draws, size)),
        np.empty((chains, draws)),
    )
    running = _chains(training, state)
    run_chains(_data(training), running, drawn, _work(training, burn), burn, generator)
    return Fit(training, seed, *drawn, ChainState(running.point, running.coefficient, running.variance))


def _data(training: Window) -> Data:
    from governance_assets.stats.media_chain import Data

    design = training.design
    return Data(
        target=design.target,
        columns=design.columns,
        column_squares=training.column_squares,
        series=design.series,
        basis=design.basis,
        weights=design.weights,
        ranks=design.ranks,
        points=design.points,
        squares=training.squares,
        crossed=training.crossed,
        priors=design.priors,
        lift_precision=design.lift_precision,
        lift_linear=design.lift_linear,
        coefficient_priors=design.coefficient_priors,
        column_priors=design.column_priors,
        noise_prior=design.noise_prior,
        weeks=training.weeks,
    )


def _chains(training: Window, state: ChainState) -> Chains:
    from governance_assets.stats.media_chain import Chains

    (count, blocks), size = state.points.shape, len(training.design.columns)
    return Chains(
        point=state.points.copy(),
        coefficient=state.coefficients.copy(),
        column=np.zeros((count, size)),
        variance=state.variance.copy(),
        spread=np.zeros((count, size)),
        precision=np.zeros((count, blocks)),
        residual=np.zeros((count, training.weeks)),
        factor=np.zeros((count, size, size)),
        loads=np.zeros((count, size)),
    )


def _work(training: Window, burn: int) -> Work:
    from governance_assets.stats.media_chain import Work

    points, size = training.design.series.shape[1], len(training.design.columns)
    return Work(
        np.zeros(points),
        np.zeros(points),
        np.zeros(points),
        np.zeros(training.weeks),
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros(size),
        np.zeros(training.design.series.shape[:2]),
        # With one column or none, exact precisions cost no more than stale ones; without a burn-in nothing tells whether those serve.
        np.array([float(size > 1 and burn >= 4), 0.0, 0.0]),
    )


def _first_state(training: Window, chains: int, generator: np.random.Generator) -> ChainState:
    """Grid points drawn from the prior, coefficients spread from none to the size of the target, noise as large as the target varies."""
    design = training.design
    points = generator.integers(0, design.points, (chains, len(design.points)))
    coefficients = generator.random(points.shape)
    spread = float(np.var(design.target[: training.weeks]))
    return ChainState(points, coefficients, np.full(chains, spread if design.noise_prior[0] else design.noise_prior[1]))
