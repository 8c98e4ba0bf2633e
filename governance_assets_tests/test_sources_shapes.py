"""The shapes telemetry may have: hubs as they are, long tables by many names, truth in versions."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import violations
from governance_assets.domains.intake import contracts
from governance_assets.runtime.sources import landed_relation
from governance_assets.runtime.sources.landing import LANDED, date_column
from governance_assets_tests.intake_samples import (
    HEADER,
    LEVELS,
    Folder,
    assert_nothing_lost,
    csv_of,
    forecasts,
    parquet_of,
    told,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def tasks_json(unit: str = "week", ids: tuple[str, ...] = ("origin_date", "horizon", "location", "target")) -> str:
    """A hub's task file as its schema has it since version 2."""
    target = {"target_id": "t", "target_keys": {"target": ["inc hosp"]}, "time_unit": unit, "is_step_ahead": True}
    task = {"task_ids": {name: {"required": None, "optional": ["x"]} for name in ids}, "output_type": {}, "target_metadata": [target]}
    return json.dumps({"schema_version": "v5", "rounds": [{"round_id_from_variable": True, "round_id": ids[0], "model_tasks": [task]}]})


HUB_HEADER = "origin_date,horizon,location,target,output_type,output_type_id,value"


def hub_rows(date: str = "2025-11-01", horizons: tuple[int, ...] = (0, 1)) -> str:
    return HUB_HEADER + "\n" + "".join(f"{date},{h},06,inc hosp,quantile,{level},{level}\n" for h in horizons for level in LEVELS)


@pytest.fixture(params=["", "forecasts/", "my-hub/"])
def hub(folder: Folder, request: pytest.FixtureRequest) -> str:
    """A small hub: as the telemetry folder itself, as its forecasts folder, and below another name."""
    place = str(request.param)
    folder.put(f"{place}hub-config/tasks.json", tasks_json())
    folder.put(f"{place}model-output/team-a/2025-11-01-team-a.csv", hub_rows())
    folder.put(f"{place}model-output/team-b/2025-11-01-team-b.csv", hub_rows() + "2025-11-01,0,06,inc hosp,mean,NA,1\n")
    folder.put(f"{place}target-data/time-series.csv", "target_end_date,location,target,observation\n2025-11-01,06,inc hosp,5\n")
    return place


def test_a_hub_is_read_as_it_is(folder: Folder, hub: str) -> None:
    intake = folder.read()
    assert told(intake) == []
    rows = folder.rows(intake)
    assert {row["model_id"] for row in rows} == {"team-a", "team-b"}
    assert {(row["horizon"], str(row["target_end_date"])) for row in rows} == {(0, "2025-11-01"), (1, "2025-11-08")}
    assert {row["location"] for row in rows} == {"06"}
    assert intake.manifests["quantile_forecasts"]["unused_rows"].to_pylist() == [0, 1]
    assert intake.manifests["quantile_forecasts"]["shape"].to_pylist() == ["hubverse"] * 2
    assert folder.rows(intake, "observations") == [
        {"target": "inc hosp", "location": "06", "target_end_date": dt.date(2025, 11, 1), "observed": 5.0}
    ]


def test_equal_bytes_of_two_models_are_two_files_and_a_copy_is_one(folder: Folder) -> None:
    for name in ("team-a/2025-11-01-team-a", "team-b/2025-11-01-team-b", "team-a/2025-11-01-team-a copy"):
        folder.put(f"model-output/{name}.csv", hub_rows())
    folder.put("hub-config/tasks.json", tasks_json())
    intake = folder.read()
    manifest = intake.manifests["quantile_forecasts"].to_pylist()
    assert [(file["context"], file["copies"]) for file in manifest] == [("model_id=team-a", 2), ("model_id=team-b", 1)]
    assert (
        "model-output/team-a/2025-11-01-team-a copy.csv",
        "the same bytes as model-output/team-a/2025-11-01-team-a.csv, which counts",
    ) in intake.ignored


@pytest.mark.parametrize(("unit", "day"), [("day", 2), ("week", 8), ("weeks", 8), ("month", 1)])
def test_the_hub_says_the_unit_of_a_horizon(folder: Folder, unit: str, day: int) -> None:
    folder.put("hub-config/tasks.json", tasks_json(unit))
    folder.put("model-output/a/2025-11-01-a.csv", hub_rows(horizons=(1,)))
    month = 12 if unit == "month" else 11
    assert {row["target_end_date"] for row in folder.rows(folder.read())} == {dt.date(2025, month, day)}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"rounds": 3}', '{"rounds": [{"model_tasks": [7, {"task_ids": []}]}]}', "\x00"])
def test_a_broken_task_file_stops_no_hub(folder: Folder, content: str) -> None:
    folder.put("hub-config/tasks.json", content)
    folder.put(
        "model-output/a/2025-11-01-a.csv",
        hub_rows().replace("origin_date,", "target_end_date,origin_date,").replace("\n2025", "\n2025-11-08,2025"),
    )
    assert len(folder.rows(folder.read())) == 10


def test_a_hub_may_name_its_reference_date_itself(folder: Folder) -> None:
    folder.put("hub-config/tasks.json", tasks_json(ids=("sunday", "horizon", "location", "target")))
    folder.put("model-output/a/2025-11-01-a.csv", hub_rows().replace("origin_date", "sunday"))
    assert {row["reference_date"] for row in folder.rows(folder.read())} == {dt.date(2025, 11, 1)}


def test_the_file_name_states_a_reference_date_that_no_column_has(folder: Folder) -> None:
    folder.put("hub-config/tasks.json", tasks_json(ids=("horizon", "location", "target")))
    folder.put("model-output/a/2025-11-01-a.csv", "\n".join(line.split(",", 1)[1] for line in hub_rows().splitlines()))
    intake = folder.read()
    assert {row["reference_date"] for row in folder.rows(intake)} == {dt.date(2025, 11, 1)}
    assert intake.manifests["quantile_forecasts"]["context"].to_pylist() == ["model_id=a; reference_date=2025-11-01"]


def test_further_task_columns_are_strata_and_other_columns_are_not(folder: Folder) -> None:
    folder.put("hub-config/tasks.json", tasks_json(ids=("origin_date", "horizon", "location", "target", "age_group")))
    lines = hub_rows().splitlines()
    folder.put(
        "model-output/a/2025-11-01-a.csv",
        "\n".join([lines[0] + ",age_group,note"] + [f"{line},0-{n},{n}" for line in lines[1:] for n in (4, 99)]),
    )
    intake = folder.read()
    assert intake.manifests["quantile_forecasts"]["strata"].to_pylist() == ["age_group"]
    assert {row["age_group"] for row in folder.rows(intake)} == {"0-4", "0-99"}
    assert len(folder.rows(intake)) == 20


def test_a_task_without_a_date_is_not_used_and_not_refused(folder: Folder) -> None:
    folder.put("hub-config/tasks.json", tasks_json())
    folder.put("model-output/a/2025-11-01-a.csv", hub_rows() + "2025-11-01,NA,06,peak,quantile,0.5,3\n")
    intake = folder.read()
    assert told(intake) == []
    assert intake.manifests["quantile_forecasts"]["unused_rows"].to_pylist() == [1]


def test_a_file_of_other_output_types_is_told_not_refused(folder: Folder) -> None:
    folder.put("hub-config/tasks.json", tasks_json())
    folder.put("model-output/a/2025-11-01-a.csv", hub_rows().replace("quantile", "cdf"))
    intake = folder.read()
    assert ("model-output/a/2025-11-01-a.csv", "10 rows, none of a kind that is scored") in intake.ignored
    assert told(intake) == []


def test_one_strange_file_does_not_stop_a_hub(folder: Folder) -> None:
    folder.put("hub-config/tasks.json", tasks_json())
    folder.put("model-output/a/2025-11-01-a.csv", hub_rows())
    folder.put("model-output/b/2025-11-01-b.csv", b"\x00\xff\x00\xff")
    folder.put("target-data/time-series.parquet", b"PAR1 PAR1")
    intake = folder.read()
    assert len(folder.rows(intake)) == 10
    assert {record["file"] for record in told(intake)} == {"model-output/b/2025-11-01-b.csv", "target-data/time-series.parquet"}


def test_samples_land_beside_quantiles(folder: Folder) -> None:
    folder.put("hub-config/tasks.json", tasks_json())
    samples = "".join(f"2025-11-01,1,06,inc hosp,sample,{number},{number}.5\n" for number in range(3))
    folder.put("model-output/a/2025-11-01-a.csv", hub_rows() + samples)
    intake = folder.read()
    assert [(row["sample_id"], row["predicted"]) for row in folder.rows(intake, "sample_forecasts")] == [("0", 0.5), ("1", 1.5), ("2", 2.5)]
    assert_nothing_lost(intake, {"model-output/a/2025-11-01-a.csv": 13, "target-data/time-series.csv": 1})


# ---------------------------------------------------------------- truth of a hub


def truth(value: float) -> str:
    return f"target_end_date,location,target,observation\n2025-11-01,06,inc hosp,{value}\n"


def test_the_best_kind_of_truth_is_read_alone(folder: Folder) -> None:
    folder.put("model-output/README.md", "")
    folder.put("target-data/time-series.csv", truth(1))
    folder.put(
        "target-data/target-hospital-admissions.csv", "date,location,location_name,value,weekly_rate\n2025-11-01,06,California,2,0.1\n"
    )
    assert [row["observed"] for row in folder.rows(folder.read(), "observations")] == [1.0]
    oracle = "location,target_end_date,target,output_type,output_type_id,oracle_value\n"
    folder.put(
        "target-data/oracle-output.csv",
        oracle + "06,2025-11-01,inc hosp,quantile,NA,3\n06,2025-11-01,inc hosp,sample,NA,3\n06,2025-11-01,category,pmf,low,1\n",
    )
    intake = folder.read()
    assert [row["observed"] for row in folder.rows(intake, "observations")] == [3.0]
    assert_nothing_lost(intake, {"target-data/oracle-output.csv": 3})
    assert ("target-data/time-series.csv", "a better kind of this hub's truth was read") in intake.ignored


def test_truth_of_older_hubs_is_found_by_its_columns(folder: Folder) -> None:
    folder.put("model-output/README.md", "")
    folder.put(
        "target-data/target-hospital-admissions.csv", "date,location,location_name,value,weekly_rate\n2025-11-01,06,California,2,0.1\n"
    )
    folder.put("target-data/target-hospital-admissions_2025-10-01.csv", "date,location,value\n2025-11-01,06,1\n")
    folder.put("target-data/snapshots/latest.csv", "date,location,value\n2025-11-01,06,0\n")
    rows = folder.rows(folder.read(), "observations")
    assert [(row["location"], row["observed"]) for row in rows] == [("06", 2.0)]


def test_truth_without_a_target_is_about_the_target_its_name_fits(folder: Folder) -> None:
    kinds = {"quantile": {}, "mean": {}}
    names = ("wk inc flu hosp", "wk inc flu prop ed visits")
    tasks = [
        {"task_ids": {"location": {}}, "output_type": kinds, "target_metadata": [{"target_keys": {"target": name}, "time_unit": "week"}]}
        for name in names
    ]
    folder.put("hub-config/tasks.json", json.dumps({"rounds": [{"model_tasks": tasks}]}))
    folder.put("model-output/README.md", "")
    folder.put("target-data/target-hospital-admissions.csv", "date,location,value\n2025-11-01,06,20\n")
    folder.put("target-data/target-ed-visits-prop.csv", "date,location,value\n2025-11-01,06,0.5\n")
    intake = folder.read()
    assert {(row["target"], row["observed"]) for row in folder.rows(intake, "observations")} == {(names[0], 20.0), (names[1], 0.5)}
    assert intake.manifests["observations"]["context"].to_pylist() == [f"target={names[1]}", f"target={names[0]}"]


def test_folders_may_state_columns(folder: Folder) -> None:
    folder.put("model-output/README.md", "")
    for version, value in (("2025-11-05", 1), ("2025-11-12", 2)):
        table = pa.table({"target_end_date": ["2025-11-01"], "location": ["06"], "observation": [value]})
        folder.put(f"target-data/time-series/target=inc%20hosp/as_of={version}/part-0.parquet", parquet_of(table))
    intake = folder.read()
    assert [(row["target"], row["observed"]) for row in folder.rows(intake, "observations")] == [("inc hosp", 2.0)]
    assert intake.manifests["observations"]["unused_rows"].to_pylist() == [1, 0]


# ---------------------------------------------------------------- truth as long tables


def test_the_newest_version_of_an_observation_wins_within_a_file_and_across_files(folder: Folder) -> None:
    header = "target_end_date,location,observed,as_of\n"
    folder.put("observations/a.csv", header + "2025-11-01,06,1,2025-11-05\n2025-11-01,06,2,2025-11-12\n2025-11-08,06,7,2025-11-12\n")
    folder.put("observations/b.csv", header + "2025-11-01,06,3,2025-11-19\n")
    intake = folder.read()
    assert [row["observed"] for row in folder.rows(intake, "observations")] == [3.0, 7.0]
    assert told(intake) == []
    assert_nothing_lost(intake, {"observations/a.csv": 3, "observations/b.csv": 1})


def test_a_date_in_the_file_name_is_the_version(folder: Folder) -> None:
    folder.put("observations/truth.csv", "date,location,value\n2025-11-01,06,1\n")
    folder.put("observations/truth_2025-11-12.csv", "date,location,value\n2025-11-01,06,2\n")
    folder.put("observations/truth_2025-11-05.csv", "date,location,value\n2025-11-01,06,3\n")
    intake = folder.read()
    assert [row["observed"] for row in folder.rows(intake, "observations")] == [2.0]
    assert told(intake) == []


def test_contradicting_observations_are_refused(folder: Folder) -> None:
    folder.put("observations/a.csv", "date,location,observed\n2025-11-01,06,1\n2025-11-01,06,2\n2025-11-08,06,5\n2025-11-08,06,5\n")
    folder.put("observations/b.csv", "date,location,observed\n2025-11-08,06,6\n2025-11-15,06,\n")
    intake = folder.read()
    assert [row["observed"] for row in folder.rows(intake, "observations")] == [5.0, None]
    assert [(record["file"], record["row"], record["rows"]) for record in told(intake)] == [
        ("observations/a.csv", 2, 1), ("observations/a.csv", 3, 1), ("observations/b.csv", None, 1),
    ]  # fmt: skip
    assert_nothing_lost(intake, {"observations/a.csv": 4, "observations/b.csv": 2})


def test_a_missing_observation_stays_as_null(folder: Folder) -> None:
    folder.put("observations/a.csv", "date,location,observed\n2025-11-01,06,NA\n2025-11-08,06,\n2025-11-15,06,nan\n")
    intake = folder.read()
    assert [row["observed"] for row in folder.rows(intake, "observations")] == [None, None]
    assert [record["found"] for record in told(intake)] == ["nan"]


# ---------------------------------------------------------------- long tables


def test_long_tables_go_by_many_names(folder: Folder) -> None:
    names = {
        "model_id": "Model",
        "reference_date": "forecast_date",
        "quantile_level": "quantile",
        "predicted": "prediction",
        "target_end_date": "Target Date",
    }
    table = forecasts()
    folder.put("tables/ignored.csv", csv_of(table))
    folder.put("forecasts/deep/er/a.csv", csv_of(table.rename_columns([names.get(name, name) for name in table.column_names])))
    intake = folder.read()
    assert len(folder.rows(intake)) == 40
    assert intake.ignored == (("tables/", "no feed reads this folder"),)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "ndjson", "json", "yaml", "yml"])
def test_every_format_lands_the_same_rows(folder: Folder, ending: str) -> None:
    table = forecasts()
    records = table.to_pylist()
    content = {
        "csv": csv_of(table),
        "parquet": parquet_of(table),
        "json": json.dumps(records).encode(),
        "yaml": "".join("- {" + ", ".join(f"{name}: {value}" for name, value in row.items()) + "}\n" for row in records).encode(),
    }
    lines = "".join(json.dumps(row) + "\n" for row in records).encode()
    folder.put(f"forecasts/a.{ending}", content.get(ending, content["yaml"] if ending == "yml" else lines))
    intake = folder.read()
    assert told(intake) == []
    expected = [{**row, "target": ""} for row in records]
    landed = [{name: value if isinstance(value, float | int) else str(value) for name, value in row.items()} for row in folder.rows(intake)]
    assert sorted(map(repr, map(sorted, (row.items() for row in landed)))) == sorted(
        map(repr, map(sorted, (row.items() for row in expected)))
    )


def test_one_table_may_hold_forecasts_and_observations(folder: Folder) -> None:
    header = "model,forecast_date,horizon,location,target_end_date,quantile_level,predicted,observed,age"
    rows = [f"m,2025-11-01,1,06,2025-11-08,{level},{level},4,old" for level in LEVELS] + [",,,06,2025-11-15,,,6,old"]
    folder.put("both.csv", "\n".join([header, *rows]))
    intake = folder.read()
    assert told(intake) == []
    assert len(folder.rows(intake)) == 5
    assert [(row["observed"], row["age"]) for row in folder.rows(intake, "observations")] == [(4.0, "old"), (6.0, "old")]
    assert_nothing_lost(intake, {"both.csv": 6})


def test_levels_and_horizons_are_one_whatever_their_type(folder: Folder) -> None:
    table = forecasts(1)
    folder.put("forecasts/a.csv", csv_of(table))
    as_text = folder.read().manifests["quantile_forecasts"]["landed_sha256"].to_pylist()
    (folder.telemetry / "forecasts/a.csv").unlink()
    for column, kind in (
        ("quantile_level", pa.float32()),
        ("horizon", pa.float64()),
        ("reference_date", pa.date32()),
        ("target_end_date", pa.timestamp("us")),
    ):
        values = table[column].cast(pa.timestamp("us") if kind == pa.timestamp("us") else kind)
        table = table.set_column(table.column_names.index(column), column, values)
    folder.put("forecasts/a.parquet", parquet_of(table))
    intake = folder.read()
    assert told(intake) == []
    assert (
        sorted({row["quantile_level"] for row in folder.rows(intake)}) != sorted(LEVELS)
        or intake.manifests["quantile_forecasts"]["landed_sha256"].to_pylist() == as_text
    )


def test_a_horizon_without_a_unit_takes_the_spacing_of_the_observations(folder: Folder) -> None:
    table = forecasts(1).drop_columns(["target_end_date"])
    folder.put("forecasts/a.csv", csv_of(table))
    assert {record["column"] for record in told(folder.read())} == {"target_end_date"}
    folder.put("observations/a.csv", "date,location,observed\n2025-11-01,06,1\n2025-11-08,06,2\n2025-11-15,06,3\n")
    intake = folder.read()
    assert told(intake) == []
    assert {str(row["target_end_date"]) for row in folder.rows(intake)} == {"2025-11-01", "2025-11-08"}


def test_the_older_hub_format_is_read(folder: Folder) -> None:
    header = "forecast_date,target,target_end_date,location,type,quantile,value\n"
    row = "2022-01-17,2 wk ahead inc flu hosp,2022-01-29,06"
    folder.put("data-processed/a-b/2022-01-17-a-b.csv", header + f"{row},quantile,0.5,3\n{row},point,NA,3\n")
    intake = folder.read()
    (landed,) = folder.rows(intake)
    assert (landed["model_id"], landed["horizon"], landed["target"]) == ("a-b", 2, "wk ahead inc flu hosp")
    assert intake.manifests["quantile_forecasts"]["unused_rows"].to_pylist() == [1]


def test_a_measure_is_no_stratum_and_a_group_is(folder: Folder) -> None:
    table = (
        forecasts(1, 1, ("06",))
        .append_column("weight", pa.array(["0.5", "0.25", "0.5", "1", "2"]))
        .append_column("group", pa.array(["x"] * 5))
    )
    folder.put("forecasts/a.csv", csv_of(table))
    assert folder.read().manifests["quantile_forecasts"]["strata"].to_pylist() == ["group"]


@pytest.mark.parametrize(
    "name", ["kind", "file", "row", "problem", "unit", "found", 'a "b', "select", "week", "first_file", "chosen", "position"]
)
def test_a_stratum_may_have_any_name(folder: Folder, name: str) -> None:
    table = forecasts(1, 1, ("06",)).append_column(name, pa.array(["x"] * 5))
    folder.put("forecasts/a.parquet", parquet_of(table))
    folder.put("forecasts/b.parquet", parquet_of(table))
    folder.put("observations/a.csv", f'date,observed,"{name.replace(chr(34), chr(34) * 2)}"\n2025-11-01,1,x\n')
    folder.put("observations/b.csv", f'date,observed,"{name.replace(chr(34), chr(34) * 2)}"\n2025-11-01,1,x\n2025-11-02,1,x\n')
    intake = folder.read()
    (stratum,) = intake.manifests["quantile_forecasts"]["strata"].to_pylist()
    assert {row[stratum] for row in folder.rows(intake)} == {"x"} == {row[stratum] for row in folder.rows(intake, "observations")}


# ---------------------------------------------------------------- landing


def test_what_lands_is_what_the_feed_declares() -> None:
    for name, feed in contracts.FEEDS.items():
        assert set(feed.required) == {column for column, _ in LANDED[name]}


def test_reading_twice_writes_nothing_and_says_the_same(folder: Folder) -> None:
    folder.put("forecasts/a.csv", csv_of(forecasts()))
    folder.put("forecasts/b.csv", f"{HEADER}\nm,2025-11-01,1,06,2025-11-08,2,1\nm,2025-11-01,1,06,2025-11-08,0.5,1\n")
    folder.put("observations/a.csv", "date,location,observed\n2025-11-01,06,1\n")
    first = folder.read()
    times = {path: path.stat().st_mtime_ns for path in folder.home.rglob("*") if path.is_file()}
    second = folder.read()
    assert second.manifests == first.manifests
    assert second.rejected.equals(first.rejected)
    assert {path: path.stat().st_mtime_ns for path in folder.home.rglob("*") if path.is_file()} == times


def test_the_index_may_be_lost_or_damaged(folder: Folder) -> None:
    folder.put("forecasts/a.csv", csv_of(forecasts()))
    first = folder.read()
    for path in (folder.home / "landing/index").rglob("*.json"):
        path.write_text('{"landings": ')
    assert folder.read().manifests == first.manifests
    landed = folder.home / first.manifests["quantile_forecasts"]["landed_path"][0].as_py()
    landed.unlink()
    assert folder.read().manifests == first.manifests
    assert landed.is_file()


def test_equal_rows_in_another_order_or_format_are_one_landing(folder: Folder) -> None:
    table = forecasts()
    digests = set()
    for name, content in (("a.csv", csv_of(table)), ("a.parquet", parquet_of(table.take(list(range(39, -1, -1)))))):
        path = folder.put(f"forecasts/{name}", content)
        digests.add(folder.read().manifests["quantile_forecasts"]["landed_sha256"][0].as_py())
        path.unlink()
    assert len(digests) == 1


def test_the_manifest_keeps_its_contract_and_names_the_weeks(folder: Folder) -> None:
    folder.put("forecasts/a.csv", csv_of(forecasts()))
    intake = folder.read()
    manifest = intake.manifests["quantile_forecasts"]
    assert violations(contracts.QuantileForecasts, manifest) == []
    (file,) = manifest.to_pylist()
    assert (file["weeks"], file["first_date"], file["last_date"]) == ("2025-10-27,2025-11-03", "2025-11-01", "2025-11-08")
    assert len(set(file["week_digests"].split(","))) == 2


def test_a_new_row_changes_the_digest_of_its_week_only(folder: Folder) -> None:
    folder.put("forecasts/a.csv", csv_of(forecasts()))
    before = folder.read().manifests["quantile_forecasts"].to_pylist()[0]
    folder.put("forecasts/a.csv", csv_of(forecasts()).decode() + "new,2025-11-01,1,06,2025-11-08,0.5,1\n")
    after = folder.read().manifests["quantile_forecasts"].to_pylist()[0]
    assert before["week_digests"].split(",")[0] == after["week_digests"].split(",")[0]
    assert before["week_digests"].split(",")[1] != after["week_digests"].split(",")[1]


def test_a_view_holds_the_asked_weeks_only(folder: Folder) -> None:
    folder.put("forecasts/a.csv", csv_of(forecasts()))
    manifest = folder.read().manifests["quantile_forecasts"]
    with duckdb.connect() as con:
        for weeks, rows in (
            ([dt.date(2025, 11, 3)], 20),
            ([dt.date(2025, 10, 27), dt.date(2025, 11, 3)], 40),
            ([dt.date(2025, 11, 10)], 0),
            ([], 0),
            (None, 40),
        ):
            view = landed_relation(con, "quantile_forecasts", manifest, folder.home, weeks)
            assert con.execute(f"SELECT count(*) FROM {view}").fetchone() == (rows,)


def test_an_empty_manifest_makes_an_empty_view_of_the_right_types(folder: Folder) -> None:
    intake = folder.read()
    with duckdb.connect() as con:
        for feed in LANDED:
            view = landed_relation(con, feed, intake.manifests[feed], folder.home, None)
            described = dict(con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {view})").fetchall())
            assert list(described) == [name for name, _ in LANDED[feed]]
            assert described[date_column(feed)] == "DATE"


def test_a_stratum_that_one_file_lacks_is_null_there(folder: Folder) -> None:
    table = forecasts(1)
    folder.put("forecasts/a.csv", csv_of(table))
    folder.put("forecasts/b.csv", csv_of(table.append_column("age", pa.array(["old"] * 20))))
    assert sorted({str(row["age"]) for row in folder.rows(folder.read())}) == ["None", "old"]
