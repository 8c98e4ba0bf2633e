"""The only place that asks the wall clock."""

import datetime as dt
import time


def now() -> dt.datetime:
    """This instant, UTC."""
    return dt.datetime.now(dt.UTC)


def stopwatch() -> float:
    """Seconds on a clock that never turns back; only differences mean anything."""
    return time.perf_counter()
