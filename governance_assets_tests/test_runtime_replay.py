"""Replay: what is recorded comes out again from what it was made from, and what does not is named.

Real artifacts on six small weeks, recorded once for the file; each test gets a copy of that home and that telemetry.
"""

import datetime as dt
import hashlib
import inspect
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import governance_assets.definitions  # noqa: F401  (declares the artifacts)
from governance_assets.cli import FAILED, USAGE, main, run_and_explain
from governance_assets.contract import Contract, field
from governance_assets.finding import Rule
from governance_assets.policy import Policy, digest, judging_text, policy_from
from governance_assets.runtime import workspace as workspace_module
from governance_assets.runtime.artifact import DECLARATIONS, computed, materialize, rejudge
from governance_assets.runtime.history import Entry
from governance_assets.runtime.replay import ALL, Replay, Replayed, summary, targets
from governance_assets.runtime.replay.differences import FEW, findings_that_differ, rows_that_differ
from governance_assets.runtime.replay.past import CannotRebuild, HistoryThen, policy_then
from governance_assets.runtime.settings import Settings, SettingsError
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.conftest import FIRST_MONDAY, make_tiny_telemetry, tiny_observations, write_csv

WEEKS = [(FIRST_MONDAY + dt.timedelta(weeks=number)).isoformat() for number in range(6)]
OPEN_WEEK = "2025-08-18"
INTAKE = ["quantile_forecasts", "sample_forecasts", "observations", "rejected_records"]
WEEKLY = ["forecast_scores", "interval_scores", "calibration_metrics", "calibration_curve", "relative_skill"]
COMMIT = "c0ffee" * 6 + "c0ff"


class Installation:
    """One home and one telemetry folder, recorded and replayed without Dagster."""

    def __init__(self, folder: Path) -> None:
        self.home, self.telemetry = folder / "home", folder / "telemetry"
        self._open: tuple[tuple[str | None, str], Workspace] | None = None

    @contextmanager
    def workspace(self, as_of: str | None = None) -> Iterator[Workspace]:
        """One workspace for as long as policy and instant stay; opening a store takes longer than most of what is done here."""
        policy = self.telemetry / "governance.yaml"
        text = policy.read_text(encoding="utf-8") if policy.exists() else ""
        if self._open is None or self._open[0] != (as_of, text):
            self.close()
            self._open = ((as_of, text), self._new(as_of))
        yield self._open[1]

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
        self._open = None

    def _new(self, as_of: str | None) -> Workspace:
        environment = {"GOVERNANCE_HOME": str(self.home), "GOVERNANCE_TELEMETRY": str(self.telemetry)}
        return Workspace(Settings.from_environment(environment | ({"GOVERNANCE_AS_OF": as_of} if as_of else {})))

    def record(self, names: Sequence[str], keys: Sequence[str] = WEEKS, as_of: str | None = None) -> None:
        with self.workspace(as_of) as workspace:
            for name in names:
                materialize([DECLARATIONS[name]], workspace, f"run from {names[0]}", ["all"] if name in INTAKE else keys, {})

    def replay(self, artifact: str, key: str | None = None, revision: int | None = None, is_anyway: bool = False) -> list[Replayed]:
        with self.workspace() as workspace:
            return list(Replay(workspace, is_anyway).each(targets(workspace.history, artifact, key, revision)))

    def one(self, artifact: str, key: str = "all", revision: int | None = None, is_anyway: bool = False) -> Replayed:
        (done,) = self.replay(artifact, key, revision, is_anyway)
        return done

    def tamper(self, statement: str) -> None:
        """Change the store behind the history's back."""
        with self.workspace() as workspace:
            workspace.history._store.connection.execute(statement)

    def kinds(self, artifact: str, key: str) -> list[str]:
        with self.workspace() as workspace:
            return workspace.history.ledger(artifact, key)["kind"].to_pylist()

    def write_policy(self, text: str) -> None:
        (self.telemetry / "governance.yaml").write_text(f"clock:\n  as_of: 2025-08-20T08:00:00Z\n{text}", encoding="utf-8")

    def correct(self, week: int, observed: float) -> None:
        """Send a newer value for the first place of one week."""
        row = tiny_observations()[2 * week] | {"observed": observed, "as_of": "2025-08-19"}
        write_csv(self.telemetry / "observations" / f"correction-{week}.csv", [row])
        self.record(INTAKE)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    made = Installation(folder)
    make_tiny_telemetry(made.telemetry)
    made.record([*INTAKE, *WEEKLY])
    made.close()
    return folder


@pytest.fixture
def governed(recorded: Path, tmp_path: Path) -> Iterator[Installation]:
    shutil.copytree(recorded, tmp_path / "copy")
    made = Installation(tmp_path / "copy")
    yield made
    made.close()


def told(done: Replayed) -> str:
    return "\n".join(done.told)


# What comes out identical


@pytest.mark.parametrize("artifact", WEEKLY)
def test_weeks_recorded_in_one_run_are_rebuilt_one_at_a_time(governed: Installation, artifact: str) -> None:
    assert [governed.one(artifact, week).outcome for week in (WEEKS[0], WEEKS[4])] == ["identical"] * 2


def test_everything_is_rebuilt_together_and_nothing_is_recorded(governed: Installation) -> None:
    with governed.workspace() as workspace:
        before = workspace.history.ledger()
    files = {path for path in governed.home.rglob("*") if path.is_file()}
    done = governed.replay(ALL)
    assert [one.outcome for one in done] == ["identical"] * (len(INTAKE) + 6 * len(WEEKLY))
    assert summary(done) == "34 partitions: 34 identical"
    assert done[0].told[0].startswith("1 rows, content ")
    with governed.workspace() as workspace:
        assert workspace.history.ledger().equals(before)
    assert {path for path in governed.home.rglob("*") if path.is_file()} == files


def test_the_recorded_policy_judges_whatever_is_in_force_now(governed: Installation) -> None:
    governed.write_policy("calibration:\n  max_shortfall: 0.2\n  min_weeks: 30\nintake:\n  max_rejected_share: 0.5\n")
    with governed.workspace() as workspace:
        assert workspace.history.ledger("calibration_metrics")["policy_sha256"][0].as_py() != workspace.policy_sha256
    for name in ("quantile_forecasts", "forecast_scores", "calibration_metrics"):
        assert {one.outcome for one in governed.replay(name)} == {"identical"}


def test_an_attestation_under_another_policy_is_replayed_under_that_one(governed: Installation) -> None:
    governed.write_policy("calibration:\n  max_release_mape: 0.01\n")
    governed.record(["calibration_metrics"], WEEKS[:2])
    assert governed.kinds("calibration_metrics", WEEKS[1]) == ["revision", "attestation"]
    governed.write_policy("")
    assert governed.one("calibration_metrics", WEEKS[1]).outcome == "identical"


def test_a_judgement_is_replayed_with_the_rows_that_it_judged(governed: Installation) -> None:
    governed.write_policy("intake:\n  max_rejected_share: 0.001\n")
    with governed.workspace() as workspace:
        rejudge(DECLARATIONS["quantile_forecasts"], workspace, "judging", ["all"], {})
        assert workspace.history.ledger("quantile_forecasts")["kind"].to_pylist() == ["revision", "judgement"]
    governed.write_policy("")
    assert governed.one("quantile_forecasts").outcome == "identical"
    governed.tamper("UPDATE history.findings SET \"limit\" = 0.9 WHERE rule = 'few_rows_refused' AND artifact = 'quantile_forecasts'")
    done = governed.one("quantile_forecasts")
    assert done.outcome == "differs"
    assert "few_rows_refused" in told(done)
    assert "limit 0.9" in told(done)
    assert "limit 0.001" in told(done)


def test_each_revision_is_rebuilt_from_the_inputs_of_its_time(governed: Installation) -> None:
    governed.correct(2, 150.0)
    governed.record(["forecast_scores", "interval_scores"], [WEEKS[2]])
    assert governed.kinds("forecast_scores", WEEKS[2]) == ["revision", "restatement"]
    assert governed.one("forecast_scores", WEEKS[2], 1).outcome == "identical"
    assert governed.one("forecast_scores", WEEKS[2], 2).outcome == "identical"
    assert governed.one("calibration_metrics", WEEKS[3]).outcome == "identical"
    governed.record(["calibration_metrics"], [WEEKS[3]])
    assert governed.kinds("calibration_metrics", WEEKS[3]) == ["revision", "restatement"]
    assert governed.one("calibration_metrics", WEEKS[3], 1).outcome == "identical"
    assert governed.one("calibration_metrics", WEEKS[3], 2).outcome == "identical"
    assert governed.one("observations").outcome == "identical"


def test_an_input_that_changed_between_reading_and_recording_is_read_as_it_was(governed: Installation) -> None:
    governed.correct(1, 150.0)
    governed.record(["forecast_scores", "interval_scores"], [WEEKS[1]])
    late = DECLARATIONS["calibration_metrics"]
    with governed.workspace() as workspace:
        entries = computed(late, workspace, "slow", [WEEKS[4], WEEKS[5]])
        governed.correct(0, 160.0)
        governed.record(["forecast_scores"], [WEEKS[0]])
        workspace.history.commit(entries, workspace.provenance("slow", {}))
    assert governed.kinds("calibration_metrics", WEEKS[5]) == ["revision", "restatement"]
    assert [one.outcome for one in governed.replay("calibration_metrics")] == ["identical"] * 6


def test_an_artifact_made_of_the_ledger_is_rebuilt_from_the_ledger_that_it_read(governed: Installation) -> None:
    (governed.telemetry / "governance.yaml").write_text("clock:\n  as_of: 2025-09-30T08:00:00Z\n", encoding="utf-8")
    health = DECLARATIONS["operational_health"]
    with governed.workspace() as workspace:
        entries = computed(health, workspace, "slow", ["all"])
        governed.record(["forecast_scores", "interval_scores"], [OPEN_WEEK])
        workspace.history.commit(entries, workspace.provenance("slow", {}))
        later = computed(health, workspace, "later", ["all"])
        assert not entries[0].rows.equals(later[0].rows)
    assert governed.one("operational_health").outcome == "identical"
    governed.tamper("UPDATE history.operational_health SET days_late = 77")
    assert governed.one("operational_health").outcome == "differs"


def test_the_line_of_every_day_is_judged_from_the_day_of_the_entry(governed: Installation) -> None:
    for day in ("2025-08-20T08:00Z", "2025-08-23T08:00Z"):
        governed.record(["calibration_metrics"], [OPEN_WEEK], day)
    with governed.workspace() as workspace:
        found = workspace.history.findings("calibration_metrics", OPEN_WEEK, all=True)
        outcomes = found.filter(pc.equal(found["rule"], "history_is_daily"))["outcome"].to_pylist()
    assert outcomes == ["pass", "fail"]
    assert governed.one("calibration_metrics", OPEN_WEEK).outcome == "identical"


# What does not, and why


def test_a_stored_row_that_was_changed_is_named(governed: Installation) -> None:
    governed.tamper(f"UPDATE history.forecast_scores SET wis = wis + 1 WHERE partition_key = '{WEEKS[0]}' AND location = '02'")
    done = governed.one("forecast_scores", WEEKS[0])
    assert done.outcome == "differs"
    assert "the stored rows have" in done.told[0]
    assert done.told[0].endswith("changed after they were recorded")
    assert len(done.told) == 3
    assert all("location 02" in row and "wis " in row and "rebuilt" in row for row in done.told[1:])
    assert {one.outcome for one in governed.replay("forecast_scores") if one.partition_key != WEEKS[0]} == {"identical"}
    later = governed.one("calibration_metrics", WEEKS[2])
    assert later.outcome == "differs"
    assert f"its input forecast_scores {WEEKS[0]} no longer have the digest" in later.told[-1]


def test_a_stored_row_that_was_removed_is_named(governed: Installation) -> None:
    governed.tamper(f"DELETE FROM history.relative_skill WHERE partition_key = '{WEEKS[3]}'")
    done = governed.one("relative_skill", WEEKS[3])
    assert done.outcome == "differs"
    assert "rebuilt, but not stored" in done.told[1]
    assert done.told[-1].startswith("and ")


def test_a_stored_verdict_that_was_changed_is_named(governed: Installation) -> None:
    governed.tamper("UPDATE history.findings SET outcome = 'fail' WHERE rule = 'every_task_is_observed' AND outcome = 'pass'")
    done = governed.one("forecast_scores", WEEKS[0])
    assert done.outcome == "differs"
    assert "the stored ones were changed" in done.told[0]
    assert done.told[1:] == (f"rule every_task_is_observed on week {WEEKS[0]}: recorded outcome fail; replayed outcome pass",)


def test_inputs_that_are_not_those_recorded_are_named(governed: Installation) -> None:
    governed.tamper(
        f"UPDATE history.ledger SET content_sha256 = repeat('0', 64) WHERE artifact = 'forecast_scores' AND partition_key = '{WEEKS[1]}'"
    )
    assert governed.one("calibration_metrics", WEEKS[0]).outcome == "identical"
    done = governed.one("calibration_metrics", WEEKS[4])
    assert done.outcome == "cannot be rebuilt"
    assert f"of forecast_scores {WEEKS[1]} it used revision 1, " in told(done)
    assert "has revision 1, 000000000000" in told(done)


def landed(governed: Installation, feed: str) -> Path:
    with governed.workspace() as workspace:
        return governed.home / workspace.history.rows(feed)["landed_path"][0].as_py()


def test_a_landed_file_that_is_missing_is_named_and_stops_nothing_else(governed: Installation) -> None:
    path = landed(governed, "observations")
    path.unlink()
    done = governed.one("forecast_scores", WEEKS[0])
    assert done.outcome == "cannot be rebuilt"
    assert f"observations/observations.csv, {path.relative_to(governed.home)}, is missing" in told(done)
    assert governed.one("calibration_metrics", WEEKS[0]).outcome == "identical"
    assert governed.one("observations").outcome == "identical"


def test_a_landed_value_that_was_changed_is_named_with_its_week(governed: Installation) -> None:
    path = landed(governed, "observations")
    rows = pq.read_table(path)
    first = pc.equal(rows["target_end_date"], pc.min(rows["target_end_date"]))
    changed = rows.set_column(rows.column_names.index("observed"), "observed", pc.if_else(first, 1.0, rows["observed"]))
    pq.write_table(changed, path)
    done = governed.one("forecast_scores", WEEKS[0])
    assert done.outcome == "cannot be rebuilt"
    assert f"has other rows of week {WEEKS[0]} than were recorded" in told(done)
    assert governed.one("forecast_scores", WEEKS[1]).outcome == "identical"


def test_a_landed_file_that_cannot_be_read_is_named(governed: Installation) -> None:
    landed(governed, "observations").write_bytes(b"no table")
    done = governed.one("forecast_scores", WEEKS[0])
    assert done.outcome == "cannot be rebuilt"
    assert "cannot be read" in told(done)


def test_code_that_moved_on_names_the_commit(governed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace_module, "git_state", lambda: (COMMIT, True))
    governed.correct(2, 150.0)
    governed.record(["forecast_scores"], [WEEKS[2]])
    monkeypatch.setattr("governance_assets.runtime.replay.target.code_version", lambda domain: "f" * 64)
    done = governed.one("forecast_scores", WEEKS[2])
    assert done.outcome == "the code has moved on"
    assert "this is ffffffffffff" in done.told[0]
    assert "uncommitted changes" in done.told[0]
    assert done.told[1] == f"git checkout {COMMIT} && governance replay forecast_scores {WEEKS[2]} --revision 2"
    anyway = governed.one("forecast_scores", WEEKS[2], is_anyway=True)
    assert anyway.outcome == "identical"
    assert anyway.told[-1].startswith("with other code than recorded")


def test_code_that_gives_other_rows_is_compared_on_request(governed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance_assets.runtime.replay.target.code_version", lambda domain: "f" * 64)
    known = DECLARATIONS["forecast_scores"]

    def other(*arguments: object, **named: object) -> pa.Table:
        rows = known.compute(*arguments, **named)
        return rows.set_column(rows.column_names.index("wis"), "wis", pc.multiply(rows["wis"], 2.0))

    other.__signature__ = inspect.signature(known.compute)
    monkeypatch.setitem(DECLARATIONS, "forecast_scores", replace(known, compute=other))
    monkeypatch.setattr("governance_assets.runtime.replay.rebuild.git_state", lambda: (COMMIT, False))
    governed.tamper(f"UPDATE history.ledger SET git_revision = '{COMMIT[::-1]}'")
    done = governed.one("forecast_scores", WEEKS[0], is_anyway=True)
    assert done.outcome == "differs"
    assert "the rebuilt rows have" in done.told[0]
    assert all("wis " in row for row in done.told[1:5])
    assert f"recorded with commit {COMMIT[::-1]}, this is {COMMIT}" in done.told[-1]


def test_code_without_a_commit_and_an_artifact_that_is_gone_are_told(governed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    governed.tamper("UPDATE history.ledger SET git_revision = NULL, git_dirty = NULL")
    monkeypatch.delitem(DECLARATIONS, "relative_skill")
    done = governed.one("relative_skill", WEEKS[0], is_anyway=True)
    assert done.outcome == "the code has moved on"
    assert "this code has no such artifact" in done.told[0]
    assert "no commit is recorded" in done.told[1]


def test_a_policy_that_is_not_kept_or_was_changed_is_told(governed: Installation) -> None:
    governed.tamper("UPDATE history.policies SET text = replace(text, 'max_shortfall', 'max_shortfalls')")
    assert "it was changed" in told(governed.one("forecast_scores", WEEKS[0]))
    governed.tamper("DELETE FROM history.policies")
    assert governed.one("forecast_scores", WEEKS[0]).outcome == "identical"  # the policy in force is the same
    governed.write_policy("calibration:\n  max_release_mape: 0.01\n")
    done = governed.one("forecast_scores", WEEKS[0])
    assert done.outcome == "cannot be rebuilt"
    assert "is not in the history" in told(done)


def test_a_policy_of_other_code_is_told(governed: Installation) -> None:
    text = json.dumps({"calibration": {"forgotten": 1}})
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    governed.tamper(f"INSERT INTO history.policies SELECT '{sha256}', '{text}', now()")
    with governed.workspace() as workspace, pytest.raises(CannotRebuild, match="does not understand policy"):
        policy_then(workspace, sha256)


def test_a_policy_that_is_read_back_judges_alike() -> None:
    sets = [{"name": "north", "filters": {"location": ["01"]}}]
    overrides = {"clock": {"as_of": "2025-08-20T08:00:00Z"}, "calibration": {"min_weeks": "30 weeks", "evaluation_sets": sets}}
    for policy in (Policy(), policy_from(overrides)):
        assert policy_from(json.loads(judging_text(policy))) == policy
        assert hashlib.sha256(judging_text(policy).encode()).hexdigest() == digest(policy)


def test_a_partition_that_was_only_refused_has_nothing_to_replay(governed: Installation) -> None:
    finding = Rule("matches_contract", "rows are right", "mend them").judge("week", False)
    contract = DECLARATIONS["forecast_scores"].contract
    with governed.workspace() as workspace:
        entries = [Entry(contract, key, None, (), (finding,), "code", False) for key in (WEEKS[0], OPEN_WEEK)]
        workspace.history.commit(entries, workspace.provenance("run", {}))
    done = governed.one("forecast_scores", OPEN_WEEK)
    assert done.outcome == "nothing to replay"
    assert "refused" in told(done)
    assert governed.one("forecast_scores", WEEKS[0]).outcome == "identical"


def test_a_computation_that_was_removed_from_the_ledger_is_told(governed: Installation) -> None:
    governed.tamper("UPDATE history.ledger SET kind = 'judgement' WHERE artifact = 'observations'")
    done = governed.one("observations")
    assert done.outcome == "cannot be rebuilt"
    assert "no entry says what revision 1 was computed from" in told(done)


# Intake


def test_files_that_changed_vanished_or_appeared_are_named_with_both_hashes(governed: Installation) -> None:
    write_csv(governed.telemetry / "observations" / "observations.csv", tiny_observations()[:-2])
    (governed.telemetry / "forecasts" / "forecasts.csv").rename(governed.telemetry / "forecasts" / "renamed.csv")
    for name, line in (("observations", "observations/observations.csv"), ("quantile_forecasts", "forecasts/renamed.csv")):
        done = governed.one(name)
        assert done.outcome == "cannot be rebuilt"
        assert "are not those that were read" in done.told[0]
        assert f"file {line}: recorded " in told(done)
        assert "1 of 1 landed files are there" in done.told[-1]
    lines = {one.split(":")[0]: one for one in done.told}
    assert lines["file forecasts/forecasts.csv"].endswith("present nothing")
    assert "recorded nothing" in lines["file forecasts/renamed.csv"]
    assert governed.one("forecast_scores", WEEKS[0]).outcome == "identical"


def test_a_file_of_another_feed_does_not_disturb_a_manifest(governed: Installation) -> None:
    write_csv(governed.telemetry / "observations" / "more.csv", [tiny_observations()[0] | {"location": "99"}])
    assert governed.one("quantile_forecasts").outcome == "identical"
    assert governed.one("observations").outcome == "cannot be rebuilt"


def test_a_telemetry_folder_that_is_gone_is_told(governed: Installation) -> None:
    shutil.rmtree(governed.telemetry)
    assert "there is no telemetry folder" in told(governed.one("observations"))
    assert governed.one("forecast_scores", WEEKS[0]).outcome == "identical"


def test_a_manifest_that_was_changed_differs_though_every_file_is_there(governed: Installation) -> None:
    governed.tamper("UPDATE history.observations SET rows = 1")
    done = governed.one("observations")
    assert done.outcome == "differs"
    assert "rows 1 stored, 12 rebuilt" in told(done)


# The pieces


class Coins(Contract, artifact="coins", grain="none", key=("name",)):
    """One coin."""

    name: str = field("Name")
    worth: float | None = field("Worth", null="unknown", allow_nan=True)


def coins(worth: dict[str, float | None]) -> pa.Table:
    return pa.table({"name": pa.array(list(worth), pa.string()), "worth": pa.array(list(worth.values()), pa.float64())})


def test_differences_are_told_in_the_order_of_the_key_and_only_a_few() -> None:
    stored = coins({"a": 1.0, "b": None, "c": math.nan, "d": 4.0})
    assert rows_that_differ(Coins, stored, stored.take(pa.array([3, 2, 1, 0]))) == []
    rebuilt = coins({"a": 2.0, "b": 0.0, "c": math.nan, "e": 5.0})
    assert rows_that_differ(Coins, stored, rebuilt) == [
        "row name a: worth 1.0 stored, 2.0 rebuilt",
        "row name b: worth nothing stored, 0.0 rebuilt",
        "row name d: stored, but not rebuilt",
        "row name e: rebuilt, but not stored",
    ]
    many = rows_that_differ(Coins, coins({}), coins({f"{number:02}": 1.0 for number in range(9)}))
    assert len(many) == FEW + 1
    assert many[-1] == "and 4 more rows"


def test_findings_that_came_or_went_are_told(governed: Installation) -> None:
    with governed.workspace() as workspace:
        recorded = workspace.history.findings("forecast_scores", WEEKS[0])
    other = Rule("is_new", "it is new", "nothing").judge("week", True)
    lines = findings_that_differ(recorded.slice(0, 1), [other])
    assert [line.split(" on ")[0] for line in lines] == ["rule is_new", "rule matches_contract"]
    assert "recorded absent" in lines[0]
    assert "replayed absent" in lines[1]


def test_the_past_is_read_only_and_ends_at_its_instant(governed: Installation) -> None:
    with governed.workspace() as workspace:
        first = workspace.history.ledger()["recorded_at"][0].as_py()
        then = HistoryThen(workspace.history, first)
        assert then.ledger().num_rows == 1
        assert then.ledger(as_of=first - dt.timedelta(days=1)).num_rows == 0
        assert list(then.heads("forecast_scores")) == []
        assert then.findings(all=True)["entry"].unique().to_pylist() == [1]
        assert (
            HistoryThen(workspace.history, first, {"forecast_scores": dt.datetime.max.replace(tzinfo=dt.UTC)})
            .rows("forecast_scores")
            .num_rows
        )
        with pytest.raises(Exception, match="read-only"):
            then.commit([], workspace.provenance("run", {}))


def test_what_was_never_recorded_is_refused(governed: Installation) -> None:
    with pytest.raises(SettingsError, match="nothing is recorded for forecast_scores 1999-01-04"):
        governed.replay("forecast_scores", "1999-01-04")
    with pytest.raises(SettingsError, match="has revisions 1 to 1, found --revision 7"):
        governed.replay("forecast_scores", WEEKS[0], 7)


# The command


@pytest.fixture
def command(governed: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    for name in ("GOVERNANCE_HOME", "GOVERNANCE_TELEMETRY", "GOVERNANCE_AS_OF"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)

    def run(*arguments: str) -> tuple[int, str]:
        located = ["replay", "--home", str(governed.home), "--telemetry", str(governed.telemetry), *arguments]
        done = CliRunner().invoke(main, located)
        return done.exit_code, done.output

    return run


def test_the_command_tells_what_came_out(governed: Installation, command: Callable[..., tuple[int, str]]) -> None:
    code, output = command("forecast_scores", WEEKS[0])
    assert code == 0
    assert output.splitlines()[0] == f"forecast_scores {WEEKS[0]} revision 1: identical"
    code, output = command("observations", "--revision", "1")
    assert code == 0
    governed.tamper(f"UPDATE history.forecast_scores SET wis = 0 WHERE partition_key = '{WEEKS[0]}'")
    code, output = command("forecast_scores", "--all")
    assert code == FAILED
    assert output.splitlines()[0].startswith(f"forecast_scores {WEEKS[0]} revision 1: differs: the recorded content is ")
    assert output.splitlines()[1:] == [
        *(f"forecast_scores {week} revision 1: identical" for week in WEEKS[1:]),
        "6 partitions: 5 identical, 1 differs",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("forecast_scores",), "name one, such as"),
        (("forecast_scores", WEEKS[0], "--all"), "leave PARTITION and --revision out"),
        (("all", "--revision", "1"), "leave PARTITION and --revision out"),
        (("nobody", "--all"), "nothing is recorded for nobody"),
        (("forecast_scores", WEEKS[0], "--revision", "0"), "--revision"),
    ],
)
def test_bad_arguments_are_one_sentence_and_exit_code_2(
    governed: Installation, arguments: tuple[str, ...], message: str, command: object, capsys: pytest.CaptureFixture
) -> None:
    located = ["replay", "--home", str(governed.home), "--telemetry", str(governed.telemetry), *arguments]
    assert run_and_explain(located) == USAGE
    assert message in capsys.readouterr().err
