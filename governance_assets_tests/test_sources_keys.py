"""Keys of landed forecasts: one text a task and a cell, whatever the names hold, and scores that do not depend on them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.domains.scores import contracts, facts
from governance_assets.runtime.sources.keys import CELL_KEY, TASK_KEY, with_keys
from governance_assets.runtime.sources.landing import LANDED, LandedFile, Store, landed_relation

STRATA = ("age", "sex")
TASK = ("target_end_date", "model_id", "reference_date", "horizon", "target", "location")
CELL = ("model_id", "horizon", "target", "quantile_level")
TEXTS = st.none() | st.sampled_from(["", "~", "/", "~0", "~1", "a/", "/a", "~/", "age=x", "sex=", "é\n", "a"])
DATES = st.sampled_from([dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(2025, 1, 6), dt.date(9999, 12, 31)])
VIEWS = ("keyed", "plain")
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


@st.composite
def forecasts(draw: st.DrawFn) -> pa.Table:
    """Tasks with every level, each named once."""
    names = st.tuples(DATES, TEXTS, st.none() | DATES, st.none() | st.integers(-1, 2), TEXTS, TEXTS, TEXTS, TEXTS)
    rows: list[dict[str, Any]] = []
    for name in draw(st.lists(names, min_size=1, max_size=12, unique=True)):
        values = sorted(draw(st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=len(LEVELS), max_size=len(LEVELS))))
        task = dict(zip((*TASK, *STRATA), name, strict=True)) | {"observed": draw(st.none() | st.sampled_from([0.0, 1.0, 3.0]))}
        rows += [{**task, "quantile_level": level, "predicted": value} for level, value in zip(LEVELS, values, strict=True)]
    kinds = [*LANDED["quantile_forecasts"], *((name, pa.string()) for name in STRATA), ("observed", pa.float64())]
    return pa.Table.from_pylist(draw(st.permutations(rows)), pa.schema(kinds))


@settings(max_examples=100, deadline=None)
@given(forecasts())
def test_keys_are_equal_where_all_that_they_name_is(rows: pa.Table) -> None:
    keyed = with_keys(rows, STRATA).to_pylist()
    for key, columns in ((TASK_KEY, (*TASK, *STRATA)), (CELL_KEY, (*CELL, *STRATA))):
        pairs = {(row[key], tuple(row[name] for name in columns)) for row in keyed}
        assert len({key for key, _ in pairs}) == len({named for _, named in pairs}) == len(pairs)


def _landed(con: duckdb.DuckDBPyConnection, path: Path, rows: pa.Table) -> None:
    """Views ``plain`` and ``keyed`` of ``rows``, in three row groups."""
    with LandedFile(path, "quantile_forecasts", STRATA) as file:
        for part in np.array_split(np.arange(rows.num_rows), 3):
            file.write(rows.take(pa.array(part)))
    con.execute(f"CREATE VIEW keyed AS FROM read_parquet('{path}')")
    con.execute("CREATE VIEW plain AS SELECT * EXCLUDE (_task, _cell) FROM keyed")


def _sorted(relation: duckdb.DuckDBPyRelation) -> list[tuple[Any, ...]]:
    return sorted(relation.fetchall(), key=repr)


@settings(max_examples=60, deadline=None)
@given(forecasts(), st.sampled_from([2, 20, 1000]))
def test_scores_are_those_of_the_plain_columns(tmp_path_factory: pytest.TempPathFactory, rows: pa.Table, at_once: int) -> None:
    with duckdb.connect(config={"threads": 1}) as con, pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "_TASK_ROWS_AT_ONCE", at_once)
        _landed(con, tmp_path_factory.mktemp("landed") / "file.parquet", rows)
        whole = (*contracts.TASK, *STRATA)
        assert _sorted(facts.task_scores(con, "keyed", whole)) == _sorted(facts.task_scores(con, "plain", whole))
        for by in (("model_id", "horizon"), ("target", "age"), ("location",)):
            found, expected = (
                {row[: len(by) + 1]: row[len(by) + 1 :] for row in facts.level_scores(con, view, by).fetchall()} for view in VIEWS
            )
            assert found.keys() == expected.keys()
            for named, scores in found.items():
                assert [*scores] == [None if other is None else pytest.approx(other, rel=1e-12, abs=1e-12) for other in expected[named]]


def test_a_file_without_the_stratum_names_the_same_task() -> None:
    row = {"target_end_date": dt.date(2025, 1, 6), "model_id": "m", "quantile_level": 0.5}
    schema = pa.schema(LANDED["quantile_forecasts"])
    without = with_keys(pa.Table.from_pylist([row], schema), ())
    empty = with_keys(pa.Table.from_pylist([row], schema.append(pa.field("age", pa.string()))), ("age",))
    assert without[TASK_KEY].to_pylist() == empty[TASK_KEY].to_pylist()


def test_a_landing_without_keys_is_not_taken_for_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.land_nothing("quantile_forecasts", ())
    sha256 = first["landed_sha256"]
    old = tmp_path / f"landing/quantile_forecasts/{sha256}.parquet"
    assert store.path("quantile_forecasts", sha256) != old
    store.path("quantile_forecasts", sha256).rename(old)
    assert store.land_nothing("quantile_forecasts", ()) == first
    assert store.path("quantile_forecasts", sha256).is_file()


def test_a_view_with_a_landing_of_old_has_no_keys(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rows = pa.Table.from_pylist([{"target_end_date": dt.date(2025, 1, 6)}], pa.schema(LANDED["quantile_forecasts"]))
    sha256 = store.land("quantile_forecasts", rows, np.zeros(1, np.int64))[0]["landed_sha256"]
    new = store.path("quantile_forecasts", sha256).relative_to(tmp_path).as_posix()
    pq.write_table(rows, tmp_path / "landing/quantile_forecasts/old.parquet")
    for paths, is_keyed in (([new], True), ([new, "landing/quantile_forecasts/old.parquet"], False)):
        manifest = pa.table({"landed_path": paths, "weeks": [""] * len(paths), "strata": [""] * len(paths), "rows": [1] * len(paths)})
        with duckdb.connect() as con:
            view = con.sql(f"FROM {landed_relation(con, 'quantile_forecasts', manifest, tmp_path, None)}")
            assert (len(view.fetchall()), TASK_KEY in view.columns, CELL_KEY in view.columns) == (len(paths), is_keyed, is_keyed)
