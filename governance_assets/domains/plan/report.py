"""The page of plans, the papers that a week leaves behind, and headline figures.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Row = Mapping[str, Any]
Tables = Mapping[str, pa.Table]

_MOST = 60
_RECENT = 13  # weeks of a table below a plot that has them all
_ARROWS = {"up": "↑", "down": "↓", "flat": "→", None: "no trend yet"}
_INTRO = (
    "Where every plan stands at the end of each week: its phases, its money, its time and the R² it is for. A plan's newest snapshot "
    "counts, whole; where changes are recorded one by one, scope and progress are counted from these."
)
_SECTIONS = {"completed": "Completed", "decision": "Decisions", "learning": "Learnings", "commit": "Commits"}


def page(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: the four lines, burn-up, phases, moves, adjustments, changes to write back, and the week's papers."""
    newest = _newest(tables["plan_dashboard"])
    if newest is None:
        return {"title": "Plan", "intro": _INTRO, "sections": [{"title": "Plans", "text": "Nothing is recorded yet."}]}
    now = {name: _of_week(rows, newest) for name, rows in tables.items()}
    sections = [
        _lines_section(now["plan_dashboard"], newest),
        *_burn_up_sections(tables["plan_progress"]),
        *_phase_sections(now["plan_phases"], as_of),
        _moves_section(tables["plan_moves"]),
        _adjustment_section(now["estimate_adjustments"]),
        _change_section(now["plan_changes"]),
        _sync_section(now["repository_sync"]),
        _paper_section(tables),
    ]
    return {"title": "Plan", "intro": f"{_INTRO}\n\nAs of {as_of.date()}.", "sections": sections}


def documents(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, str]:
    """The papers of the newest week, and the dashboard of every week."""
    newest = _newest(tables["plan_dashboard"])
    if newest is None:
        return {}
    found = {f"plan/{name}": text for name, text in papers(tables, newest).items()}
    found["plan/CHANGELOG.md"] = f"# Changes by week\n\n{changelog(tables, newest)}"
    for week in _weeks(tables["plan_dashboard"]):
        found[_dashboard_path(week)] = _dashboard(tables, week)
    return found


def newest_week(tables: Tables) -> dt.date | None:
    """The newest recorded week; None when there is none."""
    return _newest(tables["plan_dashboard"])


def headline_of_moves(rows: pa.Table) -> tuple[str, int, None]:
    """How many moves are not in order."""
    strange = [row["moves"] for row in rows.to_pylist() if row["change"] in _OUT_OF_ORDER]
    return "moves out of order", sum(strange), None


def headline_of_progress(rows: pa.Table) -> tuple[str, str, None]:
    """How many items are done."""
    return "done", f"{_sum(rows, 'done')} of {_sum(rows, 'items')}", None


def headline_of_phases(rows: pa.Table) -> tuple[str, str, None]:
    """How many phases are complete."""
    named = [row for row in rows.to_pylist() if row["phase_id"]]
    return "phases complete", f"{sum(row['state'] == 'complete' for row in named)} of {len(named)}", None


def headline_of_dashboard(rows: pa.Table) -> tuple[str, int, None]:
    """How many plans the dashboard shows."""
    return "plans", len({row["plan"] for row in rows.to_pylist() if row["line"] != "r2"}), None


def headline_of_adjustments(rows: pa.Table) -> tuple[str, int, None]:
    """How many estimates would change."""
    return "adjustments", rows.num_rows, None


def headline_of_changelog(rows: pa.Table) -> tuple[str, int, None]:
    """How many items were completed."""
    return "completed", sum(row["section"] == "completed" for row in rows.to_pylist()), None


def headline_of_changes(rows: pa.Table) -> tuple[str, int, None]:
    """How many changes are proposed."""
    return "changes", rows.num_rows, None


def headline_of_sync(rows: pa.Table) -> tuple[str, int, None]:
    """How many files and tags a sync would write."""
    return "to write", sum(row["state"] in ("create", "update") for row in rows.to_pylist()), None


# ---------------------------------------------------------------- papers of a week


def papers(tables: Tables, week: dt.date) -> dict[str, str]:
    """The documents of one week by name, made of nothing later than that week."""
    return {
        "dashboard.md": _dashboard(tables, week),
        "decisions.md": _log(tables, week, "decision", "Decisions", "What was decided, and why; newest first."),
        "learnings.md": _log(tables, week, "learning", "Learnings", "What worked and what did not; newest first."),
    }


def status(tables: Tables, week: dt.date) -> str:
    """The status section of a README: the four lines of every plan."""
    return f"Week of {week}\n\n" + "\n\n".join(f"**{_named(plan)}**\n\n```\n{text}\n```" for plan, text in _four_lines(tables, week)) + "\n"


def changelog(tables: Tables, week: dt.date) -> str:
    """One section per ISO week up to ``week``, the newest first."""
    rows = [row for row in tables["weekly_changelog"].to_pylist() if row["week"] <= week]
    by_week: dict[dt.date, list[Row]] = {}
    for row in rows:
        by_week.setdefault(row["week"], []).append(row)
    return "\n".join(line for each in sorted(by_week, reverse=True) for line in _week_lines(each, by_week[each])) + "\n"


def published(tables: Tables, week: dt.date, tag_prefix: str) -> dict[str, Any]:
    """What a repository shows of one week: documents, the marked sections of README and changelog, tags of completed phases."""
    done = [row for row in _of_week(tables["plan_phases"], week).to_pylist() if row["state"] == "complete" and row["phase_id"]]
    names = ["-".join(part for part in (row["plan"], row["phase_id"]) if part) for row in done]
    tags = [f"{tag_prefix}{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')}" for name in names] if tag_prefix else []
    return {
        "documents": papers(tables, week),
        "readme": status(tables, week),
        "changelog": changelog(tables, week),
        "tags": tuple(dict.fromkeys(tags)),
    }


def _week_lines(week: dt.date, rows: Sequence[Row]) -> Iterator[str]:
    year, number, _ = week.isocalendar()
    yield f"## {year}-W{number:02d} ({week})"
    yield ""
    for section, title in _SECTIONS.items():
        found = [row for row in rows if row["section"] == section]
        if found:
            yield from (f"### {title}", "")
            yield from (f"- {_plain(row['text'])} ({_where(row)})" for row in found)
            yield ""


def _where(row: Row) -> str:
    return _plain(
        " ".join(part for part in (row["place"], row["ref"] if row["section"] in ("completed", "commit") else "") if part) or "plan"
    )


def _log(tables: Tables, week: dt.date, section: str, title: str, intro: str) -> str:
    rows = [row for row in tables["weekly_changelog"].to_pylist() if row["section"] == section and row["week"] <= week]
    rows.sort(key=lambda row: (row["instant"], row["ref"]), reverse=True)
    lines = [f"# {title}", "", intro, ""]
    lines += [f"- {row['instant']:%Y-%m-%d}: {_plain(row['text'])} ({_where(row)})" for row in rows]
    return "\n".join([*lines, *([] if rows else ["None is recorded."])]) + "\n"


def _dashboard(tables: Tables, week: dt.date) -> str:
    lines = [f"# Plan dashboard, week of {week}", ""]
    for plan, text in _four_lines(tables, week):
        lines += [f"## {_plain(_named(plan))}", "", "```", text, "```", ""]
        lines += ["| line | figure | value | from |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {row['line']} | {_plain(row['name'])} | {_value(row)} | {_plain(row['text'])} |" for row in _figures(tables, week, plan)
        ]
        lines.append("")
    phases = [row for row in _of_week(tables["plan_phases"], week).to_pylist() if row["phase_id"]]
    if phases:
        lines += ["## Phases", "", "| plan | phase | state | done | planned | actual |", "| --- | --- | --- | --- | --- | --- |"]
        lines += [f"| {' | '.join(_plain(str(cell)) for cell in _phase_cells(row))} |" for row in phases]
    return "\n".join(lines).rstrip("\n") + "\n"


def _phase_cells(row: Row) -> tuple[str, ...]:
    planned = (
        f"{row['planned_start'] or '?'} to {row['planned_end'] or '?'}" if row["planned_start"] or row["planned_end"] else "not planned"
    )
    actual = f"{row['actual_start'] or '?'} to {row['actual_end'] or 'now'}" if row["actual_start"] or row["actual_end"] else "not recorded"
    title = f"{row['phase_id']} {row['title']}" if row["title"] else row["phase_id"]
    return (row["plan"], title, _words(row["state"]), f"{row['done']} of {row['items']}", planned, actual)


def _four_lines(tables: Tables, week: dt.date) -> Iterator[tuple[str, str]]:
    """Every plan with its lines as text; R² is of no plan, and stands below each."""
    rows = _of_week(tables["plan_dashboard"], week).to_pylist()
    r2 = [_r2_text(row) for row in rows if row["line"] == "r2"]
    for plan in sorted({row["plan"] for row in rows if row["line"] != "r2"}):
        figures = {(row["line"], row["name"]): row for row in rows if row["plan"] == plan}
        lines = []
        if ("phases", "total") in figures:
            told = " | ".join(f"{_of(figures, 'phases', state):.0f} {_words(state)}" for state in ("complete", "in_progress", "todo"))
            lines.append(f"Phases:     {_of(figures, 'phases', 'total'):.0f} total | {told}")
        lines.append(f"Budget:     {_budget_text(figures)}")
        if ("timeline", "behind") in figures:
            lines.append(f"Timeline:   {_time_text(figures)}")
        lines += [f"R²:         {text}" for text in r2 or ["no measured value"]]
        yield plan, "\n".join(lines)


def _of(figures: Mapping[tuple[str, str], Row], line: str, name: str) -> Any:
    return figures[line, name]["value"]


def _budget_text(figures: Mapping[tuple[str, str], Row]) -> str:
    base, realised, variance = (_of(figures, "budget", name) for name in ("base", "realised", "variance"))
    spent = "no cost recorded" if realised is None else f"{realised:,.2f} realised"
    if realised is not None and _of(figures, "budget", "spent") is not None:
        spent += f", {_of(figures, 'budget', 'spent'):.1%} of it"
    told = "no variance without both costs of done items" if variance is None else f"{variance:+.1%} variance on done items"
    return f"{'no total' if base is None else f'{base:,.2f} estimated'} | {spent} | {told}"


def _time_text(figures: Mapping[tuple[str, str], Row]) -> str:
    estimate, elapsed, behind = (figures["timeline", name] for name in ("estimate", "elapsed", "behind"))
    told = "no estimate" if estimate["value"] is None else f"{_range(estimate, '.0f')} days estimated"
    gone = "no start known" if elapsed["value"] is None else f"{elapsed['value']:.0f} elapsed"
    if behind["value"] is None:
        return f"{told} | {gone} | ahead or behind is not known"
    word = "behind" if behind["lower"] > 0 else "ahead" if behind["upper"] < 0 else "within the estimate"
    return f"{told} | {gone} | {abs(behind['value']):.0f} days {word}" if word != "within the estimate" else f"{told} | {gone} | {word}"


def _r2_text(row: Row) -> str:
    arrow = _ARROWS[row["arrow"]]
    return f"{row['name']}: {row['value']:.2f} | Target: {row['lower']:.2f}-{row['upper']:.2f} | Trend: {arrow}"


def _range(row: Row, form: str) -> str:
    low, high = format(row["lower"], form), format(row["upper"], form)
    return low if low == high else f"{low}-{high}"


def _figures(tables: Tables, week: dt.date, plan: str) -> list[Row]:
    rows = _of_week(tables["plan_dashboard"], week).to_pylist()
    return [row for row in rows if row["plan"] == plan or row["line"] == "r2"]


def _value(row: Row) -> str:
    if row["value"] is None:
        return "not known"
    if row["unit"] == "fraction":
        return f"{row['value']:.1%}"
    return f"{row['value']:,.2f} {row['unit']}" if row["unit"] == "currency" else f"{row['value']:,.4g} {row['unit']}".strip()


# ---------------------------------------------------------------- page


def _lines_section(rows: pa.Table, newest: dt.date) -> dict[str, Any]:
    lines = [(plan, *line.split(":", 1)) for plan, text in _four_lines({"plan_dashboard": rows}, newest) for line in text.split("\n")]
    return {
        "title": f"The four lines, week of {newest}",
        "text": "" if lines else "No plan is known.",
        "table": {
            "columns": ["plan", "line", "where it stands"],
            "rows": [(plan or "costs", name, told.strip()) for plan, name, told in lines],
            "note": "Ahead and behind compare the days that have passed with the share of the estimate that the done items stand for. "
            "The dashboard has every figure with its source.",
        },
        "documents": [("This week's dashboard", _dashboard_path(newest))],
    }


def _burn_up_sections(progress: pa.Table) -> Iterator[dict[str, Any]]:
    by_plan: dict[str, list[Row]] = {}
    for row in progress.sort_by([("plan", "ascending"), ("week", "ascending")]).to_pylist():
        by_plan.setdefault(row["plan"], []).append(row)
    for plan, rows in by_plan.items():
        weeks = [row["week"] for row in rows]
        added, removed = sum(row["added"] or 0 for row in rows), sum(row["removed"] or 0 for row in rows)
        yield {
            "title": f"Burn-up of {_named(plan)}",
            "text": f"{rows[-1]['done']} of {rows[-1]['items']} items are done; {added} were added and {removed} removed over these weeks. "
            f"Counted from {rows[-1]['source']}.",
            "plot": {
                "kind": "lines",
                "title": "Items in the plan and done, at the end of each week",
                "series": [
                    {"name": "in the plan", "x": weeks, "y": [float(row["items"]) for row in rows]},
                    {"name": "done", "x": weeks, "y": [float(row["done"]) for row in rows]},
                ],
            },
            "table": {
                "columns": [
                    "week",
                    "items",
                    "done",
                    "in progress",
                    "blocked",
                    "to do",
                    "unknown",
                    "added",
                    "removed",
                    "completed",
                    "reopened",
                ],
                "rows": [_burn_up_row(row) for row in reversed(rows[-_RECENT:])],
                "note": f"At most {_RECENT} weeks; the plot has all. Scope changes add and remove items; reopened ones were done before.",
            },
        }


def _burn_up_row(row: Row) -> tuple[Any, ...]:
    states = (row[name] for name in ("items", "done", "in_progress", "blocked", "todo", "unknown"))
    return (row["week"], *states, *(row[name] for name in ("added", "removed", "completed", "reopened")))


def _phase_sections(phases: pa.Table, as_of: dt.datetime) -> Iterator[dict[str, Any]]:
    by_plan: dict[str, list[Row]] = {}
    for row in phases.sort_by([("plan", "ascending"), ("position", "ascending")]).to_pylist():
        by_plan.setdefault(row["plan"], []).append(row)
    for plan, rows in by_plan.items():
        dated = [row for row in rows if row["planned_start"] and row["planned_end"] or row["actual_start"]]
        yield {
            "title": f"Phases of {_named(plan)}",
            "text": "" if dated else "No phase has a planned or an actual day; there is no timeline to draw.",
            **({"plot": _timeline_plot(dated[:_MOST], as_of)} if dated else {}),
            "table": {
                "columns": ["phase", "title", "state", "items", "done", "planned", "actual", "estimated", "realised", "last note"],
                "rows": [_phase_row(row) for row in rows[:_MOST]],
                "note": f"Shown are {_MOST} of {len(rows)}." if len(rows) > _MOST else "",
            },
        }


def _timeline_plot(rows: Sequence[Row], as_of: dt.datetime) -> dict[str, Any]:
    """Phases from the top: grey what was planned, and a little below it, in colour, what happened until today."""
    today, top = as_of.date(), len(rows)
    planned, actual = [], []
    for place, row in enumerate(rows):
        at, name = float(top - place), " ".join(part for part in (row["phase_id"], row["title"]) if part)
        if row["planned_start"] and row["planned_end"]:
            planned.append({"name": f"{name}, planned", "x": [row["planned_start"], row["planned_end"]], "y": [at, at]})
        if row["actual_start"]:
            end = row["actual_end"] or max(today, row["actual_start"])
            actual.append({"name": name, "x": [row["actual_start"], end], "y": [at - 0.2, at - 0.2]})
    line = {"name": "today", "x": [today, today], "y": [0.0, top + 1.0]}
    return {
        "kind": "lines",
        "title": "Phases over time",
        "subtitle": "The first phase on top; grey as planned, in colour as it happened",
        "series": [line, *actual, *planned],
        "highlight": [each["name"] for each in (line, *actual)],
    }


def _phase_row(row: Row) -> tuple[Any, ...]:
    _, _, state, _, planned, actual = _phase_cells(row)
    told = (row["phase_id"] or "none named", row["title"], state, row["items"], row["done"], planned, actual)
    return (*told, row["estimated_cost"], row["realised_cost"], row["last_note"])


_OUT_OF_ORDER = ("skip", "backward", "out_of_done", "unknown_label")
_MOVE_WORDS = {"skip": "skipped in progress", "backward": "went back", "out_of_done": "left done", "unknown_label": "unknown label"}


def _moves_section(moves: pa.Table) -> dict[str, Any]:
    rows = moves.to_pylist()
    counts: dict[dt.date, dict[str, int]] = {}
    for row in rows:
        of_week = counts.setdefault(row["week"], {})
        of_week[row["change"]] = of_week.get(row["change"], 0) + row["moves"]
    weeks = sorted(counts)
    total = sum(row["moves"] for row in rows)
    told = ", ".join(f"{sum(each.get(kind, 0) for each in counts.values())} {_MOVE_WORDS[kind]}" for kind in _OUT_OF_ORDER)
    series = [
        {"name": _MOVE_WORDS[kind], "x": weeks, "y": [float(counts[week].get(kind, 0)) for week in weeks]}
        for kind in _OUT_OF_ORDER
        if any(kind in each for each in counts.values())
    ]
    wrong = sorted((row for row in rows if row["change"] in _OUT_OF_ORDER), key=lambda row: (row["week"], row["moves"]), reverse=True)
    plot = {"plot": {"kind": "lines", "title": "Moves out of order, by week", "series": series}} if series else {}
    return {
        "title": "Moves between states",
        "text": f"Of {total} changes of status: {told}." if total else "No change of status is recorded.",
        **plot,
        "table": {
            "columns": ["week", "plan", "move", "from", "to", "moves", "items", "some of them"],
            "rows": [_move_row(row) for row in wrong[:_MOST]],
            "note": "Work goes from to do through in progress to done; blocked work stands still and goes on from where it was.",
        },
    }


def _move_row(row: Row) -> tuple[Any, ...]:
    told = (row["week"], row["plan"], _MOVE_WORDS[row["change"]], row["from_status"] or "not set", row["to_status"] or "not set")
    return (*told, row["moves"], row["items"], row["examples"])


def _adjustment_section(rows: pa.Table) -> dict[str, Any]:
    found = rows.to_pylist()
    return {
        "title": "Estimates that the done work suggests",
        "text": f"{len(found)} estimates would change." if found else "No done item has both costs, or every estimate stands already.",
        "table": {
            "columns": [
                "plan",
                "item",
                "title",
                "phase",
                "first estimate",
                "present",
                "new",
                {"name": "factor", "unit": "ratio"},
                "reason",
            ],
            "rows": [_adjustment_row(row) for row in found[:_MOST]],
        },
    }


def _adjustment_row(row: Row) -> tuple[Any, ...]:
    estimates = (row["original_estimate"], row["present_estimate"], row["new_estimate"])
    return (row["plan"], row["item_id"] or row["item_key"], row["title"], row["phase_id"], *estimates, row["factor"], row["reason"])


def _change_section(rows: pa.Table) -> dict[str, Any]:
    found = rows.to_pylist()
    return {
        "title": "Changes for the plan store",
        "text": f"{len(found)} changes are proposed; `governance plan apply` shows them, and writes them when told to."
        if found
        else "Nothing is to be written back.",
        "table": {
            "columns": ["what", "plan", "item", "from", "to", "role", "due", "why"],
            "rows": [
                (row["kind"], row["plan"], row["item_key"], row["old_value"], row["new_value"], row["owner"], row["due_by"], row["reason"])
                for row in found[:_MOST]
            ],
        },
    }


def _sync_section(rows: pa.Table) -> dict[str, Any]:
    found = rows.to_pylist()
    text = "What the repositories show of the plan. `governance sync` shows what it would write, and writes it when told to."
    return {
        "title": "Repositories",
        "text": text if found else "The policy names no repository to publish to.",
        "table": {
            "columns": ["repository", "what", "path", "state", {"name": "drift", "unit": "hours"}, "last written", "what would change"],
            "rows": [_sync_row(row) for row in found[:_MOST]],
        },
    }


def _sync_row(row: Row) -> tuple[Any, ...]:
    written = None if row["written_at"] is None else row["written_at"].date()
    return (row["repository"], row["kind"], row["path"], row["state"], row["drift_hours"], written, row["text"])


def _paper_section(tables: Tables) -> dict[str, Any]:
    weeks = _weeks(tables["plan_dashboard"])
    papers = [("Changes by week", "plan/CHANGELOG.md"), ("Decisions", "plan/decisions.md"), ("Learnings", "plan/learnings.md")]
    return {
        "title": "Papers",
        "text": "Made of the recorded weeks; the dashboard of each week is kept.",
        "documents": [*papers, *((f"Dashboard of {week}", _dashboard_path(week)) for week in reversed(weeks[-_RECENT:]))],
    }


# ---------------------------------------------------------------- small words


def _dashboard_path(week: dt.date) -> str:
    return f"plan/dashboards/{week}.md"


def _of_week(rows: pa.Table, week: dt.date) -> pa.Table:
    return rows.filter(pc.equal(rows["week"], week))


def _weeks(rows: pa.Table) -> list[dt.date]:
    return sorted(pc.unique(rows["week"]).to_pylist())


def _newest(rows: pa.Table) -> dt.date | None:
    found: dt.date | None = pc.max(rows["week"]).as_py() if rows.num_rows else None
    return found


def _sum(rows: pa.Table, name: str) -> int:
    return int(pc.sum(rows[name]).as_py() or 0)


def _named(plan: str) -> str:
    return f"plan {plan}" if plan else "the plan"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(text: str) -> str:
    """Text of others as text: no markup, no line of its own."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in " ".join(text.split()))
