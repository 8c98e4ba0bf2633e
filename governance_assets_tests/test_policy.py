"""The policy: every value told with unit, bounds, reason and source, and every way an override can be wrong."""

from __future__ import annotations

import datetime as dt
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from governance_assets.policy import AlertsPolicy, Policy, PolicyError, Section, SourcesPolicy, catalogue, digest, policy_from

DEFAULT = Policy()
SECTIONS = [name for name, _ in DEFAULT]


def fields() -> Iterator[tuple[str, str, Any]]:
    for name, section in DEFAULT:
        for key, field in type(section).model_fields.items():
            yield name, key, field


def value_of(section: str, key: str) -> Any:
    return getattr(getattr(DEFAULT, section), key)


NUMBERS = [
    (section, key, field)
    for section, key, field in fields()
    if isinstance(value_of(section, key), int | float) and not isinstance(value_of(section, key), bool)
]
IDS = [f"{section}.{key}" for section, key, _ in NUMBERS]
DATES = [(section, key) for section, key, field in fields() if "datetime" in str(field.annotation)]
each_number = pytest.mark.parametrize(("section", "key", "field"), NUMBERS, ids=IDS)


def unit_of(field: Any) -> str:
    return field.json_schema_extra["unit"]


def refused(overrides: Any) -> str:
    with pytest.raises(PolicyError) as caught:
        policy_from(overrides)
    return str(caught.value)


# Declarations


@pytest.mark.parametrize("entry", catalogue(DEFAULT), ids=lambda entry: entry["path"])
def test_every_value_is_told(entry: dict[str, str]) -> None:
    assert entry["unit"], "no unit"
    assert len(entry["why"].split()) >= 2, "no reason"
    assert re.fullmatch(r"([A-D][0-9]{2} )*([RP] ?)*|([A-D][0-9]{2} ?)+", entry["source"]), "no source"
    assert entry["source"].strip()
    assert " at 0x" not in entry["bounds"], "an address of the machine is no bound"


def test_the_catalogue_is_the_whole_policy() -> None:
    assert [entry["path"] for entry in catalogue(DEFAULT)] == [f"{section}.{key}" for section, key, _ in fields()]
    told = {entry["path"]: entry for entry in catalogue(policy_from({"calibration": {"min_weeks": 30}}))}
    assert told["calibration.min_weeks"]["value"] == "30"
    assert told["calibration.max_shortfall"]["bounds"] == "≥ 0, < 1"


@each_number
def test_every_number_is_bounded(section: str, key: str, field: Any) -> None:
    assert [mark for mark in field.metadata if any(hasattr(mark, name) for name in ("ge", "gt", "le", "lt"))]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_frozen(section: str) -> None:
    part = getattr(DEFAULT, section)
    assert isinstance(part, Section)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(part, next(iter(type(part).model_fields)), None)


# Overrides that are right


@pytest.mark.parametrize("nothing", [None, {}, *({section: given} for section in SECTIONS for given in (None, {}))])
def test_no_override_is_the_default(nothing: Any) -> None:
    assert policy_from(nothing) == DEFAULT


@each_number
def test_a_number_may_carry_its_unit(section: str, key: str, field: Any) -> None:
    value = value_of(section, key)
    for given_text in (value, str(value), f"{value} {unit_of(field)}", f"  {value}   {unit_of(field)} "):
        assert policy_from({section: {key: given_text}}) == DEFAULT, given_text


def test_an_override_changes_its_value_and_nothing_else() -> None:
    changed = policy_from({"calibration": {"min_weeks": "30 weeks", "max_shortfall": "4e-2 fraction"}})
    assert changed.calibration == DEFAULT.calibration.model_copy(update={"min_weeks": 30, "max_shortfall": 0.04})
    assert (changed.intake, changed.clock, changed.calendar) == (DEFAULT.intake, DEFAULT.clock, DEFAULT.calendar)


def test_numbers_in_a_list_may_carry_their_unit() -> None:
    assert policy_from({"calendar": {"sweep_tick_days": ["9 days", 5]}}).calendar.sweep_tick_days == (9, 5)


def test_nested_overrides_as_yaml_gives_them() -> None:
    text = """
    clock: {as_of: 2025-11-20T00:00:00Z}
    calendar:
      kickoff_time: "17:30"
      holidays: [2025-12-25, "2025-12-26"]
      sprint_milestones: [{name: M1, day: 4}]
    calibration:
      evaluation_sets:
        - name: states
          filters: {location: ["01", "02"], horizon: [0, 1], reference_date: [2025-11-22]}
        - {name: everything}
      strata:
        - {stratum: overall, windows: [trailing_26, week], metrics: [wis]}
    intake:
    """
    policy = policy_from(yaml.safe_load(text))
    assert policy.clock.as_of == dt.datetime(2025, 11, 20, tzinfo=dt.UTC)
    assert policy.calendar.holidays == (dt.date(2025, 12, 25), dt.date(2025, 12, 26))
    assert [(m.name, m.day) for m in policy.calendar.sprint_milestones] == [("M1", 4)]
    states, everything = policy.calibration.evaluation_sets
    assert states.filters == {"location": ("01", "02"), "horizon": ("0", "1"), "reference_date": ("2025-11-22",)}
    assert (everything.name, everything.filters) == ("everything", {})
    assert policy.calibration.strata[0].windows == ("trailing_26", "week")
    assert policy.intake == DEFAULT.intake


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2025-11-20T12:00:00", dt.datetime(2025, 11, 20, 12, tzinfo=dt.UTC)),
        ("2025-11-20T12:00:00Z", dt.datetime(2025, 11, 20, 12, tzinfo=dt.UTC)),
        ("2025-11-20T12:00:00+02:00", dt.datetime(2025, 11, 20, 10, tzinfo=dt.UTC)),
        ("2025-11-20", dt.datetime(2025, 11, 20, tzinfo=dt.UTC)),
        (dt.datetime(2025, 11, 20, 12), dt.datetime(2025, 11, 20, 12, tzinfo=dt.UTC)),
    ],
)
def test_an_instant_is_utc_when_nothing_else_is_said(written: Any, instant: dt.datetime) -> None:
    as_of = policy_from({"clock": {"as_of": written}}).clock.as_of
    assert as_of == instant
    assert as_of.utcoffset() == dt.timedelta(0)


# Overrides that are wrong


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "governance.yaml: found list, expected sections"),
        ("calibration", "governance.yaml: found str, expected sections"),
        ({"calibrations": {}}, f"calibrations: unknown key; known here are {', '.join(sorted(SECTIONS))}"),
        ({"calibrations": {}}, "calibrations: unknown key; known here are alerts, "),
        ({"calibration": {"min_week": 3}}, "calibration.min_week: unknown key; known here are confidence"),
        ({"calibration": {1: 2}}, "calibration.1: unknown key"),
        ({None: {}}, "None: unknown key"),
        ({"calibration": []}, "calibration: found [], expected keys and values below it"),
        ({"calibration": 0.5}, "calibration: found 0.5, expected keys and values below it"),
        ({"calibration": {"max_shortfall": 1}}, "calibration.max_shortfall: found 1, input should be less than 1"),
        ({"calibration": {"max_shortfall": -0.01}}, "calibration.max_shortfall: found -0.01, input should be greater than or equal to 0"),
        ({"calibration": {"min_weeks": "26 days"}}, "calibration.min_weeks: found unit 'days', expected weeks; write the value in weeks"),
        ({"calibration": {"max_shortfall": "5 %"}}, "calibration.max_shortfall: found unit '%', expected fraction"),
        ({"calibration": {"min_weeks": "many"}}, "calibration.min_weeks: found 'many', input should be a valid integer"),
        ({"calibration": {"min_weeks": "26weeks"}}, "calibration.min_weeks: found '26weeks', input should be a valid integer"),
        ({"calibration": {"min_weeks": 26.5}}, "calibration.min_weeks: found 26.5, input should be a valid integer"),
        ({"calibration": {"min_weeks": "26.5 weeks"}}, "calibration.min_weeks: found '26.5', input should be a valid integer"),
        ({"calibration": {"min_weeks": None}}, "calibration.min_weeks: found None"),
        ({"calibration": {"min_weeks": [26]}}, "calibration.min_weeks: found [26]"),
        ({"calibration": {"max_release_mape": "1e400 fraction"}}, "calibration.max_release_mape: found '1e400', input should be a finite"),
        ({"calibration": {"verdict_window": "trailing_27"}}, "calibration: unknown window trailing_27; known are week"),
        ({"calibration": {"evaluation_sets": []}}, "calibration.evaluation_sets: found [], tuple should have at least 1 item"),
        ({"calibration": {"evaluation_sets": [{"filters": {}}]}}, "calibration.evaluation_sets.0.name: found {'filters': {}}, field req"),
        ({"calibration": {"evaluation_sets": [{"name": ""}]}}, "calibration.evaluation_sets.0.name: found '', string should have"),
        (
            {"calibration": {"evaluation_sets": [{"name": "a"}, {"name": "b", "filter": {}}]}},
            "calibration.evaluation_sets.1.filter: found {}, unknown key",
        ),
        ({"calibration": {"evaluation_sets": [{"name": "a"}, {"name": "a"}]}}, "calibration: given twice: a"),
        (
            {"calibration": {"evaluation_sets": [{"name": "a", "filters": {"x": "y"}}]}},
            "calibration.evaluation_sets.0.filters.x: found 'y', input should be a valid tuple",
        ),
        (
            {"calibration": {"evaluation_sets": [{"name": "a", "filters": {"x": [True]}}]}},
            "calibration.evaluation_sets.0.filters.x.0: found True, input should be a valid string",
        ),
        ({"calibration": {"strata": []}}, "calibration.strata: found [], tuple should have at least 1 item"),
        (
            {"calibration": {"strata": [{"stratum": "overall", "windows": ["week"]}]}},
            "calibration: strata must report overall with intervals in trailing_26, the verdict window, or nothing is judged",
        ),
        (
            {"calibration": {"strata": [{"stratum": "overall", "windows": ["trailing_26"], "intervals": False}]}},
            "calibration: strata must report overall with intervals",
        ),
        (
            {"calibration": {"strata": [{"stratum": "overall", "windows": ["trailing_26", "week", "week"]}]}},
            "calibration: given twice: week",
        ),
        ({"calibration": {"sample_levels": [0.5, 0.5]}}, "calibration: given twice: 0.5"),
        ({"calibration": {"sample_levels": [0.5, 1]}}, "calibration.sample_levels.1: found 1, input should be less than 1"),
        ({"calendar": {"sweep_tick_days": ["7 days", "5 weeks"]}}, "calendar.sweep_tick_days.1: found unit 'weeks', expected days"),
        ({"calendar": {"sweep_tick_days": [3]}}, "calendar: no day of sweep_tick_days is early enough for sweep_days"),
        ({"calendar": {"telemetry_max_age_days": 4}}, "calendar: telemetry_max_age_days is below sweep_days"),
        ({"calendar": {"preread_days": 4}}, "calendar: preread_days, sweep_days and product_sync_days must not ascend"),
        ({"calendar": {"kickoff_time": 1080}}, 'calendar.kickoff_time: found 1080, expected text such as "18:00"; put the time in quotes'),
        ({"calendar": {"kickoff_time": "24:00"}}, "calendar.kickoff_time: found '24:00', string should match pattern"),
        ({"calendar": {"kickoff_time": "18:00\n"}}, "calendar.kickoff_time: found '18:00\\n', string should match pattern"),
        ({"calendar": {"kickoff_weekday": "sunday"}}, "calendar.kickoff_weekday: found 'sunday', input should be 'monday'"),
        ({"calendar": {"holidays": "2025-12-25"}}, "calendar.holidays: found '2025-12-25', input should be a valid tuple"),
        ({"calendar": {"holidays": ["2025-02-30"]}}, "calendar.holidays.0: found '2025-02-30', input should be a valid date"),
        ({"calendar": {"phases": [{"name": "a", "first_week": 1, "last_week": 2}]}}, "calendar: phase a must start in week 0"),
        (
            {"calendar": {"phases": [{"name": "a", "first_week": week, "last_week": week} for week in (0, 1)]}},
            "calendar: given twice: a",
        ),
        (
            {"calendar": {"sprint_windows": [{"name": "a", "first_day": 2, "last_day": 1}]}},
            "calendar.sprint_windows.0: window a ends before it begins",
        ),
        (
            {"clock": {"as_of": "0001-01-01T00:00:00+14:00"}},
            "clock.as_of: found '0001-01-01T00:00:00+14:00', an instant outside the years 1 to 9999",
        ),
        ({"calibration": {"a\n\x1b": 1}}, "calibration.'a\\n\\x1b': unknown key"),
        ({"clock": {"as_of": "yesterday"}}, "clock.as_of: found 'yesterday', input should be a valid datetime"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_refused_with_the_path_of_its_key(overrides: Any, message: str) -> None:
    assert refused(overrides).startswith(message)


@each_number
def test_no_number_takes_another_unit(section: str, key: str, field: Any) -> None:
    assert refused({section: {key: f"{value_of(section, key)} furlongs"}}) == (
        f"{section}.{key}: found unit 'furlongs', expected {unit_of(field)}; write the value in {unit_of(field)}"
    )


@pytest.mark.parametrize("stand_in", [True, False, math.nan, math.inf, -math.inf, "nan", "inf", "1e999", "", [], {}, None, b"1"])
@each_number
def test_no_number_takes_a_stand_in(section: str, key: str, field: Any, stand_in: Any) -> None:
    assert refused({section: {key: stand_in}}).startswith(f"{section}.{key}: found {stand_in!r}, ")


@each_number
def test_every_bound_holds(section: str, key: str, field: Any) -> None:
    whole = isinstance(value_of(section, key), int)
    for mark in field.metadata:
        for name, outside in (("ge", -1), ("gt", 0), ("le", 1), ("lt", 0)):
            if hasattr(mark, name):
                limit = getattr(mark, name)
                wrong = limit + outside if whole or not outside else math.nextafter(limit, outside * math.inf)
                assert refused({section: {key: wrong}}).startswith(f"{section}.{key}: found {wrong!r}, input should be"), (name, wrong)


@pytest.mark.parametrize("stand_in", [0, 5, 1_700_000_000, 5.0, "5", "1e9", True])
@pytest.mark.parametrize(("section", "key"), DATES)
def test_no_date_takes_a_number(section: str, key: str, stand_in: Any) -> None:
    given_value = [stand_in] if isinstance(value_of(section, key), tuple) else stand_in
    assert refused({section: {key: given_value}}).startswith(f"{section}.{key}: found {given_value!r}, ")


def test_dates_are_among_the_fields() -> None:
    assert {("clock", "as_of"), ("calendar", "sprint_start"), ("calendar", "holidays")} <= set(DATES)


def test_every_problem_is_told_at_once() -> None:
    message = refused({"calibrations": {}, "calibration": {"b": 2, "min_weeks": "3 days", "max_excess": 5}, "intake": {"max_columns": 1}})
    told = [part.split(":")[0] for part in message.split("; ") if re.match(r"[a-z_.]+: ", part)]
    assert told == ["calibrations", "calibration.b", "calibration.min_weeks", "intake.max_columns", "calibration.max_excess"]


def test_a_long_and_hostile_value_is_shortened_and_escaped() -> None:
    for overrides in ({"calibration": {"min_weeks": "\x1b[31m\n" + "x" * 10_000}}, {"calibration": {"min_weeks": "3 " + "x\x1b" * 10_000}}):
        message = refused(overrides)
        assert "\x1b" not in message
        assert "\n" not in message
        assert len(message) < 800


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=8,
)
paths = st.sampled_from([(section, key) for section, key, _ in fields()])


@given(junk)
def test_any_file_is_a_policy_or_refused(overrides: Any) -> None:
    try:
        policy_from(overrides)
    except PolicyError as error:
        refusal = str(error)
    else:
        refusal = "none"
    assert refusal
    assert refusal.isprintable()


@given(paths, junk)
def test_any_value_is_taken_or_refused_with_its_path(path: tuple[str, str], value: Any) -> None:
    section, key = path
    try:
        policy = policy_from({section: {key: value}})
    except PolicyError as error:
        refusal = str(error)
    else:
        assert policy_from({section: {key: getattr(getattr(policy, section), key)}}) == policy
        return
    assert refusal.startswith((f"{section}.{key}: ", f"{section}.{key}.", f"{section}: "))


# The digest


def changed(section: str, key: str) -> Any:
    match value := value_of(section, key):
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case dt.datetime():
            return value + dt.timedelta(microseconds=1)
        case dt.date():
            return value + dt.timedelta(days=1)
        case tuple():
            return value[:-1] if value else (dt.date(2025, 1, 1),)
        case dict():
            return {name: number + 1 for name, number in value.items()}
        case None:
            return {"as_of": dt.datetime(2025, 1, 1, tzinfo=dt.UTC), "baseline_model": "x"}.get(key, dt.date(2025, 1, 1))
    raise AssertionError(f"a policy value of type {type(value)}")


@pytest.mark.parametrize(("section", "key"), [(section, key) for section, key, _ in fields()])
def test_the_digest_changes_with_every_value_that_judges(section: str, key: str) -> None:
    part = getattr(DEFAULT, section).model_copy(update={key: changed(section, key)})
    judges_nothing = key in {"alerts": AlertsPolicy.DELIVERY, "sources": SourcesPolicy.FETCHING}.get(section, set())
    assert (digest(DEFAULT.model_copy(update={section: part})) == digest(DEFAULT)) == judges_nothing


def test_the_digest_is_that_of_the_values_not_of_their_writing() -> None:
    same = [
        {"calibration": {"min_weeks": 30, "max_shortfall": 0.25}, "clock": {"as_of": "2025-11-20T12:00:00+02:00"}},
        {"clock": {"as_of": dt.datetime(2025, 11, 20, 10)}, "calibration": {"max_shortfall": "0.25 fraction", "min_weeks": "30 weeks"}},
        {"calibration": {"max_shortfall": "2.5e-1", "min_weeks": 30.0}, "clock": {"as_of": "2025-11-20T10:00Z"}, "intake": None},
    ]
    assert len({digest(policy_from(overrides)) for overrides in same}) == 1
    assert digest(policy_from(same[0])) != digest(DEFAULT)


def test_the_order_of_filters_does_not_change_the_digest() -> None:
    def ordered(*columns: str) -> Policy:
        return policy_from({"calibration": {"evaluation_sets": [{"name": "a", "filters": {column: ["1"] for column in columns}}]}})

    assert digest(ordered("x", "y")) == digest(ordered("y", "x")) != digest(ordered("x"))


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_digest_is_the_same_in_every_process(seed: str) -> None:
    code = "from governance_assets.policy import AlertsPolicy, Policy, digest; print(digest(Policy()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed})
    assert done.stdout.strip() == digest(DEFAULT)
    assert re.fullmatch("[0-9a-f]{64}", digest(DEFAULT))


def test_the_policy_needs_no_dagster() -> None:
    code = "import sys, governance_assets.policy; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
