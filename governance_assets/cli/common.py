"""What several commands share: exit codes, where an installation lies, and printing a table.

Does not belong here: a command of its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pyarrow as pa

    from governance_assets.runtime.settings import Settings
    from governance_assets.runtime.workspace import Workspace

FAILED, USAGE, CHECKS_FAILED = 1, 2, 3


def located(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--home`` and ``--telemetry``, which every command takes; they win over the environment."""
    for option in (
        click.option("--telemetry", type=click.Path(path_type=Path), help="Telemetry (GOVERNANCE_TELEMETRY, default data/sample)."),
        click.option("--home", type=click.Path(path_type=Path), help="Everything produced (GOVERNANCE_HOME, default data)."),
    ):
        command = option(command)
    return command


def settings_of(home: Path | None, telemetry: Path | None) -> Settings:
    """The settings, with what the command line names put into the environment for everything that is called."""
    from governance_assets.runtime.settings import Settings

    for name, path in (("GOVERNANCE_HOME", home), ("GOVERNANCE_TELEMETRY", telemetry)):
        if path is not None:
            os.environ[name] = str(path.absolute())
    return Settings.from_environment()


def workspace_at(home: Path | None, telemetry: Path | None) -> Workspace:
    """The installation, to be used in a with statement."""
    from governance_assets.runtime.workspace import Workspace

    return Workspace(settings_of(home, telemetry))


def refuse_full(folder: Path) -> None:
    """Refuse to write into a folder that holds something."""
    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty; name a new folder, nothing was written")


def print_table(table: pa.Table, style: str) -> None:
    """Print a table for a person, as CSV, or as JSON line by line."""
    if style == "json":
        for row in table.to_pylist():
            click.echo(json.dumps(row, default=str, ensure_ascii=False))
    elif style == "csv":
        import pyarrow.csv

        pyarrow.csv.write_csv(table, sys.stdout.buffer)
    else:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        from governance_assets.pages.wording import clean
        from governance_assets.runtime.terminal import console

        shown = Table(*table.column_names, box=box.SIMPLE_HEAD, pad_edge=False)
        for column in shown.columns:
            column.overflow = "fold"
        for row in table.to_pylist():
            shown.add_row(*(Text(clean("" if value is None else str(value))) for value in row.values()))
        console().print(shown)
