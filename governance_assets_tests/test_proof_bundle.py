"""The bundle of a quarter: accepted by the standard library alone, and refused with one byte changed anywhere, whoever rehashed it."""

from __future__ import annotations

import ast
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from governance_assets.cli import USAGE, run_and_explain
from governance_assets.contract import WHOLE, Contract, field
from governance_assets.finding import Rule
from governance_assets.policy import Policy, digest, judging_text
from governance_assets.runtime.history import Entry, History
from governance_assets.runtime.proof import bundle_verifier
from governance_assets.runtime.proof.bundle import BUNDLE_VERIFIER, Bundle, export
from governance_assets.runtime.proof.inclusion import ProofRefused
from governance_assets.runtime.proof.seals import seal
from governance_assets_tests.campaigns import workload
from governance_assets_tests.test_proof_inclusion import WEEK, Proved, rows

QUARTER = "2024-Q1"
RULE = Rule("score_is_known", "the score is known", "find it")


class Plain(Contract, artifact="bundled_notes", key=("name",)):
    """Texts that a file of comma-separated values must not change."""

    name: str = field("Name")
    note: str | None = field("Note", null="none")


NOTES = pa.table({"name": ["a", "b", "c", "d", "e", "f"], "note": [None, "", "\\N", 'say "hi",\nthen go\r\n', "\\", "é,ü"]})


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("bundled")
    policy = Policy()
    with History.open(workload.location(folder)) as opened:
        from dataclasses import replace

        by = replace(workload.judged_provenance("bundle"), policy_sha256=digest(policy), policy_text=judging_text(policy))
        found = (RULE.judge("x", None), RULE.judge("y", True, 0.1, 0.2), RULE.judge("z", False, 3.0))
        opened.commit([Entry(Proved, WEEK, rows().slice(0, 5), (), found, "1", is_open=False)], by)
        seal(opened, [folder / "anchors.jsonl"], "test")
        opened.commit(
            [Entry(Proved, WEEK, rows(), (), found, "1", is_open=False), Entry(Plain, WHOLE, NOTES, (), (), "1", is_open=True)], by
        )
        opened.commit([Entry(Proved, "2023-12-18", rows().slice(0, 0), (), (), "1", is_open=False)], by)
        seal(opened, [folder / "anchors.jsonl"], "test")
        yield opened


@pytest.fixture(scope="module")
def bundle(history: History, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    site = {"index.html": b"<p>as of today</p>", "documents/x/y.csv": b"a\n"}
    return export(history, [Proved, Plain], QUARTER, site, tmp_path_factory.mktemp("out") / "bundle")


@pytest.fixture
def copy(bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle.folder, tmp_path / "copy"))


def ran(folder: Path, head: str) -> subprocess.CompletedProcess[str]:
    """The verifier as an auditor runs it."""
    command = [sys.executable, "-I", "-S", "-B", str(folder / "bundle_verifier.py"), str(folder), "--head", head]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def refusal(folder: Path, head: str) -> str:
    try:
        return bundle_verifier.check(folder, head)
    except SystemExit as refused:
        return str(refused)
    except Exception as error:  # what the command refuses
        return f"refused: {error}"


def rehash(folder: Path) -> None:
    """What somebody does who changes a file and knows of the manifest."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    manifest["files"] = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "manifest.json").write_bytes(json.dumps(manifest, sort_keys=True, indent=1).encode() + b"\n")


def test_the_verifier_needs_the_standard_library_alone() -> None:
    tree = ast.parse(BUNDLE_VERIFIER.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


def test_a_bundle_is_accepted_and_says_what_it_proves(bundle: Bundle) -> None:
    done = ran(bundle.folder, bundle.head)
    assert (done.returncode, done.stderr) == (0, "")
    told = "accepted: 3 ledger entries, the rows of 2 partitions and the findings of 2 lead to "
    assert done.stdout == f"{told}{bundle.head}; manifest {bundle.manifest_sha256}\n"
    assert (bundle.partitions, bundle.entries) == (2, 3), "the week of another quarter stays out, the restatement is told"
    assert not (bundle.folder / "rows" / "proved_figures" / "2023-12-18.csv").exists()


def test_another_head_is_refused(bundle: Bundle) -> None:
    assert refusal(bundle.folder, "0" * 64).startswith("refused: the bundle states the head")


def test_one_changed_byte_is_found_in_every_file(copy: Path, bundle: Bundle) -> None:
    chance = random.Random(7)
    files = sorted(path for path in copy.rglob("*") if path.is_file() and path.stat().st_size)
    assert len(files) >= 13
    for path in files:
        whole = path.read_bytes()
        for at in {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(3))}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert refusal(copy, bundle.head).startswith("refused: "), f"byte {at} of {path.relative_to(copy)}"
        path.write_bytes(whole)
    assert refusal(copy, bundle.head).startswith("accepted: ")


def replaced(name: str, before: str, after: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_bytes().decode()
        assert before in text
        path.write_bytes(text.replace(before, after, 1).encode())

    return change


def without(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names] and None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (replaced(f"rows/proved_figures/{WEEK}.csv", "0.1", "0.2"), "is not what ledger entry 2 recorded"),
        (replaced("rows/bundled_notes/all.csv", "\\\\N", "\\N"), "is not what ledger entry 3 recorded"),
        (replaced(f"findings/proved_figures/{WEEK}.csv", "fail", "pass"), "is not what ledger entry 2 recorded"),
        (replaced("ledger.jsonl", '\\"row_count\\":5', '\\"row_count\\":6'), "ledger entry 1 is not what was sealed"),
        (replaced("seals.jsonl", '"seal":2', '"seal":3'), "the seals lead to"),
        (replaced("tables.json", '"entry": 2', '"entry": 1'), "is not of the newest entry of its partition"),
        (without(f"rows/proved_figures/{WEEK}.csv"), "No such file"),
    ],
)
def test_a_change_is_found_although_the_manifest_was_made_anew(copy: Path, bundle: Bundle, change: Callable, why: str) -> None:
    change(copy)
    rehash(copy)
    assert why in refusal(copy, bundle.head)


def test_a_policy_that_did_not_judge_is_found(copy: Path, bundle: Bundle) -> None:
    (path,) = (copy / "policies").iterdir()
    replaced(f"policies/{path.name}", "0.1", "0.2")(copy)
    rehash(copy)
    assert "is not the one that judged" in refusal(copy, bundle.head)


def test_a_file_too_many_is_found(copy: Path, bundle: Bundle) -> None:
    (copy / "rows" / "note.txt").write_text("see me")
    assert "files that the manifest does not name" in refusal(copy, bundle.head)


def test_what_cannot_be_proved_is_not_exported(history: History, tmp_path: Path) -> None:
    with pytest.raises(ProofRefused, match=r"nothing is recorded of 2019-Q1; `governance run --quarter 2019-Q1`"):
        export(history, [Proved, Plain], "2019-Q1", {}, tmp_path / "bundle")
    with History.open(workload.location(tmp_path / "fresh")) as fresh:
        fresh.commit([Entry(Proved, WEEK, rows(), (), (), "1", is_open=False)], workload.judged_provenance("fresh"))
        with pytest.raises(ProofRefused, match="ledger entry 1 is not sealed yet; run governance seal"):
            export(fresh, [Proved], QUARTER, {}, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_the_command_refuses_what_is_no_quarter_and_a_full_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    for arguments, why in ((["2025Q3", "out"], "--quarter: '2025Q3' is no quarter"), (["2025-Q3", "full"], "is not empty")):
        located = ["--home", str(tmp_path / "home"), "--telemetry", str(tmp_path)]
        assert run_and_explain(["export", "--quarter", arguments[0], "--out", str(tmp_path / arguments[1]), *located]) == USAGE
        assert why in capsys.readouterr().err
