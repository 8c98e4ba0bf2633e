"""Whether the process that executes a run still lives.

Belongs here: naming a process so that its number cannot be mistaken for that of a later one. Does not belong here: what is done
about a run whose process is gone (``alerts/dead_runs.py``).
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

HOST_TAG = "governance/host"
PROCESS_TAG = "governance/pid"
STARTED_TAG = "governance/process_started"
_PROC = Path("/proc")


def process_tags() -> dict[str, str]:
    """Tags that name this process: its host, number, and start where the system tells it."""
    tags = {HOST_TAG: host(), PROCESS_TAG: str(os.getpid())}
    started = started_at(os.getpid())
    return tags | ({STARTED_TAG: started} if started is not None else {})


def host() -> str:
    """This machine, since it was last started: process numbers mean nothing beyond either."""
    boot = _PROC / "sys/kernel/random/boot_id"
    return f"{socket.gethostname()} {boot.read_text().strip()}" if boot.exists() else socket.gethostname()


def started_at(process: int) -> str | None:
    """When a process started, in ticks since the machine did; None when it is gone or the system does not tell."""
    try:
        text = (_PROC / str(process) / "stat").read_text()
    except OSError:
        return None
    state, *fields = text[text.rindex(")") + 2 :].split()  # the name in brackets may hold anything
    return None if state in "ZX" else fields[_START_FIELD]


_START_FIELD = 18
"""Field 22 of the file, counted behind number, name and state."""


def began_at(process: int) -> float | None:
    """When a process started, in seconds since 1970; None when it is gone or the system does not tell."""
    ticks, statistics = started_at(process), _PROC / "stat"
    booted = re.search(r"^btime (\d+)$", statistics.read_text(), re.MULTILINE) if statistics.exists() else None
    return None if ticks is None or booted is None else int(booted[1]) + int(ticks) / os.sysconf("SC_CLK_TCK")


def lives(tags: Mapping[str, str]) -> bool | None:
    """Whether the process that ``tags`` name still lives; None when that cannot be told from here."""
    number = tags.get(PROCESS_TAG, "")
    if tags.get(HOST_TAG) != host() or not number.isdecimal():
        return None
    if STARTED_TAG in tags:
        return started_at(int(number)) == tags[STARTED_TAG]
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return None  # somebody has this number; whether it is still the same process cannot be told
