"""Which model is the baseline, and where pairs of models are reported."""

from __future__ import annotations

from pydantic import model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting
from governance_assets.policy.calibration import refuse_unknown_windows


class SkillPolicy(Section):
    """What models are compared by; evaluation sets and strata are those of calibration."""

    pairwise_windows: tuple[str, ...] = setting(
        ("since_start",), unit="windows", min_length=1, source="P", why="pairs grow with the square of the models"
    )
    baseline_suffix: str = setting(
        "-baseline", unit="text", source="P", why="the baseline model of a hub is named so; exactly one model must match"
    )
    baseline_model: str | None = setting(None, unit="model id", source="P", why="names the baseline when the suffix does not")

    @model_validator(mode="after")
    def _known_windows(self) -> SkillPolicy:
        refuse_unknown_windows(self.pairwise_windows)
        refuse_repeats(self.pairwise_windows)
        return self
