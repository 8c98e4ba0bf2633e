"""What may arrive, and how much of it may be refused."""

from __future__ import annotations

from governance_assets.policy.base import Section, setting


class IntakePolicy(Section):
    """What arrives, and how much of it may be refused."""

    is_synthetic: bool = setting(False, unit="flag", source="P", why="generated telemetry says so, and every page then says it too")
    max_rejected_share: float = setting(
        0.01,
        unit="fraction",
        ge=0,
        le=1,
        source="P",
        why="more than one refused row in a hundred points at a broken exporter, not at a typing error",
    )
    max_rejected_records_per_file: int = setting(
        1000,
        unit="records",
        ge=1,
        source="P",
        why="beyond this the records repeat each other; the count stays exact, the rest is summed in one record",
    )
    max_columns: int = setting(2000, unit="columns", ge=10, source="P", why="a wider header is a transposed or corrupt file")
    max_text_length: int = setting(
        10_000, unit="characters", ge=100, source="P", why="a longer cell is an embedded document, never an identifier"
    )
    quantile_crossing_tolerance: float = setting(
        1e-9,
        unit="fraction",
        ge=0,
        lt=1,
        source="P",
        why="quantiles that went through text or single precision cross by their last digit; of the value, at least of one",
    )
    max_spend_jump: float = setting(
        50.0,
        unit="ratio",
        gt=1,
        source="P",
        why="public example channels move at most twentyfold within a quarter; cents for units, or units for thousands, move further",
    )
    max_channel_ratio: float = setting(
        100.0,
        unit="ratio",
        gt=1,
        source="P",
        why="channels of public examples lie within a factor of twenty in usual weeks; a unit that is wrong by a thousand cannot",
    )
    spend_past_weeks: int = setting(13, unit="weeks", ge=4, source="P", why="a quarter of a channel's own weeks says what is usual for it")
    spend_recent_weeks: int = setting(4, unit="weeks", ge=1, source="P", why="one small week is a pause; four in a row are another unit")
