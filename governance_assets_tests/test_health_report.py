"""The page of health, held against its stored text, and the headline figures."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.health import facts, report
from governance_assets.domains.health.contracts import Escalations, OperationalHealth
from governance_assets.pages.model import page_from
from governance_assets.policy import Policy
from governance_assets.runtime.alerts.incidents import incidents
from governance_assets.runtime.tables import FINDINGS
from governance_assets_tests.stored_text import assert_stored
from governance_assets_tests.test_health_facts import DAY, NOW, TICK, about, failing, ledger

EMPTY = {"operational_health": arrow_schema(OperationalHealth).empty_table(), "escalations": arrow_schema(Escalations).empty_table()}
GRAINS = {"scores": "week", "curves": "week", "skill": "week"}


def tables() -> dict[str, pa.Table]:
    """A late artifact, one on time and one unknown; incidents of several ages, one acknowledged and one with hostile names."""
    recorded = ledger(("scores", "2025-09-08", "2025-09-15T06:30"), ("curves", "2025-09-22", "2025-09-29T06:30"))
    hostile = failing(3, "<script>alert(1)</script>", NOW - 20 * DAY, severity="warn", rule="value_is_kept")
    known = failing(2, "blue", NOW - 8 * DAY)
    rows = [failing(1, "red", NOW - 5 * DAY), known, about(known, "acknowledged", by="toy_lead", until=NOW + 30 * DAY), hostile]
    rows.append(failing(4, "ancient", NOW - 800 * DAY + TICK, severity="warn"))
    return {
        "operational_health": facts.operational_health(recorded, dict.fromkeys(GRAINS, "modelling_lead"), GRAINS, Policy(), NOW),
        "escalations": facts.escalations(incidents(rows), {"scores"}, Policy(), NOW),
    }


def made(rows: dict[str, pa.Table]) -> dict[str, object]:
    return report.page(rows, FINDINGS.empty_table(), NOW)


def test_the_page_is_as_stored() -> None:
    assert_stored("site/health.json", json.dumps(made(tables()), indent=1, default=str, ensure_ascii=False) + "\n")


def test_the_page_is_one_and_names_the_worst_first() -> None:
    page = page_from(made(tables()))
    due, open_ones = page.sections
    assert [row[0] for row in due.table.rows] == ["scores", "skill", "curves"]
    assert [row[1] for row in open_ones.table.rows] == ["P1", "P1", "P2", "P2"]
    assert open_ones.plots[0].series[0].y[0] == 1
    assert sum(open_ones.plots[0].series[0].y) == 4
    assert len(open_ones.plots[0].series[0].y) == 26, "what is older than half a year stands in the last bar"


def test_what_is_not_applicable_is_told_below_the_table_with_its_reason() -> None:
    note = page_from(made(tables())).sections[0].table.note
    assert note.endswith("repository sync (repository_sync): no artifact of this installation is named repository_sync.")


def test_an_empty_history_has_a_page() -> None:
    page = page_from(made(EMPTY))
    assert [section.text for section in page.sections] == ["Nothing is recorded yet.", "No incident is open."]
    assert not page.sections[1].plots


def test_headlines_count_what_is_missing_and_what_is_open() -> None:
    rows = tables()
    assert report.headline_of_health(rows["operational_health"]) == ("missing", 1, None)
    assert report.headline_of_escalations(rows["escalations"]) == ("open_incidents", 4, None)
    assert report.headline_of_health(EMPTY["operational_health"])[1] == 0


def test_as_of_is_told() -> None:
    assert dt.date(2025, 10, 6).isoformat() in str(made(EMPTY)["intro"])
