"""Writing the site's pages to a folder.

Belongs here: files. Does not belong here: what stands in them (``pages/site.py``).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

FRONT = "index.html"


def write_site(folder: Path, site: Mapping[str, str]) -> Path:
    """Write every page and take pages away that are no longer part of the site; returns the path of the front page.

    A reader sees each page either as it was or as it is, and the front page, which links the others, is replaced last.
    A page that did not change is left untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    strange = [name for name in site if Path(name).name != name or not name.endswith(".html")]
    if strange:
        raise ValueError(f"site: found {', '.join(map(repr, strange))}, expected plain names that end in .html")
    for name in sorted(site, key=lambda name: name == FRONT):
        _replace(folder / name, site[name].encode())
    for stale in folder.glob("*.html"):
        if stale.name not in site:
            stale.unlink(missing_ok=True)
    return folder / FRONT


def _replace(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
