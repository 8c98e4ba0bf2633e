"""Writing the site's pages and documents to a folder.

Belongs here: files. Does not belong here: what stands in them (``pages/site.py``).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

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


def write_documents(folder: Path, documents: Mapping[str, bytes]) -> None:
    """Write every document below ``folder``, each whole or as it was; none is ever taken away. Raises ValueError for a path outside it."""
    strange = [name for name in documents if not _is_below(name)]
    if strange:
        raise ValueError(f"documents: found {', '.join(map(repr, strange))}, expected paths below the folder, with forward slashes")
    for name, content in documents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        _replace(folder / name, content)


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.suffix) and not path.is_absolute() and ".." not in path.parts and str(path) == name and "\\" not in name


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
