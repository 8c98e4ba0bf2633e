"""Batches of tests run as commands, each in a process of its own with limits of time and memory; results land as telemetry.

Belongs here: running them and writing down how they ended. Does not belong here: what that means (``domains/critics``).
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from governance_assets.policy.critics import BatchCommand
from governance_assets.runtime import clock

_MEBIBYTE = 1 << 20
_TOLD = 400
"""Characters of what a batch printed last that are kept."""


def in_order(commands: Sequence[BatchCommand], order: Sequence[str]) -> list[BatchCommand]:
    """The commands in the order of their batches; unknown batches follow as they were named."""
    places = {name: place for place, name in enumerate(order)}
    return sorted(commands, key=lambda one: places.get(one.batch, len(places)))


def run_batches(commands: Sequence[BatchCommand], telemetry: Path) -> tuple[Path, bool]:
    """Run the commands one after the other up to the first that fails; returns the file of results and whether all passed.

    Those behind a failure are written down as skipped. The file lies below ``tests/`` of the telemetry folder, from where it is read
    like anybody else's.
    """
    began = clock.now()
    run_id = f"batches-{began:%Y%m%dT%H%M%SZ}"
    rows: list[dict[str, Any]] = []
    for position, command in enumerate(commands, start=1):
        row = {"timestamp": clock.now().isoformat(timespec="seconds"), "run_id": run_id, "batch": command.batch, "position": position}
        is_cut = any(earlier["status"] != "pass" for earlier in rows)
        ended = {"status": "skipped"} if is_cut else _run(command)
        rows.append(row | {"command": shlex.join(command.command)} | ended)
    path = telemetry / "tests" / f"{run_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name}")
    waiting.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows), encoding="utf-8")
    waiting.replace(path)
    return path, all(row["status"] == "pass" for row in rows)


def _run(command: BatchCommand) -> dict[str, Any]:
    """How one command ended; error when it could not be started or was ended for its time."""
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            list(command.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (command.memory_mb * _MEBIBYTE,) * 2),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return {"status": "error", "first_failure": f"it could not be started: {error}"}
    try:
        printed, _ = process.communicate(timeout=command.timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {
            "status": "error",
            "first_failure": f"it was ended after {command.timeout_s:g} s",
            "duration_seconds": time.monotonic() - began,
        }
    ended = {
        "status": "pass" if process.returncode == 0 else "fail",
        "exit_code": process.returncode,
        "duration_seconds": time.monotonic() - began,
    }
    told = printed.decode("utf-8", "replace").strip()[-_TOLD:]
    return ended if process.returncode == 0 else ended | {"first_failure": told or f"exit code {process.returncode}"}
