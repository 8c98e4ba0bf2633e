"""A running `dagster dev`, webserver and daemon, on a loopback port: started, asked through GraphQL, stopped by process id."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]
_LAUNCH = """
mutation ($run: ExecutionParams!) {
  launchRun(executionParams: $run) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""


class Dev:
    """The webserver of a running `dagster dev`."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url, self.process, self.log = f"http://127.0.0.1:{port}/graphql", process, log

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.load(answer)
        assert "errors" not in told, told
        return told["data"]

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        try:
            self.ask("{ version }")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def launch(self, location: str, job: str, assets: Sequence[str] = ()) -> str:
        """Launch a run as the UI does; returns its id."""
        selector: dict[str, Any] = {"repositoryLocationName": location, "repositoryName": "__repository__", "pipelineName": job}
        if assets:
            selector["assetSelection"] = [{"path": [name]} for name in assets]
        told = self.ask(_LAUNCH, run={"selector": selector, "mode": "default", "runConfigData": {}})["launchRun"]
        assert told["__typename"] == "LaunchRunSuccess", told
        return str(told["run"]["runId"])

    def stop(self) -> None:
        """Stop webserver, daemon and code servers."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(timeout=30)


@contextmanager
def dagster_dev(folder: Path, *modules: str) -> Iterator[Dev]:
    """`dagster dev` over ``modules`` with the environment of this process; it may not be up yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(BIN / "dagster"), "dev", "-h", "127.0.0.1", "-p", str(port)]
    for module in modules:
        command += ["-m", module]
    log = folder / "dagster_dev.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, start_new_session=True)
    dev = Dev(port, process, log)
    try:
        yield dev
    finally:
        dev.stop()


def wait_for(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """Ask until it holds; the seconds that took. Fails when it does not in time."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.3)
    return time.monotonic() - start
