"""R-hat and effective sample size on chains whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from governance_assets.stats.chain_diagnostics import bulk_ess, split_r_hat


def autoregressive(share: float, chains: int = 4, draws: int = 4000) -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=(chains, draws))
    values = noise.copy()
    for t in range(1, draws):
        values[:, t] = share * values[:, t - 1] + np.sqrt(1 - share**2) * noise[:, t]
    return values


def test_independent_draws_are_worth_themselves() -> None:
    draws = np.random.default_rng(0).normal(size=(4, 1000, 40))
    assert split_r_hat(draws).max() < 1.01
    assert bulk_ess(draws).mean() == pytest.approx(4000, rel=0.05)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_autocorrelated_draws_are_worth_less(share: float) -> None:
    assert float(bulk_ess(autoregressive(share))) == pytest.approx(16000 * (1 - share) / (1 + share), rel=0.2)


def test_chains_apart_are_seen_in_place_and_in_spread() -> None:
    draws = np.random.default_rng(0).normal(size=(4, 500))
    assert split_r_hat(draws + np.array([[0.0], [0.0], [0.0], [2.0]])) > 1.1
    assert split_r_hat(draws * np.array([[1.0], [1.0], [1.0], [5.0]])) > 1.05


def test_a_drift_within_one_chain_is_seen() -> None:
    assert split_r_hat(np.random.default_rng(0).normal(size=(1, 1000)) + np.linspace(0, 3, 1000)) > 1.1


def test_only_ranks_count() -> None:
    draws = np.random.default_rng(3).normal(size=(4, 200))
    assert float(bulk_ess(draws)) == pytest.approx(float(bulk_ess(np.exp(3 * draws))))


def test_what_never_moves() -> None:
    assert split_r_hat(np.ones((2, 20))) == 1
    assert np.isnan(bulk_ess(np.ones((2, 20))))
    assert split_r_hat(np.array([[0.0] * 20, [1.0] * 20])) == np.inf


def test_too_few_draws_and_lost_chains_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 draws"):
        split_r_hat(np.ones((2, 7)))
    with pytest.raises(ValueError, match="missing or infinite"):
        bulk_ess(np.full((2, 10), np.nan))
