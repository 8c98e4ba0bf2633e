"""Live sources: what they hand over page by page, and how they fail.

Belongs here: what all of them share. Does not belong here: asking one of them (a module a source), writing pages
(``landing.py``), or going on after a failure (``engine.py``).

A source is one function, ``pages(source, cursor, ask)``: it yields the pages that follow ``cursor``, each with the cursor that goes
on behind it, and ends when there are no more. What it knows of the past stands in the cursor alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from governance_assets.policy.sources import SourcesPolicy
from governance_assets.runtime import clock
from governance_assets.runtime.alerts.channels import foreign

Cursor = Mapping[str, Any]
"""Plain values. ``covered_until``, an ISO instant, says up to when everything has landed."""
COVERED = "covered_until"


class SourceError(RuntimeError):
    """A source failed; asking again is in vain when ``is_permanent``, and too early before ``retry_after_s``.

    ``forgets`` is the cursor to go on from when the one that was handed in has become useless. No text holds a secret.
    """

    def __init__(self, text: str, *, is_permanent: bool = False, retry_after_s: float | None = None, forgets: Cursor | None = None) -> None:
        super().__init__(text)
        self.is_permanent = is_permanent
        self.retry_after_s = retry_after_s
        self.forgets = forgets


class NotConfigured(ValueError):
    """A source lacks an environment variable, a credential or a package; the message names it and what to do."""


@dataclass(frozen=True)
class Page:
    """What one answer adds: bytes for a file of the telemetry folder, or nothing; and the cursor behind it.

    A page with ``part_of`` waits aside until a page that ``publishes`` its folder comes: then the folder appears whole.
    """

    cursor: Cursor
    name: str = ""
    body: bytes | None = None
    records: int = 0
    part_of: str = ""
    publishes: str = ""
    is_replacing: bool = False


@dataclass(frozen=True)
class Ask:
    """What a source may know besides its entry in the policy and the cursor."""

    policy: SourcesPolicy
    environment: Mapping[str, str] = field(repr=False)
    work: Path
    """A folder of its own outside the telemetry, which it may keep."""
    now: Callable[[], dt.datetime] = clock.now

    def secret(self, variable: str) -> str:
        """The secret that ``variable`` names; empty when no variable is named. Raises NotConfigured when it is not set."""
        value = self.environment.get(variable, "").strip() if variable else ""
        if variable and not value:
            raise NotConfigured(f"the environment variable {variable} is not set or empty; export it where sources are fetched")
        if not (value.isascii() and value.isprintable()):
            raise NotConfigured(f"the environment variable {variable} holds line breaks or letters outside ASCII; set it anew")
        return value

    @property
    def overlap(self) -> dt.timedelta:
        """How far before the last answer the next fetch begins."""
        return dt.timedelta(minutes=self.policy.overlap_minutes)


class Pages(Protocol):
    """The function of a source."""

    def __call__(self, source: Any, cursor: Cursor, ask: Ask) -> Iterator[Page]:
        """The pages behind ``cursor``. Raises SourceError and NotConfigured."""


@dataclass(frozen=True)
class Kind:
    """One kind of source: its function, and the folder of the telemetry that it lands in."""

    pages: Pages
    folder: str
    telling: str


def kind(name: str) -> Kind:
    """The kind of source called ``name``, one of ``SourcesPolicy.KINDS``."""
    # Imported here so that one kind never loads the packages of another.
    from governance_assets.runtime.sources.live import airtable, aws_logs, git, github, s3, sagemaker

    kinds = {
        "github": Kind(github.pages, "issues/github", "Issues and pull requests of GitHub repositories, as their REST interface answers."),
        "airtable": Kind(airtable.pages, "plan", "Tables of Airtable bases, a folder a state of a table."),
        "cloudwatch": Kind(aws_logs.pages, "issues/cloudwatch", "Events of CloudWatch log groups."),
        "sagemaker": Kind(sagemaker.pages, "issues/sagemaker", "Descriptions of SageMaker training jobs."),
        "git_plan": Kind(git.plan_pages, "plan", "A plan file at the end of every ISO week of its repository's history."),
        "git_log": Kind(git.log_pages, "commits", "Commits of a branch, one a line."),
        "s3": Kind(s3.pages, "", "Objects of an S3 folder, at the same places of the telemetry folder."),
    }
    return kinds[name]


def records_of(body: bytes, what: str) -> Any:
    """The JSON of an answer. Raises SourceError when it is none: a page that was cut off, or of some proxy."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        shown = foreign(body[:60].decode("utf-8", "replace"))
        raise SourceError(f"{what} answered no whole JSON ({error}; it begins {shown!r})") from None


def instant(text: object) -> dt.datetime | None:
    """An ISO instant of a cursor or an answer; None when there is none."""
    if not isinstance(text, str):
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def stamp(when: dt.datetime) -> str:
    """An instant as files are named by it, such as 2025-11-28T014501Z."""
    return when.astimezone(dt.UTC).strftime("%Y-%m-%dT%H%M%SZ")


def slug(text: str) -> str:
    """``text`` as one name of a file or folder, another one for every other text: ``octo/data`` is ``octo+data``."""
    plain = quote(text.strip("/"), safe="").replace("%2F", "+")
    plain = f"%2E{plain[1:]}" if plain.startswith(".") else plain
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


_LONGEST = 150
