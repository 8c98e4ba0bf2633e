"""Commands that read what is recorded or due: sql, history, explain, calendar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance_assets.cli.common import located, print_table, settings_of, workspace_at

if TYPE_CHECKING:
    import pyarrow as pa


@click.command()
@located
@click.argument("query")
@click.option("--as-of", help="Show what was recorded up to this instant: 2025-11-20T00:00Z.")
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def sql(home: Path | None, telemetry: Path | None, query: str, as_of: str | None, style: str) -> None:
    """Query the history, read-only: every artifact is a view, plus ledger and findings."""
    from governance_assets.runtime.settings import parse_instant

    instant = parse_instant(as_of, "--as-of") if as_of else None
    with workspace_at(home, telemetry) as workspace:
        print_table(workspace.history.sql(query, as_of=instant), style)


@click.command()
@located
@click.argument("artifact")
@click.option("--partition", help="One partition, such as 2025-11-03.")
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def history(home: Path | None, telemetry: Path | None, artifact: str, partition: str | None, style: str) -> None:
    """Revisions and restatements of ARTIFACT: who, when, from what."""
    shown = ["partition_key", "revision", "kind", "row_count", "recorded_at", "as_of", "content_sha256", "git_revision", "committed_by"]
    with workspace_at(home, telemetry) as workspace:
        ledger = workspace.history.ledger(artifact, partition)
        if not ledger.num_rows:
            what = f"{artifact} {partition}" if partition else artifact
            raise click.UsageError(f'nothing is recorded for {what}; `governance sql "FROM ledger"` lists what is')
        print_table(_shortened(ledger.select(shown)) if style == "table" else ledger.select(shown), style)


@click.command()
@located
@click.argument("artifact")
@click.argument("partition", default="all")
def explain(home: Path | None, telemetry: Path | None, artifact: str, partition: str) -> None:
    """The tree behind ARTIFACT PARTITION: inputs down to file hashes, code, commit, run and command."""
    from governance_assets.runtime.lineage import tree
    from governance_assets.runtime.terminal import console

    with workspace_at(home, telemetry) as workspace:
        console().print(tree(workspace.history, artifact, partition))


@click.command()
@located
@click.option("--quarter", help="Quarter, such as 2025-Q4; default the one of the as-of instant.")
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def calendar(home: Path | None, telemetry: Path | None, quarter: str | None, style: str) -> None:
    """Every due date, window and reminder of a quarter."""
    import pyarrow as pa

    from governance_assets.runtime.calendar import governance_calendar
    from governance_assets.runtime.periods import quarter_of, quarter_start

    settings = settings_of(home, telemetry)
    policy = settings.policy()
    key = quarter or quarter_of(settings.looks_from(policy).date())
    try:
        quarter_start(key)
    except ValueError as error:
        raise click.UsageError(f"--quarter: {error}") from None
    events = [
        {
            "id": event.id,
            "due": event.due_at.strftime("%a %Y-%m-%d %H:%M"),
            "what": event.name,
            "kind": event.kind,
            "window": f"{event.window_start:%Y-%m-%d %H:%M} – {event.window_end:%Y-%m-%d %H:%M}" if event.window_end else "",
            "rules": " ".join(event.inventory_ids),
        }
        for event in governance_calendar(key, policy.calendar)
    ]
    print_table(pa.Table.from_pylist(events), style)


def _shortened(ledger: pa.Table) -> pa.Table:
    """Hashes to twelve digits and instants to the second, for a terminal."""
    import pyarrow.compute as pc

    for name in ("content_sha256", "git_revision"):
        ledger = ledger.set_column(ledger.column_names.index(name), name, pc.utf8_slice_codeunits(ledger[name], 0, 12))
    for name in ("recorded_at", "as_of"):
        seconds = pc.strftime(ledger[name], "%Y-%m-%d %H:%M:%S")
        ledger = ledger.set_column(ledger.column_names.index(name), name, pc.utf8_slice_codeunits(seconds, 0, 19))
    return ledger
