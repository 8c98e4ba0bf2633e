"""The command line as a person meets it: from a folder of files to figures, their history and their lineage.

Each test runs real commands in the same process, on six small weeks.
"""

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from governance_assets.cli import CHECKS_FAILED, USAGE, main, run_and_explain
from governance_assets_tests.conftest import tiny_forecasts, tiny_observations, write_csv


class Installation:
    """One home and one telemetry folder."""

    def __init__(self, home: Path, telemetry: Path) -> None:
        self.home, self.telemetry = home, telemetry

    def __call__(self, *arguments: str) -> Result:
        located = [arguments[0], "--home", str(self.home), "--telemetry", str(self.telemetry), *arguments[1:]]
        return CliRunner().invoke(main, located)

    def json(self, query: str, *more: str) -> list[dict]:
        done = self("sql", query, "--format", "json", *more)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def governed(tmp_path: Path, tiny_telemetry: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    for name in ("GOVERNANCE_HOME", "GOVERNANCE_TELEMETRY", "GOVERNANCE_AS_OF", "DAGSTER_HOME"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)
    return Installation(tmp_path / "home", tiny_telemetry)


def succeeded(done: Result) -> Result:
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done


def test_one_command_records_every_artifact_and_a_second_writes_nothing(governed: Installation) -> None:
    first = succeeded(governed("run"))
    assert "calibration_metrics" in first.output
    assert "site:" in first.output
    before = governed.json("SELECT count(*) AS n FROM ledger")
    pages = {path.name: path.read_bytes() for path in (governed.home / "site").glob("*.html")}
    assert "index.html" in pages
    assert "calibration.html" in pages
    succeeded(governed("run"))
    assert governed.json("SELECT count(*) AS n FROM ledger") == before
    assert {path.name: path.read_bytes() for path in (governed.home / "site").glob("*.html")} == pages


def test_a_revised_observation_restates_its_week_and_yesterdays_answer_stays(governed: Installation) -> None:
    succeeded(governed("run"))
    query = "SELECT week, sum(wis) AS wis, max(revision) AS revision FROM forecast_scores GROUP BY week ORDER BY week"
    before = governed.json(query)
    instant = governed.json("SELECT max(recorded_at) AS at FROM ledger")[0]["at"]
    revised = tiny_observations()
    revised[4]["observed"] = 140
    write_csv(governed.telemetry / "observations" / "observations.csv", revised)
    succeeded(governed("run"))
    after = governed.json(query)
    changed = [new["week"] for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [str(revised[4]["target_end_date"] - dt.timedelta(days=5))]
    assert governed.json(query, "--as-of", instant.replace(" ", "T")) == before
    told = succeeded(governed("history", "forecast_scores", "--partition", changed[0], "--format", "json"))
    assert [json.loads(line)["kind"] for line in told.stdout.splitlines()] == ["revision", "restatement"]


def test_a_new_file_computes_its_weeks_only(governed: Installation) -> None:
    rows = tiny_forecasts()
    early = [row for row in rows if row["target_end_date"] < dt.date(2025, 8, 4)]
    late = [row for row in rows if row["target_end_date"] >= dt.date(2025, 8, 4)]
    write_csv(governed.telemetry / "forecasts" / "forecasts.csv", early)
    succeeded(governed("run"))
    entries = governed.json("SELECT partition_key, count(*) AS n FROM ledger WHERE artifact = 'forecast_scores' GROUP BY ALL")
    write_csv(governed.telemetry / "forecasts" / "later.csv", late)
    succeeded(governed("run"))
    again = governed.json("SELECT partition_key, count(*) AS n FROM ledger WHERE artifact = 'forecast_scores' GROUP BY ALL ORDER BY ALL")
    assert len(again) == 6
    kept = {row["partition_key"]: row["n"] for row in entries}
    assert {row["partition_key"]: row["n"] for row in again if row["partition_key"] < "2025-08-04"} == {
        key: n for key, n in kept.items() if key < "2025-08-04"
    }


def test_explain_reaches_the_hash_of_the_file_and_the_command(governed: Installation) -> None:
    succeeded(governed("run"))
    week = governed.json("SELECT max(week) AS week FROM calibration_metrics")[0]["week"]
    told = succeeded(governed("explain", "calibration_metrics", week)).output
    assert "forecasts/forecasts.csv" in told
    assert "observations/observations.csv" in told
    assert "governance" in told


def test_bad_rows_are_told_and_the_rest_goes_on(governed: Installation) -> None:
    rows = tiny_forecasts()
    rows[3]["quantile_level"] = 1.5
    write_csv(governed.telemetry / "forecasts" / "forecasts.csv", rows)
    succeeded(governed("run"))
    refused = governed.json("SELECT * FROM rejected_records WHERE scope <> 'ignored'")
    assert refused
    assert refused[0]["file"] == "forecasts/forecasts.csv"
    assert "1.5" in " ".join(row["found"] for row in refused)
    assert governed.json("SELECT count(*) AS n FROM forecast_scores")[0]["n"] >= 23


def test_strict_says_with_its_exit_code_that_a_check_failed(governed: Installation) -> None:
    (governed.telemetry / "forecasts" / "broken.parquet").write_bytes(b"no parquet")
    assert governed("run", "--strict").exit_code == CHECKS_FAILED
    assert governed("run").exit_code == 0


def test_one_week_brings_along_the_past_it_reads(governed: Installation) -> None:
    succeeded(governed("run", "--week", "2025-08-06"))
    assert [row["week"] for row in governed.json("SELECT DISTINCT week FROM calibration_metrics")] == ["2025-08-04"]
    assert len(governed.json("SELECT DISTINCT week FROM forecast_scores")) == 5


def test_a_quarter_is_the_weeks_whose_thursday_it_holds(governed: Installation) -> None:
    succeeded(governed("run", "--quarter", "2025-Q3"))
    assert len(governed.json("SELECT DISTINCT week FROM calibration_metrics")) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--week", "soon"), "--week: found 'soon', expected an ISO date"),
        (("run", "--quarter", "2025-Q5"), "--quarter"),
        (("run", "--from", "2025-08-04"), "--from and --to go together"),
        (("run", "--from", "2025-08-11", "--to", "2025-08-04"), "lies before"),
        (("run", "--week", "2025-08-04", "--quarter", "2025-Q3"), "exclude each other"),
        (("run", "--select", "nothing_known"), "no artifact is named nothing_known"),
        (("run", "--as-of", "soon"), "GOVERNANCE_AS_OF: found 'soon'"),
        (("history", "nothing_known"), "nothing is recorded for nothing_known"),
        (("explain", "forecast_scores", "2025-01-06"), "nothing is recorded for forecast_scores"),
        (("sql", "DROP TABLE ledger"), ""),
        (("sql", "SELECT 1", "--as-of", "soon"), "--as-of: found 'soon'"),
        (("calendar", "--quarter", "2025-Q9"), "2025-Q9"),
    ],
)
def test_a_wrong_word_is_one_sentence_and_exit_code_2(
    governed: Installation, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture
) -> None:
    located = [arguments[0], "--home", str(governed.home), "--telemetry", str(governed.telemetry), *arguments[1:]]
    assert run_and_explain(located) == USAGE
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told


def test_a_folder_that_is_not_there_is_refused(governed: Installation, tmp_path: Path) -> None:
    done = Installation(governed.home, tmp_path / "nowhere")("run")
    assert done.exit_code == USAGE
    assert "no folder" in done.output


def test_the_calendar_names_every_due_date_of_a_quarter(governed: Installation) -> None:
    told = succeeded(governed("calendar", "--quarter", "2025-Q4", "--format", "csv")).stdout
    assert "2025-12-26" in told
    assert "2025-10-08 18:00" in told


def test_sample_and_init_write_folders_and_refuse_full_ones(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    succeeded(CliRunner().invoke(main, ["init", str(folder)]))
    assert (folder / "governance.yaml").exists()
    again = CliRunner().invoke(main, ["init", str(folder)])
    assert again.exit_code == USAGE
    assert "not empty" in again.output
    made = tmp_path / "sample"
    succeeded(CliRunner().invoke(main, ["sample", str(made)]))
    assert (made / "truth.json").exists()


CALIBRATION = "quantile_forecasts,sample_forecasts,observations,rejected_records,forecast_scores,interval_scores,calibration_metrics"


def test_a_day_without_a_line_is_a_warning_of_the_open_week(governed: Installation) -> None:
    """B20: the open week's history gets a line a day; a gap of more than one day is a warning."""
    outcomes = []
    for instant in ("2025-08-13T06:30Z", "2025-08-14T06:31Z", "2025-08-16T06:30Z"):
        succeeded(governed("run", "--select", CALIBRATION, "--week", "2025-08-11", "--as-of", instant))
        found = governed.json("SELECT outcome FROM findings WHERE is_current AND rule = 'history_is_daily'")
        outcomes.append(found[0]["outcome"])
    assert outcomes == ["pass", "pass", "fail"]
