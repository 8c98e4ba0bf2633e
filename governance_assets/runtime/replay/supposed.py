"""What another policy would make of everything recorded: rows computed and judged again in memory, and the verdicts that flip.

Belongs here: which partitions a changed section reaches, the history as it would be, and the comparison of verdicts. Does not belong
here: rebuilding what was (``rebuild.py``). Nothing is recorded.

What intake landed stays as it is, and what looks at the installation's present (health) is left out: a policy of today would have changed
neither what arrived nor what time it was.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import Contract, conform, registry
from governance_assets.domains import FLOW
from governance_assets.finding import Finding
from governance_assets.policy import Policy
from governance_assets.runtime.artifact import DECLARATIONS, Declaration, computed
from governance_assets.runtime.history import ContractOrName, Entry, Head, History
from governance_assets.runtime.inputs import grain_of, recorded_inputs, used_by
from governance_assets.runtime.ledger import findings_of
from governance_assets.runtime.replay.past import HistoryThen, Telemetry, WorkspaceThen
from governance_assets.runtime.settings import code_version
from governance_assets.runtime.workspace import Workspace
from governance_assets.stats.digest import table_digest

_TOGETHER = 52
"""Partitions that are computed at once; bounds how much lies in memory."""
_PASSES = 4
"""How often what reads back in time is looked at again."""


@dataclass(frozen=True)
class Flip:
    """One verdict that would be another; None where there would be, or was, none."""

    artifact: str
    partition_key: str
    rule: str
    subject: str
    before: str | None
    after: str | None
    message: str


@dataclass(frozen=True)
class Supposed:
    """What a policy would flip, and over what that was found."""

    flips: tuple[Flip, ...]
    judged: int
    """Verdicts that were compared."""
    computed: int
    """Partitions that were computed and judged again."""
    changed: int
    """Of these, partitions whose rows would be others."""
    by_other_code: int
    """Of these, partitions that other code than this recorded: their flips may be the code's."""


class HistoryIf(HistoryThen):
    """The newest state of a history with some partitions replaced by what they would be."""

    def __init__(self, history: History) -> None:
        super().__init__(history, _newest(history))
        self._replaced: dict[str, dict[str, pa.Table]] = defaultdict(dict)

    def suppose(self, contract: type[Contract], partition_key: str, rows: pa.Table) -> None:
        """Read these rows for the partition from now on."""
        self._replaced[contract.artifact][partition_key] = rows

    def rows(self, contract_or_name: ContractOrName, partitions: Any = None, as_of: Any = None) -> pa.Table:
        recorded = super().rows(contract_or_name, partitions, as_of)
        contract = contract_or_name if isinstance(contract_or_name, type) else registry()[contract_or_name]
        wanted = None if partitions is None else set(partitions)
        replaced = {key: rows for key, rows in self._replaced[contract.artifact].items() if wanted is None or key in wanted}
        column = contract.partition_column()
        if not replaced:
            return recorded
        if column is None:
            return next(iter(replaced.values()))
        kept = recorded.filter(pc.invert(pc.is_in(recorded[column].cast(pa.string()), pa.array(list(replaced)))))
        # As the history hands rows in: partition by partition, each in the order of its key.
        order = [(name, "ascending") for name in dict.fromkeys((column, *contract.key))]
        return pa.concat_tables([kept, *(conform(contract, rows) for rows in replaced.values())]).sort_by(order)

    def heads(self, artifact: ContractOrName, partitions: Any = None, as_of: Any = None) -> dict[str, Head]:
        found = dict(super().heads(artifact, partitions, as_of))
        contract = artifact if isinstance(artifact, type) else registry()[artifact]
        for key in self._replaced[contract.artifact].keys() & found.keys():
            digest = table_digest(self._replaced[contract.artifact][key], contract.key)
            found[key] = replace(found[key], content_sha256=digest)
        return found


def _newest(history: History) -> Any:
    return pc.max(history.ledger()["recorded_at"]).as_py()


def changed_values(now: Policy, other: Policy) -> dict[str, tuple[str, str]]:
    """Path, present and other value of every setting that differs."""
    found = {}
    for name, section in now:
        mine, theirs = section.model_dump(mode="json"), getattr(other, name).model_dump(mode="json")
        found |= {f"{name}.{key}": (str(mine[key]), str(theirs[key])) for key in mine if mine[key] != theirs[key]}
    return found


def reached(declaration: Declaration, now: Policy, other: Policy) -> bool:
    """Whether a changed section judges the artifact, or is handed to its computation."""
    changed = {name for name, section in now if section != getattr(other, name)}
    kinds = {type(getattr(now, name)) for name in changed}
    given = set(declaration.compute.__annotations__.values())
    return bool(changed) and (declaration.contract.domain() in changed or Policy in given or bool(kinds & given))


def suppose(workspace: Workspace, other: Policy) -> Supposed:
    """Every verdict on what is recorded that ``other`` would flip, had it been in force."""
    history = HistoryIf(workspace.history)
    then = WorkspaceThen(workspace, history, other, workspace.as_of, Telemetry(workspace.settings.telemetry))
    chosen = [one for one in DECLARATIONS.values() if one.contract.domain() in FLOW[1:-1]]
    done: dict[tuple[str, str], tuple[Finding, ...]] = {}
    changed: set[tuple[str, str]] = set()
    fresh: set[tuple[str, str]] = set()
    for number in range(_PASSES):
        before, fresh = fresh, set()
        for declaration in chosen:
            recorded = workspace.history.heads(declaration.name)
            is_first = number == 0 and reached(declaration, workspace.policy, other)
            keys = sorted(recorded) if is_first else sorted(_takers(declaration, then.history, recorded, before | fresh))
            for entry in _computed(declaration, then, keys):
                address = declaration.name, entry.partition_key
                done[address] = entry.findings
                if _supposes(declaration, history, entry):
                    changed.add(address)
                    fresh.add(address)
        if not fresh:
            break
    flips, judged = _compared(workspace.history, done)
    return Supposed(tuple(flips), judged, len(done), len(changed), _by_other_code(workspace.history, done))


def write(flips: Sequence[Flip], path: Path) -> None:
    """Write every flip to a CSV file, an empty cell where there is no verdict."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(Flip.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(vars(flip) for flip in flips)


def _takers(declaration: Declaration, history: History, recorded: Mapping[str, Head], changed: Collection[tuple[str, str]]) -> set[str]:
    """The recorded partitions that are computed from a changed one."""
    found: set[str] = set()
    for name, kind in declaration.inputs.items():
        keys = {key for artifact, key in changed if artifact == name}
        if keys:
            used = [(key, one) for key, one in recorded_inputs(history, name, kind) if key in keys]
            found |= {taker for taker, _, _ in used_by(kind, grain_of(name, kind), used, declaration.contract.grain, recorded)}
    return found


def _computed(declaration: Declaration, then: WorkspaceThen, keys: Sequence[str]) -> Iterator[Entry]:
    # An artifact that reads its own past sees what its partitions before became.
    size = 1 if declaration.reads_own_past else _TOGETHER
    for start in range(0, len(keys), size):
        yield from computed(declaration, then, "", keys[start : start + size])


def _supposes(declaration: Declaration, history: HistoryIf, entry: Entry) -> bool:
    """Put the rows of an entry in the place of the recorded ones; whether they differ."""
    if entry.rows is None:
        return False
    rows, key = conform(declaration.contract, entry.rows), declaration.contract.key
    if table_digest(rows, key) == history.heads(declaration.name)[entry.partition_key].content_sha256:
        return False
    history.suppose(declaration.contract, entry.partition_key, rows)
    return True


def _compared(history: History, done: Mapping[tuple[str, str], Sequence[Finding]]) -> tuple[list[Flip], int]:
    """The verdicts that differ from the recorded ones, and how many were compared."""
    rows = history.findings()
    recorded: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for artifact, key, finding in zip(rows["artifact"].to_pylist(), rows["partition_key"].to_pylist(), findings_of(rows), strict=True):
        recorded[artifact, key].append(finding)
    flips, judged = [], 0
    for address, found in sorted(done.items()):
        was, now = _by_subject(recorded[address]), _by_subject(found)
        judged += len(was.keys() | now.keys())
        for each in sorted(was.keys() | now.keys()):
            one, other = was.get(each), now.get(each)
            before, after = (None if finding is None else finding.outcome for finding in (one, other))
            if before != after:
                told = other or one
                flips.append(Flip(*address, each[0], each[1], before, after, told.message if told else ""))
    return flips, judged


def _by_subject(findings: Sequence[Finding]) -> dict[tuple[str, str, int], Finding]:
    """Findings by rule and subject; a repeated pair is told apart by its place."""
    seen: Counter[tuple[str, str]] = Counter()
    found = {}
    for one in findings:
        pair = one.rule, one.subject
        found[(*pair, seen[pair])] = one
        seen[pair] += 1
    return found


def _by_other_code(history: History, done: Mapping[tuple[str, str], object]) -> int:
    codes = {name: code_version(one.contract.domain()) for name, one in DECLARATIONS.items()}
    heads = {name: history.heads(name) for name in {artifact for artifact, _ in done}}
    return sum(heads[artifact][key].code_version != codes[artifact] for artifact, key in done)
