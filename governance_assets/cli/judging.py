"""Commands about the policy: what a change of it would flip."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from governance_assets.cli.common import located, workspace_at

_SHOWN = 20


@click.group()
def policy() -> None:
    """What is judged by, and what a change of it would do."""


@policy.command("diff")
@located
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write every flip to this CSV file.")
def diff(home: Path | None, telemetry: Path | None, file: Path, out: Path | None) -> None:
    """List every verdict in history that the policy overrides in FILE would flip; nothing is recorded."""
    from dataclasses import replace

    import governance_assets.definitions  # noqa: F401  (declares the artifacts that are judged again)
    from governance_assets.policy import digest
    from governance_assets.runtime.replay.supposed import changed_values, suppose, write

    with workspace_at(home, telemetry) as workspace:
        other = replace(workspace.settings, policy_file=file.absolute()).policy()
        values = changed_values(workspace.policy, other)
        for path, (now, then) in values.items():
            click.echo(f"{path}: {now} → {then}")
        if not values:
            click.echo("no value differs from the policy in force")
            return
        found = suppose(workspace, other)
    counted = f"{found.judged:,} verdicts in {found.computed:,} partitions, {found.changed:,} of them with other rows"
    click.echo(f"{len(found.flips):,} flips among {counted}")
    if found.by_other_code:
        click.echo(f"{found.by_other_code:,} of these partitions were recorded by other code: `governance run` first tells the two apart")
    for (artifact, rule, before, after), n in Counter((f.artifact, f.rule, f.before, f.after) for f in found.flips).most_common(_SHOWN):
        click.echo(f"  {n:>6,}  {artifact} {rule}: {before or 'not judged'} → {after or 'not judged'}")
    if out is not None:
        write(found.flips, out)
        click.echo(f"every flip in {out}")
    click.echo(f"to approve it: an approval with subject policy, kind change and sha256 {digest(other)}")
