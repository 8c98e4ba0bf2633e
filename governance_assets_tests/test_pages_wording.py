"""Wording: numbers, dates, verdicts and cleaned text."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.finding import OUTCOMES, Rule
from governance_assets.pages import wording

MUST = Rule("must_hold", "it holds", "mend it", "error")
SHOULD = Rule("should_hold", "it holds", "look at it", "warn")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, None, "–"),
        (math.nan, None, "–"),
        (math.inf, "fraction", "–"),
        (0.7812, "fraction", "78.1 %"),
        (1, "fraction", "100.0 %"),
        (0, None, "0"),
        (1234567, None, "1,234,567"),
        (0.61728, None, "0.6173"),
        (999.4, None, "999.4"),
        (999.96, None, "1,000"),
        (12345.6, None, "12,346"),
        (-0.000123456, None, "-0.0001235"),
        (True, None, "yes"),
        (False, None, "no"),
        (dt.date(2025, 11, 3), None, "2025-11-03"),
        (dt.datetime(2025, 11, 3, 7, 30, tzinfo=dt.timezone(dt.timedelta(hours=1))), None, "2025-11-03 06:30 UTC"),
        (dt.datetime(2025, 11, 3, 7, 30), None, "2025-11-03 07:30 UTC"),
        ("text", None, "text"),
    ],
)
def test_figure(value, unit, text):
    assert wording.figure(value, unit) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 rows"), (1, "1 row"), (1200, "1,200 rows")])
def test_count(number, text):
    assert wording.count(number, "row") == text


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ((), "not_applicable"),
        ((MUST.not_applicable("m", "none"),), "not_applicable"),
        ((MUST.judge("m", True),), "pass"),
        ((SHOULD.judge("m", False), MUST.judge("m", True)), "warn"),
        ((SHOULD.judge("m", False), MUST.judge("m", False)), "fail"),
        ((MUST.judge("m", None), MUST.judge("m", True)), "unknown"),
        ((SHOULD.judge("m", False), MUST.judge("m", None)), "warn"),
        ((SHOULD.finding("m", "error", None, None), MUST.judge("m", False)), "error"),
    ],
)
def test_verdict_of_many(findings, verdict):
    assert wording.verdict_of(findings) == verdict


def test_every_outcome_has_a_word_and_no_two_words_agree():
    assert set(OUTCOMES) <= set(wording.VERDICTS)
    assert len({verdict.word for verdict in wording.VERDICTS.values()}) == len(wording.VERDICTS)


@given(st.text(st.characters(exclude_categories=())))
def test_cleaned_text_can_stand_in_xml_and_keeps_its_length(text):
    cleaned = wording.clean(text)
    cleaned.encode("utf-8")
    assert len(cleaned) == len(text)
    assert not set(cleaned) & set("\x00\x08\x0b\x1b\x7f\u2028\u202e\u2066\ufffe")
    assert wording.clean(cleaned) == cleaned


def test_ordinary_text_is_left_alone():
    assert wording.clean("Größe 東京 – 80 %\n\tok 👍") == "Größe 東京 – 80 %\n\tok 👍"
