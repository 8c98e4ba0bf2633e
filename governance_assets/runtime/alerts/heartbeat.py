"""Signs of life: a row, a file for the banner of the site, and a call to whoever watches from outside.

Belongs here: leaving them at the end of a drain. Does not belong here: judging whether one is late (``governance doctor``).
"""

from __future__ import annotations

import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.alerts.channels import TIMEOUT_S
from governance_assets.runtime.alerts.delivery import DeliveryStore, Heartbeat
from governance_assets.runtime.alerts.delivery_file import FOLDER

SCRIPT = "heartbeat.js"
URL_VARIABLE = "GOVERNANCE_HEARTBEAT_URL"


def leave(store: DeliveryStore, beat: Heartbeat, policy: AlertsPolicy, home: Path, environment: Mapping[str, str]) -> list[str]:
    """Log ``beat``, write the script of the banner, and call the URL that ``environment`` names, if any; returns what went wrong."""
    number = store.beat(beat)
    write_script(home, beat, policy)
    url = environment.get(URL_VARIABLE, "").strip()
    problem = _called(url) if url else ""
    if problem:
        store.beat_failed(number, problem)
    return [problem] if problem else []


def write_script(home: Path, beat: Heartbeat, policy: AlertsPolicy) -> None:
    """The heartbeat as a script, which pages that are opened as files can load; a reader sees the old one or the new one."""
    document = {
        "at": beat.at.isoformat(timespec="seconds"),
        "interval_s": policy.drain_interval_s,
        "sent": beat.sent,
        "pending": beat.pending,
        "dead": beat.dead,
        "origin": beat.origin,
    }
    handle, name = tempfile.mkstemp(dir=home / FOLDER, prefix=f".{SCRIPT}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"window.governanceHeartbeat = {json.dumps(document)};\n")
        Path(name).chmod(0o644)
        Path(name).replace(home / FOLDER / SCRIPT)
    finally:
        Path(name).unlink(missing_ok=True)


def _called(url: str) -> str:
    """Call ``url``; returns what went wrong, without the address, which may be a secret."""
    if not url.startswith(("http://", "https://")):
        return f"{URL_VARIABLE} is no http or https address; nobody outside was told of this drain"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S):
            return ""
    except urllib.error.HTTPError as error:
        return f"{URL_VARIABLE} answered {error.code}; nobody outside was told of this drain"
    except (OSError, HTTPException, ValueError) as error:
        return f"{URL_VARIABLE} did not answer ({type(error).__name__}); nobody outside was told of this drain"
