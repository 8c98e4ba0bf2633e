"""A folder of an S3 bucket, copied to the same places of the telemetry folder.

Belongs here: listing and copying by ETag. Does not belong here: what the objects are.

An object that changed replaces its copy; one that vanished from the bucket leaves its copy where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance_assets.policy.sources import S3Source
from governance_assets.runtime.settings import POLICY_FILE
from governance_assets.runtime.sources.live import COVERED, Ask, Cursor, Page, SourceError, web
from governance_assets.runtime.sources.live.amazon import Service, date_of


def pages(source: S3Source, cursor: Cursor, ask: Ask) -> Iterator[Page]:
    """One page an object whose ETag is not the one that was copied last."""
    service = Service("s3", source, ask)
    known: dict[str, str] = dict(cursor.get("etags", {}))
    between = dict(cursor)
    token, began, strange = None, None, []
    while True:
        given = {"Bucket": source.bucket, "Prefix": source.prefix} | ({"ContinuationToken": token} if token else {})
        listed = service.ask("list_objects_v2", **given)
        began = began or date_of(listed) or ask.now()
        for found in listed.get("Contents", []):
            key = str(found["Key"]).removeprefix(source.prefix)
            if known.get(key) == found["ETag"] or _is_no_telemetry(key):
                continue
            if _leads_away(key):
                strange.append(key)
                continue
            body = _body(service, source, found, ask)
            known[key] = found["ETag"]
            yield Page(between, key, body, 1, is_replacing=True)
        token = listed.get("NextContinuationToken")
        # The list of what is known is long: it is kept once for every thousand objects.
        between = {**between, "etags": dict(known)}
        yield Page(between)
        if not token:
            break
    if strange:
        raise SourceError(f"S3 {source.stream} holds {strange[0]!r}, which is no place of a telemetry folder; rename it", is_permanent=True)
    yield Page({COVERED: began.isoformat(), "etags": known})


def _is_no_telemetry(key: str) -> bool:
    """Markers of folders, hidden files, and policies: what judges, and which secrets go where, never comes from a source."""
    return key.endswith("/") or any(part.startswith(".") and part != ".." for part in key.split("/")) or key.endswith(POLICY_FILE)


def _leads_away(key: str) -> bool:
    return not key.isprintable() or "\\" in key or any(part in ("", "..") for part in key.split("/"))


def _body(service: Service, source: S3Source, found: dict[str, Any], ask: Ask) -> bytes:
    what = f"S3 {source.stream}"
    if found["Size"] > ask.policy.max_page_mb * 1e6:
        raise SourceError(f"{what} holds an object of {found['Size'] / 1e6:,.0f} MB; raise max_page_mb if that is right", is_permanent=True)
    # Of the very object that was listed: one that is replaced meanwhile is refused, and listed anew by the next attempt.
    answer = service.ask("get_object", Bucket=source.bucket, Key=found["Key"], IfMatch=found["ETag"])
    body = service.read(answer["Body"], lambda stream: web.whole(lambda: stream.read(web.PIECE), ask.policy, what))
    if len(body) != found["Size"]:
        raise SourceError(f"{what} broke off after {len(body):,} of {found['Size']:,} bytes")
    return body
