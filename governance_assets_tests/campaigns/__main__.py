"""The kill and concurrency campaigns at full length: ``python -m governance_assets_tests.campaigns``."""

import sys

from governance_assets_tests.campaigns import concurrency, drain_kills, kill

if __name__ == "__main__":
    sys.exit(max(concurrency.main(), kill.main(), drain_kills.main()))
