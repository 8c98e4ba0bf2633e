"""A small made-up site, and the same site with hostile text in every place that takes text."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from governance_assets.contract import Contract, field
from governance_assets.finding import Finding, Rule
from governance_assets.pages.catalogue import Catalogue
from governance_assets.pages.model import ArtifactState, Front, Rejected, Told
from governance_assets.policy import Policy

AS_OF = dt.datetime(2025, 11, 3, 6, 30, tzinfo=dt.UTC)
HOSTILE = (
    "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'`{{7*7}}]](javascript:alert(1))\x00\x1b\u202e\ud800&amp;"
)

COVERAGE = Rule("coverage_holds", "coverage stays inside the limits", "refit the model, then look again", "error", "fraction", "B15 B16")
DRIFT = Rule("coverage_is_stable", "coverage has not fallen", "compare with the model's own past", "warn", "fraction", "P")
SHAPE = Rule("matches_contract", "rows match the contract", "read the problems listed", "error")


class ExampleScores(Contract, artifact="", key=()):
    """One example of one week, scored."""

    week: dt.date = field("Monday of the week")
    share: float | None = field("Share that holds", unit="fraction", ge=0, le=1, null="nothing was counted")
    note: str = field("What a person wrote")


# Not declared by name: an artifact of the tests has no place in the registry of contracts.
ExampleScores.artifact, ExampleScores.grain, ExampleScores.key, ExampleScores.owner = "example_scores", "week", ("week",), "modelling_lead"


def weeks(number: int, first: str = "2024-11-04") -> list[str]:
    start = dt.date.fromisoformat(first)
    return [(start + dt.timedelta(weeks=n)).isoformat() for n in range(number)]


def wave(number: int, level: float, swing: float = 0.04) -> list[float]:
    return [level + swing * math.sin(n / 3) for n in range(number)]


def lines(number: int = 30) -> dict[str, Any]:
    steady = wave(number, 0.8)
    return {
        "kind": "lines",
        "title": "Coverage of the 80 % interval",
        "subtitle": "trailing 26 weeks",
        "unit": "fraction",
        "series": [
            {
                "name": "steady",
                "x": weeks(number),
                "y": steady,
                "lower": [v - 0.05 for v in steady],
                "upper": [v + 0.05 for v in steady],
            },
            {"name": "gappy", "x": weeks(number), "y": [None if n % 9 == 4 else v for n, v in enumerate(wave(number, 0.6))]},
        ],
        "references": [{"value": 0.8, "label": "nominal 80 %"}],
    }


def reliability() -> dict[str, Any]:
    levels = [0.1, 0.3, 0.5, 0.7, 0.9]
    observed = [0.12, 0.28, 0.47, 0.66, 0.85]
    return {
        "kind": "reliability",
        "title": "Reliability of intervals",
        "x_label": "nominal coverage",
        "above": "too wide",
        "below": "too narrow",
        "series": [
            {
                "name": "steady",
                "x": levels,
                "y": observed,
                "lower": [v - 0.1 for v in observed],
                "upper": [min(1, v + 0.1) for v in observed],
            },
            {"name": "narrow", "x": levels, "y": [v * 0.7 for v in observed]},
        ],
    }


def intervals() -> dict[str, Any]:
    """Returns of two channels at four refits."""
    dates = ["2024-12-30", "2025-03-31", "2025-06-30", "2025-09-29"]
    steady = {"name": "steady", "x": dates, "y": [2.0, 2.1, 1.9, 2.0], "lower": [1.2, 1.5, 1.5, 1.7], "upper": [3.1, 2.9, 2.5, 2.4]}
    moving = {"name": "moving", "x": dates, "y": [0.4, 0.9, None, 2.6], "lower": [0.1, 0.5, None, 2.0], "upper": [0.8, 1.4, None, 3.3]}
    return {
        "kind": "intervals",
        "title": "Return on investment by refit",
        "x_label": "last week of training",
        "series": [steady, moving],
        "references": [{"value": 1.0, "label": "money back"}],
    }


def curves() -> dict[str, Any]:
    """A response curve with current and proposed spend."""
    spend = [0.0, 1.0, 2.0, 3.0, 4.0]
    response = [0.0, 4.0, 6.0, 7.0, 7.5]
    return {
        "kind": "lines",
        "title": "Response to weekly spend",
        "x_label": "weekly spend",
        "series": [{"name": "steady", "x": spend, "y": response, "lower": [0.0, 3.0, 4.5, 5.0, 5.2], "upper": [0.0, 5.0, 8.0, 9.5, 10.0]}],
        "spots": [
            {"series": "steady", "x": 1.0, "y": 4.0, "words": "current: 1 a week", "is_ring": True},
            {"series": "steady", "x": 3.0, "y": 7.0, "words": "proposed: 3 a week"},
        ],
    }


def bars() -> dict[str, Any]:
    return {
        "kind": "bars",
        "title": "PIT histogram",
        "x_label": "PIT",
        "series": [{"name": "steady", "x": [0.1, 0.3, 0.5, 0.7, 0.9], "y": [1.4, 0.8, 0.6, 0.8, 1.4]}],
        "references": [{"value": 1, "label": "calibrated"}],
    }


def crowd(models: int = 50, number: int = 260) -> dict[str, Any]:
    series = [
        {
            "name": f"team-{n}-ensemble-model",
            "x": weeks(number),
            "y": [0.8 + 0.15 * math.sin(n * 7 + w * (1 + n % 5)) for w in range(number)],
        }
        for n in range(models)
    ]
    return lines(number) | {"series": series}


def states() -> tuple[ArtifactState, ...]:
    passed = tuple(SHAPE.judge(f"check {n}", True) for n in range(3))
    return (
        ArtifactState(
            artifact="calibration_metrics",
            domain="calibration",
            description="One metric of one model.",
            owner="modelling_lead",
            grain="week",
            partition_key="2025-10-27",
            is_open=True,
            rows=1234,
            headline="worst coverage 61.7 %",
            findings=(
                COVERAGE.judge("narrow", False, 0.617, 0.75),
                COVERAGE.judge("wide", False, 0.95, 0.9),
                COVERAGE.judge("young", None, why="24 of 26 weeks"),
                DRIFT.judge("gappy", False, -0.08, -0.05),
                *passed,
            ),
            recorded_at=AS_OF,
            revision=2,
            restatements=1,
            partitions=3,
            recent=(("2025-10-13", "pass"), ("2025-10-20", "warn"), ("2025-10-27", "fail")),
        ),
        ArtifactState("observations", "intake", partition_key="all", rows=12, findings=passed, recorded_at=AS_OF, revision=1, partitions=1),
        ArtifactState("sample_forecasts", "intake"),
    )


def front(**changes: Any) -> Front:
    return Front(
        **{
            "as_of": AS_OF,
            "states": states(),
            "questions": {"intake": "What arrived, and what was refused?", "calibration": "Do the stated uncertainties hold?"},
            "notes": ("1 file was left alone.",),
            "changed": (Told("360 of 2025-Q3: pivot, after adjust tactics", "calibration"),),
            "to_decide": tuple(Told(f"Approve or reject item {n}", "unpaged") for n in range(1, 7)),
            "provenance": (("Policy", "4c1f"),),
        }
        | changes
    )


def page() -> dict[str, Any]:
    columns = ["Model", {"name": "Verdict", "kind": "verdict"}, {"name": "Coverage", "unit": "fraction"}, {"name": "WIS", "unit": "cases"}]
    return {
        "title": "Calibration",
        "intro": "Do the stated uncertainties hold?",
        "sections": [
            {
                "title": "Verdict by model",
                "text": "Trailing 26 weeks.\n\nAll tasks.",
                "table": {
                    "columns": columns,
                    "rows": [
                        ["steady", "pass", 0.803, 24.1],
                        ["narrow", "fail", 0.617, 1234567.8],
                        ["young", "not_enough_data", None, None],
                    ],
                    "note": "An interval, not a point, decides.",
                },
            },
            {"title": "Coverage over time", "plot": lines()},
            {"title": "Reliability", "plots": [reliability(), bars()]},
            {
                "title": "Notes",
                "table": {"columns": ["Model", "Note"], "rows": [["steady", "a note that is long enough to be stacked on a phone"]]},
            },
        ],
    }


def catalogue() -> Catalogue:
    return Catalogue((ExampleScores,), Policy(), {"calibration": (COVERAGE, DRIFT)})


def rejected() -> Rejected:
    record = {
        "file": "forecasts/a.csv",
        "record": 1,
        "row": 7,
        "column": "value",
        "found": "'1,5'",
        "expected": "a number",
        "next_step": "write a decimal point",
        "scope": "row",
        "rows": 1,
    }
    return Rejected((record,), 1, (("notes.txt", "no feed reads it"),))


def hostile_site() -> dict[str, Any]:
    """Arguments of ``build`` with hostile text wherever text goes in."""
    bad = HOSTILE
    finding = Finding(rule=bad, subject=bad, outcome="fail", severity="error", unit=bad, message=bad, remedy=bad, sources=bad)
    open_one = finding.model_copy(update={"outcome": "unknown"})
    state = ArtifactState(
        artifact=bad,
        domain=bad,
        description=bad,
        owner=bad,
        partition_key=bad,
        headline=bad,
        findings=(finding, finding, open_one),
        rows=1,
        recent=((bad, "fail"),),
    )
    series = [{"name": bad + str(n), "x": [1, 2], "y": [1.0, 2.0]} for n in range(3)]
    plot = {
        "title": bad,
        "subtitle": bad,
        "description": bad,
        "x_label": bad,
        "above": bad,
        "below": bad,
        "unit": bad,
        "series": series,
        "references": [{"value": 1, "label": bad}],
    }
    table = {"columns": [bad, {"name": bad, "unit": bad, "kind": "verdict"}], "rows": [[bad, bad], [bad, "pass"]], "note": bad}
    section = {
        "title": bad,
        "text": bad,
        "plots": [plot | {"kind": kind} for kind in ("lines", "intervals", "reliability", "bars")],
        "table": table,
    }
    return {
        "front": front(states=(state,), title=bad, questions={bad: bad}, notes=(bad,), provenance=((bad, bad),)),
        "pages": {"calibration": {"title": bad, "intro": bad, "sections": [section]}},
        "catalogue": Catalogue((), Policy(), {bad: (Rule(bad, bad, bad, "error", bad, bad),)}),
        "rejected": Rejected(
            ({"file": bad, "record": 1, "found": bad, "column": bad, "expected": bad, "next_step": bad},), 2, ((bad, bad),)
        ),
    }
