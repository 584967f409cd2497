"""Titles and front matter of Markdown."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from bicross.index import read_documents
from helpers.file_facts import without_facts
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def page(tmp_path):
    def read(content):
        path = tmp_path / "page.md"
        path.write_text(content, "utf-8", newline="")
        reader = read_documents(path)
        [document] = reader
        return without_facts(document, path), reader.report

    return read


@pytest.mark.parametrize(
    ("block", "title", "metadata"),
    [
        ("---\ntitle: How vaccines work\n# draft: yes\n---\n", "How vaccines work", {}),
        ("---\ntitle: Only front matter title\n---\n", "Only front matter title", {}),
        ("---\n# a comment\nyear: 2020\n---\n", "Body", {"year": 2020}),
        ("---\ntitle: 1984\n---\n", "1984", {}),
        ("---\ntitle: No\n---\n", "No", {}),
        ("---\ntitle: 1.10\ndraft: no\n---\n", "1.10", {"draft": False}),
        ("---\ntitle: >\n  Two\n  lines\n---\n", "Two lines", {}),
        ("---\ntitle: 'It''s: here'\n...\n", "It's: here", {}),
        ("---\ntitle:\ntags: [a, b]\n---\n", "Body", {"title": None, "tags": ["a", "b"]}),
        ("---\ntitle: [a, b]\n---\n", "Body", {"title": ["a", "b"]}),
        (
            "---\ndate: 2024-02-29\nat: 2024-02-29 12:30:00\n---\n",
            "Body",
            DATES := {"date": "2024-02-29", "at": "2024-02-29T12:30:00"},
        ),
        ("---\nauthor:\n  name: Ann\n  1: x\n---\n", "Body", {"author": {"name": "Ann", "1": "x"}}),
        ("---\na: !!binary aGk=\n---\n", "Body", {"a": "aGk="}),
        ("---\nscore: .nan\nnothing: ~\n---\n", "Body", {"score": None, "nothing": None}),
        ("---  \r\ntitle: Windows\r\n---\r\n", "Windows", {}),
        ("---\n---\n", "Body", {}),
        ("---\n# only a comment\n---\n", "Body", {}),
        (
            '+++\ntitle = "Toml"\nyear = 2020\n# draft\n[author]\nname = "Ann"\n+++\n',
            "Toml",
            {"year": 2020, "author": {"name": "Ann"}},
        ),
        ("+++\ndate = 2024-02-29\n+++\n", "Body", {"date": "2024-02-29"}),
        (
            f"+++\ntitle = 'Mr. A. {'c d. ' * 90}end'\nn = {[0.5] * 90}\n+++\n",
            f"Mr. A. {'c d. ' * 90}end",
            {"n": [0.5] * 90},
        ),
    ],
)
def test_front_matter(page, block, title, metadata):
    document, report = page(f"{block}\n# Body\n\nThe text.")
    assert document.title == title
    assert document.metadata == {"path": "page.md", **metadata}
    assert document.text == "\n# Body\n\nThe text."
    assert report.notes == ()


@pytest.mark.parametrize(
    "block",
    [
        "---\nSome text between two lines.\n---\n",  # thematic breaks
        "---\n- a\n- list\n---\n",
        "---\ntitle: never ended\n",
        "--- \ntext\n----\n",
        " ---\ntitle: x\n---\n",
        "\n---\ntitle: x\n---\n",
        "----\ntitle: x\n----\n",
        "+++\n",
        "---\n" + "a: b\n" * 20_000 + "---\n",
    ],
)
def test_what_is_no_front_matter_is_text(page, block):
    document, report = page(f"{block}\n# Body\n\nThe text.")
    assert document.text == f"{block}\n# Body\n\nThe text."
    assert document.metadata == {"path": "page.md"}
    assert report.notes == ()


BOMB = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*{'a' if i == 0 else f'b{i - 1}'}, *a]\n" for i in range(30))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("---\ntitle: a: b\n---\n", "mapping values are not allowed"),
        ("---\ntitle: [a\n---\n", "expected"),
        (f"---\n{BOMB}---\n", "it has an alias"),
        ("---\na: &a\n  b: *a\n---\n", "it has an alias"),
        ("---\na: " + "[" * 2000 + "\n---\n", "nested too deeply"),
        ("---\n? [a, b]\n: c\n---\n", "unhashable|found unhashable"),
        ("---\na: \x07\n---\n", "special characters are not allowed"),
        ("+++\ntitle = \n+++\n", "Invalid value"),
        ("+++\ntitle: x\n+++\n", "Expected '='"),
        ("+++\n" + "a." * 30_000 + "a = 1\n+++\n", "a key has more than 64 parts"),
        ("+++\n[t]\nx = {" + '"b\\"c" . \'d\' . ' * 4000 + "a = 1}\n+++\n", "a key has more than 64 parts"),
    ],
    ids=range(11),
)
def test_front_matter_that_cannot_be_read_stays_in_the_text_and_is_said(page, block, reason):
    document, report = page(f"{block}\n# Body\n\nThe text.")
    assert document.text == f"{block}\n# Body\n\nThe text."
    assert document.metadata == {"path": "page.md"}
    [note] = report.notes
    assert "page.md: its front matter is part of its text, for it cannot be read: " in note
    assert any(part in note for part in reason.split("|"))


@pytest.mark.parametrize(
    ("block", "metadata", "reason"),
    [
        (
            "date: 2024-02-30\nyear: 2020\n",
            {"date": "2024-02-30", "year": 2020},
            "'2024-02-30' in line 2 is kept as text: ",
        ),
        (
            "year: 2020\ndate: 2024-99-99\n",
            {"date": "2024-99-99", "year": 2020},
            "'2024-99-99' in line 3 is kept as text: mo",
        ),
        (
            "at: 2024-01-01 25:00:00\nx: [2024-13-01, 1]\n",
            {"at": "2024-01-01 25:00:00", "x": ["2024-13-01", 1]},
            "hour mu",
        ),
        ("a: {b: !mine x}\n", {"a": {"b": "x"}}, "could not determine a constructor"),
        ("a: !!python/object:os.system x\n", {"a": "x"}, "could not determine a constructor"),
        ("a: " + "9" * 5000 + "\n", {"a": "9" * 5000}, "Exceeds the limit"),
        ("a: 1\nb: 2\na: 3\n", {"a": 3, "b": 2}, "'a' is there several times, and the last one counts"),
    ],
    ids=range(7),
)
def test_a_value_that_cannot_be_read_is_kept_as_text_and_the_others_are_read(page, block, metadata, reason):
    document, report = page(f"---\n{block}---\nThe text.")
    assert document.text == "The text."
    assert document.metadata == {"path": "page.md", **metadata}
    [note] = report.notes
    assert "page.md: in its front matter, " in note
    assert reason in note


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("Setext\n======\n\nText.", "Setext"),
        ("Text.\n\nTwo\nlines\n  ===  \n", "Two lines"),
        ("Second level\n---\n\n# First", "First"),
        ("a paragraph\n\n===\n\n# Real", "Real"),
        ("- item\n===\n\n# Real", "Real"),
        ("> quote\n===\n\n# Real", "Real"),
        ("    code\n===\n\n# Real", "Real"),
        ("|a|b|\n===\n\n# Real", "Real"),
        ("````\n```\n# not a title\n````\n# Real", "Real"),
        ("~~~~ python\n~~~\n# no\n```\n# no\n~~~~~~\n# Real", "Real"),
        ("```\n# never closed", "page"),
        ("```inline``` code\n# Real", "Real"),
        ("``` a`b\n# Real", "Real"),
        ("- ```\n  # no\n  ```\n# Real", "Real"),
        ("1. > ```\n# no\n```\n# Real", "Real"),
        ("<!-- comment\n# no\n-->\n# Real", "Real"),
        ("<!-- comment --> \n# Real", "Real"),
        ("#no heading\n####### seven\n## Second\n# Real", "Real"),
        ("    # code\n# Real", "Real"),
    ],
)
def test_titles(page, content, title):
    document, _ = page(content)
    assert (document.title, document.text) == (title, content)


@given(st.text(st.sampled_from("-+=#`~> a:\n*[&!\"'\\\t1."), max_size=200))
def test_any_markdown_is_read_and_none_of_its_text_is_lost(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.md")
        path.write_text(f"{content}\n\nlast words", "utf-8", newline="")
        [document] = read_documents(path)
        assert document.text.endswith("last words")
        assert f"{content}\n\nlast words".endswith(document.text)


def test_yaml_is_imported_with_the_first_block_of_it():
    code = (
        "import sys\nfrom bicross.index.sources.texts.front_matter import front_matter\n"
        "front_matter('# text')\nassert 'yaml' not in sys.modules\n"
        "assert front_matter('---\\ntitle: a\\n---\\n').title == 'a'\nassert 'yaml' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
