"""Where everything is: environment, policy file, named evaluation sets, code version."""

import datetime as dt
import json
from pathlib import Path

import pytest

from governance_assets.policy import PolicyError
from governance_assets.runtime import settings as settings_module
from governance_assets.runtime.settings import Settings, SettingsError, code_version, parse_instant


def settings(tmp_path: Path, **more: str) -> Settings:
    return Settings.from_environment({"GOVERNANCE_HOME": str(tmp_path / "home"), "GOVERNANCE_TELEMETRY": str(tmp_path), **more})


def test_defaults_lie_below_the_home_folder(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.history == f"ducklake:sqlite:{tmp_path / 'home' / 'history' / 'catalog.sqlite'}"
    assert found.site() == tmp_path / "home" / "site"
    assert found.data_path is None
    assert found.as_of is None


def test_no_policy_file_is_the_default_policy(tmp_path: Path) -> None:
    assert settings(tmp_path).policy().calibration.min_weeks == 26


def test_a_policy_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nowhere.yaml: no such file"):
        settings(tmp_path, GOVERNANCE_POLICY=str(tmp_path / "nowhere.yaml")).policy()


def test_an_override_is_refused_with_file_and_path_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "governance.yaml").write_text("calibration:\n  max_shortfal: 0.1\n")
    with pytest.raises(PolicyError, match=r"governance\.yaml: calibration\.max_shortfal: unknown key"):
        settings(tmp_path).policy()


def test_text_that_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "governance.yaml").write_text("calibration:\n  - [\n")
    with pytest.raises(PolicyError, match="not YAML.*line"):
        settings(tmp_path).policy()


def test_named_filters_beside_the_telemetry_become_evaluation_sets(tmp_path: Path) -> None:
    (tmp_path / "eval_sets.json").write_text(json.dumps([{"eval_set": "north", "location": ["01"], "horizon": [0, 1]}]))
    sets = settings(tmp_path).policy().calibration.evaluation_sets
    assert [(one.name, one.filters) for one in sets] == [("north", {"location": ("01",), "horizon": ("0", "1")})]


def test_the_policy_file_wins_over_named_filters(tmp_path: Path) -> None:
    (tmp_path / "eval_sets.json").write_text(json.dumps([{"eval_set": "north", "location": ["01"]}]))
    (tmp_path / "governance.yaml").write_text("calibration:\n  evaluation_sets:\n    - name: mine\n")
    assert [one.name for one in settings(tmp_path).policy().calibration.evaluation_sets] == ["mine"]


@pytest.mark.parametrize("text", ["{}", "[]", "[1]", "1", '[{"location": ["01"]}]', "nonsense"])
def test_named_filters_of_another_shape_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "eval_sets.json").write_text(text)
    with pytest.raises(PolicyError, match=r"eval_sets\.json: expected a list of objects"):
        settings(tmp_path).policy()


def test_the_instant_looked_from_is_the_setting_then_the_policys(tmp_path: Path) -> None:
    (tmp_path / "governance.yaml").write_text("clock:\n  as_of: 2025-10-06T08:00:00Z\n")
    found = settings(tmp_path)
    assert found.looks_from(found.policy()) == dt.datetime(2025, 10, 6, 8, tzinfo=dt.UTC)
    chosen = settings(tmp_path, GOVERNANCE_AS_OF="2025-11-01T00:00+02:00")
    assert chosen.looks_from(chosen.policy()) == dt.datetime(2025, 10, 31, 22, tzinfo=dt.UTC)


def test_an_instant_without_offset_is_utc_and_nonsense_is_refused() -> None:
    assert parse_instant("2025-11-01", "--as-of") == dt.datetime(2025, 11, 1, tzinfo=dt.UTC)
    with pytest.raises(SettingsError, match="--as-of: found 'soon', expected an ISO instant"):
        parse_instant("soon", "--as-of")


def test_the_code_version_of_a_domain_is_stable_and_its_own() -> None:
    assert code_version("intake") == code_version("intake")
    assert code_version("intake") != code_version("calibration")


def test_what_sways_a_domain_from_the_runtime_is_part_of_its_code() -> None:
    runtime = Path(settings_module.__file__).parent
    for domain, patterns in settings_module._FROM_RUNTIME.items():
        assert (runtime.parent / "domains" / domain).is_dir()
        assert all(list(runtime.glob(pattern)) for pattern in patterns), f"{domain}: a file that is named is not there"
    assert len({code_version(domain) for domain in ("intake", "calibration", "health")}) == 3
