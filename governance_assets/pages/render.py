"""The template engine: every value is cleaned and escaped on its way into a page.

Belongs here: how templates are found and what they may call. Does not belong here: what a page shows.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from governance_assets.pages import wording


@cache
def environment() -> jinja2.Environment:
    """Templates of this package; an undefined name is an error, never an empty place."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("governance_assets.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.filters |= {"figure": wording.figure, "instant": wording.instant, "count": wording.count, "px": _pixel}
    made.globals |= {"verdicts": wording.VERDICTS}
    return made


def template(name: str) -> jinja2.Template:
    """The template called ``name``."""
    return environment().get_template(name)


def _finalize(value: Any) -> Any:
    if isinstance(value, Markup):
        return value
    return wording.clean(value) if isinstance(value, str) else value


def _pixel(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
