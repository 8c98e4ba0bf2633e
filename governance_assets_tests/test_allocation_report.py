"""The page and the exports of allocation say what the recorded rows say."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, empty
from governance_assets.domains.allocation import facts, report
from governance_assets.domains.allocation.contracts import BudgetAllocation, ResponseCurves
from governance_assets.pages import plots, slides
from governance_assets.pages.model import Page, page_from
from governance_assets_tests.mmm_refits import QUARTERS
from governance_assets_tests.test_allocation_facts import POLICY, connected, proposed

AS_OF = dt.datetime(2025, 10, 6, 8, tzinfo=dt.UTC)
NOTHING = pa.table({"rule": pa.array([], pa.string())})


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    con = connected()
    con.register("proposals", budgets := pa.Table.from_pylist(proposed(), schema=arrow_schema(BudgetAllocation)))
    return {"budget_allocation": budgets, "response_curves": facts.response_curves(con, "draws", "refits", "proposals", POLICY)}


@pytest.fixture(scope="module")
def page(tables: dict[str, pa.Table]) -> Page:
    return page_from(report.page(tables, NOTHING, AS_OF))


def test_the_page_says_what_is_proposed_and_what_it_assumes(page: Page) -> None:
    proposal, scenarios, curves = page.sections
    assert f"Newest refit: {QUARTERS[-1]}" in page.intro
    assert "assuming no unmeasured confounding" in page.intro
    assert "tenant-0: model-implied lift" in proposal.text
    assert proposal.table is not None
    assert [row[:2] for row in proposal.table.rows] == [(t, c) for t in ("tenant-0", "tenant-1") for c in ("search", "video")]
    assert scenarios.table is not None
    assert [row[1] for row in scenarios.table.rows[:5]] == ["budget-20", "budget-10", "budget+0", "budget+10", "budget+20"]
    assert [len(plot.spots) for plot in curves.plots] == [4, 4]
    assert all(plots.svg(plot).count('class="ring"') == 2 for plot in curves.plots)


def test_every_link_has_its_document(tables: dict[str, pa.Table], page: Page) -> None:
    linked = {path for section in page.sections for _, path in section.documents}
    assert linked == report.documents(tables, NOTHING, AS_OF).keys()
    assert len(linked) == 4


def test_the_table_can_be_read_back(tables: dict[str, pa.Table]) -> None:
    text = report.documents(tables, NOTHING, AS_OF)[f"allocation/{QUARTERS[-1]}-tenant-0.csv"]
    assert isinstance(text, str)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 10
    expected = {(row["scenario"], row["channel"]): row["proposed_spend"] for row in proposed() if row["tenant"] == "tenant-0"}
    assert {(row["scenario"], row["channel"]): float(row["proposed_spend"]) for row in rows} == expected
    assert all("assuming no unmeasured confounding" in row["note"] for row in rows)


def test_a_name_is_no_formula_in_a_spreadsheet() -> None:
    row = dict.fromkeys(report._COLUMNS) | {"channel": "=1+1", "change": -0.2}
    assert ",'=1+1," in report._csv([row])
    assert ",-0.2," in report._csv([row])


def test_the_deck_has_a_slide_a_scenario_and_equal_bytes(tables: dict[str, pa.Table]) -> None:
    pptx = pytest.importorskip("pptx")
    made = report.documents(tables, NOTHING, AS_OF)[f"allocation/{QUARTERS[-1]}-tenant-1.pptx"]
    assert made == report.documents(tables, NOTHING, AS_OF)[f"allocation/{QUARTERS[-1]}-tenant-1.pptx"]
    shown = list(pptx.Presentation(io.BytesIO(made)).slides)
    assert len(shown) == 5
    table = next(shape.table for shape in shown[2].shapes if shape.has_table)
    cells = [[cell.text for cell in row.cells] for row in table.rows]
    assert [row[0] for row in cells] == ["Channel", "search", "video"]
    texts = " ".join(shape.text_frame.text for shape in shown[2].shapes if shape.has_text_frame)
    assert "budget+0" in texts
    assert "assuming no unmeasured confounding" in texts


def test_a_long_table_goes_on_on_the_next_slide() -> None:
    pptx = pytest.importorskip("pptx")
    rows = tuple((f"channel {n}",) for n in range(30))
    made = pptx.Presentation(io.BytesIO(slides.deck([slides.Slide("All", ("Channel",), rows, "note")], AS_OF)))
    counted = [len(shape.table.rows) - 1 for slide in made.slides for shape in slide.shapes if shape.has_table]
    assert counted == [14, 14, 2]


def test_without_the_extra_only_csv_is_written(tables: dict[str, pa.Table], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slides, "is_available", lambda: False)
    assert {path.rsplit(".", 1)[1] for path in report.documents(tables, NOTHING, AS_OF)} == {"csv"}
    page = page_from(report.page(tables, NOTHING, AS_OF))
    assert "the extra [export]" in page.sections[1].text
    assert len(page.sections[1].documents) == 2


def test_headlines_and_nothing_recorded(tables: dict[str, pa.Table]) -> None:
    name, value, unit = report.headline_of_budget(tables["budget_allocation"])
    assert (name, unit) == ("median_lift", "fraction")
    assert value is not None
    assert report.headline_of_curves(tables["response_curves"]) == ("channels_with_a_curve", 4, None)
    nothing = {"budget_allocation": empty(BudgetAllocation), "response_curves": empty(ResponseCurves)}
    assert report.documents(nothing, NOTHING, AS_OF) == {}
    assert report.curve_plots(nothing.__getitem__) == {}
    assert report.headline_of_budget(empty(BudgetAllocation)) == ("median_lift", None, "fraction")
    page = page_from(report.page(nothing, NOTHING, AS_OF))
    assert [section.text for section in page.sections] == [
        "Nothing is proposed yet.",
        "No scenario is computed yet.",
        "No curve is drawn yet.",
    ]


@pytest.mark.parametrize(
    ("tenant", "stem"), [("north", "north"), ("a/b c", "a_b_c-[0-9a-f]{8}"), ("../x", "_x-.*"), ("ü", "_-.*"), ("", "")]
)
def test_a_tenant_makes_a_file_name(tenant: str, stem: str) -> None:
    assert re.fullmatch(f"allocation/2025-Q3-{stem}", report._stem("2025-Q3", tenant))
    assert report._stem("2025-Q3", "a b") != report._stem("2025-Q3", "a_b") != report._stem("2025-Q3", "a/b")
