"""Plots of named things rather than of points over an axis: ranges as horizontal bars, and a matrix of levels.

Belongs here: their shapes, layout and geometry. Does not belong here: curves and histograms (``plots.py``), or colours (``theme.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from governance_assets.pages import render, wording
from governance_assets.pages.scales import number_axis

_CHARACTER = 7.4
_ROW, _BAR = 30, 14
_LONGEST_NAME = 30
_CELL = 66
_MOST_IN_CELL = 3


class BoardError(ValueError):
    """A board is described wrongly."""


@dataclass(frozen=True)
class Range:
    """A named value with the band of its uncertainty, and how far what is unknown could take it; each end may be None."""

    name: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Ranges:
    """Horizontal bars from 0 to each value on an axis from 0 to 100; ``references`` are value and label of vertical lines."""

    title: str
    rows: tuple[Range, ...]
    subtitle: str = ""
    x_label: str = ""
    references: tuple[tuple[float, str], ...] = ()
    kind: str = "ranges"


@dataclass(frozen=True)
class Matrix:
    """Named points on a square of levels, the first level at the bottom left; ``points`` are across, up (from 1) and name."""

    title: str
    levels: tuple[str, ...]
    points: tuple[tuple[int, int, str], ...]
    x_label: str = ""
    y_label: str = ""
    kind: str = "matrix"


Board = Ranges | Matrix
KINDS = ("ranges", "matrix")


def board_from(described: Mapping[str, Any]) -> Board:
    """``described``, a mapping with a ``kind`` of ``KINDS``, as a board. Raises BoardError naming an unknown key."""
    shape: type[Ranges] | type[Matrix] = Ranges if described["kind"] == "ranges" else Matrix
    known = {field.name for field in fields(shape)}
    unknown = sorted(set(described) - known)
    if unknown:
        raise BoardError(f"{described['kind']}: found {', '.join(unknown)}, expected only {', '.join(sorted(known))}")
    given = dict(described)
    if shape is Ranges:
        given["rows"] = tuple(row if isinstance(row, Range) else Range(**row) for row in given["rows"])
        given["references"] = tuple(
            (one["value"], one["label"]) if isinstance(one, Mapping) else one for one in given.get("references", ())
        )
        return Ranges(**given)
    return Matrix(**given | {"levels": tuple(given["levels"]), "points": tuple(tuple(point) for point in given["points"])})


def drawing(board: Board, width: int) -> dict[str, Any]:
    """What ``templates/board.svg`` draws."""
    identity = hashlib.sha256(repr((board, width)).encode("utf-8", "backslashreplace")).hexdigest()[:10]
    made = _ranges(board, width) if isinstance(board, Ranges) else _matrix(board)
    return {"id": identity, "board": board} | made


def svg(board: Board, width: int, style: str) -> str:
    """The board as one SVG text; ``style`` is the style sheet of plots, or empty on a page that carries it."""
    return render.template("board.svg").render(drawing=drawing(board, width), style=style)


def _ranges(board: Ranges, width: int) -> dict[str, Any]:
    longest = max((len(row.name) for row in board.rows), default=0)
    is_narrow = width < 500
    left = 12 if is_narrow else 20 + int(_CHARACTER * min(longest, _LONGEST_NAME))
    step = _ROW + (18 if is_narrow else 0)
    top = 8 + 19 + (17 if board.subtitle and not is_narrow else 0) + 18
    bottom = top + step * len(board.rows) + 6
    x = number_axis((0, 100), left, width - 76, 5)
    bars = [_bar(row, x, top + step * place + (18 if is_narrow else 0)) for place, row in enumerate(board.rows)]
    told = "; ".join(f"{row.name}: {wording.figure(row.value)}" for row in board.rows) or "no data"
    names = [(x.at(value), label) for value, label in board.references]
    return {
        "width": width,
        "height": bottom + 48 + 20 * (len(names) if is_narrow else bool(names)),
        "top": top,
        "bottom": bottom,
        "left": left,
        "x": x,
        "bars": bars,
        "is_narrow": is_narrow,
        "references": names,
        "description": told,
    }


def _bar(row: Range, x: Any, top: float) -> dict[str, Any]:
    value = None if row.value is None else x.at(row.value)
    words = f"{row.name}: {wording.figure(row.value)}"
    if row.lower is not None and row.upper is not None:
        words += f" ({wording.figure(row.lower)} to {wording.figure(row.upper)})"
    reach = (x.at(row.least), x.at(row.most)) if row.least is not None and row.most is not None and row.most > row.least else None
    return {
        "name": row.name[:_LONGEST_NAME],
        "label": "unknown" if row.value is None else f"{row.value:.1f}",
        "words": words,
        "y": top + (_ROW - _BAR) / 2,
        "height": _BAR,
        "from": x.at(0),
        "to": value,
        "reach": reach,
        "band": (x.at(row.lower), x.at(row.upper)) if row.lower is not None and row.upper is not None else None,
    }


def _matrix(board: Matrix) -> dict[str, Any]:
    n, left, top = len(board.levels), 78, 46
    cells = []
    for across in range(1, n + 1):
        for up in range(1, n + 1):
            names = [name for x, y, name in board.points if (x, y) == (across, up)]
            lines = names if len(names) <= _MOST_IN_CELL else [*names[: _MOST_IN_CELL - 1], f"+{len(names) - _MOST_IN_CELL + 1} more"]
            tone = _tone(across * up, n)
            box = {"x": left + _CELL * (across - 1), "y": top + _CELL * (n - up), "tone": tone, "names": lines, "all": ", ".join(names)}
            cells.append(box)
    told = "; ".join(f"{name}: {board.y_label} {board.levels[y - 1]}, {board.x_label} {board.levels[x - 1]}" for x, y, name in board.points)
    size = {"width": 360, "height": top + _CELL * n + 48, "left": left, "top": top, "bottom": top + _CELL * n, "cell": _CELL}
    return size | {"cells": cells, "description": told or "no open risk"}


def _tone(exposure: int, n: int) -> str:
    """High from three quarters of the way of impact times probability that the second-highest pair reaches, middle from half of it."""
    high = (n - 1) * (n // 2)
    return "fail" if exposure >= high else "warn" if exposure >= max(high // 2, 1) else "pass"


def tones(levels: Sequence[str]) -> dict[tuple[int, int], str]:
    """The tone of every cell, for a test that looks at the whole board."""
    n = len(levels)
    return {(x, y): _tone(x * y, n) for x in range(1, n + 1) for y in range(1, n + 1)}
