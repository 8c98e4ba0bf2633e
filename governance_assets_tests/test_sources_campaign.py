"""Five hundred good files, each damaged in one of many ways: nothing crashes, and whatever is not refused is harmless."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from governance_assets.contract import registry, violations
from governance_assets.runtime.sources import Intake
from governance_assets_tests.intake_samples import Folder, csv_of, forecasts, jsonl_of, parquet_of, told

GOOD = forecasts(2, 2)
KINDS = {
    ".csv": csv_of(GOOD),
    ".parquet": parquet_of(GOOD),
    ".jsonl": jsonl_of(GOOD),
    ".json": b"[" + jsonl_of(GOOD).strip().replace(b"\n", b",") + b"]",
}
HOSTILE = (
    "NaN", "inf", "-Infinity", "1e999", "", "NA", "x", "=cmd()", "<b>", "'; DROP TABLE rows; --", "03/11/2025", "2025-13-01", "0", "1",
    "-0.1", "1,5", "\x00", "\u202e", "é", "1" * 400, "true", "2025-11-03T00:00", "٣", '"', '""', "\\", "\t", "null",
)  # fmt: skip


def flip_bytes(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 20)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def drop_middle(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 200) :]


def insert_noise(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + chance.randbytes(chance.randint(1, 50)) + data[at:]


def repeat_piece(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randint(1, 300)]
    return data[:start] + piece + data[start:]


def change_cells(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    for _ in range(chance.randint(1, 10)):
        at = chance.randrange(len(lines))
        cells = lines[at].split(b",")
        cells[chance.randrange(len(cells))] = chance.choice(HOSTILE).encode()
        lines[at] = b",".join(cells)
    return b"\n".join(lines)


def swap_columns(data: bytes, chance: random.Random) -> bytes:
    lines = [line.split(b",") for line in data.split(b"\n")]
    first, second = chance.sample(range(7), 2)
    for cells in lines[1:]:
        if len(cells) == 7:
            cells[first], cells[second] = cells[second], cells[first]
    return b"\n".join(b",".join(cells) for cells in lines)


def recode(data: bytes, chance: random.Random) -> bytes:
    text = data.decode("utf-8", "replace").replace("06", "Île")
    return text.encode(chance.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-8-sig", "utf-7"]), "replace")


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bytes, truncate, drop_middle, insert_noise, repeat_piece, change_cells, swap_columns, recode,
)  # fmt: skip


def assert_honest(intake: Intake) -> None:
    """The tables keep their contracts, and every file that arrived is told of somewhere."""
    for name, rows in {**intake.manifests, "rejected_records": intake.rejected}.items():
        assert violations(registry()[name], rows) == []
    for record in told(intake):
        assert record["found"]
        assert record["expected"]
        assert record["next_step"]


@pytest.mark.parametrize("part", range(10))
def test_500_damaged_files_neither_crash_nor_pass_unseen(tmp_path: Path, part: int) -> None:
    chance = random.Random(part)
    folder = Folder(tmp_path)
    names = []
    for number in range(50):
        suffix = chance.choice(list(KINDS))
        names.append(f"forecasts/{number}/damaged{suffix}")
        folder.put(names[-1], chance.choice(DAMAGES)(KINDS[suffix], chance))
    intake = folder.read()
    assert_honest(intake)
    landed = {file["origin"]: file for file in intake.manifests["quantile_forecasts"].to_pylist()}
    landed |= {file["origin"]: file for name in ("sample_forecasts", "observations") for file in intake.manifests[name].to_pylist()}
    reported = {str(record["file"]) for record in told(intake)} | {path for path, _ in intake.ignored}
    silent = [name for name in names if name not in landed and name not in reported]
    assert silent == []
    for row in folder.rows(intake):
        assert 0 < row["quantile_level"] < 1
        assert abs(row["predicted"]) < float("inf")


def test_a_truncated_parquet_file_is_never_partly_read(tmp_path: Path) -> None:
    chance = random.Random(11)
    folder = Folder(tmp_path)
    for number in range(20):
        folder.put(f"forecasts/{number}.parquet", truncate(KINDS[".parquet"], chance))
    intake = folder.read()
    assert intake.manifests["quantile_forecasts"].num_rows == 0
    assert {record["scope"] for record in told(intake)} == {"file"}
