"""Every document of a file says when the file was changed, how large it is, and the language that the file names."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bicross.errors import ArgumentError
from bicross.index import read_documents
from bicross.index.sources import file_documents
from helpers.file_facts import without_facts
from helpers.office_files import write_epub

MODIFIED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILES = {
    "a.txt": "Plain text.",
    "b.md": "# Title\n\nText.",
    "c.rst": "Title\n=====\n",
    "d.html": "<p>Text.",
    "e.ipynb": '{"cells": [{"cell_type": "markdown", "source": "Text."}]}',
    "f.py": "print()",
}


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def metadata_of(name, content, **options):
    Path(name).write_text(content, "utf-8")
    [document] = read_documents(name, **options)
    return document.metadata


@pytest.mark.parametrize("name", FILES)
def test_every_kind_has_its_size_and_its_time(name):
    Path(name).write_text(FILES[name], "utf-8")
    os.utime(name, (0, MODIFIED.timestamp() + 0.75))
    [document] = read_documents(name)
    assert document.metadata["modified"] == "2026-01-02T03:04:05+00:00"
    assert without_facts(document, name).metadata.keys() <= {"path", "language"}


@pytest.mark.parametrize(
    ("name", "content", "language"),
    [
        ("a.html", "<!doctype html><html class=x lang='de'><title>T</title>", "de"),
        ("a.html", "<HTML LANG=pt-BR><p>Text.", "pt-BR"),
        ("a.xhtml", '<?xml version="1.0"?><html xmlns="x" xml:lang="fr"><p>Text.</p></html>', "fr"),
        ("a.html", "<html><p lang=de>Text.<html lang=en>", "en"),
        ("a.html", "<!-- <html lang=de> --><p>Text.", None),
        ("a.html", "<html lang='{{ language }}'><p>Text.", None),
        ("a.html", "<html lang><p>Text.", None),
        ("a.md", "---\nlang: de\n---\nText.", "de"),
        ("a.md", "---\nlang: de\nlanguage: Deutsch\n---\nText.", "Deutsch"),
        ("a.md", "---\nlang: [de, en]\n---\nText.", None),
        ("a.go", "package main", "Go"),
        ("a.txt", "Der Text.", None),
    ],
)
def test_the_language_is_the_one_that_the_file_names(name, content, language):
    assert metadata_of(name, content).get("language") == language


def test_what_front_matter_says_counts_more_than_the_file_system():
    metadata = metadata_of("a.md", "---\nmodified: 2020-05-01\nsize: small\npath: elsewhere\n---\nText.")
    assert metadata == {"modified": "2020-05-01", "size": "small", "path": "a.md"}


def test_a_time_that_no_calendar_has_is_left_out(monkeypatch):
    Path("a.txt").write_text("Text.")

    class Clock(datetime):
        @classmethod
        def fromtimestamp(cls, timestamp, tz=None):
            return datetime.fromtimestamp(2.0**60, tz)  # ValueError

    monkeypatch.setattr(file_documents, "datetime", Clock)
    assert metadata_of("a.txt", "Text.") == {"path": "a.txt", "size": 5}


def test_columns_of_metadata_are_chosen_for_files_of_every_kind():
    write_epub(Path("a.epub"), "The book", ("One", "It began."))
    [chapter] = read_documents("a.epub", leave_out=["modified", "author"])
    assert {"path", "size", "chapter", "heading", "language"} == chapter.metadata.keys()
    text = "---\nyear: 2020\n---\nText."
    assert metadata_of("a.md", text, leave_out=["modified"]).keys() == {"path", "size", "year"}
    assert metadata_of("a.md", text, metadata_columns=["year"]) == {"path": "a.md", "year": 2020}
    reader = read_documents("a.md", leave_out=["modifed"])
    assert list(reader)
    assert reader.report.notes == (
        "no row has 'modifed', which metadata_columns or leave_out names: check the spelling",
    )
    with pytest.raises(ArgumentError, match="leave_out must be a list of names"):
        read_documents("a.md", leave_out="modified")
