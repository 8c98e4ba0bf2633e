"""Replaying: compute and judge again what an entry says it was made from, and hold the digests against the recorded ones.

Belongs here: the order of the steps and the comparison. Does not belong here: what was there then (``past.py``,
``inputs.py``), or how a difference reads (``differences.py``, ``folder.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import Contract, conform
from governance_assets.finding import Finding
from governance_assets.policy import Policy
from governance_assets.runtime.artifact import DECLARATIONS, Declaration, computed, judged_again
from governance_assets.runtime.history import Entry, History
from governance_assets.runtime.ledger import findings_digests
from governance_assets.runtime.replay.differences import findings_that_differ, rows_that_differ
from governance_assets.runtime.replay.folder import files_that_differ, kept_landings
from governance_assets.runtime.replay.inputs import TICK, Used, changed_rows, check_landings, find, moments_before
from governance_assets.runtime.replay.past import SHORT, CannotRebuild, HistoryThen, Telemetry, WorkspaceThen, policy_then
from governance_assets.runtime.replay.target import Replayed, Row, Target
from governance_assets.runtime.settings import git_state
from governance_assets.runtime.workspace import Workspace
from governance_assets.stats.digest import table_digest

INTAKE = "intake"
"""The domain that reads the telemetry folder itself."""
OTHER_LEDGERS = 20
"""How many earlier states of the ledger are tried for an artifact that reads the ledger itself."""
TOGETHER = 52
"""Partitions of one commit that are rebuilt in one computation, as they were made; bounds how much lies in memory."""


class Replay:
    """Replays targets in one workspace. With ``is_anyway`` code that has moved on is used all the same."""

    def __init__(self, workspace: Workspace, is_anyway: bool = False) -> None:
        self._now, self._is_anyway = workspace, is_anyway
        self._telemetry = Telemetry(workspace.settings.telemetry)

    def each(self, chosen: Iterable[Target | Replayed]) -> Iterator[Replayed]:
        """The outcome of each target, in an order that rebuilds together what was made together."""
        ready: list[Target] = []
        for one in chosen:
            if isinstance(one, Replayed):
                yield one
            elif (moved := one.moved()) and (one.artifact not in DECLARATIONS or not self._is_anyway):
                yield one.outcome("the code has moved on", *moved)
            else:
                ready.append(one)
        for artifact, of_one in groupby(ready, lambda each: each.artifact):
            for _, together in groupby(sorted(of_one, key=_order), _commit):
                made_together = list(together)
                for start in range(0, len(made_together), TOGETHER):
                    yield from self._together(DECLARATIONS[artifact], made_together[start : start + TOGETHER])

    def _together(self, declaration: Declaration, chosen: Sequence[Target]) -> Iterator[Replayed]:
        """Targets of one commit; those whose inputs were read at the same moments are computed at once."""
        made = chosen[0].made
        before = made["recorded_at"] - TICK
        try:
            policy = policy_then(self._now, made["policy_sha256"])
        except CannotRebuild as problem:
            yield from (one.outcome("cannot be rebuilt", str(problem)) for one in chosen)
            return
        used = {one.partition_key: Used.of(one.made) for one in chosen}
        newest = HistoryThen(self._now.history, before)
        find(declaration, self._now.history, newest, used)
        moments = sorted({tuple(sorted(one.moments.items())) for one in used.values()})
        for read_at in moments:
            keys = [key for key, one in used.items() if tuple(sorted(one.moments.items())) == read_at]
            history = HistoryThen(self._now.history, before, dict(read_at)) if read_at else newest
            check_landings(declaration, history, self._now.settings.home, [used[key] for key in keys])
            then = WorkspaceThen(self._now, history, policy, made["as_of"], self._telemetry)
            yield from self._of_one_past(declaration, then, [one for one in chosen if one.partition_key in keys], used)

    def _of_one_past(
        self, declaration: Declaration, then: WorkspaceThen, chosen: Sequence[Target], used: Mapping[str, Used]
    ) -> Iterator[Replayed]:
        sound = [one for one in chosen if used[one.partition_key].problem is None]
        problem: str | None = None
        entries: dict[str, Entry] = {}
        if sound:
            keys = [one.partition_key for one in sound]
            try:
                entries = {entry.partition_key: entry for entry in computed(declaration, then, sound[0].made["run_id"], keys)}
            except CannotRebuild as found:
                problem = str(found)
        stored = _Stored(self._now.history, declaration, chosen)
        for one in chosen:
            amiss = used[one.partition_key].problem or problem
            if amiss:
                yield one.outcome("cannot be rebuilt", amiss)
            else:
                yield self._compared(declaration, then, one, entries[one.partition_key], used[one.partition_key], stored)

    def _compared(
        self, declaration: Declaration, then: WorkspaceThen, target: Target, entry: Entry, used: Used, stored: _Stored
    ) -> Replayed:
        try:
            differences = self._differences(declaration, target, entry, stored)
        except CannotRebuild as problem:
            return target.outcome("cannot be rebuilt", str(problem))
        if not differences or (then.then.has_read_tables and self._is_of_another_moment(declaration, then, target, stored)):
            told = f"{target.made['row_count']} rows, content {target.made['content_sha256'][:SHORT]}"
            return target.outcome("identical", f"{told}, findings {target.judged['findings_sha256'][:SHORT]}", *self._other_code(target))
        if declaration.contract.domain() == INTAKE and (files := self._files(then, target)):
            return target.outcome("cannot be rebuilt", *files)
        causes = [*changed_rows(declaration, then.history, used), *self._other_code(target), *_other_commit(target)]
        return target.outcome("differs", *differences, *causes)

    def _differences(self, declaration: Declaration, target: Target, entry: Entry, stored: _Stored) -> list[str]:
        findings = entry.findings if target.judged is target.made else self._judged(declaration, target)
        content = _content(declaration.contract, target.made["content_sha256"], stored.rows(target), entry)
        return content + _verdicts(target.judged["findings_sha256"], stored.findings(target), findings)

    def _is_of_another_moment(self, declaration: Declaration, then: WorkspaceThen, target: Target, stored: _Stored) -> bool:
        """Whether it comes out as recorded when the ledger is read as it was a few entries before: others record meanwhile."""
        held = [declaration.name, *declaration.inputs]
        for moment in moments_before(self._now.history, then.then.instant)[:OTHER_LEDGERS]:
            entries = computed(declaration, then.at(moment, held), target.made["run_id"], [target.partition_key])
            if not self._differences(declaration, target, entries[0], stored):
                return True
        return False

    def _files(self, then: WorkspaceThen, target: Target) -> list[str]:
        """What is to be said when the telemetry is not what intake read."""
        history, folder = self._now.history, self._telemetry.folder
        files = files_that_differ(history, target, then.intake(target.made["run_id"]))
        why = f"the files of {folder} are not those that were read, so that the recorded state cannot be rebuilt from them"
        return [why, *files, kept_landings(history, target, self._now.settings.home)] if files else []

    def _judged(self, declaration: Declaration, target: Target) -> tuple[Finding, ...]:
        """The findings of a judgement: the recorded rows, judged as they were later on, under the policy of then."""
        judged = target.judged
        policy: Policy = policy_then(self._now, judged["policy_sha256"])
        history = HistoryThen(self._now.history, judged["recorded_at"] - TICK)
        then = WorkspaceThen(self._now, history, policy, judged["as_of"], self._telemetry)
        entries = judged_again(declaration, then, [target.partition_key])
        if not entries:
            raise CannotRebuild(f"entry {judged['entry']} judged rows that are not in the history any more; `governance verify` says more")
        return entries[0].findings

    def _other_code(self, target: Target) -> tuple[str, ...]:
        return (f"with other code than recorded: {target.moved()[0]}",) if target.moved() else ()


class _Stored:
    """What the history has of targets of one commit, read at once."""

    def __init__(self, history: History, declaration: Declaration, chosen: Sequence[Target]) -> None:
        contract, at = declaration.contract, chosen[0].made["recorded_at"]
        self._column, self._history = contract.partition_column(), history
        self._rows = history.rows(contract, [one.partition_key for one in chosen], at)
        self._findings = history.findings(contract, as_of=at)

    def rows(self, target: Target) -> pa.Table:
        """The rows of the target's revision."""
        if self._column is None:
            return self._rows
        return self._rows.filter(pc.equal(self._rows[self._column].cast(pa.string()), target.partition_key))

    def findings(self, target: Target) -> pa.Table:
        """The findings of the target's newest judgement."""
        if target.judged is target.made:
            return self._findings.filter(pc.equal(self._findings["entry"], target.made["entry"]))
        return self._history.findings(target.artifact, target.partition_key, target.judged["recorded_at"])


def _content(contract: type[Contract], recorded: str, stored: pa.Table, entry: Entry) -> list[str]:
    """What is to be said when the rebuilt or the stored rows do not have the recorded digest."""
    if entry.rows is None:
        return [f"the rebuilt rows break their contract: {entry.findings[0].message}"]
    rebuilt = conform(contract, entry.rows)
    digests = {"rebuilt": table_digest(rebuilt, contract.key), "stored": table_digest(stored, contract.key)}
    wrong = [which for which, digest in digests.items() if digest != recorded]
    if not wrong:
        return []
    told = " and ".join(f"the {which} rows have {digests[which][:SHORT]}" for which in wrong)
    tampered = "; they were changed after they were recorded" if wrong == ["stored"] else ""
    return [f"the recorded content is {recorded[:SHORT]}, {told}{tampered}", *rows_that_differ(contract, stored, rebuilt)]


def _verdicts(recorded: str, stored: pa.Table, replayed: Sequence[Finding]) -> list[str]:
    """What is to be said when the replayed findings do not have the recorded digest, or the stored ones are others."""
    digest = findings_digests([replayed])[0]
    differing = findings_that_differ(stored, replayed)
    if digest == recorded and not differing:
        return []
    changed = ", the stored ones were changed after they were recorded" if digest == recorded else ""
    return [f"the recorded findings are {recorded[:SHORT]}, replayed {digest[:SHORT]}{changed}", *differing]


def _other_commit(target: Target) -> tuple[str, ...]:
    """What lies outside a domain's own code is in no ``code_version``, but in the commit."""
    recorded, present = target.made["git_revision"], git_state()[0]
    if recorded in (None, present):
        return ()
    what = f"it was recorded with commit {recorded}, this is {present or 'no checkout'}"
    return (f"{what}: code that it shares with others may have changed; replay it there, too",)


def _order(target: Target) -> tuple[dt.datetime, str]:
    return target.made["recorded_at"], target.partition_key


def _commit(target: Target) -> tuple[Row, ...]:
    made = target.made
    return made["recorded_at"], made["as_of"], made["policy_sha256"]
