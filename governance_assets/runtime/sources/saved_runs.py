"""A folder with a saved run of another media-mix engine, as rows of the feed ``media_results``.

Belongs here: ``result.yaml``, which says what lies in the folder, and the rows made of it. Does not belong here: the engines' own files
(``engine_results.py``), what the rows are worth (the domain ``mmm``).

    media_results/<tenant>/<run>/result.yaml      engine: robyn, meridian or lightweight_mmm
                                                  trained_until: 2025-06-30
                                                  solution: 1_2_3        (Robyn, where several were exported)
                                                  confidence: 0.9        (Meridian, LightweightMMM)
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from governance_assets.runtime.periods import days_to_monday
from governance_assets.runtime.sources.engine_results import EngineResultError, read_lightweight_mmm, read_meridian, read_robyn
from governance_assets.stats.media_imported import ImportedResult

NAME = "result.yaml"
SUFFIX = ".engine_result"
FEED = "media_results"
"""Ending under which the rows of such a folder are read, and the feed and folder they belong to."""


class SavedRun(BaseModel):
    """What ``result.yaml`` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["robyn", "meridian", "lightweight_mmm"]
    trained_until: dt.date
    solution: str | None = None
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.9


def listing(folder: Path, tenant: str) -> bytes:
    """The rows of the run in ``folder`` as JSON. Raises EngineResultError where a file cannot be used, OSError where none can be read."""
    told = _told(folder / NAME)
    found = _read(folder, told)
    shared = {
        "tenant": tenant,
        "engine": told.engine,
        "run": f"{folder.name} {told.solution}" if told.solution else folder.name,
        "trained_until": told.trained_until.isoformat(),
        "confidence": found.confidence,
    }
    return json.dumps([shared | row for row in _rows(found)], ensure_ascii=True).encode()


def _told(path: Path) -> SavedRun:
    try:
        stated: Any = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
        return SavedRun.model_validate(stated)
    except (UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise EngineResultError(f"{NAME}: text that is not YAML ({error}); mend the file") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}" for one in error.errors(include_url=False))
        raise EngineResultError(f"{NAME}: {wrong}; expected engine and trained_until, and for Robyn a solution") from error


def _read(folder: Path, told: SavedRun) -> ImportedResult:
    if told.engine == "robyn":
        return read_robyn(folder, told.solution)
    if told.engine == "meridian":
        return read_meridian(folder / "summary.csv", folder / "fit.csv", told.confidence)
    return read_lightweight_mmm(folder / "run.npz", told.confidence)


def _rows(found: ImportedResult) -> Iterator[dict[str, Any]]:
    for week, predicted, observed in zip(found.weeks, found.predicted, found.observed, strict=True):
        yield {
            "part": "week",
            "week": (week + dt.timedelta(days_to_monday(week.weekday()))).isoformat(),
            "observed": _stated(observed),
        } | _interval(predicted)
    for channel, roi in zip(found.channels, found.roi, strict=True):
        if math.isfinite(roi[1]):
            yield {"part": "channel", "name": channel} | _interval(roi)


def _interval(values: Any) -> dict[str, float | None]:
    return dict(zip(("lower", "middle", "upper"), map(_stated, values), strict=True))


def _stated(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
