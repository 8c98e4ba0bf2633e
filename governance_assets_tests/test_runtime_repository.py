"""Syncs to real git repositories, bare and not: what would change, what is written, and everything that is refused."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest

from governance_assets.policy.plan import SyncTarget
from governance_assets.runtime.repository import Published, Repository, RepositoryError, marked, replaced

README = (
    "# Project\r\n\r\ntext caf\xe9\r\n<!-- governance:status -->\r\nold\r\n<!-- /governance:status -->\r\nmore\r\n".encode("latin-1"),
    b"# Changes\n\n<!-- governance:changelog -->\n<!-- /governance:changelog -->\n\n## By hand\n",
)
WANTED = Published({"dashboard.md": "# Board\n", "decisions.md": "# Decisions\n"}, "Week 1\n\nfine\n", "## 2025-W41\n", ("phase-1",))
TEN = dt.datetime(2025, 10, 6, 10, tzinfo=dt.UTC)


def git(folder: Path, *arguments: str, at: dt.datetime = TEN) -> str:
    told = {
        "GIT_AUTHOR_DATE": at.isoformat(),
        "GIT_COMMITTER_DATE": at.isoformat(),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
    }
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
    return subprocess.run(command, capture_output=True, check=True, env=told).stdout.decode(errors="surrogateescape")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with a README in an old encoding, a changelog and code."""
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "README.md").write_bytes(README[0])
    (folder / "CHANGELOG.md").write_bytes(README[1])
    (folder / "src").mkdir()
    (folder / "src" / "train.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "begin")
    return folder


@pytest.fixture(params=["bare", "checked out", "address"])
def target(request: pytest.FixtureRequest, work: Path, tmp_path: Path) -> SyncTarget:
    where = work
    if request.param != "checked out":
        where = tmp_path / "bare.git"
        git(tmp_path, "clone", "--quiet", "--bare", str(work), str(where))
    address = f"file://{where}" if request.param == "address" else str(where)
    return SyncTarget(name="team", repository=address, code=("src",), tag_prefix="")


def opened(target: SyncTarget, tmp_path: Path) -> Repository:
    return Repository(target, tmp_path, tmp_path / "mirrors")


def place(target: SyncTarget) -> Path:
    return Path(target.repository.removeprefix("file://"))


def states(repository: Repository, wanted: Published = WANTED) -> dict[str, str]:
    return {part.path: part.state for part in repository.compare(wanted).parts}


def apply(repository: Repository, wanted: Published = WANTED) -> str | None:
    return repository.apply(wanted, "Plan of the week", "governance", "g@localhost").commit


def test_a_sync_writes_what_it_showed_and_nothing_else(target: SyncTarget, tmp_path: Path) -> None:
    repository, folder = opened(target, tmp_path), place(target)
    before = git(folder, "rev-parse", "main")
    assert states(repository) == {
        "docs/governance/dashboard.md": "create",
        "docs/governance/decisions.md": "create",
        "README.md": "update",
        "CHANGELOG.md": "update",
        "phase-1": "create",
    }
    assert git(folder, "rev-parse", "main") == before  # looking writes nothing
    done = repository.apply(WANTED, "Plan of the week", "governance", "g@localhost")
    assert (done.tags, done.conflicts) == (("phase-1",), ())
    changed = git(folder, "diff", "--name-only", before.strip(), "main").split()
    assert set(changed) == {*done.written, "docs/governance/.governance-sync.json"}
    new = git(folder, "cat-file", "blob", "main:README.md").encode(errors="surrogateescape")
    assert new == README[0].replace(b"old\r\n", b"Week 1\r\n\r\nfine\r\n")  # other bytes, line ends and encoding as they were
    assert git(folder, "log", "-1", "--format=%an %ae %s", "main").strip() == "governance g@localhost Plan of the week"
    assert git(folder, "rev-parse", "phase-1^{commit}") == git(folder, "rev-parse", "main")
    assert set(states(repository).values()) == {"current"}
    assert apply(repository) is None  # once more is nothing
    if (folder / "README.md").exists():
        assert (folder / "README.md").read_bytes() == new
        assert git(folder, "status", "--porcelain") == ""


def test_what_a_person_wrote_is_a_conflict_and_stays(work: Path, tmp_path: Path) -> None:
    repository = opened(SyncTarget(name="team", repository=str(work)), tmp_path)
    (work / "docs" / "governance").mkdir(parents=True)
    (work / "docs" / "governance" / "decisions.md").write_text("ours\n")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "by hand")
    assert states(repository)["docs/governance/decisions.md"] == "conflict"  # a file that no sync wrote
    done = repository.apply(WANTED, "m", "a", "e@e")
    assert [part.path for part in done.conflicts] == ["docs/governance/decisions.md"]
    assert (work / "docs" / "governance" / "decisions.md").read_text() == "ours\n"
    (work / "docs" / "governance" / "dashboard.md").write_text("edited\n")  # a file that a sync wrote
    git(work, "commit", "--quiet", "-am", "by hand")
    newer = Published({"dashboard.md": "# Board 2\n"}, "Week 2\n", "## W\n")
    assert states(repository, newer)["docs/governance/dashboard.md"] == "conflict"
    assert apply(repository, newer) is not None
    assert (work / "docs" / "governance" / "dashboard.md").read_text() == "edited\n"


@pytest.mark.parametrize(
    "text",
    [
        "no markers\n",
        "<!-- governance:status -->\n",
        "<!-- /governance:status -->\n<!-- governance:status -->\n",
        "<!-- governance:status -->\n<!-- /governance:status -->\n" * 2,
        "in a line <!-- governance:status -->\n<!-- /governance:status -->\n",
    ],
)
def test_a_readme_without_clear_markers_is_left_alone(text: str, work: Path, tmp_path: Path) -> None:
    (work / "README.md").write_text(text)
    git(work, "commit", "--quiet", "-am", "readme")
    repository = opened(SyncTarget(name="team", repository=str(work)), tmp_path)
    assert states(repository)["README.md"] == "conflict"
    assert apply(repository) is not None
    assert (work / "README.md").read_text() == text


def test_work_in_progress_of_a_checked_out_branch_is_not_overwritten(work: Path, tmp_path: Path) -> None:
    (work / "README.md").write_bytes(README[0] + b"unsaved\n")
    before = git(work, "rev-parse", "main")
    with pytest.raises(RepositoryError, match="refused the sync, nothing was written"):
        apply(opened(SyncTarget(name="team", repository=str(work)), tmp_path))
    assert git(work, "rev-parse", "main") == before
    assert git(work, "tag") == ""
    assert (work / "README.md").read_bytes().endswith(b"unsaved\n")


def test_a_remote_that_refuses_gets_neither_commit_nor_tag(work: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(work), str(bare))
    hook = bare / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ncase $1 in refs/tags/*) exit 1;; esac\n")
    hook.chmod(0o755)
    before = git(bare, "rev-parse", "main")
    with pytest.raises(RepositoryError, match="refused the sync, nothing was written"):
        apply(opened(SyncTarget(name="team", repository=f"file://{bare}"), tmp_path))
    assert git(bare, "rev-parse", "main") == before
    assert git(bare, "tag") == ""


def test_links_are_not_followed(work: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (work / "docs").symlink_to(outside)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "link")
    with pytest.raises(RepositoryError, match="leads through a link"):
        apply(opened(SyncTarget(name="team", repository=str(work)), tmp_path))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("address", ["missing", "file:///nowhere/at/all.git"])
def test_a_repository_that_cannot_be_read_says_so(address: str, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        opened(SyncTarget(name="team", repository=address), tmp_path).compare(WANTED)


def test_a_closed_week_sees_the_repository_as_it_was(work: Path, tmp_path: Path) -> None:
    repository = opened(SyncTarget(name="team", repository=str(work), code=("src",)), tmp_path)
    first = git(work, "rev-parse", "main").strip()
    text = replaced((work / "CHANGELOG.md").read_text(), "changelog", "by a person")
    (work / "CHANGELOG.md").write_text(text)
    git(work, "commit", "--quiet", "-am", "a week later", at=TEN + dt.timedelta(days=7))
    (work / "src" / "train.py").write_text("x = 2\n")
    git(work, "commit", "--quiet", "-am", "code", at=TEN + dt.timedelta(days=8))
    head = git(work, "rev-parse", "main").strip()
    assert repository.compare(WANTED, TEN + dt.timedelta(days=6)).commit == first
    assert repository.compare(WANTED, TEN + dt.timedelta(seconds=1)).commit == first
    with pytest.raises(RepositoryError, match="no commit before"):
        repository.compare(WANTED, TEN)  # the end of a week is no longer part of it
    assert repository.compare(WANTED).commit == head
    assert repository.section_changed_at(head, "CHANGELOG.md", "changelog") == TEN + dt.timedelta(days=7)
    assert repository.section_changed_at(head, "README.md", "status") == TEN
    answers = [repository.code_matches(head, commit) for commit in (head, first, "0" * 40, "--output=x")]
    assert answers == [True, False, None, None]


@pytest.mark.parametrize(
    ("text", "body", "expected"),
    [
        ("a\n<!-- governance:x -->\nb\n<!-- /governance:x -->\nc", "new", "a\n<!-- governance:x -->\nnew\n<!-- /governance:x -->\nc"),
        ("<!-- governance:x -->\n<!-- /governance:x -->", "\nnew\n\n", "<!-- governance:x -->\nnew\n<!-- /governance:x -->"),
        ("  <!-- governance:x -->\nb\n<!-- /governance:x -->  \n", "", "  <!-- governance:x -->\n<!-- /governance:x -->  \n"),
    ],
)
def test_only_what_stands_between_the_markers_changes(text: str, body: str, expected: str) -> None:
    assert replaced(text, "x", body) == expected
    assert marked(expected, "x") == (f"{body.strip()}\n" if body.strip() else "")
    assert replaced(expected, "x", body) == expected
    assert marked(text, "y") is None
