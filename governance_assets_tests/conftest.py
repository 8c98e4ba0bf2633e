"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A path below the folder of public reference data; the test is skipped where that folder is absent."""
    root = Path(__file__).parents[2] / "shared" / "data"

    def find(relative: str) -> Path:
        path = root / relative
        if not path.exists():
            pytest.skip(f"reference data {relative} is not on this machine")
        return path

    return find
