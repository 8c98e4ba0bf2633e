"""A git repository: a plan file as it stood at the end of every week, and the commits of a branch.

Belongs here: asking git. Does not belong here: what a plan means. A repository on this machine is read where it lies; a remote one
is mirrored into the source's own folder first. Nothing is ever written to either.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from governance_assets.policy.sources import GitPlanSource, GitSource
from governance_assets.runtime.alerts.channels import foreign
from governance_assets.runtime.commit_lock import without_secrets
from governance_assets.runtime.sources.live import COVERED, Ask, Cursor, Page, SourceError, instant

COMMITS_A_PAGE = 1_000
_FIELD, _RECORD = "\x1f", "\x1e"
_COMMIT = ("sha", "parents", "committed_at", "message", "tags")
_FORMAT = _RECORD + _FIELD.join(("%H", "%P", "%cI", "%s", "%D")) + _FIELD


def plan_pages(source: GitPlanSource, cursor: Cursor, ask: Ask) -> Iterator[Page]:
    """The plan file of the last commit of every ISO week (UTC) that the branch's history touched it in.

    A week that is not over lands as it is, and again under another commit when that moves on. Where the last state of a week is no
    YAML, the last one before it in that week that is lands beside it.
    """
    repository = _Repository(source, ask)
    landed: dict[str, str] = dict(cursor.get("weeks", {}))
    for week, commits in _weeks(repository, source).items():
        if landed.get(week) == commits[0][0]:
            continue
        for sha, day in _wanted(repository, source, commits):
            body = repository.read("cat-file", "blob", f"{sha}:{source.path}")
            yield Page({**cursor, "weeks": dict(landed)}, f"{source.name}/{week}__{day}__{sha[:9]}.yaml", body, 1)
        landed[week] = commits[0][0]
    yield Page({COVERED: ask.now().isoformat(), "weeks": landed})


def _weeks(repository: _Repository, source: GitPlanSource) -> dict[str, list[tuple[str, str]]]:
    """Commits that left the file in place, by ISO week, each with its day, the newest first."""
    told = repository.read(
        "log", "--first-parent", "--diff-filter=ACMRT", "--format=%H %ct", repository.revision(), "--", source.path
    ).decode()
    found: dict[str, list[tuple[str, str]]] = {}
    for line in told.splitlines():
        sha, seconds = line.split()
        when = dt.datetime.fromtimestamp(int(seconds), dt.UTC)
        year, number, _ = when.isocalendar()
        found.setdefault(f"{year}-W{number:02d}", []).append((sha, when.date().isoformat()))
    return dict(sorted(found.items()))


def _wanted(repository: _Repository, source: GitPlanSource, commits: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for sha, day in commits:
        is_whole = _is_yaml(repository.read("cat-file", "blob", f"{sha}:{source.path}"))
        if is_whole or sha == commits[0][0]:
            yield sha, day
        if is_whole:
            return


def _is_yaml(body: bytes) -> bool:
    try:
        yaml.load(body, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    return True


def log_pages(source: GitSource, cursor: Cursor, ask: Ask) -> Iterator[Page]:
    """The commits that the branch has and had not when it was last read, oldest first, one JSON object a line."""
    repository = _Repository(source, ask)
    head = repository.revision()
    last = str(cursor.get("head", ""))
    if last and not repository.is_ancestor(last, head):
        last = ""  # history was rewritten: all of it is told again, and commits have ids
    commits = repository.commits(f"{last}..{head}" if last else head)
    for start in range(0, len(commits), COMMITS_A_PAGE):
        part = commits[start : start + COMMITS_A_PAGE]
        body = "".join(json.dumps(commit, ensure_ascii=False) + "\n" for commit in part).encode()
        name = f"{source.name}/{part[-1]['committed_at'][:10]}__{part[0]['sha'][:9]}--{part[-1]['sha'][:9]}.jsonl"
        yield Page({**cursor, "head": part[-1]["sha"]} if last else dict(cursor), name, body, len(part))
    yield Page({"head": head, COVERED: ask.now().isoformat()})


class _Repository:
    """A repository that git can be asked about."""

    def __init__(self, source: GitSource, ask: Ask) -> None:
        self._source, self._ask = source, ask
        self._token = ask.secret(source.token_env)
        self._folder = Path(source.repository)
        if not self._folder.is_dir():
            self._folder = ask.work / "mirror.git"
            self._mirror()

    def _mirror(self) -> None:
        # The name of the token's variable, never the token, would show in a list of processes; git reads it from its environment.
        if not (self._folder / "HEAD").is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            self.read("init", "--bare", "--quiet")
        self.read(
            "fetch",
            "--quiet",
            "--no-auto-maintenance",
            "--tags",
            "--",
            self._source.repository,
            "+HEAD:refs/governance/HEAD",
            "+refs/heads/*:refs/heads/*",
        )

    def revision(self) -> str:
        """The commit at the end of the branch."""
        name = self._source.branch
        if name == "HEAD" and self._folder == self._ask.work / "mirror.git":
            name = "refs/governance/HEAD"
        return self.read("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip()

    def is_ancestor(self, sha: str, head: str) -> bool:
        """Whether ``sha`` is still in the history of ``head``."""
        return self._run("merge-base", "--is-ancestor", sha, head).returncode == 0

    def commits(self, revisions: str) -> list[dict[str, object]]:
        """Commits with the number of files and lines they changed, oldest first. Nobody's name is among it."""
        told = self.read("log", "--reverse", "--topo-order", "--numstat", "--no-renames", f"--format={_FORMAT}", revisions).decode(
            "utf-8", "replace"
        )
        return [_commit(record) for record in told.split(_RECORD)[1:]]

    def read(self, *arguments: str) -> bytes:
        """What git prints. Raises SourceError with what it says of a failure."""
        done = self._run(*arguments)
        if done.returncode != 0:
            said = foreign(without_secrets(done.stderr.decode("utf-8", "replace")), (self._token,)) or "without a word"
            raise SourceError(f"git {arguments[0]} of {self._source.name} failed ({said})")
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", str(self._folder), "-c", "core.hooksPath=/dev/null", *arguments]
        seconds = self._ask.policy.page_seconds
        try:
            return subprocess.run(command, capture_output=True, timeout=seconds, check=False, env=self._environment())
        except FileNotFoundError:
            raise SourceError("git is not installed; install it where sources are fetched", is_permanent=True) from None
        except subprocess.TimeoutExpired:
            raise SourceError(f"git {arguments[0]} of {self._source.name} did not end within {seconds:g} s") from None

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        kept |= {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file:https:ssh", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        kept["GIT_CEILING_DIRECTORIES"] = str(self._folder.parent)  # a folder within another repository is no repository
        if not self._token:
            return kept
        parts = urlsplit(self._source.repository)
        if parts.scheme != "https":
            raise SourceError(f"a token is sent over https only; the address of {self._source.name} is none", is_permanent=True)
        basic = base64.b64encode(f"x-access-token:{self._token}".encode()).decode()
        settings = {f"http.https://{parts.netloc}/.extraHeader": f"Authorization: Basic {basic}", "http.followRedirects": "false"}
        named = [(f"GIT_CONFIG_KEY_{n}", key, f"GIT_CONFIG_VALUE_{n}", value) for n, (key, value) in enumerate(settings.items())]
        return (
            kept
            | {"GIT_CONFIG_COUNT": str(len(named))}
            | {k: v for key, name, slot, value in named for k, v in ((key, name), (slot, value))}
        )


def _commit(record: str) -> dict[str, object]:
    *fields, numbers = record.split(_FIELD)
    counted = [line.split("\t") for line in numbers.splitlines() if line.count("\t") == 2]
    changed = [[int(cell) if cell.isdigit() else 0 for cell in line[:2]] for line in counted]  # "-" stands for a binary file
    commit = dict(zip(_COMMIT, fields, strict=True))
    parents, when = commit["parents"].split(), instant(commit["committed_at"])
    return {
        "sha": commit["sha"],
        "parents": parents,
        "is_merge": len(parents) > 1,
        "committed_at": when.astimezone(dt.UTC).isoformat() if when else commit["committed_at"],
        "message": commit["message"],
        "tags": [name.removeprefix("tag: ") for name in commit["tags"].split(", ") if name.startswith("tag: ")],
        "files": "\n".join(line[2] for line in counted),
        "file_count": len(counted),
        "insertions": sum(added for added, _ in changed),
        "deletions": sum(removed for _, removed in changed),
    }
