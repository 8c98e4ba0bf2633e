"""The page of the quarter's variance, and headline figures.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.runtime.periods import quarter_start

Row = dict[str, Any]
Tables = Mapping[str, pa.Table]

_INTRO = (
    "What moved in the quarter by our own record: key figures against the quarters before, the components of the risk score by the newest "
    "closed week, and what the failed checks of our critics ask for."
)
_NOTHING = "Nothing is recorded yet."
_DRAWN = "mmm_wmape"
_MOST = 40


def page(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model, for the newest quarter that each artifact has rows of."""
    sections = [
        _figure_section(tables["kpi_deltas"]),
        _component_section(tables["variance_components"]),
        _action_section(tables["recommended_actions"]),
    ]
    return {"title": "Variance", "intro": f"{_INTRO}\n\nAs of {as_of.date()}.", "sections": sections}


def headline_of_figures(rows: pa.Table) -> tuple[str, int, None]:
    """How many key figures left their band."""
    return "outside their band", rows.filter(pc.fill_null(rows["is_high_variance"], False)).num_rows, None


def headline_of_components(rows: pa.Table) -> tuple[str, int, None]:
    """How many components have no verdict."""
    return "without a verdict", rows.filter(pc.is_null(rows["status"])).num_rows, None


def headline_of_actions(rows: pa.Table) -> tuple[str, int, None]:
    """How many actions are asked for."""
    return "actions", rows.num_rows, None


def _newest(rows: pa.Table) -> tuple[str, list[Row]]:
    quarter = pc.max(rows["quarter"]).as_py()
    return quarter, [row for row in rows.to_pylist() if row["quarter"] == quarter]


def _figure_section(figures: pa.Table) -> dict[str, Any]:
    if not figures.num_rows:
        return {"title": "Key figures", "text": _NOTHING}
    quarter, rows = _newest(figures)
    drawn = [row for row in figures.to_pylist() if row["kpi"] == _DRAWN]
    plot = {
        "kind": "lines",
        "title": "wMAPE of the media models, quarter by quarter",
        "unit": "fraction",
        "series": [
            {"name": name, "x": [quarter_start(row["quarter"]) for row in own], "y": [row["value"] for row in own]}
            for name in sorted({row["subject"] for row in drawn})
            if (own := sorted((row for row in drawn if row["subject"] == name), key=lambda row: row["quarter"]))
        ],
    }
    return {
        "title": f"Key figures of {quarter}",
        "text": "A band is the median of the quarters before, and one robust sigma to either side.",
        **({"plot": plot} if drawn else {}),
        "table": {
            "columns": ["figure", "subject", "value", "quarter before", "change", "band", "robust sigmas", "moved", "derived from"],
            "rows": [
                (
                    *(row["kpi"], row["subject"], _shown(row["value"], row), _shown(row["previous"], row), _shown(row["change"], row)),
                    *(_band(row), row["sigmas"], _moved(row), row["source"]),
                )
                for row in rows
            ],
        },
    }


def _shown(value: float | None, row: Row) -> str | None:
    return None if value is None else f"{value:.1%}" if row["unit"] == "fraction" else f"{value:.0f}"


def _band(row: Row) -> str | None:
    return None if row["lower"] is None else f"{_shown(row['lower'], row)} to {_shown(row['upper'], row)}"


def _moved(row: Row) -> str:
    return "not known" if row["is_high_variance"] is None else "yes" if row["is_high_variance"] else "no"


def _component_section(components: pa.Table) -> dict[str, Any]:
    if not components.num_rows:
        return {"title": "Components of the risk", "text": _NOTHING}
    quarter, rows = _newest(components)
    return {
        "title": f"Components of the risk in {quarter}",
        "text": f"By verdicts up to {rows[0]['judged_until']:%Y-%m-%d}.",
        "table": {"columns": ["component", "status", "by", "judged", "notes", "issues"],
                  "rows": [tuple(row[name] for name in ("component", "status", "source", "judged_on", "notes", "issues")) for row in rows]},
    }  # fmt: skip


def _action_section(actions: pa.Table) -> dict[str, Any]:
    if not actions.num_rows:
        return {"title": "Recommended actions", "text": "No check of ours asks for one."}
    quarter, rows = _newest(actions)
    rows.sort(key=lambda row: row["rank"])
    return {
        "title": f"Recommended actions of {quarter}",
        "text": f"{len(rows)} checks ask for one; the graver first, then what has failed longer.",
        "table": {
            "columns": ["level", "what to do", "subject", "role", "due", {"name": "failed", "unit": "weeks"}, "because"],
            "rows": [
                tuple(row[name] for name in ("level", "summary", "subject", "owner", "due_by", "weeks_failed", "evidence"))
                for row in rows[:_MOST]
            ],
        },
    }
