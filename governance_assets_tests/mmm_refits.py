"""Two made-up tenants refitted at the ends of quarters, shared by tests of refits and of allocation."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from governance_assets.contract import conform, violations
from governance_assets.domains.mmm import facts_refits, facts_stability
from governance_assets.domains.mmm.contracts import MediaContributions, MediaDraws, RefitStability
from governance_assets.policy import MmmPolicy
from governance_assets.policy.mmm import ExpectedSign
from governance_assets.runtime.periods import quarter_of_week
from governance_assets_tests.mmm_data import WEEKS, media_table, monday

POLICY = MmmPolicy(chains=2, draws=64, kept_draws=128, expected_signs=(ExpectedSign(name="price", sign="-"),), optimum_draws=32)
QUARTERS = tuple(sorted({quarter_of_week(monday(place)) for place in range(WEEKS)}))


@dataclass(frozen=True)
class Refits:
    """What refits of some media say."""

    media: pa.Table
    draws: pa.Table
    stability: pa.Table
    contributions: pa.Table


def refitted(media: pa.Table, quarters: tuple[str, ...] = QUARTERS, policy: MmmPolicy = POLICY) -> Refits:
    """All refits of ``media``, checked against their contracts."""
    con = duckdb.connect()
    con.register("media", media)
    con.register("draws", draws := conform(MediaDraws, facts_refits.media_draws(con, "media", quarters, policy)))
    stability = conform(RefitStability, facts_stability.refit_stability(con, "media", "draws", None, quarters, policy))
    contributions = conform(MediaContributions, facts_refits.media_contributions(con, "media", "draws", quarters, policy))
    for contract, rows in ((MediaDraws, draws), (RefitStability, stability), (MediaContributions, contributions)):
        assert violations(contract, rows) == []
    return Refits(media, draws, stability, contributions)


@functools.cache
def two_tenants() -> Refits:
    """The refits of two tenants over two years, made once."""
    return refitted(media_table(tenants=2))
