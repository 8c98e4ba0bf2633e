"""Half-months and quarters: their partitions, what each is made of, and that no input reads the future.

Small artifacts of three grains stand in for the real ones: a weekly one, what sums it by half-month and quarter, a quarterly
one that reads its own past, and a weekly one that reads the quarters before.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from governance_assets.contract import Contract, ContractError, field
from governance_assets.finding import Finding, Rule
from governance_assets.policy import Policy
from governance_assets.runtime import checks
from governance_assets.runtime.artifact import (
    DECLARATIONS,
    Earlier,
    LandedPast,
    OwnPast,
    Past,
    Run,
    Same,
    Whole,
    Within,
    artifact,
    check_inputs,
    materialize,
)
from governance_assets.runtime.automation import JOBS, next_work, range_tags, review_schedules, stale
from governance_assets.runtime.batch import Asked, Done, _Batch
from governance_assets.runtime.inputs import InputError, Landed, check_kinds, rounds, used_by
from governance_assets.runtime.ledger import Input
from governance_assets.runtime.partitions import FIRST, PARTITIONS, from_dagster, to_dagster
from governance_assets.runtime.periods import (
    PERIODIC,
    first_day,
    last_closed,
    next_period,
    overlapping,
    owner,
    period,
    periods_between,
    quarter_of_week,
    weeks_between,
    weeks_of_quarter,
)
from governance_assets.runtime.replay import Replay, targets
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

AS_OF = dt.datetime(2025, 2, 20, 8, tzinfo=dt.UTC)
WEEKS = list(periods_between("week", "2024-01-01", "2025-02-17"))
QUARTERS = list(periods_between("quarter", "2024-Q1", "2025-Q1"))
RESTATED = "2024-09-30"
"""Its Thursday is 3 October."""
YEARS = list(periods_between("quarter", "2022-Q1", "2024-Q4"))
LOW = Rule("value_is_low", "value stays below its limit", "Lower it")


class Drops(Contract, artifact="drops", grain="week", key=("week",)):
    """What fell in one week."""

    week: dt.date = field("Monday")
    value: float = field("Value", ge=0)

    @classmethod
    def domain(cls) -> str:
        return "calibration"


class Pails(Contract, artifact="pails", grain="half_month", key=("half_month",)):
    """What fell in the weeks of one half-month."""

    half_month: dt.date = field("First day")
    weeks: int = field("Weeks")
    total: float = field("Sum")

    @classmethod
    def domain(cls) -> str:
        return "calibration"


class Barrels(Contract, artifact="barrels", grain="quarter", key=("quarter",)):
    """What fell in the weeks of one quarter, and until its end."""

    quarter: str = field("Quarter")
    weeks: int = field("Weeks")
    total: float = field("Sum", lt=900)
    ever: float = field("Sum from the first week on")

    @classmethod
    def domain(cls) -> str:
        return "calibration"


class Cellar(Contract, artifact="cellar", grain="quarter", key=("quarter",)):
    """What one quarter adds to those before."""

    quarter: str = field("Quarter")
    seen: str = field("The own quarters that were seen, and their sum")
    stock: float = field("Sum of all barrels so far")

    @classmethod
    def domain(cls) -> str:
        return "calibration"


class Labels(Contract, artifact="labels", grain="none", key=("name",)):
    """One label."""

    name: str = field("Name")

    @classmethod
    def domain(cls) -> str:
        return "calibration"


class Forecasts(Contract, artifact="forecasts", grain="week", key=("week",)):
    """What one week knows of the quarters before it."""

    week: dt.date = field("Monday")
    newest: str = field("The newest quarter that was seen")
    labels: int = field("Labels")

    @classmethod
    def domain(cls) -> str:
        return "calibration"


def judge_barrels(rows: pa.Table, policy: object, partition_key: str, past: pa.Table | None) -> list[Finding]:
    return [LOW.judge(row["quarter"], row["total"] < 50, row["total"], 50.0) for row in rows.to_pylist()]


class Works:
    """A workspace in which one can say what falls in a week, and record and look at what comes of it."""

    def __init__(self, workspace: Workspace, assets: list[dg.AssetsDefinition]) -> None:
        self.workspace, self.history, self.values, self.assets = workspace, workspace.history, {}, assets
        self.labels = ["one"]

    def make(self, name: str, *keys: str) -> None:
        materialize([DECLARATIONS[name]], self.workspace, f"run of {name}", keys, {})

    def stale(self, name: str) -> list[str]:
        return stale(self.workspace, DECLARATIONS[name])

    def column(self, name: str, column: str) -> dict[str, object]:
        return {str(row[DECLARATIONS[name].contract.key[0]]): row[column] for row in self.history.rows(name).to_pylist()}

    def settle(self) -> list[tuple[str, str, str]]:
        """Make what is stale until nothing is; what was made, in order."""
        made = []
        while work := next_work(self.workspace):
            for one in work:
                for name in (one.names[at] for at in range(len(one.names))):
                    self.make(name, *periods_between(one.grain, one.first, one.last))
                made.append((one.grain, one.first, one.last))
            assert len(made) < 40, f"it never rests: {made}"
        return made


@contextmanager
def declared(folder: Path) -> Iterator[Works]:
    """The small artifacts in place of all others, and a new history for them."""
    before = dict(DECLARATIONS)
    DECLARATIONS.clear()

    @artifact(Labels)
    def labels(run: Run) -> pa.Table:
        return pa.Table.from_pylist([{"name": name} for name in made.labels])

    @artifact(Drops)
    def drops(run: Run, labels: Whole) -> pa.Table:
        return pa.Table.from_pylist([{"week": week, "value": made.values.get(week.isoformat(), 1.0)} for week in run.weeks])

    @artifact(Pails)
    def pails(run: Run, drops: Within) -> pa.Table:
        query = f"SELECT half_month, count(*) AS weeks, sum(value) AS total FROM {drops.view} GROUP BY half_month"
        return run.connection.sql(query).to_arrow_table()

    @artifact(Barrels, judge=judge_barrels)
    def barrels(run: Run, drops: Past, pails: Within) -> pa.Table:
        assert {str(key) for (key,) in run.connection.sql(f"SELECT DISTINCT quarter FROM {pails.view}").fetchall()} <= {*run.partition_keys}
        return run.connection.sql(
            f"""SELECT q AS quarter, count(*) FILTER (quarter = q) AS weeks, coalesce(sum(value) FILTER (quarter = q), 0.0) AS total,
                sum(value) AS ever FROM unnest(?) AS t(q) JOIN {drops.view} ON quarter <= q GROUP BY q""",
            params=[list(run.partition_keys)],
        ).to_arrow_table()

    @artifact(Cellar)
    def cellar(run: Run, barrels: Same, cellar: OwnPast) -> pa.Table:
        (key,) = run.partition_keys
        seen = run.connection.sql(f"SELECT string_agg(quarter, ' ' ORDER BY quarter), last(stock ORDER BY quarter) FROM {cellar.view}")
        names, stock = seen.fetchone()
        own = run.connection.sql(f"SELECT coalesce(sum(total), 0) FROM {barrels.view}").fetchone()[0]
        return pa.Table.from_pylist([{"quarter": key, "seen": names or "", "stock": (stock or 0.0) + own}])

    @artifact(Forecasts)
    def forecasts(run: Run, drops: Same, labels: Whole, cellar: Earlier) -> pa.Table:
        newest = run.connection.sql(f"SELECT coalesce(max(quarter), '') FROM {cellar.view}").fetchone()[0]
        count = run.connection.sql(f"SELECT count(*) FROM {labels.view}").fetchone()[0]
        return pa.Table.from_pylist([{"week": week, "newest": newest, "labels": count} for week in run.weeks])

    settings = Settings.from_environment({"GOVERNANCE_HOME": str(folder), "GOVERNANCE_AS_OF": AS_OF.isoformat()})
    with Workspace(settings, Policy()) as workspace:
        made = Works(workspace, [labels, drops, pails, barrels, cellar, forecasts])
        made.make("labels", "all")
        yield made
    DECLARATIONS.clear()
    DECLARATIONS.update(before)


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    with declared(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def restated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """Everything recorded; then one week restated, and all that follows from it recorded."""
    with declared(tmp_path_factory.mktemp("restated")) as made:
        made.make("drops", *WEEKS)
        made.first = made.settle()
        made.before = made.history.ledger()["recorded_at"][-1].as_py()
        made.values[RESTATED] = 7.0
        made.make("drops", RESTATED)
        made.made_stale = {name: made.stale(name) for name in DECLARATIONS if name != "labels"}
        made.settle()
        yield made


# Partitions


@pytest.mark.parametrize("grain", PERIODIC)
def test_no_instant_of_2020_to_2035_lies_in_two_windows_or_in_none(grain: str) -> None:
    keys = list(periods_between(grain, FIRST[grain], "2036-Q1" if grain == "quarter" else "2036-01-15"))
    spans = [period(grain, key) for key in keys]
    assert all(one.end == later.start for one, later in zip(spans, spans[1:], strict=False))
    assert spans[0].start.date() <= dt.date(2020, 1, 1)
    assert spans[-1].end.date() >= dt.date(2036, 1, 1)
    definition = PARTITIONS[grain]
    with_dagster = {
        from_dagster(grain, key) for key in definition.get_partition_keys(current_time=dt.datetime(2035, 12, 31, tzinfo=dt.UTC))
    }
    assert with_dagster == {one.key for one in spans if one.start < dt.datetime(2036, 1, 1, tzinfo=dt.UTC)}, "the open one is included"
    for one in spans:
        window = definition.time_window_for_partition_key(to_dagster(grain, one.key))
        assert (window.start, window.end, from_dagster(grain, to_dagster(grain, one.key))) == (one.start, one.end, one.key)


def test_every_week_of_2020_to_2035_belongs_to_one_half_month_and_one_quarter_and_touches_it() -> None:
    for week in weeks_between(dt.date(2020, 1, 1), dt.date(2035, 12, 31)):
        key = week.isoformat()
        for grain in ("half_month", "quarter"):
            assert owner("week", key, grain) in overlapping(key, grain)
            held = period(grain, owner("week", key, grain))
            assert held.start.date() <= week + dt.timedelta(days=3) < held.end.date()
        assert owner("half_month", owner("week", key, "half_month"), "quarter") == quarter_of_week(week)


def test_the_first_quarter_owns_its_first_week() -> None:
    assert str(weeks_of_quarter(FIRST["quarter"])[0]) == FIRST["week"]


@pytest.mark.parametrize(("grain", "key"), [("half_month", "2025-11-02"), ("half_month", "20251101"), ("quarter", "2025-10-01")])
def test_a_key_that_its_grain_does_not_have_is_refused(grain: str, key: str) -> None:
    with pytest.raises(ValueError, match="write"):
        first_day(grain, key)


def test_a_coarse_period_belongs_to_no_finer_one() -> None:
    with pytest.raises(ValueError, match="a quarter belongs to no week"):
        owner("quarter", "2025-Q4", "week")


@pytest.mark.parametrize(
    ("grain", "as_of", "key"),
    [
        ("week", "2025-11-09T23:59", "2025-10-27"),
        ("half_month", "2025-11-15T00:00", "2025-11-01"),
        ("half_month", "2025-11-14T23:59", "2025-10-15"),
        ("quarter", "2027-01-03T23:59", "2026-Q3"),  # its last week runs until then
        ("quarter", "2027-01-04T00:00", "2026-Q4"),
    ],
)
def test_what_is_closed_and_what_is_open(works: Works, grain: str, as_of: str, key: str) -> None:
    works.workspace.as_of = dt.datetime.fromisoformat(as_of).replace(tzinfo=dt.UTC)
    assert last_closed(grain, works.workspace.as_of) == key
    assert not works.workspace.is_open(grain, key)
    assert works.workspace.is_open(grain, next_period(grain, key))


# Which things a period is made of


def takers(kind: type, source: str, keys: list[str], grain: str, asked: list[str]) -> dict[str, list[str]]:
    recorded = [(key, Input("x", key, 1, key)) for key in keys]
    found: dict[str, list[str]] = {key: [] for key in asked}
    for key, from_key, _ in used_by(kind, source, recorded, grain, asked):
        found[key].append(from_key)
    return found


EDGE = ["2025-09-22", "2025-09-29", "2025-10-06", "2025-12-29"]


@pytest.mark.parametrize(
    ("kind", "source", "keys", "grain", "expected"),
    [
        (Within, "week", EDGE, "quarter", {"2025-Q3": EDGE[:1], "2025-Q4": EDGE[1:3]}),
        (Past, "week", EDGE, "quarter", {"2025-Q3": EDGE[:1], "2025-Q4": EDGE[:3]}),
        (Landed, "week", EDGE, "quarter", {"2025-Q3": EDGE[:2], "2025-Q4": EDGE[1:]}),
        (LandedPast, "week", EDGE, "quarter", {"2025-Q3": EDGE[:2], "2025-Q4": EDGE}),
        (Within, "half_month", ["2025-09-15", "2025-10-01"], "quarter", {"2025-Q3": ["2025-09-15"], "2025-Q4": ["2025-10-01"]}),
        (Within, "week", EDGE, "half_month", {"2025-09-15": EDGE[:1], "2025-10-01": EDGE[1:3]}),
        (Whole, "none", ["all"], "quarter", {"2025-Q3": ["all"], "2025-Q4": ["all"]}),
        (OwnPast, "quarter", ["2025-Q2", "2025-Q3", "2025-Q4"], "quarter", {"2025-Q3": ["2025-Q2"], "2025-Q4": ["2025-Q2", "2025-Q3"]}),
        (Earlier, "quarter", ["2025-Q3", "2025-Q4"], "week", {"2025-09-22": [], "2025-09-29": ["2025-Q3"]}),
        (Earlier, "week", EDGE, "quarter", {"2025-Q3": [], "2025-Q4": EDGE[:1]}),
        (Past, "week", EDGE, "none", {"all": EDGE}),
    ],
)
def test_what_each_kind_reads(kind: type, source: str, keys: list[str], grain: str, expected: dict[str, list[str]]) -> None:
    assert takers(kind, source, keys, grain, list(expected)) == expected


def test_partitions_are_computed_together_only_where_they_may_see_the_same(works: Works) -> None:
    weeks = ["2024-12-16", "2024-12-23", "2024-12-30", "2025-01-06"]
    assert rounds({"drops": Past}, "week", weeks) == [weeks]
    assert rounds({"drops": Past, "cellar": Earlier}, "week", weeks) == [weeks[:2], weeks[2:]]
    assert rounds({"cellar": OwnPast}, "quarter", ["2025-Q1", "2024-Q4"]) == [["2024-Q4"], ["2025-Q1"]]


@pytest.mark.parametrize(
    ("contract", "inputs", "expected"),
    [
        (Barrels, {"drops": Same}, "found grain week, expected an artifact of grain quarter"),
        (Drops, {"barrels": Past}, "Earlier reads a coarser one"),
        (Drops, {"pails": Within}, "a finer grain than week"),
        (Barrels, {"labels": Within}, "a finer grain"),
        (Barrels, {"drops": Whole}, "without partitions"),
        (Barrels, {"labels": Earlier}, "without them nothing is earlier"),
        (Labels, {"drops": Earlier}, "without them nothing is earlier"),
        (Barrels, {"drops": OwnPast}, "bears its name"),
        (Barrels, {"barrels": Past}, "bears its name"),
        (Barrels, {"nothing": Past}, "no artifact is named nothing"),
    ],
)
def test_an_input_that_its_kind_does_not_fit_is_refused(works: Works, contract: type[Contract], inputs: dict, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        check_kinds(contract, inputs)
    check_inputs()


# From weeks to quarters


def test_weeks_are_counted_once_and_everything_comes_to_rest(restated: Works) -> None:
    assert [grain for grain, _, _ in restated.first[:3]] == ["week", "half_month", "quarter"]
    assert sum(restated.column("barrels", "weeks").values()) == len(WEEKS) == sum(restated.column("pails", "weeks").values())
    assert restated.column("barrels", "weeks")["2024-Q1"] == len(weeks_of_quarter("2024-Q1"))
    assert restated.column("barrels", "ever")["2025-Q1"] == len(WEEKS) + 6
    heads = restated.history.heads("barrels")
    assert [(key, head.is_open) for key, head in heads.items()] == [(key, key == "2025-Q1") for key in QUARTERS]
    assert restated.column("forecasts", "newest") == {
        week: "" if (quarter := owner("week", week, "quarter")) == "2024-Q1" else QUARTERS[QUARTERS.index(quarter) - 1] for week in WEEKS
    }
    assert all(not restated.stale(name) for name in DECLARATIONS if name != "labels")


def test_a_restated_week_makes_its_half_month_and_quarter_stale_and_what_lies_later_of_sums(restated: Works) -> None:
    assert restated.made_stale["pails"] == ["2024-10-01"]
    assert restated.made_stale["barrels"] == ["2024-Q4", "2025-Q1"]
    kinds = {
        (name, key): restated.history.ledger(name, key)["kind"].to_pylist()
        for name, key in (("pails", "2024-10-01"), ("pails", "2024-09-15"), ("barrels", "2025-Q1"), ("cellar", "2024-Q3"))
    }
    assert kinds == {
        ("pails", "2024-10-01"): ["revision", "restatement"],
        ("pails", "2024-09-15"): ["revision"],
        ("barrels", "2025-Q1"): ["revision", "revision"],  # the open one is provisional
        ("cellar", "2024-Q3"): ["revision"],
    }
    assert restated.column("cellar", "stock")["2025-Q1"] == len(WEEKS) + 6


def test_a_quarter_stays_answerable_as_it_was(restated: Works) -> None:
    was = restated.history.rows("barrels", ["2024-Q4"], restated.before)["total"].to_pylist()
    assert (was, restated.column("barrels", "total")["2024-Q4"]) == ([13.0], 19.0)


def test_every_kind_is_replayed_as_it_was_recorded(restated: Works) -> None:
    replay = Replay(restated.workspace)
    for name, revision in (("barrels", 1), ("barrels", 2), ("cellar", 1), ("cellar", 2)):
        (done,) = replay.each(targets(restated.history, name, "2024-Q4", revision))
        assert done.outcome == "identical", (name, revision, done.told)
    for name in ("pails", "cellar"):
        assert {one.outcome for one in replay.each(targets(restated.history, name))} == {"identical"}
    for week in ("2024-09-23", "2024-09-30"):
        (done,) = replay.each(targets(restated.history, "forecasts", week))
        assert done.outcome == "identical", done.told


def test_twelve_quarters_in_one_run_read_their_own_past_in_order(works: Works, tmp_path: Path) -> None:
    works.make("drops", *(week.isoformat() for key in YEARS for week in weeks_of_quarter(key)[:2]))
    works.make("barrels", *YEARS)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        job = jobs_of(works).resolve_job_def("quarters")
        selected = [dg.AssetKey("cellar")]
        assert job.execute_in_process(instance=instance, tags=range_tags("quarter", YEARS[0], YEARS[-1]), asset_selection=selected).success
        assert len(instance.get_runs()) == 1
    seen = works.column("cellar", "seen")
    assert [seen[key] for key in YEARS] == [" ".join(YEARS[:at]) for at in range(12)]
    assert works.column("cellar", "stock")["2024-Q4"] == 24
    works.make("cellar", *reversed(YEARS))
    assert works.history.ledger("cellar").num_rows == 12, "the same again writes nothing"
    works.make("cellar", "2022-Q3")
    assert works.column("cellar", "seen")["2022-Q3"] == "2022-Q1 2022-Q2", "an earlier quarter never sees a later one"


def test_a_whole_artifact_that_changes_makes_what_reads_it_stale(works: Works) -> None:
    works.make("drops", *WEEKS[:3])
    works.make("forecasts", *WEEKS[:3])
    assert works.stale("forecasts") == []
    works.labels.append("two")
    works.make("labels", "all")
    assert works.stale("forecasts") == WEEKS[:3]


# In Dagster


def jobs_of(works: Works) -> dg.Definitions:
    return dg.Definitions(
        assets=works.assets,
        jobs=[
            dg.define_asset_job(JOBS[grain], dg.AssetSelection.tag("governance/grain", grain), partitions_def=PARTITIONS[grain])
            for grain in PERIODIC
        ],
        resources={"workspace": dg.ResourceDefinition.hardcoded_resource(works.workspace)},
        executor=dg.in_process_executor,
    )


def test_a_run_over_quarters_has_one_verdict_each_and_a_bad_one_stops_no_other(works: Works, tmp_path: Path) -> None:
    works.values["2024-04-08"] = 1000.0
    works.make("drops", *WEEKS)
    works.make("pails", *works.stale("pails"))
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        job = jobs_of(works).resolve_job_def("quarters")
        assert job.execute_in_process(instance=instance, tags=range_tags("quarter", QUARTERS[0], QUARTERS[-1])).success
        materialized = instance.get_materialized_partitions(dg.AssetKey("barrels"))
        assert materialized == {to_dagster("quarter", key) for key in QUARTERS} - {"2024-04-01"}
        for asset, check in ((asset, check) for asset in ("barrels", "cellar") for check in checks.CHECKS):
            key = dg.AssetCheckKey(dg.AssetKey(asset), check)
            records = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
            failed = [record.partition for record in records if record.status.value == "FAILED"]
            assert len(records) == 5, "no row stays planned"
            assert {record.status.value for record in records} <= {"SUCCEEDED", "FAILED"}
            assert failed == (["2024-04-01"] if (asset, check) == ("barrels", checks.MATCHES_CONTRACT) else [])
        wanted = dg.AssetRecordsFilter(dg.AssetKey("barrels"), asset_partitions=["2024-10-01"])
        metadata = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization.metadata
    assert metadata["quarter"].value == "2024-Q4"
    assert "2024-Q2" not in works.history.heads("barrels")


def test_a_command_runs_what_is_stale_grain_by_grain_and_then_rests(works: Works, tmp_path: Path) -> None:
    works.make("drops", *WEEKS[-20:])
    said: list[str] = []
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        batch = _Batch(works.workspace, jobs_of(works), instance, {}, Done(), said.append)
        batch.periods(Asked())
        phases = [line.split(":")[0] for line in said]
        assert phases[:3] == ["weeks", "half_months", "quarters"]
        assert batch.done.is_success
        assert list(works.history.heads("cellar")) == ["2024-Q4", "2025-Q1"]
        said.clear()
        entries = works.history.entry_count()
        batch.periods(Asked())
        assert (said, works.history.entry_count()) == ([], entries)
        batch.periods(Asked.parse(quarter="2024-Q4", select="barrels"))
        assert [line.split(":")[0] for line in said] == ["quarters"]


def test_what_options_ask_for() -> None:
    quarter = Asked.parse(quarter="2025-Q4").periods
    assert quarter["week"] == tuple(map(str, weeks_of_quarter("2025-Q4")))
    assert quarter["half_month"] == ("2025-10-01", "2025-10-15", "2025-11-01", "2025-11-15", "2025-12-01", "2025-12-15")
    assert quarter["quarter"] == ("2025-Q4",)
    week = Asked.parse(week="2025-12-31").periods
    assert week == {"week": ("2025-12-29",), "half_month": ("2025-12-15", "2026-01-01"), "quarter": ("2025-Q4", "2026-Q1")}


def test_edges_are_shown_and_none_turns_round(works: Works) -> None:
    graph = jobs_of(works).resolve_asset_graph()
    edges = {asset.key.to_user_string(): {key.to_user_string() for key in graph.get(asset.key).parent_keys} for asset in graph.asset_nodes}
    assert edges["barrels"] == {"drops", "pails"}
    assert edges["cellar"] == {"barrels"}
    assert edges["forecasts"] == {"drops", "labels"}


def test_a_review_runs_for_the_half_month_that_just_closed(works: Works) -> None:
    schedule = next(one for one in review_schedules() if one.name == "issue_review")
    assert schedule.cron_schedule == "0 10 1,15 * *"
    for day, covered in (("2025-11-15", "2025-11-01"), ("2025-12-01", "2025-11-15"), ("2026-01-01", "2025-12-15")):
        context = dg.build_schedule_context(scheduled_execution_time=dt.datetime.fromisoformat(f"{day}T10:00+00:00"))
        assert schedule(context).partition_key == covered


def test_a_quarter_is_text_of_one_form() -> None:
    with pytest.raises(ContractError, match="expected text such as 2025-Q4"):

        class Wrong(Contract, artifact="wrong_quarters", grain="quarter", key=("quarter",)):
            """A quarter as a date."""

            quarter: dt.date = field("Quarter")
