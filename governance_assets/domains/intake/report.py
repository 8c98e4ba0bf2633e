"""The words of an empty telemetry folder: what goes in, its columns, and the policy in force.

Belongs here: wording for whoever fills a folder in. Does not belong here: writing files (``runtime/telemetry_writer.py``).
"""

from __future__ import annotations

from governance_assets.contract import columns
from governance_assets.domains.intake.contracts import FEEDS
from governance_assets.feeds import OWN, RECORD_FEEDS, Row, arrivals
from governance_assets.policy import Policy, catalogue

SKELETON_README = """\
# Telemetry

One folder per feed. Put files in, then run `governance run --telemetry` with the path of this folder.

| folder | what goes in |
| --- | --- |
| forecasts/ | forecasts of any number of models, as quantiles or as samples |
| observations/ | the values that came true, with an `as_of` column when they are revised |
| media/ | wide weekly tables of a target, spend by channel, controls and events; `media.yaml` there says which column is which |
{folders}

Files are CSV, Parquet, JSON, JSONL or YAML; any number of files, any names. The header files show the columns:

{columns}

The other folders hold records; the README of each says their columns, and further columns are kept as details.

Dates are ISO (`2025-11-03`). `target` and `location` may be left out when there is one only; `horizon` may be left out
or empty. Any further column of a forecast is kept as a stratum. A hubverse hub folder works as it is.

The same file twice counts once. A bad row is refused with its reason and the rest goes on. When an observation is
revised, add a file with the newer value and a later `as_of`; the weeks it touches are scored again.

`governance.yaml` holds the policy. Every line is a comment that shows the value in force; take the `#` away to change it.
"""


MEDIA_YAML = """\
# Which column of each table in this folder is which. Take the # away and name your own; unknown keys are refused.
#
#files:
#  - file: brand.csv              # a name below this folder, or a pattern such as "*.csv" in quotes; one entry must fit a file
#    tenant: brand                # or, for a table with several, tenant_column: geo
#    #sum_to: national            # with tenant_column: add all of them up to one tenant of this name
#    date: week                   # ISO dates
#    grain: week                  # or day: days are summed to weeks from Monday, controls are their mean
#    #week_starts: sunday         # when the weeks do not start on a Monday; they land under the Monday nearest by
#    target: {column: revenue, unit: EUR}    # times: price multiplies it with a further column
#    currency: EUR
#    spend:                       # channel: column; a list of columns names the channels by their columns
#      tv: tv_spend
#      search: search_spend
#    impressions: {tv: tv_impressions}       # optional, as are the next two
#    controls: [price_index]
#    events: [holiday]            # numbers, or words: each word becomes an event of its own, na and empty cells none
"""


def skeleton() -> dict[str, str]:
    """The files of a telemetry folder to fill in, by relative path: a README, the commented policy, a header for each feed."""
    # Media tables are wide: what media.yaml says takes the place of a header.
    long = [feed for feed in FEEDS.values() if feed.name != "media_weekly"]
    headers = {feed.name: ",".join(feed.required) for feed in long}
    files = {
        "README.md": SKELETON_README.format(
            columns="\n".join(f"- {name}: `{header}`" for name, header in headers.items()), folders=_folders()
        ),
        "governance.yaml": _commented_policy(),
    }
    files |= {"media/media.yaml": MEDIA_YAML} | {f"{feed.folder}/{feed.name}.csv": headers[feed.name] + "\n" for feed in long}
    return files | _record_files()


FOLDER_README = """\
# {folder}/

{shapes}

{feeds}
"""

_SHAPES = {
    "plan": "Tables, Airtable records, or nested roadmaps in YAML. A plan is a snapshot: the date in the file's name is "
    "its day, the folder below plan/ its name.",
    "issues": "Issues, pull requests, events and comments as GitHub's REST interface answers them, CloudWatch log events, SageMaker "
    "training jobs, or issue lists as tables.",
    "tests": "JUnit XML, a JSON report of a test run, or rows with a status or an exit code.",
    "evidence": "A folder for each milestone with its files, which are hashed and not read, and metadata.json beside them; "
    "or checksum lists.",
    "reviews": "Tables or YAML of what a review decided, or a whole variance bundle in JSON.",
}


def _folders() -> str:
    named: dict[str, list[str]] = {}
    for feed, row in RECORD_FEEDS.items():
        named.setdefault(row.folder, []).append(feed)
    return "\n".join(f"| {folder}/ | {', '.join(feeds)} |" for folder, feeds in named.items())


def _record_files() -> dict[str, str]:
    """A README for each folder of records, with every column, and an empty table for each feed."""
    folders: dict[str, list[str]] = {}
    for feed, row in RECORD_FEEDS.items():
        folders.setdefault(row.folder, []).append(_feed_section(feed, row))
    shapes = {folder: _SHAPES.get(folder, "CSV, Parquet, JSON, JSONL or YAML.") for folder in folders}
    files = {
        f"{name}/README.md": FOLDER_README.format(folder=name, shapes=shapes[name], feeds="\n\n".join(told))
        for name, told in folders.items()
    }
    return files | {f"{row.folder}/{feed}.csv": ",".join(_header(row)) + "\n" for feed, row in RECORD_FEEDS.items()}


def _header(row: type[Row]) -> list[str]:
    """Columns of a table to fill in: all but those that the reader fills itself."""
    return [*(column.name for column in columns(row) if column.name not in OWN), "as_of"]


def _feed_section(feed: str, row: type[Row]) -> str:
    lines = [
        f"## {feed}",
        "",
        " ".join((row.__doc__ or "").split("\n\n")[0].split()),
        "",
        "| column | must stand | meaning |",
        "| --- | --- | --- |",
    ]
    required = {arrival.column.name for arrival in arrivals(row) if arrival.is_required}
    for column in columns(row):
        if column.name not in ("date", "details"):
            unit = f" [{column.unit}]" if column.unit else ""
            words = f" One of {', '.join(column.choices)}." if column.choices else ""
            lines.append(f"| {column.name} | {'yes' if column.name in required else ''} | {column.description}{unit}.{words} |")
    return "\n".join(lines)


def _commented_policy() -> str:
    """Every policy value as a comment, under its section, with unit, bounds, reason and source."""
    lines = ["# Policy values. Uncomment a section and a key to override it; `governance run` refuses unknown keys and wrong units.", ""]
    section = ""
    for entry in catalogue(Policy()):
        name, key = entry["path"].split(".", 1)
        if name != section:
            lines += ["", f"#{name}:"] if section else [f"#{name}:"]
            section = name
        bounds = f", {entry['bounds']}" if entry["bounds"] else ""
        lines += [f"#  # {entry['why']} ({entry['source']}; {entry['unit']}{bounds})", f"#  {key}: {entry['value']}"]
    return "\n".join(lines) + "\n"
