"""Commands that prove what is recorded: seal, verify, prove, replay, export."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from governance_assets.cli.common import FAILED, located, refuse_full, settings_of, workspace_at


@click.command()
@located
def seal(home: Path | None, telemetry: Path | None) -> None:
    """Seal what was recorded since the last seal, and anchor it."""
    from governance_assets.runtime.proof.installation import anchor_files, seal_installation
    from governance_assets.runtime.proof.seals import newest

    with workspace_at(home, telemetry) as workspace:
        made = seal_installation(workspace, "cli")
        known = made or newest(workspace.history)
    if known is None:
        raise click.UsageError("nothing is recorded yet; `governance run` records something to seal")
    click.echo(f"{'' if made else 'nothing new; '}seal {known.seal} up to entry {known.last_entry}, head {known.head_sha256}")
    for path in anchor_files(workspace.settings):
        click.echo(f"anchored in {path}")


@click.command()
@located
@click.option("--anchors", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Trust these anchors instead of its own.")
def verify(home: Path | None, telemetry: Path | None, anchors: Path | None) -> None:
    """Recompute the history from its files, offline, and name the first entry that does not hold."""
    import governance_assets.definitions  # noqa: F401  (declares the contracts that say what a row is identified by)
    from governance_assets.runtime.proof.installation import verify_installation

    report = verify_installation(settings_of(home, telemetry), None if anchors is None else [anchors])
    click.echo(report.text())
    if not report.is_intact:
        sys.exit(FAILED)


@click.command()
@located
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
    with workspace_at(home, telemetry) as workspace:
        proof = prove_figure(workspace.history, artifact, partition, dict(key.split("=", 1) for key in keys), column, head)
    verifier = write(proof, out)
    figure = proof["figure"]
    click.echo(f"{artifact} {partition} revision {figure['revision']}: {column} is {figure['value']}; proof in {out}")
    click.echo(f"check it with: python {verifier} {out} --head {proof['head']}")


@click.command()
@located
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
    with workspace_at(home, telemetry) as workspace:
        chosen = targets(workspace.history, artifact, None if is_all else whole_or_named(artifact, partition), revision)
        done = []
        for one in Replay(workspace, is_anyway).each(chosen):
            click.echo("\n".join([one.in_one_line] if is_all else [str(one), *(f"  {told}" for told in one.told)]))
            done.append(one)
    if is_all:
        click.echo(summary(done))
    if not any(one.outcome == "identical" for one in done) or any(one.is_failure for one in done):
        sys.exit(FAILED)


@click.command()
@located
@click.option("--quarter", required=True, help="Quarter, such as 2025-Q3.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A new folder.")
def export(home: Path | None, telemetry: Path | None, quarter: str, out: Path) -> None:
    """Write everything recorded of a quarter as one bundle that an auditor checks with Python alone."""
    import governance_assets.definitions  # noqa: F401  (declares the contracts)
    from governance_assets.pages.site import DOCUMENTS
    from governance_assets.runtime.artifact import DECLARATIONS
    from governance_assets.runtime.overview import site, states
    from governance_assets.runtime.periods import quarter_start
    from governance_assets.runtime.proof.bundle import export as export_bundle

    try:
        quarter_start(quarter)
    except ValueError as error:
        raise click.UsageError(f"--quarter: {error}") from None
    refuse_full(out)
    with workspace_at(home, telemetry) as workspace:
        pages, documents = site(workspace, states(workspace))
        files = {name: text.encode() for name, text in pages.items()} | {f"{DOCUMENTS}/{name}": text for name, text in documents.items()}
        made = export_bundle(workspace.history, [one.contract for one in DECLARATIONS.values()], quarter, files, out)
    click.echo(f"{quarter}: {made.partitions:,} partitions, {made.entries:,} ledger entries, {made.files:,} files in {out}")
    click.echo(f"manifest {made.manifest_sha256}")
    click.echo(f"check it with: python {out / 'bundle_verifier.py'} {out} --head {made.head}")
