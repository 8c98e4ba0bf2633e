"""The one verdict type: every outcome, its sentence, and figures that are none."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from governance_assets.finding import OUTCOMES, Finding, Outcome, Rule, worst

RULE = Rule(
    name="coverage_holds",
    requirement="coverage is at least the nominal less the shortfall",
    remedy="widen the intervals",
    severity="warn",
    unit="fraction",
    sources="B16 B17",
)
PLAIN = Rule(name="file_is_there", requirement="the file exists", remedy="send it")


def finding(outcome: Outcome) -> Finding:
    return RULE.finding("m", outcome, None, None)


@pytest.mark.parametrize(("holds", "outcome"), [(True, "pass"), (False, "fail"), (None, "unknown")])
def test_a_judgement_carries_its_rule(holds: bool | None, outcome: str) -> None:
    judged = RULE.judge("model-a", holds, 0.5, 0.75)
    assert judged.model_dump(exclude={"message"}) == {
        "rule": "coverage_holds",
        "subject": "model-a",
        "outcome": outcome,
        "severity": "warn",
        "value": 0.5,
        "limit": 0.75,
        "unit": "fraction",
        "remedy": "widen the intervals",
        "sources": "B16 B17",
    }


@pytest.mark.parametrize(
    ("judged", "message"),
    [
        (
            RULE.judge("a", True, 0.8, 0.75),
            "a meets “coverage is at least the nominal less the shortfall” (value 80 %, limit 75 %)",
        ),
        (
            RULE.judge("a", False, 0.5, 0.75),
            "a misses “coverage is at least the nominal less the shortfall” (value 50 %, limit 75 %)",
        ),
        (
            RULE.judge("a", None, why="no observation yet"),
            "a cannot be judged against “coverage is at least the nominal less the shortfall”: no observation yet",
        ),
        (
            RULE.not_applicable("a", "it states samples"),
            "a is not subject to “coverage is at least the nominal less the shortfall”: it states samples",
        ),
        (
            RULE.finding("a", "error", None, 0.75, "division by zero"),
            "a could not be judged, because of an error of ours, against “coverage is at least the nominal less the shortfall” "
            "(limit 75 %): division by zero",
        ),
        (PLAIN.judge("x.csv", True), "x.csv meets “the file exists”"),
        (PLAIN.judge("x.csv", False, why="never sent"), "x.csv misses “the file exists”: never sent"),
    ],
)
def test_the_sentence_of_every_outcome(judged: Finding, message: str) -> None:
    assert judged.message == message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (0.123456, "0.1235"),
        (-0.5, "-0.5"),
        (1e-7, "1e-07"),
        (9999.4, "9999"),
        (9999.99996, "10,000"),
        (-9999.99996, "-10,000"),
        (12345.6, "12,346"),
        (1e14, "100,000,000,000,000"),
        (1e300, "1e+300"),
    ],
)
def test_how_a_figure_is_written(value: float, text: str) -> None:
    assert f"(value {text})" in PLAIN.judge("x", False, value).message


@pytest.mark.parametrize(
    ("value", "limit", "texts"),
    [(0.80004, 0.8, "value 0.80004, limit 0.8"), (10000.4, 10000, "value 10000.4, limit 10000.0"), (0.8, 0.8, "value 0.8, limit 0.8")],
)
def test_a_miss_by_a_hair_does_not_read_as_a_tie(value: float, limit: float, texts: str) -> None:
    assert texts in PLAIN.judge("x", False, value, limit).message


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
@example(-0.0, 0.0)
def test_value_and_limit_read_alike_only_when_they_are(value: float, limit: float) -> None:
    message = PLAIN.judge("x", value >= limit, value, limit).message
    shown = message.split("(")[1].rstrip(")").split(", limit ")
    assert (shown[0].removeprefix("value ") == shown[1]) == (value == limit)


@pytest.mark.parametrize("holds", [True, False, None])
def test_a_value_that_is_no_number_is_unknown_whatever_the_comparison_said(holds: bool | None) -> None:
    judged = RULE.judge("a", holds, math.nan, 0.75)
    assert (judged.outcome, judged.value, judged.limit) == ("unknown", None, 0.75)
    assert judged.message.endswith("(limit 75 %): the figure is not a number")
    assert RULE.judge("a", holds, math.nan, why="0/0").message.endswith(": 0/0")


def test_an_infinite_value_keeps_its_verdict_and_stands_only_in_the_sentence() -> None:
    judged = RULE.judge("a", False, math.inf, 0.75)
    assert (judged.outcome, judged.value) == ("fail", None)
    assert "value inf %" in judged.message


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), np.int64(1), np.True_])
def test_numbers_of_numpy_are_numbers(value: Any) -> None:
    judged = RULE.judge("a", np.bool_(True), value, value)
    assert (judged.outcome, type(judged.value), type(judged.limit)) == ("pass", float, float)


def test_what_must_not_pass_in_silence() -> None:
    assert {outcome for outcome in OUTCOMES if finding(outcome).is_failure} == {"fail", "error"}


def test_the_outcomes_are_the_five() -> None:
    assert get_args(Outcome) == OUTCOMES == ("pass", "fail", "not_applicable", "unknown", "error")


@pytest.mark.parametrize(
    ("outcomes", "shown"),
    [
        ((), "not_applicable"),
        (("not_applicable",), "not_applicable"),
        (("pass", "not_applicable"), "pass"),
        (("pass", "unknown"), "unknown"),
        (("unknown", "fail", "pass"), "fail"),
        (("fail", "error"), "error"),
        (OUTCOMES, "error"),
    ],
)
def test_the_worst_outcome(outcomes: tuple[Outcome, ...], shown: str) -> None:
    assert worst(finding(outcome) for outcome in outcomes) == shown


@given(st.lists(st.sampled_from(OUTCOMES)), st.lists(st.sampled_from(OUTCOMES)))
def test_the_worst_does_not_depend_on_order_or_grouping(left: list[Outcome], right: list[Outcome]) -> None:
    whole = worst(finding(outcome) for outcome in left + right)
    assert whole == worst(finding(outcome) for outcome in right + left)
    assert whole == worst([finding(worst(finding(o) for o in left)), finding(worst(finding(o) for o in right))])


GOOD: dict[str, Any] = {"rule": "r", "subject": "s", "outcome": "pass", "severity": "warn", "message": "m", "remedy": "n"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"outcome": "passed"}, "Input should be 'pass'"),
        ({"severity": "info"}, "Input should be 'warn' or 'error'"),
        ({"value": math.nan}, "finite number"),
        ({"limit": math.inf}, "finite number"),
        ({"value": "high"}, "valid number"),
        ({"grade": "A"}, "Extra inputs"),
        ({"rule": None}, "valid string"),
    ],
)
def test_a_finding_of_another_shape_is_refused(change: dict[str, Any], reason: str) -> None:
    assert Finding(**GOOD).sources == ""
    with pytest.raises(ValidationError, match=reason):
        Finding(**{**GOOD, **change})


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_finding_without_one_of_its_parts_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        Finding(**{key: value for key, value in GOOD.items() if key != name})


def test_a_finding_is_frozen_and_goes_through_json() -> None:
    judged = RULE.judge("a", False, 0.1, 0.3)
    with pytest.raises(ValidationError, match="frozen"):
        judged.outcome = "pass"  # type: ignore[misc]
    assert Finding.model_validate_json(judged.model_dump_json()) == judged


def test_verdicts_need_no_dagster() -> None:
    code = "import sys, governance_assets.finding; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
