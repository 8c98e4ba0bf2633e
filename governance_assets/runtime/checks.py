"""From findings to Dagster check evaluations: at most three checks an artifact.

Belongs here: which finding counts for which check, and how it reads in the UI. Does not belong here: any rule.
"""

import warnings
from collections.abc import Iterator, Sequence

import dagster as dg

from governance_assets.finding import MATCHES_CONTRACT, Finding
from governance_assets.pages.wording import count

WITHIN_LIMITS = "within_limits"
WITHIN_WARNINGS = "within_warnings"
CHECKS = {
    MATCHES_CONTRACT: "The rows have the columns, types, units and keys of their contract; rows that do not are never committed.",
    WITHIN_LIMITS: "Every rule of severity error holds. Unknown facts do not pass: they show as a warning.",
    WITHIN_WARNINGS: "Every rule of severity warn holds.",
}
_SHOWN = 20


def specs(artifact: str, partitions: dg.PartitionsDefinition | None) -> list[dg.AssetCheckSpec]:
    """The three checks of an artifact."""
    with warnings.catch_warnings():  # partitions of checks are a preview; a test holds what we need of them
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [dg.AssetCheckSpec(name, asset=artifact, description=text, partitions_def=partitions) for name, text in CHECKS.items()]


def counted(check: str, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that ``check`` stands for."""
    if check == MATCHES_CONTRACT:
        return [f for f in findings if f.rule == MATCHES_CONTRACT]
    severity = "error" if check == WITHIN_LIMITS else "warn"
    return [f for f in findings if f.rule != MATCHES_CONTRACT and f.severity == severity]


def evaluation(artifact: str, check: str, findings: Sequence[Finding], partition: str | None) -> dg.AssetCheckEvaluation:
    """One evaluation of ``check`` over the findings of one partition."""
    judged = counted(check, findings)
    failed = [f for f in judged if f.is_failure]
    unknown = [f for f in judged if f.outcome == "unknown"]
    is_error = check != WITHIN_WARNINGS and bool(failed)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(artifact),
        check_name=check,
        passed=not failed and not unknown,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        partition=partition,
        description=_headline(judged, failed, unknown),
        metadata=dict(_metadata(judged, failed, unknown)),
    )


def _headline(judged: Sequence[Finding], failed: Sequence[Finding], unknown: Sequence[Finding]) -> str:
    if failed:
        return f"{len(failed)} of {count(len(judged), 'finding')} failed. {failed[0].message}. {failed[0].remedy}"
    if unknown:
        return f"{len(unknown)} of {count(len(judged), 'finding')} unknown. {unknown[0].message}"
    if any(f.outcome == "pass" for f in judged):
        return f"{count(sum(f.outcome == 'pass' for f in judged), 'finding')} passed"
    return "Nothing to judge"


def _metadata(judged: Sequence[Finding], failed: Sequence[Finding], unknown: Sequence[Finding]) -> Iterator[tuple[str, dg.MetadataValue]]:
    yield "judged", dg.MetadataValue.int(len(judged))
    yield "failed", dg.MetadataValue.int(len(failed))
    yield "unknown", dg.MetadataValue.int(len(unknown))
    shown = [*failed, *unknown][:_SHOWN]
    if shown:
        records = [
            dg.TableRecord(
                {"outcome": f.outcome, "rule": f.rule, "subject": f.subject, "message": f.message, "remedy": f.remedy, "sources": f.sources}
            )
            for f in shown
        ]
        yield "findings", dg.MetadataValue.table(records)
