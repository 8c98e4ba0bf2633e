"""Is the path of alerts alive: store, seals, drains, channels, disk, and the daemon that moves them.

Belongs here: checks that look and never mend, each told by a finding. Does not belong here: what the daemon owns
(``doctor_daemon.py``), the proof of the whole ledger (``governance verify``), or any artifact.

A check that breaks is a finding of its own; the others are made all the same.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.pages.wording import count
from governance_assets.runtime import clock
from governance_assets.runtime.alerts import channels
from governance_assets.runtime.alerts.delivery_file import FILE, FOLDER
from governance_assets.runtime.alerts.observations import shortened
from governance_assets.runtime.doctor_daemon import daemon_checks
from governance_assets.runtime.instance import opened
from governance_assets.runtime.ledger import Provenance
from governance_assets.runtime.proof import anchors
from governance_assets.runtime.proof.installation import anchor_files
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

GB = 1_000_000_000
START = "Start `governance ui`, whose daemon drains, or run `governance alerts drain` from a scheduler of your own"

OPENS = Rule("history_opens", "the history opens and can be committed to", "See that the place of the history is there and writable")
SEALED = Rule(
    "ledger_is_sealed", "what is recorded is sealed within two intervals of the drain", f"{START}; each drain seals first", unit="seconds"
)
ANCHORED = Rule(
    "anchors_match",
    "the file of anchors is writable and its newest anchor is that of the newest seal",
    "Run `governance verify`; a file that cannot be written needs its folder mended",
)
DRAINED = Rule("alerts_are_drained", "the last drain lies at most two intervals back", START, unit="seconds")
DELIVERED = Rule(
    "alerts_are_delivered",
    "no message is given up or failing",
    "See `governance alerts list`, mend the channel, then run `governance alerts drain`",
    unit="messages",
)
CHANNEL = Rule(
    "channel_is_configured", "the channel has all it needs", "Set what is missing; `governance alerts test` then sends a message"
)
DISK = Rule("disk_has_room", "the disk has room for further commits", "Free space, or move the folder to a larger disk", unit="GB")
TELEMETRY = Rule("telemetry_is_readable", "the telemetry folder can be read", "Point GOVERNANCE_TELEMETRY at a folder that can be read")


def examine(workspace: Workspace) -> list[Finding]:
    """All checks of the installation of ``workspace``; an instance that does not open is a finding too."""
    try:
        with opened(workspace.settings) as instance:
            return doctor(workspace, instance)
    except Exception as error:  # whatever Dagster's storage raises, the other checks are made
        broken = Rule(
            "daemon_is_alive", "Dagster's instance opens", "Mend what the reason names; it lies in the folder dagster of the home"
        )
        return [*doctor(workspace, None), _broke(broken, "dagster", error)]


def doctor(workspace: Workspace, instance: dg.DagsterInstance | None, now: dt.datetime | None = None) -> list[Finding]:
    """All checks, looked at from ``now`` by the real clock; without an instance those of the daemon are left out."""
    at = clock.now() if now is None else now
    found: list[Finding] = []
    for rule, subject, check in _own_checks(workspace, at):
        found += _guarded(rule, subject, check)
    if instance is not None:
        for rule, subject, check in daemon_checks(workspace.policy.alerts, instance, at):
            found += _guarded(rule, subject, check)
    return found


def as_table(findings: Iterable[Finding]) -> pa.Table:
    """One line a check: its state, what was found, and what to do about it."""
    rows = [
        {
            "check": finding.rule,
            "of": finding.subject,
            "state": finding.outcome,
            "found": finding.message,
            "next_step": "" if finding.outcome in ("pass", "not_applicable") else finding.remedy,
        }
        for finding in findings
    ]
    return pa.Table.from_pylist(rows)


Check = tuple[Rule, str, Callable[[], Iterable[Finding]]]


def _own_checks(workspace: Workspace, now: dt.datetime) -> Iterator[Check]:
    yield OPENS, "history", partial(_opens, workspace)
    yield SEALED, "ledger", partial(_sealed, workspace, now)
    for path in anchor_files(workspace.settings):
        yield ANCHORED, str(path), partial(_anchored, workspace, path)
    yield DRAINED, "drain", partial(_drained, workspace, now)
    yield DELIVERED, "deliveries", partial(_delivered, workspace)
    for entry in workspace.policy.alerts.channels:
        yield CHANNEL, entry.name, partial(_configured, workspace, entry.name)
    for folder in _folders(workspace):
        yield DISK, str(folder), partial(_room, folder, workspace.policy.alerts.min_free_gb)
    yield TELEMETRY, str(workspace.settings.telemetry), partial(_readable, workspace.settings.telemetry)


def _guarded(rule: Rule, subject: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except Exception as error:  # a check that breaks says so and leaves the others to be made
        return [_broke(rule, subject, error)]


def _broke(rule: Rule, subject: str, error: Exception) -> Finding:
    return rule.finding(subject, "error", None, None, shortened(str(error)) or type(error).__name__)


# ---------------------------------------------------------------- the store and its seals


def _opens(workspace: Workspace) -> Iterator[Finding]:
    # Deciding on nothing takes the commit lock and a transaction, and writes nothing.
    workspace.history.record_alerts(lambda _: [], _provenance(workspace))
    closed = [str(folder) for folder in _folders(workspace) if not os.access(folder, os.W_OK)]
    entries = count(workspace.history.entry_count(), "entry", "entries")
    yield OPENS.judge("history", not closed, why=f"{', '.join(closed)} cannot be written" if closed else f"it has {entries}")


def _provenance(workspace: Workspace) -> Provenance:
    return workspace.provenance("", {ORIGIN_TAG: "doctor"})


def _sealed(workspace: Workspace, now: dt.datetime) -> Iterator[Finding]:
    history, limit = workspace.history, 2.0 * workspace.policy.alerts.drain_interval_s
    newest = (history.seals().to_pylist() or [{"seal": 0, "last_entry": 0, "last_alert": 0}])[-1]
    waiting = [
        *history.sql(f"SELECT recorded_at FROM ledger WHERE entry > {newest['last_entry']}")["recorded_at"].to_pylist(),
        *history.alerts(after=newest["last_alert"])["recorded_at"].to_pylist(),
    ]
    if not waiting:
        is_new = not newest["seal"]
        yield SEALED.not_applicable("ledger", "nothing is recorded yet") if is_new else SEALED.judge("ledger", True, 0.0, limit)
        return
    age = (now - min(waiting)).total_seconds()
    yield SEALED.judge("ledger", age <= limit, age, limit, f"{count(len(waiting), 'row')} recorded since seal {newest['seal']}")


def _anchored(workspace: Workspace, path: Path) -> Iterator[Finding]:
    seals = workspace.history.seals().to_pylist()
    if not seals and not path.exists():
        yield ANCHORED.not_applicable(str(path), "nothing is sealed yet")
        return
    known = anchors.read(path).anchors
    newest = max(known, default=0)
    sealed = seals[-1] if seals else {"seal": 0, "head_sha256": ""}
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        yield ANCHORED.judge(str(path), False, why="it cannot be written")
    elif newest != sealed["seal"] or known[newest].head_sha256 != sealed["head_sha256"]:
        told = f"its newest anchor is of seal {newest}, the newest seal is {sealed['seal']}"
        yield ANCHORED.judge(str(path), False, why=told if newest != sealed["seal"] else f"it has another head of seal {newest}")
    else:
        yield ANCHORED.judge(str(path), True, why=f"seal {newest}")


# ---------------------------------------------------------------- the way out


def _drained(workspace: Workspace, now: dt.datetime) -> Iterator[Finding]:
    limit = 2.0 * workspace.policy.alerts.drain_interval_s
    beats = _ask_delivery(workspace, "SELECT at, origin FROM heartbeats ORDER BY heartbeat DESC LIMIT 1")
    if not beats:
        yield DRAINED.judge("drain", False, why="no drain was ever finished here")
        return
    at, origin = beats[0]
    age = (now - dt.datetime.fromisoformat(at)).total_seconds()
    yield DRAINED.judge("drain", age <= limit, age, limit, f"the last one ended at {at[:19].replace('T', ' ')} UTC, from the {origin}")


def _delivered(workspace: Workspace) -> Iterator[Finding]:
    found = _ask_delivery(workspace, _DELIVERIES)
    dead, failing, pending, reason = found[0] if found else (0, 0, 0, "")
    told = f"{count(dead, 'message')} given up, {failing} failing, {pending - failing} on their way"
    bad = dead + failing
    yield DELIVERED.judge("deliveries", not bad, float(bad), 0.0, told + (f"; {shortened(reason)}" if bad else ""))


_DELIVERIES = """
    SELECT coalesce(sum(state = 'dead'), 0), coalesce(sum(state = 'pending' AND last_error != ''), 0),
           coalesce(sum(state = 'pending'), 0), max(CASE WHEN state IN ('dead', 'pending') THEN last_error ELSE '' END)
    FROM deliveries
"""


def _ask_delivery(workspace: Workspace, query: str) -> list[Any]:
    """Look into the delivery database without making or mending it; nothing when there is none."""
    path = workspace.settings.home / FOLDER / FILE
    if not path.exists():
        return []
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10.0)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _configured(workspace: Workspace, name: str) -> Iterator[Finding]:
    entry = next(entry for entry in workspace.policy.alerts.channels if entry.name == name)
    try:
        channels.build(entry, os.environ, workspace.settings.home)
    except channels.NotConfigured as error:
        yield CHANNEL.judge(name, False, why=str(error))
    else:
        yield CHANNEL.judge(name, True, why=entry.kind.replace("_", " "))


# ---------------------------------------------------------------- the ground


def _folders(workspace: Workspace) -> list[Path]:
    """The local folders that are written to; a store elsewhere has a disk that is not ours to look at."""
    settings = workspace.settings
    data = settings.data_path
    is_local = data is not None and "://" not in data
    return [settings.home, *([Path(data)] if data is not None and is_local else [])]


def _room(folder: Path, least: float) -> Iterator[Finding]:
    free = shutil.disk_usage(_nearest(folder)).free / GB
    yield DISK.judge(str(folder), free >= least, round(free, 2), least)


def _nearest(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def _readable(folder: Path) -> Iterator[Finding]:
    files = sum(len(names) for _, _, names in os.walk(folder)) if folder.is_dir() else 0
    if not folder.is_dir():
        yield TELEMETRY.judge(str(folder), False, why="there is no such folder")
    else:
        yield TELEMETRY.judge(str(folder), os.access(folder, os.R_OK | os.X_OK), why=count(files, "file"))
