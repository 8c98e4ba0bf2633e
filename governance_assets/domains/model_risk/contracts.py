"""Columns of approvals, overrides, challenges and attestations as they stood at the end of a quarter, and of policies that judged."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

_QUARTER = "Quarter, as 2025-Q4"
_JUDGED = "Day judged: the quarter's last, or the day the run looks from while the quarter goes on"
_NOT_GIVEN = "not given"


class DecisionApprovals(Contract, artifact="decision_approvals", grain="quarter", key=("quarter", "subject"), owner="programme_owner"):
    """One decision or finished item that needs the deciding role's approval: of the quarter, or still open as it began."""

    quarter: str = field(_QUARTER)
    subject: str = field("What is to be approved, as an approval names it: scorecard_360 2025-Q4, or the plan and its item")
    kind: Literal["decision", "item"] = field(
        "Decision of the assessment, or finished item of the plan whose autonomy level asks for approval"
    )
    what: str = field("What was decided, with the adjustment proposed beside it; or what was finished")
    decided_on: dt.date = field("Day of the assessment, or day the item was done or first seen done")
    due_on: dt.date = field("Last day for the approval")
    content_sha256: str | None = field("Digest of what is to be approved, as the ledger has it", null="an item of the plan has none")
    state: Literal["pending", "approved", "asserted", "rejected", "outdated"] = field(
        "approved says how the signer was authenticated, asserted does not; outdated approves another content than there is"
    )
    role: str = field("Role whose approval counts")
    given_on: dt.date | None = field("Day it was given, or refused", null=_NOT_GIVEN)
    authenticated_by: str | None = field("How the signer was authenticated", null="not given, or asserted only")
    stated_sha256: str | None = field("Digest that the approval names", null="not given, or it names none")
    reason: str | None = field("Reason or condition stated with it", null="none")
    given_by_others: str = field("Other roles that approved the same, separated by commas: they do not count")
    judged_on: dt.date = field(_JUDGED)
    days_taken: int = field("Days from the decision to the approval, or to the day judged", unit="days", ge=0)
    adjust_by: dt.date | None = field(
        "Last day for the adjustments to appear in the plan", null="nothing is to be adjusted, or not approved"
    )
    adjusted_items: int | None = field(
        "Items that were added or removed, or whose estimate, dates, phase or priority changed, from the approval to that day",
        unit="items",
        ge=0,
        null="nothing is to be adjusted, not approved, or no version of the plan landed since",
    )


class OverrideRegister(Contract, artifact="override_register", grain="quarter", key=("quarter", "override"), owner="programme_owner"):
    """One override or waiver that was in force in the quarter, or whose outcome was not known when it began."""

    quarter: str = field(_QUARTER)
    override: str = field("Identifier of the decision that overrides")
    kind: Literal["override", "waiver"] = field("What it is")
    sets_aside: str | None = field("Verdict it sets aside", null="nothing is named")
    summary: str = field("What was decided instead")
    overrider: str | None = field("Role that decided", null="nobody is named")
    reason: str | None = field("Why", null="not stated")
    decided_on: dt.date = field("Day it was decided")
    expires_on: dt.date | None = field("Day it ceases to hold", null="not stated")
    outcome: str | None = field("What came of it", null="not known yet")
    state: Literal["in_force", "expired", "closed"] = field("closed when its outcome is known")
    judged_on: dt.date = field(_JUDGED)
    days_expired: int | None = field("Days since it ceased to hold", unit="days", ge=1, null="in force, or no day is stated")


class ChallengeLog(
    Contract,
    artifact="challenge_log",
    grain="quarter",
    key=("quarter", "artifact_name", "rule", "subject", "challenge_id"),
    owner="director",
):
    """One challenge with its response; or one critical check that failed in the quarter's last judged week and that nobody challenged."""

    quarter: str = field(_QUARTER)
    artifact_name: str = field("Artifact whose finding it is")
    rule: str = field("Rule or check; empty for the artifact as a whole")
    subject: str = field("Subject of the finding; empty for every subject")
    challenge_id: str = field("Challenge; empty for a failed check without one")
    is_critical: bool = field("Whether a critical check of a critic failed on this subject in the last week judged of the quarter")
    evidence: str = field("The check's verdict in words; empty for a challenge to anything else")
    challenged_by: str | None = field("Role that raised it", null="nobody did")
    challenged_on: dt.date | None = field("Day it was raised", null="nobody did")
    challenge: str | None = field("What is doubted, and why", null="nobody did")
    response: str | None = field("Answer to it", null="not answered")
    responded_by: str | None = field("Role that answered", null="not answered, or nobody is named")
    responded_on: dt.date | None = field("Day of the answer", null="not answered, or not recorded")
    verdict: Literal["upheld", "revised", "withdrawn"] | None = field("What became of the finding or model", null="not settled")
    judged_on: dt.date = field(_JUDGED)
    days_taken: int | None = field("Days from the challenge to the answer, or to the day judged", unit="days", ge=0, null="no challenge")


class OwnerAttestations(
    Contract, artifact="owner_attestations", grain="quarter", key=("quarter", "cycle", "role"), owner="programme_owner"
):
    """One role that attests to a quarter's figures: those of the quarter before, which are due now, and those of the quarter itself."""

    quarter: str = field(_QUARTER)
    cycle: str = field("Quarter that is attested to")
    role: str = field("Role that attests")
    models: str = field("Models that it owns, separated by commas; empty for a role that policy names")
    n_models: int = field("How many", unit="models", ge=0)
    due_on: dt.date = field("Last day for it")
    state: Literal["attested", "asserted", "refused", "pending", "missing"] = field(
        "attested says how the signer was authenticated, asserted does not; missing when the last day is over"
    )
    given_on: dt.date | None = field("Day it was given, or refused", null=_NOT_GIVEN)
    authenticated_by: str | None = field("How the signer was authenticated", null="not given, or asserted only")
    reason: str | None = field("Condition or reason stated with it", null="none")
    judged_on: dt.date = field(_JUDGED)


class PolicyChanges(Contract, artifact="policy_changes", key=("policy_sha256",), owner="programme_owner"):
    """One policy that has judged what is recorded, with what it changed and who approved the change."""

    policy_sha256: str = field("Digest of the policy, as it stands beside every verdict in the ledger")
    first_judged_at: dt.datetime = field("When it first judged an entry")
    previous_sha256: str | None = field("Policy that first judged just before it", null="it is the first")
    changes: str = field("Values that differ from that one, one a line: path, value before, value after; empty for the first")
    state: Literal["first", "pending", "approved", "asserted", "rejected"] = field(
        "first needs no approval; approved says how the signer was authenticated, asserted does not"
    )
    role: str = field("Role whose approval counts")
    given_on: dt.date | None = field("Day of the approval, or of the refusal", null="neither came")
    authenticated_by: str | None = field("How the signer was authenticated", null="not approved, or asserted only")
    reason: str | None = field("Reason or condition stated with it", null="none")
