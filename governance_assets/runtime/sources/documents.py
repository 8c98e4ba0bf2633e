"""Bytes of JSON, JSON lines, YAML and XML to plain values, and a record of them to one flat row of texts.

Belongs here: what makes such a document unreadable, with its line. Does not belong here: what its members mean (``shapes.py``).
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import yaml

from governance_assets.runtime.sources.outcome import Unreadable, shown
from governance_assets.runtime.sources.tables import as_utf8

Item = tuple[int, Any]
"""The number of a record in its file, and the record."""
DEEPEST = 50
"""Levels of nesting beyond which a document is junk."""
_ENVELOPES = ("data", "payload", "attributes")
_EXPANSIONS = (b"<!DOCTYPE", b"<!ENTITY")


class RepeatedMember(ValueError):
    """An object that has one member twice."""


def document(data: bytes, suffix: str) -> Any:
    """The one value of a JSON or YAML file; scalars of YAML stay as they are written."""
    text = _text(data)
    is_json = suffix == ".json"
    try:
        whole = json.loads(text, object_pairs_hook=_members) if is_json else _yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, {error.problem or error.context}" if mark else str(error)
        problem = Unreadable(f"text that is not YAML ({where})", "YAML", "mend the line named, then read again")
        problem.refusal = replace(problem.refusal, row=mark.line + 1 if mark else None)
        raise problem from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        kind = "JSON" if is_json else "YAML"
        raise Unreadable(f"text that is not {kind} ({shown(str(error))})", f"a {kind} document", "write the file again") from None
    if _is_deep(whole):
        raise Unreadable("a document nested too deeply", f"at most {DEEPEST} levels", "write plain records")
    return whole


def lines(data: bytes) -> list[Item]:
    """The objects of JSON lines by their line; a line that is no JSON stays a text."""
    found: list[Item] = []
    for number, line in enumerate(_text(data).split("\n"), 1):
        if not line.strip():
            continue
        try:
            found.append((number, json.loads(line, object_pairs_hook=_members)))
        except (ValueError, RecursionError):
            found.append((number, line.rstrip("\r")))
    return found


def xml(data: bytes) -> ElementTree.Element:
    """The root of an XML file; a document that declares entities is refused, as they can grow without bound."""
    if any(mark in data for mark in _EXPANSIONS):
        raise Unreadable("XML with a document type or entities", "plain XML", "write the file without <!DOCTYPE and <!ENTITY")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unreadable(f"text that is not XML ({shown(str(error))})", "a JUnit file", "write the file again") from None


def flat(item: Any, plain: Collection[str] = ()) -> dict[str, str | None] | str:
    """The members as texts, lists of plain values joined by commas, other nested values as JSON; or what cannot be a row.

    A nested value under one of the names ``plain`` cannot be a cell.

    >>> flat({"id": 1, "data": {"from": "a"}, "tags": ["x", "y"], "more": {"z": [{}]}})
    {'id': '1', 'data_from': 'a', 'tags': 'x, y', 'more': '{"z": [{}]}'}
    """
    if not isinstance(item, dict):
        return item if isinstance(item, str) else json.dumps(item)
    found: dict[str, str | None] = {}
    for name, value in opened(item).items():
        is_nested = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, dict | list) for each in value))
        if is_nested and name in plain:
            return f"{name}: a nested value"
        found[name] = _cell(value)
    try:
        "".join(text or "" for pair in found.items() for text in pair).encode()
    except UnicodeEncodeError:
        return "text with half a surrogate pair"
    return found


def opened(item: dict[str, Any]) -> dict[str, Any]:
    """The members, those of an event's envelope among them."""
    if not any(name in _ENVELOPES and isinstance(value, dict) for name, value in item.items()):
        return item
    found: dict[str, Any] = {}
    for name, value in item.items():
        if name in _ENVELOPES and isinstance(value, dict):
            found |= {f"{name}_{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        return ", ".join(str(_cell(each)) for each in value if each is not None)
    return json.dumps(value)


def _text(data: bytes) -> str:
    decoded, bad = as_utf8(data)
    if bad:
        raise Unreadable(f"bytes that are not UTF-8 in line {bad[0]}", "UTF-8 text", "save the file as UTF-8")
    return decoded.decode()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RepeatedMember("an object with one member twice")
    return found


def _yaml(text: str) -> Any:
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)):
        raise ValueError("an alias, which can grow without bound; write the value out")
    return yaml.load(text, Loader=loader)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level if isinstance(each, dict | list) for inner in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return False
    return True
