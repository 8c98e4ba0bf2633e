"""The banner of late alerts, in a real browser and from files: shown when the heartbeat is old, and at no other time."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from governance_assets.pages.site import build
from governance_assets_tests import pages_example as example

BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


class Banner(HTMLParser):
    """Whether the banner is hidden, and the instant in it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_hidden: bool | None = None
        self.since: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("id") == "late":
            self.is_hidden = "hidden" in attributes
        elif tag == "time" and self.since is None:
            self.since = attributes.get("datetime")


def shown(folder: Path, heartbeat: dict[str, object] | str | None) -> Banner:
    """The banner of the front page beside ``heartbeat``, after its scripts have run."""
    site = folder / "site"
    site.mkdir()
    for name, text in build(example.front(), {}, example.catalogue()).items():
        (site / name).write_text(text, encoding="utf-8")
    if heartbeat is not None:
        (folder / "alerts").mkdir()
        told = heartbeat if isinstance(heartbeat, str) else f"window.governanceHeartbeat = {json.dumps(heartbeat)};\n"
        (folder / "alerts" / "heartbeat.js").write_text(told)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}", "--virtual-time-budget=1000"]
    done = subprocess.run(
        [str(BROWSER), *options, "--dump-dom", (site / "index.html").as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    banner = Banner()
    banner.feed(done.stdout)
    return banner


@pytest.mark.skipif(BROWSER is None, reason="there is no browser on this machine")
@pytest.mark.parametrize(("age_s", "is_hidden"), [(0, True), (130, False)])
def test_the_banner_is_shown_when_the_heartbeat_is_older_than_two_intervals(tmp_path: Path, age_s: int, is_hidden: bool) -> None:
    at = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age_s)).isoformat(timespec="seconds")
    banner = shown(tmp_path, {"at": at, "interval_s": 60})
    assert (banner.is_hidden, banner.since) == (is_hidden, at)


@pytest.mark.skipif(BROWSER is None, reason="there is no browser on this machine")
@pytest.mark.parametrize("heartbeat", [None, "window.governanceHeart"])
def test_without_a_heartbeat_nothing_is_shown(tmp_path: Path, heartbeat: str | None) -> None:
    banner = shown(tmp_path, heartbeat)
    assert banner.is_hidden is True
