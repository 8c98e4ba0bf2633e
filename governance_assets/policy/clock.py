"""The instant a run looks from."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator

from governance_assets.policy.base import Section, setting, utc


class ClockPolicy(Section):
    """The instant a run looks from."""

    as_of: Annotated[dt.datetime, AfterValidator(utc)] | None = setting(
        None, unit="instant", source="P", why="set only for frozen telemetry such as the sample; else the wall clock is asked"
    )
