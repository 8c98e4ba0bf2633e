"""Page models: read from mappings, refused when described wrongly."""

from __future__ import annotations

import pytest

from governance_assets.finding import Rule
from governance_assets.pages.model import ArtifactState, Column, Page, PageError, Section, Table, page_from, section_from, table_from
from governance_assets.pages.plots import plot_from
from governance_assets.pages.site import table_view
from governance_assets_tests import pages_example as example

MUST = Rule("must_hold", "it holds", "mend it", "error")


def test_a_page_is_read_from_a_mapping():
    page = page_from(example.page())
    assert page.title == "Calibration"
    assert [len(section.plots) for section in page.sections] == [0, 1, 2, 0]
    assert page.sections[1].plots[0] == plot_from(example.lines())
    assert page.sections[0].table.columns[1] == Column("Verdict", kind="verdict")


def test_what_is_a_model_already_is_kept():
    table = Table((Column("a"),), ((1,),))
    page = Page("t", "", (Section("s", table=table),))
    assert page_from(page) is page
    assert section_from({"title": "s", "table": table}).table is table
    assert table_from({"columns": [Column("a")], "rows": [[1]]}) == table


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ({"titel": "t"}, "page: found titel, expected only intro, sections, title"),
        ({"title": "t", "sections": [{"title": "s", "graph": 1}]}, "section: found graph"),
        ({"title": "t", "sections": [{"title": "s", "table": {"columns": ["a"], "rows": [], "foot": ""}}]}, "table: found foot"),
        (
            {"title": "t", "sections": [{"title": "s", "table": {"columns": [{"name": "a", "width": 3}], "rows": []}}]},
            "column: found width",
        ),
        (
            {"title": "t", "sections": [{"title": "s", "table": {"columns": ["a"], "rows": [[1], [1, 2]]}}]},
            "table row 1: found 2 cells, expected 1",
        ),
    ],
)
def test_a_page_described_wrongly_is_refused(described, told):
    with pytest.raises(PageError, match=told):
        page_from(described)


def test_cells_are_worded_by_their_column():
    columns = [
        "Model",
        {"name": "Coverage", "unit": "fraction"},
        {"name": "WIS", "unit": "cases"},
        {"name": "Verdict", "kind": "verdict"},
        "Mixed",
    ]
    rows = [["a", 0.5, 1234.5, "pass", 1], ["b", None, None, "some other word", "x"]]
    view = table_view(table_from({"columns": columns, "rows": rows}))
    assert view["rows"] == [["a", "50.0 %", "1,234", "pass", "1"], ["b", "–", "–", "some other word", "x"]]
    assert [column["kind"] for column in view["columns"]] == ["text", "number", "number", "verdict", "text"]
    assert [column["unit"] for column in view["columns"]] == ["", "", "cases", "", ""]


@pytest.mark.parametrize(("cell", "stacks"), [("x" * 40, False), ("x" * 41, True)])
def test_tables_with_long_cells_are_stacked(cell, stacks):
    assert table_view(Table((Column("a"),), ((cell,),)))["stacks"] is stacks


@pytest.mark.parametrize(
    ("state", "verdict", "is_unjudged"),
    [
        (ArtifactState("a", "intake"), "never", True),
        (ArtifactState("a", "intake", partition_key="all"), "not_applicable", False),
        (ArtifactState("a", "intake", findings=(MUST.judge("m", False),)), "fail", False),
        (ArtifactState("a", "intake", partition_key="all", findings=(MUST.judge("m", True), MUST.judge("n", None))), "unknown", True),
        (ArtifactState("a", "intake", partition_key="all", findings=(MUST.judge("m", False), MUST.judge("n", None))), "fail", True),
    ],
)
def test_the_verdict_of_a_state(state, verdict, is_unjudged):
    assert (state.verdict, state.is_unjudged) == (verdict, is_unjudged)


def test_checks_are_counted_without_those_that_do_not_apply():
    findings = (MUST.judge("a", True), MUST.judge("b", False), MUST.judge("c", None), MUST.not_applicable("d", "none"))
    state = ArtifactState("a", "intake", findings=findings)
    assert (state.n_passed, state.n_judged) == (1, 3)
