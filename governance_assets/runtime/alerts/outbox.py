"""The table of alerts, as the committer sees it: states read back, and new rows numbered in the commit's own transaction.

Belongs here: which rows a commit adds to the table of alerts. Does not belong here: when a verdict is a change of state
(``transitions.py``) or what becomes of a row once it is committed (``drain.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from governance_assets.runtime.alerts.transitions import (
    STATE_KINDS,
    Alerting,
    Evaluation,
    Key,
    NewAlert,
    State,
    states_after,
    transitions,
)
from governance_assets.runtime.store import Store
from governance_assets.runtime.tables import ALERTS, storable

Row = dict[str, Any]
Decide = Callable[[Sequence[Row]], Iterable[NewAlert]]

# Of each subject the newest row, and the newest that told something: no more is needed to know its state.
_NEWEST = f"""
    SELECT * FROM history.alerts WHERE artifact IN (SELECT unnest(?::VARCHAR[])) AND kind IN {STATE_KINDS!r}
    QUALIFY row_number() OVER (PARTITION BY artifact, rule, subject, kind IN ('failing', 'worse', 'unknown') ORDER BY alert DESC) = 1
    ORDER BY alert
"""
_WAS_FAILING = """
    SELECT count(*) FROM history.findings
    WHERE artifact = ? AND rule = ? AND subject = ? AND partition_key = ? AND outcome IN ('fail', 'error')
      AND entry = (SELECT max(entry) FROM history.ledger WHERE artifact = ? AND partition_key = ?)
"""


class Outbox:
    """Adds to the table of alerts of one store; what is known of it is kept between two commits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states: dict[str, dict[Key, State]] = {}
        self._last = 0
        self._added: list[Row] = []

    @property
    def last(self) -> int:
        """The number of the newest row that this process knows of."""
        return self._last

    def catch_up(self, last: int | None = None) -> None:
        """Forget what is known unless the newest row is still the one known; ``last`` says which it is, None to ask."""
        if last is None:
            ((last,),) = self._store.query("SELECT coalesce(max(alert), 0) FROM history.alerts").fetchall()
        if last != self._last or self._added:  # what an undone commit had added is in the states, and nowhere else
            self._states.clear()
        self._last = last
        self._added.clear()

    def judge(self, evaluations: Sequence[Evaluation], alerting: Alerting, recorded_at: dt.datetime) -> None:
        """Add a row for every change of state that ``evaluations`` bring."""
        states = self._states_of({one.artifact for one in evaluations})
        transitions(evaluations, states, alerting, lambda new: self._assign(new, recorded_at), self._was_failing)
        for key, state in states.items():
            self._states[key[0]][key] = state

    def decide(self, decide: Decide, recorded_at: dt.datetime) -> None:
        """Add what ``decide`` makes of every row there is."""
        for new in decide(self._store.dicts("SELECT * FROM history.alerts ORDER BY alert", ())):
            self._assign(new, recorded_at)
        self._states.clear()

    def insert(self) -> list[Row]:
        """Insert the added rows in the transaction that is open, and return them."""
        if self._added:
            self._store.insert("alerts", pa.Table.from_pylist(self._added, schema=ALERTS))
        return list(self._added)

    def remember(self) -> None:
        """After the commit: the added rows stand."""
        self._last += len(self._added)
        self._added.clear()

    def _assign(self, new: NewAlert, recorded_at: dt.datetime) -> Mapping[str, Any]:
        row = new.row(self._last + len(self._added) + 1, recorded_at)
        stored = {name: storable(value) if isinstance(value, str) else value for name, value in row.items()}
        self._added.append(stored)
        return stored

    def _states_of(self, artifacts: Iterable[str]) -> dict[Key, State]:
        missing = [artifact for artifact in artifacts if artifact not in self._states]
        if missing:
            rows = self._store.dicts(_NEWEST, [missing]) if self._last else []
            found = states_after(rows)
            for artifact in missing:
                self._states[artifact] = {key: state for key, state in found.items() if key[0] == artifact}
        return {key: state for artifact in artifacts for key, state in self._states[artifact].items()}

    def _was_failing(self, key: Key, partition_key: str) -> bool:
        artifact, rule, subject = key
        parameters = [artifact, rule, subject, partition_key, artifact, partition_key]
        ((count,),) = self._store.query(_WAS_FAILING, parameters).fetchall()
        return bool(count)
