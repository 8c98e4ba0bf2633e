"""Rows of the issue trackers and logs: one event of one issue.

Belongs here: columns, units and what null means. Does not belong here: categories and priorities (policy and rules of ``issues``).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.feeds.base import Row, cell


class IssueEvents(
    Row, feed="issue_events", folder="issues", key=("source", "source_id", "event", "instant"), dated=("instant",), place="source"
):
    """One event of one issue: it was opened, closed, reopened, labelled, commented on, waits or goes on."""

    instant: dt.datetime = cell("Instant of the event, UTC", also=("at", "discovered", "listed_at", "created_at", "timestamp", "opened_at"))
    source: str = cell("System it comes from, such as github, cloudwatch, sagemaker or csv; the folder below issues/ else", default="csv")
    source_id: str = cell(
        "Identifier in that system; a log line's is its group of alike messages", also=("issue_id", "id", "number", "key")
    )
    event: Literal["opened", "closed", "reopened", "labelled", "commented", "waiting", "resumed", "listed"] = cell(
        "What happened: listed is an issue list's word on it, without the instant at which that became so",
        also=("event_type", "action"),
        words={"created": "opened", "resolved": "closed", "labeled": "labelled", "unlabeled": "labelled", "comment": "commented"},
        default="listed",
    )
    kind: Literal["issue", "pull_request", "log_event", "training_job"] = cell("What the source holds", default="issue")
    title: str = cell("Title, or the message of a log event", also=("summary", "message", "name"), is_free=True)
    severity: str | None = cell(
        "Severity in the source's own words, remarks included", also=("severity_or_section", "priority", "level"), null="not stated"
    )
    status: str | None = cell("Status in the source's own words", also=("status_or_decision", "state"), null="not stated", is_free=True)
    labels: str | None = cell("Labels, separated by commas", also=("label", "tags"), null="none")
    section: str | None = cell("Section of the list, or stream of the log, that it stands in", also=("log_stream",), null="none")
    owner: str | None = cell("Role it is assigned to", also=("assignee", "assigned_to"), null="nobody is named")
    actor: str | None = cell("Role behind the event", also=("user",), null="not recorded")
    due_by: dt.date | None = cell("Day by which it is due", also=("due_date", "due"), null="not stated")
    fix_hours: float | None = cell(
        "Estimated effort of the fix", unit="hours", also=("estimated_fix_hours",), null="not stated, or not stated in hours", ge=0
    )
    text: str | None = cell("Text of the issue, comment or log line", also=("body", "description"), null="none", is_free=True)
    url: str | None = cell("Address of the issue in its system", also=("html_url", "link"), null="it has none")
