"""The site: from states, page models and the catalogue to a folder of self-contained pages, as texts.

Belongs here: which pages there are, and the order in which things stand on them. Does not belong here: markup (templates),
figures and verdicts (they arrive decided), writing files (``runtime/site.py``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from governance_assets.domains import FLOW
from governance_assets.finding import Finding
from governance_assets.pages import plots, render, theme, wording
from governance_assets.pages.catalogue import Catalogue, domains, policy_sections
from governance_assets.pages.model import ArtifactState, Column, Front, Page, PageError, Rejected, Section, Table, Told, page_from

FRONT, CATALOGUE, DATA = "index.html", "catalogue.html", "data.html"
DOCUMENTS = "documents"
"""Folder, beside the pages, of the files that domains write for readers: reports in Markdown, tables in CSV."""
MAX_FRONT_BYTES = 2_000_000
_MOST_MESSAGES = 40  # of one rule on one artifact; the rest is counted
_MOST_RECORDS = 500  # refused records on the data page; the rest is counted
_MOST_TOLD = 4  # lines of what changed, and of what is to be decided, before the rest is folded away
_SHORT_CELL = 16  # a column of cells no longer than this does not break lines
_LONG_CELL = 40  # a table with longer cells is stacked on a phone; others scroll sideways
_PAGE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = {FRONT, CATALOGUE, DATA}
_RECORD_COLUMNS = ("file", "row", "column", "found", "expected", "next_step", "scope", "rows")


@dataclass(frozen=True)
class Answer:
    """The answer to “are we all right?”: a word, its verdict, and the sentence that says why."""

    word: str
    verdict: str
    sentence: str


@dataclass(frozen=True)
class Matter:
    """One thing that needs attention: the findings of one artifact under one rule."""

    state: ArtifactState
    findings: tuple[Finding, ...]
    verdict: str

    @property
    def first(self) -> Finding:
        """The finding whose rule and remedy stand for all."""
        return self.findings[0]


def build(
    front: Front,
    pages: Mapping[str, Page | Mapping[str, Any]],
    catalogue: Catalogue,
    rejected: Rejected | None = None,
) -> dict[str, str]:
    """Every page of the site by its file name; equal input gives equal text.

    ``pages`` has a page model for each domain by the domain's name. Raises PageError when a page is described wrongly, or
    the front page outgrows its size.
    """
    models = {name: page_from(pages[name]) for name in sorted(pages, key=_place)}
    wrong = [name for name in models if not _PAGE_NAME.fullmatch(name) or f"{name}.html" in _RESERVED]
    if wrong:
        raise PageError(f"page names: found {', '.join(map(repr, wrong))}, expected names of domains")
    frame = _frame(front, models)
    site = {
        FRONT: _render("front.html", frame, FRONT, **_front(front, models)),
        **{f"{name}.html": _render("page.html", frame, f"{name}.html", **_page(model)) for name, model in models.items()},
        CATALOGUE: _render("catalogue.html", frame, CATALOGUE, **_catalogue(catalogue)),
        DATA: _render("page.html", frame, DATA, **_page(_data_page(rejected or Rejected()))),
    }
    size = len(site[FRONT].encode())
    if size > MAX_FRONT_BYTES:
        raise PageError(f"{FRONT}: found {size:,} bytes, expected at most {MAX_FRONT_BYTES:,}; shorten headlines or messages")
    return site


def answer(states: Sequence[ArtifactState]) -> Answer:
    """Are we all right? The worst verdict decides; what is unknown or missing is never a yes."""
    whole = wording.count(len(states), "artifact")
    failing = [state.artifact for state in states if state.verdict in ("error", "fail")]
    unjudged = [state.artifact for state in states if state.is_unjudged]
    warned = [state.artifact for state in states if state.verdict == "warn"]
    if not states:
        return Answer("Nothing is known yet", "never", "No artifact has been recorded. Run governance run first.")
    if failing:
        return Answer("No", "fail", f"{len(failing)} of {whole} {_verb(failing, 'fails', 'fail')}: {_listed(failing)}.")
    calm = f"Nothing fails; {len(warned)} {_verb(warned, 'warns', 'warn')}." if warned else "Nothing fails."
    if unjudged:
        return Answer("We cannot tell", "unknown", f"{len(unjudged)} of {whole} cannot be judged in full: {_listed(unjudged)}. {calm}")
    if warned:
        sentence = f"{len(warned)} of {whole} {_verb(warned, 'warns', 'warn')}: {_listed(warned)}. Nothing fails."
        return Answer("Yes, with warnings", "warn", sentence)
    if not any(state.verdict == "pass" for state in states):
        return Answer("We cannot tell", "unknown", f"No check applied to any of {whole}.")
    return Answer("Yes", "pass", f"{whole}: no check fails, none warns, none is unknown.")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    return ", ".join(names[:_MOST_TOLD]) + more


def matters(states: Iterable[ArtifactState]) -> list[Matter]:
    """What needs attention, worst first: failures and errors, then warnings, then what could not be judged."""
    found = []
    for state in states:
        judged = sorted((f for f in state.findings if _verdict(f) in _URGENCY), key=lambda f: (f.rule, f.outcome, f.subject))
        for _, group in groupby(judged, key=lambda f: (f.rule, f.outcome)):
            findings = tuple(group)
            found.append(Matter(state, findings, _verdict(findings[0])))
    return sorted(found, key=lambda matter: _URGENCY[matter.verdict])


def changes(states: Iterable[ArtifactState]) -> list[Told]:
    """Verdicts that are other than those of the partition before, the gravest first."""
    found = []
    for state in states:
        keys = [key for key, _ in state.recent]
        place = keys.index(state.partition_key) if state.partition_key in keys else 0
        before, now = (state.recent[place - 1][1], state.recent[place][1]) if place else ("", "")
        if before == now or not {before, now} & _TELLING or not {before, now} <= _TELLING | {"pass", "not_applicable"}:
            continue
        words = f"{wording.VERDICTS[before].word.lower()} to {wording.VERDICTS[now].word.lower()}"
        found.append((list(wording.VERDICTS).index(now), Told(f"{state.artifact}: {words}, {state.partition_key}", state.domain)))
    return [told for _, told in sorted(found, key=lambda one: one[0])]


_TELLING = {"error", "fail", "warn"}
_URGENCY = {"error": 0, "fail": 1, "warn": 2, "unknown": 3}


def _verdict(finding: Finding) -> str:
    return "warn" if finding.outcome == "fail" and finding.severity == "warn" else finding.outcome


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many


def _place(domain: str) -> tuple[int, str]:
    return (FLOW.index(domain) if domain in FLOW else len(FLOW), domain)


def _render(template: str, frame: Mapping[str, Any], here: str, **content: Any) -> str:
    return render.template(template).render(**frame, here=here, **content)


def _frame(front: Front, models: Mapping[str, Page]) -> dict[str, Any]:
    """What every page carries."""
    links = [(FRONT, "Overview"), *((f"{name}.html", model.title) for name, model in models.items())]
    return {
        "site_title": front.title,
        "as_of": front.as_of,
        "is_synthetic": front.is_synthetic,
        "provenance": front.provenance,
        "links": [*links, (CATALOGUE, "Catalogue"), (DATA, "Refused data")],
        "style": _style(),
    }


def _style() -> Markup:
    light, dark = theme.declarations(theme.LIGHT), theme.declarations(theme.DARK)
    return Markup(render.template("style.css").render(light=light, dark=dark)) + plots.style()


def _front(front: Front, models: Mapping[str, Page]) -> dict[str, Any]:
    states = sorted(front.states, key=lambda state: _place(state.domain))
    groups = [(name, list(group)) for name, group in groupby(states, key=lambda state: state.domain)]
    urgent = matters(states)
    tally = Counter(state.verdict for state in states)
    return {
        "title": front.title,
        "answer": answer(states),
        "notes": front.notes,
        "glances": [
            ("What changed", "Nothing since the period before.", [*front.changed, *changes(states)]),
            ("What must I decide", "Nothing waits for a decision.", front.to_decide),
        ],
        "most_told": _MOST_TOLD,
        "tally": [(verdict, tally[verdict]) for verdict in wording.VERDICTS if tally[verdict]],
        "urgent": [matter for matter in urgent if matter.verdict != "unknown"],
        "open_matters": [matter for matter in urgent if matter.verdict == "unknown"],
        "most_messages": _MOST_MESSAGES,
        "groups": groups,
        "questions": {name: question[:1].upper() + question[1:] for name, question in front.questions.items()},
        "pages": {name: f"{name}.html" for name in models},
        "recent_words": {state.artifact: _recent_words(state) for state in states},
    }


def _recent_words(state: ArtifactState) -> str:
    tally = Counter(verdict for _, verdict in state.recent)
    counted = ", ".join(f"{tally[name]} {verdict.word.lower()}" for name, verdict in wording.VERDICTS.items() if tally[name])
    return f"last {len(state.recent)} partitions: {counted}"


def _page(model: Page) -> dict[str, Any]:
    return {"title": model.title, "intro": _paragraphs(model.intro), "sections": [_section(section) for section in model.sections]}


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "paragraphs": _paragraphs(section.text),
        "plots": [_drawn(plot) for plot in section.plots],
        "table": table_view(section.table) if section.table else None,
        "documents": [(text, f"{DOCUMENTS}/{path}") for text, path in section.documents],
    }


def _drawn(plot: plots.Plot | plots.Board) -> dict[str, Any]:
    """A plot for the page; what grows with the page comes twice, for wide and for narrow screens, so that text keeps its size."""
    narrow = Markup(plots.svg(plot, plots.NARROW, is_inline=True))
    wide = Markup(plots.svg(plot, plots.WIDE, is_inline=True)) if plots.is_wide(plot) else None
    return {"wide": wide, "narrow": narrow}


def table_view(table: Table) -> dict[str, Any]:
    """The table with every cell as text and every column with its style."""
    kinds = [_kind(column, [row[n] for row in table.rows]) for n, column in enumerate(table.columns)]
    columns = [
        {"name": column.name, "unit": "" if column.unit in ("", "fraction") else column.unit, "kind": kind}
        for column, kind in zip(table.columns, kinds, strict=True)
    ]
    units = [column.unit for column in table.columns]
    rows = [[_cell(value, kind, unit) for value, kind, unit in zip(row, kinds, units, strict=True)] for row in table.rows]
    for n, column in enumerate(columns):
        column["is_short"] = all(len(row[n]) <= _SHORT_CELL for row in rows)
    stacks = any(len(cell) > _LONG_CELL for row in rows for cell in row)
    return {"columns": columns, "rows": rows, "note": table.note, "stacks": stacks}


def _cell(value: Any, kind: str, unit: str) -> str:
    return str(value) if kind == "verdict" and value in wording.VERDICTS else wording.figure(value, unit)


def _kind(column: Column, values: Sequence[Any]) -> str:
    if column.kind:
        return column.kind
    seen = [value for value in values if value is not None]
    is_number = bool(seen) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in seen)
    return "number" if is_number else "text"


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def _catalogue(catalogue: Catalogue) -> dict[str, Any]:
    found = domains(catalogue, FLOW)
    for domain in found:
        domain["rules"] = table_view(domain["rules"]) if domain["rules"] else None
        for artifact in domain["artifacts"]:
            artifact["table"] = table_view(artifact["table"])
    sections = [section | {"table": table_view(section["table"])} for section in policy_sections(catalogue.policy)]
    return {"title": "Catalogue", "domains": found, "policy": sections}


def _data_page(rejected: Rejected) -> Page:
    shown = sorted(rejected.records, key=lambda record: (str(record.get("file")), int(record.get("record") or 0)))[:_MOST_RECORDS]
    sections = [_records_section(shown, max(rejected.total, len(rejected.records)))]
    if rejected.ignored:
        table = Table((Column("File"), Column("Reason")), tuple(sorted(rejected.ignored)))
        sections.append(
            Section("Files that are no telemetry", "They were left alone, and are listed so that nothing disappears.", table=table)
        )
    intro = "What arrived and could not be used, with the place, what was found, what was expected, and the next step."
    return Page("Refused data", intro, tuple(sections))


def _records_section(shown: Sequence[Mapping[str, Any]], total: int) -> Section:
    if not total:
        return Section("Refused records", "Nothing was refused.")
    refused = f"{wording.count(total, 'row or file was', 'rows or files were')} refused. "
    cut = f"At most {_MOST_RECORDS:,} records are shown; all are in the artifact rejected_records." if len(shown) == _MOST_RECORDS else ""
    columns = tuple(Column(name.replace("_", " ").capitalize()) for name in _RECORD_COLUMNS)
    rows = tuple(tuple(record.get(name) for name in _RECORD_COLUMNS) for record in shown)
    return Section("Refused records", refused + cut, table=Table(columns, rows))
