"""Change stores in every way somebody with write access can, and see whether verification finds it and names the first entry.

    python -m governance_assets_tests.campaigns.tampering [--edits 600] [--stores 100] [--seed 1]

Small stores are recorded, compacted and sealed; every seal is anchored in a file the attacker cannot write. Each edit is made on a
copy. What it did to the entries is found out by comparing all rows before and after, without a digest: the first entry that differs
is the one that verification has to name. Untouched stores, compacted and appended to, must stay without a failure.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from governance_assets.runtime.commit_lock import HistoryError
from governance_assets.runtime.history import History
from governance_assets.runtime.proof import anchors
from governance_assets.runtime.proof.failures import Report
from governance_assets.runtime.proof.seals import seal
from governance_assets.runtime.proof.verify import verify
from governance_assets.runtime.store import Store, qualified
from governance_assets_tests.campaigns import workload
from governance_assets_tests.campaigns.attacks import ARTIFACT, ATTACKS, Site, break_file, fork, rehash, roll_back, scribble, truncate_tail

EDITS_PER_STORE = 12
ONLY_ANCHORS_TELL = (rehash, roll_back, fork, truncate_tail)


@dataclass
class Outcome:
    """What the campaign saw."""

    edits: Counter[str] = field(default_factory=Counter)
    named: int = 0
    harmless: int = 0
    in_tail: int = 0
    untouched: int = 0
    missed: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return self.missed + self.misnamed + self.false_alarms

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.edits.items()))
        return (
            f"{self.edits.total()} edits ({kinds}): {len(self.missed)} missed, {self.named} with a first entry to name, "
            f"{len(self.misnamed)} misnamed; {self.harmless} further ones changed no row, {self.in_tail} only what no anchor covers; "
            f"{self.untouched} untouched stores, {len(self.false_alarms)} false alarms"
        )


@dataclass
class Picture:
    """Everything recorded, row by row: by entry, and what belongs to none."""

    entries: dict[int, Any]
    others: list[tuple[int, str]]

    def first_difference(self, other: Picture) -> int | None:
        """The first entry that is not the same in ``other``."""
        numbers = sorted(self.entries.keys() | other.entries.keys())
        return next((number for number in numbers if self.entries.get(number) != other.entries.get(number)), None)

    def differs_only_beyond(self, other: Picture, entry: int, alert: int) -> bool:
        """Whether everything is the same up to this entry and this alert."""
        covered = [one for one in self.others if one[0] <= alert] == [one for one in other.others if one[0] <= alert]
        return covered and (self.first_difference(other) or entry + 1) > entry


def build(folder: Path, draw: random.Random) -> Site:
    """Record a small history below ``folder``, sealed now and then, with a tail after the last seal, and keep an older copy."""
    store, older = folder / "store", folder / "older"
    files = [folder / "home" / "anchors.jsonl", folder / "outside" / "anchors.jsonl"]
    older_entries = 0
    with History.open(workload.location(store)) as history:
        steps = draw.randint(5, 9)
        for step in range(steps):
            workload.record_something(history, f"{draw.random()} {step}", draw)
            if draw.random() < 0.3:
                history.compact()
            if step == steps - 2 or draw.random() < 0.4:
                seal(history, files, "campaign")
            if step == steps // 2:
                older_entries = history.entry_count()
                shutil.copytree(store, older)
        newest = history.seals().to_pylist()[-1]
    return Site(folder, older, newest["last_entry"], newest["last_alert"], older_entries, draw)


def picture(location: str, data_path: Path) -> Picture:
    """All rows of the store at ``location``. Raises when it cannot be read."""
    with closing(Store(location, str(data_path), read_only=True)) as store:
        tables = {name: store.dicts(f"SELECT * FROM {qualified(name)}", ()) for name in store.tables()}
    policies: dict[str, list[str]] = {}
    for row in tables.get("policies", []):
        policies.setdefault(row["policy_sha256"], []).append(repr(row))
    entries: dict[int, list[str]] = {}
    recorded_by: dict[tuple[Any, Any, Any], int] = {}
    for row in sorted(tables.get("ledger", []), key=lambda row: (row["entry"] is None, row["entry"])):
        entries.setdefault(row["entry"], []).append(repr((row, policies.get(row["policy_sha256"]))))
        if row["kind"] in ("revision", "restatement"):
            recorded_by.setdefault((row["artifact"], row["partition_key"], row["revision"]), row["entry"])
    others: list[tuple[int, str]] = []
    for name, rows in tables.items():
        for row in rows:
            told = {column: value for column, value in row.items() if value is not None}
            entry = recorded_by.get((ARTIFACT, row.get("partition_key"), row.get("revision"))) if name == ARTIFACT else row.get("entry")
            if name in (ARTIFACT, "findings") and entry in entries:
                entries[entry].append(repr((name, told)))
            elif name != "ledger":
                others.append((told.get("alert", 0) if name == "alerts" else 0, repr((name, told))))
    return Picture({number: sorted(rows) for number, rows in entries.items() if number is not None}, sorted(others))


def attack(site: Site, before: Picture, outcome: Outcome, number: int) -> None:
    """Make one edit on a copy of ``site`` and judge what verification says of it."""
    folder = site.folder / f"edit-{number}"
    for name in ("store", "home"):
        shutil.copytree(site.folder / name, folder / name)
    copy = replace(site, folder=folder)
    way = site.draw.choice(ATTACKS)
    done = way(copy)
    if done is not None:
        after = _after(copy, way, done)
        outside = site.folder / "outside" / "anchors.jsonl"
        _judge(site, before, after, verify(copy.location, None, None, [outside]), f"{way.__name__}, {done}", outcome)
        if way in ONLY_ANCHORS_TELL:
            _judge_without_leaves(site, before, after, copy, f"{way.__name__} without leaves, {done}", outcome)
    shutil.rmtree(folder)


def _after(copy: Site, way: Any, done: str) -> Picture | None:
    """All rows after the edit; without those of a broken file; None when nobody can say."""
    catalog = copy.folder / "read.sqlite"
    with closing(sqlite3.connect(copy.catalog)) as source, closing(sqlite3.connect(catalog)) as target:
        try:
            source.backup(target)
            if way is break_file:
                name = done.split("/")[1].split(" ")[0]
                target.execute("DELETE FROM ducklake_data_file WHERE path LIKE ?", [f"%{name}"])
                target.commit()
        except sqlite3.Error:
            return None
    try:
        return picture(f"ducklake:sqlite:{catalog}", copy.store / "files")
    except (HistoryError, duckdb.Error, ValueError, KeyError, TypeError):
        return None


def _judge(site: Site, before: Picture, after: Picture | None, report: Report, what: str, outcome: Outcome) -> None:
    if after is not None and after == before:
        outcome.harmless += 1
        if not report.is_intact and not what.startswith((scribble.__name__, "edit_catalogue", "break_file")):
            outcome.false_alarms.append(f"{what}: changed no row, {report.first}")
        return
    if after is not None and before.differs_only_beyond(after, site.anchored, site.anchored_alerts):
        outcome.in_tail += 1
        return
    outcome.edits[what.split(",")[0]] += 1
    if report.is_intact:
        outcome.missed.append(what)
        return
    expected = None if after is None else before.first_difference(after)
    if expected is None or expected > site.anchored:
        return
    outcome.named += 1
    if report.first_entry != expected or (report.first is not None and report.first.last is not None):
        outcome.misnamed.append(f"{what}: entry {expected} differs first, named was {report.first}")


def _judge_without_leaves(site: Site, before: Picture, after: Picture | None, copy: Site, what: str, outcome: Outcome) -> None:
    """The anchors alone must tell as much, and name a range with the first entry in it."""
    bare = copy.folder / "bare.jsonl"
    shutil.copyfile(site.folder / "outside" / "anchors.jsonl", bare)
    assert not anchors.leaves_file(bare).exists()
    first = verify(copy.location, None, None, [bare]).first
    expected = None if after is None else before.first_difference(after)
    if first is None:
        outcome.missed.append(what)
    elif expected is not None and not (first.kind == "entry" and first.number <= expected <= (first.last or first.number)):
        outcome.misnamed.append(f"{what}: entry {expected} differs first, named was {first}")


def untouched(site: Site, outcome: Outcome) -> None:
    """Compaction, appends and seals are no failures."""
    files = [site.folder / "outside" / "anchors.jsonl"]
    for step in ("as recorded", "compacted", "appended to", "sealed", "compacted again"):
        with History.open(site.location) as history:
            if "compacted" in step:
                history.compact()
            elif step == "appended to":
                workload.record_something(history, f"further {site.draw.random()}", site.draw)
            elif step == "sealed":
                seal(history, files, "campaign")
        report = verify(site.location, None, None, files)
        if not report.is_intact:
            outcome.false_alarms.append(f"{step}: {report.first}")
    outcome.untouched += 1


def campaign(folder: Path, edits: int, stores: int, seed: int) -> Outcome:
    """Make at least ``edits`` edits over at least ``stores`` stores, and leave that many stores untouched."""
    outcome, draw, number = Outcome(), random.Random(seed), 0
    while outcome.edits.total() < edits or outcome.untouched < stores:
        home = folder / f"store-{number}"
        site = build(home, random.Random(draw.random()))
        if outcome.edits.total() < edits:
            before = picture(site.location, site.store / "files")
            for edit in range(EDITS_PER_STORE):
                attack(site, before, outcome, edit)
        if outcome.untouched < stores:
            untouched(site, outcome)
        shutil.rmtree(home)
        number += 1
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=600)
    parser.add_argument("--stores", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="governance-tampering-") as folder:
        outcome = campaign(Path(folder), arguments.edits, arguments.stores, arguments.seed)
    print(outcome)
    print("\n".join(outcome.faults[:20]))
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
