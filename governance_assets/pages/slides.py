"""Tables as a slide deck, for readers who paste.

Belongs here: one slide a table, as the bytes of a PPTX file. Does not belong here: what stands in it (a domain's ``report.py``).

The library that writes the format is optional (the extra ``[export]``) and imported late.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MEDIA_TYPE_FIRST = "[Content_Types].xml"
_INCHES_WIDE, _INCHES_HIGH, _MARGIN = 13.333, 7.5, 0.5
_ROWS_A_SLIDE = 14
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # a file's own time would make equal decks differ


@dataclass(frozen=True)
class Slide:
    """A heading, a table with its column names, and a sentence below it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def is_available() -> bool:
    """Whether the library that writes slides is installed."""
    return importlib.util.find_spec("pptx") is not None


def deck(slides: Sequence[Slide], as_of: dt.datetime) -> bytes:
    """The slides as a PPTX file; equal slides and instant give equal bytes. A table too long for a slide goes on on the next."""
    from pptx import Presentation
    from pptx.util import Inches

    made = Presentation()
    made.slide_width, made.slide_height = Inches(_INCHES_WIDE), Inches(_INCHES_HIGH)
    about = made.core_properties
    about.title, about.author = slides[0].title if slides else "", ""
    about.created = about.modified = as_of.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)
    for slide in slides:
        for start in range(0, max(len(slide.rows), 1), _ROWS_A_SLIDE):
            _add(made, slide, slide.rows[start : start + _ROWS_A_SLIDE])
    written = io.BytesIO()
    made.save(written)
    return _timeless(written)


def _add(made: Any, slide: Slide, rows: Sequence[Sequence[str]]) -> None:
    from pptx.util import Inches, Pt

    page = made.slides.add_slide(made.slide_layouts[5])  # a title and nothing else
    page.shapes.title.text = slide.title
    page.shapes.title.left, page.shapes.title.top = Inches(_MARGIN), Inches(0.3)
    page.shapes.title.width, page.shapes.title.height = Inches(_INCHES_WIDE - 2 * _MARGIN), Inches(0.9)
    page.shapes.title.text_frame.paragraphs[0].runs[0].font.size = Pt(26)
    width, height = Inches(_INCHES_WIDE - 2 * _MARGIN), Inches(0.36 * (len(rows) + 1))
    table = page.shapes.add_table(len(rows) + 1, len(slide.columns), Inches(_MARGIN), Inches(1.3), width, height).table
    for place, cells in enumerate([slide.columns, *rows]):
        for column, text in enumerate(cells):
            cell = table.cell(place, column)
            cell.text = text
            cell.text_frame.paragraphs[0].font.size = Pt(13)
    box = page.shapes.add_textbox(Inches(_MARGIN), Inches(_INCHES_HIGH - 0.8), width, Inches(0.5))
    box.text_frame.word_wrap = True
    box.text_frame.text = slide.note
    box.text_frame.paragraphs[0].font.size = Pt(11)


def _timeless(written: io.BytesIO) -> bytes:
    """The archive without the times of its parts, which tell nothing and differ."""
    again = io.BytesIO()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(source.namelist(), key=lambda name: (name != _MEDIA_TYPE_FIRST, name)):
            target.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), source.read(name), zipfile.ZIP_DEFLATED)
    return again.getvalue()
