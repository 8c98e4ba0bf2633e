"""Colours: text is readable in both schemes, and series stay apart for every kind of colour vision."""

from __future__ import annotations

import itertools
import re

import pytest

from governance_assets.pages import render, theme

LEAST_FOR_TEXT, LEAST_FOR_SHAPES, LEAST_APART = 4.5, 3.0, 15.0
TONES = ("pass", "warn", "fail", "unknown", "none")
SCHEMES = {"light": theme.LIGHT, "dark": theme.DARK}
# Linear RGB as seen without long-, middle- or short-wave cones: Machado, Oliveira and Fernandes (2009), severity 1.
VISIONS = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour):
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]


def contrast(one, other):
    """WCAG 2 contrast of two colours."""
    lights = sorted(sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear(c), strict=True)) for c in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def lab(colour, vision):
    """CIE L*a*b* of a colour as a vision sees it."""
    red, green, blue = (min(1, max(0, sum(w * share for w, share in zip(row, linear(colour), strict=True)))) for row in vision)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_the_contrast_of_black_on_white_is_the_published_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("ground", ["page", "surface", "tint-none"])
@pytest.mark.parametrize("ink", ["text", "muted", "accent", *TONES])
def test_text_is_readable(scheme, ground, ink):
    assert contrast(SCHEMES[scheme][ink], SCHEMES[scheme][ground]) >= LEAST_FOR_TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("tone", TONES)
def test_badges_are_readable(scheme, tone):
    assert contrast(SCHEMES[scheme][tone], SCHEMES[scheme][f"tint-{tone}"]) >= LEAST_FOR_TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("place", range(theme.N_SERIES))
def test_series_stand_out(scheme, place):
    assert contrast(SCHEMES[scheme][f"series-{place}"], SCHEMES[scheme]["surface"]) >= LEAST_FOR_SHAPES


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("vision", VISIONS)
def test_series_stay_apart(scheme, vision):
    seen = [lab(SCHEMES[scheme][f"series-{place}"], VISIONS[vision]) for place in range(theme.N_SERIES)]
    distances = [sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 for one, other in itertools.combinations(seen, 2)]
    assert min(distances) >= LEAST_APART


def test_both_schemes_name_the_same_colours_and_the_style_sheets_use_no_other():
    assert set(theme.LIGHT) == set(theme.DARK)
    for name in ("style.css", "plot.css"):
        source = render.environment().loader.get_source(render.environment(), name)[0]
        own = {"ink"} | {"series-{{ place }}"}
        used = set(re.findall(r"var\(--([a-z-]+(?:\{\{ place \}\})?)\)", source))
        assert used <= set(theme.LIGHT) | own
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b", source)
