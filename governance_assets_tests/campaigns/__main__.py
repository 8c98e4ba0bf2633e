"""Both campaigns at full length: ``python -m governance_assets_tests.campaigns``."""

import sys

from governance_assets_tests.campaigns import concurrency, kill

if __name__ == "__main__":
    sys.exit(max(concurrency.main(), kill.main()))
