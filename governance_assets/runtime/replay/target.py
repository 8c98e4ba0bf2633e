"""What there is to replay, by the ledger, and what a replay says in the end.

Belongs here: choosing entries, and the wording of an outcome. Does not belong here: rebuilding (``rebuild.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from governance_assets.contract import WHOLE
from governance_assets.pages.wording import clean, count
from governance_assets.runtime.artifact import DECLARATIONS
from governance_assets.runtime.history import History
from governance_assets.runtime.replay.past import SHORT
from governance_assets.runtime.settings import SettingsError, code_version

ALL = "all"
"""Stands for every recorded artifact."""
Outcome = Literal["identical", "differs", "cannot be rebuilt", "the code has moved on", "nothing to replay"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """One revision of one partition: the ledger's row of its newest computation, and of its newest judgement."""

    made: Row
    judged: Row

    @property
    def artifact(self) -> str:
        return str(self.made["artifact"])

    @property
    def partition_key(self) -> str:
        return str(self.made["partition_key"])

    def moved(self) -> tuple[str, ...]:
        """What to do when this code is not the one that computed and judged; empty when it is."""
        declaration = DECLARATIONS.get(self.artifact)
        present = code_version(declaration.contract.domain()) if declaration else None
        return next((_moved(row, present) for row in (self.made, self.judged) if row["code_version"] != present), ())

    def outcome(self, outcome: Outcome, *told: str) -> Replayed:
        """The outcome of replaying this target."""
        return Replayed(self.artifact, self.partition_key, self.made["revision"], outcome, tuple(map(clean, told)))


@dataclass(frozen=True)
class Replayed:
    """How the replay of one partition came out, and what is to be said of it."""

    artifact: str
    partition_key: str
    revision: int | None
    outcome: Outcome
    told: tuple[str, ...]

    def __str__(self) -> str:
        revision = "" if self.revision is None else f" revision {self.revision}"
        return f"{self.artifact} {self.partition_key}{revision}: {self.outcome}"

    @property
    def is_failure(self) -> bool:
        """Whether something is recorded that did not come out as it is recorded."""
        return self.outcome not in ("identical", "nothing to replay")

    @property
    def in_one_line(self) -> str:
        """The outcome and, unless it is identical, the first reason."""
        return str(self) if self.outcome == "identical" or not self.told else f"{self}: {self.told[0]}"


def summary(done: Sequence[Replayed]) -> str:
    """How many came out how."""
    counts = Counter(one.outcome for one in done)
    return f"{count(len(done), 'partition')}: " + ", ".join(f"{number:,} {outcome}" for outcome, number in counts.most_common())


def _moved(row: Row, present: str | None) -> tuple[str, ...]:
    here = f"this is {present[:SHORT]}" if present else "this code has no such artifact"
    what = f"entry {row['entry']} was made by code {row['code_version'][:SHORT]}, {here}"
    if not row["git_revision"]:
        return what, "no commit is recorded, for it did not run from a checkout; install the version that ran then and replay there"
    dirty = " (with uncommitted changes, which are in no commit, so that its code may be another still)" if row["git_dirty"] else ""
    command = f"governance replay {row['artifact']} {row['partition_key']} --revision {row['revision']}"
    return (
        f"{what}; the recorded commit is {row['git_revision']}{dirty}",
        f"git checkout {row['git_revision']} && {command}",
        "with --anyway this code is used and its digests are compared",
    )


def targets(history: History, artifact: str, partition: str | None = None, revision: int | None = None) -> Iterator[Target | Replayed]:
    """Every recorded partition of an artifact (or the one named), or of all artifacts, with its newest or the named revision.

    A partition that was only ever refused is told as such. Raises SettingsError when nothing is recorded under these names.
    """
    names = _recorded_names(history) if artifact == ALL else [artifact]
    found = [one for name in names for one in _of_artifact(history, name, partition, revision)]
    if not found:
        what = f"{artifact} {partition}" if partition else artifact
        raise SettingsError(f'nothing is recorded for {what}; `governance sql "FROM ledger"` lists what is')
    yield from found


def _recorded_names(history: History) -> list[str]:
    recorded = set(history.ledger()["artifact"].unique().to_pylist())
    return [*(name for name in DECLARATIONS if name in recorded), *sorted(recorded - DECLARATIONS.keys())]


def _of_artifact(history: History, name: str, partition: str | None, revision: int | None) -> Iterator[Target | Replayed]:
    by_key: dict[str, list[Row]] = {}
    for row in history.ledger(name, partition).to_pylist():
        by_key.setdefault(row["partition_key"], []).append(row)
    for key, rows in sorted(by_key.items()):
        yield _of_partition(name, key, rows, revision)


def _of_partition(name: str, key: str, rows: Sequence[Row], revision: int | None) -> Target | Replayed:
    recorded = [row for row in rows if row["revision"] is not None]
    if not recorded:
        told = f"its rows were refused in entry {rows[-1]['entry']}, so that none are recorded; `governance sql` on findings says why"
        return Replayed(name, key, None, "nothing to replay", (told,))
    chosen = [row for row in recorded if row["revision"] == (recorded[-1]["revision"] if revision is None else revision)]
    if not chosen:
        raise SettingsError(f"{name} {key} has revisions 1 to {recorded[-1]['revision']}, found --revision {revision}; name one of them")
    made = [row for row in chosen if row["kind"] != "judgement"]
    if not made:
        told = f"no entry says what revision {chosen[-1]['revision']} was computed from; `governance verify` says what is missing"
        return Replayed(name, key, chosen[-1]["revision"], "cannot be rebuilt", (told,))
    return Target(made[-1], chosen[-1])


def whole_or_named(artifact: str, partition: str | None) -> str:
    """The partition to replay. Raises SettingsError when an artifact with partitions needs one to be named."""
    declaration = DECLARATIONS.get(artifact)
    if partition is not None or (declaration is not None and declaration.contract.grain != "none"):
        if partition is None:
            raise SettingsError(f"{artifact} has many partitions; name one, such as 2025-11-03, or give --all")
        return partition
    return WHOLE
