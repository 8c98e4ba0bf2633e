"""Shapes in which the ecosystem keeps its records, each turned into plain records of one feed or several.

Belongs here: recognising a shape by its members, and which adapter it goes to. Does not belong here: columns (``feeds/``), parsing
(``documents.py``) or any one adapter (``shapes_plan.py``, ``shapes_issues.py``, ``shapes_reviews.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources import documents, shapes_issues, shapes_plan, shapes_reviews
from governance_assets.runtime.sources.documents import Item
from governance_assets.runtime.sources.outcome import Context, Table, Unreadable

SUFFIXES = (".xml", ".evidence", ".engine_result")
"""Endings that only record feeds read: JUnit files, the listing of an evidence folder, and the rows of a saved run of an engine."""
_LINES = (".jsonl", ".ndjson")
Feeds = dict[str, list[Item]]


@dataclass
class Parsed:
    """Records by feed, or, where their columns must tell the feed, ``items``."""

    shape: str
    feeds: Feeds = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)


_DOCUMENTS: tuple[tuple[str, Callable[[Any], bool], Callable[[Any, Context], Feeds]], ...] = (
    ("airtable", shapes_plan.is_airtable, shapes_plan.airtable),
    ("roadmap", shapes_plan.is_roadmap, shapes_plan.roadmap),
    ("github", shapes_issues.is_github, shapes_issues.github),
    ("cloudwatch", shapes_issues.is_cloudwatch, shapes_issues.cloudwatch),
    ("sagemaker", shapes_issues.is_sagemaker, shapes_issues.sagemaker),
    ("variance_bundle", shapes_reviews.is_bundle, shapes_reviews.bundle),
    ("mmm_backtest", shapes_reviews.is_backtest, shapes_reviews.backtest),
    ("calibration_record", shapes_reviews.is_calibration, shapes_reviews.calibration),
    ("test_report", shapes_reviews.is_report, shapes_reviews.report),
)


def read_records(data: bytes, suffix: str, context: Context, policy: IntakePolicy) -> Parsed:
    """The records of a JSON, JSON lines, YAML or XML file. Raises Unreadable."""
    if not data.strip():
        raise Unreadable("an empty file", "records", "write the file again; remove it if nothing was meant")
    if suffix == ".xml":
        return Parsed("junit", {"test_runs": shapes_reviews.junit(documents.xml(data))})
    if suffix == ".evidence":
        return Parsed("evidence_folder", {"evidence_files": list(enumerate(documents.document(data, ".json"), 1))})
    if suffix == ".engine_result":
        return Parsed("engine_result", {"media_results": list(enumerate(documents.document(data, ".json"), 1))})
    if suffix in _LINES:
        return _plain(documents.lines(data), "lines", context)
    whole = documents.document(data, suffix)
    for shape, is_shape, adapt in _DOCUMENTS:
        if is_shape(whole):
            feeds = {feed: items for feed, items in adapt(whole, context).items() if items}
            if not feeds:
                raise Unreadable(
                    f"a document of shape {shape} without records", "records", "write the file again; remove it if nothing was meant"
                )
            return Parsed(shape, feeds)
    return _plain(_listed(whole), "records", context)


def _listed(whole: Any) -> list[Item]:
    """The records of a list, or of an object with one list of objects, whose plain members stand in each; or the object itself."""
    if isinstance(whole, list):
        return list(enumerate(whole, 1))
    if not isinstance(whole, dict):
        raise Unreadable("a document that is no list or object", "a list of objects", "write one object a row, in one list")
    lists = [name for name, value in whole.items() if isinstance(value, list) and value and all(isinstance(each, dict) for each in value)]
    if len(lists) > 1:
        raise Unreadable(
            f"an object with the lists {', '.join(map(str, lists[:20]))}", "one list of objects", "write each list into a file of its own"
        )
    if not lists:
        return [(1, whole)]
    shared = {name: value for name, value in whole.items() if not isinstance(value, list | dict)}
    return [(number, {**shared, **each}) for number, each in enumerate(whole[lists[0]], 1)]


def _plain(items: list[Item], shape: str, context: Context) -> Parsed:
    records = [(number, documents.opened(item) if isinstance(item, dict) else item) for number, item in items]
    if not any(isinstance(item, dict) for _, item in records):
        raise Unreadable("no objects", "objects with the columns of a feed", "write one object a row")
    if context.folder == "tests":
        records = [(number, shapes_reviews.with_status(item)) for number, item in records]
    if context.folder == "plan":
        records = [(number, shapes_plan.with_kind(item, context)) for number, item in records]
    return Parsed(shape, items=records)


def arranged(table: Table, context: Context) -> Table:
    """A table with what its place and columns say added: the kind of a plan's items, the event of an issue list."""
    if context.folder == "plan":
        return shapes_plan.arranged(table, context)
    if context.folder == "issues":
        return shapes_issues.arranged(table, context)
    return shapes_reviews.arranged(table, context)


flat = documents.flat
