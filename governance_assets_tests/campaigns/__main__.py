"""The campaigns at full length: ``python -m governance_assets_tests.campaigns [NAME …]``."""

import sys
from collections.abc import Callable

from governance_assets_tests.campaigns import concurrency, drain_kills, kill, reconcile, tampering

CAMPAIGNS: dict[str, Callable[[], int]] = {
    "concurrency": concurrency.main,
    "kill": kill.main,
    "drain": drain_kills.main,
    "reconcile": reconcile.main,
    "tampering": tampering.main,
}


def main(names: list[str]) -> int:
    """Run the named campaigns, all when none is named; 1 when one of them found a fault."""
    unknown = sorted({*names} - CAMPAIGNS.keys())
    if unknown:
        sys.exit(f"found {', '.join(unknown)}, expected some of {', '.join(CAMPAIGNS)}")
    del sys.argv[1:]  # each campaign reads options of its own
    return max(CAMPAIGNS[name]() for name in names or CAMPAIGNS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
