"""What a page is made of: tables, sections, and the state of artifacts shown on the front page.

Belongs here: frozen shapes that a domain's ``report.py`` and the runtime fill. Does not belong here: markup (templates) or
computing what fills them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from governance_assets.finding import MATCHES_CONTRACT, Finding
from governance_assets.pages.plots import Board, Plot, plot_from
from governance_assets.pages.wording import verdict_of

Cell = Any
"""Text, a number, a date, a truth value or None; in a column of kind ``verdict`` a verdict's name."""


class PageError(ValueError):
    """A page is described wrongly."""


@dataclass(frozen=True)
class Column:
    """A heading; ``unit`` is shown with it (a fraction reads as per cent), ``kind`` is text, number or verdict."""

    name: str
    unit: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells below headings; ``note`` explains what cannot be seen."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        wrong = next((n for n, row in enumerate(self.rows) if len(row) != len(self.columns)), None)
        if wrong is not None:
            raise PageError(f"table row {wrong}: found {len(self.rows[wrong])} cells, expected {len(self.columns)}, one a column")


@dataclass(frozen=True)
class Section:
    """A heading with text (blank lines part paragraphs), plots, a table and documents; each may be absent.

    ``documents`` are what is shown of a link and the path of the document, as the domain's ``documents`` names it.
    """

    title: str
    text: str = ""
    plots: tuple[Plot | Board, ...] = ()
    table: Table | None = None
    documents: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Page:
    """A domain's page."""

    title: str
    intro: str = ""
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class ArtifactState:
    """The newest recorded partition of one artifact, with the findings that hold for it."""

    artifact: str
    domain: str
    description: str = ""
    owner: str = ""
    grain: str = "none"
    partition_key: str | None = None
    """None when nothing was ever recorded."""
    is_open: bool = False
    rows: int | None = None
    headline: str = ""
    findings: tuple[Finding, ...] = ()
    recorded_at: dt.datetime | None = None
    revision: int | None = None
    restatements: int = 0
    partitions: int = 0
    recent: tuple[tuple[str, str], ...] = ()
    """Partition key and verdict of the last partitions, oldest first."""

    @property
    def verdict(self) -> str:
        """The verdict's name, worst first; ``never`` when neither rows nor findings were ever recorded.

        That no row breaks a contract says nothing where there is none: such a table is not applicable, and no pass.
        """
        if self.partition_key is None and not self.findings:
            return "never"
        if self.rows == 0 and all(finding.outcome == "not_applicable" or finding.rule == MATCHES_CONTRACT for finding in self.findings):
            return verdict_of(finding for finding in self.findings if finding.outcome != "pass")
        return verdict_of(self.findings)

    @property
    def is_unjudged(self) -> bool:
        """Whether something about it is not known: nothing recorded, or a check without its facts."""
        return self.verdict == "never" or any(finding.outcome == "unknown" for finding in self.findings)

    @property
    def n_passed(self) -> int:
        """How many findings passed."""
        return sum(finding.outcome == "pass" for finding in self.findings)

    @property
    def n_judged(self) -> int:
        """How many findings reached a verdict or should have."""
        return sum(finding.outcome != "not_applicable" for finding in self.findings)


@dataclass(frozen=True)
class Told:
    """One line of the front page, and the domain whose page has the rest."""

    text: str
    domain: str


@dataclass(frozen=True)
class Front:
    """Everything the front page shows."""

    as_of: dt.datetime
    states: tuple[ArtifactState, ...]
    title: str = "Model governance"
    is_synthetic: bool = False
    questions: Mapping[str, str] = field(default_factory=dict)
    """The question each domain answers."""
    notes: tuple[str, ...] = ()
    """Sentences shown below the answer, such as what was ignored."""
    changed: tuple[Told, ...] = ()
    """What domains tell of changes, beside verdicts that changed."""
    to_decide: tuple[Told, ...] = ()
    """What waits for somebody's decision."""
    provenance: tuple[tuple[str, str], ...] = ()
    """Label and value pairs for the footer of every page: policy digest, code version, ledger head."""


@dataclass(frozen=True)
class Rejected:
    """Refused records for the data page, how many rows and files they refuse, and files that are no telemetry."""

    records: tuple[Mapping[str, Any], ...] = ()
    total: int = 0
    ignored: tuple[tuple[str, str], ...] = ()


def page_from(described: Page | Mapping[str, Any]) -> Page:
    """``described`` as a Page.

    A mapping has ``title``, ``intro`` and ``sections``; a section ``title``, ``text``, ``plot`` or ``plots``,
    ``table`` and ``documents``; a table ``columns`` (names or mappings), ``rows`` and ``note``. Raises PageError naming an unknown key.
    """
    if isinstance(described, Page):
        return described
    given = _known(Page, described, "page")
    return Page(**given | {"sections": tuple(section_from(section) for section in given.get("sections", ()))})


def section_from(described: Section | Mapping[str, Any]) -> Section:
    """``described`` as a Section."""
    if isinstance(described, Section):
        return described
    given = _known(Section, described, "section", extra=("plot",))
    plot, plots, table = given.pop("plot", None), given.get("plots", ()), given.get("table")
    drawn = tuple(plot_from(one) for one in ([plot] if plot is not None else []) + list(plots))
    linked = tuple((str(text), str(path)) for text, path in given.get("documents", ()))
    return Section(**given | {"plots": drawn, "table": None if table is None else table_from(table), "documents": linked})


def table_from(described: Table | Mapping[str, Any]) -> Table:
    """``described`` as a Table."""
    if isinstance(described, Table):
        return described
    given = _known(Table, described, "table")
    columns = tuple(_column(column) for column in given["columns"])
    return Table(**given | {"columns": columns, "rows": tuple(tuple(row) for row in given["rows"])})


def _column(described: Column | str | Mapping[str, Any]) -> Column:
    if isinstance(described, Column):
        return described
    return Column(described) if isinstance(described, str) else Column(**_known(Column, described, "column"))


def _known(shape: type, described: Mapping[str, Any], name: str, extra: Sequence[str] = ()) -> dict[str, Any]:
    known = {*(one.name for one in fields(shape)), *extra}
    unknown = sorted(set(described) - known)
    if unknown:
        raise PageError(f"{name}: found {', '.join(unknown)}, expected only {', '.join(sorted(known))}")
    return dict(described)
