"""Batches run as commands: in order, to the first failure, within their limits, and read back as telemetry."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import governance_assets.domains.intake.contracts  # noqa: F401  (declares the manifests)
from governance_assets.cli import CHECKS_FAILED, USAGE, run_and_explain
from governance_assets.policy import CriticsPolicy, IntakePolicy
from governance_assets.policy.critics import BatchCommand
from governance_assets.runtime.batches import in_order, run_batches
from governance_assets.runtime.sources.intake import read_telemetry


def python(batch: str, code: str, **limits: float) -> BatchCommand:
    return BatchCommand(batch=batch, command=(sys.executable, "-c", code), **limits)


def results(folder: Path, *commands: BatchCommand) -> tuple[list[dict], bool]:
    path, is_good = run_batches(commands, folder)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()], is_good


def test_they_run_in_the_order_of_policy_and_land_as_telemetry(tmp_path: Path) -> None:
    given = [python("other", "pass"), python("web", "pass"), python("python", "pass")]
    commands = in_order(given, CriticsPolicy().batches)
    assert [one.batch for one in commands] == ["python", "web", "other"]
    rows, is_good = results(tmp_path / "telemetry", *commands)
    assert is_good
    assert [(row["batch"], row["status"], row["exit_code"]) for row in rows] == [(name, "pass", 0) for name in ("python", "web", "other")]
    landed = read_telemetry(tmp_path / "telemetry", tmp_path / "home", IntakePolicy())
    assert landed.manifests["test_runs"]["rows"].to_pylist() == [3]
    assert landed.rejected.num_rows == 0


def test_the_first_failure_ends_the_run_and_is_told(tmp_path: Path) -> None:
    rows, is_good = results(tmp_path, python("python", "print('three fail'); raise SystemExit(3)"), python("web", "pass"))
    assert not is_good
    assert [(row["status"], row.get("exit_code")) for row in rows] == [("fail", 3), ("skipped", None)]
    assert rows[0]["first_failure"] == "three fail"
    assert "raise SystemExit(3)" in rows[0]["command"]


def test_a_command_has_limits_of_time_and_memory(tmp_path: Path) -> None:
    began = time.monotonic()
    slow, _ = results(tmp_path / "a", python("python", "import time; time.sleep(60)", timeout_s=0.5))
    assert time.monotonic() - began < 20
    assert (slow[0]["status"], slow[0]["first_failure"]) == ("error", "it was ended after 0.5 s")
    large, _ = results(tmp_path / "b", python("python", "bytearray(1 << 30)", memory_mb=256))
    assert large[0]["status"] == "fail"
    assert "MemoryError" in large[0]["first_failure"]


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    rows, is_good = results(tmp_path, BatchCommand(batch="python", command=("no-such-program-here",)))
    assert not is_good
    assert rows[0]["status"] == "error"
    assert rows[0]["first_failure"].startswith("it could not be started")


def test_the_command_tells_a_failure_by_its_exit_code(tmp_path: Path) -> None:
    telemetry, home = tmp_path / "telemetry", tmp_path / "home"
    telemetry.mkdir()
    where = ["batches", "--telemetry", str(telemetry), "--home", str(home)]
    assert run_and_explain(where) == USAGE
    line = f"critics: {{commands: [{{batch: web, command: ['{sys.executable}', '-c', 'raise SystemExit(1)']}}]}}"
    (telemetry / "governance.yaml").write_text(line, encoding="utf-8")
    assert run_and_explain(where) == CHECKS_FAILED
    assert len(list((telemetry / "tests").glob("*.jsonl"))) == 1


def test_nothing_is_run_unless_it_is_named() -> None:
    assert CriticsPolicy().commands == ()
