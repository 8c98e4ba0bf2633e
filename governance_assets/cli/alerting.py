"""Commands about alerts and their path: doctor, and the group alerts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from governance_assets.cli.common import FAILED, located, print_table, workspace_at


@click.command()
@located
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def doctor(home: Path | None, telemetry: Path | None, style: str) -> None:
    """Is the path of alerts alive: store, seals, drains, channels, disk, daemon, schedules, sensors. It looks and mends nothing."""
    import governance_assets.definitions  # noqa: F401  (declares what schedules and sensors are for)
    from governance_assets.runtime.doctor import as_table, examine

    with workspace_at(home, telemetry) as workspace:
        found = examine(workspace)
    print_table(as_table(found), style)
    if any(finding.is_failure for finding in found):
        sys.exit(FAILED)


@click.group()
def alerts() -> None:
    """What is open, who was told, and how to say that it is known."""


def _noted(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every note on an incident takes."""
    for option in (
        click.option("--reason", required=True, help="Why, in a sentence."),
        click.option("--by", required=True, help="Role that decides, such as modelling_lead."),
        click.argument("incident"),
    ):
        command = option(command)
    return located(command)


@alerts.command("list")
@located
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--undelivered", is_flag=True, help="List the messages that did not arrive instead.")
def list_alerts(home: Path | None, telemetry: Path | None, style: str, undelivered: bool) -> None:
    """Open incidents, the most urgent first; then what could not be delivered."""
    import pyarrow as pa

    from governance_assets.runtime.alerts import desk

    with workspace_at(home, telemetry) as workspace:
        found, letters = desk.open_incidents(workspace), desk.undelivered(workspace)
    if style != "table":
        print_table(pa.Table.from_pylist(letters if undelivered else found), style)
        return
    for rows, title in ([] if undelivered else [(found, "open incidents")]) + [(letters, "undelivered messages")]:
        click.echo(f"{len(rows)} {title}")
        if rows:
            print_table(pa.Table.from_pylist(rows), style)


@alerts.command()
@_noted
@click.option("--until", help="Day or instant until which it is not escalated; without it for good.")
def ack(home: Path | None, telemetry: Path | None, incident: str, by: str, reason: str, until: str | None) -> None:
    """Acknowledge INCIDENT (its first digits will do): it is not escalated; worse and recovered are still told."""
    from governance_assets.runtime.alerts import desk

    with workspace_at(home, telemetry) as workspace:
        noted = desk.acknowledge(workspace, incident, by, reason, until)
    click.echo(f"acknowledged: {noted.id} {noted.artifact} {noted.rule} {noted.subject}")


@alerts.command()
@_noted
@click.option("--until", required=True, help="Day or instant until which nothing is sent.")
def waive(home: Path | None, telemetry: Path | None, incident: str, by: str, reason: str, until: str) -> None:
    """Waive INCIDENT (its first digits will do): nothing of it is sent until the waiver ends."""
    from governance_assets.runtime.alerts import desk

    with workspace_at(home, telemetry) as workspace:
        noted = desk.waive(workspace, incident, by, reason, until)
    click.echo(f"waived: {noted.id} {noted.artifact} {noted.rule} {noted.subject}")


@alerts.command()
@_noted
def unwaive(home: Path | None, telemetry: Path | None, incident: str, by: str, reason: str) -> None:
    """Take the waiver of INCIDENT back."""
    from governance_assets.runtime.alerts import desk

    with workspace_at(home, telemetry) as workspace:
        noted = desk.unwaive(workspace, incident, by, reason)
    click.echo(f"no longer waived: {noted.id} {noted.artifact} {noted.rule} {noted.subject}")


@alerts.command()
@located
@click.argument("channel")
def test(home: Path | None, telemetry: Path | None, channel: str) -> None:
    """Send a test message on CHANNEL, a name of the policy."""
    from governance_assets.runtime.alerts import desk
    from governance_assets.runtime.alerts.channels import DeliveryError, NotConfigured

    with workspace_at(home, telemetry) as workspace:
        try:
            click.echo(desk.try_channel(workspace, channel))
        except (DeliveryError, NotConfigured) as error:
            click.echo(f"governance: {error}", err=True)
            sys.exit(FAILED)


@alerts.command()
@located
@click.option("--dead", is_flag=True, help="Try the dead letters again, too.")
def drain(home: Path | None, telemetry: Path | None, dead: bool) -> None:
    """Look around, seal, and send what is due, once: what the daemon does all the time. Where none lives, call it from cron."""
    import governance_assets.definitions  # noqa: F401  (declares what rests on what, to group alerts by their cause)
    from governance_assets.runtime.alerts import desk
    from governance_assets.runtime.alerts.sensors import look_around, seal_and_drain
    from governance_assets.runtime.instance import opened

    with workspace_at(home, telemetry) as workspace, opened(workspace.settings) as instance:
        if dead:
            click.echo(f"{desk.revive(workspace)} dead letters are tried again")
        click.echo(look_around(workspace, instance))
        click.echo(seal_and_drain(workspace, "cli"))
