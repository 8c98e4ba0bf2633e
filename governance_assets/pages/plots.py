"""Plots as small SVG texts, readable on light and dark.

Belongs here: what a plot is, its layout and its geometry. Does not belong here: choosing what to plot (a domain's
``report.py``), axes (``scales.py``), points (``traces.py``), colours (``theme.py``) or markup (``templates/plot.svg``).

Drawn by hand rather than by a plotting library: the text is a tenth of the size, equal for equal input, wears the page's
colours, and needs no import that takes half a second.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import textwrap
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from markupsafe import Markup

from governance_assets.pages import boards, render, theme, wording
from governance_assets.pages.boards import Board
from governance_assets.pages.scales import Axis, date_axis, number_axis
from governance_assets.pages.traces import Point, Trace, Value, ordinal, path, spacing, thinned, trace

Kind = Literal["lines", "intervals", "reliability", "bars"]

OVER_TIME = ("lines", "intervals")
"""Kinds that grow with the page; the others keep their width."""
WIDE, NARROW = 880, 360
"""Widths in pixels for a page and for a phone; text keeps its size."""
MAX_IMAGE_BYTES = 50_000
"""Dagster keeps an inline image with every materialisation."""
_LONGEST_NAME = 24
_LABEL_GAP = 16.0
_ASIDE = 7.0  # pixels between the bars of two series at one date
_SIDE_ROOM = 0.06
_MOST_BANDS = 3  # more bands than this hide each other
_CHARACTER = 7.4  # average width of a character at 12.5 px in the widest of the common sans-serif fonts (Verdana, DejaVu)
_POINTS_OF_OTHERS = 2600  # keeps 50 models × 260 weeks below the size of an inline image
_MARKERS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "M-3.6-3.6h7.2v7.2h-7.2z",
    "M0-4.6L4.4 3.4h-8.8z",
    "M0-5L4.6 0L0 5L-4.6 0z",
    "M0 4.6L4.4-3.4h-8.8z",
    "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
)


class PlotError(ValueError):
    """A plot is described wrongly."""


@dataclass(frozen=True)
class Series:
    """Named points; ``lower`` and ``upper`` are the ends of an interval for each, or empty."""

    name: str
    x: Sequence[Value]
    y: Sequence[float | None]
    lower: Sequence[float | None] = ()
    upper: Sequence[float | None] = ()

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.y)} | {len(ends) for ends in (self.lower, self.upper) if len(ends)}
        if len(lengths) > 1 or bool(len(self.lower)) != bool(len(self.upper)):
            sizes = f"x {len(self.x)}, y {len(self.y)}, lower {len(self.lower)}, upper {len(self.upper)}"
            raise PlotError(f"series {self.name!r}: found {sizes} points, expected equally many (both interval ends or none)")


@dataclass(frozen=True)
class Reference:
    """A horizontal line with its meaning, such as a nominal coverage or a limit."""

    value: float
    label: str


@dataclass(frozen=True)
class Spot:
    """A marked place on one of the lines, such as where we are now; a ring, or filled."""

    series: str
    x: Value
    y: float
    words: str
    is_ring: bool = False


@dataclass(frozen=True)
class Plot:
    """What to draw.

    ``lines`` run over dates (ISO text or dates) or numbers, with a band where a series has an interval, and ``spots`` on them;
    ``intervals`` are points over dates or numbers, each with the bar of its interval; ``reliability`` sets
    observed shares against nominal ones; ``bars`` is one series over the middles of equal bins. The series named by
    ``highlight``, else the first ones, get a colour and a label; the rest are grey. ``above`` and ``below`` say what
    the two sides of a reliability diagonal mean.
    """

    kind: Kind
    title: str
    series: tuple[Series, ...]
    subtitle: str = ""
    description: str = ""
    unit: str = ""
    x_label: str = ""
    references: tuple[Reference, ...] = ()
    spots: tuple[Spot, ...] = ()
    highlight: tuple[str, ...] = ()
    above: str = ""
    below: str = ""


def plot_from(described: Plot | Board | Mapping[str, Any]) -> Plot | Board:
    """``described`` as a Plot or Board; a mapping has the same names, its series, rows and references may be mappings too."""
    if not isinstance(described, Mapping):
        return described
    if described.get("kind") in boards.KINDS:
        return boards.board_from(described)
    known = {field.name for field in fields(Plot)}
    unknown = sorted(set(described) - known)
    if unknown:
        raise PlotError(f"plot: found {', '.join(unknown)}, expected only {', '.join(sorted(known))}")
    given = dict(described)
    given["series"] = tuple(s if isinstance(s, Series) else Series(**s) for s in given.get("series", ()))
    given["references"] = tuple(r if isinstance(r, Reference) else Reference(**r) for r in given.get("references", ()))
    given["spots"] = tuple(spot if isinstance(spot, Spot) else Spot(**spot) for spot in given.get("spots", ()))
    given["highlight"] = tuple(given.get("highlight", ()))
    return Plot(**given)


def is_wide(plot: Plot | Board) -> bool:
    """Whether a plot uses the width of a page, and is drawn apart for a phone."""
    return plot.kind in OVER_TIME or plot.kind == "ranges"


def svg(described: Plot | Board | Mapping[str, Any], width: int = WIDE, is_inline: bool = False) -> str:
    """The plot as one SVG text that follows the reader's light or dark scheme.

    ``is_inline`` leaves the style sheet out, for a page that already carries it. Reliability plots, bars and matrices keep
    their own, narrow width.
    """
    plot = plot_from(described)
    if not isinstance(plot, Plot):
        return boards.svg(plot, width, "" if is_inline else style())
    return render.template("plot.svg").render(drawing=_drawing(plot, width), style="" if is_inline else style())


def style() -> Markup:
    """The style sheet of plots: colours for light and dark, and for a fixed light sheet."""
    light, dark = theme.declarations(theme.LIGHT), theme.declarations(theme.DARK)
    return Markup(render.template("plot.css").render(light=light, dark=dark, series=range(theme.N_SERIES)))


def markdown_image(drawn: str, alternative: str = "plot") -> str:
    """``drawn`` as a Markdown image with its data inside, on a light sheet of its own.

    For Dagster's metadata, where an image sees neither the page's colours nor its scheme. Raises PlotError beyond
    50 kB.
    """
    fixed = drawn.replace('class="plot"', 'class="plot sheet"', 1)
    # Base64 would add a third; everything that means something to Markdown or to a URL is escaped.
    data = urllib.parse.quote(fixed, safe="~!*;:@=+$,/?-._'")
    words = "".join(c for c in wording.clean(alternative) if c not in "[]\\\n")
    image = f"![{words}](data:image/svg+xml;charset=utf-8,{data})"
    if len(image) > MAX_IMAGE_BYTES:
        raise PlotError(f"inline image: found {len(image):,} bytes, expected at most {MAX_IMAGE_BYTES:,}; plot fewer series or points")
    return image


def _drawing(plot: Plot, width: int) -> dict[str, Any]:
    width = width if plot.kind in OVER_TIME else NARROW
    shown, others = _split(plot)
    is_labelled = plot.kind in OVER_TIME and width > 2 * NARROW and len(plot.series) > 1
    frame = _frame(plot, width, shown if is_labelled else [])
    y = _y_axis(plot, frame, [*shown, *others])
    frame["left"] = 16 + int(_CHARACTER * max((4, *(len(tick.label) for tick in y.ticks))))
    x = _x_axis(plot, frame, [*shown, *others])
    legend = _legend(plot, [] if is_labelled or len(plot.series) < 2 else shown, len(others), frame)
    return {
        "id": hashlib.sha256(repr((plot, width)).encode("utf-8", "backslashreplace")).hexdigest()[:10],
        "plot": plot,
        "description": plot.description or _description(plot, shown, len(others)),
        "frame": frame,
        "height": legend["bottom"],
        "x": x,
        "y": y,
        "markers": _MARKERS,
        "references": [(y.at(reference.value), place) for place, reference in enumerate(plot.references)],
        "others": "".join(_line([*thinned(line.points, _POINTS_OF_OTHERS // len(others))], x, y) for line in others),
        "is_empty": not any(line.last for line in [*shown, *others]),
        "legend": legend["entries"],
        "marks": [_MARKS[plot.kind](line, x, y, plot) for line in shown],
        "labels": _labels(shown, y) if is_labelled else [],
    }


def _split(plot: Plot) -> tuple[list[Trace], list[Trace]]:
    """The coloured lines in the order asked for, and the grey ones."""
    by_name = {series.name: series for series in plot.series}
    chosen = [by_name[name] for name in plot.highlight if name in by_name] if plot.highlight else list(plot.series)
    shown = chosen[: theme.N_SERIES]
    others = [series for series in plot.series if not any(series is one for one in shown)]
    places = [*enumerate(shown), *((-1, series) for series in others)]
    traces = [trace(series.name, place, series.x, series.y, series.lower, series.upper) for place, series in places]
    return traces[: len(shown)], traces[len(shown) :]


def _frame(plot: Plot, width: int, labelled: Sequence[Trace]) -> dict[str, Any]:
    """Where things stand: title lines, and the plotting area."""
    characters = int((width - 8) / _CHARACTER)
    title = textwrap.wrap(plot.title, int(characters * 0.86), max_lines=2, placeholder=" …")
    subtitle = textwrap.wrap(plot.subtitle, characters, max_lines=3, placeholder=" …")
    top = 8 + 19 * len(title) + 17 * len(subtitle) + 14
    right = width - 26
    if labelled:
        right = width - 28 - int(_CHARACTER * max(len(_short(line.name)) for line in labelled))
    over_time = 250 if width > NARROW else 200
    area = {"lines": over_time, "intervals": over_time, "reliability": 284, "bars": 168}[plot.kind]
    return {"width": width, "title": title, "subtitle": subtitle, "right": right, "top": top, "bottom": top + area}


def _y_axis(plot: Plot, frame: Mapping[str, Any], lines: Sequence[Trace]) -> Axis:
    down = (frame["bottom"], frame["top"])
    if plot.kind == "reliability":
        return number_axis((0, 1), *down, 5, "fraction")
    ends = [end for line in lines if line.place >= 0 for point in line.points for end in (point.lower, point.upper)]
    heights = [*ends, *(point.y for line in lines for point in line.points), *(reference.value for reference in plot.references)]
    return number_axis([height for height in heights if height is not None], *down, 5, plot.unit, is_from_zero=plot.kind == "bars")


def _x_axis(plot: Plot, frame: Mapping[str, Any], lines: Sequence[Trace]) -> Axis:
    across = (frame["left"], frame["right"])
    positions = [point.x for line in lines for point in line.points]
    if plot.kind == "reliability":
        return number_axis((0, 1), *across, 5, "fraction")
    if plot.kind == "bars":
        half = spacing(lines[0].points) / 2 if lines else 0.5
        return number_axis([x + side for x in positions for side in (-half, half)], *across, 5)
    if plot.kind == "intervals" and positions:  # bars stand aside of their dates, and must not stand on the axis
        room = max(_SIDE_ROOM * (max(positions) - min(positions)), 1.0)
        positions += [min(positions) - room, max(positions) + room]
    if any(isinstance(x, (str, dt.date)) for series in plot.series for x in series.x):
        return date_axis(positions, *across, int((frame["right"] - frame["left"]) / 68))
    return number_axis(positions, *across, 6)


def _line(points: Sequence[Point], x: Axis, y: Axis) -> str:
    return path([None if point.y is None else (x.at(point.x), y.at(point.y)) for point in points])


@dataclass(frozen=True)
class _Mark:
    """What is drawn of one coloured series: path texts, points and boxes with the words shown on them."""

    place: int
    line: str = ""
    band: str = ""
    bars: str = ""
    points: tuple[tuple[float, float, str], ...] = ()
    rings: tuple[tuple[float, float, str], ...] = ()
    boxes: tuple[tuple[float, float, float, float, str], ...] = ()


def _lines_mark(line: Trace, x: Axis, y: Axis, plot: Plot) -> _Mark:
    band = ""
    for run in line.runs() if len(plot.series) <= _MOST_BANDS else ():
        rim = [(point.x, point.upper) for point in run] + [(point.x, point.lower) for point in reversed(run)]
        band += path([(x.at(across), y.at(up or 0.0)) for across, up in rim]) + "z"
    last = line.last
    spots = [spot for spot in plot.spots if spot.series == line.name]
    if plot.spots:
        points, rings = (
            tuple((x.at(ordinal(spot.x)), y.at(spot.y), spot.words) for spot in spots if spot.is_ring == is_ring)
            for is_ring in (False, True)
        )
        return _Mark(line.place, line=_line(line.points, x, y), band=band, points=points, rings=rings)
    ends = [] if last is None or last.y is None else [(x.at(last.x), y.at(last.y), f"{line.name}: {wording.figure(last.y, plot.unit)}")]
    return _Mark(line.place, line=_line(line.points, x, y), band=band, points=tuple(ends))


def _reliability_mark(line: Trace, x: Axis, y: Axis, plot: Plot) -> _Mark:
    # Several models share each nominal level: a little aside, their bars stay apart.
    aside = 2.4 * (line.place - (min(len(plot.series), theme.N_SERIES) - 1) / 2)
    points, bars = [], ""
    for point in line.points:
        if point.y is None:
            continue
        across = x.at(point.x) + aside
        words = f"{line.name}: nominal {wording.figure(point.x, 'fraction')}, observed {wording.figure(point.y, 'fraction')}"
        if point.lower is not None and point.upper is not None:
            words += f" ({wording.figure(point.lower, 'fraction')} to {wording.figure(point.upper, 'fraction')})"
            bars += path([(across, y.at(point.lower)), (across, y.at(point.upper))])
        points.append((across, y.at(point.y), words))
    return _Mark(line.place, line=path([(across, up) for across, up, _ in points]), bars=bars, points=tuple(points))


def _intervals_mark(line: Trace, x: Axis, y: Axis, plot: Plot) -> _Mark:
    # Series share their dates: a little aside, their bars stay apart.
    aside = _ASIDE * (line.place - (min(len(plot.series), theme.N_SERIES) - 1) / 2)
    points, bars = [], ""
    for point in line.points:
        if point.y is None:
            continue
        across, words = x.at(point.x) + aside, f"{line.name}: {wording.figure(point.y, plot.unit)}"
        if point.lower is not None and point.upper is not None:
            words += f" ({wording.figure(point.lower, plot.unit)} to {wording.figure(point.upper, plot.unit)})"
            bars += path([(across, y.at(point.lower)), (across, y.at(point.upper))])
        points.append((across, y.at(point.y), words))
    return _Mark(line.place, bars=bars, points=tuple(points))


def _bars_mark(line: Trace, x: Axis, y: Axis, plot: Plot) -> _Mark:
    half = spacing(line.points) / 2
    boxes = []
    for point in line.points:
        if point.y is not None:
            left, right = x.at(point.x - half) + 0.75, x.at(point.x + half) - 0.75
            words = f"{point.x - half:.3g} to {point.x + half:.3g}: {wording.figure(point.y, plot.unit)}"
            boxes.append((left, y.at(point.y), right - left, y.at(0) - y.at(point.y), words))
    return _Mark(line.place, boxes=tuple(boxes))


_MARKS = {"lines": _lines_mark, "intervals": _intervals_mark, "reliability": _reliability_mark, "bars": _bars_mark}


def _labels(shown: Sequence[Trace], y: Axis) -> list[tuple[float, str, int]]:
    """Names beside the line ends, pushed apart where they would overlap."""
    ends = [(y.at(line.last.y if line.last and line.last.y is not None else y.low), _short(line.name), line.place) for line in shown]
    placed: list[tuple[float, str, int]] = []
    for height, name, place in sorted(ends):
        placed.append((max(height, placed[-1][0] + _LABEL_GAP) if placed else height, name, place))
    floor = y.start
    for index in range(len(placed) - 1, -1, -1):
        height, name, place = placed[index]
        placed[index] = (min(height, floor), name, place)
        floor = placed[index][0] - _LABEL_GAP
    return placed


def _legend(plot: Plot, shown: Sequence[Trace], n_others: int, frame: Mapping[str, Any]) -> dict[str, Any]:
    """Entries in rows below the axis, and where the drawing ends."""
    named = [("series", line.place, _short(line.name)) for line in shown]
    named += [("others", 0, wording.count(n_others, "other"))] if n_others else []
    named += [("reference", place, _short(reference.label)) for place, reference in enumerate(plot.references)]
    entries: list[dict[str, Any]] = []
    across, down = 8.0, frame["bottom"] + 62
    for key, place, name in named:
        needed = 27 + _CHARACTER * len(name)
        if entries and across + needed > frame["width"]:
            across, down = 8.0, down + 20
        entries.append({"key": key, "place": place, "name": name, "x": across, "y": down})
        across += needed + 8
    return {"entries": entries, "bottom": down + 12 if entries else frame["bottom"] + 54}


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _description(plot: Plot, shown: Sequence[Trace], n_others: int) -> str:
    """What the plot says, for those who cannot see it."""
    lasts = [(line.name, line.last) for line in shown]
    if plot.kind == "reliability":
        parts = [f"{line.name}: {wording.count(len(line.points), 'level')}" for line in shown]
    elif plot.kind == "bars":
        parts = [f"{line.name}: {wording.count(len(line.points), 'bin')}" for line in shown]
    else:
        parts = [f"{name}: last value {wording.figure(last.y if last else None, plot.unit)}" for name, last in lasts]
    parts += [f"and {wording.count(n_others, 'other')}"] if n_others else []
    return "; ".join(parts) or "no data"
