"""The file channel: a message as one line of JSON at the end of a file below home.

Belongs here: appending so that a crash costs no line but the one being written. Does not belong here: the shape of the line
(``pages/messages.py``).
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from governance_assets.pages.messages import Message, to_json
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts.channels import DeliveryError, NotConfigured, needed


@dataclass(frozen=True)
class FileChannel:
    """Appends messages to ``path``."""

    name: str
    path: Path

    def send(self, message: Message) -> None:
        """Append ``message`` in one write, on disk when this returns."""
        line = json.dumps(to_json(message), ensure_ascii=True, allow_nan=False).encode() + b"\n"
        try:
            self._append(line)
        except OSError as error:
            raise DeliveryError(f"channel {self.name}: {self.path} cannot be written ({error.strerror or error}); mend it") from None

    def _append(self, line: bytes) -> None:
        is_new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            written = line if _ends_a_line(file) else b"\n" + line
            if os.write(file, written) < len(written):
                raise OSError("the disk took a part of the line only")
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            _sync_folder(self.path.parent)


def build(entry: ChannelPolicy, home: Path) -> FileChannel:
    """The channel of ``entry``; its file must lie below ``home``."""
    target = Path(needed(entry, "target", "path of a file below home"))
    if target.is_absolute() or ".." in target.parts:
        raise NotConfigured(f"channel {entry.name}: target {target} leads out of home; name a path below it such as alerts/alerts.jsonl")
    return FileChannel(entry.name, home / target)


def _ends_a_line(file: int) -> bool:
    """Whether the next line may start here: not after a line that a crash cut short."""
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
