"""Writes telemetry folders: the generated sample, and texts of an empty one to fill in.

Belongs here: files of a telemetry folder that the product itself makes. Does not belong here: the sample's values
(``sample.py``), the words of an empty folder (intake's ``report.py``) or reading telemetry (``runtime/sources/``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from governance_assets import sample, sample_plan

TRUTH = "truth.json"

SAMPLE_SETTINGS = f"""\
# Settings of the generated sample telemetry. Everything in this folder is SYNTHETIC: made by `governance sample`,
# with the truth about it in {TRUTH}.

clock:
  # The sample is frozen; without this the weeks since then would count as missing.
  as_of: {sample.AS_OF:%Y-%m-%dT%H:%M:%SZ}

intake:
  is_synthetic: true

alerts:
  # Equal for none: whoever tries the sample at night sees its recoveries, too.
  quiet_start: "06:00"
  quiet_end: "06:00"

calibration:
  evaluation_sets:
    - name: all
    - name: small regions
      filters:
        location: [{", ".join(sample.LOCATIONS[:4])}]

{sample_plan.plan_of_milestones()}"""


class OccupiedFolder(FileExistsError):
    """A folder that holds something which would be overwritten."""


def write_sample(folder: Path, seed: int = sample.SEED) -> None:
    """Write the sample of ``seed`` into ``folder``, which is empty, new, or an earlier sample."""
    if folder.exists() and any(folder.iterdir()) and not (folder / TRUTH).is_file():
        raise OccupiedFolder(f"{folder} holds other files; name an empty folder")
    generated = sample.generate(seed)
    for name, table in generated.tables.items():
        path = _ready(folder / name)
        pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=_REPEATING, column_encoding=_ENCODING)
    for name, content in generated.texts.items():
        _ready(folder / name).write_bytes(content)
    (folder / TRUTH).write_text(json.dumps(generated.truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "governance.yaml").write_text(SAMPLE_SETTINGS, encoding="utf-8")


def write_texts(folder: Path, files: Mapping[str, str]) -> None:
    """Write ``files``, texts by relative path, into ``folder``; when one of them is there already, nothing is written."""
    taken = [name for name in files if (folder / name).exists()]
    if taken:
        raise OccupiedFolder(f"{folder} already has {', '.join(taken)}; name another folder")
    for name, text in files.items():
        _ready(folder / name).write_text(text, encoding="utf-8")


_REPEATING = ["model_id", "reference_date", "horizon", "target", "location", "target_end_date", "quantile_level", "sample_id"]
_ENCODING = {"predicted": "BYTE_STREAM_SPLIT"}


def _ready(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
