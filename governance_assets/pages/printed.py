"""A page model as a document of its own: Markdown, or HTML that prints well and needs nothing beside it.

Belongs here: arrangement and markup. Does not belong here: what a document tells (a domain's ``report.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from governance_assets.pages import plots, render
from governance_assets.pages.model import Page, page_from
from governance_assets.pages.site import table_view


def as_markdown(described: Page | Mapping[str, Any]) -> str:
    """Headings, paragraphs and tables; plots are left to the HTML."""
    return "\n".join(_lines(page_from(described))) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield from (f"# {page.title}", "", page.intro)
    for section in page.sections:
        yield from ("", f"## {section.title}", "")
        if section.text:
            yield from (section.text, "")
        if section.table:
            view = table_view(section.table)
            names = [f"{one['name']} ({one['unit']})" if one["unit"] else one["name"] for one in view["columns"]]
            yield _row(names)
            yield _row(["---:" if one["kind"] == "number" else "---" for one in view["columns"]])
            yield from (_row(row) for row in view["rows"])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), '<br>') for cell in cells)} |"


def as_html(described: Page | Mapping[str, Any]) -> str:
    """One file with its style and its plots inside; it fits A4 and Letter."""
    page = page_from(described)
    sections = [
        {
            "title": section.title,
            "paragraphs": [part for part in section.text.split("\n\n") if part],
            "plots": [Markup(plots.svg(plot, plots.WIDE, is_inline=True)) for plot in section.plots],
            "table": table_view(section.table) if section.table else None,
        }
        for section in page.sections
    ]
    intro = [part for part in page.intro.split("\n\n") if part]
    return render.template("printed.html").render(title=page.title, intro=intro, sections=sections, style=plots.style())
