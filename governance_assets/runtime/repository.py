"""A git repository that documents are published to: what a sync would change, and changing it.

Belongs here: asking git, comparing, committing, pushing. Does not belong here: what the documents say (a domain's ``report.py``) or
how much drift is too much (policy).

A sync writes the files it is handed into one folder, and the text between two markers of a README and of a changelog. Nothing else is
touched: a file that a person changed since the last sync, a file of that name that no sync wrote, markers that are missing or doubled,
and a branch that moved on in the meantime are conflicts, reported and never forced. A list of digests in the folder says what the last
sync wrote. Reading is of a commit, never of a working tree; writing is a clone, a commit and a push, to bare repositories and others.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from governance_assets.policy.plan import SyncTarget

MANIFEST = ".governance-sync.json"
"""Name of the list of digests, in the folder of the documents."""
_MARK = "governance:{name}"
_TIMEOUT_S = 120
_MOST_COMMITS = 200


class RepositoryError(Exception):
    """A repository that cannot be read or written; the message says why."""


@dataclass(frozen=True)
class Published:
    """What a sync wants to stand in a repository: documents by name, the two marked sections, and tags."""

    documents: Mapping[str, str]
    readme: str
    changelog: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One file, section or tag: how it stands, and the whole new text of its file where it is to be written."""

    kind: str
    path: str
    state: str
    text: str
    written_at: dt.datetime | None = None
    content: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A repository against what is to stand in it, at one commit."""

    commit: str | None
    parts: tuple[Part, ...]
    synced_at: dt.datetime | None = None

    @property
    def conflicts(self) -> tuple[Part, ...]:
        """What is refused."""
        return tuple(part for part in self.parts if part.state == "conflict")

    @property
    def pending(self) -> tuple[Part, ...]:
        """What is to be written."""
        return tuple(part for part in self.parts if part.state in ("create", "update"))


@dataclass(frozen=True)
class Applied:
    """What a sync did: its commit and tags where it wrote, and what it refused."""

    commit: str | None
    tags: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    conflicts: tuple[Part, ...] = ()


class Repository:
    """One target of the policy, as git has it."""

    def __init__(self, target: SyncTarget, base: Path, mirrors: Path) -> None:
        self.target = target
        local = (base / target.repository).resolve() if "://" not in target.repository else None
        self.is_local = local is not None and local.is_dir()
        self.address = str(local) if self.is_local else target.repository
        self._folder = Path(self.address) if self.is_local else mirrors / f"{target.name}.git"

    def compare(self, published: Published, until: dt.datetime | None = None) -> Comparison:
        """The branch as it stood at ``until`` (now, when None) against ``published``. Raises RepositoryError."""
        self._refresh()
        commit = self._commit(until)
        if commit is None:
            raise RepositoryError(f"branch {self.target.branch} has no commit" + (f" before {until:%Y-%m-%d %H:%M}Z" if until else ""))
        parts = [*self._documents(commit, published), *self._sections(commit, published), *self._tags(published, until)]
        return Comparison(commit, tuple(parts), self._written_at(commit, f"{self.target.docs}/{MANIFEST}"))

    def section_changed_at(self, commit: str, path: str, name: str) -> dt.datetime | None:
        """When the text between the markers of ``path`` last changed, by the commits that touch it; None when it never did."""
        told = self._git("log", f"--max-count={_MOST_COMMITS}", "--format=%H %ct", commit, "--", path).split("\n")
        commits = [line.split() for line in told if line]
        for (sha, seconds), older in zip(commits, [*commits[1:], None], strict=True):
            now, before = (marked(self._read(each, path) or "", name) for each in (sha, older[0] if older else ""))
            if now is not None and now != before:
                return dt.datetime.fromtimestamp(int(seconds), dt.UTC)
        return None

    def code_matches(self, commit: str, registered: str) -> bool | None:
        """Whether the policy's code is what it was at ``registered``; None when the repository has no such commit."""
        if not re.fullmatch(r"[0-9a-fA-F]{7,64}", registered):
            return None
        try:
            self._git("cat-file", "-e", f"{registered}^{{commit}}")
        except RepositoryError:
            return None
        return not self._git("diff", "--name-only", registered, commit, "--", *self.target.code).strip()

    def apply(self, published: Published, message: str, author: str, email: str) -> Applied:
        """Write what is pending as one commit with its tags, all or nothing; conflicts are left as they are.

        Raises RepositoryError when the remote refuses: it moved on, or its working tree has changes of its own.
        """
        compared = self.compare(published)
        if not compared.pending:
            return Applied(None, conflicts=compared.conflicts)
        with tempfile.TemporaryDirectory(prefix="governance-sync-") as name:
            clone = Path(name) / "clone"
            self._run("clone", "--quiet", "--no-hardlinks", "--branch", self.target.branch, "--", self.address, str(clone))
            if self._git("rev-parse", "HEAD", folder=clone).strip() != compared.commit:
                raise RepositoryError(f"{self.target.name} moved on while it was compared; nothing was written, run the sync again")
            return self._pushed(clone, compared, message, (author, email))

    def _pushed(self, clone: Path, compared: Comparison, message: str, who: tuple[str, str]) -> Applied:
        written = [part for part in compared.pending if part.content is not None]
        for part in written:
            self._write(clone, part.path, part.content or "")
        documents = {part.path: part.content or "" for part in written if part.kind == "document"}
        if documents:
            manifest = f"{self.target.docs}/{MANIFEST}"
            known = self._manifest(str(compared.commit)) | {path: _digest(content) for path, content in documents.items()}
            self._write(clone, manifest, json.dumps(dict(sorted(known.items())), indent=1) + "\n")
            self._git("add", "--force", "--", manifest, folder=clone)
        tags = tuple(part.path for part in compared.pending if part.kind == "tag")
        identity = ("-c", f"user.name={who[0]}", "-c", f"user.email={who[1]}", "-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false")
        if written:
            self._git("add", "--force", "--", *(part.path for part in written), folder=clone)
            self._git(*identity, "commit", "--quiet", "--no-verify", "-m", message, folder=clone)
        for tag in tags:
            self._git(*identity, "tag", "--annotate", "-m", message, "--", tag, folder=clone)
        # A checked-out branch is brought up to date with its files, and refuses when these have changes of their own.
        receiver = ["--receive-pack=git -c receive.denyCurrentBranch=updateInstead receive-pack"] if self.is_local else []
        refs = [f"HEAD:refs/heads/{self.target.branch}", *(f"refs/tags/{tag}" for tag in tags)]
        try:
            self._git("push", "--quiet", "--atomic", *receiver, "origin", *refs, folder=clone)
        except RepositoryError as error:
            raise RepositoryError(f"{self.target.name} refused the sync, nothing was written: {error}") from None
        commit = self._git("rev-parse", "HEAD", folder=clone).strip()
        return Applied(commit, tags, tuple(part.path for part in written), compared.conflicts)

    # ------------------------------------------------------------ comparing

    def _documents(self, commit: str, published: Published) -> Iterator[Part]:
        known = self._manifest(commit)
        for name, text in sorted(published.documents.items()):
            path = f"{self.target.docs}/{name}"
            found = self._read(commit, path)
            written = self._written_at(commit, path)
            if found == text:
                yield Part("document", path, "current", "as it should be", written)
            elif found is None:
                yield Part("document", path, "create", f"{len(text.splitlines())} lines", content=text)
            elif known.get(path) == _digest(found):
                yield Part("document", path, "update", _difference(found, text), written, text)
            else:
                why = "a person changed it since the last sync" if path in known else "no sync wrote this file"
                yield Part("document", path, "conflict", f"{why}; take it away or move its text, then sync again", written)

    def _sections(self, commit: str, published: Published) -> Iterator[Part]:
        for kind, path, body in (
            ("readme", self.target.readme, published.readme),
            ("changelog", self.target.changelog, published.changelog),
        ):
            name = "status" if kind == "readme" else "changelog"
            found = self._read(commit, path)
            begin, end = markers(name)
            if found is None or marked(found, name) is None:
                yield Part(
                    kind, path, "conflict", f"expected one line {begin} and below it one line {end}; write both where the text may stand"
                )
                continue
            new = replaced(found, name, body)
            if new == found:
                yield Part(kind, path, "current", "as it should be", self.section_changed_at(commit, path, name))
            else:
                yield Part(kind, path, "update", _difference(found, new), self.section_changed_at(commit, path, name), new)

    def _tags(self, published: Published, until: dt.datetime | None) -> Iterator[Part]:
        for tag in published.tags:
            told = self._git("for-each-ref", "--format=%(creatordate:unix)", f"refs/tags/{tag}").strip()
            made = dt.datetime.fromtimestamp(int(told), dt.UTC) if told else None
            if made is not None and (until is None or made < until):
                yield Part("tag", tag, "current", "tagged", made)
            else:
                yield Part("tag", tag, "create", "its phase is complete")

    def _manifest(self, commit: str) -> dict[str, str]:
        try:
            known = json.loads(self._read(commit, f"{self.target.docs}/{MANIFEST}") or "{}")
        except ValueError:
            return {}
        return {str(path): str(digest) for path, digest in known.items()} if isinstance(known, dict) else {}

    # ------------------------------------------------------------ git

    def _refresh(self) -> None:
        if self.is_local:
            return
        if not (self._folder / "HEAD").is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--bare")
        refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        self._git("fetch", "--quiet", "--prune", "--no-auto-maintenance", "--", self.address, *refs)

    def _commit(self, until: dt.datetime | None) -> str | None:
        # --before includes its second; what was committed in the first second of the next week is of that week
        limit = [f"--before={int((until - dt.timedelta(seconds=1)).timestamp())}"] if until else []
        try:
            return (
                self._git("rev-list", "--max-count=1", "--first-parent", *limit, f"refs/heads/{self.target.branch}", "--").strip() or None
            )
        except RepositoryError:
            return None

    def _read(self, commit: str, path: str) -> str | None:
        if not commit:
            return None
        try:
            return self._git("cat-file", "blob", f"{commit}:{path}")
        except RepositoryError:
            return None

    def _written_at(self, commit: str, path: str) -> dt.datetime | None:
        told = self._git("log", "--max-count=1", "--format=%ct", commit, "--", path).strip()
        return dt.datetime.fromtimestamp(int(told), dt.UTC) if told else None

    def _write(self, clone: Path, path: str, content: str) -> None:
        target = clone / path
        here = clone
        for step in Path(path).parts:
            here = here / step
            if here.is_symlink():
                raise RepositoryError(f"{path} leads through a link, which a sync does not follow; nothing was written")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode(errors="surrogateescape"))

    def _git(self, *arguments: str, folder: Path | None = None) -> str:
        return self._run("-C", str(folder or self._folder), *arguments)

    def _run(self, *arguments: str) -> str:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "file:https:http:ssh:git",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        safe = ("-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "safe.directory=*")
        try:
            done = subprocess.run(
                ["git", *safe, *arguments], capture_output=True, check=False, timeout=_TIMEOUT_S, env=environment, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RepositoryError(f"git could not be asked ({type(error).__name__})") from None
        if done.returncode:
            told = " ".join(done.stderr.decode(errors="replace").split())
            raise RepositoryError(re.sub(r"://[^/@\s]*@", "://", told)[:300] or f"git ended with {done.returncode}")
        return done.stdout.decode(errors="surrogateescape")  # bytes that are no UTF-8 go back as they came


# ---------------------------------------------------------------- marked sections


def markers(name: str) -> tuple[str, str]:
    """The lines between which a sync writes.

    >>> markers("status")
    ('<!-- governance:status -->', '<!-- /governance:status -->')
    """
    mark = _MARK.format(name=name)
    return f"<!-- {mark} -->", f"<!-- /{mark} -->"


def marked(text: str, name: str) -> str | None:
    """What stands between the markers; None unless each stands once on a line of its own, in order.

    >>> marked("a\\n<!-- governance:x -->\\nb\\n<!-- /governance:x -->\\nc\\n", "x")
    'b\\n'
    """
    found = _between(text, name)
    return None if found is None else text[found[0] : found[1]]


def replaced(text: str, name: str, body: str) -> str:
    """``text`` with ``body`` between the markers; every other character as it was. Raises ValueError without markers."""
    found = _between(text, name)
    if found is None:
        raise ValueError(f"no markers of {name}")
    newline = "\r\n" if "\r\n" in text[: found[0]] else "\n"
    lines = body.strip("\n").replace("\n", newline)
    return text[: found[0]] + (lines + newline if lines else "") + text[found[1] :]


def _between(text: str, name: str) -> tuple[int, int] | None:
    begin, end = ([*re.finditer(rf"^[ \t]*{re.escape(mark)}[ \t]*\r?$\n?", text, re.MULTILINE)] for mark in markers(name))
    if len(begin) != 1 or len(end) != 1 or end[0].start() < begin[0].end():
        return None
    return begin[0].end(), end[0].start()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _difference(before: str, after: str) -> str:
    old, new = before.splitlines(), after.splitlines()
    gone, come = set(old) - set(new), set(new) - set(old)
    return f"{len(come)} lines come, {len(gone)} go"
