"""Properties of reading that hold for every table: nothing is lost, order and format do not matter, and two paths agree."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance_assets.contract import registry, violations
from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources import columns, outcome, tables, typed
from governance_assets.runtime.sources.easing import ease
from governance_assets.runtime.sources.outcome import Context, Unreadable
from governance_assets_tests.intake_samples import HEADER, POLICY, Folder, assert_nothing_lost

QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

cells = st.one_of(
    st.sampled_from(
        ["m", "06", "2025-11-01", "2025-11-08", "0.5", "0.25", "1", "7", "", "NA", "nan", "inf", "x", "1e5", "+3", " 4 ", "0x1F"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters='\n\r",;|\t'), max_size=6),
)
plausible = st.tuples(
    st.sampled_from(["a", "b", ""]),
    st.sampled_from(["2025-11-01", "2025-11-01", "01/11/2025"]),
    st.sampled_from(["0", "1", "1.5"]),
    st.sampled_from(["06", "US"]),
    st.sampled_from(["2025-11-08", "2025-11-15", ""]),
    st.sampled_from(["0.25", "0.5", "0.75", "0.75", "1.5"]),
    st.sampled_from(["1", "2", "3", "NaN", "x"]),
)
rows = st.lists(st.one_of(plausible, plausible, st.tuples(*[cells] * 7)), max_size=40)


def folder_with(**files: bytes) -> tuple[Folder, tempfile.TemporaryDirectory[str]]:
    place = tempfile.TemporaryDirectory()
    folder = Folder(Path(place.name))
    for name, content in files.items():
        folder.put(f"forecasts/{name.replace('_', '.')}", content)
    return folder, place


def written(table: list[tuple[str, ...]]) -> bytes:
    return "\n".join([HEADER, *(",".join(row) for row in table)]).encode()


@QUICK
@given(rows)
def test_landed_and_refused_and_unused_rows_are_the_rows_of_the_file(table: list[tuple[str, ...]]) -> None:
    folder, place = folder_with(a_csv=written(table))
    with place:
        intake = folder.read(IntakePolicy(max_rejected_records_per_file=7))
        assert_nothing_lost(intake, {"forecasts/a.csv": len(table)})
        for name, rows in {**intake.manifests, "rejected_records": intake.rejected}.items():
            assert violations(registry()[name], rows) == []


@QUICK
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter_when_none_is_repeated(table: list[tuple[str, ...]], chance: object) -> None:
    table = list({row[:6]: row for row in table}.values())
    shuffled = table.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    digests = []
    for each in (table, shuffled):
        folder, place = folder_with(a_csv=written(each))
        with place:
            digests.append([file["landed_sha256"] for file in folder.read().manifests["quantile_forecasts"].to_pylist()])
    assert digests[0] == digests[1]


@QUICK
@given(rows, rows)
def test_what_lands_of_a_file_does_not_hang_on_the_file_beside_it_unless_they_share_a_task(
    first: list[tuple[str, ...]], second: list[tuple[str, ...]]
) -> None:
    second = [("other-" + row[0], *row[1:]) for row in second]
    alone, place = folder_with(a_csv=written(first))
    together, other_place = folder_with(a_csv=written(first), b_csv=written(second))
    with place, other_place:
        one = {file["origin"]: file for file in alone.read().manifests["quantile_forecasts"].to_pylist()}
        both = {file["origin"]: file for file in together.read().manifests["quantile_forecasts"].to_pylist()}
        assert one.get("forecasts/a.csv") == both.get("forecasts/a.csv") or first == second


@QUICK
@given(
    st.lists(cells, min_size=1, max_size=12),
    st.sampled_from(["predicted", "quantile_level", "horizon", "reference_date", "target_end_date"]),
)
def test_whole_columns_and_single_cells_are_judged_alike(values: list[str], part: str) -> None:
    """A column that passes as a whole must hold no cell that fails alone, and must mean the same."""
    size = len(values)
    good = {
        "model_id": "m",
        "reference_date": "2025-11-01",
        "horizon": "1",
        "target_end_date": "2025-11-08",
        "quantile_level": "0.5",
        "predicted": "1",
    }
    arrived = {name: pa.chunked_array([pa.array([value] * size)]) for name, value in good.items()}
    arrived[part] = pa.chunked_array([pa.array(values, pa.string())])
    eased, clean = ease(arrived, POLICY)
    numbers = {"file": pa.array([0] * size, pa.int32()), "row": pa.array(range(size), pa.int64())}
    kinds = {pa.string(): "text", pa.float64(): "float", pa.date32(): "date"}
    context = Context("long", "forecasts")
    results = []
    for table, known in ((arrived, frozenset()), (eased, clean)):
        types = {name: kinds[column.type] for name, column in table.items()}
        query = typed.forecast_query("arrived_rows", types, [], context, POLICY, known)
        with duckdb.connect() as con:
            con.register("arrived_rows", pa.table({**table, **numbers}))
            results.append(con.execute(f"SELECT row, problem > 0, {part} FROM ({query.sql}) ORDER BY row").fetchall())
    assert [(row, bad, None if bad else value) for row, bad, value in results[0]] == [
        (row, bad, None if bad else value) for row, bad, value in results[1]
    ]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(tables.SUFFIXES))
def test_any_bytes_are_read_or_refused(data: bytes, suffix: str) -> None:
    try:
        table = tables.read_table(data, suffix, POLICY)
    except Unreadable:
        return
    assert len(table.names) == len(table.columns)
    assert all(len(column) == len(table.rows) for column in table.columns)
    assert table.file_rows == len(table.rows) + sum(refusal.rows for refusal in table.refusals)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.text(alphabet='ab"\n\r,é\x00 ', max_size=5), min_size=2, max_size=4), max_size=8))
def test_every_line_of_text_is_a_row_or_a_refusal(lines: list[list[str]]) -> None:
    data = ("model_id,value\n" + "\n".join(",".join(line) for line in lines)).encode()
    table = tables.read_table(data, ".csv", POLICY)
    numbers = [*table.rows.to_pylist(), *(refusal.row for refusal in table.refusals)]
    assert len(set(numbers)) == len(numbers)
    physical = data.splitlines()
    assert all(1 < number <= len(physical) and physical[number - 1] for number in numbers)


@given(st.text(max_size=300))
def test_what_is_shown_is_one_visible_line(text: str) -> None:
    seen = outcome.shown(text)
    assert seen.isprintable() or not any(ord(letter) < 32 for letter in seen)
    assert "\n" not in seen
    assert seen.strip(" ")


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (
            ["model", "forecast_date", "target_end_date", "quantile", "value"],
            {"model_id", "reference_date", "target_end_date", "quantile_level", "predicted"},
        ),
        (["date", "location", "value"], {"target_end_date", "location", "observed"}),
        (
            ["Model ID", "Origin-Date", "output_type", "output_type_id", "VALUE"],
            {"model_id", "reference_date", "output_type", "output_type_id", "predicted"},
        ),
        (["type", "quantile", "value"], {"output_type", "output_type_id", "predicted"}),
    ],
)
def test_columns_are_known_by_their_usual_names(names: list[str], parts: set[str]) -> None:
    assert set(columns.layout(names, truth=False).parts) == parts
