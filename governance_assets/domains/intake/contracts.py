"""Columns of the feeds' manifests, of refused records, and of the rows each feed lands."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from governance_assets.contract import Contract, field
from governance_assets.feeds import RECORD_FEEDS, Row


@dataclass(frozen=True)
class Feed:
    """One kind of telemetry: its folder, and the columns its landed rows have."""

    name: str
    folder: str
    row: str
    required: tuple[str, ...]
    date_column: str


FEEDS = {
    feed.name: feed
    for feed in (
        Feed(
            "quantile_forecasts",
            "forecasts",
            "one predicted quantile of one model for one task",
            ("model_id", "reference_date", "horizon", "target", "location", "target_end_date", "quantile_level", "predicted"),
            "target_end_date",
        ),
        Feed(
            "sample_forecasts",
            "forecasts",
            "one sampled value of one model for one task",
            ("model_id", "reference_date", "horizon", "target", "location", "target_end_date", "sample_id", "predicted"),
            "target_end_date",
        ),
        Feed(
            "observations",
            "observations",
            "one observed value, in the newest version that arrived",
            ("target", "location", "target_end_date", "observed"),
            "target_end_date",
        ),
        Feed(
            "media_weekly",
            "media",
            "one value of one series of one tenant in one week",
            ("tenant", "week", "series", "name", "value", "unit", "sign"),
            "week",
        ),
    )
}


class LandedFile(Contract, artifact="", key=()):
    """Columns shared by every feed's manifest; each feed's own contract is made from it below."""

    file_sha256: str = field("SHA-256 of the file's bytes as it arrived; the same file twice is one row")
    context: str = field("What the file's place adds to its rows, such as model_id=a; empty when the file says it all")
    origin: str = field("Path below the telemetry folder, with forward slashes; the first in order when several files have these bytes")
    copies: int = field("How many files have these bytes", unit="files", ge=1)
    shape: str = field("Name of the shape it was read as: hubverse, long, wide, table, lines, records, or a system's own, such as github")
    file_bytes: int = field("Size of the file", unit="bytes", ge=0)
    landed_path: str = field("Where its typed rows lie, below the home folder; named by content")
    landed_sha256: str = field("SHA-256 of the typed rows")
    rows: int = field("Rows of the file that landed", unit="rows", ge=0)
    rejected_rows: int = field("Rows that were refused", unit="rows", ge=0)
    unused_rows: int = field(
        "Further rows of the file that are none of this feed: other output types, superseded versions, repeats of other files, "
        "days of a first or last week that is not whole",
        unit="rows",
        ge=0,
    )
    first_date: str | None = field("Earliest date, ISO", null="no row landed")
    last_date: str | None = field("Latest date, ISO", null="no row landed")
    weeks: str = field("Mondays of the weeks its dates fall in, ISO, separated by commas; empty when no row landed")
    week_digests: str = field("SHA-256 of the typed rows of each of these weeks, in the same order, separated by commas")
    strata: str = field("Further columns that landed as text, separated by commas; empty when none")


def _manifest(feed: str, row: str) -> type[Contract]:
    name = "".join(part.title() for part in feed.split("_"))
    return type(LandedFile)(
        name,
        (LandedFile,),
        {"__doc__": f"One landed file; a landed row is {row}", "__module__": __name__, "__qualname__": name},
        artifact=feed,
        key=("file_sha256", "context"),
    )


def _of_fixed(feed: Feed) -> type[Contract]:
    return _manifest(feed.name, f"{feed.row}.")


QuantileForecasts = _of_fixed(FEEDS["quantile_forecasts"])
SampleForecasts = _of_fixed(FEEDS["sample_forecasts"])
Observations = _of_fixed(FEEDS["observations"])


def _first_sentence(row: type[Row]) -> str:
    text = " ".join((row.__doc__ or "").split("\n\n")[0].split())
    return f"{text[:1].lower()}{text[1:]}"


RECORD_MANIFESTS = {name: _manifest(name, _first_sentence(row)) for name, row in RECORD_FEEDS.items()}
"""The manifest of each record feed; what a row of it is stands in ``governance_assets.feeds``."""


class MediaWeekly(LandedFile, artifact="media_weekly", key=("file_sha256", "context")):
    """One landed file; a landed row is one value of one series of one tenant in one week."""

    landed_values: int = field("Values that landed: one for each series of each tenant's weeks", unit="values", ge=0)


class MediaSeries(Contract, artifact="media_series", key=("tenant", "series", "name")):
    """One series of one tenant over all weeks that landed, with what tells whether a model can use it."""

    tenant: str = field("Whose series it is")
    series: Literal["target", "spend", "impressions", "control", "event"] = field("What it is in a media-mix model")
    name: str = field("Channel, control or event; the target's column")
    unit: str = field("Unit as declared; several, separated by commas, when files disagree")
    weeks: int = field("Weeks with a value", unit="weeks", ge=1)
    first_week: dt.date = field("Monday of the earliest week")
    last_week: dt.date = field("Monday of the latest week")
    missing_weeks: int = field("Weeks without a value between the tenant's earliest and latest", unit="weeks", ge=0)
    first_missing_week: dt.date | None = field("Monday of the earliest of these", null="no week is missing")
    zero_weeks: int = field("Weeks in which it is zero", unit="weeks", ge=0)
    mean: float = field("Mean over its weeks, in its unit")
    smallest: float = field("Smallest value, in its unit")
    largest: float = field("Largest value, in its unit")
    largest_jump: float | None = field(
        "Spend: largest factor, up or down, by which some weeks in a row all differ from the median of the weeks before, or by which one "
        "week exceeds the largest before it",
        unit="ratio",
        null="no spend, or too few weeks with spend",
        ge=1,
    )
    jump_week: dt.date | None = field("Monday of the week in which that jump is", null="no jump is stated")
    channel_ratio: float | None = field(
        "Spend: factor, up or down, between its median week with spend and the median of the tenant's other channels'",
        unit="ratio",
        null="no spend, or the only channel with spend",
        ge=1,
    )


class SourceFetches(Contract, artifact="source_fetches", key=("source", "stream")):
    """One live source, how its last fetch ended and what is missing since; or one kind of source of which none is configured."""

    source: str = field("Kind of source: github, airtable, cloudwatch, sagemaker, git_plan, git_log or s3")
    stream: str = field("What is fetched, such as a repository or a table; empty when nothing of the kind is configured")
    state: Literal["not_configured", "configured", "ok", "partial", "failed"] = field(
        "How the last fetch ended; configured is a source that was never fetched, partial one that broke off or has not ended"
    )
    reason: str = field("Why it is not ok, without secrets; empty when it is")
    started_at: dt.datetime | None = field("When the last fetch began", null="never fetched")
    ended_at: dt.datetime | None = field("When it ended", null="never fetched, or it left no word of its end")
    pages: int = field("Pages that the last fetch received", unit="pages", ge=0)
    records: int = field("Records on them", unit="records", ge=0)
    files: int = field("Files or folders that are new in the telemetry folder, or replaced", unit="files", ge=0)
    cursor: str = field("Where the next fetch goes on, shortened; empty when it was never fetched")
    last_whole_at: dt.datetime | None = field("When a fetch last ended with nothing missing", null="none ever did")
    gap_since: dt.datetime | None = field(
        "Instant, by the source's clock, up to which everything has landed", null="no gap, or nothing was ever whole"
    )
    gap_until: dt.datetime | None = field("When the fetch began that did not bring what came since", null="no gap")
    not_before: dt.datetime | None = field("Until when the source asked not to be asked", null="it asked for no pause")
    hours_since_whole: int | None = field(
        "Whole hours since a fetch ended with nothing missing, or since the first fetch where none ever did",
        unit="hours",
        ge=0,
        null="never fetched",
    )
    stale_after_hours: int = field("Hours after which it is stale, by the policy", unit="hours", ge=1)


class RejectedRecords(Contract, artifact="rejected_records", key=("file", "record")):
    """One refused row or file, with the reason and the next step; or one file that is no telemetry."""

    file: str = field("Path below the telemetry folder")
    record: int = field("Running number within the file, from 1", ge=1)
    file_sha256: str | None = field(
        "SHA-256 of the file's bytes; a quarantined copy lies under this name", null="the file is no telemetry and was left alone"
    )
    feed: str | None = field("Feed it was read for", null="the file was not recognised as any feed")
    scope: Literal["row", "task", "file", "ignored"] = field("What was refused; ignored is a file that is no telemetry")
    row: int | None = field(
        "Line of the file (the header is line 1), or row of a Parquet file from 1", null="the whole file, or a sum of many rows"
    )
    column: str | None = field("Column at fault", null="the whole row or file")
    found: str = field("What stands there, shortened, control characters escaped")
    expected: str = field("What would have been accepted")
    next_step: str = field("What to do about it")
    rows: int = field("Rows refused for this reason and told by this record", unit="rows", ge=0)
