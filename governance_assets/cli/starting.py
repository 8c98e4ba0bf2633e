"""Commands that write a telemetry folder to start from: sample, init."""

from __future__ import annotations

from pathlib import Path

import click

from governance_assets.cli.common import refuse_full


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", type=int, default=None, help="Another seed gives other data with the same planted truth.")
def sample(folder: Path, seed: int | None) -> None:
    """Write generated telemetry with known truth to FOLDER. It is synthetic."""
    from governance_assets.runtime.telemetry_writer import write_sample

    refuse_full(folder)
    write_sample(folder) if seed is None else write_sample(folder, seed)
    click.echo(f"synthetic telemetry, its truth in {folder / 'truth.json'}; next: governance run --telemetry {folder}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Write an empty telemetry FOLDER to fill in, with a commented policy."""
    from governance_assets.domains.intake.report import skeleton
    from governance_assets.runtime.telemetry_writer import write_texts

    refuse_full(folder)
    write_texts(folder, skeleton())
    click.echo(f"fill in {folder} (its README says how); next: governance run --telemetry {folder}")
