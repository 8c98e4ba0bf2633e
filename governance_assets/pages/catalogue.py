"""The catalogue: artifacts, columns, policy values and rules, read from the code that applies them.

Belongs here: turning contracts, policy and rules into what the catalogue page shows. Does not belong here: finding them
(the caller hands them in) or markup (``templates/catalogue.html``).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pyarrow as pa

from governance_assets import contract as contracts
from governance_assets import policy as policies
from governance_assets.contract import Contract
from governance_assets.finding import Rule
from governance_assets.pages.model import Column, Table
from governance_assets.policy import Policy

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_TYPES = {"string": "text", "bool": "yes or no", "int64": "integer", "double": "number", "date32[day]": "date"}


@dataclass(frozen=True)
class Catalogue:
    """What the catalogue page is generated from; rules by domain."""

    contracts: Sequence[type[Contract]]
    policy: Policy
    rules: Mapping[str, Sequence[Rule]] = field(default_factory=dict)


def rules_of(module: ModuleType) -> tuple[Rule, ...]:
    """Every rule a module declares, by name."""
    rules = {id(rule): rule for value in vars(module).values() for rule in _rules_in(value)}
    return tuple(sorted(rules.values(), key=lambda rule: rule.name))


def domains(catalogue: Catalogue, flow: Sequence[str]) -> list[dict[str, Any]]:
    """Artifacts and rules of each domain that has any, in the order data passes through them."""
    found = {made.domain() for made in catalogue.contracts} | set(catalogue.rules)
    ordered = [name for name in flow if name in found] + sorted(found - set(flow))
    return [
        {
            "name": name,
            "artifacts": [_artifact(made) for made in catalogue.contracts if made.domain() == name],
            "rules": _rules(catalogue.rules.get(name, ())),
        }
        for name in ordered
    ]


def policy_sections(policy: Policy) -> list[dict[str, Any]]:
    """One table a section of the policy."""
    entries: dict[str, list[tuple[str, ...]]] = {}
    for entry in policies.catalogue(policy):
        section, _, name = entry["path"].partition(".")
        row = (name, entry["value"], entry["unit"], entry["bounds"], entry["why"], entry["source"])
        entries.setdefault(section, []).append(row)
    headings = _headings("Value", "Set to", "Unit", "Bounds", "Why", "Source")
    return [{"name": name, "table": Table(headings, tuple(rows))} for name, rows in entries.items()]


def _rules_in(value: Any) -> list[Rule]:
    if isinstance(value, Rule):
        return [value]
    held = value.values() if isinstance(value, Mapping) else value if isinstance(value, (tuple, list)) else ()
    return [one for one in held if isinstance(one, Rule)]


def _artifact(made: type[Contract]) -> dict[str, Any]:
    rows = tuple(
        (column.name, _type(column.type), column.unit or "", _accepted(column), column.description, column.null or "")
        for column in contracts.columns(made)
    )
    return {
        "name": made.artifact,
        "description": inspect.getdoc(made) or "",
        "facts": (("Grain", made.grain.replace("_", " ")), ("Key", ", ".join(made.key)), ("Owner", made.owner.replace("_", " "))),
        "table": Table(_headings("Column", "Type", "Unit", "Accepted", "Meaning", "Null means"), rows),
    }


def _type(declared: pa.DataType) -> str:
    return _TYPES.get(str(declared), "instant, UTC" if pa.types.is_timestamp(declared) else str(declared))


def _accepted(column: contracts.Column) -> str:
    if column.choices:
        return ", ".join(column.choices)
    return ", ".join(f"{_SIGNS[kind]} {limit}" for kind, limit in column.bounds)


def _rules(rules: Sequence[Rule]) -> Table | None:
    if not rules:
        return None
    rows = tuple((rule.name, rule.requirement, _severity(rule), rule.remedy, rule.sources) for rule in sorted(rules, key=lambda r: r.name))
    headings = (*_headings("Rule", "Requirement"), Column("On failure", kind="verdict"), *_headings("Remedy", "Source"))
    return Table(headings, rows)


def _severity(rule: Rule) -> str:
    return "fail" if rule.severity == "error" else "warn"


def _headings(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)
