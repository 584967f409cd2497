"""A table with tabs whose name ends in .txt, as Excel exports "Unicode text", is one text, and a note says so."""

import pytest
from bicross.index import read_documents


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_table_in_a_text_file_is_noted(tmp_path, encoding):
    (tmp_path / "t.txt").write_text("id\ttext\n1\tone\n2\ttwo\n", encoding=encoding)
    reader = read_documents(tmp_path / "t.txt")
    assert len(list(reader)) == 1
    assert [note for note in reader.report.notes if "--format tsv reads rows" in note]
    assert [document.text for document in read_documents(tmp_path / "t.txt", format="tsv")] == ["one", "two"]


@pytest.mark.parametrize("text", ["one\ttab\nin a line\n", "a\tb\tc", "no tab\nat all\n", "\ta\n\t\tb\n", "x" * 20_000])
def test_other_texts_are_not(tmp_path, text):
    (tmp_path / "t.txt").write_text(text)
    reader = read_documents(tmp_path / "t.txt")
    assert len(list(reader)) == 1
    assert reader.report.notes == ()
