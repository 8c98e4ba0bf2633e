"""The channels that need nothing: the console, and the file with its torn lines, full disks and many writers."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from governance_assets.pages.messages import as_text, from_json
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts import channels
from governance_assets.runtime.alerts.channels import Channel
from governance_assets_tests.channel_samples import HOSTILE, hostile, line, message, refusal


def console() -> Channel:
    return channels.build(ChannelPolicy(name="console", kind="console"), {}, Path())


def file_channel(home: Path, target: str = "alerts/alerts.jsonl") -> Channel:
    return channels.build(ChannelPolicy(name="file", kind="file", target=target), {}, home)


@pytest.mark.parametrize("severity", ["error", "warn", "info", "other"])
def test_the_console_prints_the_text_unbroken(severity: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = message(line(message="word " * 1_000), severity=severity)
    console().send(told)
    assert capsys.readouterr().out == as_text(told) + "\n"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_console_reads_no_markup_and_no_escapes(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console().send(hostile(text + " [bold red]x[/] :smile: https://a.b"))
    out = capsys.readouterr().out
    assert out == as_text(hostile(text + " [bold red]x[/] :smile: https://a.b")) + "\n"
    assert "\x1b" not in out


def test_the_console_uses_colours_on_a_terminal_only_around_the_title(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    console().send(message())
    first, rest = shown.getvalue().split("\n", 1)
    assert first.startswith("\x1b[1;31mFAIL")
    assert rest == as_text(message()).split("\n", 1)[1] + "\n"


def test_the_console_survives_a_terminal_that_knows_ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    console().send(message())
    shown.seek(0)
    assert "Trend    71.0 % ? 68.0 % ? 65.0 %" in shown.read()


def test_a_console_that_is_gone_is_told_and_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with io.TextIOWrapper(io.FileIO(write, "w"), write_through=True) as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        for _ in range(2):
            error = refusal(console())
            assert (error.is_permanent, "standard output takes nothing" in str(error)) == (False, True)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    assert not refusal(console()).is_permanent


def test_the_file_gets_a_line_a_message_and_its_folders(tmp_path: Path) -> None:
    told = [message(key=f"k{n}") for n in range(3)] + [hostile(text) for name, text in HOSTILE.items() if name != "surrogate"]
    for one in told:
        file_channel(tmp_path, "deep/er/alerts.jsonl").send(one)
    rows = (tmp_path / "deep" / "er" / "alerts.jsonl").read_bytes().split(b"\n")
    assert rows.pop() == b""
    assert [from_json(json.loads(row)) for row in rows] == told


@pytest.mark.parametrize("n_bytes", [1, 50, 500])
def test_a_line_torn_by_a_crash_costs_no_other_line(n_bytes: int, tmp_path: Path) -> None:
    channel, path = file_channel(tmp_path), tmp_path / "alerts" / "alerts.jsonl"
    channel.send(message(key="before"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:n_bytes])
    channel.send(message(key="after"))
    first, torn, last, end = path.read_bytes().split(b"\n")
    assert [json.loads(first)["key"], torn, json.loads(last)["key"], end] == ["before", whole[:n_bytes], "after", b""]


def test_a_full_disk_is_told_and_the_next_line_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel, path, write = file_channel(tmp_path), tmp_path / "alerts" / "alerts.jsonl", os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:40]))
    error = refusal(channel)
    assert (error.is_permanent, "a part of the line only" in str(error)) == (False, True)
    monkeypatch.undo()
    channel.send(message(key="later"))
    torn, last, end = path.read_bytes().split(b"\n")
    assert (len(torn), json.loads(last)["key"], end) == (40, "later", b"")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "alerts" / "alerts.jsonl").mkdir(parents=True)
    error = refusal(file_channel(tmp_path))
    assert (error.is_permanent, "Is a directory" in str(error)) == (False, True)
    (tmp_path / "plain").write_text("x")
    assert not refusal(file_channel(tmp_path, "plain/alerts.jsonl")).is_permanent


def _write_many(home: str, writer: int) -> None:
    for number in range(50):
        file_channel(Path(home)).send(message(line(message="x" * 6_000), key=f"{writer}-{number}"))


def test_many_writers_lose_and_mix_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(str(tmp_path), writer)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    keys = [json.loads(row)["key"] for row in (tmp_path / "alerts" / "alerts.jsonl").read_text().splitlines()]
    assert sorted(keys) == sorted(f"{writer}-{number}" for writer in range(3) for number in range(50))
