"""Commands that fetch, compute and show: fetch, run, report, ui, batches."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance_assets.cli.common import CHECKS_FAILED, FAILED, located, settings_of, workspace_at

if TYPE_CHECKING:
    from governance_assets.runtime.workspace import Workspace


@click.command()
@located
@click.argument("source", required=False)
def fetch(home: Path | None, telemetry: Path | None, source: str | None) -> None:
    """Fetch the live sources that governance.yaml names into the telemetry folder; with SOURCE one kind, such as github."""
    from governance_assets.policy import SourcesPolicy
    from governance_assets.runtime import batch

    if source is not None and source not in SourcesPolicy.KINDS:
        raise click.UsageError(f"SOURCE: no source is named {source}; known are {', '.join(SourcesPolicy.KINDS)}")
    with workspace_at(home, telemetry) as workspace:
        kinds = [kind for kind in SourcesPolicy.KINDS if workspace.policy.sources.of(kind) and source in (None, kind)]
        if not kinds:
            raise click.UsageError(
                f"governance.yaml names no source below sources{f'.{source}' if source else ''}; files are read all the same"
            )
        is_whole = batch.fetch(workspace, kinds, " ".join(["governance", *sys.argv[1:]]), click.echo)
    click.echo("next: governance run")
    if not is_whole:
        sys.exit(FAILED)


@click.command()
@located
@click.option("--week", help="One week, any of its days: 2025-11-03.")
@click.option("--quarter", help="One quarter with its half-months and weeks: 2025-Q4, or latest for the newest that is closed.")
@click.option("--from", "first", help="First week, any of its days.")
@click.option("--to", "last", help="Last week, any of its days.")
@click.option("--select", help="Names of artifacts, separated by commas.")
@click.option("--as-of", help="Instant to look from, ISO; default the policy's, else now.")
@click.option("--strict", is_flag=True, help="Exit with 3 when a check failed.")
def run(
    home: Path | None,
    telemetry: Path | None,
    week: str | None,
    quarter: str | None,
    first: str | None,
    last: str | None,
    select: str | None,
    as_of: str | None,
    strict: bool,
) -> None:
    """Read the telemetry, compute what is stale or asked for, judge it, record it and write the site."""
    if as_of is not None:
        os.environ["GOVERNANCE_AS_OF"] = as_of
    settings = settings_of(home, telemetry)
    if not settings.telemetry.is_dir():
        raise click.UsageError(f"--telemetry: no folder {settings.telemetry}; `governance sample DIR` makes one")
    from governance_assets.runtime.clock import stopwatch

    start = stopwatch()
    from governance_assets.definitions import build
    from governance_assets.runtime import batch
    from governance_assets.runtime.overview import states
    from governance_assets.runtime.workspace import Workspace

    click.echo(f"load: {stopwatch() - start:.1f} s")
    with Workspace(settings) as workspace:
        asked = batch.Asked.parse(week=week, quarter=quarter, first=first, last=last, select=select, as_of=workspace.as_of)
        done = batch.run(workspace, build(workspace), asked, command=" ".join(["governance", *sys.argv[1:]]), say=click.echo)
        with done.phase("seal", click.echo):
            batch.seal_run(workspace, done, click.echo)
        with done.phase("alerts", click.echo):
            _drain(workspace, "run")
        with done.phase("pages", click.echo):
            shown = states(workspace)
            index = batch.write_report(workspace, shown)
        has_failed_checks = batch.print_summary(workspace, shown)
        click.echo(f"site: {index}")
    if not done.is_success:
        sys.exit(FAILED)
    if strict and has_failed_checks:
        sys.exit(CHECKS_FAILED)


@click.command()
@located
@click.option("--open", "show", is_flag=True, help="Open the site in a browser.")
def report(home: Path | None, telemetry: Path | None, show: bool) -> None:
    """Write the site from the history."""
    import governance_assets.definitions  # noqa: F401  (declares the artifacts the site is made of)
    from governance_assets.runtime import batch
    from governance_assets.runtime.overview import states

    with workspace_at(home, telemetry) as workspace:
        index = batch.write_report(workspace, states(workspace))
    click.echo(f"site: {index}")
    if show:
        webbrowser.open(index.as_uri())


@click.command()
@located
@click.option("--port", type=int, default=3000, show_default=True)
def ui(home: Path | None, telemetry: Path | None, port: int) -> None:
    """Dagster's UI on 127.0.0.1, with its daemon: schedules and sensors run while it does."""
    from governance_assets.runtime.instance import prepare

    prepare(settings_of(home, telemetry))
    click.echo(f"http://127.0.0.1:{port}  (stop with Ctrl-C)")
    dagster = Path(sys.executable).with_name("dagster")
    os.execv(dagster, [str(dagster), "dev", "-h", "127.0.0.1", "-p", str(port), "-m", "governance_assets.definitions"])


@click.command()
@located
def batches(home: Path | None, telemetry: Path | None) -> None:
    """Run the test batches that critics.commands of the policy names; the results land in the telemetry folder."""
    from governance_assets.runtime.batches import in_order, run_batches

    settings = settings_of(home, telemetry)
    policy = settings.policy().critics
    if not policy.commands:
        raise click.UsageError("critics.commands of the policy names no command; nothing is run by itself")
    path, is_good = run_batches(in_order(policy.commands, policy.batches), settings.telemetry)
    click.echo(f"results: {path}")
    if not is_good:
        sys.exit(CHECKS_FAILED)


def _drain(workspace: Workspace, origin: str) -> None:
    from governance_assets.runtime.alerts.drain import drain as drain_once

    done = drain_once(workspace, origin)
    for sentence in done.sentences:
        click.echo(f"governance: {sentence}", err=True)
    click.echo(done)
