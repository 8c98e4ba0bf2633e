"""The state of every artifact, read from the history: for the summary of a run and the front page of the site.

Belongs here: picking the partition that is shown and gathering what is recorded for it. Does not belong here: how it looks
(``pages/``).
"""

import importlib
import importlib.util
import inspect
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pyarrow as pa

from governance_assets.contract import WHOLE
from governance_assets.domains import FLOW
from governance_assets.finding import Finding
from governance_assets.pages.catalogue import Catalogue, rules_of
from governance_assets.pages.model import ArtifactState, Front, Rejected, Told
from governance_assets.pages.site import build
from governance_assets.pages.wording import figure, verdict_of
from governance_assets.runtime.artifact import DECLARATIONS, Declaration
from governance_assets.runtime.history import Head, History
from governance_assets.runtime.ledger import findings_of
from governance_assets.runtime.proof.seals import newest
from governance_assets.runtime.workspace import Workspace

RECENT = 26
"""How many partitions the front page shows as a strip: half a year of weeks."""


def states(workspace: Workspace) -> tuple[ArtifactState, ...]:
    """One state an artifact, in the order of the domains."""
    history = workspace.history
    heads, findings, restated = history.heads_by_artifact(), _findings(history.findings()), history.restatements()
    return tuple(
        _state(workspace, one, heads.get(one.name, {}), findings.get(one.name, {}), restated.get(one.name, 0))
        for one in DECLARATIONS.values()
    )


def _findings(rows: pa.Table) -> dict[str, dict[str, list[Finding]]]:
    """The findings that hold now, by artifact and partition."""
    found: dict[str, dict[str, list[Finding]]] = {}
    addresses = zip(rows["artifact"].to_pylist(), rows["partition_key"].to_pylist(), strict=True)
    for (artifact, key), finding in zip(addresses, findings_of(rows), strict=True):
        found.setdefault(artifact, {}).setdefault(key, []).append(finding)
    return found


def _state(
    workspace: Workspace, declaration: Declaration, heads: Mapping[str, Head], findings: Mapping[str, list[Finding]], restatements: int
) -> ArtifactState:
    history, contract = workspace.history, declaration.contract
    base: dict[str, Any] = {
        "artifact": declaration.name,
        "domain": contract.domain(),
        "description": (contract.__doc__ or "").strip(),
        "owner": contract.owner,
        "grain": contract.grain,
    }
    keys = sorted({*heads, *findings})
    if not keys:
        return ArtifactState(**base)
    shown = _shown(workspace, contract.grain, keys, heads)
    head = heads.get(shown)
    rows = history.rows(contract, [shown]) if head else None
    return ArtifactState(
        **base,
        partition_key=shown,
        is_open=workspace.is_open(contract.grain, shown) if shown != WHOLE else False,
        rows=head.row_count if head else None,
        headline=_headline(declaration, rows),
        findings=tuple(findings.get(shown, ())),
        recorded_at=head.recorded_at if head else None,
        revision=head.revision if head else None,
        restatements=restatements,
        partitions=len(heads),
        recent=tuple((key, verdict_of(findings.get(key, ()))) for key in keys[-RECENT:]) if shown != WHOLE else (),
    )


def _shown(workspace: Workspace, grain: str, keys: Sequence[str], heads: Mapping[str, Head]) -> str:
    """The newest closed partition that has rows; else the newest with rows; else the newest."""
    filled = [key for key in keys if key in heads and heads[key].row_count]
    closed = [key for key in filled if key == WHOLE or not workspace.is_open(grain, key)]
    return (closed or filled or list(keys))[-1]


def _headline(declaration: Declaration, rows: pa.Table | None) -> str:
    if declaration.headline is None or rows is None or not rows.num_rows:
        return ""
    name, value, unit = declaration.headline(rows)
    return f"{name.replace('_', ' ')} {figure(value, unit)}"


def site(workspace: Workspace, shown: tuple[ArtifactState, ...]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Every page of the static site by its file name, the states ``shown`` on its front, and every document by its path beside them."""
    findings = workspace.history.findings()
    pages: dict[str, Any] = {}
    documents: dict[str, bytes] = {}
    glance: dict[str, list[Told]] = {"changed": [], "to_decide": []}
    for name in FLOW:
        module = _part(name, "report")
        if module is None:
            continue
        told = _tables(workspace.history, name), findings, workspace.as_of
        if hasattr(module, "page"):
            pages[name] = module.page(*told)
        if hasattr(module, "documents"):
            made = module.documents(*told)
            documents |= {path: text.encode() if isinstance(text, str) else text for path, text in made.items()}
        for part in glance.keys() & vars(module).keys():
            glance[part] += (Told(text, name) for text in getattr(module, part)(*told))
    front = Front(
        as_of=workspace.as_of,
        states=shown,
        is_synthetic=workspace.policy.intake.is_synthetic,
        questions={domain: _question(domain) for domain in {state.domain for state in shown}},
        changed=tuple(glance["changed"]),
        to_decide=tuple(glance["to_decide"]),
        provenance=(("policy", workspace.policy_sha256[:12]), *_ledger_head(workspace.history)),
    )
    rules = {name: rules_of(module) for name in FLOW if (module := _part(name, "rules")) is not None}
    catalogue = Catalogue([declaration.contract for declaration in DECLARATIONS.values()], workspace.policy, rules)
    return build(front, pages, catalogue, _rejected(workspace.history)), documents


def _part(domain: str, part: str) -> ModuleType | None:
    """A domain's module, found through FLOW so that nothing here names a domain."""
    package = f"governance_assets.domains.{domain}"
    if importlib.util.find_spec(package) is None or importlib.util.find_spec(f"{package}.{part}") is None:
        return None
    return importlib.import_module(f"{package}.{part}")


def _question(domain: str) -> str:
    text = inspect.getdoc(importlib.import_module(f"governance_assets.domains.{domain}")) or ""
    return text.partition(": ")[2].strip() or text


def _tables(history: History, domain: str) -> dict[str, pa.Table]:
    """The current rows of every artifact of a domain."""
    return {name: history.rows(one.contract) for name, one in DECLARATIONS.items() if one.contract.domain() == domain}


def _ledger_head(history: History) -> tuple[tuple[str, str], ...]:
    count, sealed = history.entry_count(), newest(history)
    entries = (("ledger entries", f"{count:,}"),) if count else ()
    return (*entries, *((("seal", sealed.name),) if sealed else ()))


def _rejected(history: History) -> Rejected:
    rows = history.rows("rejected_records").to_pylist() if "rejected_records" in DECLARATIONS else []
    refused = [row for row in rows if row["scope"] != "ignored"]
    ignored = tuple((row["file"], row["found"]) for row in rows if row["scope"] == "ignored")
    return Rejected(tuple(refused[:_REJECTED_SHOWN]), sum(row["rows"] for row in refused), ignored)


_REJECTED_SHOWN = 500
