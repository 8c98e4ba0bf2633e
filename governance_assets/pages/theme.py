"""Colours of the pages and plots, light and dark.

Belongs here: every colour, once. Does not belong here: which element wears it (``templates/style.css``, ``templates/plot.svg``).
The series colours keep the hues of Okabe and Ito's palette, moved until each has a contrast of 3 on its surface and every two
stay apart (CIE76 distance above 15) for readers without red, green or blue cones; a test computes both.
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
    "others": "#9aa3ad",
    "series-0": "#012f92",
    "series-1": "#e5470d",
    "series-2": "#0f7644",
    "series-3": "#884d82",
    "series-4": "#6b3806",
    "series-5": "#2c9bbf",
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
    "series-0": "#4d77e0",
    "series-1": "#f04a1a",
    "series-2": "#4ad790",
    "series-3": "#e393b4",
    "series-4": "#ddc669",
    "series-5": "#9ec8f3",
}
N_SERIES = sum(name.startswith("series-") for name in LIGHT)
"""How many series of a plot get a colour of their own."""


def declarations(colours: Mapping[str, str]) -> str:
    """The colours as CSS custom properties."""
    return ";".join(f"--{name}:{value}" for name, value in colours.items())
