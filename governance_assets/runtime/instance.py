"""The Dagster instance of an installation: one folder, one configuration file, one function that puts them in place."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from governance_assets.runtime.settings import Settings

CONFIGURATION = Path(__file__).parent / "dagster.yaml"


def prepare(settings: Settings) -> Path:
    """Make the instance folder of ``settings`` with the shipped ``dagster.yaml`` and point ``DAGSTER_HOME`` at it."""
    home = settings.dagster_home()
    home.mkdir(parents=True, exist_ok=True)
    target = home / "dagster.yaml"
    if not target.exists() or target.read_bytes() != CONFIGURATION.read_bytes():
        shutil.copyfile(CONFIGURATION, target)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def opened(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of ``settings``, closed afterwards."""
    prepare(settings)
    with dg.DagsterInstance.get() as instance:
        yield instance
