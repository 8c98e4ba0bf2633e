"""The sample says what is true about it; here that is computed again, from the frames alone."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from governance_assets import sample, sample_media
from governance_assets.domains.assessment import facts as assessment
from governance_assets.domains.assessment import facts_scores
from governance_assets.domains.intake import facts, rules
from governance_assets.domains.intake.report import skeleton
from governance_assets.policy import Policy, policy_from
from governance_assets.runtime.periods import period
from governance_assets.runtime.sources.intake import read_telemetry
from governance_assets.runtime.sources.media_file import read_media_file
from governance_assets.runtime.telemetry_writer import OccupiedFolder, write_sample, write_texts

COMMITTED = Path(__file__).parents[1] / "data" / "sample"
LATEST_WEEKS = 26


@pytest.fixture(scope="module")
def generated() -> sample.Sample:
    return sample.generate()


@pytest.fixture(scope="module")
def replicates(generated) -> list[sample.Sample]:
    """Worlds of several seeds, the committed one first: more independent locations, so smaller sampling errors."""
    return [generated, *(sample.generate(seed) for seed in (2, 3, 4))]


@pytest.fixture(scope="module")
def predicted(replicates) -> dict[str, np.ndarray]:
    """Model to an array of reference date × horizon × location × level; the locations of all replicates side by side."""
    return {
        model.name: np.concatenate([_array(each.quantile_forecasts, model.name) for each in replicates], axis=2) for model in sample.MODELS
    }


@pytest.fixture(scope="module")
def observed(replicates) -> np.ndarray:
    """Array of reference date × horizon × location; not a number where the target lies after the last observation."""
    return np.concatenate([_observed(each.observations) for each in replicates], axis=2)


def _observed(observations: pa.Table) -> np.ndarray:
    values = {(row["target_end_date"], row["location"]): row["observed"] for row in observations.to_pylist()}
    return np.array(
        [
            [[values.get((start + dt.timedelta(weeks=h), place), np.nan) for place in sample.LOCATIONS] for h in sample.HORIZONS]
            for start in sample.reference_dates()
        ]
    )


def _array(forecasts: pa.Table, model: str) -> np.ndarray:
    frame = forecasts.to_pandas().query("model_id == @model")
    frame = frame.sort_values(["reference_date", "horizon", "location", "quantile_level"])
    shape = (sample.REFERENCE_WEEKS, len(sample.HORIZONS), len(sample.LOCATIONS), len(sample.LEVELS))
    return frame["predicted"].to_numpy().reshape(shape)


def _share_by_location(hits: np.ndarray, observed: np.ndarray) -> tuple[float, float]:
    """Share of hits and its standard error; the locations are independent, their weeks are not."""
    shares = np.nanmean(np.where(np.isnan(observed), np.nan, hits), axis=(0, 1))
    return shares.mean(), shares.std(ddof=1) / np.sqrt(shares.size)


def test_two_folders_of_one_seed_have_equal_bytes(tmp_path):
    write_sample(tmp_path / "one", seed=7)
    write_sample(tmp_path / "two", seed=7)
    one, two = ({p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in (tmp_path / "one", tmp_path / "two"))
    assert one == two
    assert len(one) > 10


def test_another_seed_gives_other_values_and_the_same_distortions(generated):
    other = sample.generate(seed=2)
    assert not other.observations.equals(generated.observations)
    assert other.truth["models"] == generated.truth["models"]


def test_the_committed_folder_is_what_the_generator_gives(generated, tmp_path):
    write_sample(tmp_path)
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert {str(p.relative_to(COMMITTED)) for p in COMMITTED.rglob("*") if p.is_file()} == files
    assert set(generated.tables) | set(generated.texts) | {"truth.json", "governance.yaml"} == files
    for name in files - set(generated.tables):
        assert (COMMITTED / name).read_bytes() == (tmp_path / name).read_bytes(), name
    for name, table in generated.tables.items():
        # Parquet's bytes may differ between versions of the library; its content may not.
        assert pq.read_table(COMMITTED / name).equals(table), name


def test_the_committed_folder_is_small():
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) < 3_000_000


@pytest.mark.parametrize("model", sample.MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("nominal", ["50", "80", "90", "95"])
def test_realised_coverage_is_the_stated_one(generated, predicted, observed, model, nominal):
    truth = generated.truth["models"][model.name]
    low, high = (_level(predicted[model.name], (1 + sign * int(nominal) / 100) / 2) for sign in (-1, 1))
    hits = (low <= observed) & (observed <= high)
    for weeks, stated in _spans(truth):
        share, error = _share_by_location(hits[weeks], observed[weeks])
        assert abs(share - stated["interval_coverage"][nominal]) < 4 * error
        assert error < 0.025


@pytest.mark.parametrize("model", sample.MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("level", sample.LEVELS)
def test_realised_share_below_a_quantile_is_the_stated_one(generated, predicted, observed, model, level):
    below = observed <= _level(predicted[model.name], level)
    for weeks, stated in _spans(generated.truth["models"][model.name]):
        share, error = _share_by_location(below[weeks], observed[weeks])
        assert abs(share - stated["share_at_or_below"][str(level)]) < 4 * error + 0.002


def _level(values: np.ndarray, level: float) -> np.ndarray:
    return values[..., int(np.argmin(np.abs(np.array(sample.LEVELS) - level)))]


def _spans(truth: dict) -> list[tuple[slice, dict]]:
    """The weeks of one distortion each, with what is stated for them."""
    if "drift" not in truth:
        return [(slice(None), truth)]
    start = sample.reference_dates().index(dt.date.fromisoformat(truth["drift"]["first_reference_date"]))
    return [(slice(None, start), truth), (slice(start, None), truth["drift"])]


def test_the_planted_coverages_are_far_apart(generated):
    at_80 = {name: truth["interval_coverage"]["80"] for name, truth in generated.truth["models"].items()}
    policy = Policy().calibration
    assert at_80["atlas"] == pytest.approx(policy.nominal_coverage)
    assert at_80["boreas"] < policy.nominal_coverage - policy.max_shortfall
    drifted = generated.truth["models"]["castor"]["drift"]["interval_coverage"]["80"]
    assert at_80["castor"] - drifted > policy.max_coverage_drift


def test_stated_coverage_agrees_with_a_simulation():
    draws = np.random.default_rng(3).standard_normal(400_000)
    distortion = sample.Distortion(spread=0.8, shift=0.8)
    z = 1.2815515655446004
    inside = np.mean((0.8 - 0.8 * z <= draws) & (draws <= 0.8 + 0.8 * z))
    assert distortion.coverage(0.8) == pytest.approx(inside, abs=0.004)
    assert sample.Distortion().coverage(0.8) == pytest.approx(0.8, abs=1e-12)


def test_the_drift_starts_on_the_stated_date(generated, predicted):
    drift = generated.truth["models"]["castor"]["drift"]
    differs = (predicted["castor"] != predicted["atlas"]).mean(axis=(1, 2, 3))
    first = int(np.flatnonzero(differs)[0])
    assert str(sample.reference_dates()[first]) == drift["first_reference_date"]
    assert differs[first:].min() > 0.9
    targets = [sample.reference_dates()[first] + dt.timedelta(weeks=h) for h in (1, 4)]
    mondays = [str(date - dt.timedelta(days=date.weekday())) for date in targets]
    assert mondays == [drift["first_week_touched"], drift["first_week_wholly_drifted"]]


def test_only_the_calibrated_model_meets_the_release_gate(predicted, observed):
    policy = Policy().calibration
    recent, committed = slice(-LATEST_WEEKS, None), slice(len(sample.LOCATIONS))
    gates = {}
    for name in ("atlas", "boreas", "castor"):
        values, truth = predicted[name][recent, :, committed], observed[recent, :, committed]
        median = np.where(np.isnan(truth), np.nan, _level(values, 0.5))
        inside = np.where(np.isnan(truth), np.nan, (_level(values, 0.1) <= truth) & (truth <= _level(values, 0.9)))
        gates[name] = (
            np.nanmean(inside) >= policy.min_release_coverage,
            np.nanmean(np.abs(median - truth) / truth) < policy.max_release_mape,
            abs(np.nansum(median - truth) / np.nansum(truth)) < policy.max_release_relative_bias,
        )
    assert gates == {"atlas": (True, True, True), "boreas": (False, True, True), "castor": (False, True, False)}


def test_the_truth_is_serially_dependent(predicted, observed):
    """A baseline that ignores today misses in runs: its error this week predicts its error next week."""
    baseline = _level(predicted[sample.BASELINE.name], 0.5)
    errors = np.log(observed[:, 0] / baseline[:, 0])
    slope = np.mean(errors[1:] * errors[:-1]) / np.mean(errors**2)
    assert slope == pytest.approx(sample.PERSISTENCE, abs=0.1)


def test_members_carry_the_distribution_of_their_model(generated, predicted):
    truth = generated.truth["ensemble"]
    frame = generated.sample_forecasts.to_pandas()
    counts = frame.groupby(["model_id", "reference_date", "horizon", "location"])["sample_id"].agg(["size", "nunique"])
    assert (counts == truth["members"]).all(axis=None)
    shape = (sample.ENSEMBLE_WEEKS, len(sample.HORIZONS), len(sample.LOCATIONS), truth["members"])
    for model in truth["models"]:
        members = frame.query("model_id == @model")["predicted"].to_numpy().reshape(shape)
        exact = predicted[model][-sample.ENSEMBLE_WEEKS :, :, : len(sample.LOCATIONS)]
        share = (members[..., None] <= exact[..., None, :]).mean(axis=-2)
        assert np.abs(share - np.array(sample.LEVELS)).max() <= 1.5 / truth["members"]
    assert [str(frame["reference_date"].min()), str(frame["reference_date"].max())] == truth["reference_dates"]


def _rows(generated: sample.Sample, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(generated.texts[name].decode())))


def test_every_forecast_is_in_one_file(generated):
    planted = {row for reject in generated.truth["rejected"] if "late" in reject["file"] for row in reject["rows"]}
    lines = enumerate(_rows(generated, "forecasts/late-entries.csv"), start=2)
    late = [(r["model_id"], r["target_end_date"], r["location"], float(r["predicted"])) for line, r in lines if line not in planted]
    tables = [table for table in generated.tables.values() if "quantile_level" in table.column_names]
    keys = ["model_id", "target_end_date", "location", "predicted"]
    on_time = pa.concat_tables(tables).select(keys).to_pylist()
    filed = late + [(r["model_id"], str(r["target_end_date"]), r["location"], r["predicted"]) for r in on_time]
    whole = generated.quantile_forecasts.filter(pc.invert(_is_cut(generated)))
    every = [tuple(r.values()) for r in whole.select(keys).to_pylist()]
    assert sorted(filed) == sorted((model, str(end), place, value) for model, end, place, value in every)


def _is_cut(generated: sample.Sample) -> pa.Array:
    """The rows that the truth says no file has."""
    cut, rows = generated.truth["cut_delivery"], generated.quantile_forecasts
    told = (("model_id", cut["model"]), ("reference_date", dt.date.fromisoformat(cut["reference_date"])), ("horizon", cut["horizon"]))
    found = pc.is_in(rows["quantile_level"], value_set=pa.array(cut["missing_levels"]))
    for column, value in told:
        found = pc.and_(found, pc.equal(rows[column], value))
    return found


def test_the_cut_delivery_lacks_what_the_truth_says_and_lies_where_alerts_are_sent(generated):
    cut, policy = generated.truth["cut_delivery"], Policy().alerts
    assert pc.sum(_is_cut(generated)).as_py() == cut["missing_rows"] == 2 * len(sample.LOCATIONS)
    failing, passing = (dt.date.fromisoformat(cut[name]) for name in ("fails_in_week", "passes_in_week"))
    assert passing - failing == dt.timedelta(weeks=1)
    ended = [sample.AS_OF.date() - week - dt.timedelta(weeks=1) for week in (failing, passing)]
    assert all(dt.timedelta() < age < dt.timedelta(days=policy.max_partition_age_days) for age in ended)


def test_the_newest_versions_are_the_truth(generated):
    newest: dict[tuple[str, str], tuple[str, str]] = {}
    for name in ("observations/observations.csv", "observations/revisions-2025-12.csv"):
        for row in _rows(generated, name):
            key = (row["target_end_date"], row["location"])
            newest[key] = max(newest.get(key, ("", "")), (row["as_of"], row["observed"]))
    final = {(str(r["target_end_date"]), r["location"]): r["observed"] for r in generated.observations.to_pylist()}
    missing = {(gap["target_end_date"], gap["location"]) for gap in generated.truth["not_observed_yet"]}
    read = {key: float(value) for key, (_, value) in newest.items() if key in final and key not in missing}
    assert read == {key: value for key, value in final.items() if key not in missing}


def test_every_revision_is_told(generated):
    first = {(r["target_end_date"], r["location"]): r["observed"] for r in _rows(generated, "observations/observations.csv")}
    rows = _rows(generated, "observations/revisions-2025-12.csv")
    told = {(r["target_end_date"], r["location"]): (r["first"], r["revised"]) for r in generated.truth["revisions"]}
    filed = {key: (first.get(key), r["observed"]) for r in rows if (key := (r["target_end_date"], r["location"]))}
    assert told == {key: (before and float(before), float(after)) for key, (before, after) in filed.items()}
    assert {before is None for before, _ in told.values()} == {True, False}


def test_planted_rows_stand_where_the_truth_says(generated):
    for reject in generated.truth["rejected"]:
        if reject["scope"] == "file":
            with pytest.raises(pa.ArrowInvalid):
                pq.read_table(io.BytesIO(generated.texts[reject["file"]]))
            continue
        rows = _rows(generated, reject["file"])
        found = [rows[line - 2][reject["column"]] for line in reject["rows"]]
        assert ", ".join(found) == reject["found"]


def test_intake_refuses_exactly_what_is_planted(generated, tmp_path):
    settings = policy_from(yaml.safe_load((COMMITTED / "governance.yaml").read_text()))
    intake = read_telemetry(COMMITTED, tmp_path, settings.intake)
    refused = {(r["file"], r["column"], r["scope"], r["row"]): r["rows"] for r in intake.rejected.to_pylist()}
    for planted in generated.truth["rejected"]:
        lines = planted["rows"] or [None]
        told = [refused.pop((planted["file"], planted["column"], planted["scope"], line), 0) for line in lines]
        assert sum(told) == len(planted["rows"]), planted
    assert not refused


def test_intake_lands_every_sound_row_in_its_newest_version(generated, tmp_path):
    intake = read_telemetry(COMMITTED, tmp_path, policy_from(None).intake)
    landed = {name: _landed(manifest, tmp_path) for name, manifest in intake.manifests.items() if manifest.num_rows}
    assert landed["quantile_forecasts"].num_rows == generated.quantile_forecasts.num_rows - generated.truth["cut_delivery"]["missing_rows"]
    assert landed["sample_forecasts"].num_rows == generated.sample_forecasts.num_rows
    read = {(r["target_end_date"], r["location"]): r["observed"] for r in landed["observations"].to_pylist()}
    final = {(r["target_end_date"], r["location"]): r["observed"] for r in generated.observations.to_pylist()}
    for gap in generated.truth["not_observed_yet"]:
        del final[dt.date.fromisoformat(gap["target_end_date"]), gap["location"]]
    assert read == final


def test_media_revenue_is_what_the_truth_says_plus_noise(generated, tmp_path):
    truth = generated.truth["media"]
    intake = read_telemetry(COMMITTED, tmp_path, policy_from(None).intake)
    frame = intake.media.to_pandas().pivot_table(index="week", columns=["tenant", "series", "name"], values="value")
    assert [str(frame.index.min()), str(frame.index.max())] == truth["weeks"]
    assert len(frame) == sample_media.WEEKS
    for tenant in sample_media.TENANTS:
        own, told = frame[tenant.name], truth["tenants"][tenant.name]
        brought = 0.0
        for channel in tenant.channels:
            spend, stated = own["spend", channel.name].to_numpy(), told["channels"][channel.name]
            carried = np.zeros(len(spend))
            kept = stated["carryover"] ** np.arange(truth["carryover_weeks"])
            for lag, weight in enumerate(kept / kept.sum()):
                carried[lag:] += weight * spend[: len(spend) - lag] / stated["spend_scale"]
            response = stated["height"] * np.tanh(stated["logistic_rate"] * carried / 2)
            assert (spend.sum(), spend.max()) == (stated["spend"], stated["spend_scale"])
            assert response.sum() / spend.sum() == pytest.approx(stated["roi"], abs=1e-5)
            brought = brought + response
        time = np.arange(len(own))
        shares = 1 + truth["trend_share"] * time / time[-1] + truth["season_share"] * np.sin(2 * np.pi * 7 * time / 365.25)
        shares += truth["price_effect_share"] * (own["control", "price_index"].to_numpy() - 1)
        shares += truth["holiday_effect_share"] * own["event", "holiday"].to_numpy()
        noise = (own["target", "revenue"].to_numpy() - brought) / told["base"] - shares
        assert noise.std() == pytest.approx(truth["noise_share"], rel=0.3)
        assert abs(noise.mean()) < 4 * truth["noise_share"] / np.sqrt(len(noise))


def test_no_rule_on_media_fails_on_the_sample(tmp_path):
    policy = policy_from(None).intake
    rows = facts.media_series(read_telemetry(COMMITTED, tmp_path, policy).media, policy.spend_past_weeks, policy.spend_recent_weeks)
    found = rules.judge_media(rows, policy, "all")
    assert {finding.subject for finding in found} == {tenant.name for tenant in sample_media.TENANTS}
    assert {finding.outcome for finding in found} == {"pass"}


def _landed(manifest: pa.Table, home: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(home / path) for path in manifest["landed_path"].to_pylist()])


def test_settings_freeze_the_clock_and_name_the_sets():
    policy = policy_from(yaml.safe_load((COMMITTED / "governance.yaml").read_text()))
    assert policy.clock.as_of == sample.AS_OF
    names = [entry.name for entry in policy.calibration.evaluation_sets]
    assert names == ["all", "small regions"]
    assert set(policy.calibration.evaluation_sets[1].filters["location"]) < set(sample.LOCATIONS)
    assert json.loads((COMMITTED / "truth.json").read_text())["as_of"] == sample.AS_OF.isoformat()


def test_foreign_files_are_not_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OccupiedFolder, match="holds other files"):
        write_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_skeleton_shows_the_policy_in_force(tmp_path):
    write_texts(tmp_path, skeleton())
    assert policy_from(yaml.safe_load((tmp_path / "governance.yaml").read_text())) == Policy()
    lines = (tmp_path / "governance.yaml").read_text().splitlines()[1:]
    overrides = yaml.safe_load("\n".join(line.removeprefix("#") for line in lines))
    assert set(overrides) == set(Policy.model_fields)
    assert policy_from(overrides) == Policy()


def test_the_media_example_of_a_skeleton_is_sound():
    text = skeleton()["media/media.yaml"]
    assert yaml.safe_load(text) is None
    shown = "\n".join(line.removeprefix("#") for line in text.splitlines()[1:])
    found = read_media_file(shown.encode())
    assert found.refusals == []
    assert [entry.file for _, entry in found.entries] == ["brand.csv"]


def test_a_skeleton_has_a_header_for_every_feed_and_overwrites_nothing(tmp_path):
    write_texts(tmp_path, skeleton())
    headers = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*.csv")}
    assert set(headers) >= {"forecasts/quantile_forecasts.csv", "forecasts/sample_forecasts.csv", "observations/observations.csv"}
    assert "quantile_level,predicted\n" in headers["forecasts/quantile_forecasts.csv"]
    (tmp_path / "README.md").unlink()
    with pytest.raises(OccupiedFolder, match="governance.yaml"):
        write_texts(tmp_path, skeleton())
    assert not (tmp_path / "README.md").exists()


def _planned(generated: sample.Sample, day: str) -> dict[str, dict]:
    rows = generated.tables["plan/renewal/snapshots.parquet"].to_pylist()
    return {row["item_id"]: row for row in rows if row["kind"] == "stage" and str(row["date"]) == day}


def test_the_plan_is_what_the_truth_says(generated):
    truth, changes = generated.truth["plan"], _rows(generated, "plan/renewal/transitions.csv")
    last = _planned(generated, "2026-01-02")
    assert (len(last), len(changes)) == (truth["stages"], truth["transitions"])
    assert sum(row["status"] == "Done" for row in last.values()) == truth["done"]
    pairs = {(row["from_status"], row["to_status"]): set() for row in changes}
    for row in changes:
        pairs[row["from_status"], row["to_status"]].add(row["item_id"])
    assert pairs["Todo", "Done"] == set(truth["skipped"])
    assert pairs["In Progress", "Todo"] == set(truth["set_back"])
    assert pairs["Done", "In Progress"] == set(truth["reopened_after_done"])
    for day, late in truth["late_at_quarter_ends"].items():
        found = [code for code, row in _planned(generated, day).items() if str(row["planned_end"]) <= day and row["status"] != "Done"]
        assert found == late, day


def test_snapshots_of_the_plan_have_what_its_changes_leave(generated):
    changes = sorted(_rows(generated, "plan/renewal/transitions.csv"), key=lambda row: row["at"])
    days = sorted({str(row["date"]) for row in generated.tables["plan/renewal/snapshots.parquet"].to_pylist()})
    for day in days:
        left = {row["item_id"]: row["to_status"] for row in changes if row["at"][:10] <= day}
        found = {code: row["status"] for code, row in _planned(generated, day).items()}
        assert found == {code: status for code, status in left.items() if status}, day


def test_what_was_spent_is_booked_once(generated):
    booked = sum(int(row["amount"]) for row in _rows(generated, "costs/renewal/entries.csv") if row["kind"] == "realised")
    assert booked == sum(row["realised_cost"] or 0 for row in _planned(generated, "2026-01-02").values())


def test_issues_are_open_and_late_as_the_truth_says(generated):
    truth, policy = generated.truth["issues"], Policy().issues
    events = sorted(_rows(generated, "issues/tracker/events.csv"), key=lambda row: row["at"])
    assert len(events) == truth["events"]
    lives: dict[str, list[dict[str, str]]] = {}
    for row in events:
        lives.setdefault(row["issue_id"], []).append(row)
    assert len(lives) == truth["issues"]
    late = []
    for name, life in lives.items():
        hours, since = 0.0, None
        for row in life:
            at = dt.datetime.fromisoformat(row["at"])
            if row["event"] in ("opened", "reopened"):
                since = at
            elif row["event"] == "closed" and since:
                hours, since = hours + (at - since).total_seconds() / 3600, None
        if since:
            hours += (sample.AS_OF - since).total_seconds() / 3600
        if hours > policy.level(life[0]["severity"]).hours:
            late.append(name)
        assert (since is not None) == (name in truth["open_at_the_end"])
    assert late == truth["beyond_their_level"]


def test_quarters_are_decided_as_planted_whatever_the_models_do(generated, tmp_path):
    """Without a forecast or a media model: their metrics are unknown here, and the decisions stand without them."""
    for folder in ("plan", "features", "risks", "signals"):
        shutil.copytree(COMMITTED / folder, tmp_path / "telemetry" / folder)
    policy = policy_from(yaml.safe_load((COMMITTED / "governance.yaml").read_text()))
    intake = read_telemetry(tmp_path / "telemetry", tmp_path / "home", policy.intake)
    names = ("plan_items", "feature_catalog", "risk_register", "stakeholder_signals")
    with duckdb.connect() as connection:
        for name in names:
            connection.register(name, _landed(intake.manifests[name], tmp_path / "home"))
        views = dict.fromkeys(("calibration_metrics", "mmm_backtest")) | {name: name for name in names}
        quarters = [period("quarter", one["quarter"]) for one in generated.truth["quarters"]]
        found = assessment.assessment_facts(connection, views, quarters, policy.assessment, policy.calibration, policy.plan)
    unknown = {row["metric"] for row in found.to_pylist() if row["value"] is None}
    assert unknown == {"out_of_sample_r2", "interval_coverage"}
    for one in generated.truth["quarters"]:
        card = facts_scores.cards(found, policy.assessment)[one["quarter"]]
        verdict = card.verdict(card.card.alignment.score, card.states)
        assert (verdict.decision, verdict.rule, list(card.gaps)) == (one["decision"], one["rule"], [one["gap_class"]])


def test_the_year_is_small_and_names_roles_only(generated):
    names = ("plan/", "costs/", "commits/", "milestones/", "evidence/", "runs/", "issues/", "risks/", "signals/", "reviews/")
    files = [path for path in COMMITTED.rglob("*") if str(path.relative_to(COMMITTED)).startswith(names)]
    assert len({str(path.relative_to(COMMITTED)).split("/")[0] for path in files}) == len(names)
    assert sum(path.stat().st_size for path in files if path.is_file()) < 100_000
    roles = {row["owner"] for row in _planned(generated, "2026-01-02").values()}
    assert roles <= {"programme_owner", "modelling_lead", "data_quality", "director", "architect", "coordination", "product_operations"}
