"""Writing the site: whole pages, nothing stale, nothing outside the folder."""

from __future__ import annotations

import threading

import pytest

from governance_assets.runtime.site import write_documents, write_site

SITE = {"index.html": "<p>front ü</p>", "calibration.html": "<p>page</p>"}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_page_is_written_and_the_front_page_returned(tmp_path):
    index = write_site(tmp_path / "new" / "site", SITE)
    assert index.read_bytes() == SITE["index.html"].encode()
    assert names(index.parent) == ["calibration.html", "index.html"]


def test_pages_that_left_the_site_are_taken_away_and_other_files_stay(tmp_path):
    write_site(tmp_path, SITE | {"old.html": "x"})
    (tmp_path / "notes.txt").write_text("mine")
    write_site(tmp_path, SITE)
    assert names(tmp_path) == ["calibration.html", "index.html", "notes.txt"]


def test_an_unchanged_page_is_left_untouched(tmp_path):
    index = write_site(tmp_path, SITE)
    before = index.stat().st_ino, index.stat().st_mtime_ns
    write_site(tmp_path, SITE | {"calibration.html": "<p>changed</p>"})
    assert (index.stat().st_ino, index.stat().st_mtime_ns) == before
    assert (tmp_path / "calibration.html").read_text() == "<p>changed</p>"


@pytest.mark.parametrize("name", ["../out.html", "a/b.html", "/tmp/x.html", "page.txt", ""])
def test_a_page_stays_inside_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match="expected plain names"):
        write_site(tmp_path / "site", {name: "x"})
    assert names(tmp_path / "site") == []


def test_a_reader_never_sees_half_a_page(tmp_path):
    pages = ["a" * 200_000, "b" * 200_000]
    index = write_site(tmp_path, {"index.html": pages[0]})
    writers = [threading.Thread(target=lambda n=n: [write_site(tmp_path, {"index.html": pages[n]}) for _ in range(40)]) for n in range(2)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(index.read_text())
    assert seen <= set(pages)
    assert names(tmp_path) == ["index.html"]


def test_documents_are_written_whole_and_stay(tmp_path):
    write_documents(tmp_path, {"reviews/2025-10-15.md": b"old", "b.csv": b"1"})
    kept = (tmp_path / "b.csv").stat().st_mtime_ns
    write_documents(tmp_path, {"reviews/2025-10-15.md": b"new", "b.csv": b"1"})
    write_documents(tmp_path, {})
    assert (tmp_path / "reviews" / "2025-10-15.md").read_bytes() == b"new"
    assert (tmp_path / "b.csv").stat().st_mtime_ns == kept


@pytest.mark.parametrize("name", ["../out.md", "/tmp/x.md", "a/../../x.md", "plain", "", "a//b.md", "a\\b.md"])
def test_a_document_stays_inside_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match="expected paths below the folder"):
        write_documents(tmp_path / "documents", {name: b"x"})
    assert list(tmp_path.iterdir()) == []
