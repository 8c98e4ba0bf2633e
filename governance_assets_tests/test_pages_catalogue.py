"""The catalogue: everything the code declares is on the page, as it is declared."""

from __future__ import annotations

import html
import re
import types

import pytest

from governance_assets import policy as policies
from governance_assets.contract import columns
from governance_assets.domains.calibration import contracts as calibration
from governance_assets.domains.intake import contracts as intake
from governance_assets.domains.scores import contracts as scores
from governance_assets.domains.skill import contracts as skill
from governance_assets.finding import Rule
from governance_assets.pages.catalogue import Catalogue, rules_of
from governance_assets.pages.site import build
from governance_assets.policy import Policy
from governance_assets_tests import pages_example as example
from governance_assets_tests.stored_text import assert_stored

REAL = (
    intake.QuantileForecasts,
    intake.RejectedRecords,
    scores.ForecastScores,
    calibration.CalibrationMetrics,
    calibration.CalibrationCurve,
    skill.RelativeSkill,
)
ONE, TWO, THREE = (Rule(name, f"{name} holds", "mend it") for name in ("one", "two", "three"))


def cells(text, name):
    """The rows below the heading of the artifact, policy section or rules called ``name``."""
    table = re.search(rf'aria-label="{re.escape(name)}">(.*?)</table>', text, re.DOTALL)[1]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [
        [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for row in rows[1:]
    ]


@pytest.fixture(scope="module")
def page():
    return build(example.front(), {}, Catalogue(REAL, Policy(), {"calibration": (example.COVERAGE, example.DRIFT)}))["catalogue.html"]


@pytest.mark.parametrize("contract", REAL, ids=lambda contract: contract.artifact)
def test_every_column_is_told_with_its_unit_and_meaning_of_null(page, contract):
    found = {row[0]: row for row in cells(page, f"Columns of {contract.artifact}")}
    declared = columns(contract)
    assert list(found) == [column.name for column in declared]
    for column in declared:
        _, _, unit, accepted, meaning, null = found[column.name]
        assert (unit, meaning, null) == (column.unit or "", column.description, column.null or "")
        assert all(choice in accepted for choice in column.choices)
        assert all(str(limit) in accepted for _, limit in column.bounds)


def test_every_policy_value_is_told_with_unit_bounds_source_and_reason(page):
    for entry in policies.catalogue(Policy()):
        section, _, name = entry["path"].partition(".")
        row = next(row for row in cells(page, f"Policy of {section}") if row[0] == name)
        assert row[1:] == [entry["value"], entry["unit"], entry["bounds"], entry["why"], entry["source"]]


def test_an_overridden_value_is_the_one_shown():
    policy = policies.policy_from({"calibration": {"min_weeks": 30}})
    page = build(example.front(), {}, Catalogue((), policy))["catalogue.html"]
    assert next(row for row in cells(page, "Policy of calibration") if row[0] == "min_weeks")[1] == "30"


def test_every_rule_is_told_with_its_remedy(page):
    rows = cells(page, "Rules of calibration")
    assert rows == [
        ["coverage_holds", "coverage stays inside the limits", "Fail", "refit the model, then look again", "B15 B16"],
        ["coverage_is_stable", "coverage has not fallen", "Warning", "compare with the model's own past", "P"],
    ]


def test_artifacts_stand_in_the_order_of_the_flow(page):
    places = [page.index(f'<article id="artifact-{contract.artifact}"') for contract in REAL]
    assert places == sorted(places)


def test_an_artifact_is_as_stored():
    page = build(example.front(), {}, example.catalogue())["catalogue.html"]
    assert_stored("site/catalogue_artifact.html", re.search(r"<article.*?</article>\n", page, re.DOTALL)[0])


def test_rules_are_found_wherever_a_module_keeps_them():
    module = types.SimpleNamespace(THREE=THREE, ALL=(ONE, TWO), BY_NAME={"one": ONE}, other=3, text="Rule")
    assert [rule.name for rule in rules_of(module)] == ["one", "three", "two"]
