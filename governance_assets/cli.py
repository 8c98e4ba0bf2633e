"""The command line: ``governance …``. Parses, calls one function, prints; exit codes 0 done, 1 failed, 2 bad input, 3 checks failed."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pyarrow as pa

    from governance_assets.runtime.settings import Settings
    from governance_assets.runtime.workspace import Workspace

FAILED, USAGE, CHECKS_FAILED = 1, 2, 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="governance-assets")
def main() -> None:
    """The governance cadence of models as data assets: run it, read its history, trace every figure."""


def _located(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--home`` and ``--telemetry``, which every command takes; they win over the environment."""
    for option in (
        click.option("--telemetry", type=click.Path(path_type=Path), help="Telemetry (GOVERNANCE_TELEMETRY, default data/sample)."),
        click.option("--home", type=click.Path(path_type=Path), help="Everything produced (GOVERNANCE_HOME, default data)."),
    ):
        command = option(command)
    return command


def _settings(home: Path | None, telemetry: Path | None) -> Settings:
    from governance_assets.runtime.settings import Settings

    for name, path in (("GOVERNANCE_HOME", home), ("GOVERNANCE_TELEMETRY", telemetry)):
        if path is not None:
            os.environ[name] = str(path.absolute())
    return Settings.from_environment()


@main.command()
@_located
@click.option("--week", help="One week, any of its days: 2025-11-03.")
@click.option("--quarter", help="The weeks of one quarter: 2025-Q4.")
@click.option("--from", "first", help="First week, any of its days.")
@click.option("--to", "last", help="Last week, any of its days.")
@click.option("--select", help="Names of weekly artifacts, separated by commas.")
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
    settings = _settings(home, telemetry)
    if not settings.telemetry.is_dir():
        raise click.UsageError(f"--telemetry: no folder {settings.telemetry}; `governance sample DIR` makes one")
    from governance_assets.runtime.clock import stopwatch

    start = stopwatch()
    from governance_assets.definitions import build
    from governance_assets.runtime import batch
    from governance_assets.runtime.workspace import Workspace

    click.echo(f"load: {stopwatch() - start:.1f} s")
    asked = batch.Asked.parse(week=week, quarter=quarter, first=first, last=last, select=select)
    with Workspace(settings) as workspace:
        done = batch.run(workspace, build(workspace), asked, command=" ".join(["governance", *sys.argv[1:]]), say=click.echo)
        with done.phase("seal", click.echo):
            batch.seal_run(workspace, done, click.echo)
        with done.phase("alerts", click.echo):
            _drain(workspace, "run")
        with done.phase("pages", click.echo):
            index = batch.write_report(workspace)
        has_failed_checks = batch.print_summary(workspace)
        click.echo(f"site: {index}")
    if not done.is_success:
        sys.exit(FAILED)
    if strict and has_failed_checks:
        sys.exit(CHECKS_FAILED)


@main.command()
@_located
@click.argument("query")
@click.option("--as-of", help="Show what was recorded up to this instant: 2025-11-20T00:00Z.")
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def sql(home: Path | None, telemetry: Path | None, query: str, as_of: str | None, style: str) -> None:
    """Query the history, read-only: every artifact is a view, plus ledger and findings."""
    from governance_assets.runtime.settings import parse_instant

    instant = parse_instant(as_of, "--as-of") if as_of else None
    with _history(home, telemetry) as workspace:
        _print_table(workspace.history.sql(query, as_of=instant), style)


@main.command()
@_located
@click.argument("artifact")
@click.option("--partition", help="One partition, such as 2025-11-03.")
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def history(home: Path | None, telemetry: Path | None, artifact: str, partition: str | None, style: str) -> None:
    """Revisions and restatements of ARTIFACT: who, when, from what."""
    shown = ["partition_key", "revision", "kind", "row_count", "recorded_at", "as_of", "content_sha256", "git_revision", "committed_by"]
    with _history(home, telemetry) as workspace:
        ledger = workspace.history.ledger(artifact, partition)
        if not ledger.num_rows:
            what = f"{artifact} {partition}" if partition else artifact
            raise click.UsageError(f'nothing is recorded for {what}; `governance sql "FROM ledger"` lists what is')
        _print_table(_shortened(ledger.select(shown)) if style == "table" else ledger.select(shown), style)


@main.command()
@_located
@click.argument("artifact")
@click.argument("partition", default="all")
def explain(home: Path | None, telemetry: Path | None, artifact: str, partition: str) -> None:
    """The tree behind ARTIFACT PARTITION: inputs down to file hashes, code, commit, run and command."""
    from governance_assets.runtime.lineage import tree
    from governance_assets.runtime.terminal import console

    with _history(home, telemetry) as workspace:
        console().print(tree(workspace.history, artifact, partition))


@main.command()
@_located
def seal(home: Path | None, telemetry: Path | None) -> None:
    """Seal what was recorded since the last seal, and anchor it."""
    from governance_assets.runtime.proof.installation import anchor_files, seal_installation
    from governance_assets.runtime.proof.seals import newest

    with _history(home, telemetry) as workspace:
        made = seal_installation(workspace, "cli")
        known = made or newest(workspace.history)
    if known is None:
        raise click.UsageError("nothing is recorded yet; `governance run` records something to seal")
    click.echo(f"{'' if made else 'nothing new; '}seal {known.seal} up to entry {known.last_entry}, head {known.head_sha256}")
    for path in anchor_files(workspace.settings):
        click.echo(f"anchored in {path}")


@main.command()
@_located
@click.option("--anchors", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Trust these anchors instead of its own.")
def verify(home: Path | None, telemetry: Path | None, anchors: Path | None) -> None:
    """Recompute the history from its files, offline, and name the first entry that does not hold."""
    import governance_assets.definitions  # noqa: F401  (declares the contracts that say what a row is identified by)
    from governance_assets.runtime.proof.installation import verify_installation

    report = verify_installation(_settings(home, telemetry), None if anchors is None else [anchors])
    click.echo(report.text())
    if not report.is_intact:
        sys.exit(FAILED)


@main.command()
@_located
@click.argument("artifact")
@click.argument("partition", default="all")
@click.option("--key", "keys", multiple=True, metavar="NAME=VALUE", help="A key column of the row; repeat it until one row is meant.")
@click.option("--column", required=True, help="The figure's column.")
@click.option("--head", help="The head to lead to; default the newest seal's.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default="proof.json", show_default=True, help="Where to write it.")
def prove(
    home: Path | None,
    telemetry: Path | None,
    artifact: str,
    partition: str,
    keys: tuple[str, ...],
    column: str,
    head: str | None,
    out: Path,
) -> None:
    """Write the proof of one figure, and beside it the verifier that anybody with Python can run."""
    import governance_assets.definitions  # noqa: F401  (declares the contracts)
    from governance_assets.runtime.proof.inclusion import prove as prove_figure
    from governance_assets.runtime.proof.inclusion import write

    wrong = [key for key in keys if "=" not in key]
    if wrong:
        raise click.UsageError(f"--key: found {wrong[0]!r}, expected NAME=VALUE")
    with _history(home, telemetry) as workspace:
        proof = prove_figure(workspace.history, artifact, partition, dict(key.split("=", 1) for key in keys), column, head)
    verifier = write(proof, out)
    figure = proof["figure"]
    click.echo(f"{artifact} {partition} revision {figure['revision']}: {column} is {figure['value']}; proof in {out}")
    click.echo(f"check it with: python {verifier} {out} --head {proof['head']}")


@main.command()
@_located
@click.argument("artifact")
@click.argument("partition", required=False)
@click.option("--revision", type=click.IntRange(min=1), help="Another revision than the newest.")
@click.option("--all", "is_all", is_flag=True, help="Every recorded partition; of every artifact when ARTIFACT is all.")
@click.option("--anyway", "is_anyway", is_flag=True, help="Use this code although other code is recorded.")
def replay(
    home: Path | None, telemetry: Path | None, artifact: str, partition: str | None, revision: int | None, is_all: bool, is_anyway: bool
) -> None:
    """Rebuild ARTIFACT PARTITION from its recorded inputs and compare digests; nothing is recorded."""
    import governance_assets.definitions  # noqa: F401  (declares the artifacts that can be rebuilt)
    from governance_assets.runtime.replay import ALL, Replay, summary, targets, whole_or_named

    is_all = is_all or artifact == ALL
    if is_all and (partition or revision):
        raise click.UsageError("--all takes the newest revision of every partition; leave PARTITION and --revision out")
    with _history(home, telemetry) as workspace:
        chosen = targets(workspace.history, artifact, None if is_all else whole_or_named(artifact, partition), revision)
        done = []
        for one in Replay(workspace, is_anyway).each(chosen):
            click.echo("\n".join([one.in_one_line] if is_all else [str(one), *(f"  {told}" for told in one.told)]))
            done.append(one)
    if is_all:
        click.echo(summary(done))
    if not any(one.outcome == "identical" for one in done) or any(one.is_failure for one in done):
        sys.exit(FAILED)


@main.command()
@_located
@click.option("--quarter", help="Quarter, such as 2025-Q4; default the one of the as-of instant.")
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def calendar(home: Path | None, telemetry: Path | None, quarter: str | None, style: str) -> None:
    """Every due date, window and reminder of a quarter."""
    import pyarrow as pa

    from governance_assets.runtime.calendar import governance_calendar
    from governance_assets.runtime.periods import quarter_of, quarter_start

    settings = _settings(home, telemetry)
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
    _print_table(pa.Table.from_pylist(events), style)


@main.command()
@_located
@click.option("--open", "show", is_flag=True, help="Open the site in a browser.")
def report(home: Path | None, telemetry: Path | None, show: bool) -> None:
    """Write the site from the history."""
    import governance_assets.definitions  # noqa: F401  (declares the artifacts the site is made of)
    from governance_assets.runtime import batch

    with _history(home, telemetry) as workspace:
        index = batch.write_report(workspace)
    click.echo(f"site: {index}")
    if show:
        webbrowser.open(index.as_uri())


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", type=int, default=None, help="Another seed gives other data with the same planted truth.")
def sample(folder: Path, seed: int | None) -> None:
    """Write generated telemetry with known truth to FOLDER. It is synthetic."""
    from governance_assets.runtime.telemetry_writer import write_sample

    _refuse_full(folder)
    write_sample(folder) if seed is None else write_sample(folder, seed)
    click.echo(f"synthetic telemetry, its truth in {folder / 'truth.json'}; next: governance run --telemetry {folder}")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Write an empty telemetry FOLDER to fill in, with a commented policy."""
    from governance_assets.domains.intake.report import skeleton
    from governance_assets.runtime.telemetry_writer import write_texts

    _refuse_full(folder)
    write_texts(folder, skeleton())
    click.echo(f"fill in {folder} (its README says how); next: governance run --telemetry {folder}")


@main.command()
@_located
@click.option("--port", type=int, default=3000, show_default=True)
def ui(home: Path | None, telemetry: Path | None, port: int) -> None:
    """Dagster's UI on 127.0.0.1, with its daemon: schedules and sensors run while it does."""
    from governance_assets.runtime.instance import prepare

    prepare(_settings(home, telemetry))
    click.echo(f"http://127.0.0.1:{port}  (stop with Ctrl-C)")
    dagster = Path(sys.executable).with_name("dagster")
    os.execv(dagster, [str(dagster), "dev", "-h", "127.0.0.1", "-p", str(port), "-m", "governance_assets.definitions"])


@main.command()
@_located
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def doctor(home: Path | None, telemetry: Path | None, style: str) -> None:
    """Is the path of alerts alive: store, seals, drains, channels, disk, daemon, schedules, sensors. It looks and mends nothing."""
    import governance_assets.definitions  # noqa: F401  (declares what schedules and sensors are for)
    from governance_assets.runtime.doctor import as_table, examine

    with _history(home, telemetry) as workspace:
        found = examine(workspace)
    _print_table(as_table(found), style)
    if any(finding.is_failure for finding in found):
        sys.exit(FAILED)


@main.group()
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
    return _located(command)


@alerts.command("list")
@_located
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--undelivered", is_flag=True, help="List the messages that did not arrive instead.")
def list_alerts(home: Path | None, telemetry: Path | None, style: str, undelivered: bool) -> None:
    """Open incidents, the most urgent first; then what could not be delivered."""
    import pyarrow as pa

    from governance_assets.runtime.alerts import desk

    with _history(home, telemetry) as workspace:
        found, letters = desk.open_incidents(workspace), desk.undelivered(workspace)
    if style != "table":
        _print_table(pa.Table.from_pylist(letters if undelivered else found), style)
        return
    for rows, title in ([] if undelivered else [(found, "open incidents")]) + [(letters, "undelivered messages")]:
        click.echo(f"{len(rows)} {title}")
        if rows:
            _print_table(pa.Table.from_pylist(rows), style)


@alerts.command()
@_noted
@click.option("--until", help="Day or instant until which it is not escalated; without it for good.")
def ack(home: Path | None, telemetry: Path | None, incident: str, by: str, reason: str, until: str | None) -> None:
    """Acknowledge INCIDENT (its first digits will do): it is not escalated; worse and recovered are still told."""
    from governance_assets.runtime.alerts import desk

    with _history(home, telemetry) as workspace:
        noted = desk.acknowledge(workspace, incident, by, reason, until)
    click.echo(f"acknowledged: {noted.id} {noted.artifact} {noted.rule} {noted.subject}")


@alerts.command()
@_noted
@click.option("--until", required=True, help="Day or instant until which nothing is sent.")
def waive(home: Path | None, telemetry: Path | None, incident: str, by: str, reason: str, until: str) -> None:
    """Waive INCIDENT (its first digits will do): nothing of it is sent until the waiver ends."""
    from governance_assets.runtime.alerts import desk

    with _history(home, telemetry) as workspace:
        noted = desk.waive(workspace, incident, by, reason, until)
    click.echo(f"waived: {noted.id} {noted.artifact} {noted.rule} {noted.subject}")


@alerts.command()
@_noted
def unwaive(home: Path | None, telemetry: Path | None, incident: str, by: str, reason: str) -> None:
    """Take the waiver of INCIDENT back."""
    from governance_assets.runtime.alerts import desk

    with _history(home, telemetry) as workspace:
        noted = desk.unwaive(workspace, incident, by, reason)
    click.echo(f"no longer waived: {noted.id} {noted.artifact} {noted.rule} {noted.subject}")


@alerts.command()
@_located
@click.argument("channel")
def test(home: Path | None, telemetry: Path | None, channel: str) -> None:
    """Send a test message on CHANNEL, a name of the policy."""
    from governance_assets.runtime.alerts import desk
    from governance_assets.runtime.alerts.channels import DeliveryError, NotConfigured

    with _history(home, telemetry) as workspace:
        try:
            click.echo(desk.try_channel(workspace, channel))
        except (DeliveryError, NotConfigured) as error:
            click.echo(f"governance: {error}", err=True)
            sys.exit(FAILED)


@alerts.command()
@_located
@click.option("--dead", is_flag=True, help="Try the dead letters again, too.")
def drain(home: Path | None, telemetry: Path | None, dead: bool) -> None:
    """Look around, seal, and send what is due, once: what the daemon does all the time. Where none lives, call it from cron."""
    import governance_assets.definitions  # noqa: F401  (declares what rests on what, to group alerts by their cause)
    from governance_assets.runtime.alerts import desk
    from governance_assets.runtime.alerts.sensors import look_around, seal_and_drain
    from governance_assets.runtime.instance import opened

    with _history(home, telemetry) as workspace, opened(workspace.settings) as instance:
        if dead:
            click.echo(f"{desk.revive(workspace)} dead letters are tried again")
        click.echo(look_around(workspace, instance))
        click.echo(seal_and_drain(workspace, "cli"))


def _drain(workspace: Workspace, origin: str) -> None:
    from governance_assets.runtime.alerts.drain import drain as drain_once

    done = drain_once(workspace, origin)
    for sentence in done.sentences:
        click.echo(f"governance: {sentence}", err=True)
    click.echo(done)


def _refuse_full(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty; name a new folder, nothing was written")


def _history(home: Path | None, telemetry: Path | None) -> Workspace:
    from governance_assets.runtime.workspace import Workspace

    return Workspace(_settings(home, telemetry))


def _shortened(ledger: pa.Table) -> pa.Table:
    """Hashes to twelve digits and instants to the second, for a terminal."""
    import pyarrow.compute as pc

    for name in ("content_sha256", "git_revision"):
        ledger = ledger.set_column(ledger.column_names.index(name), name, pc.utf8_slice_codeunits(ledger[name], 0, 12))
    for name in ("recorded_at", "as_of"):
        seconds = pc.strftime(ledger[name], "%Y-%m-%d %H:%M:%S")
        ledger = ledger.set_column(ledger.column_names.index(name), name, pc.utf8_slice_codeunits(seconds, 0, 19))
    return ledger


def _print_table(table: pa.Table, style: str) -> None:
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
