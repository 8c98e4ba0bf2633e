"""All benchmarks one after the other: ``python -m benchmarks``."""

import subprocess
import sys

FILES = (
    *("scores", "coverage_intervals", "history", "backfill", "media_mix", "media_coverage", "shift_watch", "plan_transitions"),
    "quarter_review",
)


if __name__ == "__main__":
    sys.exit(max(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode for name in FILES))
