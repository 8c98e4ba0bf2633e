"""Colours of the pages and plots, light and dark.

Belongs here: every colour, once. Does not belong here: which element wears it (``templates/style.css``, ``templates/plot.svg``).
The series colours start from Okabe and Ito's palette, darkened or lightened until each has a contrast of 3 on its surface.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#f6f7f8",
    "surface": "#ffffff",
    "text": "#1b1f24",
    "muted": "#565f69",
    "line": "#d8dce1",
    "accent": "#0b57a4",
    "pass": "#176b41",
    "warn": "#835200",
    "fail": "#b3201a",
    "unknown": "#5a4aa8",
    "none": "#565f69",
    "tint-pass": "#e4f3ea",
    "tint-warn": "#fdf1dc",
    "tint-fail": "#fdeae8",
    "tint-unknown": "#eeebfa",
    "tint-none": "#eceef0",
    "grid": "#e6e9ec",
    "others": "#a4acb5",
    "series-0": "#0068a8",
    "series-1": "#c65200",
    "series-2": "#00805c",
    "series-3": "#a8437f",
    "series-4": "#7a6200",
    "series-5": "#2f8fc4",
}
DARK: Mapping[str, str] = {
    "page": "#111417",
    "surface": "#1a1e22",
    "text": "#e7eaed",
    "muted": "#a6aeb7",
    "line": "#363d45",
    "accent": "#82b9f2",
    "pass": "#6fcf97",
    "warn": "#efb549",
    "fail": "#ff938a",
    "unknown": "#bdb2ff",
    "none": "#a6aeb7",
    "tint-pass": "#17301f",
    "tint-warn": "#352812",
    "tint-fail": "#3b1b1a",
    "tint-unknown": "#28243f",
    "tint-none": "#272c32",
    "grid": "#2a3037",
    "others": "#666f79",
    "series-0": "#5db2ee",
    "series-1": "#f58b3c",
    "series-2": "#2fc296",
    "series-3": "#e08abf",
    "series-4": "#d9bf3d",
    "series-5": "#a9d8f5",
}
N_SERIES = sum(name.startswith("series-") for name in LIGHT)
"""How many series of a plot get a colour of their own."""


def declarations(colours: Mapping[str, str]) -> str:
    """The colours as CSS custom properties."""
    return ";".join(f"--{name}:{value}" for name, value in colours.items())
