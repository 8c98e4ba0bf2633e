"""Sealing and verifying an installation: its history, its home folder, its anchors.

Belongs here: which files and folders these are. Does not belong here: what is sealed (``seals.py``) or verified (``verify.py``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from governance_assets.runtime.proof.anchors import default_files
from governance_assets.runtime.proof.failures import Report
from governance_assets.runtime.proof.seals import Seal, seal
from governance_assets.runtime.proof.verify import verify
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace


def anchor_files(settings: Settings) -> list[Path]:
    """The anchors files of the installation: its own, and the outside one that GOVERNANCE_ANCHORS names."""
    return default_files(settings.home, os.environ)


def seal_installation(workspace: Workspace, by: str) -> Seal | None:
    """Seal what is new and anchor it; None when nothing is new."""
    return seal(workspace.history, anchor_files(workspace.settings), by)


def verify_installation(settings: Settings, files: Sequence[Path] | None = None) -> Report:
    """Verify the history against ``files``, by default all anchors of the installation."""
    return verify(settings.history, settings.data_path, settings.home, anchor_files(settings) if files is None else files)
