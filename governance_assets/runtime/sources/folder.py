"""The telemetry folder: which files there are, what their place says about them, and which are no telemetry.

Belongs here: walking, links and strange files, recognising a hub. Does not belong here: reading a table (``tables.py``).
"""

from __future__ import annotations

import datetime as dt
import json
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from governance_assets.feeds import RECORD_FEEDS
from governance_assets.runtime.sources import evidence, media_file, saved_runs
from governance_assets.runtime.sources.outcome import Context, Refusal, shown
from governance_assets.runtime.sources.tables import suffix_of

FEED_FOLDERS = ("forecasts", "observations")
MEDIA_FOLDER = "media"
RECORD_FOLDERS = frozenset(row.folder for row in RECORD_FEEDS.values())
EVIDENCE_FOLDER = "evidence"
_MODEL_FOLDERS = ("model-output", "data-processed", "data-forecasts")
_TRUTH_FOLDERS = ("target-data", "data-truth")
_TRUTH_RANKS = ("oracle-output", "time-series")
_ISO_DATE = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
_SHORT_DATE = re.compile(r"(?<!\d)(20\d{2})(0[1-9]|1[0-2])([0-2]\d|3[01])(?!\d)")


@dataclass(frozen=True)
class Candidate:
    """A file that may hold a feed. Of the files of one hub's truth only the lowest ``rank`` that lands is read; where two files
    state the same task, the lower ``rank`` counts."""

    path: Path
    origin: str
    suffix: str
    context: Context
    hub: str | None = None
    rank: int = 0
    listed: tuple[Path, ...] | None = None
    """Files of an evidence folder or of a saved run, which are read together."""


@dataclass
class Found:
    """Everything in a telemetry folder."""

    candidates: list[Candidate] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, Refusal]] = field(default_factory=list)


def find(folder: Path) -> Found:
    """Walk ``folder`` in the order of its paths."""
    root = folder.resolve()
    found = Found()
    if _is_hub(root):
        _find_hub(root, root, found)
        return found
    for entry in _entries(root, root, found):
        if entry.name == MEDIA_FOLDER and entry.is_dir():
            _find_media(entry, root, found)
        elif entry.name in RECORD_FOLDERS and entry.is_dir():
            _find_records(entry, root, found)
        elif entry.name in FEED_FOLDERS and entry.is_dir():
            if _is_hub(entry):
                _find_hub(entry, root, found)
            else:
                _find_long(entry, root, entry.name, found)
        elif entry.is_dir():
            if any(_is_hub(inner) for inner in (entry,)):
                _find_hub(entry, root, found)
            else:
                found.ignored.append((entry.name + "/", "no feed reads this folder"))
        else:
            _offer(entry, root, Context("long", "any"), found)
    return found


def _entries(folder: Path, root: Path, found: Found) -> Iterator[Path]:
    """Plain files and folders of ``folder`` in order; everything strange is told instead."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        found.refused.append((_origin(folder, root) + "/", _no_access(error)))
        return
    for entry in entries:
        origin = _origin(entry, root)
        try:
            mode = entry.lstat().st_mode
        except OSError as error:
            found.refused.append((origin, _no_access(error)))
            continue
        if stat.S_ISLNK(mode):
            _tell_link(entry, root, found)
        elif entry.name.startswith("."):
            found.ignored.append((origin, "a hidden file"))
        elif stat.S_ISDIR(mode):
            if suffix_of(entry.name):
                found.ignored.append((origin, "a folder with the name of a table; the files in it are read"))
            yield entry
        elif stat.S_ISREG(mode):
            yield entry
        else:
            found.refused.append((origin, _file("a pipe, socket or device", "a plain file", "copy its content into a file")))


def _tell_link(entry: Path, root: Path, found: Found) -> None:
    origin = _origin(entry, root)
    try:
        target = entry.resolve(strict=True)
    except (OSError, RuntimeError):
        found.refused.append((origin, _file("a link to nothing", "a plain file", "remove the link or mend it")))
        return
    if target.is_relative_to(root):
        found.ignored.append((origin, "a link to something that is read in its own place"))
    else:
        found.refused.append((origin, _file("a link out of the telemetry folder", "a plain file", "copy the file into the folder")))


def _file(found: str, expected: str, next_step: str) -> Refusal:
    return Refusal("file", None, None, shown(found), expected, next_step, 0)


def _no_access(error: OSError) -> Refusal:
    return _file(f"no access ({error.strerror or error})", "a readable file", "give the process the right to read it")


def no_access(error: OSError) -> Refusal:
    """The refusal of a file that could not be opened."""
    return _no_access(error)


def _origin(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()


def _offer(path: Path, root: Path, context: Context, found: Found, hub: str | None = None, rank: int = 0) -> None:
    origin, suffix = _origin(path, root), suffix_of(path.name)
    if suffix is None:
        found.ignored.append((origin, "not a table: no known ending"))
    else:
        found.candidates.append(Candidate(path, origin, suffix, context, hub, rank))


def _files(folder: Path, root: Path, found: Found) -> Iterator[Path]:
    for entry in _entries(folder, root, found):
        if entry.is_dir():
            yield from _files(entry, root, found)
        else:
            yield entry


def _find_long(folder: Path, root: Path, feed_folder: str, found: Found) -> None:
    role = "forecasts" if feed_folder == "forecasts" else "observations"
    for path in _files(folder, root, found):
        as_of = _version(path.name) if role == "observations" else None
        _offer(path, root, Context("long", role, as_of=as_of, stated=_stated(path.relative_to(folder).parts[:-1])), found)


def _find_media(folder: Path, root: Path, found: Found) -> None:
    """Wide tables, each with what the folder's ``media.yaml`` says of it."""
    paths = list(_files(folder, root, found))
    described = media_file.MediaFile()
    for path in [path for path in paths if path == folder / media_file.NAME]:
        try:
            described = media_file.read_media_file(path.read_bytes())
        except OSError as error:
            found.refused.append((_origin(path, root), _no_access(error)))
        found.refused += [(_origin(path, root), refusal) for refusal in described.refusals]
    for path in [path for path in paths if path != folder / media_file.NAME]:
        entry = described.entry_for(path.relative_to(folder).as_posix()) if suffix_of(path.name) else None
        if isinstance(entry, Refusal):
            found.refused.append((_origin(path, root), entry))
        else:
            _offer(path, root, Context("wide", "media", media=entry.meaning() if entry else None), found)


def _find_records(folder: Path, root: Path, found: Found) -> None:
    """Files of record feeds; a folder below evidence/ is listed, not read, and a folder with a saved run is read as one."""
    if folder.name == EVIDENCE_FOLDER:
        for entry in _entries(folder, root, found):
            if entry.is_dir():
                files = [path for path in _files(entry, root, found) if suffix_of(path.name) is None or path.parent != folder]
                origin = _origin(entry, root) + "/"
                context = Context("records", "records", folder=folder.name, place=entry.name, name=entry.name)
                found.candidates.append(Candidate(entry, origin, evidence.SUFFIX, context, listed=tuple(files)))
            else:
                _offer_record(entry, folder, root, found)
        return
    paths = list(_files(folder, root, found))
    runs = {path.parent for path in paths if folder.name == saved_runs.FEED and path.name == saved_runs.NAME}
    for run in sorted(runs):
        place = run.relative_to(folder).parts[0] if run != folder else ""
        context = Context("records", "records", folder=folder.name, place=place, name=run.name)
        listed = tuple(path for path in paths if path.parent == run)
        found.candidates.append(Candidate(run, _origin(run, root) + "/", saved_runs.SUFFIX, context, listed=listed))
    for path in [path for path in paths if path.parent not in runs]:
        _offer_record(path, folder, root, found)


def _offer_record(path: Path, folder: Path, root: Path, found: Found) -> None:
    below = path.relative_to(folder).parts[:-1]
    suffix = suffix_of(path.name) or (".xml" if path.name.lower().endswith(".xml") else None)
    if suffix is None:
        found.ignored.append((_origin(path, root), "not a table: no known ending"))
        return
    plain = [name for name in below if "=" not in name]
    context = Context(
        "records",
        "records",
        as_of=_version(path.name) or _short_version(path.name),
        stated=_stated(below),
        folder=folder.name,
        place=plain[0].encode("utf-8", "backslashreplace").decode() if plain else None,
        name=path.name[: -len(suffix)].encode("utf-8", "backslashreplace").decode(),
        modified=evidence.modified(path),
    )
    found.candidates.append(Candidate(path, _origin(path, root), suffix, context))


def _short_version(name: str) -> str | None:
    """The date in a file's name that is written without hyphens."""
    dates = ["-".join(found) for found in _SHORT_DATE.findall(name)]
    return next((day for day in reversed(dates) if _is_day(day)), None)


def _is_day(text: str) -> bool:
    try:
        return bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def _version(name: str) -> str | None:
    """The date in a file's name, if there is one: the day this version of the truth was written."""
    dates = [day for day in _ISO_DATE.findall(name) if _is_day(day)]
    return dates[-1] if dates else None


def _stated(folders: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Columns stated by folder names such as ``as_of=2025-11-03``."""
    pairs = [unquote(name).split("=", 1) for name in folders if "=" in name]
    return tuple((name, value) for name, value in pairs if name and value != "__HIVE_DEFAULT_PARTITION__")


# ---------------------------------------------------------------- hubs


def _is_hub(folder: Path) -> bool:
    return _model_folder(folder) is not None


def _model_folder(folder: Path) -> Path | None:
    admin = _json_object(folder / "hub-config" / "admin.json")
    named = admin.get("model_output_dir")
    names = ([named] if isinstance(named, str) and named not in ("", ".", "..") and "/" not in named else []) + list(_MODEL_FOLDERS)
    return next((folder / name for name in names if (folder / name).is_dir() and not (folder / name).is_symlink()), None)


def _find_hub(hub: Path, root: Path, found: Found) -> None:
    tasks = HubTasks.read(hub / "hub-config" / "tasks.json")
    models = _model_folder(hub)
    name = _origin(hub, root)
    for entry in _entries(hub, root, found):
        if entry == models:
            for path in _files(entry, root, found):
                context = _model_context(path, entry, tasks)
                expected = f"{context.reference_date}-{context.model_id}{suffix_of(path.name)}"
                _offer(path, root, context, found, name, int(path.name != expected))
        elif entry.name in _TRUTH_FOLDERS and entry.is_dir():
            for path in _files(entry, root, found):
                inside = _origin(path, entry)
                stated = _stated(path.relative_to(entry).parts[:-1]) + tasks.target_named(path.name)
                context = Context("hubverse", "observations", as_of=_version(path.name), task_columns=tasks.columns, stated=stated)
                _offer(path, root, context, found, name, _truth_rank(inside))
        elif entry.name == "observations" and hub == root and entry.is_dir():
            _find_long(entry, root, "observations", found)
        elif entry.name == MEDIA_FOLDER and hub == root and entry.is_dir():
            _find_media(entry, root, found)
        elif entry.name in RECORD_FOLDERS and hub == root and entry.is_dir():
            _find_records(entry, root, found)
        else:
            found.ignored.append((_origin(entry, root) + ("/" if entry.is_dir() else ""), "part of the hub, but no telemetry"))


def _truth_rank(inside: str) -> int:
    """What is best first: the oracle, the time series, then any other file: the present one before dated ones, those in
    sub-folders (archives, snapshots) last."""
    named = next((rank for rank, stem in enumerate(_TRUTH_RANKS) if inside.startswith(stem)), None)
    if named is not None:
        return named
    folders, name = inside.count("/"), inside.rsplit("/", 1)[-1]
    return len(_TRUTH_RANKS) + 2 * folders + (_version(name) is not None)


def _model_context(path: Path, models: Path, tasks: HubTasks) -> Context:
    parts = path.relative_to(models).parts
    stem = path.name[: -len(suffix_of(path.name) or "")]
    dated = re.match(r"(\d{4}-\d{2}-\d{2})-(.+)", stem)
    model = parts[0] if len(parts) > 1 else dated[2] if dated else stem
    return Context(
        "hubverse",
        "forecasts",
        model_id=model.encode("utf-8", "backslashreplace").decode(),
        reference_date=dated[1] if dated else None,
        units=tasks.units,
        round_column=tasks.round_column,
        task_columns=tasks.columns,
        stated=_stated(parts[1:-1]),
    )


@dataclass(frozen=True)
class HubTasks:
    """What a hub's ``tasks.json`` says about its columns, in any version of its schema; empty when it says nothing."""

    columns: tuple[str, ...] | None = None
    units: tuple[tuple[str, str], ...] = ()
    round_column: str | None = None
    targets: tuple[str, ...] = ()
    """Targets that are forecast for a date, as quantiles or samples."""

    @classmethod
    def read(cls, path: Path) -> HubTasks:
        """From the file, as far as it can be understood."""
        columns: dict[str, None] = {}
        targets: dict[str, None] = {}
        units: dict[str, str] = {}
        round_column = None
        for each in _objects(_json_object(path).get("rounds")):
            if each.get("round_id_from_variable") is True and isinstance(each.get("round_id"), str):
                round_column = each["round_id"]
            for task in _objects(each.get("model_tasks")):
                ids = task.get("task_ids")
                columns.update(dict.fromkeys(ids if isinstance(ids, dict) else ()))
                units.update(_task_units(task))
                if _states_distributions(task):
                    targets.update((name, None) for name, _ in _task_units(task) if name)
        if len(set(units.values())) == 1:
            units = {"": next(iter(units.values()))}
        return cls(tuple(columns) or None, tuple(sorted(units.items())), round_column, tuple(sorted(targets)))

    def target_named(self, file_name: str) -> tuple[tuple[str, str], ...]:
        """The target that a file of truth is about, by its name, where the hub has several and one fits best.

        ``target-hospital-admissions.csv`` is about ``wk inc flu hosp``, not about ``wk inc flu prop ed visits``.
        """
        if len(self.targets) < 2:
            return ()
        words = re.findall(r"[a-z]+", file_name.lower())
        fits = sorted(((_fit(target, words), target) for target in self.targets), reverse=True)
        return (("target", fits[0][1]),) if fits[0][0] > fits[1][0] else ()


def _fit(target: str, words: Sequence[str]) -> int:
    """How many words of ``target`` begin one of ``words``."""
    return sum(any(word.startswith(part) for word in words) for part in re.findall(r"[a-z]+", target.lower()))


def _states_distributions(task: dict[str, Any]) -> bool:
    kinds = task.get("output_type")
    return isinstance(kinds, dict) and bool(kinds.keys() & {"quantile", "sample"})


def _task_units(task: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for target in _objects(task.get("target_metadata")):
        unit, keys = target.get("time_unit"), target.get("target_keys")
        if not isinstance(unit, str):
            continue
        named: Any = next(iter(keys.values()), "") if isinstance(keys, dict) and keys else ""
        for name in named if isinstance(named, list) else [named]:
            yield str(name), unit.lower().removesuffix("s")


def _objects(value: object) -> Sequence[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _json_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
