"""Shapes of issues: GitHub's REST answers, CloudWatch log events, SageMaker training jobs, exported lists.

Belongs here: turning them into events. Does not belong here: categories, priorities, ages. People's names are left where they are.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.runtime.sources.columns import plain
from governance_assets.runtime.sources.documents import Item
from governance_assets.runtime.sources.outcome import Context, Table

_OPENED = ("discovered", "opened_at", "created_at", "created")
_CLOSED = ("closed_at", "resolved_at", "resolution_date")
_LISTED = ("listed_at",)
_SEVERITY = re.compile(r"\b(FATAL|CRITICAL|ERROR|WARNING|WARN|INFO|DEBUG)\b")
_VARYING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+", re.IGNORECASE)
_FAILED = ("Failed", "Stopped")
_TITLE = 200
"""Characters of a log message that are its title."""
_JOBS = ("TrainingJobSummaries", "TrainingJobs")


# ---------------------------------------------------------------- GitHub


def is_github(whole: Any) -> bool:
    """Whether these are issues, pull requests, events or comments of issues, as one page or a list of pages."""
    found = _pages(whole)
    return bool(found) and all(isinstance(each, dict) and _is_github(each) for each in found[:3])


def _is_github(each: dict[str, Any]) -> bool:
    is_issue = {"number", "state", "created_at", "title"} <= each.keys()
    is_event = {"event", "created_at"} <= each.keys() and isinstance(each.get("issue"), dict)
    return is_issue or is_event or {"issue_url", "body", "created_at"} <= each.keys()


def _pages(whole: Any) -> list[Any]:
    if isinstance(whole, dict) and isinstance(whole.get("items"), list):
        return list(whole["items"])
    if isinstance(whole, list) and whole and all(isinstance(page, list) for page in whole):
        return [each for page in whole for each in page]
    return whole if isinstance(whole, list) else [whole]


def github(whole: Any, context: Context) -> dict[str, list[Item]]:
    """Each issue as it was opened and, where it is, closed; its events and comments as they are."""
    items: list[Item] = []
    for number, each in enumerate(_pages(whole), 1):
        if not isinstance(each, dict) or not _is_github(each):
            items.append((number, each if not isinstance(each, dict) else "an object that is no issue, event or comment"))
        elif "issue_url" in each and "number" not in each:
            issue = str(each["issue_url"]).rsplit("/", 1)[-1]
            items.append((number, _event(each, issue, "commented", each["created_at"], f"comment on {issue}") | {"text": each.get("body")}))
        elif "event" in each:
            items += [(number, found) for found in _github_event(each)]
        else:
            items += [(number, found) for found in _github_issue(each)]
    return {"issue_events": items}


def _github_event(each: dict[str, Any]) -> list[dict[str, Any]]:
    known = {"closed": "closed", "reopened": "reopened", "labeled": "labelled", "unlabeled": "labelled", "commented": "commented"}
    if each["event"] not in known:
        return []
    issue = each["issue"]
    label = each.get("label", {}).get("name") if isinstance(each.get("label"), dict) else None
    found = _event(issue, issue.get("number"), known[each["event"]], each["created_at"], issue.get("title"))
    return [found | ({"labels": label} if label else {})]


def _github_issue(each: dict[str, Any]) -> list[dict[str, Any]]:
    opened = _event(each, each["number"], "opened", each["created_at"], each["title"]) | {"text": each.get("body")}
    if not each.get("closed_at"):
        return [opened]
    return [opened, _event(each, each["number"], "closed", each["closed_at"], each["title"])]


def _event(each: dict[str, Any], number: Any, event: str, instant: Any, title: Any) -> dict[str, Any]:
    labels = each.get("labels") if isinstance(each.get("labels"), list) else []
    names = [label.get("name") if isinstance(label, dict) else label for label in labels or []]
    repository = re.search(r"repos/([^/]+/[^/]+)", str(each.get("url") or each.get("repository_url") or each.get("issue_url") or ""))
    return {
        "instant": instant,
        "source": "github",
        "source_id": f"{repository[1]}#{number}" if repository else str(number),
        "event": event,
        "kind": "pull_request" if each.get("pull_request") is not None or "merged_at" in each else "issue",
        "title": title,
        "status": each.get("state"),
        "labels": [str(name) for name in names if name] or None,
        "url": each.get("html_url"),
    }


# ---------------------------------------------------------------- logs and training jobs


def is_cloudwatch(whole: Any) -> bool:
    """Whether these are filtered log events."""
    found = whole.get("events") if isinstance(whole, dict) else None
    return isinstance(found, list) and all(isinstance(each, dict) and {"timestamp", "message"} <= each.keys() for each in found[:3])


def cloudwatch(whole: Any, context: Context) -> dict[str, list[Item]]:
    """Each log event; alike messages, numbers apart, are one issue."""
    return {"issue_events": [(number, _log_event(each)) for number, each in enumerate(whole["events"], 1)]}


def _log_event(each: Any) -> Any:
    if not isinstance(each, dict) or not isinstance(each.get("message"), str):
        return "an object that is no log event"
    message = each["message"].strip()
    first = message.split("\n", 1)[0]
    severity = _SEVERITY.search(message)
    return {
        "instant": each.get("timestamp"),
        "source": "cloudwatch",
        "source_id": hashlib.sha256(_VARYING.sub("#", first).encode("utf-8", "backslashreplace")).hexdigest()[:16],
        "event": "listed",
        "kind": "log_event",
        "title": first[:_TITLE],
        "severity": severity[1] if severity else None,
        "section": each.get("logStreamName"),
        "text": message if message != first else None,
        "event_id": each.get("eventId"),
    }


def is_sagemaker(whole: Any) -> bool:
    """Whether these are descriptions of training jobs."""
    found = _jobs(whole)
    return bool(found) and all(isinstance(each, dict) and "TrainingJobName" in each for each in found[:3])


def _jobs(whole: Any) -> list[Any]:
    if isinstance(whole, dict):
        return next((list(whole[name]) for name in _JOBS if isinstance(whole.get(name), list)), [whole])
    return whole if isinstance(whole, list) else []


def sagemaker(whole: Any, context: Context) -> dict[str, list[Item]]:
    """Each training job: one that failed opens an issue, another is listed."""
    return {"issue_events": [(number, _job(each)) for number, each in enumerate(_jobs(whole), 1)]}


def _job(each: Any) -> Any:
    if not isinstance(each, dict) or "TrainingJobName" not in each:
        return "an object that is no training job"
    status = each.get("TrainingJobStatus")
    return {
        "instant": each.get("TrainingEndTime") or each.get("LastModifiedTime") or each.get("CreationTime"),
        "source": "sagemaker",
        "source_id": each["TrainingJobName"],
        "event": "opened" if status in _FAILED else "listed",
        "kind": "training_job",
        "title": f"training job {each['TrainingJobName']}: {status}",
        "status": status,
        "text": each.get("FailureReason"),
        "url": each.get("TrainingJobArn"),
    }


# ---------------------------------------------------------------- lists


def arranged(table: Table, context: Context) -> Table:
    """An issue list with its events: opened where it says when, closed where it says so too, else listed on the day of the list."""
    spelled = [plain(name) for name in table.names]
    if any(name in spelled for name in ("event", "event_type", "action")) or "title" not in spelled:
        return table
    opened = next((spelled.index(name) for name in (*_OPENED, *_LISTED) if name in spelled), None)
    day = context.as_of or context.modified
    size = len(table.rows)
    if opened is None:
        instants = pa.array([day] * size, pa.string())
        events = pa.array(["listed"] * size)
    else:
        given = table.columns[opened].combine_chunks()
        is_blank = pc.or_kleene(pc.is_null(given), pc.equal(pc.utf8_trim_whitespace(pc.fill_null(given, "")), ""))
        instants = pc.if_else(is_blank, pa.scalar(day, pa.string()), given)
        word = "listed" if spelled[opened] in _LISTED else "opened"
        events = pc.if_else(is_blank, "listed", word)
        table.names = [name for at, name in enumerate(table.names) if at != opened]
        table.columns = [column for at, column in enumerate(table.columns) if at != opened]
    table.names = [*table.names, "instant", "event"]
    table.columns = [*table.columns, pa.chunked_array([instants]), pa.chunked_array([events.cast(pa.string())])]
    return _with_closed(table)


def _with_closed(table: Table) -> Table:
    spelled = [plain(name) for name in table.names]
    closed = next((spelled.index(name) for name in _CLOSED if name in spelled), None)
    if closed is None:
        return table
    whole = pa.table(table.columns, names=[f"{at}" for at in range(len(table.names))])
    given = pc.fill_null(whole.column(closed), "")
    done = pc.not_equal(pc.utf8_trim_whitespace(given), "")
    ended = whole.filter(done)
    instant, event = len(table.names) - 2, len(table.names) - 1
    ended = ended.set_column(instant, f"{instant}", ended.column(closed)).set_column(
        event, f"{event}", pa.array(["closed"] * ended.num_rows, pa.string())
    )
    both = pa.concat_tables([whole, ended])
    rows = pa.concat_arrays([table.rows, table.rows.filter(done.combine_chunks())])
    return Table(table.names, list(both.columns), rows, table.file_rows + ended.num_rows, table.refusals)
