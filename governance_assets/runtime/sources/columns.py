"""What the columns of an arriving table are called elsewhere, and which part each plays here.

Belongs here: names. Does not belong here: reading a file (``tables.py``) or judging a value (``typing.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ALIASES: dict[str, tuple[str, ...]] = {
    "model_id": ("model_id", "model", "model_name", "team_model", "forecaster"),
    "reference_date": ("reference_date", "origin_date", "forecast_date", "nowcast_date", "cutoff"),
    "horizon": ("horizon", "h", "step", "steps_ahead"),
    "target": ("target",),
    "location": ("location", "unique_id", "geo_value"),
    "target_end_date": (
        "target_end_date",
        "target_date",
        "end_date",
        "truth_date",
        "week_ending",
        "week_end_date",
        "date",
        "time_idx",
        "ds",
    ),
    "output_type": ("output_type", "type"),
    "output_type_id": ("output_type_id",),
    "quantile_level": ("quantile_level", "quantile", "tau"),
    "sample_id": ("sample_id", "sample", "sample_number", "draw"),
    "predicted": ("predicted", "prediction", "forecast_value"),
    "observed": ("observed", "observation", "oracle_value", "true_value", "truth", "actual", "y"),
    "as_of": ("as_of", "issue_date", "report_date"),
    "value": ("value",),
}
"""Part to the names it goes by, the most telling first."""

FORECAST_PARTS = ("model_id", "reference_date", "horizon", "target", "location", "target_end_date")
LEVEL_PARTS = ("output_type", "output_type_id", "quantile_level", "sample_id", "predicted")
OBSERVATION_PARTS = ("target", "location", "target_end_date", "as_of", "observed")
_OTHER_PARTS = frozenset(alias for part, aliases in ALIASES.items() if part != "reference_date" for alias in aliases)
STRATUM_PREFIX = "stratum:"
_INDEX_NAMES = frozenset({"", "unnamed: 0", "__index_level_0__", "rownames"})
_RESERVED = frozenset((*FORECAST_PARTS, *LEVEL_PARTS, "observed"))


@dataclass(frozen=True)
class Layout:
    """Which column of a table plays which part; a part is a position, strata are named positions."""

    parts: dict[str, int]
    strata: dict[str, int]
    unused: tuple[str, ...]

    @property
    def holds_quantiles(self) -> bool:
        """Whether rows may state quantiles."""
        return "predicted" in self.parts and ("quantile_level" in self.parts or {"output_type", "output_type_id"} <= self.parts.keys())

    @property
    def holds_samples(self) -> bool:
        """Whether rows may state samples."""
        return "predicted" in self.parts and ("sample_id" in self.parts or {"output_type", "output_type_id"} <= self.parts.keys())

    @property
    def holds_forecasts(self) -> bool:
        """Whether rows may be forecasts of a kind that is scored."""
        return self.holds_quantiles or self.holds_samples

    @property
    def holds_observations(self) -> bool:
        """Whether rows may be observations."""
        return "observed" in self.parts and "target_end_date" in self.parts


def plain(name: str) -> str:
    """A column name in one spelling: lower case, words joined by underscores.

    >>> plain(" Age group ")
    'age_group'
    """
    return re.sub(r"[^0-9a-z_]+", "_", name.strip().lower()).strip("_") if name.strip() else ""


def repeated(names: Iterable[str]) -> list[str]:
    """Names that occur more than once when spelling is ignored."""
    seen: set[str] = set()
    twice = []
    for name in map(plain, names):
        if name and name in seen:
            twice.append(name)
        seen.add(name)
    return twice


def recognised(names: Sequence[str]) -> int:
    """How many of ``names`` play a part."""
    known = {alias for aliases in ALIASES.values() for alias in aliases}
    return sum(plain(name) in known for name in names)


def layout(names: Sequence[str], *, truth: bool, round_column: str | None = None, task_columns: Sequence[str] | None = None) -> Layout:
    """The parts of the columns ``names``.

    ``truth`` says that a bare ``value`` is an observation. ``round_column`` names the reference date of a hub that calls it
    something of its own; ``task_columns`` are the hub's task columns: any further column is then no stratum.
    """
    spelled = [plain(name) for name in names]
    parts: dict[str, int] = {}
    for part, aliases in ALIASES.items():
        names_round = part == "reference_date" and round_column is not None and plain(round_column) not in _OTHER_PARTS
        known = (plain(round_column or ""), *aliases) if names_round else aliases
        found = next((alias for alias in known if alias in spelled), None)
        if found is not None and spelled.index(found) not in parts.values():
            parts[part] = spelled.index(found)
    _place_value(parts, truth)
    if "output_type" in parts and "quantile_level" in parts and "output_type_id" not in parts:
        # The older hub format: type and quantile where output_type and output_type_id stand today.
        parts["output_type_id"] = parts.pop("quantile_level")
    if "output_type" in parts and "output_type_id" not in parts:
        del parts["output_type"]
    if truth:
        for part in (*LEVEL_PARTS, "model_id", "reference_date", "horizon"):
            if part not in ("output_type", "output_type_id"):
                parts.pop(part, None)
    strata, unused = {}, []
    wanted = None if task_columns is None else {plain(name) for name in task_columns}
    for position, name in enumerate(spelled):
        if position in parts.values():
            continue
        is_task = name not in _INDEX_NAMES and name not in _RESERVED and name not in _KNOWN_ALIASES
        if is_task and (wanted is None or name in wanted):
            strata[name] = position
        else:
            unused.append(names[position])
    return Layout(parts, strata, tuple(unused))


_KNOWN_ALIASES = frozenset({"value", "reference_date", "origin_date", "forecast_date", "nowcast_date", "horizon", "as_of"})


def _place_value(parts: dict[str, int], truth: bool) -> None:
    """A bare ``value`` is what the table is about: the prediction, or in a table of truth the observation."""
    value = parts.pop("value", None)
    if value is None:
        return
    states_levels = bool(parts.keys() & {"output_type_id", "quantile_level", "sample_id"})
    part = "observed" if truth or not states_levels else "predicted"
    parts.setdefault(part, value)
