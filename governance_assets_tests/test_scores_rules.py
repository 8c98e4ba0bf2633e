"""Each rule of scores in every outcome."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform
from governance_assets.domains.scores import contracts, rules

WEEK = dt.date(2025, 6, 2)


def _scores(*rows: dict[str, Any]) -> pa.Table:
    plain: dict[str, Any] = dict.fromkeys(contracts.ForecastScores.model_fields)
    plain |= {"week": WEEK, "model_id": "m", "forecast_type": "quantile", "target": "t", "reference_date": WEEK, "location": ""}
    plain |= {"target_end_date": WEEK, "strata": "{}", "levels": "0.1,0.5,0.9", "observed": 1.0}
    made = [plain | row for row in rows]
    return conform(contracts.ForecastScores, pa.Table.from_pylist(made, schema=arrow_schema(contracts.ForecastScores)))


OBSERVED = [
    ([1.0, 2.0], "pass"),
    ([1.0, None], "fail"),
    ([None, None], "unknown"),
    ([], "not_applicable"),
]


@pytest.mark.parametrize(("values", "outcome"), OBSERVED)
def test_every_task_is_observed_or_told(values: list[float | None], outcome: str) -> None:
    finding = rules.every_task_is_observed(_scores(*({"observed": value} for value in values)), str(WEEK))
    assert (finding.outcome, finding.severity) == (outcome, "warn")


LEVELS = [
    ([{}, {}], 0),
    ([{"levels": "0.1,0.9"}], 1),
    ([{"levels": "0.1,0.5"}], 1),
    ([{}, {}, {"levels": "0.25,0.5,0.75"}], 1),
    ([{}, {"target": "u", "levels": "0.25,0.5,0.75"}], 0),
    ([{"levels": "0.5"}], 0),
]


@pytest.mark.parametrize(("rows", "odd"), LEVELS)
def test_levels_are_complete_and_equal(rows: list[dict[str, Any]], odd: int) -> None:
    (finding,) = rules.levels_are_complete(_scores(*rows))
    assert (finding.outcome, finding.value) == ("fail" if odd else "pass", odd)


def test_samples_have_no_levels_of_their_own() -> None:
    assert rules.levels_are_complete(_scores({"forecast_type": "sample", "levels": "0.1"})) == []
    assert len(rules.judge_forecast_scores(_scores({}), None, str(WEEK), None)) == 2


def test_every_rule_says_what_to_do() -> None:
    found = [value for value in vars(rules).values() if isinstance(value, rules.Rule)]
    assert len(found) == 2
    assert all(rule.requirement and rule.remedy and rule.sources for rule in found)
    assert {rule.severity for rule in found} == {"warn"}
