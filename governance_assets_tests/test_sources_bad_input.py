"""Every way an arriving file can be wrong: what is refused, in which words, and that the rest goes on."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from governance_assets.policy import IntakePolicy
from governance_assets_tests.intake_samples import (
    HEADER,
    LEVELS,
    Folder,
    assert_nothing_lost,
    csv_of,
    forecasts,
    jsonl_of,
    one,
    parquet_of,
    told,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize(
    ("row", "column", "found", "expected"),
    [
        ("m,2025-11-01,1,06,2025-11-08,0.5,NaN", "predicted", "NaN", "a finite number"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,inf", "predicted", "inf", "a finite number"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,-Infinity", "predicted", "-Infinity", "a finite number"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,1e999", "predicted", "1e999", "a finite number"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,", "predicted", "nothing", "a number"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,NA", "predicted", "NA", "a number"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,twelve", "predicted", "twelve", "a number"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,1_000", "predicted", "1_000", "a number"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,5 %", "predicted", "5 %", "a number"),
        ("m,2025-11-01,1,06,2025-11-08,0,1", "quantile_level", "0", "a level between 0 and 1, both excluded"),
        ("m,2025-11-01,1,06,2025-11-08,1,1", "quantile_level", "1", "a level between 0 and 1, both excluded"),
        ("m,2025-11-01,1,06,2025-11-08,90,1", "quantile_level", "90", "a level between 0 and 1, both excluded"),
        ("m,2025-11-01,1,06,2025-11-08,-0.1,1", "quantile_level", "-0.1", "a level between 0 and 1, both excluded"),
        ("m,2025-11-01,1,06,2025-11-08,,1", "quantile_level", "nothing", "a number"),
        ("m,2025-11-01,1,06,2025-11-08,nan,1", "quantile_level", "nan", "a finite number"),
        ("m,01/11/2025,1,06,2025-11-08,0.5,1", "reference_date", "01/11/2025", "an ISO date"),
        ("m,20251101,1,06,2025-11-08,0.5,1", "reference_date", "20251101", "an ISO date"),
        ("m,2025-02-30,1,06,2025-11-08,0.5,1", "reference_date", "2025-02-30", "an ISO date"),
        ("m,1 Nov 2025,1,06,2025-11-08,0.5,1", "reference_date", "1 Nov 2025", "an ISO date"),
        ("m,45962,1,06,2025-11-08,0.5,1", "reference_date", "45962", "an ISO date"),
        ("m,,1,06,2025-11-08,0.5,1", "reference_date", "nothing", "an ISO date"),
        ("m,2025-11-01,1,06,08.11.2025,0.5,1", "target_end_date", "08.11.2025", "an ISO date"),
        ("m,2025-11-01,1.5,06,2025-11-08,0.5,1", "horizon", "1.5", "a whole number of steps"),
        ("m,2025-11-01,one,06,2025-11-08,0.5,1", "horizon", "one", "a number"),
        (",2025-11-01,1,06,2025-11-08,0.5,1", "model_id", "nothing", "a model_id"),
        ("m,2025-11-01,1,,2025-11-08,0.5,1", "location", "nothing", "a location"),
        ("m\x07,2025-11-01,1,06,2025-11-08,0.5,1", "model_id", "m\\x07", "text without control characters"),
        ("m\x00,2025-11-01,1,06,2025-11-08,0.5,1", "model_id", "m\\x00", "text without control characters"),
        ("m\x9b,2025-11-01,1,06,2025-11-08,0.5,1", "model_id", "m\\x9b", "text without control characters"),
        ("m,2025-11-01,1,06,2025-11-08,0.5", None, "6 cells", "7 cells, as in the header"),
        ("m,2025-11-01,1,06,2025-11-08,0.5,1,2", None, "8 cells", "7 cells, as in the header"),
    ],
)
def test_a_bad_row_is_refused_and_the_rest_goes_on(folder: Folder, row: str, column: str | None, found: str, expected: str) -> None:
    folder.put("forecasts/a.csv", one(row))
    intake = folder.read()
    (record,) = told(intake)
    assert (record["scope"], record["row"], record["column"]) == ("row", 3, column)
    assert (record["found"], record["expected"], record["rows"]) == (found, expected, 1)
    assert record["file"] == "forecasts/a.csv"
    assert record["next_step"]
    assert [row["model_id"] for row in folder.rows(intake)] == ["good"]
    assert_nothing_lost(intake, {"forecasts/a.csv": 2})


def test_a_foreign_date_is_told_how_to_be_written(folder: Folder) -> None:
    folder.put("forecasts/a.csv", one("m,03/11/2025,1,06,2025-11-08,0.5,1"))
    assert told(folder.read())[0]["next_step"] == "write it as 2025-11-03 (year-month-day)"


@pytest.mark.parametrize("date", ["2025-11-08T00:00", "2025-11-08 12:30:00", "2025-11-08T23:59:59.5Z", "2025-11-08T01:00:00+02:00"])
def test_an_iso_instant_is_its_day_as_written(folder: Folder, date: str) -> None:
    folder.put("forecasts/a.csv", one(f"m,2025-11-01,1,06,{date},0.5,1"))
    intake = folder.read()
    assert {str(row["target_end_date"]) for row in folder.rows(intake)} == {"2025-11-08"}
    assert told(intake) == []


def test_crossing_quantiles_refuse_the_whole_task(folder: Folder) -> None:
    table = forecasts(1, 2, ("06",)).to_pylist()
    table[2]["predicted"], table[3]["predicted"] = 9.0, 8.5
    folder.put("forecasts/a.csv", csv_of(pa.Table.from_pylist(table)))
    intake = folder.read()
    (record,) = told(intake)
    assert (record["scope"], record["row"], record["column"], record["rows"]) == ("task", 5, "predicted", 5)
    assert record["found"] == "8.5 at level 0.75 below 9 at level 0.5"
    assert {row["horizon"] for row in folder.rows(intake)} == {1}
    assert_nothing_lost(intake, {"forecasts/a.csv": 10})


@pytest.mark.parametrize(("fall", "refused"), [(0.5e-9, 0), (1.5e-9, 5)])
def test_quantiles_may_cross_by_rounding(folder: Folder, fall: float, refused: int) -> None:
    table = forecasts(1, 1, ("06",)).to_pylist()
    for row in table:
        row["predicted"] = 1000.0
    table[3]["predicted"] = 1000.0 * (1 - fall)
    folder.put("forecasts/a.parquet", parquet_of(pa.Table.from_pylist(table)))
    assert folder.read().manifests["quantile_forecasts"]["rejected_rows"].to_pylist() == [refused]


def test_a_level_with_two_values_refuses_the_task_and_a_plain_repeat_only_itself(folder: Folder) -> None:
    good = csv_of(forecasts(1, 1, ("06",))).decode().splitlines()
    folder.put("forecasts/contradiction.csv", "\n".join([*good, good[3].replace("06", "06")[: -len("5.0")] + "7.0"]))
    folder.put("forecasts/repeat.csv", "\n".join([line.replace("model0", "model9") for line in [*good, good[3]]]))
    intake = folder.read()
    contradiction, repeat = told(intake)
    assert (contradiction["scope"], contradiction["rows"], contradiction["column"]) == ("task", 6, "quantile_level")
    assert contradiction["found"] == "quantile_level 0.5 twice: 5 and 7"
    assert (repeat["scope"], repeat["rows"], repeat["row"]) == ("row", 1, 7)
    assert {row["model_id"] for row in folder.rows(intake)} == {"team-model9"}
    assert_nothing_lost(intake, {"forecasts/contradiction.csv": 6, "forecasts/repeat.csv": 6})


def test_a_task_stated_by_two_files_counts_in_the_first_and_is_refused_once(folder: Folder) -> None:
    table = forecasts(2, 1, ("06",))
    folder.put("forecasts/a.csv", csv_of(table.slice(0, 5)))
    folder.put("forecasts/b.parquet", parquet_of(table))
    intake = folder.read()
    (record,) = told(intake)
    assert (record["file"], record["scope"], record["rows"], record["expected"]) == (
        "forecasts/b.parquet",
        "task",
        5,
        "each task in one file",
    )
    assert "forecasts/a.csv" in str(record["found"])
    assert len(folder.rows(intake)) == 10
    assert_nothing_lost(intake, {"forecasts/a.csv": 5, "forecasts/b.parquet": 10})


def test_an_unknown_output_type_is_refused_and_known_ones_that_are_not_scored_are_counted(folder: Folder) -> None:
    header = "model_id,reference_date,horizon,location,target_end_date,output_type,output_type_id,value"
    start = "m,2025-11-01,1,06,2025-11-08"
    folder.put(
        "forecasts/a.csv",
        f"{header}\n{start},quantile,0.5,1\n{start},median,NA,1\n{start},pmf,large,1\n{start},quantil,0.5,1\n{start},sample,s1,3\n",
    )
    intake = folder.read()
    (record,) = told(intake)
    assert (record["row"], record["column"], record["found"]) == (5, "output_type", "quantil")
    assert len(folder.rows(intake)) == 1
    assert [row["sample_id"] for row in folder.rows(intake, "sample_forecasts")] == ["s1"]
    manifest = intake.manifests["quantile_forecasts"].to_pylist()[0]
    assert (manifest["rows"], manifest["rejected_rows"], manifest["unused_rows"]) == (1, 1, 3)
    assert_nothing_lost(intake, {"forecasts/a.csv": 5})


def test_text_longer_than_the_policy_allows_is_refused_and_shown_short(folder: Folder) -> None:
    folder.put("forecasts/a.csv", one(f"{'m' * 1_000_000},2025-11-01,1,06,2025-11-08,0.5,1"))
    (record,) = told(folder.read(IntakePolicy(max_text_length=100)))
    assert record["expected"] == "at most 100 characters"
    assert len(str(record["found"])) < 200
    assert "1000000 characters" in str(record["found"])


HOSTILE = [
    "=cmd()|'/C calc'!A0", "'; DROP TABLE typed_rows; --", "<script>alert(1)</script>", "a\u202eb", "\ufeffm", "𝕞😀",
    "O'Brien", "%s{0}$(x)`y`", "../../etc/passwd", "a\\nb", "NULL", "NA", "\u2028", "é", "ｍ",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_lands_as_it_is(folder: Folder, text: str) -> None:
    table = forecasts(1, 1, ("06",))
    hostile = table.set_column(0, "model_id", pa.array([text] * len(LEVELS))).set_column(3, "location", pa.array([text] * len(LEVELS)))
    hostile = hostile.append_column("age group", pa.array([text] * len(LEVELS)))
    folder.put("forecasts/a.parquet", parquet_of(hostile))
    intake = folder.read()
    assert {(row["model_id"], row["location"], row["age_group"]) for row in folder.rows(intake)} == {(text, text, text)}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_means_the_same_from_every_format(folder: Folder, text: str) -> None:
    table = forecasts(1, 1, ("06",)).set_column(0, "model_id", pa.array([text] * len(LEVELS)))
    folder.put("forecasts/a.parquet", parquet_of(table))
    folder.put("forecasts/b.jsonl", jsonl_of(table))
    folder.put(
        "forecasts/c.csv",
        "\n".join(
            ",".join('"' + cell.replace('"', '""') + '"' for cell in line.split(",")) for line in csv_of(table).decode().strip().split("\n")
        ),
    )
    intake = folder.read()
    assert len(folder.rows(intake)) == len(LEVELS)
    assert intake.manifests["quantile_forecasts"]["rejected_rows"].to_pylist() == [0, 5, 5]


def test_a_cell_that_spans_lines_is_refused_as_one_row(folder: Folder) -> None:
    folder.put("forecasts/a.csv", one('"m\nn",2025-11-01,1,06,2025-11-08,0.5,1\nlast,2025-11-01,1,06,2025-11-08,0.5,1'))
    intake = folder.read()
    (record,) = told(intake)
    assert (record["row"], record["expected"]) == (3, "cells on one line")
    assert {row["model_id"] for row in folder.rows(intake)} == {"good", "last"}
    assert_nothing_lost(intake, {"forecasts/a.csv": 3})


def test_a_quotation_mark_that_is_never_closed_swallows_nothing(folder: Folder) -> None:
    folder.put("forecasts/a.csv", one('"m,2025-11-01,1,06,2025-11-08,0.5,1\nlast,2025-11-01,1,06,2025-11-08,0.5,1'))
    intake = folder.read()
    (record,) = told(intake)
    assert (record["row"], record["expected"]) == (3, "paired quotation marks")
    assert {row["model_id"] for row in folder.rows(intake)} == {"good", "last"}


# ---------------------------------------------------------------- encodings and delimiters

GOOD = csv_of(forecasts()).decode().replace("06", "Île")


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode("utf-8-sig"),
        GOOD.encode("utf-16"),
        b"\xfe\xff" + GOOD.encode("utf-16-be"),
        GOOD.encode("utf-32"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        GOOD.replace("\n", "\n\n").encode(),
        GOOD.rstrip("\n").encode(),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode(),
        GOOD.replace(",", "|").encode(),
        gzip.compress(GOOD.encode()),
        ("\n".join('"' + line.replace(",", '","') + '"' for line in GOOD.splitlines())).encode(),
        ("\n".join(f'"{number}",{line}' for number, line in enumerate(GOOD.splitlines())).replace('"0",', '"",', 1)).encode(),
    ],
    ids=[
        "bom",
        "utf16",
        "utf16be",
        "utf32",
        "crlf",
        "cr",
        "blank lines",
        "no last newline",
        "semicolon",
        "tab",
        "bar",
        "gzip",
        "quoted",
        "row names",
    ],
)
def test_one_table_in_many_spellings_lands_as_the_same_rows(folder: Folder, content: bytes) -> None:
    folder.put("forecasts/plain.csv", GOOD)
    expected = folder.read().manifests["quantile_forecasts"]["landed_sha256"].to_pylist()
    (folder.telemetry / "forecasts/plain.csv").unlink()
    folder.put("forecasts/other.csv", content)
    intake = folder.read()
    assert told(intake) == []
    assert intake.manifests["quantile_forecasts"]["landed_sha256"].to_pylist() == expected
    assert_nothing_lost(intake, {"forecasts/other.csv": 40})


def test_mixed_encodings_refuse_the_lines_that_are_not_utf8(folder: Folder) -> None:
    folder.put(
        "forecasts/a.csv",
        one("").rstrip(b"\n")
        + "\nÎle,2025-11-01,1,06,2025-11-08,0.5,1\n".encode()
        + "Île,2025-11-01,1,06,2025-11-08,0.25,1\n".encode("latin-1"),
    )
    intake = folder.read()
    (record,) = told(intake)
    assert (record["row"], record["found"]) == (4, "bytes that are not UTF-8")
    assert {row["model_id"] for row in folder.rows(intake)} == {"good", "Île"}
    assert_nothing_lost(intake, {"forecasts/a.csv": 3})


def test_a_decimal_comma_is_refused_not_guessed(folder: Folder) -> None:
    folder.put("forecasts/a.csv", one("m,2025-11-01,1,06,2025-11-08,0.5,12").decode().replace(",", ";").replace("12", "1,2"))
    (record,) = told(folder.read())
    assert (record["column"], record["found"]) == ("predicted", "1,2")


# ---------------------------------------------------------------- files that cannot be read at all

TRUNCATED = parquet_of(forecasts())[:-200]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("empty.csv", b"", "an empty file"),
        ("empty.parquet", b"", "an empty file"),
        ("empty.jsonl", b"", "an empty file"),
        ("blank.csv", b"\n\n\r\n", "no header line"),
        ("truncated.parquet", TRUNCATED, "a damaged Parquet file"),
        ("text.parquet", b"model_id,predicted\n", "a damaged Parquet file"),
        ("binary.csv", bytes(range(256)) * 20, "bytes that are no UTF-8 text"),
        ("renamed.csv", parquet_of(forecasts()), "bytes that are no UTF-8 text"),
        ("ebcdic.csv", GOOD.replace("Île", "06").encode("cp037"), "bytes that are no UTF-8 text"),
        ("utf16 without mark.csv", GOOD.replace("Île", "06").encode("utf-16-le"), "a header with NUL characters"),
        ("broken utf16.csv", GOOD.encode("utf-16")[:-1], "broken UTF-16"),
        ("no header.csv", GOOD.split("\n", 1)[1].encode(), "columns team-model0"),
        ("wrong header.csv", b"a,b,c\n", "columns a, b, c"),
        ("wide.csv", b"c," * 1_000_000 + b"c\n", "1,000,001 columns"),
        ("wide quoted.csv", b'"c",' * 3_000 + b"c\n", "3,001 columns"),
        ("twice.csv", (HEADER + ",Location\n").encode(), "column location more than once"),
        ("broken.json", b'[{"model_id": 1', "text that is not JSON"),
        ("deep.json", b"[" * 100_000, "text that is not JSON"),
        ("number.json", b"3", "JSON that is no list"),
        ("broken.yaml", b"- {a: 1", "text that is not YAML"),
        ("object.yaml", b"a: 1", "YAML that is no list"),
        ("nothing.jsonl", b"{]\n{]\n", "no rows"),
        ("damaged.csv.gz", gzip.compress(GOOD.encode())[:-9], "a damaged gzip file"),
        ("open header.csv", b'"model_id,x\n1,2\n', "a header with an unpaired quotation mark"),
        ("points.csv", b"model_id,reference_date,target_end_date,predicted\nm,2025-11-01,2025-11-08,1\n", "columns model_id"),
    ],
)
def test_a_file_that_cannot_be_read_is_quarantined_whole(folder: Folder, name: str, content: bytes, found: str) -> None:
    folder.put("forecasts/good.csv", GOOD)
    folder.put(f"forecasts/{name}", content)
    intake = folder.read()
    (record,) = told(intake)
    assert record["file"] == f"forecasts/{name}"
    assert record["scope"] == "file"
    assert str(record["found"]).startswith(found)
    assert (folder.home / "quarantine" / str(record["file_sha256"])).read_bytes() == content
    reason = json.loads((folder.home / "quarantine" / f"{record['file_sha256']}.json").read_text())
    assert (reason["found"], reason["file"]) == (record["found"], record["file"])
    assert len(folder.rows(intake)) == 40


def test_a_header_without_rows_is_an_empty_file_of_its_feed(folder: Folder) -> None:
    folder.put("forecasts/a.csv", HEADER + "\n")
    intake = folder.read()
    assert told(intake) == []
    assert intake.manifests["quantile_forecasts"]["rows"].to_pylist() == [0]
    assert folder.rows(intake) == []


def test_json_rows_that_are_no_objects_of_plain_values_are_refused_alone(folder: Folder) -> None:
    good = jsonl_of(forecasts(1, 1, ("06",))).decode()
    bad = ["[1]", "7", '{"model_id": {"a": 1}}', '{"model_id": "m", "model_id": "n"}', '{"model_id": "\\ud800"}', "{broken"]
    folder.put("forecasts/a.jsonl", good + "\n".join(bad) + "\n")
    intake = folder.read()
    assert [record["row"] for record in told(intake)] == [6, 7, 8, 9, 10, 11]
    assert len(folder.rows(intake)) == 5
    assert_nothing_lost(intake, {"forecasts/a.jsonl": 11})


# ---------------------------------------------------------------- wrong types in Parquet


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("predicted", pa.array(["a", "b", "c", "d", "e"])),
        ("predicted", pa.array([True, False, True, False, True])),
        ("predicted", pa.array([1.0, float("nan"), float("inf"), None, -float("inf")])),
        ("quantile_level", pa.array([0.0, 1.0, 2.0, -1.0, None])),
        ("reference_date", pa.array([1, 2, 3, 4, 5])),
        ("reference_date", pa.array([20251101.0] * 5)),
        ("horizon", pa.array([0.5] * 5)),
        ("model_id", pa.array([None] * 5, pa.string())),
    ],
)
def test_wrong_types_in_parquet_refuse_the_rows(folder: Folder, column: str, values: pa.Array) -> None:
    table = forecasts(1, 1, ("06",))
    folder.put("forecasts/a.parquet", parquet_of(table.set_column(table.column_names.index(column), column, values)))
    intake = folder.read()
    records = told(intake)
    assert {record["column"] for record in records} == {column}
    assert sum(int(str(record["rows"])) for record in records) + len(folder.rows(intake)) == 5
    assert_nothing_lost(intake, {"forecasts/a.parquet": 5})


def test_a_nested_column_is_no_part(folder: Folder) -> None:
    table = forecasts(1, 1, ("06",)).append_column("notes", pa.array([[1, 2]] * 5))
    folder.put("forecasts/a.parquet", parquet_of(table))
    assert len(folder.rows(folder.read())) == 5


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=["large", "view", "dictionary"]
)
def test_text_lands_the_same_from_every_type(folder: Folder, kind: pa.DataType) -> None:
    table = forecasts()
    changed = table.set_column(3, "location", table["location"].cast(kind))
    folder.put("forecasts/a.parquet", parquet_of(changed))
    assert {row["location"] for row in folder.rows(folder.read())} == {"06", "US"}


# ---------------------------------------------------------------- many refusals, and strange things in the folder


def test_refused_rows_beyond_the_limit_are_summed_in_one_record(folder: Folder) -> None:
    rows = "\n".join(f"m{number},2025-11-01,1,06,2025-11-08,0.5,x" for number in range(50))
    folder.put("forecasts/a.csv", one(rows))
    intake = folder.read(IntakePolicy(max_rejected_records_per_file=10))
    records = told(intake)
    assert len(records) == 10
    assert (records[-1]["rows"], records[-1]["row"], records[-1]["found"]) == (41, None, "41 more rows refused")
    assert_nothing_lost(intake, {"forecasts/a.csv": 51})


def test_strange_things_in_the_folder_are_told_and_never_read(folder: Folder) -> None:
    outside = folder.home.parent / "secret.csv"
    outside.write_text(GOOD)
    folder.put("forecasts/good.csv", GOOD)
    (folder.telemetry / "forecasts/folder.csv").mkdir()
    os.mkfifo(folder.telemetry / "forecasts/pipe.csv")
    (folder.telemetry / "forecasts/out.csv").symlink_to(outside)
    (folder.telemetry / "forecasts/in.csv").symlink_to(folder.telemetry / "forecasts/good.csv")
    (folder.telemetry / "forecasts/nowhere.csv").symlink_to("missing")
    (folder.telemetry / "forecasts/loop").symlink_to(folder.telemetry)
    folder.put("forecasts/.DS_Store", b"x")
    folder.put("forecasts/notes.txt", "x")
    intake = folder.read()
    assert {record["file"]: record["found"] for record in told(intake)} == {
        "forecasts/pipe.csv": "a pipe, socket or device",
        "forecasts/out.csv": "a link out of the telemetry folder",
        "forecasts/nowhere.csv": "a link to nothing",
    }
    assert {path for path, _ in intake.ignored} == {
        "forecasts/folder.csv", "forecasts/in.csv", "forecasts/loop", "forecasts/.DS_Store", "forecasts/notes.txt",
    }  # fmt: skip
    assert intake.manifests["quantile_forecasts"]["copies"].to_pylist() == [1]


def test_a_file_without_the_right_to_read_it_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = folder.put("forecasts/locked.csv", GOOD)
    plain = Path.read_bytes

    def read(path: Path) -> bytes:
        if path.name == locked.name:
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    (record,) = told(folder.read())
    assert (record["scope"], record["found"]) == ("file", "no access (Permission denied)")


def test_no_folder_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.telemetry.rmdir()
    with pytest.raises(NotADirectoryError, match="name a telemetry folder"):
        folder.read()
