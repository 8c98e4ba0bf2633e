"""Recorded plans of the origin give the counts known of them; skipped where the data is not at hand."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import conform, empty, violations
from governance_assets.domains.plan import contracts, facts, report, rules
from governance_assets.finding import Finding
from governance_assets.pages.model import page_from
from governance_assets.policy import PlanPolicy
from governance_assets.policy.plan import DeclaredTotal, PlanTerms
from governance_assets.runtime.periods import period, weeks_between
from governance_assets.runtime.sources import landed_relation
from governance_assets_tests.intake_samples import Folder, told

PLACES = {
    "weathervane/roadmap_weekly/*": "plan/wv/",
    "weathervane/roadmap_malformed/*": "plan/wv/",
    "weathervane/roadmap_transitions.csv": "plan/wv/",
    "bqx_ml/stages.csv": "plan/bqx/2025-11-16-",
    "bqx_ml_v3/plan_backup_*": "plan/v3/",
    "bqx_ml_v3/cost_report_2025-12-09.csv": "costs/",
}
WEEKS = [period("week", week.isoformat()) for week in weeks_between(dt.date(2025, 10, 6), dt.date(2025, 12, 14))]
AS_OF = dt.datetime(2025, 12, 15, tzinfo=dt.UTC)
POLICY = PlanPolicy(
    plans=(
        PlanTerms(
            plan="bqx",
            phases=11,
            low_days=71,
            high_days=85,
            base="items",
            totals=tuple(
                DeclaredTotal(source=name, amount=amount)
                for name, amount in (("seed cadence", 650.0), ("project state", 1050.0), ("expectations", 1340.0))
            ),
        ),
    )
)
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def tables(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder, data = Folder(tmp_path_factory.mktemp("plans")), shared_data("plan")
    for pattern, place in PLACES.items():
        for source in sorted(data.glob(pattern)):
            target = folder.telemetry / f"{place}{source.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    intake = folder.read()
    assert [record["file"] for record in told(intake) if record["scope"] == "file"] == ["plan/wv/2025-11-13__4e0c7c869__reduced.yaml"]
    found: Tables = {}
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        names = ("plan_items", "plan_transitions", "cost_entries")
        feeds = facts.Feeds(**{name: landed_relation(con, name, intake.manifests[name], folder.home, None) for name in names})
        for contract, needs in (
            (contracts.PlanMoves, ()),
            (contracts.PlanProgress, ()),
            (contracts.PlanPhases, ()),
            (contracts.PlanDashboard, ("plan_phases",)),
            (contracts.EstimateAdjustments, ()),
            (contracts.WeeklyChangelog, ()),
            (contracts.PlanChanges, ("estimate_adjustments", "plan_dashboard")),
        ):
            name = contract.artifact
            found[name] = conform(contract, getattr(facts, name)(con, feeds, *needs, WEEKS, AS_OF, POLICY))
            assert violations(contract, found[name]) == []
            con.register(name, found[name])
    return found


def figures(tables: Tables, plan: str, week: str) -> dict[tuple[str, str], float | None]:
    rows = tables["plan_dashboard"].to_pylist()
    return {(row["line"], row["name"]): row["value"] for row in rows if (row["plan"], str(row["week"])) == (plan, week)}


def findings(tables: Tables, artifact: str, week: str) -> dict[tuple[str, str], Finding]:
    rows = tables[artifact]
    part = rows.filter(pc.equal(rows["week"], dt.date.fromisoformat(week)))
    return {(one.rule, one.subject): one for one in getattr(rules, f"judge_{artifact}")(part, POLICY, week)}


def test_the_plan_export(tables: Tables) -> None:
    found = figures(tables, "bqx", "2025-11-17")
    names = ("items", "done", "repeated codes", "without code", "estimates", "realised costs")
    assert [found["records", name] for name in names] == [108, 29, 7, 17, 64, 0]
    assert found["budget", "base"] == pytest.approx(1056.87, rel=1e-9)
    assert [found["phases", name] for name in ("total", "complete", "in_progress", "todo")] == [11, 0, 3, 8]
    (row,) = [row for row in tables["plan_progress"].to_pylist() if (row["plan"], str(row["week"])) == ("bqx", "2025-11-17")]
    assert (row["items"], row["done"], row["in_progress"], row["todo"]) == (108, 29, 9, 70)


def test_the_budgets_that_disagree_are_found(tables: Tables) -> None:
    found = findings(tables, "plan_dashboard", "2025-11-17")
    outcomes = {subject: one.outcome for (rule, subject), one in found.items() if rule == "totals_agree" and "bqx" in subject}
    assert outcomes == {
        "plan bqx: declared: seed cadence": "fail",
        "plan bqx: declared: project state": "pass",  # 0.65 % apart
        "plan bqx: declared: expectations": "fail",
    }
    cost = found["realised_cost_is_recorded", "plan bqx"]
    assert (cost.outcome, cost.value, cost.limit) == ("fail", 0, 29)
    assert found["codes_are_unique", "plan bqx"].value == 7
    assert found["phases_are_as_expected", "plan bqx"].outcome == "pass"


def test_the_moves_of_the_roadmap(tables: Tables) -> None:
    rows = tables["plan_moves"].to_pylist()
    assert sum(row["moves"] for row in rows) == 511
    assert sum(row["moves"] for row in rows if (row["from_status"], row["to_status"]) == ("pending", "done")) == 151
    left = [row for row in rows if row["change"] == "out_of_done"]
    assert (sum(row["moves"] for row in left), sum(row["moves"] for row in left if not row["to_status"])) == (65, 2)
    assert sum(row["misstated"] for row in rows) == 0
    assert findings(tables, "plan_moves", "2025-10-20")["done_stays_done", "plan wv"].value == 26


def test_scope_by_changes_is_that_of_the_recorded_versions(tables: Tables, shared_data: Callable[[str], Path]) -> None:
    """The last version of each week that parses has as many tasks as the changes leave, and as many of them done."""
    with shared_data("plan/weathervane/roadmap_snapshots.csv").open(encoding="utf-8", newline="") as file:
        versions = [row for row in csv.DictReader(file) if row["parse"] == "ok"]
    last: dict[str, tuple[int, int]] = {}
    for row in sorted(versions, key=lambda row: dt.datetime.fromisoformat(row["committed_at"])):
        day = dt.datetime.fromisoformat(row["committed_at"]).astimezone(dt.UTC).date()
        last[str(day - dt.timedelta(days=day.weekday()))] = (int(row["tasks"]), int(row["done"]))
    counted = {str(row["week"]): row for row in tables["plan_progress"].to_pylist() if row["plan"] == "wv"}
    assert len(last) >= 6
    for week, (tasks, done) in last.items():
        assert abs(counted[week]["items"] - tasks) <= 1, week  # one code stands twice in some versions; changes tell codes apart
        assert abs(counted[week]["done"] - done) <= 1, week
    assert sum(row["added"] for row in counted.values()) - sum(row["removed"] for row in counted.values()) == 162


def test_a_stale_snapshot_is_told_apart_from_the_changes(tables: Tables) -> None:
    assert findings(tables, "plan_progress", "2025-10-20")["snapshot_matches_changes", "plan wv"].outcome == "pass"
    late = findings(tables, "plan_progress", "2025-11-17")["snapshot_matches_changes", "plan wv"]
    assert (late.outcome, late.value) == ("fail", 290)
    ages = {week: findings(tables, "plan_dashboard", week)["snapshot_is_fresh", "plan wv"].outcome for week in ("2025-11-03", "2025-11-10")}
    assert ages == {"2025-11-03": "pass", "2025-11-10": "fail"}


def test_the_cost_report(tables: Tables) -> None:
    found = figures(tables, "", "2025-12-08")
    assert (found["budget", "base"], found["budget", "realised"]) == (276.0, 35.59)
    assert found["budget", "spent"] == pytest.approx(0.129, abs=5e-4)
    assert findings(tables, "plan_dashboard", "2025-12-08")["published_share_holds", "the plan"].outcome == "pass"


def test_costs_of_stages_that_are_not_done(tables: Tables) -> None:
    assert figures(tables, "v3", "2025-11-24")["records", "early costs"] == 5
    assert findings(tables, "plan_dashboard", "2025-11-24")["cost_follows_work", "plan v3"].outcome == "fail"


def test_the_page_and_the_papers_can_be_made(tables: Tables) -> None:
    tables = tables | {"repository_sync": empty(contracts.RepositorySync)}
    page = page_from(report.page(tables, pa.table({}), AS_OF))
    assert {"Burn-up of plan wv", "Phases of plan bqx", "Moves between states"} <= {section.title for section in page.sections}
    papers = report.documents(tables, pa.table({}), AS_OF)
    assert "Phases:     11 total | 0 complete | 3 in progress | 8 todo" in papers["plan/dashboards/2025-11-17.md"]
    assert papers["plan/CHANGELOG.md"].count("\n## ") == len({row["week"] for row in tables["weekly_changelog"].to_pylist()})
