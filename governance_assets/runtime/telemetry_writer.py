"""Writes telemetry folders: the generated sample, and an empty one to fill in.

Belongs here: files of a telemetry folder that the product itself makes. Does not belong here: the sample's values
(``sample.py``) or reading telemetry (``runtime/sources/``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from governance_assets import sample
from governance_assets.domains.intake.contracts import FEEDS
from governance_assets.policy import Policy, catalogue

TRUTH = "truth.json"

SAMPLE_SETTINGS = f"""\
# Settings of the generated sample telemetry. Everything in this folder is SYNTHETIC: made by `governance sample`,
# with the truth about it in {TRUTH}.

clock:
  # The sample is frozen; without this the weeks since then would count as missing.
  as_of: {sample.AS_OF:%Y-%m-%dT%H:%M:%SZ}

calibration:
  evaluation_sets:
    - name: all
    - name: small regions
      filters:
        location: [{", ".join(sample.LOCATIONS[:4])}]
"""

SKELETON_README = """\
# Telemetry

One folder per feed. Put files in, then run `governance run --telemetry` with the path of this folder.

| folder | what goes in |
| --- | --- |
| forecasts/ | forecasts of any number of models, as quantiles or as samples |
| observations/ | the values that came true, with an `as_of` column when they are revised |

Files are CSV, Parquet, JSON, JSONL or YAML; any number of files, any names. The header files show the columns:

{columns}

Dates are ISO (`2025-11-03`). `target` and `location` may be left out when there is one only; `horizon` may be left out
or empty. Any further column of a forecast is kept as a stratum. A hubverse hub folder works as it is.

The same file twice counts once. A bad row is refused with its reason and the rest goes on. When an observation is
revised, add a file with the newer value and a later `as_of`; the weeks it touches are scored again.

`governance.yaml` holds the policy. Every line is a comment that shows the value in force; take the `#` away to change it.
"""


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


def write_skeleton(folder: Path) -> None:
    """Write a telemetry folder to fill in: folders, header files, a README and a commented policy."""
    files = dict(_skeleton_files())
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


def _skeleton_files() -> Iterator[tuple[str, str]]:
    headers = {feed.name: ",".join(feed.required) for feed in FEEDS.values()}
    yield "README.md", SKELETON_README.format(columns="\n".join(f"- {name}: `{header}`" for name, header in headers.items()))
    yield "governance.yaml", _commented_policy()
    for feed in FEEDS.values():
        yield f"{feed.folder}/{feed.name}.csv", headers[feed.name] + "\n"


def _commented_policy() -> str:
    """Every policy value as a comment, under its section, with unit, bounds, reason and source."""
    lines = ["# Policy values. Uncomment a section and a key to override it; `governance run` refuses unknown keys and wrong units.", ""]
    section = ""
    for entry in catalogue(Policy()):
        name, key = entry["path"].split(".", 1)
        if name != section:
            lines += ["", f"#{name}:"] if section else [f"#{name}:"]
            section = name
        bounds = f", {entry['bounds']}" if entry["bounds"] else ""
        lines += [f"#  # {entry['why']} ({entry['source']}; {entry['unit']}{bounds})", f"#  {key}: {entry['value']}"]
    return "\n".join(lines) + "\n"
