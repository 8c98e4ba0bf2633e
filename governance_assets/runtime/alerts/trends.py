"""The last values of a subject, read from the findings.

Belongs here: finding them. Does not belong here: showing them (``pages/messages.py``).
"""

from __future__ import annotations

from collections import defaultdict

from governance_assets.runtime.alerts.transitions import Key
from governance_assets.runtime.history import History

SHOWN = 6
"""Enough to see a direction, few enough for a line."""


class Trends:
    """Called with a subject and a partition, answers its last values up to that partition, in the order of partitions."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._values: dict[str, dict[Key, list[tuple[str, float]]]] = {}

    def __call__(self, key: Key, partition_key: str) -> tuple[float, ...]:
        artifact = key[0]
        if artifact not in self._values:
            self._values[artifact] = self._read(artifact)
        known = sorted((partition, value) for partition, value in self._values[artifact].get(key, ()) if partition <= partition_key)
        return tuple(value for _, value in known[-SHOWN:])

    def _read(self, artifact: str) -> dict[Key, list[tuple[str, float]]]:
        found = self._history.findings(artifact).select(["rule", "subject", "partition_key", "value"])
        values: dict[Key, list[tuple[str, float]]] = defaultdict(list)
        for rule, subject, partition, value in zip(*(column.to_pylist() for column in found.columns), strict=True):
            if value is not None:
                values[(artifact, rule, subject)].append((partition, value))
        return values
