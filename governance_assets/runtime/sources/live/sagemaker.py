"""Training jobs of SageMaker: those that changed since the last fetch, each described in a file of its own.

Belongs here: listing and describing. Does not belong here: what a failed job means.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator

from governance_assets.policy.sources import SagemakerSource
from governance_assets.runtime.sources.live import COVERED, Ask, Cursor, Page, SourceError, instant, slug, stamp
from governance_assets.runtime.sources.live.amazon import Service, date_of, plain, written

PER_PAGE = 100  # the most that ListTrainingJobs gives


def pages(source: SagemakerSource, cursor: Cursor, ask: Ask) -> Iterator[Page]:
    """One page a job that changed since the last fetch; a fetch that broke off goes on behind the last job that landed."""
    service = Service("sagemaker", source, ask)
    between = {COVERED: cursor[COVERED]} if COVERED in cursor else {}
    state = dict(cursor) if "since" in cursor else {**between, "since": _since(cursor, ask), "token": None, "done": 0}
    while True:
        given = {"MaxResults": PER_PAGE, "SortBy": "CreationTime", "SortOrder": "Ascending"}
        given |= {"LastModifiedTimeAfter": instant(state["since"])}
        given |= {"NameContains": source.name_contains} if source.name_contains else {}
        given |= {"NextToken": state["token"]} if state["token"] else {}
        listed = service.ask("list_training_jobs", between if state["token"] else None, **given)
        jobs = listed.get("TrainingJobSummaries")
        if not isinstance(jobs, list):
            raise SourceError(f"SageMaker {source.stream} answered no list of jobs")
        state.setdefault("end", min(filter(None, (date_of(listed), ask.now()))).isoformat())
        for number, job in enumerate(jobs[state["done"] :], start=state["done"] + 1):
            described = service.ask("describe_training_job", TrainingJobName=job["TrainingJobName"])
            changed = described.get("LastModifiedTime") or described.get("CreationTime") or ask.now()
            name = f"{slug(source.region)}/{slug(str(job['TrainingJobName']))}__{stamp(changed)}.json"
            body = json.dumps(plain(described), ensure_ascii=False, default=written).encode()
            yield Page({**state, "done": number}, name, body, 1)
        if not listed.get("NextToken"):
            yield Page({COVERED: state["end"]})
            return
        state |= {"token": listed["NextToken"], "done": 0}
        yield Page(dict(state))


def _since(cursor: Cursor, ask: Ask) -> str:
    covered = instant(cursor.get(COVERED))
    return (covered - ask.overlap if covered else ask.now() - dt.timedelta(days=ask.policy.lookback_days)).isoformat()
