"""The file ``media/media.yaml``: what the columns of each wide media table mean.

Belongs here: reading and checking that file, and finding the entry for a table. Does not belong here: the table (``media.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from governance_assets.runtime.sources.outcome import Refusal, shown

NAME = "media.yaml"
FEED = "media_weekly"

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _named(value: Any) -> Any:
    """A list of columns stands for a mapping of each to itself."""
    if not isinstance(value, list) or not all(isinstance(column, str) for column in value):
        return value
    if len(set(value)) < len(value):
        raise ValueError("names a column twice")
    return {column: column for column in value}


Columns = Annotated[dict[Text, Text], BeforeValidator(_named)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Sign = Literal["+", "-"]


class Target(BaseModel):
    """What the model explains: a column, its unit, and the column it is multiplied with (a price, say) if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: Text
    unit: Text
    times: Text | None = None


class MediaEntry(BaseModel):
    """What is declared of one file, or of all files that fit a pattern."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Text
    tenant: Text | None = None
    tenant_column: Text | None = None
    sum_to: Text | None = None
    date: Text
    grain: Literal["week", "day"] = "week"
    week_starts: Weekday = "monday"
    target: Target
    currency: Text
    spend: Columns = Field(min_length=1)
    impressions: Columns = {}
    controls: Columns = {}
    events: Columns = {}
    signs: dict[Text, Sign] = {}

    @model_validator(mode="after")
    def _has_one_tenant(self) -> MediaEntry:
        if (self.tenant is None) == (self.tenant_column is None):
            raise ValueError("needs either tenant or tenant_column")
        if self.sum_to is not None and self.tenant_column is None:
            raise ValueError("sum_to adds up the tenants of a tenant_column, and there is none")
        if self.grain == "day" and self.week_starts != "monday":
            raise ValueError("days are summed to weeks that start on a Monday; leave week_starts out")
        if unknown := sorted(self.signs.keys() - {*self.spend, *self.impressions, *self.controls, *self.events}):
            raise ValueError(f"signs names {', '.join(unknown)}, which is no channel, control or event of the entry")
        return self

    def sign(self, name: str) -> Sign | None:
        """The sign that the effect of a channel, control or event must have; the words of an event share that of its column."""
        return self.signs.get(name, self.signs.get(name.partition("=")[0]))

    def meaning(self) -> str:
        """Everything that it says of a row, as one text: the same bytes under another meaning are other rows."""
        return self.model_copy(update={"file": "*"}).model_dump_json(exclude_defaults=True)


@dataclass(frozen=True)
class MediaFile:
    """The entries that are sound, the patterns of those that are not, and what is wrong."""

    entries: tuple[tuple[str, MediaEntry], ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
    """Path of a broken entry in the file, and the pattern of the tables it is about; ``*`` when that cannot be told."""
    refusals: list[Refusal] = field(default_factory=list)

    def entry_for(self, path: str) -> MediaEntry | Refusal:
        """The entry for the table at ``path`` below the folder, or why there is none."""
        fits = [(name, entry) for name, entry in self.entries if fnmatchcase(path, entry.file)]
        if len(fits) == 1:
            return fits[0][1]
        if fits:
            names = " and ".join(name for name, _ in fits)
            return refusal(None, f"{names} of {NAME} fit this file", "one entry that fits", "make their patterns differ")
        broken = [name for name, pattern in self.broken if fnmatchcase(path, pattern)]
        if broken:
            return refusal(None, f"{broken[0]} of {NAME} is refused", "an entry without fault", f"mend {NAME}, as its own record says")
        step = f"add an entry with file: {path} to media/{NAME}; `governance init` writes an example"
        return refusal(None, f"no entry of {NAME} fits this file", "an entry that names its columns", step)


def refusal(column: str | None, found: str, expected: str, next_step: str) -> Refusal:
    """A whole file refused."""
    return Refusal("file", None, column, shown(found), expected, next_step, 0, FEED)


def read_media_file(data: bytes) -> MediaFile:
    """What ``media.yaml`` says. Every scalar is read as it is written, so that a tenant called 06 stays a text."""
    try:
        whole = yaml.load(data.decode("utf-8-sig"), Loader=yaml.BaseLoader)
    except (UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        return MediaFile(broken=(("", "*"),), refusals=[refusal(None, f"text that is not YAML ({error})", "YAML", "mend the file")])
    if whole in (None, ""):
        return MediaFile()
    if not isinstance(whole, dict) or not isinstance(whole.get("files"), list):
        told = refusal("files", "no list called files", "files: a list with one entry a file", "write the entries below files:")
        return MediaFile(broken=(("", "*"),), refusals=[told])
    refusals = [_unknown(str(key), ("files",)) for key in whole if key != "files"]
    return _entries(whole["files"], refusals)


def _entries(items: Sequence[Any], refusals: list[Refusal]) -> MediaFile:
    sound: list[tuple[str, MediaEntry]] = []
    broken: list[tuple[str, str]] = []
    for number, item in enumerate(items):
        name = f"files[{number}]"
        try:
            sound.append((name, MediaEntry.model_validate(item)))
        except ValidationError as error:
            pattern = item.get("file") if isinstance(item, dict) else None
            broken.append((name, pattern if isinstance(pattern, str) else "*"))
            refusals += [_problem(name, one) for one in error.errors(include_url=False)]
    return MediaFile(tuple(sound), tuple(broken), refusals)


def _problem(name: str, error: Any) -> Refusal:
    parts = [str(part) for part in error["loc"] if part != "[key]"]
    path = ".".join([name, *parts])
    if error["type"] == "extra_forbidden":
        known = Target.model_fields if parts[:1] == ["target"] else MediaEntry.model_fields
        return _unknown(path, known)
    if error["type"] == "missing":
        return refusal(path, f"no key {path}", "this key", f"add {parts[-1]} to the entry")
    message = str(error["msg"]).removeprefix("Value error, ")
    found = f"{path}: {error['input']!r}" if not isinstance(error["input"], dict) else path
    return refusal(path, f"{found} ({message})", "a value that the key can have", "mend the value; the README lists the keys")


def _unknown(path: str, known: Any) -> Refusal:
    return refusal(path, f"unknown key {path}", f"one of {', '.join(known)}", "mend the spelling, or remove the key")
