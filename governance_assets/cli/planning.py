"""Commands that carry the plan outwards: sync to repositories, and changes to the plan store."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from governance_assets.cli.common import FAILED, located, workspace_at


@click.command()
@located
@click.option("--repository", "only", help="One repository of the policy by its name; default all.")
@click.option("--apply", "is_applied", is_flag=True, help="Write it: one commit and its tags, pushed. Without it nothing is written.")
def sync(home: Path | None, telemetry: Path | None, only: str | None, is_applied: bool) -> None:
    """Publish the newest week of the plan to the repositories of the policy; shows what it would write unless told to."""
    import governance_assets.definitions  # noqa: F401  (declares the artifacts that are published)
    from governance_assets.contract import registry
    from governance_assets.domains.plan import report
    from governance_assets.runtime.publishing import sync as sync_one
    from governance_assets.runtime.repository import Published, RepositoryError

    with workspace_at(home, telemetry) as workspace:
        targets = [one for one in workspace.policy.plan.repositories if only in (None, one.name)]
        if not targets:
            raise click.UsageError("the policy names no such repository; name it under plan.repositories of governance.yaml")
        tables = {name: workspace.history.rows(registry()[name]) for name in ("plan_dashboard", "plan_phases", "weekly_changelog")}
        week = report.newest_week(tables)
        if week is None:
            raise click.UsageError("no week of the plan is recorded; `governance run` records it")
        is_whole = True
        for target in targets:
            published = Published(**report.published(tables, week, target.tag_prefix))
            try:
                is_whole &= sync_one(workspace, target, published, week, is_applied, click.echo)
            except RepositoryError as error:
                click.echo(f"governance: {target.name}: {error}", err=True)
                is_whole = False
    if not is_whole:
        sys.exit(FAILED)


@click.group()
def plan() -> None:
    """What the plan store should take over, and writing it there."""


@plan.command("apply")
@located
@click.option("--week", help="One week, any of its days; default the newest.")
@click.option("--confirm", is_flag=True, help="Write the changes. Without it they are shown and nothing is written.")
def apply_changes(home: Path | None, telemetry: Path | None, week: str | None, confirm: bool) -> None:
    """Write the changes of a week to the plan store, each once; shows them unless told to."""
    import os

    import governance_assets.definitions  # noqa: F401  (declares plan_changes)
    from governance_assets.contract import registry
    from governance_assets.runtime import plan_store

    with workspace_at(home, telemetry) as workspace:
        weeks = sorted(workspace.history.heads("plan_changes"))
        if not weeks:
            raise click.UsageError("no week of plan_changes is recorded; `governance run` records it")
        key = _monday(week) if week else weeks[-1]
        if key not in weeks:
            raise click.UsageError(f"--week: nothing is recorded of {key}; recorded are {weeks[0]} to {weeks[-1]}")
        changes = workspace.history.rows(registry()["plan_changes"], [key]).to_pylist()
        policy, folder = workspace.policy.plan, workspace.settings.home
        try:
            if confirm:
                click.echo(f"{plan_store.apply(changes, policy, folder, os.environ, click.echo)} changes written")
                return
        except plan_store.PlanStoreError as error:
            click.echo(f"governance: {error}", err=True)
            sys.exit(FAILED)
        todo = plan_store.pending(changes, policy, folder)
    for one in todo:
        click.echo(f"{one.store}: {plan_store.told(one.change)}")
    click.echo(f"{len(todo)} of {len(changes)} changes are not written yet; nothing was written, --confirm writes")


def _monday(text: str) -> str:
    import datetime as dt

    from governance_assets.runtime.periods import week_of

    try:
        return week_of(dt.date.fromisoformat(text)).isoformat()
    except ValueError:
        raise click.UsageError(f"--week: found {text!r}, expected a day such as 2025-11-03") from None
