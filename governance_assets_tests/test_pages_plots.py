"""Plots: stored whole, small, deterministic, valid XML, readable without colour."""

from __future__ import annotations

import re
import urllib.parse
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.pages import plots
from governance_assets.pages.plots import PlotError
from governance_assets_tests import pages_example as example
from governance_assets_tests.stored_text import assert_stored

SVG = "{http://www.w3.org/2000/svg}"
DESCRIBED = {
    "lines": example.lines(),
    "intervals": example.intervals(),
    "reliability": example.reliability(),
    "bars": example.bars(),
}


@pytest.mark.parametrize("kind", DESCRIBED)
def test_plots_are_as_stored(kind):
    assert_stored(f"plots/{kind}.svg", plots.svg(DESCRIBED[kind]))


def test_a_narrow_plot_is_as_stored():
    assert_stored("plots/lines_narrow.svg", plots.svg(example.lines(), plots.NARROW, is_inline=True))


def test_spots_stand_on_their_line_with_hostile_words_as_text():
    described = example.curves()
    assert_stored("plots/curves.svg", plots.svg(described))
    described["spots"][0]["words"] = "<script>"
    root = ElementTree.fromstring(plots.svg(described))
    words = [one.findtext(f"{SVG}title") for one in root.iter(f"{SVG}path") if one.attrib["class"] in ("ring", "point")]
    assert "<script>" in words
    assert "proposed: 3 a week" in words


@pytest.mark.parametrize("kind", DESCRIBED)
def test_a_plot_is_an_image_with_a_name_and_a_description(kind):
    root = ElementTree.fromstring(plots.svg(DESCRIBED[kind]))
    names = root.attrib["aria-labelledby"].split()
    texts = {child.attrib["id"]: child.text for child in root if child.tag in (f"{SVG}title", f"{SVG}desc")}
    assert root.attrib["role"] == "img"
    assert list(texts) == names
    assert texts[names[0]] == DESCRIBED[kind]["title"]
    assert "steady" in texts[names[1]]


def test_equal_plots_give_equal_text_and_different_ones_different_ids():
    drawn = [plots.svg(example.lines()), plots.svg(example.lines()), plots.svg(example.lines() | {"title": "Another"})]
    ids = [re.search(r'id="(t\w+)"', text)[1] for text in drawn]
    assert drawn[0] == drawn[1]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("width", [plots.WIDE, plots.NARROW])
def test_fifty_models_over_five_years_stay_small(width):
    drawn = plots.svg(example.crowd(50, 260), width)
    assert len(drawn.encode()) <= 50_000
    assert len(plots.markdown_image(drawn)) <= plots.MAX_IMAGE_BYTES
    assert "44 others" in drawn


def test_a_markdown_image_holds_the_plot_on_a_light_sheet():
    drawn = plots.svg(example.lines())
    image = plots.markdown_image(drawn, "coverage [of] models")
    alternative, data = re.fullmatch(r"!\[([^\]]*)\]\(data:image/svg\+xml;charset=utf-8,([^\s()<>\"]*)\)", image).groups()
    assert alternative == "coverage of models"
    assert urllib.parse.unquote(data) == drawn.replace('class="plot"', 'class="plot sheet"', 1)
    assert ElementTree.fromstring(urllib.parse.unquote(data)).attrib["class"] == "plot sheet"


def test_too_large_an_image_is_refused():
    with pytest.raises(PlotError, match="expected at most 50,000"):
        plots.markdown_image("<svg>" + "x" * 50_000 + "</svg>")


def test_every_coloured_series_has_a_colour_and_a_shape_of_its_own():
    drawn = plots.svg(example.crowd(6, 3), plots.NARROW)
    root = ElementTree.fromstring(drawn)
    keys = [group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}text") is not None and group.attrib["class"] != "s-1"]
    series = [group for group in keys if group.find(f"{SVG}text").text.startswith("team-")]
    assert len({group.attrib["class"] for group in series}) == 6
    assert len({group.find(f"{SVG}path").attrib["d"] for group in series}) == 6


def test_highlight_chooses_the_coloured_series_in_its_order():
    drawn = plots.svg(example.crowd(10, 3) | {"highlight": ["team-7-ensemble-model", "team-2-ensemble-model", "nobody"]}, plots.NARROW)
    shown = re.findall(r">(team-\d+-ensemble-model)</text>", drawn)
    assert shown == ["team-7-ensemble-model", "team-2-ensemble-model"]
    assert "8 others" in drawn


def test_labels_of_lines_that_end_together_do_not_overlap():
    drawn = plots.svg({"kind": "lines", "title": "t", "series": [{"name": f"m{n}", "x": [1, 2], "y": [1.0, 1.0]} for n in range(6)]})
    heights = sorted(float(y) for y in re.findall(r'<text x="\d+" y="([\d.]+)" dy="4">m\d', drawn))
    assert len(heights) == 6
    assert min(after - before for before, after in zip(heights, heights[1:], strict=False)) >= 15


def test_a_gap_breaks_the_line_and_a_lone_point_is_still_drawn():
    drawn = plots.svg({"kind": "lines", "title": "t", "series": [{"name": "m", "x": [1, 2, 3, 4], "y": [1.0, 2.0, None, 3.0]}]})
    path = re.search(r'class="half line" d="([^"]+)"', drawn)[1]
    assert path.count("M") == 2
    assert path.endswith("h0")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), None])
def test_what_is_not_a_number_is_a_gap(bad):
    drawn = plots.svg({"kind": "lines", "title": "t", "series": [{"name": "m", "x": [1, 2, 3], "y": [1.0, bad, 2.0]}]})
    assert re.search(r'class="half line" d="M[^M]+M[^M]+"', drawn)
    assert "nan" not in drawn
    assert "inf" not in drawn.replace("infinite", "")


@pytest.mark.parametrize("kind", DESCRIBED)
@pytest.mark.parametrize("series", [[], [{"name": "m", "x": [], "y": []}], [{"name": "m", "x": [0.5], "y": [None]}]])
def test_no_data_is_said(kind, series):
    drawn = plots.svg({"kind": kind, "title": "t", "series": series})
    ElementTree.fromstring(drawn)
    assert "no data yet" in drawn


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"colour": "red"}, "found colour, expected only"),
        ({"series": [{"name": "m", "x": [1, 2], "y": [1.0]}]}, "series 'm': found x 2, y 1"),
        ({"series": [{"name": "m", "x": [1], "y": [1.0], "lower": [0.0]}]}, "both interval ends or none"),
    ],
)
def test_a_plot_described_wrongly_is_refused(change, told):
    with pytest.raises(PlotError, match=told):
        plots.svg(example.lines() | change)


def test_hostile_text_stays_text():
    series = [{"name": example.HOSTILE + str(n), "x": [1, 2], "y": [1.0, 2.0]} for n in range(2)]
    for kind in DESCRIBED:
        drawn = plots.svg({"kind": kind, "title": example.HOSTILE, "subtitle": example.HOSTILE, "series": series})
        root = ElementTree.fromstring(drawn)
        assert not [element for element in root.iter() if element.tag.lower().endswith(("script", "img"))]
        drawn.encode("utf-8")


def test_a_plot_asks_for_nothing_from_elsewhere():
    text = "".join(plots.svg(described) for described in DESCRIBED.values())
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in text
    assert "@import" not in text


values = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(-10, 10))


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(DESCRIBED)),
    points=st.lists(st.tuples(st.dates().map(lambda day: day.isoformat()), values), max_size=12),
    name=st.text(max_size=30),
    title=st.text(max_size=200),
)
def test_any_series_gives_a_drawing(kind, points, name, title):
    if kind != "lines":
        points = [(n / 20, value) for n, (_, value) in enumerate(points)]
    drawn = plots.svg({"kind": kind, "title": title, "series": [{"name": name, "x": [x for x, _ in points], "y": [y for _, y in points]}]})
    ElementTree.fromstring(drawn)
