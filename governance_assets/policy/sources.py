"""Which live sources are fetched, when, and how patiently. Secrets are named by environment variables and never written here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting

_VARIABLE = r"^([A-Za-z_][A-Za-z0-9_]*)?$"
_STEM = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


def _five_fields(cron: str) -> str:
    if not re.fullmatch(r"\S+( \S+){4}", cron):
        raise ValueError('expected five fields such as "10 * * * *"')
    return cron


def _no_secret(address: str) -> str:
    if re.search(r"://[^/@]*:[^/@]*@", address):
        raise ValueError("an address with a password; name the environment variable of a token instead")
    if address.startswith("-") or "::" in address:
        raise ValueError("no address of a repository; expected a path or an https, ssh or file address")
    return address


Cron = Annotated[str, AfterValidator(_five_fields)]
Endpoint = Annotated[str, Field(pattern=r"^(https?://\S+)?$", description="Address of the API; empty for the public one")]
Variable = Annotated[str, Field(pattern=_VARIABLE)]


class GithubSource(Section):
    """Issues and pull requests of one repository."""

    repository: str = Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$", description="owner/name")
    token_env: Variable = Field(default="GITHUB_TOKEN", description="Environment variable with the token; empty to ask without one")
    endpoint: Endpoint = Field(
        default="https://api.github.com", description="Address of the API; that of an enterprise host ends in /api/v3"
    )

    @property
    def stream(self) -> str:
        """Name of what is fetched."""
        return self.repository


class AirtableSource(Section):
    """One table of a base."""

    base: str = Field(pattern=r"^app[A-Za-z0-9]+$", description="Id of the base")
    table: str = Field(min_length=1, description="Name or id of the table")
    holds: Literal["phases", "stages", "tasks", "notes", "costs"] = Field(description="What its records are; names their files")
    token_env: Variable = Field(default="AIRTABLE_TOKEN", min_length=1, description="Environment variable with the personal access token")
    endpoint: Endpoint = Field(default="https://api.airtable.com", description="Address of the API")

    @property
    def stream(self) -> str:
        """Name of what is fetched."""
        return f"{self.base}/{self.holds}"


class AwsSource(Section):
    """Where an AWS service is asked; credentials are found as everywhere on AWS."""

    region: str = Field(pattern=r"^[a-z0-9-]+$", description="Region of the service")
    endpoint: Endpoint = Field(default="", description="Address of the service; empty for AWS's own")


class CloudwatchSource(AwsSource):
    """Events of one log group."""

    log_group: str = Field(min_length=1, description="Name of the log group")
    filter_pattern: str = Field(default="", description="CloudWatch's filter; empty for every event")

    @property
    def stream(self) -> str:
        """Name of what is fetched."""
        return f"{self.region}{'' if self.log_group.startswith('/') else '/'}{self.log_group}"


class SagemakerSource(AwsSource):
    """Training jobs of one region."""

    name_contains: str = Field(default="", description="Only jobs with this in their name; empty for all")

    @property
    def stream(self) -> str:
        """Name of what is fetched."""
        return f"{self.region}/{self.name_contains}" if self.name_contains else self.region


class S3Source(AwsSource):
    """A folder of a bucket in the layout of a telemetry folder; its objects are copied to the same places."""

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]+$", description="Name of the bucket")
    prefix: str = Field(default="", pattern=r"^([^/].*/)?$", description="Folder in the bucket, ending in a slash; empty for all of it")

    @property
    def stream(self) -> str:
        """Name of what is fetched."""
        return f"{self.bucket}/{self.prefix}".rstrip("/")


class GitSource(Section):
    """A branch of a repository, at a path of this machine or at a remote."""

    name: str = Field(pattern=_STEM, description="Name that its files are told by")
    repository: Annotated[str, AfterValidator(_no_secret)] = Field(min_length=1, description="Path or address; bare or not")
    branch: str = Field(default="HEAD", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$", description="Branch or tag")
    token_env: Variable = Field(default="", description="Environment variable with a token for https; empty for none")

    @property
    def stream(self) -> str:
        """Name of what is fetched."""
        return self.name


class GitPlanSource(GitSource):
    """A plan that is a YAML file of a repository: its state at the end of every ISO week."""

    path: str = Field(pattern=r"^[^/-].*\.ya?ml$", description="The file, below the root of the repository")


LiveSource = GithubSource | AirtableSource | CloudwatchSource | SagemakerSource | GitPlanSource | GitSource | S3Source


class SourcesPolicy(Section):
    """Live sources land in the telemetry folder; nothing is fetched but what is named here."""

    KINDS: ClassVar[tuple[str, ...]] = ("github", "airtable", "cloudwatch", "sagemaker", "git_plan", "git_log", "s3")
    """Kinds of source; each has a list of sources and a cron of its name."""

    FETCHING: ClassVar[set[str]] = {
        *KINDS,
        *(f"{kind}_cron" for kind in KINDS),
        *("timeout_s", "page_seconds", "max_attempts", "backoff_s", "max_backoff_s", "max_wait_s", "airtable_pause_s"),
        *("github_pause_s", "max_pages", "max_page_mb", "overlap_minutes", "lookback_days"),
    }
    """Values that say what is fetched and how patiently; no verdict on an artifact depends on them."""

    github: tuple[GithubSource, ...] = setting((), unit="sources", source="C25 P", why="none is fetched that is not named")
    airtable: tuple[AirtableSource, ...] = setting((), unit="sources", source="C11 P", why="none is fetched that is not named")
    cloudwatch: tuple[CloudwatchSource, ...] = setting((), unit="sources", source="C25 P", why="none is fetched that is not named")
    sagemaker: tuple[SagemakerSource, ...] = setting((), unit="sources", source="C25 P", why="none is fetched that is not named")
    git_plan: tuple[GitPlanSource, ...] = setting((), unit="sources", source="C01 P", why="none is fetched that is not named")
    git_log: tuple[GitSource, ...] = setting((), unit="sources", source="C06 P", why="none is fetched that is not named")
    s3: tuple[S3Source, ...] = setting((), unit="sources", source="P", why="none is fetched that is not named")

    github_cron: Cron = setting(
        "10 * * * *", unit="cron, UTC", source="P", why="a P0 waits a day at most; an unchanged list costs one request"
    )
    airtable_cron: Cron = setting(
        "20 5 * * *", unit="cron, UTC", source="P", why="before the nightly line of 06:30; a plan moves by the day"
    )
    cloudwatch_cron: Cron = setting("25 * * * *", unit="cron, UTC", source="P", why="an error of the night is seen in the morning's triage")
    sagemaker_cron: Cron = setting("40 * * * *", unit="cron, UTC", source="P", why="a failed training job is an issue within the hour")
    git_plan_cron: Cron = setting("30 5 * * *", unit="cron, UTC", source="P", why="before the nightly line of 06:30")
    git_log_cron: Cron = setting("35 5 * * *", unit="cron, UTC", source="P", why="before the nightly line of 06:30")
    s3_cron: Cron = setting(
        "50 * * * *", unit="cron, UTC", source="P", why="an object that did not change costs nothing but its line in the list"
    )

    stale_after_hours: int = setting(48, unit="hours", ge=1, source="P", why="two nightly fetches that did not end well are no accident")
    timeout_s: float = setting(30.0, unit="seconds", gt=0, source="P", why="a server that says nothing for half a minute is down")
    page_seconds: float = setting(
        120.0, unit="seconds", gt=0, source="P", why="a page that drips in for longer is not worth waiting for; it is asked for again"
    )
    max_attempts: int = setting(4, unit="attempts", ge=1, source="P", why="a page that failed four times in a row fails the fifth time")
    backoff_s: float = setting(2.0, unit="seconds", ge=0, source="P", why="doubled with each attempt, where the server names no pause")
    max_backoff_s: float = setting(60.0, unit="seconds", ge=0, source="P", why="a longer pause is better spent until the next run")
    max_wait_s: float = setting(
        300.0, unit="seconds", ge=0, source="P", why="all pauses of one run; when a server asks for more, the next run goes on from there"
    )
    airtable_pause_s: float = setting(
        30.0, unit="seconds", ge=0, source="P", why="Airtable refuses everything for 30 s after more than five requests in a second"
    )
    github_pause_s: float = setting(
        60.0, unit="seconds", ge=0, source="P", why="GitHub asks for a minute at least after its secondary limit, unless it names a pause"
    )
    max_pages: int = setting(2_000, unit="pages", ge=1, source="P", why="a first fetch of 200,000 issues; beyond it the next run goes on")
    max_page_mb: float = setting(64.0, unit="MB", gt=0, source="P", why="a page of any of these interfaces has a few MB; S3 objects more")
    overlap_minutes: float = setting(
        10.0, unit="minutes", ge=0, source="P", why="what a server files late under an earlier time is asked for twice; rows have ids"
    )
    lookback_days: int = setting(14, unit="days", ge=1, source="C24", why="the first fetch of logs and training jobs: two weeks")

    @model_validator(mode="after")
    def _no_stream_twice(self) -> SourcesPolicy:
        for kind in self.KINDS:
            refuse_repeats([f"{kind} {entry.stream}" for entry in getattr(self, kind)])
        return self

    def of(self, kind: str) -> tuple[LiveSource, ...]:
        """The sources of one kind."""
        found: tuple[LiveSource, ...] = getattr(self, kind)
        return found

    def each(self) -> Iterator[tuple[str, LiveSource]]:
        """Every named source with its kind."""
        for kind in self.KINDS:
            yield from ((kind, entry) for entry in self.of(kind))
