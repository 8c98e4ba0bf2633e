"""The installation as it was when an entry was made: its history, its policy, its instant, its telemetry.

Belongs here: a workspace that can compute and judge as one did then. Does not belong here: which inputs an entry used
(``inputs.py``) or what comes out (``rebuild.py``).
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from governance_assets.policy import IntakePolicy, Policy, PolicyError, policy_from
from governance_assets.runtime.history import ContractOrName, Entry, Head, History, HistoryError, Provenance, Receipt
from governance_assets.runtime.sources import Intake, read_telemetry
from governance_assets.runtime.workspace import Workspace

SHORT = 12
"""Digits of a hash that are printed."""


class CannotRebuild(Exception):
    """What an entry was made from is not there any more, or not as it was; the message says what."""


class HistoryThen(History):
    """The reads of ``history`` as it was at ``instant``, or for the artifacts of ``moments`` at theirs; it records nothing.

    The past does not change: what was read whole is kept. ``has_read_tables`` tells whether somebody read the history's own
    tables, of which no entry says until when it was read.
    """

    def __init__(self, history: History, instant: dt.datetime, moments: Mapping[str, dt.datetime] | None = None) -> None:
        # A history of its own would need a connection of its own; this one reads through the other.
        self._history, self.instant, self._moments = history, instant, dict(moments or {})
        self.has_read_tables = False
        self._rows_of: dict[ContractOrName, pa.Table] = {}
        self._heads_of: dict[ContractOrName, dict[str, Head]] = {}

    def rows(self, contract_or_name: ContractOrName, partitions: Iterable[str] | None = None, as_of: dt.datetime | None = None) -> pa.Table:
        if partitions is not None or as_of is not None:
            return self._history.rows(contract_or_name, partitions, self._until(contract_or_name, as_of))
        if contract_or_name not in self._rows_of:
            self._rows_of[contract_or_name] = self._history.rows(contract_or_name, None, self._until(contract_or_name, None))
        return self._rows_of[contract_or_name]

    def heads(self, artifact: ContractOrName, partitions: Iterable[str] | None = None, as_of: dt.datetime | None = None) -> dict[str, Head]:
        if partitions is not None or as_of is not None:
            return self._history.heads(artifact, partitions, self._until(artifact, as_of))
        if artifact not in self._heads_of:
            self._heads_of[artifact] = self._history.heads(artifact, None, self._until(artifact, None))
        return self._heads_of[artifact]

    def ledger(
        self, artifact: ContractOrName | None = None, partition_key: str | None = None, as_of: dt.datetime | None = None
    ) -> pa.Table:
        self.has_read_tables = True
        return self._history.ledger(artifact, partition_key, self._until(artifact, as_of))

    def findings(
        self,
        artifact: ContractOrName | None = None,
        partition_key: str | None = None,
        as_of: dt.datetime | None = None,
        *,
        all: bool = False,
    ) -> pa.Table:
        self.has_read_tables = True
        return self._history.findings(artifact, partition_key, self._until(artifact, as_of), all=all)

    def alerts(self, as_of: dt.datetime | None = None, after: int = 0) -> pa.Table:
        self.has_read_tables = True
        return self._history.alerts(self._until("alerts", as_of), after)

    def policy(self, policy_sha256: str) -> str | None:
        # A text is named by its digest: there is no other of that name at any time.
        return self._history.policy(policy_sha256)

    def commit(self, entries: Sequence[Entry], provenance: Provenance) -> list[Receipt]:
        raise HistoryError("the past is read-only; record in the history itself")

    judge = commit

    def close(self) -> None:
        """The history that is read through stays open."""

    def moment(self, name: str) -> dt.datetime:
        """Until when an artifact is read."""
        return self._moments.get(name, self.instant)

    def _until(self, artifact: ContractOrName | None, as_of: dt.datetime | None) -> dt.datetime:
        name = artifact.artifact if isinstance(artifact, type) else artifact
        latest = self.moment(name or "")
        return latest if as_of is None else min(latest, as_of)


class Telemetry:
    """The telemetry folder as it is now, read once for each intake policy into a scratch home that is removed afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Intake] = {}

    def intake(self, policy: IntakePolicy) -> Intake:
        """Everything in the folder, read under ``policy``. Raises CannotRebuild when there is no folder."""
        if not self.folder.is_dir():
            raise CannotRebuild(f"there is no telemetry folder {self.folder} to read again; name it with --telemetry")
        key = policy.model_dump_json()
        if key not in self._read:
            scratch = Path(tempfile.mkdtemp(prefix="governance-"))
            try:
                self._read[key] = read_telemetry(self.folder, scratch, policy)
            finally:
                shutil.rmtree(scratch)
        return self._read[key]


class WorkspaceThen(Workspace):
    """The workspace ``now``, but looking from another instant, under another policy, at a history as it was."""

    def __init__(self, now: Workspace, history: HistoryThen, policy: Policy, as_of: dt.datetime, telemetry: Telemetry) -> None:
        super().__init__(replace(now.settings, as_of=as_of), policy)
        self.then, self._now, self._telemetry = history, now, telemetry

    @functools.cached_property
    def history(self) -> History:
        return self.then

    def at(self, instant: dt.datetime, held: Iterable[str]) -> WorkspaceThen:
        """This one, but its history as it was at ``instant``; the artifacts ``held`` stay as they are here."""
        moments = {name: self.then.moment(name) for name in held}
        history = HistoryThen(self._now.history, instant, moments)
        return WorkspaceThen(self._now, history, self.policy, self.as_of, self._telemetry)

    @property
    def present(self) -> dt.datetime:
        return self.policy.clock.as_of or self.as_of

    def intake(self, run_id: str) -> Intake:
        return self._telemetry.intake(self.policy.intake)


def policy_then(now: Workspace, policy_sha256: str) -> Policy:
    """The policy with this digest. Raises CannotRebuild when its text is not kept, was changed, or is not understood."""
    name = f"policy {policy_sha256[:SHORT]}"
    text = now.history.policy(policy_sha256)
    if text is None:
        if now.policy_sha256 == policy_sha256:
            return now.policy
        raise CannotRebuild(f"the text of {name} is not in the history, and the policy in force is another; replay under that policy")
    if hashlib.sha256(text.encode()).hexdigest() != policy_sha256:
        raise CannotRebuild(f"the kept text of {name} no longer has this digest: it was changed; `governance verify` says what else was")
    try:
        return policy_from(json.loads(text))
    except PolicyError as error:
        raise CannotRebuild(f"this code does not understand {name} ({error}); replay with the recorded commit") from None
