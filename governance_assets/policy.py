"""Every number somebody could dispute: one frozen section per domain, overridden by ``governance.yaml``.

Belongs here: thresholds, weights, windows, SLAs, roles, each with unit, bounds, reason and source.
Does not belong here: reading the file (``runtime/settings.py``) or applying a value (a domain's ``rules.py``).

A source is an inventory id (``B16``), followed by ``R`` when the value comes from the origin repository or by ``P`` when
it is this project's proposal.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class PolicyError(ValueError):
    """An override that the policy refuses; the message starts with the path of the key."""


def setting(default: Any, *, unit: str, why: str, source: str, **bounds: Any) -> Any:
    """Declare a policy value: its default, unit, reason and source, and its bounds (``ge``, ``gt``, ``le``, ``lt``)."""
    return Field(default=default, description=why, json_schema_extra={"unit": unit, "source": source}, **bounds)


class Section(BaseModel):
    """A frozen group of policy values."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EvaluationSet(Section):
    """A named filter over forecasts: for each column, the values that are kept."""

    name: str = Field(min_length=1, description="Name shown beside every score of the set")
    filters: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="Column to accepted values; every column must match")


class StratumWindows(Section):
    """For one stratum column, the windows that are reported."""

    stratum: str = Field(min_length=1, description="A column of the scores, or overall")
    windows: tuple[str, ...] = Field(min_length=1, description="Names of windows: week, trailing_4, …, quarter_to_date, since_start")


WINDOWS = ("week", "trailing_4", "trailing_13", "trailing_26", "trailing_52", "quarter_to_date", "since_start")


class IntakePolicy(Section):
    """What arrives, and how much of it may be refused."""

    max_rejected_share: float = setting(
        0.01,
        unit="fraction",
        ge=0,
        le=1,
        source="P",
        why="more than one refused row in a hundred points at a broken exporter, not at a typing error",
    )
    max_rejected_records_per_file: int = setting(
        1000,
        unit="records",
        ge=1,
        source="P",
        why="beyond this the records repeat each other; the count stays exact, the rest is summed in one record",
    )
    max_columns: int = setting(2000, unit="columns", ge=10, source="P", why="a wider header is a transposed or corrupt file")
    max_text_length: int = setting(
        10_000, unit="characters", ge=100, source="P", why="a longer cell is an embedded document, never an identifier"
    )


class CalibrationPolicy(Section):
    """When a stated uncertainty holds."""

    nominal_coverage: float = setting(
        0.80, unit="fraction", gt=0, lt=1, source="B15", why="the 10–90 % interval is the one the reports publish"
    )
    max_shortfall: float = setting(
        0.05, unit="fraction", ge=0, lt=1, source="B16 R", why="below nominal by more than this the intervals promise too much"
    )
    max_excess: float = setting(
        0.10, unit="fraction", ge=0, lt=1, source="B16 R", why="above nominal by more than this the intervals are too wide to be useful"
    )
    min_weeks: int = setting(
        26, unit="weeks", ge=4, source="B16 P", why="with fewer weeks no interval for a coverage keeps its promise under serial dependence"
    )
    confidence: float = setting(0.90, unit="fraction", gt=0.5, lt=1, source="P", why="level of the intervals drawn around coverages")
    verdict_window: str = setting(
        "trailing_26", unit="window", source="P", why="half a year is the shortest window that holds the least number of weeks"
    )
    min_release_coverage: float = setting(0.75, unit="fraction", ge=0, le=1, source="B17 R", why="release gate of the origin")
    max_release_mape: float = setting(0.10, unit="fraction", ge=0, source="B17 R", why="release gate of the origin")
    max_release_relative_bias: float = setting(0.01, unit="fraction", ge=0, source="B17 R", why="release gate of the origin")
    max_append_gap_days: float = setting(
        1.0, unit="days", gt=0, source="B20", why="the history gets one line a day; a longer gap is a silent job"
    )
    drift_recent_weeks: int = setting(13, unit="weeks", ge=4, source="P", why="a quarter of weeks is compared with everything before it")
    drift_min_past_weeks: int = setting(26, unit="weeks", ge=8, source="P", why="a model's own past must itself be judgeable")
    max_coverage_drift: float = setting(
        0.05, unit="fraction", ge=0, source="P", why="a fall smaller than the shortfall limit cannot by itself break the verdict"
    )
    drift_significance: float = setting(
        0.01,
        unit="probability",
        gt=0,
        lt=0.5,
        source="P",
        why="judged every week, a looser level would fire by chance several times a year",
    )
    baseline_suffix: str = setting(
        "-baseline", unit="text", source="P", why="the baseline model of a hub is named so; exactly one model must match"
    )
    baseline_model: str | None = setting(None, unit="model id", source="P", why="names the baseline when the suffix does not")
    evaluation_sets: tuple[EvaluationSet, ...] = setting(
        (EvaluationSet(name="all"),), unit="filters", source="B15", why="scores are comparable only inside a named set of tasks"
    )
    strata: tuple[StratumWindows, ...] = setting(
        (
            StratumWindows(stratum="overall", windows=WINDOWS),
            StratumWindows(stratum="horizon", windows=WINDOWS),
            StratumWindows(stratum="location", windows=("trailing_26", "quarter_to_date", "since_start")),
            StratumWindows(stratum="reference_date", windows=("since_start",)),
            StratumWindows(stratum="target_end_date", windows=("since_start",)),
            StratumWindows(stratum="*", windows=WINDOWS),
        ),
        unit="windows",
        source="D44",
        why="every stratum once over all history; the short windows where a person would look weekly; * stands for any further column",
    )

    @model_validator(mode="after")
    def _known_windows(self) -> CalibrationPolicy:
        named = {window for entry in self.strata for window in entry.windows} | {self.verdict_window}
        unknown = sorted(named - set(WINDOWS))
        if unknown:
            raise ValueError(f"unknown window {', '.join(unknown)}; known are {', '.join(WINDOWS)}")
        names = [entry.name for entry in self.evaluation_sets]
        if len(set(names)) != len(names):
            raise ValueError("two evaluation sets have the same name")
        return self


class ClockPolicy(Section):
    """The instant a run looks from."""

    as_of: dt.datetime | None = setting(
        None, unit="instant", source="P", why="set only for frozen telemetry such as the sample; else the wall clock is asked"
    )


class Policy(Section):
    """The whole policy, one section per domain."""

    clock: ClockPolicy = Field(default_factory=ClockPolicy)
    intake: IntakePolicy = Field(default_factory=IntakePolicy)
    calibration: CalibrationPolicy = Field(default_factory=CalibrationPolicy)


def policy_from(overrides: Mapping[str, Any] | None) -> Policy:
    """The policy with ``overrides`` applied.

    A number may carry its unit as ``"14 days"``; the unit must be the declared one. Raises PolicyError naming the path
    of every key that is unknown, out of bounds or in another unit.
    """
    if overrides is None:
        return Policy()
    if not isinstance(overrides, Mapping):
        raise PolicyError(
            f"governance.yaml: found {type(overrides).__name__}, expected sections; write `calibration:` and its keys below it"
        )
    plain = _without_units(Policy, overrides, "")
    try:
        return Policy.model_validate(plain)
    except ValidationError as error:
        raise PolicyError("; ".join(_refusal(detail) for detail in error.errors())) from None


def digest(policy: Policy) -> str:
    """SHA-256 of every value of the policy, in a fixed order."""
    text = json.dumps(policy.model_dump(mode="json"), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def catalogue(policy: Policy) -> Iterator[dict[str, str]]:
    """One entry a value: path, value, unit, bounds, source and reason."""
    for name, section in policy:
        for key, field in type(section).model_fields.items():
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            yield {
                "path": f"{name}.{key}",
                "value": json.dumps(section.model_dump(mode="json")[key], ensure_ascii=False),
                "unit": str(extra.get("unit", "")),
                "bounds": ", ".join(str(mark) for mark in field.metadata),
                "source": str(extra.get("source", "")),
                "why": field.description or "",
            }


_WITH_UNIT = re.compile(r"^\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s+(\S.*?)\s*$")


def _without_units(section: type[BaseModel], overrides: Mapping[str, Any], path: str) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in overrides.items():
        here = f"{path}{key}"
        field = section.model_fields.get(str(key))
        if field is None:
            raise PolicyError(f"{here}: unknown key; known here are {', '.join(sorted(section.model_fields))}")
        if isinstance(value, Mapping) and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            plain[key] = _without_units(field.annotation, value, f"{here}.")
        elif isinstance(value, str) and _takes_number(field.annotation):
            plain[key] = _number_in_unit(value, field, here)
        else:
            plain[key] = value
    return plain


def _takes_number(annotation: Any) -> bool:
    arms = get_args(annotation) if get_origin(annotation) is not None else (annotation,)
    return any(arm in (int, float) for arm in arms)


def _number_in_unit(text: str, field: Any, path: str) -> float | str:
    match = _WITH_UNIT.match(text)
    if match is None:
        return text
    unit = str(field.json_schema_extra["unit"])
    if match[2] != unit:
        raise PolicyError(f"{path}: found unit {match[2]}, expected {unit}; write the value in {unit}")
    return match[1]


def _refusal(detail: Any) -> str:
    path = ".".join(str(part) for part in detail["loc"]) or "governance.yaml"
    return f"{path}: found {detail['input']!r}, {detail['msg'][0].lower()}{detail['msg'][1:]}"
