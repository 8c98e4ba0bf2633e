"""The shape of an artifact in Dagster: many weeks in one run, one commit, and one verdict a week.

These tests exist because a plain check result loses its week in a run over a range, and because a partition that breaks
its contract must neither be committed nor stop the others.
"""

import datetime as dt
import inspect
from collections import Counter
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from governance_assets.contract import Contract, field
from governance_assets.finding import Finding, Rule
from governance_assets.policy import CalibrationPolicy, Policy
from governance_assets.runtime import checks
from governance_assets.runtime.artifact import DECLARATIONS, Landed, LandedPast, Past, Run, artifact, materialize
from governance_assets.runtime.automation import RANGE_END, RANGE_START, ranges, stale
from governance_assets.runtime.inputs import used_by
from governance_assets.runtime.ledger import Input
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

MONDAY = dt.date(2021, 10, 4)
WEEKS = [MONDAY + dt.timedelta(weeks=i) for i in range(208)]
BAD = WEEKS[100]
LOW = Rule("value_is_low", "value stays below its limit", "Lower it")


class Toys(Contract, artifact="toys", grain="week", key=("week", "name")):
    """One toy of one week."""

    week: dt.date = field("Monday")
    name: str = field("Name")
    value: float = field("Value", ge=0)

    @classmethod
    def domain(cls) -> str:
        return "calibration"


class ToySums(Contract, artifact="toy_sums", grain="week", key=("week",)):
    """The sum over all toys so far."""

    week: dt.date = field("Monday")
    total: float = field("Sum of the values up to this week")

    @classmethod
    def domain(cls) -> str:
        return "calibration"


def judge_toys(rows: pa.Table, policy: CalibrationPolicy, partition_key: str, past: pa.Table | None) -> list[Finding]:
    assert isinstance(policy, CalibrationPolicy)
    return [LOW.judge(row["name"], row["value"] < 5, row["value"], 5.0) for row in rows.to_pylist()]


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A workspace, the two toy assets and a place to say what a toy is worth in a week."""
    values: dict[dt.date, float] = {}

    @artifact(Toys, judge=judge_toys)
    def toys(run: Run) -> pa.Table:
        rows = [{"week": week, "name": name, "value": values.get(week, 1.0)} for week in run.weeks for name in ("a", "b")]
        return pa.Table.from_pylist(rows)

    @artifact(ToySums)
    def toy_sums(run: Run, toys: Past) -> pa.Table:
        weeks = ", ".join(f"DATE '{week}'" for week in run.weeks)
        return run.connection.sql(
            f"SELECT w AS week, sum(value) AS total FROM unnest([{weeks}]) AS t(w) JOIN {toys.view} ON week <= w GROUP BY w"
        ).to_arrow_table()

    settings = Settings.from_environment({"GOVERNANCE_HOME": str(tmp_path), "GOVERNANCE_AS_OF": "2025-10-06T00:00+00:00"})
    with Workspace(settings, Policy()) as workspace:
        definitions = dg.Definitions(
            assets=[toys, toy_sums],
            jobs=[dg.define_asset_job("weeks", "*"), dg.define_asset_job("only_checks", dg.AssetSelection.checks_for_assets("toys"))],
            resources={"workspace": dg.ResourceDefinition.hardcoded_resource(workspace)},
            executor=dg.in_process_executor,
        )
        yield workspace, definitions, values
    DECLARATIONS.pop("toys")
    DECLARATIONS.pop("toy_sums")


def run_weeks(definitions: dg.Definitions, instance: dg.DagsterInstance, first: dt.date, last: dt.date, job: str = "weeks"):
    tags = {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}
    return definitions.resolve_job_def(job).execute_in_process(instance=instance, tags=tags)


def evaluations(instance: dg.DagsterInstance, asset: str, check: str) -> Counter:
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    return Counter(record.status.value for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=2000))


def test_208_weeks_with_one_bad_week_are_one_run_and_207_revisions(toys, tmp_path: Path) -> None:
    workspace, definitions, values = toys
    values[BAD] = -1.0
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert run_weeks(definitions, instance, WEEKS[0], WEEKS[-1]).success
        assert BAD.isoformat() not in instance.get_materialized_partitions(dg.AssetKey("toys"))
        assert len(instance.get_materialized_partitions(dg.AssetKey("toys"))) == 207
        assert len(instance.get_materialized_partitions(dg.AssetKey("toy_sums"))) == 208
        for asset in ("toys", "toy_sums"):
            for check in checks.CHECKS:
                expected = {"SUCCEEDED": 208}
                if (asset, check) == ("toys", checks.MATCHES_CONTRACT):
                    expected = {"SUCCEEDED": 207, "FAILED": 1}
                assert evaluations(instance, asset, check) == expected, (asset, check)
    heads = workspace.history.heads("toys")
    assert len(heads) == 207
    assert BAD.isoformat() not in heads
    refusal = workspace.history.findings("toys", BAD.isoformat()).to_pylist()
    assert [(row["rule"], row["outcome"]) for row in refusal] == [(checks.MATCHES_CONTRACT, "fail")]
    assert "-1.0" in refusal[0]["message"]
    assert len(workspace.history.ledger("toys")) == 208


def test_the_same_run_twice_writes_nothing(toys, tmp_path: Path) -> None:
    workspace, definitions, _ = toys
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run_weeks(definitions, instance, WEEKS[0], WEEKS[9])
        before = workspace.history.ledger().num_rows
        run_weeks(definitions, instance, WEEKS[0], WEEKS[9])
        assert workspace.history.ledger().num_rows == before == 20


def test_a_changed_week_is_a_restatement_and_makes_later_sums_stale(toys, tmp_path: Path) -> None:
    workspace, definitions, values = toys
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run_weeks(definitions, instance, WEEKS[0], WEEKS[9])
        assert stale(workspace, DECLARATIONS["toy_sums"]) == []
        values[WEEKS[5]] = 3.0
        tags = {RANGE_START: WEEKS[5].isoformat(), RANGE_END: WEEKS[5].isoformat()}
        job = definitions.resolve_job_def("weeks")
        job.execute_in_process(instance=instance, tags=tags, asset_selection=[dg.AssetKey("toys")])
    kinds = workspace.history.ledger("toys", WEEKS[5].isoformat())["kind"].to_pylist()
    assert sorted(kinds) == ["restatement", "revision"]
    assert stale(workspace, DECLARATIONS["toy_sums"]) == [week.isoformat() for week in WEEKS[5:10]]


def test_checks_alone_judge_the_recorded_rows_and_compute_nothing(toys, tmp_path: Path) -> None:
    workspace, definitions, values = toys
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run_weeks(definitions, instance, WEEKS[0], WEEKS[2])
        values.update(dict.fromkeys(WEEKS[:3], 9.0))
        assert run_weeks(definitions, instance, WEEKS[0], WEEKS[3], "only_checks").success
        assert evaluations(instance, "toys", checks.WITHIN_LIMITS) == {"SUCCEEDED": 7}
        assert evaluations(instance, "toys", checks.MATCHES_CONTRACT) == {"SUCCEEDED": 6, "FAILED": 1}
    assert workspace.history.rows("toys")["value"].to_pylist() == [1.0] * 6


def test_a_failed_rule_fails_its_check_for_its_week_only(toys, tmp_path: Path) -> None:
    _, definitions, values = toys
    values[WEEKS[1]] = 7.0
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert run_weeks(definitions, instance, WEEKS[0], WEEKS[2]).success
        key = dg.AssetCheckKey(dg.AssetKey("toys"), checks.WITHIN_LIMITS)
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
        failed = [record for record in records if record.status.value == "FAILED"]
        assert [record.partition for record in failed] == [WEEKS[1].isoformat()]
        evaluation = failed[0].event.dagster_event.asset_check_evaluation_data
        assert evaluation.severity is dg.AssetCheckSeverity.ERROR
        assert "Lower it" in evaluation.description


def test_a_week_is_shown_with_its_rows_revision_and_verdict(toys, tmp_path: Path) -> None:
    _, definitions, _ = toys
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run_weeks(definitions, instance, WEEKS[0], WEEKS[1])
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey("toys"), asset_partitions=[WEEKS[1].isoformat()]), limit=1
        )
        metadata = records.records[0].asset_materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 2
    assert metadata["verdict"].value == "pass"
    assert metadata["revision"].value == 1
    assert metadata["recorded"].value == "revision"


def test_ranges_are_runs_of_consecutive_mondays() -> None:
    assert list(ranges("week", [])) == []
    assert list(ranges("week", ["2025-11-03"])) == [("2025-11-03", "2025-11-03")]
    assert list(ranges("week", ["2025-11-17", "2025-11-03", "2025-11-10", "2025-12-01"])) == [
        ("2025-11-03", "2025-11-17"),
        ("2025-12-01", "2025-12-01"),
    ]


def test_unknown_facts_do_not_pass_a_check_and_an_empty_one_says_so() -> None:
    unknown = LOW.judge("a", None, why="no rows")
    evaluation = checks.evaluation("toys", checks.WITHIN_LIMITS, [unknown], None)
    assert not evaluation.passed
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    nothing = checks.evaluation("toys", checks.WITHIN_LIMITS, [], None)
    assert nothing.passed
    assert nothing.description == "Nothing to judge"


def test_an_artifact_is_named_as_its_contract() -> None:
    with pytest.raises(ValueError, match="named as its contract, toys"):

        @artifact(Toys)
        def blocks(run: Run) -> pa.Table: ...


def test_inputs_are_read_from_the_signature(toys) -> None:
    assert DECLARATIONS["toy_sums"].inputs == {"toys": Past}
    assert DECLARATIONS["toy_sums"].reads_past
    assert not DECLARATIONS["toys"].reads_past


def test_rows_of_a_week_that_was_not_asked_for_are_refused_and_not_dropped(toys) -> None:
    workspace, _, _ = toys
    wide = DECLARATIONS["toys"].compute
    stray = replace(
        DECLARATIONS["toys"], compute=lambda run: wide(replace(run, partition_keys=(*run.partition_keys, "2021-11-01"))), inputs={}
    )
    declared = with_signature(stray, wide)
    judged = materialize([declared], workspace, "run", [WEEKS[0].isoformat()], {})[declared.name]
    assert [(one.rows, one.findings[0].outcome) for one in judged] == [(None, "fail")]
    assert "2021-11-01" in judged[0].findings[0].message


def with_signature(declaration, like):
    declaration.compute.__signature__ = inspect.signature(like)
    return declaration


def test_a_week_is_made_from_its_own_landed_rows_or_from_all_up_to_it() -> None:
    landed = [(week, Input("feed", "file.csv", 0, week)) for week in ("2025-01-06", "2025-01-13", "2025-01-20")]
    own = [(key, one.sha256) for key, _, one in used_by(Landed, "week", landed, "week", ["2025-01-13"])]
    past = [(key, one.sha256) for key, _, one in used_by(LandedPast, "week", landed, "week", ["2025-01-13"])]
    assert own == [("2025-01-13", "2025-01-13")]
    assert past == [("2025-01-13", "2025-01-06"), ("2025-01-13", "2025-01-13")]
