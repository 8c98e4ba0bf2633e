"""Publishing a plan to the repositories of the policy: comparing for the record, and the sync itself.

Belongs here: which repository, commit message, and the rows and sentences of a comparison. Does not belong here: git
(``repository.py``) or what is published (a domain's ``report.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from governance_assets.policy.plan import SyncTarget
from governance_assets.runtime import clock
from governance_assets.runtime.alerts import notices
from governance_assets.runtime.alerts.delivery import DeliveryStore
from governance_assets.runtime.alerts.plan import channels_for
from governance_assets.runtime.repository import Applied, Part, Published, Repository, RepositoryError
from governance_assets.runtime.workspace import Workspace

Row = dict[str, Any]
Say = Callable[[str], None]


def repository(workspace: Workspace, target: SyncTarget) -> Repository:
    """The repository of a target; relative paths count from the telemetry folder."""
    return Repository(target, workspace.settings.telemetry, workspace.settings.home / "repositories")


def compared(
    workspace: Workspace, target: SyncTarget, published: Mapping[str, Any], models: Sequence[tuple[str, str]], until: dt.datetime
) -> list[Row]:
    """What a sync would have written at ``until``: a row a part, one of the repository as a whole, and one a registered model."""
    found = repository(workspace, target)
    try:
        seen = found.compare(Published(**published), until)
        checked = list(_models(found, seen.commit or "", models)) if target.code else []
    except RepositoryError as error:
        return [_row("repository", target.name, "unknown", str(error), None, None, until)]
    state = "conflict" if seen.conflicts else "update" if seen.pending else "current"
    told = f"{len(seen.pending)} to write, {len(seen.conflicts)} refused"
    own = _row("repository", target.name, state, told, seen.commit, seen.synced_at, until)
    rows = [_row(part.kind, part.path, part.state, part.text, seen.commit, part.written_at, until) for part in seen.parts]
    return [own, *rows, *(_row("model", *each, seen.commit, None, until) for each in checked)]


def _models(found: Repository, commit: str, models: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for name, registered in models:
        matches = found.code_matches(commit, registered)
        if matches is None:
            yield name, "unknown", f"the repository has no commit {registered}"
        elif matches:
            yield name, "current", f"the code is that of {registered}"
        else:
            yield name, "update", f"the code has changed since {registered}"


def _row(kind: str, path: str, state: str, text: str, commit: str | None, written_at: dt.datetime | None, until: dt.datetime) -> Row:
    age = None if written_at is None else max((until - written_at) / dt.timedelta(days=1), 0.0)
    return {"kind": kind, "path": path, "state": state, "text": text, "commit": commit, "written_at": written_at, "age_days": age}


def sync(workspace: Workspace, target: SyncTarget, published: Published, week: dt.date, is_applied: bool, say: Say) -> bool:
    """Tell what a sync of a repository would write, and write it when told to; whether nothing was refused. Raises RepositoryError."""
    found, policy = repository(workspace, target), workspace.policy.plan
    seen = found.compare(published)
    for part in seen.parts:
        say(f"{target.name}: {part.state:8} {part.kind} {part.path}: {part.text}")
    if not is_applied:
        say(f"{target.name}: {len(seen.pending)} to write, {len(seen.conflicts)} refused; nothing was written, --apply writes")
        return not seen.conflicts
    done = found.apply(published, f"Plan of the week of {week}", policy.author, policy.email)
    say(f"{target.name}: {_told(done)}")
    if done.commit is not None:
        _notify(workspace, target, done)
    return not done.conflicts


def _told(done: Applied) -> str:
    if done.commit is None:
        return "nothing to write" + (f", {_paths(done.conflicts)} refused" if done.conflicts else "")
    tags = f", tagged {', '.join(done.tags)}" if done.tags else ""
    refused = f"; refused: {_paths(done.conflicts)}" if done.conflicts else ""
    return f"commit {done.commit[:12]} with {len(done.written)} files{tags}{refused}"


def _paths(parts: Sequence[Part]) -> str:
    return ", ".join(part.path for part in parts)


def _notify(workspace: Workspace, target: SyncTarget, done: Applied) -> None:
    """Put the notice that a sync was completed into the outbox, once a commit (C08)."""
    message = notices.synced(target.name, str(done.commit), _told(done), clock.now())
    with DeliveryStore.open(workspace.settings.home) as store:
        store.notify(message, channels_for(workspace.policy.alerts, message.kind, message.severity, notices.DELIVERY), clock.now())
