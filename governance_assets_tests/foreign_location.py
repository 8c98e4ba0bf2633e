"""A code location that knows nothing of us. Files in the folder that FOREIGN_TROUBLE names make it fail."""

import os
import signal
from pathlib import Path

import dagster as dg


def is_troubled(name: str) -> bool:
    return (Path(os.environ["FOREIGN_TROUBLE"]) / name).exists()


def trouble(name: str) -> None:
    """Raise, or die, as the file ``name`` has it."""
    if is_troubled(name):
        if (Path(os.environ["FOREIGN_TROUBLE"]) / name).read_text() == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError(f"no connection to postgres://reader:hunter2@warehouse/{name} as password=hunter2\nand more lines")


@dg.asset
def orders() -> None:
    """An asset that may crash."""
    trouble("orders")


@dg.asset(deps=[orders])
def invoices() -> None:
    """An asset that is skipped when the one above it crashes."""


@dg.asset
def refunds() -> None:
    """An asset that may crash."""
    trouble("refunds")


@dg.asset
def returns() -> None:
    """An asset whose process may be killed."""
    trouble("returns")


@dg.asset_check(asset=orders)
def orders_are_fresh() -> dg.AssetCheckResult:
    """A native check that may fail, or crash."""
    trouble("check_crashes")
    return dg.AssetCheckResult(passed=not is_troubled("stale"), description="the newest order is of today")


_DAYS = dg.DailyPartitionsDefinition("2020-01-01")


@dg.asset(partitions_def=_DAYS, check_specs=[dg.AssetCheckSpec("day_is_full", asset="days", partitions_def=_DAYS)])
def days() -> dg.MaterializeResult:
    """A partitioned asset with a check of each partition."""
    trouble("days")
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=not is_troubled("empty"), check_name="day_is_full")])


@dg.op
def mail_is_sent() -> None:
    trouble("mail")


@dg.job
def mail() -> None:
    """A job without assets."""
    mail_is_sent()


@dg.sensor(job=mail, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.STOPPED)
def inbox() -> dg.SkipReason:
    """A sensor whose ticks may fail."""
    trouble("inbox")
    return dg.SkipReason("nothing arrived")


defs = dg.Definitions(
    assets=[orders, invoices, refunds, returns, days],
    asset_checks=[orders_are_fresh],
    jobs=[mail, dg.define_asset_job("sales", [orders, invoices], executor_def=dg.in_process_executor)],
    sensors=[inbox],
    executor=dg.in_process_executor,
)
