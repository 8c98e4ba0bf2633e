"""The inputs of an entry, found again: until when each was read, and whether its rows are still those that were used.

Belongs here: holding what an entry says of its inputs against what is there. Does not belong here: computing from them
(``rebuild.py``).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from governance_assets.runtime.artifact import DECLARATIONS, Declaration
from governance_assets.runtime.history import History, Input
from governance_assets.runtime.inputs import Landed, View, grain_of, recorded_inputs, used_by
from governance_assets.runtime.periods import next_week
from governance_assets.runtime.replay.past import SHORT, HistoryThen
from governance_assets.runtime.sources.landing import LANDED, VERSION_COLUMN, date_column, digests_by_week, mondays
from governance_assets.stats.digest import table_digest

TICK = dt.timedelta(microseconds=1)
OTHER_MOMENTS = 50
"""How many earlier states of an input are tried where the newest one before an entry is not the one that it used."""


@dataclass
class Used:
    """What one partition's entry used: its inputs, when those were read that were not read last, and what is amiss with them."""

    inputs: frozenset[Input]
    moments: dict[str, dt.datetime] = field(default_factory=dict)
    problem: str | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Used:
        """From a row of the ledger."""
        return cls(frozenset(Input(**one) for one in json.loads(entry["inputs"])))

    def from_artifact(self, name: str) -> frozenset[Input]:
        """The inputs of one name."""
        return frozenset(one for one in self.inputs if one.artifact == name)


def find(declaration: Declaration, history: History, then: HistoryThen, used: Mapping[str, Used]) -> None:
    """Find, for each partition, the moments at which its inputs were as they were used; say of the first that never was.

    As a rule everything was read as it stood ``then``, just before the entry was recorded. Where somebody else recorded between
    the reading and the recording, it is an earlier moment.
    """
    for one in used.values():
        strange = sorted(each.artifact for each in one.inputs if each.artifact not in declaration.inputs)
        if strange:
            one.problem = f"it was made from {strange[0]}, which this code does not read; replay with the recorded commit"
    for name, kind in declaration.inputs.items():
        grain = declaration.contract.grain
        found = _at(then, name, kind, grain, used)
        for key, one in used.items():
            wanted = one.from_artifact(name)
            if one.problem or found[key] == wanted:
                continue
            moment = _earlier(history, then, name, kind, grain, key, wanted)
            if moment is None:
                one.problem = _first_difference(wanted, found[key])
            else:
                one.moments[name] = moment


def _at(then: HistoryThen, name: str, kind: type[View], grain: str, keys: Iterable[str]) -> dict[str, set[Input]]:
    """What each partition would have used of an input then."""
    found: dict[str, set[Input]] = {key: set() for key in keys}
    for key, _, one in used_by(kind, grain_of(name, kind), recorded_inputs(then, name, kind), grain, found):
        found[key].add(one)
    return found


def _earlier(
    history: History, then: HistoryThen, name: str, kind: type[View], grain: str, key: str, wanted: frozenset[Input]
) -> dt.datetime | None:
    for moment in moments_before(history, then.instant, name):
        if _at(HistoryThen(history, moment), name, kind, grain, [key])[key] == wanted:
            return moment
    return None


def moments_before(history: History, instant: dt.datetime, name: str | None = None) -> list[dt.datetime]:
    """The moments just before something was recorded (of one artifact) up to ``instant``, newest first, as far as they are tried."""
    recorded = set(history.ledger(name, as_of=instant)["recorded_at"].to_pylist())
    return [each - TICK for each in sorted(recorded, reverse=True)[:OTHER_MOMENTS]]


def _first_difference(wanted: frozenset[Input], found: set[Input]) -> str:
    address, was = min((((one.artifact, one.partition_key), one) for one in wanted ^ found), key=lambda pair: pair[0])
    then = [one for one in wanted if (one.artifact, one.partition_key) == address]
    here = [one for one in found if (one.artifact, one.partition_key) == address]
    what = f"landed rows of {was.partition_key} ({was.artifact})" if was.revision == 0 else f"{was.artifact} {was.partition_key}"
    return f"the inputs are not those recorded: of {what} it used {_shown(then)}, the history as of then has {_shown(here)}"


def _shown(inputs: Iterable[Input]) -> str:
    told = [f"revision {one.revision}, {one.sha256[:SHORT]}" if one.revision else one.sha256[:SHORT] for one in inputs]
    return " and ".join(sorted(told)) or "nothing"


# ---------------------------------------------------------------- rows of inputs


def check_landings(declaration: Declaration, history: HistoryThen, home: Path, used: Iterable[Used]) -> None:
    """Say of the first landed file of each that is missing, or whose rows are not those of the manifest."""
    checked = list(used)
    for feed, kind in declaration.inputs.items():
        if not issubclass(kind, Landed):
            continue
        wanted = {one for each in checked for one in each.from_artifact(feed)}
        broken = {one: problem for file in history.rows(feed).to_pylist() for one, problem in _broken(file, home, feed, wanted)}
        for each in checked:
            problems = sorted(broken[one] for one in each.from_artifact(feed) if one in broken)
            each.problem = each.problem or next(iter(problems), None)


def _broken(file: Mapping[str, Any], home: Path, feed: str, wanted: set[Input]) -> Iterator[tuple[Input, str]]:
    """Those of the ``wanted`` rows of one file of the manifest that are not there as they were, each with what is amiss."""
    stated = zip(file["weeks"].split(","), file["week_digests"].split(","), strict=True)
    weeks = {week: one for week, digest in stated if (one := Input(feed, file["origin"], 0, digest)) in wanted}
    path = home / file["landed_path"]
    what = f"the landed file of {file['origin']}, {file['landed_path']},"
    if weeks and not path.is_file():
        missing = f"{what} is missing below {home}; run intake again while the telemetry has it, or put it back"
        yield from ((one, missing) for one in weeks.values())
    elif weeks:
        try:
            present = _week_digests(
                path, date_column(feed), {*(name for name, _ in LANDED[feed]), VERSION_COLUMN, *file["strata"].split(",")}, weeks
            )
        except (pa.ArrowException, OSError) as error:
            unreadable = f"{what} cannot be read ({' '.join(str(error).split())[:200]}); remove it and run intake again to land it anew"
            yield from ((one, unreadable) for one in weeks.values())
            return
        for week, one in weeks.items():
            if present.get(week) != one.sha256:
                yield one, f"{what} has other rows of week {week} than were recorded; remove it and run intake again to land it anew"


def _week_digests(path: Path, date: str, own: set[str], weeks: Collection[str]) -> dict[str, str]:
    """The digest of the rows of each of ``weeks`` in one landed file, by Monday, over the columns that were landed."""
    first, last = (dt.date.fromisoformat(week) for week in (min(weeks), max(weeks)))
    span = [(date, ">=", first), (date, "<", next_week(last))]
    rows = pq.read_table(path, columns=[name for name in pq.read_schema(path).names if name in own], filters=span)
    return dict(digests_by_week(rows.take(pa.array(np.argsort(mondays(rows[date]), kind="stable"))), date))


def changed_rows(declaration: Declaration, history: History, used: Used) -> Iterator[str]:
    """The first recorded input whose stored rows no longer have the digest that was used."""
    for name, kind in declaration.inputs.items():
        if issubclass(kind, Landed) or name not in DECLARATIONS:
            continue
        contract = DECLARATIONS[name].contract
        for one in sorted(used.from_artifact(name), key=lambda each: each.partition_key):
            rows = history.rows(contract, [one.partition_key])
            if table_digest(rows, contract.key) != one.sha256:
                what = f"the stored rows of its input {name} {one.partition_key}"
                yield f"{what} no longer have the digest {one.sha256[:SHORT]} that was used"
                return
