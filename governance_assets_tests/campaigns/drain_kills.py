"""Kill the drainer at every step, again and again, while checks fail and recover and the receiver fails too; count what arrives.

    python -m governance_assets_tests.campaigns.drain_kills [--evaluations 10000] [--kills 100] [--seed 1]

Verdicts are committed to a history in small commits. Meanwhile a drainer in a process of its own posts to a receiver on loopback
and ends itself with SIGKILL at a step drawn beforehand: before, in or after the storing of a plan, before or after an attempt is
logged, before or after a message is sent, before or after it is marked. The receiver fails 30 % of the time, half of these
after it has kept the message. In the end one drainer is let live until nothing is left, and what the receiver has kept is
compared with the history: every alert must have arrived, and twice only under the same key with the same content.

Two policies are tried: ``each`` sends every change by itself, and ``standard`` is the default policy with its suppression, quiet
hours and ceiling, under a clock that runs fast.
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.server
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from governance_assets.contract import WHOLE, Contract, arrow_schema
from governance_assets.contract import field as column
from governance_assets.finding import Rule
from governance_assets.pages.messages import Message
from governance_assets.policy import AlertsPolicy
from governance_assets.policy.alerts import ChannelPolicy, Route
from governance_assets.runtime.alerts import channels
from governance_assets.runtime.alerts.delivery import Cursor, Delivery, DeliveryStore, Heartbeat
from governance_assets.runtime.alerts.drain import Drainer
from governance_assets.runtime.history import Entry, History
from governance_assets_tests.campaigns import workload

RULE = Rule(name="level_holds", requirement="the level is below 1", remedy="look at it")
SUBJECTS = tuple(f"subject {number}" for number in range(20))
FAILING_SHARE = 0.4
REFUSED_SHARE, KEPT_ALTHOUGH_REFUSED = 0.3, 0.5
STEPS = ("before store", "in store", "after store", "before log", "after log", "before send", "after send", "after mark", "after beat")
MESSAGES_PER_EVALUATION = 0.15
"""At least so many are to be expected: a step of sending is passed at most that often before the kill."""
KILL_WAIT_S, NEWS_EVERY_S = 60.0, 1.0


class Level(Contract, artifact="campaign_level", grain="none", key=("round",)):
    """How often the made-up check was run."""

    round: int = column("Number of the evaluation")


@dataclass(frozen=True)
class Scenario:
    """A policy, and how much faster than the world its clock runs."""

    name: str
    changes: Mapping[str, Any]
    speed: float = 1.0

    def policy(self, url: str) -> AlertsPolicy:
        """The policy with the receiver at ``url`` as its only channel."""
        shared = {
            "channels": (ChannelPolicy(name="receiver", kind="webhook", target=url),),
            "routes": (Route(channels=("receiver",)),),
            "max_attempts": 100_000,  # dead letters are given up on purpose; here nothing may be
        }
        return AlertsPolicy(**shared | dict(self.changes))

    def clock(self, start: float) -> Callable[[], dt.datetime]:
        """Instants from noon of a day on, ``speed`` times as fast as the machine's clock since ``start``."""
        return lambda: workload.INSTANT + dt.timedelta(hours=12, seconds=(time.time() - start) * self.speed)


EACH = Scenario(
    "each",
    {"suppression_minutes": 0, "max_messages_per_hour": 10**9, "backoff_s": 0.01, "max_backoff_s": 0.05, "quiet_severities": ()},
)
STANDARD = Scenario("standard", {}, speed=3600.0)


@dataclass
class Outcome:
    """What the campaign saw; an alert counts as expected when the history says that it is to be sent."""

    scenario: str
    evaluations: int = 0
    expected: int = 0
    missing: int = 0
    messages: int = 0
    received: int = 0
    told_twice: int = 0
    changed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def bound(self) -> float:
        """Above this the share of lost alerts does not lie, with 95 % confidence, when none was lost."""
        return 3 / self.expected if self.expected else 1.0

    @property
    def duplicates(self) -> int:
        """Messages that came again under their key."""
        return self.received - self.messages

    def __str__(self) -> str:
        steps = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"{self.scenario}: {self.evaluations} evaluations, {self.kills.total()} kills ({steps}); {self.expected} alerts expected, "
            f"{self.missing} missing (below {self.bound:.2%} with 95 % confidence); {self.messages} messages, {self.duplicates} of them "
            f"again ({self.duplicates / max(self.messages, 1):.1%}), {self.changed} with changed content, "
            f"{self.told_twice} alerts under two keys; {self.seconds:.0f} s"
        )


# ---------------------------------------------------------------- the receiver


class Receiver:
    """A server on loopback that keeps what it takes, and fails now and then; half of the times after it has kept it."""

    def __init__(self, seed: int) -> None:
        self.kept: list[tuple[str, bytes]] = []
        self._draw = random.Random(seed)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take(self.headers["Idempotency-Key"], body)
                if status is None:
                    return  # the connection ends without an answer
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def take(self, key: str, body: bytes) -> int | None:
        """Keep a message, or not; returns the status to answer, None for no answer at all."""
        with self._lock:
            fails = self._draw.random() < REFUSED_SHARE
            if not fails or self._draw.random() < KEPT_ALTHOUGH_REFUSED:
                self.kept.append((key, body))
            return self._draw.choice((500, 503, None)) if fails else 200

    @contextmanager
    def serving(self) -> Iterator[Receiver]:
        """Serve as long as the block lasts."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)


# ---------------------------------------------------------------- the drainer that ends itself


class Fuse:
    """Ends this process with SIGKILL when a step is passed for the last time; the step is noted first."""

    def __init__(self, path: Path, step: str, passes: int) -> None:
        self._path, self._step, self._left = path, step, passes

    def passed(self, step: str) -> None:
        """Say that ``step`` is reached."""
        if step != self._step:
            return
        self._left -= 1
        if self._left <= 0:
            with self._path.open("a") as file:
                file.write(f"{step}\n")
            os.kill(os.getpid(), signal.SIGKILL)


class FusedStore(DeliveryStore):
    """The delivery database with the fuse between its steps."""

    fuse: Fuse

    def record(self, plan: Any, shares: Any, cursor: Cursor, now: dt.datetime) -> None:
        self.fuse.passed("before store")
        super().record(plan, shares, cursor, now)
        self.fuse.passed("after store")

    def _insert_deliveries(self, pairs: Sequence[tuple[str, str]], state: str, now: dt.datetime) -> None:
        super()._insert_deliveries(pairs, state, now)
        self.fuse.passed("in store")

    def begin(self, delivery: Delivery, now: dt.datetime, next_attempt_at: dt.datetime) -> int:
        self.fuse.passed("before log")
        number = super().begin(delivery, now, next_attempt_at)
        self.fuse.passed("after log")
        return number

    def sent(self, delivery: Delivery, attempt: int, now: dt.datetime) -> None:
        super().sent(delivery, attempt, now)
        self.fuse.passed("after mark")

    def beat(self, heartbeat: Heartbeat) -> int:
        number = super().beat(heartbeat)
        self.fuse.passed("after beat")
        return number


@dataclass(frozen=True)
class FusedChannel:
    """A channel with the fuse before and after it sends."""

    inner: channels.Channel
    fuse: Fuse

    @property
    def name(self) -> str:
        return self.inner.name

    def send(self, message: Message) -> None:
        self.fuse.passed("before send")
        self.inner.send(message)
        self.fuse.passed("after send")  # and before it is marked


def victim(folder: Path, url: str, scenario: Scenario, start: float, step: str, passes: int) -> None:
    """Drain again and again until the fuse blows."""
    fuse = Fuse(folder / "blown", step, passes)
    store = type("Store", (FusedStore,), {"fuse": fuse})

    def build(entry: ChannelPolicy, environment: Mapping[str, str], home: Path) -> channels.Channel:
        return FusedChannel(channels.build(entry, environment, home), fuse)

    with History.open(workload.location(folder), now=scenario.clock(start)) as history:
        drainer = replace(_drainer(folder, url, scenario, start, history), build=build, open_store=store.open)
        while True:
            drainer.drain("campaign")
            time.sleep(0.005)


def _drainer(folder: Path, url: str, scenario: Scenario, start: float, history: History) -> Drainer:
    return Drainer(history, scenario.policy(url), folder / "home", {}, environment={}, now=scenario.clock(start))


# ---------------------------------------------------------------- the campaign


def campaign(folder: Path, scenario: Scenario, evaluations: int, kills: int, seed: int) -> Outcome:
    """Commit ``evaluations`` verdicts, some before each of ``kills`` kills, and compare what arrived with the history."""
    began = time.perf_counter()
    outcome = Outcome(scenario.name)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    draw, start = random.Random(seed), time.time()
    rounds = evaluations // len(SUBJECTS)
    with Receiver(seed).serving() as receiver, History.open(workload.location(folder), now=scenario.clock(start)) as history:
        done, planned = 0, 0

        def commit() -> None:
            nonlocal done
            done += 1
            history.commit([_entry(done, draw)], workload.provenance(f"round {done}", 1))

        for number in range(kills):
            step = STEPS[number % len(STEPS)]
            is_of_sending = step not in ("before store", "in store", "after store", "after beat")
            passes = draw.randint(1, max(1, int(evaluations / kills * MESSAGES_PER_EVALUATION)) if is_of_sending else 2)
            child = context.Process(target=victim, args=(folder, receiver.url, scenario, start, step, passes), daemon=True)
            child.start()
            for _ in range(rounds * (number + 1) // kills - planned):
                commit()
            planned = rounds * (number + 1) // kills
            deadline = time.monotonic() + KILL_WAIT_S
            while _lives(child, NEWS_EVERY_S) and time.monotonic() < deadline:
                commit()  # so that every step comes
            if child.is_alive():  # and yet it did not: it is killed wherever it is
                outcome.kills["wherever it was"] += 1
                child.kill()
                child.join()
            elif child.exitcode != -signal.SIGKILL:
                outcome.faults.append(f"drainer {number} ended by itself with exit code {child.exitcode}")
        outcome.kills.update((folder / "blown").read_text().splitlines() if (folder / "blown").exists() else [])
        _finish(folder, receiver.url, scenario, start, history)
        outcome.evaluations = done * len(SUBJECTS)
        _compare(outcome, history, receiver.kept)
    outcome.seconds = time.perf_counter() - began
    return outcome


def _lives(child: multiprocessing.process.BaseProcess, wait_s: float) -> bool:
    child.join(wait_s)
    return child.is_alive()


def _entry(number: int, draw: random.Random) -> Entry:
    """One run of the check on every subject; a subject tends to stay as it is."""
    rows = pa.table({"round": [number]}, schema=pa.schema([(one.name, one.type) for one in arrow_schema(Level)]))
    values = [draw.uniform(1, 9) if draw.random() < FAILING_SHARE else draw.random() for _ in SUBJECTS]
    findings = tuple(RULE.judge(subject, value < 1, value=value, limit=1.0) for subject, value in zip(SUBJECTS, values, strict=True))
    return Entry(Level, WHOLE, rows, (), findings, "1", is_open=False)


def _finish(folder: Path, url: str, scenario: Scenario, start: float, history: History) -> None:
    """Drain until nothing is left."""
    drainer = _drainer(folder, url, scenario, start, history)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        done = drainer.drain("campaign")
        if not (done.pending or done.waiting):
            return
        time.sleep(0.02)
    raise TimeoutError(f"after ten minutes there is something left: {done}")


def _compare(outcome: Outcome, history: History, kept: Sequence[tuple[str, bytes]]) -> None:
    alerts = history.alerts().to_pylist()
    expected = {row["alert"] for row in alerts if row["is_sent"]}
    contents: dict[str, set[bytes]] = {}
    keys: dict[int, set[str]] = {}
    for key, body in kept:
        contents.setdefault(key, set()).add(body)
        for line in json.loads(body)["lines"]:
            for alert in line["alerts"]:
                keys.setdefault(alert, set()).add(key)
    outcome.expected, outcome.missing = len(expected), len(expected - keys.keys())
    outcome.messages, outcome.received = len(contents), len(kept)
    outcome.changed = sum(len(found) > 1 for found in contents.values())
    outcome.told_twice = sum(len(found) > 1 for found in keys.values())
    outcome.faults += [f"alert {alert} never arrived" for alert in sorted(expected - keys.keys())]
    outcome.faults += [f"alert {alert} arrived and was never to be sent" for alert in sorted(keys.keys() - expected)]
    outcome.faults += [f"message {key} came with {len(found)} contents" for key, found in contents.items() if len(found) > 1]
    outcome.faults += [f"alert {alert} came under {len(found)} keys" for alert, found in keys.items() if len(found) > 1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Both scenarios at full length, unless fewer are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", choices=[EACH.name, STANDARD.name])
    given = parser.parse_args(arguments)
    faults: list[str] = []
    for scenario in (EACH, STANDARD):
        if given.scenario in (None, scenario.name):
            with tempfile.TemporaryDirectory(prefix="governance-drain-") as folder:
                outcome = campaign(Path(folder), scenario, given.evaluations, given.kills, given.seed)
            print(outcome, flush=True)
            faults += outcome.faults
    print("\n".join(faults[:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
