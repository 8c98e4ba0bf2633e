"""Alert messages: their shape, and how they read as a title, as text, as Slack blocks and as the HTML of a mail.

Belongs here: what a message says and how foreign text is made harmless in it. Does not belong here: when a message is due
(``runtime/alerts/plan.py``), or how it leaves (``runtime/alerts/channels``).
"""

from __future__ import annotations

import datetime as dt
import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from governance_assets.pages import theme, wording


@dataclass(frozen=True)
class Line:
    """One incident, or one reminder, in a message."""

    alerts: tuple[int, ...]
    incident: str
    kind: str
    artifact: str
    rule: str
    subject: str
    partition_key: str
    outcome: str
    severity: str
    value: float | None
    limit: float | None
    unit: str | None
    since: dt.datetime | None
    trend: tuple[float, ...]
    message: str
    remedy: str
    owner: str
    link: str
    step: str = ""


@dataclass(frozen=True)
class Message:
    """What is told at once. ``key`` stays the same however often it is sent; when grouped, the first line is the cause of the others."""

    key: str
    kind: str
    severity: str
    lines: tuple[Line, ...]
    is_grouped: bool
    ledger_head: str
    created_at: dt.datetime


def to_json(message: Message) -> dict[str, Any]:
    """``message`` as JSON has it: instants in ISO with offset, and null for a figure that is not finite."""
    return asdict(message) | {"created_at": _iso(message.created_at), "lines": [_line_to_json(line) for line in message.lines]}


def from_json(document: Mapping[str, Any]) -> Message:
    """The message that ``to_json`` wrote; keys that a message does not have are passed over. Raises ValueError naming what is missing."""
    given = _known(Message, document)
    lines = tuple(_line_from_json(line) for line in given["lines"])
    return Message(**given | {"created_at": dt.datetime.fromisoformat(given["created_at"]), "lines": lines})


def title(message: Message) -> str:
    """One line that says it all: FAIL calibration_metrics: coverage_holds — team-b (2025-11-03)."""
    n_lines = len(message.lines)
    if message.kind == "digest":
        return f"digest: {wording.count(n_lines, 'entry', 'entries')}"
    if n_lines == 0:
        return _word(message.kind)
    if n_lines == 1:
        return _heading(message.lines[0])
    many = wording.count(n_lines, *_NOUNS.get(message.kind, ("alert", "alerts")))
    if message.is_grouped:
        return wording.one_line(f"{many}, cause: {_what(message.lines[0])}", _TITLE)
    return wording.one_line(f"{many}: {_listed([line.artifact for line in message.lines])}", _TITLE)


def as_text(message: Message) -> str:
    """The title, then line by line what happened and what to do, then the key and the ledger's head."""
    parts = [title(message)]
    for number, line in enumerate(message.lines[:_TEXT_LINES], start=1):
        heading = [] if len(message.lines) == 1 else [_numbered(message, number, line)]
        parts.append("\n".join(heading + [f"{label:<8} {text}" for label, text in _details(line)]))
    if len(message.lines) > _TEXT_LINES:
        parts.append(wording.more(len(message.lines) - _TEXT_LINES, "line"))
    parts.append("\n".join(f"{label:<8} {text}" for label, text in _ending(message)))
    return "\n\n".join(parts) + "\n"


def as_slack(message: Message) -> list[dict[str, Any]]:
    """The blocks of a Slack message: foreign text stands in plain text elements only, escaped and cut to Slack's limits."""
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _slack_text(title(message), _SLACK_HEADER)}]
    ending = {"type": "context", "elements": [_slack_text(f"{label}: {text}", _SLACK_FIELD) for label, text in _ending(message)]}
    for number, line in enumerate(message.lines):
        more = _slack_section(line, "" if len(message.lines) == 1 else _numbered(message, number + 1, line))
        if len(blocks) + len(more) > _SLACK_BLOCKS or len(json.dumps([*blocks, *more, ending])) > _SLACK_TOTAL:
            rest = wording.more(len(message.lines) - number, "line")
            blocks.append({"type": "context", "elements": [_slack_text(rest, _SLACK_FIELD)]})
            break
        blocks += more
    return [*blocks, ending]


def slack_escaped(text: str) -> str:
    """``text`` such that Slack reads no mention and no link in it."""
    return "".join(map(_slack_character, text))


def as_html(message: Message) -> str:
    """A page for mail: no script, no picture, nothing fetched, and every foreign text escaped."""
    shown = message.lines[:_TEXT_LINES]
    parts = [_html_line(line, "" if len(message.lines) == 1 else _numbered(message, n, line)) for n, line in enumerate(shown, start=1)]
    if len(message.lines) > _TEXT_LINES:
        parts.append(f"<p>{wording.more(len(message.lines) - _TEXT_LINES, 'line')}</p>")
    heading = html.escape(title(message))
    colours = theme.LIGHT
    body = f"margin:0;padding:16px;background:{colours['surface']};color:{colours['text']};font:15px/1.5 sans-serif"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{heading}</title></head><body style="{body}">\n'
        f'<h1 style="font-size:18px;border-left:4px solid {_colour(message)};padding-left:8px">{heading}</h1>\n'
        + "\n".join(parts)
        + f"\n{_html_table(_ending(message))}\n</body></html>\n"
    )


_TITLE, _FIELD, _TEXT_LINES = 200, 2_000, 100
# Slack refuses more than 50 blocks, 150 characters a header, 3,000 a text and 2,000 a field; what it adds up over all blocks is
# undocumented, and messages of 11,000 characters have been refused.
_SLACK_BLOCKS, _SLACK_HEADER, _SLACK_TEXT, _SLACK_FIELD, _SLACK_TOTAL = 48, 150, 2_800, 300, 9_000

_NOUNS = {
    "failing": ("failure", "failures"),
    "worse": ("worse failure", "worse failures"),
    "recovered": ("recovery", "recoveries"),
    "unknown": ("unknown verdict", "unknown verdicts"),
    "escalated": ("escalation", "escalations"),
    "waiver_expired": ("expired waiver", "expired waivers"),
    "reminder": ("reminder", "reminders"),
    "notice": ("notice", "notices"),
}


def _iso(instant: dt.datetime | None) -> str | None:
    return None if instant is None else (instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).isoformat()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _line_to_json(line: Line) -> dict[str, Any]:
    figures = {"value": _finite(line.value), "limit": _finite(line.limit), "trend": [_finite(value) for value in line.trend]}
    return asdict(line) | figures | {"alerts": list(line.alerts), "since": _iso(line.since)}


def _line_from_json(document: Mapping[str, Any]) -> Line:
    given = _known(Line, {"step": ""} | dict(document))
    since = given["since"]
    trend = tuple(math.nan if value is None else value for value in given["trend"])
    return Line(**given | {"alerts": tuple(given["alerts"]), "trend": trend, "since": dt.datetime.fromisoformat(since) if since else None})


def _known(shape: type, document: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in fields(shape)]
    missing = [name for name in names if name not in document]
    if missing:
        raise ValueError(f"a stored {shape.__name__.lower()} has no {', '.join(missing)}; it was written by another version or cut short")
    return {name: document[name] for name in names}


def _word(kind: str, outcome: str = "", severity: str = "") -> str:
    if kind != "failing":
        return wording.one_line(kind.replace("_", " "), _TITLE).upper() or "ALERT"
    return "BROKEN" if outcome == "error" else "WARNING" if severity == "warn" else "FAIL"


def _what(line: Line) -> str:
    """Artifact: rule — subject (partition), as far as they are given."""
    judged = ": ".join(text for text in (line.artifact, line.rule) if text)
    text = " — ".join(text for text in (judged, line.subject) if text) or line.message
    return f"{text} ({line.partition_key})" if line.partition_key else text


def _heading(line: Line) -> str:
    return wording.one_line(f"{_word(line.kind, line.outcome, line.severity)} {_what(line)}", _TITLE)


def _numbered(message: Message, number: int, line: Line) -> str:
    cause = "Cause: " if message.is_grouped and number == 1 else ""
    return f"{number}. {cause}{_heading(line)}"


def _listed(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(name for name in names if name))
    shown, rest = distinct[:3], len(distinct) - 3
    return ", ".join(shown) + (f" and {rest:,} more" if rest > 0 else "")


def _details(line: Line) -> list[tuple[str, str]]:
    """Label and text of everything a line says below its heading, empty ones left out, each on one line and cut."""
    pairs = [
        ("What", line.message),
        ("Value", _figures(line)),
        ("Since", "" if line.since is None else wording.instant(line.since)),
        ("Trend", " → ".join(_figure(value, line.unit) for value in line.trend) if len(line.trend) > 1 else ""),
        ("Step", line.step),
        ("Remedy", line.remedy),
        ("Owner", line.owner),
        ("Link", line.link),
    ]
    return [(label, wording.one_line(text, _FIELD)) for label, text in pairs if text]


def _ending(message: Message) -> list[tuple[str, str]]:
    return [
        ("Key", wording.one_line(message.key, _TITLE)),
        ("Ledger", wording.one_line(message.ledger_head, _TITLE) or "nothing is sealed yet"),
    ]


def _figure(value: float, unit: str | None) -> str:
    text = wording.figure(value, unit)
    return f"{text} {unit}" if unit and unit != "fraction" and text != wording.ABSENT else text


def _figures(line: Line) -> str:
    if _finite(line.value) is None and _finite(line.limit) is None:
        return ""
    value, limit = (wording.ABSENT if figure is None else _figure(figure, line.unit) for figure in (line.value, line.limit))
    if line.value is not None and line.limit is not None and line.value != line.limit and value == limit:
        # A miss by a hair must not read as a tie.
        scale, unit = (100, " %") if line.unit == "fraction" else (1, f" {line.unit}" if line.unit else "")
        value, limit = (f"{(Decimal(repr(figure)) * scale).normalize():f}{unit}" for figure in (line.value, line.limit))
    return value if line.limit is None else f"{value}, limit {limit}"


def _slack_text(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": wording.cut(text, limit, _slack_character), "emoji": False}


def _slack_character(character: str) -> str:
    return {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)


def _slack_section(line: Line, heading: str) -> list[dict[str, Any]]:
    details = dict(_details(line))
    address = _address(details.pop("Link", ""))
    long = [heading] + [f"{label}: {details.pop(label)}" for label in ("What", "Step", "Remedy") if label in details]
    block: dict[str, Any] = {"type": "section", "text": _slack_text("\n".join(filter(None, long)) or _heading(line), _SLACK_TEXT)}
    short = [_slack_text(f"{label}: {text}", _SLACK_FIELD) for label, text in details.items()]
    if line.link and not address:
        short.append(_slack_text(f"Link: {wording.one_line(line.link, _FIELD)}", _SLACK_FIELD))
    if short:
        block["fields"] = short
    link = {"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{slack_escaped(address)}|Open the page>"}]}
    return [block, link] if address else [block]


def _address(link: str) -> str:
    """``link`` as an address that can be put between marks, or nothing when it leads to no web page."""
    try:
        is_web = urlsplit(link).scheme in ("http", "https") and bool(urlsplit(link).hostname)
    except ValueError:
        return ""
    return quote(link, safe=":/?#[]@!$&()*+,;=%-._~") if is_web and " " not in link else ""


def _colour(message: Message) -> str:
    if message.kind in ("recovered", "unknown"):
        return theme.LIGHT["pass" if message.kind == "recovered" else "unknown"]
    return theme.LIGHT[{"error": "fail", "warn": "warn"}.get(message.severity, "none")]


def _html_line(line: Line, heading: str) -> str:
    told = f'<h2 style="font-size:15px;margin:16px 0 4px">{html.escape(heading)}</h2>\n' if heading else ""
    return told + _html_table(_details(line))


def _html_table(pairs: Sequence[tuple[str, str]]) -> str:
    label = f'<th style="text-align:left;vertical-align:top;padding:2px 12px 2px 0;color:{theme.LIGHT["muted"]};font-weight:normal">'
    cell = '<td dir="auto" style="padding:2px 0;word-break:break-word;overflow-wrap:anywhere">'
    rows = [f"<tr>{label}{name}</th>{cell}{_html_value(name, text)}</td></tr>" for name, text in pairs]
    return '<table role="presentation" style="border-collapse:collapse;margin:8px 0">' + "".join(rows) + "</table>"


def _html_value(name: str, text: str) -> str:
    address = _address(text) if name == "Link" else ""
    shown = html.escape(text)
    return f'<a href="{html.escape(address)}" rel="noreferrer">{shown}</a>' if address else shown
