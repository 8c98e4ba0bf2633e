"""A git repository as a source: a plan at the end of every week, and the commits of a branch."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from governance_assets.policy import PolicyError, policy_from
from governance_assets.policy.sources import GitPlanSource, GitSource
from governance_assets_tests.live_samples import Bench

PLAN = "state/roadmap.yaml"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


class Repository:
    """A repository of a test, whose commits have the times that they are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, when: str = "2025-10-01T00:00:00+00:00") -> str:
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "n"), ("EMAIL", "n@example.org"), ("DATE", when))
        }
        done = subprocess.run(["git", "-C", str(self.folder), *arguments], env=os.environ | who, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, when: str, plan: str | None, subject: str = "change") -> str:
        if plan is not None:
            path = self.folder / PLAN
            path.parent.mkdir(exist_ok=True)
            path.write_text(plan)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject, when=when)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def plan(where: object) -> GitPlanSource:
    return GitPlanSource(name="roadmap", repository=str(where), path=PLAN)


def test_one_state_a_week_lands_under_its_commit(bench: Bench, repository: Repository) -> None:
    repository.commit("2025-10-07T00:00:00+00:00", "epics: [1]\n")
    second = repository.commit("2025-10-12T23:59:59+00:00", "epics: [2]\n")
    third = repository.commit("2025-10-20T01:00:00+02:00", "epics: [3]\n")  # still Sunday in UTC
    repository.commit("2025-10-28T00:00:00+00:00", None, "touches no plan")
    done = bench.fetch("git_plan", plan(repository.folder))
    assert (done.state, done.records) == ("ok", 2)
    assert bench.files() == {
        f"plan/roadmap/2025-W41__2025-10-12__{second[:9]}.yaml": b"epics: [2]\n",
        f"plan/roadmap/2025-W42__2025-10-19__{third[:9]}.yaml": b"epics: [3]\n",
    }
    assert bench.fetch("git_plan", plan(repository.folder)).pages == 0


def test_a_week_that_moves_on_lands_beside_what_was_there(bench: Bench, repository: Repository) -> None:
    repository.commit("2025-10-07T00:00:00+00:00", "epics: [1]\n")
    bench.fetch("git_plan", plan(repository.folder))
    before = bench.files()
    repository.commit("2025-10-09T00:00:00+00:00", "epics: [2]\n")
    assert bench.fetch("git_plan", plan(repository.folder)).files == 1
    assert bench.files().items() > before.items()


def test_a_state_that_is_no_yaml_lands_with_the_last_one_that_is(bench: Bench, repository: Repository) -> None:
    repository.commit("2025-10-06T00:00:00+00:00", "epics: [1]\n")
    good = repository.commit("2025-10-07T00:00:00+00:00", "epics: [2]\n")
    bad = repository.commit("2025-10-08T00:00:00+00:00", "epics: `a\n")
    bench.fetch("git_plan", plan(repository.folder))
    assert sorted(name.rsplit("__", 1)[1] for name in bench.files()) == sorted([f"{good[:9]}.yaml", f"{bad[:9]}.yaml"])


def test_a_merge_counts_and_a_deletion_does_not(bench: Bench, repository: Repository) -> None:
    repository.commit("2025-10-06T00:00:00+00:00", "epics: [1]\n")
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("2025-10-07T00:00:00+00:00", "epics: [2]\n")
    repository.git("checkout", "-q", "main")
    repository.commit("2025-10-08T00:00:00+00:00", None, "other")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side", when="2025-10-14T00:00:00+00:00")
    repository.git("rm", "-q", PLAN)
    repository.commit("2025-10-15T00:00:00+00:00", None, "gone")
    bench.fetch("git_plan", plan(repository.folder))
    assert {name.split("/")[-1][:8]: body for name, body in bench.files().items()} == {
        "2025-W41": b"epics: [1]\n",
        "2025-W42": b"epics: [2]\n",
    }


def test_a_bare_remote_is_mirrored_outside_the_telemetry(bench: Bench, repository: Repository, tmp_path: Path) -> None:
    repository.commit("2025-10-07T00:00:00+00:00", "epics: [1]\n")
    bare = tmp_path / "remote.git"
    repository.git("clone", "-q", "--bare", str(repository.folder), str(bare))
    for source in (plan(bare), plan(f"file://{bare}").model_copy(update={"name": "mirrored"})):
        assert bench.fetch("git_plan", source).state == "ok"
    assert [name.split("/")[1] for name in bench.files()] == ["mirrored", "roadmap"]
    repository.commit("2025-10-14T00:00:00+00:00", "epics: [2]\n")
    repository.git("push", "-q", str(bare), "main")
    assert bench.fetch("git_plan", plan(f"file://{bare}").model_copy(update={"name": "mirrored"})).files == 1


def test_commits_land_once_as_lines(bench: Bench, repository: Repository) -> None:
    first = repository.commit("2025-10-07T00:00:00+02:00", "epics: [1]\n", "Add the plan: ünïcode")
    repository.git("tag", "v1")
    second = repository.commit("2025-10-08T00:00:00+00:00", "epics: [2]\nmore: 1\n")
    source = GitSource(name="code", repository=str(repository.folder))
    done = bench.fetch("git_log", source)
    (body,) = bench.files().values()
    lines = [json.loads(line) for line in body.splitlines()]
    assert (done.state, done.records, [line["sha"] for line in lines]) == ("ok", 2, [first, second])
    assert lines[0] == {
        "sha": first,
        "parents": [],
        "is_merge": False,
        "committed_at": "2025-10-06T22:00:00+00:00",
        "message": "Add the plan: ünïcode",
        "tags": ["v1"],
        "files": PLAN,
        "file_count": 1,
        "insertions": 1,
        "deletions": 0,
    }
    assert (lines[1]["parents"], lines[1]["insertions"], lines[1]["deletions"]) == ([first], 2, 1)
    assert bench.fetch("git_log", source).pages == 0
    third = repository.commit("2025-10-09T00:00:00+00:00", None)
    assert bench.fetch("git_log", source).records == 1
    repository.git("reset", "-q", "--hard", second)
    repository.commit("2025-10-10T00:00:00+00:00", None, "another end")
    done = bench.fetch("git_log", source)
    assert (done.state, done.records) == ("ok", 3)
    assert any(third in body.decode() for body in bench.files().values())


@pytest.mark.parametrize("where", ["gone", "."])
def test_what_is_no_repository_is_told(where: str, bench: Bench, repository: Repository) -> None:
    inner = repository.folder / "inner"
    inner.mkdir()
    done = bench.fetch("git_plan", plan(inner / where))
    assert done.state == "failed"
    assert "git" in done.error
    assert "repository" in done.error


def test_a_branch_that_does_not_exist_is_told(bench: Bench, repository: Repository) -> None:
    repository.commit("2025-10-07T00:00:00+00:00", "epics: [1]\n")
    done = bench.fetch("git_log", GitSource(name="code", repository=str(repository.folder), branch="none"))
    assert (done.state, "rev-parse of code failed" in done.error) == ("failed", True)


@pytest.mark.parametrize("address", ["https://me:secret@example.org/x.git", "ext::sh -c date", "--upload-pack=date"])
def test_an_address_that_is_a_secret_or_a_command_is_refused(address: str) -> None:
    with pytest.raises(PolicyError, match="sources.git_log.0.repository"):
        policy_from({"sources": {"git_log": [{"name": "x", "repository": address}]}})
