"""The page of allocation, its exports, and the plots shown beside a materialization.

Belongs here: choosing, sorting and wording of recorded figures. Does not belong here: computing or judging them, or markup.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.pages import slides, wording

Plot = dict[str, Any]

_MOST_TENANTS = 4
_MOST_CHANNELS = 5
_CAVEAT = "Model-implied, assuming no unmeasured confounding: where spend follows demand, a model credits the channel with it."
_INTRO = (
    "How a budget could be split, and what that would bring if the media-mix model is right. A split is chosen on one half of the "
    "posterior draws and judged on the other. Guardrails bound it: no channel moves by more than the policy allows, none that is spent on "
    f"falls below the floor of a platform, none goes beyond what the data have seen. {_CAVEAT}"
)
_COLUMNS = (
    *("quarter", "tenant", "scenario", "channel", "budget", "current_spend", "proposed_spend", "change", "lower", "upper", "is_frozen"),
    *(
        "current_response",
        "proposed_response",
        "lift",
        "lift_lower",
        "lift_upper",
        "lift_probability",
        "regret",
        "horizon_weeks",
        "problem",
    ),
)


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model, for the newest recorded quarter."""
    budgets, curves = tables["budget_allocation"], tables["response_curves"]
    newest = _newest(budgets)
    reach = f"Newest refit: {newest}." if newest else "No refit is recorded yet: a model needs a year of weeks first."
    here = budgets.filter(pc.equal(budgets["quarter"], newest)).to_pylist() if newest else []
    sections = [
        _proposal_section(here),
        _scenario_section(here),
        *_curve_sections(curves.filter(pc.equal(curves["quarter"], newest or ""))),
    ]
    return {"title": "Allocation", "intro": f"{_INTRO}\n\n{reach} As of {as_of.date()}.", "sections": sections}


def documents(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, str | bytes]:
    """Scenario tables of the newest quarter: one CSV file and, where the extra [export] is installed, one slide deck a tenant."""
    budgets = tables["budget_allocation"]
    newest = _newest(budgets)
    if newest is None:
        return {}
    here = budgets.filter(pc.equal(budgets["quarter"], newest)).to_pylist()
    made: dict[str, str | bytes] = {}
    for tenant in sorted({row["tenant"] for row in here}):
        own = _ordered(row for row in here if row["tenant"] == tenant)
        made[f"{_stem(newest, tenant)}.csv"] = _csv(own)
        if slides.is_available():
            made[f"{_stem(newest, tenant)}.pptx"] = slides.deck(_slides(tenant, own), as_of)
    return made


def headline_of_budget(rows: pa.Table) -> tuple[str, float | None, str | None]:
    """Lift of the judged scenario, of the tenant in the middle."""
    lifts = {row["tenant"]: row["lift"] for row in rows.filter(rows["is_recommended"]).to_pylist() if row["lift"] is not None}
    value = pc.quantile(pa.array(list(lifts.values()), pa.float64()), 0.5)[0].as_py() if lifts else None
    return "median_lift", value, "fraction"


def headline_of_curves(rows: pa.Table) -> tuple[str, int, None]:
    """How many channels have a curve."""
    return "channels_with_a_curve", len({(row["tenant"], row["channel"]) for row in rows.select(["tenant", "channel"]).to_pylist()}), None


def curve_plots(rows_of: Callable[[str], pa.Table]) -> dict[str, Plot]:
    """The plots beside a materialization: the curves of the first tenant."""
    rows = rows_of("response_curves")
    newest = _newest(rows)
    if newest is None:
        return {}
    here = rows.filter(pc.equal(rows["quarter"], newest))
    return {"response_curves": _curve_plot(here, min(pc.unique(here["tenant"]).to_pylist()))}


# ---------------------------------------------------------------- sections


def _proposal_section(here: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    judged = [row for row in _ordered(here) if row["is_recommended"]]
    columns = ["tenant", "channel", "current spend", "proposed spend", {"name": "change", "unit": "fraction"}, "least", "most", "frozen"]
    names = ("tenant", "channel", "current_spend", "proposed_spend", "change", "lower", "upper", "is_frozen")
    text = " ".join(_lift_sentence(tenant, row) for tenant, row in {row["tenant"]: row for row in judged}.items())
    return {
        "title": "Proposed split",
        "text": text or "Nothing is proposed yet.",
        "table": {
            "columns": columns,
            "rows": [tuple(row[name] for name in names) for row in judged],
            "note": f"Spend a week, in the currency of the tenant. {_CAVEAT}",
        },
    }


def _lift_sentence(tenant: str, row: Mapping[str, Any]) -> str:
    if row["problem"] is not None:
        return f"{tenant}: no split ({row['problem']})."
    if row["lift"] is None:
        return f"{tenant}: current spend has no response to compare with."
    lift, lower, upper = (wording.figure(row[name], "fraction") for name in ("lift", "lift_lower", "lift_upper"))
    return (
        f"{tenant}: model-implied lift {lift} ({lower} to {upper}) for {row['horizon_weeks']} weeks, "
        f"positive with probability {row['lift_probability']:.2f}."
    )


def _scenario_section(here: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = {(row["tenant"], row["scenario"]): row for row in _ordered(here)}
    shares = ("lift", "from", "to")
    columns = ["tenant", "scenario", "weekly budget", *({"name": name, "unit": "fraction"} for name in shares), "P(lift > 0)", "problem"]
    names = ("tenant", "scenario", "budget", "lift", "lift_lower", "lift_upper", "lift_probability", "problem")
    tenants = sorted({row["tenant"] for row in here})
    links = [
        (f"{tenant}, {kind}", f"{_stem(row['quarter'], tenant)}.{kind.lower()}") for tenant in tenants for kind, row in _exported(here)
    ]
    missing = "" if slides.is_available() else " Slides need the extra [export]; only CSV is written."
    return {
        "title": "Scenarios",
        "text": f"The whole response against that to current spend, for other budgets; all channels are in the files.{missing}"
        if here
        else "No scenario is computed yet.",
        "table": {
            "columns": columns,
            "rows": [tuple(row[name] for name in names) for row in first.values()],
            "note": f"Lift includes what more or less money brings. {_CAVEAT}",
        },
        "documents": links,
    }


def _exported(here: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(kind, here[0]) for kind in (("CSV", "PPTX") if slides.is_available() else ("CSV",))] if here else []


def _curve_sections(curves: pa.Table) -> list[dict[str, Any]]:
    tenants = sorted(pc.unique(curves["tenant"]).to_pylist())
    if not tenants:
        return [{"title": "Response curves", "text": "No curve is drawn yet."}]
    left = f" Shown are {_MOST_TENANTS} of {len(tenants)} tenants." if len(tenants) > _MOST_TENANTS else ""
    marks = curves.filter(pc.not_equal(curves["kind"], "curve")).sort_by([("tenant", "ascending"), ("channel", "ascending")]).to_pylist()
    columns = ["tenant", "channel", "spend is", "weekly spend", "response", "from", "to", "marginal ROI", "beyond the data"]
    names = ("tenant", "channel", "kind", "spend", "response", "response_lower", "response_upper", "marginal_roi", "is_beyond_data")
    return [
        {
            "title": "Response curves",
            "text": "Weekly response to steady weekly spend: the median of all draws with its interval. Marks show current spend and "
            f"what the judged scenario proposes.{left} {_CAVEAT}",
            "plots": [_curve_plot(curves, tenant) for tenant in tenants[:_MOST_TENANTS]],
            "table": {"columns": columns, "rows": [tuple(row[name] for name in names) for row in marks]},
        }
    ]


# ---------------------------------------------------------------- plots


def _curve_plot(curves: pa.Table, tenant: str) -> Plot:
    own = curves.filter(pc.equal(curves["tenant"], tenant)).sort_by([("channel", "ascending"), ("spend", "ascending")]).to_pylist()
    channels = sorted({row["channel"] for row in own})[:_MOST_CHANNELS]
    series, marks = [], []
    for channel in channels:
        points = [row for row in own if row["channel"] == channel]
        line = [row for row in points if row["kind"] == "curve"]
        ends = {name: [row[f"response_{name}"] for row in line] for name in ("lower", "upper")}
        series.append({"name": channel, "x": [row["spend"] for row in line], "y": [row["response"] for row in line]} | ends)
        marks += [
            {
                "series": channel,
                "x": row["spend"],
                "y": row["response"],
                "words": f"{channel}, {row['kind']}: {wording.figure(row['spend'])} a week",
                "is_ring": row["kind"] == "current",
            }
            for row in points
            if row["kind"] != "curve"
        ]
    return {
        "kind": "lines",
        "title": f"Response to weekly spend: {tenant}",
        "subtitle": "ring: current spend, filled: proposed; assuming no unmeasured confounding",
        "x_label": "weekly spend",
        "series": series,
        "spots": marks,
    }


# ---------------------------------------------------------------- exports


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow([*_COLUMNS, "note"])
    table.writerows([*("" if row[name] is None else _safe(row[name]) for name in _COLUMNS), _CAVEAT] for row in rows)
    return written.getvalue()


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula, with an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _slides(tenant: str, rows: Sequence[Mapping[str, Any]]) -> list[slides.Slide]:
    found = []
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        own = [row for row in rows if row["scenario"] == scenario]
        cells = [
            (
                row["channel"],
                *(wording.figure(row[name]) for name in ("current_spend", "proposed_spend")),
                wording.figure(row["change"], "fraction"),
                *(wording.figure(row[name]) for name in ("current_response", "proposed_response")),
            )
            for row in own
        ]
        title = f"{tenant}, {own[0]['quarter']}: {scenario}"
        columns = ("Channel", "Current spend a week", "Proposed", "Change", "Response now", "Response then")
        found.append(slides.Slide(title, columns, tuple(cells), f"{_lift_sentence(tenant, own[0])} {_CAVEAT}"))
    return found


# ---------------------------------------------------------------- choosing


def _newest(rows: pa.Table) -> str | None:
    return max(pc.unique(rows["quarter"]).to_pylist(), default=None)


def _ordered(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """By tenant, then from the smallest budget to the largest, a free one last, then by channel."""
    return sorted(rows, key=lambda row: (row["tenant"], row["budget"] is None, row["budget"] or 0.0, row["channel"]))


def _stem(quarter: str, tenant: str) -> str:
    """Path of a tenant's exports, without characters that a file name cannot have; names that lose some stay apart by a digest."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", tenant)
    return f"allocation/{quarter}-{plain}" + ("" if plain == tenant else f"-{hashlib.sha256(tenant.encode()).hexdigest()[:8]}")
