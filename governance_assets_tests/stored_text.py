"""Comparing a whole text with the one that is stored.

Set GOVERNANCE_STORE_TEXTS=1 to store what is made now, then read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"


def assert_stored(name: str, text: str) -> None:
    """Fail unless ``text`` equals the stored text called ``name``."""
    path = FOLDER / name
    if os.environ.get("GOVERNANCE_STORE_TEXTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{name} is not stored; run with GOVERNANCE_STORE_TEXTS=1"
    assert text == path.read_text(encoding="utf-8"), f"{name} differs from what is stored"
