"""Each rule of skill in every outcome."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform
from governance_assets.domains.skill import contracts, rules
from governance_assets_tests.calibration_data import skilled

WEEK = dt.date(2025, 6, 2)

BASELINES = [
    (["a", "b-baseline"], {}, "b-baseline"),
    (["a", "b"], {}, None),
    (["a-baseline", "b-baseline"], {}, None),
    (["a-baseline", "b-baseline"], {"baseline_model": "a-baseline"}, "a-baseline"),
    (["a", "b"], {"baseline_model": "b"}, "b"),
    (["a"], {"baseline_model": "b"}, None),
    (["flat"], {"baseline_suffix": "at"}, "flat"),
]


@pytest.mark.parametrize(("models", "overrides", "baseline"), BASELINES)
def test_one_model_is_the_baseline(models: list[str], overrides: dict[str, str], baseline: str | None) -> None:
    policy = skilled(**overrides)
    assert rules.baseline_model(models, policy) == baseline
    assert (rules.baseline_is_named("all", models, policy).outcome == "pass") == (baseline is not None)


def test_relative_skill_is_judged_for_each_set() -> None:
    plain = {"week": WEEK, "forecast_type": "quantile", "window": "since_start", "stratum": "overall", "stratum_value": "", "score": "wis"}
    plain |= {"comparison": "tournament", "compared_with": "", "ratio": None, "relative_skill": 1.0, "scaled_relative_skill": None}
    plain |= {"n_shared": 1, "n_pairs_left_out": 0}
    rows = [
        plain | {"evaluation_set": name, "model_id": model} for name, model in (("x", "a"), ("x", "b-baseline"), ("y", "a"), ("y", "c"))
    ]
    table = conform(contracts.RelativeSkill, pa.Table.from_pylist(rows, schema=arrow_schema(contracts.RelativeSkill)))
    findings = rules.judge_relative_skill(table, skilled(), str(WEEK), None)
    assert [(one.subject, one.outcome) for one in findings] == [("x (quantile)", "pass"), ("y (quantile)", "fail")]


def test_every_rule_says_what_to_do() -> None:
    found = [value for value in vars(rules).values() if isinstance(value, rules.Rule)]
    assert len(found) == 1
    assert all(rule.requirement and rule.remedy and rule.sources for rule in found)
    assert {rule.severity for rule in found} == {"warn"}
