"""Wide media tables: what lands, what is refused, and what two files say of each other."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance_assets.contract import violations
from governance_assets.domains.intake import contracts, facts, rules
from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources import Intake, landed_relation
from governance_assets_tests.intake_samples import Folder, assert_nothing_lost, parquet_of, told

MONDAY = dt.date(2024, 1, 1)
ENTRY = """
files:
  - file: a.csv
    tenant: brand
    date: week
    target: {column: sales, unit: units}
    currency: EUR
    spend: [tv, search]
"""
HEADER = "week,sales,tv,search"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def media(folder: Folder, *lines: str, entry: str = ENTRY, header: str = HEADER) -> Intake:
    folder.put("media/media.yaml", entry)
    folder.put("media/a.csv", "\n".join([header, *lines]) + "\n")
    return folder.read()


def values(folder: Folder, intake: Intake) -> dict[tuple[object, ...], object]:
    rows = folder.rows(intake, "media_weekly")
    return {(row["tenant"], str(row["week"]), row["series"], row["name"]): row["value"] for row in rows}


def refusals(intake: Intake) -> list[tuple[object, ...]]:
    return [(record["row"], record["column"], record["found"]) for record in told(intake)]


def days(first: dt.date, *sales: float) -> list[str]:
    return [f"{first + dt.timedelta(days=number)},{value},1,2" for number, value in enumerate(sales)]


# ---------------------------------------------------------------- what lands


def test_one_row_a_value_with_its_kind_and_unit(folder: Folder) -> None:
    entry = ENTRY + "    impressions: {tv: views}\n    controls: [price]\n    events: [holiday]\n"
    intake = media(folder, "2024-01-01,100,5,0,900,1.5,1", entry=entry, header=HEADER + ",views,price,holiday")
    found = [(row["series"], row["name"], row["value"], row["unit"]) for row in folder.rows(intake, "media_weekly")]
    assert sorted(found) == [
        ("control", "price", 1.5, "as given"),
        ("event", "holiday", 1.0, "as given"),
        ("impressions", "tv", 900.0, "impressions"),
        ("spend", "search", 0.0, "EUR"),
        ("spend", "tv", 5.0, "EUR"),
        ("target", "sales", 100.0, "units"),
    ]
    (file,) = intake.manifests["media_weekly"].to_pylist()
    assert (file["rows"], file["landed_values"], file["shape"], file["weeks"]) == (1, 6, "wide", "2024-01-01")
    assert violations(contracts.MediaWeekly, intake.manifests["media_weekly"]) == []
    assert told(intake) == []


def test_signs_stand_beside_what_they_are_of(folder: Folder) -> None:
    entry = ENTRY + "    controls: [price]\n    events: [promo]\n    signs: {price: '-', promo: '+', tv: '+'}\n"
    intake = media(folder, "2024-01-01,100,5,0,1.5,sale", entry=entry, header=HEADER + ",price,promo")
    found = {row["name"]: row["sign"] for row in folder.rows(intake, "media_weekly")}
    assert found == {"sales": None, "tv": "+", "search": None, "price": "-", "promo=sale": "+"}
    for wrong, what in (("{cost: '-'}", "signs names cost"), ("{tv: up}", "'up'")):
        record = next(
            one for one in told(media(folder, "2024-01-01,100,5,0", entry=ENTRY + f"    signs: {wrong}\n")) if one["file"].endswith("yaml")
        )
        assert what in record["found"]


def test_the_same_table_in_another_format_and_order_is_one_landing(folder: Folder) -> None:
    lines = ["2024-01-01,1,2,3", "2024-01-08,4,5,6"]
    first = media(folder, *lines).manifests["media_weekly"].to_pylist()[0]
    again = media(folder, *reversed(lines)).manifests["media_weekly"].to_pylist()[0]
    (folder.telemetry / "media/a.csv").unlink()
    dates = pa.array([dt.date(2024, 1, 1), dt.date(2024, 1, 8)])
    folder.put("media/a.parquet", parquet_of(pa.table({"week": dates, "sales": [1, 4], "tv": [2.0, 5.0], "search": [3, 6]})))
    folder.put("media/media.yaml", ENTRY.replace("a.csv", '"*.parquet"'))
    third = folder.read().manifests["media_weekly"].to_pylist()[0]
    assert first["landed_sha256"] == again["landed_sha256"] == third["landed_sha256"]
    assert first["week_digests"] == third["week_digests"]


def test_the_same_file_twice_is_one_and_another_meaning_is_another(folder: Folder) -> None:
    folder.put("media/b.csv", HEADER + "\n2024-01-01,1,2,3\n")
    intake = media(folder, "2024-01-01,1,2,3", entry=ENTRY.replace("a.csv", '"*.csv"'))
    assert intake.manifests["media_weekly"]["copies"].to_pylist() == [2]
    assert [origin for origin, _ in intake.ignored] == ["media/b.csv"]
    other = ENTRY.split("files:\n")[1].replace("a.csv", "b.csv").replace("brand", "other")
    intake = media(folder, "2024-01-01,1,2,3", entry=ENTRY + other)
    assert intake.manifests["media_weekly"].num_rows == 2
    assert {key[0] for key in values(folder, intake)} == {"brand", "other"}


def test_a_grown_file_leaves_the_digests_of_its_older_weeks(folder: Folder) -> None:
    lines = ["2024-01-01,1,2,3", "2024-01-08,4,5,6"]
    before = media(folder, *lines).manifests["media_weekly"].to_pylist()[0]["week_digests"]
    after = media(folder, *lines, "2024-01-15,7,8,9").manifests["media_weekly"].to_pylist()[0]["week_digests"]
    assert after.startswith(before + ",")


def test_a_view_holds_the_asked_weeks_only(folder: Folder) -> None:
    intake = media(folder, "2024-01-01,1,2,3", "2024-01-08,4,5,6")
    with duckdb.connect() as con:
        view = landed_relation(con, "media_weekly", intake.manifests["media_weekly"], folder.home, [dt.date(2024, 1, 8)])
        assert con.execute(f"SELECT DISTINCT week FROM {view}").fetchall() == [(dt.date(2024, 1, 8),)]


def test_reading_twice_writes_nothing_and_says_the_same(folder: Folder) -> None:
    first = media(folder, "2024-01-01,1,2,3", "2024-01-08,4,-5,6")
    times = {path: path.stat().st_mtime_ns for path in folder.home.rglob("*") if path.is_file()}
    second = folder.read()
    assert (second.manifests, second.rejected, second.media) == (first.manifests, first.rejected, first.media)
    assert {path: path.stat().st_mtime_ns for path in folder.home.rglob("*") if path.is_file()} == times


def test_days_are_summed_only_when_told(folder: Folder) -> None:
    lines = days(dt.date(2024, 1, 6), *range(1, 19))  # two days, two weeks, two days
    refused = [record["row"] for record in told(media(folder, *lines))]
    assert len(refused) == 15  # the three Mondays are weeks of their own
    intake = media(folder, *lines, entry=ENTRY + "    grain: day\n    controls: {price: sales}\n")
    found = values(folder, intake)
    assert told(intake) == []
    assert found["brand", "2024-01-08", "target", "sales"] == sum(range(3, 10))
    assert found["brand", "2024-01-08", "spend", "tv"] == 7
    assert found["brand", "2024-01-08", "control", "price"] == 6
    assert {week for _, week, *_ in found} == {"2024-01-08", "2024-01-15"}
    assert intake.manifests["media_weekly"]["unused_rows"].to_pylist() == [4]


def test_a_week_without_all_its_days_is_refused(folder: Folder) -> None:
    lines = days(dt.date(2024, 1, 1), *range(21))
    del lines[9]
    intake = media(folder, *lines, entry=ENTRY + "    grain: day\n")
    assert [(record["scope"], record["found"], record["rows"]) for record in told(intake)] == [
        ("task", "6 days of the week 2024-01-08 of brand", 6)
    ]
    assert {week for _, week, *_ in values(folder, intake)} == {"2024-01-01", "2024-01-15"}
    assert_nothing_lost(intake, {"media/a.csv": 20})


@pytest.mark.parametrize(
    ("start", "date", "monday"),
    [("sunday", "2024-01-07", "2024-01-08"), ("saturday", "2024-01-06", "2024-01-08"), ("wednesday", "2024-01-10", "2024-01-08")],
)
def test_weeks_that_start_on_another_day_land_under_the_nearest_monday(folder: Folder, start: str, date: str, monday: str) -> None:
    intake = media(folder, f"{date},1,2,3", entry=ENTRY + f"    week_starts: {start}\n")
    assert {week for _, week, *_ in values(folder, intake)} == {monday}


def test_tenants_of_a_column_land_apart_or_are_summed_when_told(folder: Folder) -> None:
    geo = ENTRY.replace("tenant: brand", "tenant_column: geo") + "    controls: [price]\n"
    header = HEADER + ",geo,price"
    lines = ["2024-01-01,1,2,3,06,10", "2024-01-01,10,20,30,US,20", "2024-01-08,1,1,1,06,1"]
    found = values(folder, media(folder, *lines, entry=geo, header=header))
    assert found["06", "2024-01-01", "target", "sales"] == 1
    assert found["US", "2024-01-01", "control", "price"] == 20
    intake = media(folder, *lines, entry=geo + "    sum_to: national\n", header=header)
    assert values(folder, intake) == {
        ("national", "2024-01-01", "target", "sales"): 11,
        ("national", "2024-01-01", "spend", "tv"): 22,
        ("national", "2024-01-01", "spend", "search"): 33,
        ("national", "2024-01-01", "control", "price"): 15,
    }
    assert [(record["found"], record["rows"]) for record in told(intake)] == [("week 2024-01-08 without US", 1)]
    assert_nothing_lost(intake, {"media/a.csv": 3})


def test_words_of_an_event_column_become_events(folder: Folder) -> None:
    lines = ["2024-01-01,1,2,3,na", "2024-01-08,1,2,3,easter", "2024-01-15,1,2,3,"]
    found = values(folder, media(folder, *lines, entry=ENTRY + "    events: [events]\n", header=HEADER + ",events"))
    assert {key[1]: value for key, value in found.items() if key[2:] == ("event", "events=easter")} == {
        "2024-01-01": 0,
        "2024-01-08": 1,
        "2024-01-15": 0,
    }


def test_a_target_times_a_price(folder: Folder) -> None:
    entry = ENTRY.replace("{column: sales, unit: units}", "{column: sales, unit: EUR, times: price}")
    assert values(folder, media(folder, "2024-01-01,4,2,3,2.5", entry=entry, header=HEADER + ",price"))[
        "brand", "2024-01-01", "target", "sales"
    ] == pytest.approx(10)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("line", "column", "found"),
    [
        ("2024-01-08,1,-2,3", "tv", "-2"),
        ("2024-01-08,1,nan,3", "tv", "nan"),
        ("2024-01-08,inf,2,3", "sales", "inf"),
        ("2024-01-08,1e999,2,3", "sales", "1e999"),
        ("2024-01-08,1,2,", "search", "nothing"),
        ("2024-01-08,1,2,a few", "search", "a few"),
        ("2024-13-08,1,2,3", "week", "2024-13-08"),
        ("8.1.2024,1,2,3", "week", "8.1.2024"),
        (",1,2,3", "week", "nothing"),
        ("2024-01-10,1,2,3", "week", "2024-01-10, a Wednesday"),
        ("2024-01-01,7,2,3", "week", "2024-01-01 of brand again, with other values"),
    ],
)
def test_a_bad_line_is_refused_and_the_rest_lands(folder: Folder, line: str, column: str, found: str) -> None:
    intake = media(folder, "2024-01-01,1,2,3", line, "2024-01-15,1,2,3")
    assert refusals(intake)[-1] == (3, column, found)
    assert all(record["expected"] and record["next_step"] and record["file"] == "media/a.csv" for record in told(intake))
    assert ("brand", "2024-01-15", "target", "sales") in values(folder, intake)
    assert_nothing_lost(intake, {"media/a.csv": 3})


def test_of_equal_lines_the_first_counts_and_of_different_ones_none(folder: Folder) -> None:
    equal = media(folder, "2024-01-01,1,2,3", "2024-01-01,1.0,2,3")
    assert [row for row, *_ in refusals(equal)] == [3]
    assert len(values(folder, equal)) == 3
    different = media(folder, "2024-01-01,1,2,3", "2024-01-01,1,2,4")
    assert [row for row, *_ in refusals(different)] == [2, 3]
    assert values(folder, different) == {}
    assert different.manifests["media_weekly"]["rows"].to_pylist() == [0]


def test_a_target_may_be_negative(folder: Folder) -> None:
    assert values(folder, media(folder, "2024-01-01,-1,2,3"))["brand", "2024-01-01", "target", "sales"] == -1


def test_a_missing_declared_column_refuses_the_file(folder: Folder) -> None:
    intake = media(folder, "2024-01-01,1,2", header="week,sales,tv")
    (record,) = told(intake)
    assert (record["scope"], record["column"], record["feed"]) == ("file", "search", "media_weekly")
    assert "no column search among week, sales, tv" in str(record["found"])
    assert len(list((folder.home / "quarantine").glob("*.json"))) == 1


def test_a_file_without_an_entry_is_refused(folder: Folder) -> None:
    folder.put("media/b.csv", HEADER + "\n2024-01-01,1,2,3\n")
    folder.put("media/notes.txt", "no table")
    intake = media(folder, "2024-01-01,1,2,3")
    assert [(record["file"], record["scope"]) for record in told(intake)] == [("media/b.csv", "file")]
    assert "no entry of media.yaml fits" in str(told(intake)[0]["found"])
    (folder.telemetry / "media/media.yaml").unlink()
    assert [record["file"] for record in told(folder.read())] == ["media/a.csv", "media/b.csv"]


@pytest.mark.parametrize(
    ("change", "path", "found"),
    [
        (("tenant: brand", "tennant: brand"), "files[0].tennant", "unknown key files[0].tennant"),
        (("unit: units", "unit: units, units: x"), "files[0].target.units", "unknown key files[0].target.units"),
        (("currency: EUR", ""), "files[0].currency", "no key files[0].currency"),
        (("tenant: brand", "tenant: brand\n    grain: month"), "files[0].grain", "files[0].grain: 'month'"),
        (("tenant: brand", ""), "files[0]", "needs either tenant or tenant_column"),
        (("[tv, search]", "[tv, tv]"), "files[0].spend", "names a column twice"),
        (("[tv, search]", "{}"), "files[0].spend", "files[0].spend"),
        (("[tv, search]", "{tv: [a]}"), "files[0].spend.tv", "files[0].spend.tv"),
    ],
)
def test_a_fault_in_media_yaml_is_told_by_its_path(folder: Folder, change: tuple[str, str], path: str, found: str) -> None:
    intake = media(folder, "2024-01-01,1,2,3", entry=ENTRY.replace(*change))
    record = next(record for record in told(intake) if record["file"] == "media/media.yaml" and record["column"] == path)
    assert found in str(record["found"])
    refused = next(record for record in told(intake) if record["file"] == "media/a.csv")
    assert refused["found"] == "files[0] of media.yaml is refused"
    assert intake.manifests["media_weekly"].num_rows == 0


def test_a_fault_in_one_entry_leaves_the_others(folder: Folder) -> None:
    folder.put("media/b.csv", HEADER + "\n2024-01-01,1,2,3\n")
    intake = media(folder, "2024-01-01,1,2,3", entry=ENTRY + "  - {file: b.csv, colour: red}\n")
    assert intake.manifests["media_weekly"]["origin"].to_pylist() == ["media/a.csv"]


@pytest.mark.parametrize("text", ["files: [", "- a", "entries: []", "\xff", "files: 3"])
def test_a_media_yaml_that_cannot_be_understood_refuses_its_tables(folder: Folder, text: str) -> None:
    folder.put("media/media.yaml", text.encode("latin-1"))
    folder.put("media/a.csv", HEADER + "\n2024-01-01,1,2,3\n")
    assert [record["file"] for record in told(folder.read())] == ["media/a.csv", "media/media.yaml"]


def test_two_entries_for_one_file_refuse_it(folder: Folder) -> None:
    intake = media(folder, "2024-01-01,1,2,3", entry=ENTRY + ENTRY.split("files:\n")[1].replace("a.csv", '"*"'))
    assert told(intake)[0]["found"] == "files[0] and files[1] of media.yaml fit this file"


# ---------------------------------------------------------------- files against each other


def test_weeks_of_two_files_make_one_series_and_equal_overlaps_count_once(folder: Folder) -> None:
    folder.put("media/b.csv", HEADER + "\n2024-01-08,4,5,6\n2024-01-15,7,8,9\n")
    intake = media(folder, "2024-01-01,1,2,3", "2024-01-08,4,5,6", entry=ENTRY.replace("a.csv", '"*.csv"'))
    assert told(intake) == []
    assert len(folder.rows(intake, "media_weekly")) == len(values(folder, intake)) == 9
    assert intake.manifests["media_weekly"]["unused_rows"].to_pylist() == [0, 1]
    assert intake.media.num_rows == 9


def test_a_week_that_contradicts_an_earlier_file_is_refused(folder: Folder) -> None:
    folder.put("media/b.csv", HEADER + "\n2024-01-08,4,5,7\n2024-01-15,7,8,9\n")
    intake = media(folder, "2024-01-01,1,2,3", "2024-01-08,4,5,6", entry=ENTRY.replace("a.csv", '"*.csv"'))
    assert [(record["file"], record["found"]) for record in told(intake)] == [
        ("media/b.csv", "week 2024-01-08 of brand: search is another in media/a.csv")
    ]
    assert values(folder, intake)["brand", "2024-01-08", "spend", "search"] == 6
    assert_nothing_lost(intake, {"media/a.csv": 2, "media/b.csv": 2})


# ---------------------------------------------------------------- the data as a whole


def judged(intake: Intake) -> dict[str, tuple[str, float | None, str]]:
    policy = IntakePolicy()
    rows = facts.media_series(intake.media, policy.spend_past_weeks, policy.spend_recent_weeks)
    assert violations(contracts.MediaSeries, rows) == []
    found = rules.judge_media(rows, policy, "all")
    assert len({(finding.rule, finding.subject) for finding in found}) == len(found)
    return {finding.rule: (finding.outcome, finding.value, finding.message) for finding in found}


def weeks(count: int, tv: dict[int, float] | None = None, search: float | None = None, skip: tuple[int, ...] = ()) -> list[str]:
    lines = []
    for week in range(count):
        if week not in skip:
            spend = (tv or {}).get(week, 50 + week % 7)
            lines.append(f"{MONDAY + dt.timedelta(weeks=week)},{100 + week},{spend},{20 + week % 3 if search is None else search}")
    return lines


def test_sound_media_pass_every_rule(folder: Folder) -> None:
    assert {outcome for outcome, *_ in judged(media(folder, *weeks(30))).values()} == {"pass"}


@pytest.mark.parametrize(
    ("lines", "rule", "value", "told_of"),
    [
        (weeks(30, skip=(10, 11)), "media_has_no_gaps", 2, "2024-03-11"),
        (weeks(30, search=0), "every_channel_has_spend", 1, "search"),
        (weeks(30, search=20), "every_channel_varies", 1, "search"),
        (weeks(30, {20: 50_000}), "spend_keeps_its_unit", 50_000 / 56, "tv in 2024-05-20"),
        (weeks(30, dict.fromkeys(range(20, 30), 0.05)), "spend_keeps_its_unit", 1060, "tv in 2024-05-20"),
        (weeks(30, {week: 50_000 + week for week in range(30)}), "channels_are_of_one_scale", 50_014.5 / 21, "tv"),
        (weeks(8), "more_weeks_than_parameters", 8, "limit 8"),
    ],
)
def test_what_no_model_can_use_is_a_finding(folder: Folder, lines: list[str], rule: str, value: float, told_of: str) -> None:
    outcome, found, message = judged(media(folder, *lines))[rule]
    assert outcome == "fail"
    assert found == pytest.approx(value, rel=0.02)
    assert told_of in message


def test_a_second_currency_is_a_finding(folder: Folder) -> None:
    folder.put("media/b.csv", "\n".join([HEADER, *weeks(60)[30:]]) + "\n")
    other = ENTRY.split("files:\n")[1].replace("a.csv", "b.csv").replace("EUR", "USD")
    outcome, value, message = judged(media(folder, *weeks(30), entry=ENTRY + other))["spend_is_in_one_currency"]
    assert (outcome, value) == ("fail", 2)
    assert "EUR, USD" in message


def test_no_media_is_not_judged(folder: Folder) -> None:
    assert {outcome for outcome, *_ in judged(folder.read()).values()} == {"not_applicable"}


# ---------------------------------------------------------------- public examples

EXAMPLES = {
    "pymc_example.csv": """
    tenant: pymc
    date: date_week
    target: {column: y, unit: units}
    currency: scaled
    spend: [x1, x2]
    controls: [t]
    events: [event_1, event_2]
""",
    "robyn_weekly.csv": """
    tenant: robyn
    date: DATE
    target: {column: revenue, unit: EUR}
    currency: EUR
    spend: {tv: tv_S, ooh: ooh_S, print: print_S, search: search_S, facebook: facebook_S}
    impressions: {facebook: facebook_I, search: search_clicks_P}
    controls: [competitor_sales_B, newsletter]
    events: [events]
""",
    "meridian_national_all_channels.csv": """
    tenant: meridian
    date: time
    target: {column: conversions, unit: USD, times: revenue_per_conversion}
    currency: USD
    spend: {a: Channel0_spend, b: Channel1_spend, c: Channel2_spend, d: Channel3_spend, e: Channel4_spend}
    impressions: {a: Channel0_impression, organic: Organic_channel0_impression}
    controls: [competitor_sales_control, sentiment_score_control, Promo]
""",
    "meridian_geo_all_channels.csv": """
    tenant_column: geo
    sum_to: national
    date: time
    target: {column: conversions, unit: conversions}
    currency: USD
    spend: {a: Channel0_spend, b: Channel1_spend, c: Channel2_spend, d: Channel3_spend, e: Channel4_spend}
    controls: [competitor_sales_control, sentiment_score_control, Promo]
""",
}


@pytest.mark.parametrize(("name", "lines", "landed"), [("pymc_example.csv", 179, 179 * 6), ("robyn_weekly.csv", 208, 208 * 12),
    ("meridian_national_all_channels.csv", 156, 156 * 11), ("meridian_geo_all_channels.csv", 6240, 156 * 9)])  # fmt: skip
def test_public_examples_load_as_they_are(folder: Folder, shared_data: object, name: str, lines: int, landed: int) -> None:
    folder.put(f"media/{name}", Path(shared_data(f"mmm/{name}")).read_bytes())  # type: ignore[operator]
    folder.put("media/media.yaml", f"files:\n  - file: {name}{EXAMPLES[name]}")
    intake = folder.read()
    assert told(intake) == []
    (file,) = intake.manifests["media_weekly"].to_pylist()
    assert (file["rows"], file["landed_values"]) == (lines, landed)
    assert pq.read_table(folder.home / file["landed_path"]).num_rows == landed
    assert {outcome for outcome, *_ in judged(intake).values()} == {"pass"}
