"""The command line: ``governance …``. Parses, calls one function, prints; exit codes 0 done, 1 failed, 2 bad input, 3 checks failed.

Belongs here: the list of commands, and what becomes of an error. A command itself stands in the file of its kind.
"""

from __future__ import annotations

import sys

import click

from governance_assets.cli import alerting, judging, planning, proving, reading, running, starting
from governance_assets.cli.common import CHECKS_FAILED, FAILED, USAGE

__all__ = ["CHECKS_FAILED", "FAILED", "USAGE", "entry", "main", "run_and_explain"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="governance-assets")
def main() -> None:
    """The governance cadence of models as data assets: run it, read its history, trace every figure."""


for command in (
    *(running.fetch, running.run, running.report, running.ui, running.batches),
    *(reading.sql, reading.history, reading.explain, reading.calendar),
    *(proving.seal, proving.verify, proving.prove, proving.replay, proving.export),
    *(alerting.doctor, alerting.alerts),
    *(planning.plan, planning.sync),
    judging.policy,
    *(starting.sample, starting.init),
):
    main.add_command(command)


def run_and_explain(arguments: list[str]) -> int:
    """Run one command line; what we refuse on purpose becomes one sentence. Returns the exit code."""
    from governance_assets.contract import ContractError
    from governance_assets.policy import PolicyError
    from governance_assets.runtime.history import HistoryError
    from governance_assets.runtime.settings import SettingsError

    try:
        main(args=arguments, standalone_mode=False)
    except (PolicyError, SettingsError, ContractError, HistoryError) as error:
        click.echo(f"governance: {error}", err=True)
        return USAGE
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.Abort:
        click.echo("governance: stopped", err=True)
        return FAILED
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def entry() -> None:
    """The ``governance`` command."""
    sys.exit(run_and_explain(sys.argv[1:]))
