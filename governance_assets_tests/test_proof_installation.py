"""Sealing, verifying and proving as people and schedules do it: commands, the hourly asset and its check, the pages."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from governance_assets.cli import FAILED, main, run_and_explain
from governance_assets.definitions import build, defs
from governance_assets.runtime import batch
from governance_assets.runtime.overview import site, states
from governance_assets.runtime.proof import anchors
from governance_assets.runtime.proof.failures import Report
from governance_assets.runtime.proof.installation import seal_installation, verify_installation
from governance_assets.runtime.proof.seals import newest
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.store import Store
from governance_assets.runtime.upkeep import LEDGER_INTACT
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.campaigns import workload
from governance_assets_tests.conftest import make_tiny_telemetry


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, path in (("GOVERNANCE_HOME", "home"), ("GOVERNANCE_TELEMETRY", "telemetry"), ("GOVERNANCE_ANCHORS", "outside.jsonl")):
        monkeypatch.setenv(name, str(tmp_path / path))
    for name in ("GOVERNANCE_AS_OF", "DAGSTER_HOME"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)
    make_tiny_telemetry(tmp_path / "telemetry")
    return Settings.from_environment()


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    with Workspace(settings) as opened:
        opened.history.commit(workload.entries("first", 3, 4), workload.judged_provenance("first"))
        yield opened


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def tamper(settings: Settings) -> None:
    own = "partition_key IN (SELECT partition_key FROM history.ledger WHERE entry = 2)"
    with closing(Store(settings.history, None, read_only=False)) as store, store.transaction():
        store.query(f"UPDATE history.campaign_trial SET score = score / 2 WHERE {own}")


def test_the_commands_seal_verify_and_prove(workspace: Workspace, tmp_path: Path):
    sealed = invoke("seal")
    assert (sealed.exit_code, sealed.output.splitlines()[0]) == (0, f"seal 1 up to entry 3, head {newest(workspace.history).head_sha256}")
    assert invoke("seal").output.startswith("nothing new; seal 1 up to entry 3")
    verified = invoke("verify")
    assert (verified.exit_code, verified.output.splitlines()[-1]) == (0, "everything that was read holds")
    assert invoke("verify", "--anchors", str(tmp_path / "outside.jsonl")).exit_code == 0
    week = workspace.history.ledger()["partition_key"][1].as_py()
    out = tmp_path / "proofs" / "figure.json"
    proved = invoke("prove", "campaign_trial", week, "--key", "model_id=model 2", "--column", "score", "--out", str(out))
    assert proved.exit_code == 0, proved.output
    command = proved.output.splitlines()[-1].removeprefix("check it with: python ").split(" ")
    done = subprocess.run([sys.executable, "-I", *command], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout[:9]) == (0, "accepted:")


def test_verify_fails_and_names_the_first_entry(workspace: Workspace, settings: Settings):
    assert invoke("seal").exit_code == 0
    tamper(settings)
    verified = invoke("verify")
    assert verified.exit_code == FAILED
    assert "first: entry 2: found 4 rows of campaign_trial" in verified.output


def test_refusals_are_sentences(workspace: Workspace, settings: Settings, capsys: pytest.CaptureFixture[str]):
    assert run_and_explain(["prove", "campaign_trial", "2030-01-07", "--column", "score"]) == 2
    assert "nothing is recorded for campaign_trial 2030-01-07" in capsys.readouterr().err
    assert run_and_explain(["prove", "campaign_trial", "2030-01-07", "--key", "x", "--column", "score"]) == 2
    assert "found 'x', expected NAME=VALUE" in capsys.readouterr().err
    assert run_and_explain(["seal"]) == 0
    outside = settings.home.parent / "outside.jsonl"
    outside.write_text(outside.read_text().replace('"seal":1', '"seal":2'))
    assert run_and_explain(["seal"]) == 2
    assert "run governance verify" in capsys.readouterr().err


def test_an_empty_history_has_nothing_to_seal(settings: Settings, capsys: pytest.CaptureFixture[str]):
    assert run_and_explain(["seal"]) == 2
    assert "nothing is recorded yet" in capsys.readouterr().err
    assert run_and_explain(["verify"]) == 0


def test_every_hour_the_history_is_sealed_and_verified(workspace: Workspace, settings: Settings):
    schedule = defs.get_schedule_def("hourly_seal")
    assert schedule.cron_schedule == "35 * * * *"
    with dg.DagsterInstance.ephemeral() as instance:
        job = build(workspace).resolve_job_def(schedule.job_name)
        (check,) = job.execute_in_process(instance=instance).get_asset_check_evaluations()
        assert (check.check_name, check.passed) == (LEDGER_INTACT, True)
        assert newest(workspace.history).last_entry == 3
        tamper(settings)
        done = job.execute_in_process(instance=instance)
        (check,) = done.get_asset_check_evaluations()
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert check.description.startswith("entry 2: found 4 rows of campaign_trial")
        assert "first: entry 2" in check.metadata["report"].value


def test_a_seal_that_is_refused_fails_the_check_and_the_run(workspace: Workspace, settings: Settings):
    seal_installation(workspace, "test")
    own, _ = anchors.default_files(settings.home, os.environ)
    own.write_text(own.read_text().replace('"seal":1', '"seal":2'))
    said: list[str] = []
    done = batch.Done()
    batch.seal_run(workspace, done, said.append)
    assert (done.is_success, said[0][:40]) == (False, "failed: seal: seal 2: found no such seal")
    with dg.DagsterInstance.ephemeral() as instance:
        job = build(workspace).resolve_job_def("seal")
        (check,) = job.execute_in_process(instance=instance).get_asset_check_evaluations()
        assert not check.passed


def test_the_pages_show_the_head_and_stay_the_same(workspace: Workspace):
    seal_installation(workspace, "test")
    pages = site(workspace, states(workspace))
    assert newest(workspace.history).name in pages[0]["index.html"]
    assert seal_installation(workspace, "test") is None
    assert site(workspace, states(workspace)) == pages


def test_landed_files_are_verified(workspace: Workspace, settings: Settings):
    with dg.DagsterInstance.ephemeral() as instance:
        assert build(workspace).resolve_job_def("intake").execute_in_process(instance=instance).success
    seal_installation(workspace, "test")
    assert verify_installation(settings).failures == []
    landed = sorted((settings.home / "landing").rglob("*.parquet"))
    assert landed
    for path in landed:
        whole = path.read_bytes()
        for change in (_other_value, _other_key, _torn, Path.unlink):
            if change(path) is not False:
                report = verify_installation(settings)
                assert _is_named(workspace, report, path), f"{change.__name__}: {report.text()}"
            path.write_bytes(whole)
    assert verify_installation(settings).is_intact


def _is_named(workspace: Workspace, report: Report, path: Path) -> bool:
    feed = path.relative_to(workspace.settings.home / "landing").parts[0]
    ledger = workspace.history.ledger(feed)["entry"].to_pylist()
    return report.first_entry in ledger and path.name in str(report.first)


def _other_value(path: Path) -> bool:
    rows = pq.read_table(path)
    name = "observed" if "observed" in rows.column_names else "predicted"
    if not rows.num_rows:
        return False
    values = [value + 1 for value in rows[name].to_pylist()]
    pq.write_table(rows.set_column(rows.column_names.index(name), name, pa.array(values, pa.float64())), path)
    return True


def _other_key(path: Path) -> bool:
    """The text that scores group by, which no digest covers: it must follow from the row."""
    rows = pq.read_table(path)
    if "_task" not in rows.column_names or not rows.num_rows:
        return False
    texts = [random.Random(1).choice(("x", "y"))] * rows.num_rows
    pq.write_table(rows.set_column(rows.column_names.index("_task"), "_task", pa.array(texts)), path)
    return True


def _torn(path: Path) -> bool:
    path.write_bytes(path.read_bytes()[:100])
    return True
