"""The page of the assessment, for somebody who has five minutes: the decision, why, what would flip it, what changed.

Belongs here: choosing, sorting and wording of recorded figures. Does not belong here: computing or judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.runtime.periods import is_quarter_closed

Plot = dict[str, Any]
Row = dict[str, Any]
_WHOLE = "*"
_MOST_CHANGES = 8
_MOST_GAPS = 25
_OVERLAYS = {
    "is_accelerated": "accelerate: R² degrades consistently",
    "is_overrun": "reduce scope or secure funding: the overrun passes the limit",
}


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model of the newest closed quarter, with the other quarters."""
    cards = sorted(tables["scorecard_360"].to_pylist(), key=lambda row: row["quarter"])
    if not cards:
        return {"title": "360 assessment", "intro": "No quarter is assessed yet.", "sections": []}
    # A quarter that still runs is told among the quarters below; the one to decide on is over.
    closed = [row for row in cards if is_quarter_closed(row["quarter"], as_of)]
    newest = (closed or cards)[-1]
    here = {name: table.filter(pc.equal(table["quarter"], newest["quarter"])).to_pylist() for name, table in tables.items()}
    sections = [
        _flip_section(newest, here["decision_flips"]),
        _dimension_section(here["dimension_scores"]),
        _unknown_section(newest, here["assessment_facts"]),
        _change_section(newest, here["dimension_scores"]),
        _risk_section(here["risk_matrix"]),
        _criteria_section(here["success_criteria"]),
        _remediation_section(here["remediation_plan"], here["assessment_facts"]),
        _proposal_section(here["adjustment_proposal"]),
        _metric_section(here["dimension_scores"]),
        _history_section(cards),
    ]
    return {"title": "360 assessment", "intro": _intro(newest), "sections": sections}


def changed(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> list[str]:
    """The front page's line on the newest quarter that is over: its decision, and what it was before."""
    closed = [row for row in tables["scorecard_360"].to_pylist() if row["decision"] and is_quarter_closed(row["quarter"], as_of)]
    if not closed:
        return []
    card = max(closed, key=lambda row: row["quarter"])
    before = f", after {_words(card['previous_decision'])}" if card["previous_decision"] else ""
    points = "" if card["change"] is None else f" ({card['change']:+.1f})"
    return [f"360 of {card['quarter']}: {_words(card['decision'])}{before}; alignment {card['alignment']:.1f}{points}"]


def scorecard_plots(rows_of: Callable[[str], pa.Table]) -> dict[str, Plot]:
    """The plot beside a materialization: the alignment over the quarters."""
    cards = sorted(rows_of("scorecard_360").to_pylist(), key=lambda row: row["quarter"])
    return {"alignment": _history_plot(cards)} if cards else {}


# ---------------------------------------------------------------- the first lines


def _intro(card: Row) -> str:
    quarter = card["quarter"]
    if card["decision"] is None:
        return f"{quarter}: no decision, because no metric is known."
    provisional = " (provisional)" if card["is_provisional"] else ""
    head = f"{quarter}: {_words(card['decision'])}{provisional}. Alignment {card['alignment']:.2f} of 100"
    if card["lower"] is not None:
        head += f", band {card['lower']:.1f} to {card['upper']:.1f}"
    head += f", from {_percent(card['coverage'])} of the weight."
    parts = [head, f"Why: {card['why']}."]
    overlays = [text for name, text in _OVERLAYS.items() if card[name]]
    if overlays:
        parts.append(f"Added to it: {'; '.join(overlays)}.")
    if card["is_provisional"]:
        low, high = f"{card['least']:.1f}", f"{card['most']:.1f}"
        text = f"With what is unknown at its worst or best the alignment would lie between {low} and {high}"
        parts.append(f"{text}, and the decision between {_words(card['best'])} and {_words(card['worst'])}.")
    if card["change"] is not None:
        was = _words(card["previous_decision"]) if card["previous_decision"] else "undecided"
        parts.append(f"{card['previous_quarter']} was {was}; the alignment changed by {card['change']:+.2f} points.")
    return "\n\n".join(parts)


def _flip_section(card: Row, flips: Sequence[Row]) -> dict[str, Any]:
    if card["decision"] is None:
        return {"title": "What would change our mind", "text": "Any fact: nothing is known yet."}
    nearest = next((row for row in flips if row["wanted"] == "any"), None)
    text = _flip_sentence(nearest) if nearest else ""
    chances = [f"{_words(name)} {_percent(card[f'p_{name}'])}" for name in _DECISIONS if card[f"p_{name}"]]
    silent = [name for name in card["without_uncertainty"].split(",") if name]
    if card["lower"] is not None:
        held = _percent(card["band_simulated_coverage"])
        text += f"\n\nBy the metrics that state an uncertainty: {', '.join(chances)}. Such a band held in {held} of simulations."
        text += f" {len(silent)} known metrics state none and are taken as exact."
    else:
        text += "\n\nNo known metric states an uncertainty, so the alignment has no band."
    rows = [
        (
            "any other" if row["wanted"] == "any" else _words(row["wanted"]),
            row["points_missing"],
            _move(row, "first"),
            _move(row, "second"),
            row["tolerances"],
            _how(row),
        )
        for row in flips
    ]
    columns = ["decision", {"name": "points missing"}, "metric", "and metric", {"name": "tolerances"}, "how"]
    note = "The smallest change of one metric, else of two, in tolerances of each metric; exact, by the breakpoints of the score maps."
    return {"title": "What would change our mind", "text": text, "table": {"columns": columns, "rows": rows, "note": note}}


_DECISIONS = ("continue", "adjust_tactics", "pivot", "pause")


def _flip_sentence(row: Row) -> str:
    if not row["metrics"]:
        return "No change of one or two metrics would lead to another decision."
    moves = [_move(row, place) for place in ("first", "second")[: row["metrics"]]]
    after = " and ".join(_words(part) for part in row["decision"].split("+"))
    return f"The nearest other decision is {after}: {' and '.join(moves)}, {row['tolerances']:.2g} tolerances away."


def _move(row: Row, place: str) -> str:
    if row[f"{place}_metric"] is None:
        return ""
    verb = "to" if row["is_attained"] else "beyond"
    return f"{_words(row[f'{place}_metric'])} from {_figure(row[f'{place}_from'])} {verb} {_figure(row[f'{place}_to'])}"


def _how(row: Row) -> str:
    if not row["metrics"]:
        return "none by two metrics"
    return "reached" if row["is_attained"] else "has to be passed"


# ---------------------------------------------------------------- sections


def _dimension_section(scores: Sequence[Row]) -> dict[str, Any]:
    rows = sorted((row for row in scores if row["metric"] == _WHOLE), key=lambda row: (row["score"] is None, row["score"] or 0.0))
    table = [
        (_words(row["dimension"]), row["score"], row["lower"], row["upper"], row["coverage"], row["least"], row["most"], row["share"])
        for row in rows
    ]
    columns = [
        *("dimension", "score", "band from", "to", {"name": "known", "unit": "fraction"}, "if unknowns were 0", "or 100"),
        {"name": "weight in alignment", "unit": "fraction"},
    ]
    plot = {
        "kind": "ranges",
        "title": "Dimensions, the lowest first",
        "subtitle": "score with band; the pale bar reaches to where unknown metrics could take it",
        "x_label": "points",
        "rows": [
            {
                "name": _words(row["dimension"]),
                "value": row["score"],
                "lower": row["lower"],
                "upper": row["upper"],
                "least": row["least"],
                "most": row["most"],
            }
            for row in rows
        ],
        "references": [{"value": 70.0, "label": "adjust from 70"}, {"value": 90.0, "label": "continue above 90"}],
    }
    return {"title": "Dimensions", "text": "", "plot": plot, "table": {"columns": columns, "rows": table}}


def _unknown_section(card: Row, facts: Sequence[Row]) -> dict[str, Any]:
    rows = [(_words(row["metric"]), row["reason"]) for row in facts if row["value"] is None]
    if not rows:
        return {"title": "What we do not know", "text": "Every metric is known."}
    text = f"{len(rows)} of {len(facts)} metrics are unknown: they lower the coverage ({_percent(card['coverage'])}), not the score."
    return {"title": "What we do not know", "text": text, "table": {"columns": ["metric", "why"], "rows": rows}}


def _change_section(card: Row, scores: Sequence[Row]) -> dict[str, Any]:
    if card["change"] is None:
        return {"title": "What changed", "text": "No earlier quarter is recorded to compare with."}
    parts = [(row["metric"], row["change_by_score"], row["change_by_weight"]) for row in scores if row["change_by_score"] is not None]
    moved = sorted((part for part in parts if part[1] or part[2]), key=lambda part: -abs(part[1] + part[2]))
    rows: list[tuple[Any, ...]] = [(_words(name), score + weight, score, weight) for name, score, weight in moved[:_MOST_CHANGES]]
    rest = moved[_MOST_CHANGES:]
    if rest:
        sums = [sum(part[place] for part in rest) for place in (1, 2)]
        rows.append((f"{len(rest)} others", sum(sums), *sums))
    rows.append(("together", card["change"], sum(part[1] for part in parts), sum(part[2] for part in parts)))
    columns = ["metric", "points", "by its score", "by coming to be known, or counting differently"]
    text = f"Since {card['previous_quarter']}: {card['change']:+.2f} points of alignment, by metric; the parts add up."
    return {"title": "What changed", "text": text, "table": {"columns": columns, "rows": rows}}


def _risk_section(risks: Sequence[Row]) -> dict[str, Any]:
    if not risks:
        return {"title": "Risks", "text": "No risk register has landed."}
    open_ones = sorted((row for row in risks if row["is_open"]), key=lambda row: (-(row["exposure"] or 0), row["risk_id"]))
    high = [row for row in open_ones if row["is_high"]]
    bare = [row["risk_id"] for row in high if not row["is_mitigated"]]
    text = f"{len(open_ones)} of {len(risks)} risks are open, {len(high)} of them high."
    if bare:
        text += f" Nothing is stated to be done about {', '.join(bare)}."
    plot = {
        "kind": "matrix",
        "title": "Open risks by impact and probability",
        "x_label": "probability",
        "y_label": "impact",
        "levels": ("low", "medium", "high", "critical"),
        "points": [(row["probability"], row["impact"], row["risk_id"]) for row in open_ones if row["exposure"]],
    }
    rows = [
        (row["risk_id"], row["description"], row["impact"], row["probability"], row["exposure"], row["is_mitigated"], row["owner"])
        for row in open_ones
    ]
    columns = ["risk", "what may happen", "impact", "probability", "exposure", "mitigated", "owner"]
    return {"title": "Risks", "text": text, "plot": plot, "table": {"columns": columns, "rows": rows}}


def _criteria_section(criteria: Sequence[Row]) -> dict[str, Any]:
    states = [row["state"] for row in criteria]
    judged = [state for state in states if state in ("met", "not_met")]
    text = f"{states.count('met')} of {len(judged)} judged criteria are met; {states.count('unknown')} cannot be judged"
    text += f", {states.count('obsolete')} are obsolete and {sum(row['is_new'] for row in criteria)} new."
    verdicts = {"met": "pass", "not_met": "fail", "unknown": "unknown", "obsolete": "not_applicable"}
    rows = [
        (row["criterion"], row["value"], row["limit"], verdicts[row["state"]], _words(row["state"]) + (", new" if row["is_new"] else ""))
        for row in criteria
    ]
    columns = ["criterion", "value", "limit", {"name": "verdict", "kind": "verdict"}, "state"]
    return {"title": "Success criteria", "text": text, "table": {"columns": columns, "rows": rows}}


def _remediation_section(gaps: Sequence[Row], facts: Sequence[Row]) -> dict[str, Any]:
    share = next((row["value"] for row in facts if row["metric"] == "gap_share"), None)
    if not gaps:
        return {"title": "Gap remediation plan", "text": "No gap is known."}
    known = "The share of gaps is unknown." if share is None else f"Gaps are {_percent(share)} of plan items."
    shown = sorted(gaps, key=lambda row: row["rank"])[:_MOST_GAPS]
    text = f"{known} Ranked by what closing one does to the alignment for its cost; shown are {len(shown)} of {len(gaps)}."
    rows = [
        (row["rank"], row["gap"], row["title"], row["is_critical"], row["days_late"], row["cost"], row["effect"], row["owner"])
        for row in shown
    ]
    columns = ["rank", "gap", "title", "critical", {"name": "late", "unit": "days"}, "cost left", "points gained", "owner"]
    return {"title": "Gap remediation plan", "text": text, "table": {"columns": columns, "rows": rows}}


def _proposal_section(phases: Sequence[Row]) -> dict[str, Any]:
    whole = next((row for row in phases if row["phase"] == _WHOLE), None)
    if whole is None:
        return {"title": "Adjustment proposal", "text": "No plan has landed."}
    budget, timeline = whole["budget_variance"], whole["timeline_variance"]
    told = [f"budget {_percent(budget, True)}" if budget is not None else "budget unknown"]
    told.append(f"timeline {_percent(timeline, True)}" if timeline is not None else "timeline unknown")
    due = "An adjustment is due." if whole["is_due"] else "No adjustment is due."
    text = f"Completed work against its plan: {', '.join(told)}. {due}"
    roots = sorted(phases, key=lambda row: (row["phase"] != _WHOLE, -abs(row["share_of_overrun"] or 0.0), row["phase"]))
    rows = [
        (
            "whole plan" if row["phase"] == _WHOLE else row["phase"] or "without phase",
            *(
                row[name]
                for name in ("n_done", "budget_variance", "share_of_overrun", "timeline_variance", "open_estimate", "proposed_estimate")
            ),
        )
        for row in roots
    ]
    fractions = [{"name": name, "unit": "fraction"} for name in ("budget variance", "part of the variance", "timeline variance")]
    columns = ["phase", "done items", *fractions, "open estimate", "at its variance"]
    return {"title": "Adjustment proposal", "text": text, "table": {"columns": columns, "rows": rows}}


def _metric_section(scores: Sequence[Row]) -> dict[str, Any]:
    rows = [
        (
            _words(row["dimension"]),
            _words(row["metric"]),
            row["value"],
            row["unit"],
            row["target"],
            row["tolerance"],
            row["score"],
            row["share"],
            row["source"],
        )
        for row in scores
        if row["metric"] != _WHOLE
    ]
    columns = [
        "dimension",
        "metric",
        "value",
        "unit",
        "target",
        "tolerance",
        "score",
        {"name": "worth in alignment", "unit": "fraction"},
        "source",
    ]
    note = "A metric scores 100 on its target; how it falls with the distance, in tolerances, is the policy's curve."
    return {"title": "Every metric", "table": {"columns": columns, "rows": rows, "note": note}}


def _history_section(cards: Sequence[Row]) -> dict[str, Any]:
    rows = [
        (row["quarter"], _words(row["decision"] or "unknown"), row["alignment"], row["coverage"], row["is_provisional"], row["change"])
        for row in reversed(cards)
    ]
    columns = ["quarter", "decision", "alignment", {"name": "known", "unit": "fraction"}, "provisional", "change"]
    return {"title": "Quarters", "plot": _history_plot(cards), "table": {"columns": columns, "rows": rows}}


def _history_plot(cards: Sequence[Row]) -> Plot:
    x = [_first_day(row["quarter"]) for row in cards]
    band = {name: [row[name] if row[name] is not None else row["alignment"] for row in cards] for name in ("lower", "upper")}
    return {
        "kind": "lines",
        "title": "Alignment by quarter",
        "x_label": "quarter, by its first day",
        "series": [{"name": "alignment", "x": x, "y": [row["alignment"] for row in cards]} | band],
        "references": [{"value": 90.0, "label": "continue above 90"}, {"value": 70.0, "label": "adjust from 70"}],
    }


def _first_day(quarter: str) -> str:
    year, number = quarter.split("-Q")
    return f"{year}-{3 * int(number) - 2:02}-01"


# ---------------------------------------------------------------- words


def _words(name: str) -> str:
    return {"out_of_sample_r2": "out-of-sample R²", "roi": "return on investment", "adjust_tactics": "adjust tactics"}.get(
        name, name.replace("_", " ")
    )


def _percent(value: float, is_signed: bool = False) -> str:
    return f"{100 * value:+.1f} %" if is_signed else f"{100 * value:.0f} %"


def _figure(value: float) -> str:
    return f"{value:.4g}"
