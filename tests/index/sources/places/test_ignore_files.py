"""``.gitignore`` files leave out what git ignores."""

import subprocess
import sys
from pathlib import Path

import pytest
from bicross.errors import ArgumentError, SourceError
from bicross.index import read_documents
from helpers.examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

NAMES = ["a.txt", "b.txt", "build/a.txt", "build/deep/b.txt", "src/a.txt", "src/build/a.txt", "src/x y/b.txt"]
PATTERNS = ["a.txt", "/a.txt", "build/", "build", "*.txt", "!a.txt", "!build/", "src/*", "**/build/a.txt", "x\\ y", "#"]
PATTERNS += ["*", "**", "!build", "!src", "!*/", "src/**", "!src/**", "/build/**", "src/**/a.txt", "deep/"]
PATTERNS += ["!src/build/a.txt", "!src/build"]
WHERE = ["", "src", "build"]


def git(folder, *arguments):
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    return done.stdout


@settings(max_examples=examples(60))
@example(patterns={"src": ["!build/"], "": ["a.txt"]})
@example(patterns={"": ["src/**", "!src/a.txt"]})
@example(patterns={"": ["*", "!src", "!src/build", "!*.txt"]})
@example(patterns={"": ["deep/", "!*/"]})
@given(patterns=st.dictionaries(st.sampled_from(WHERE), st.lists(st.sampled_from(PATTERNS), max_size=4)))
def test_the_same_is_left_out_as_by_git(tmp_path_factory, patterns):
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q")
    for name in [*NAMES, "always.md"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("Text.")
    for where, lines in {"": [], **patterns}.items():
        more = ["!always.md"] if where == "" else []
        (folder / where / ".gitignore").write_text("\n".join([*lines, *more]))
    kept = git(folder, "ls-files", "-o", "--exclude-standard", "-z").split("\0")
    expected = {name for name in kept if name and not name.endswith(".gitignore")}
    documents = {document.id for document in read_documents(folder, gitignore=True)}
    assert documents == expected
    for inner in ("src", "build"):  # the files of the folders above count, too; an ignored folder is asked for by name
        inside = {name.removeprefix(f"{inner}/") for name in expected if name.startswith(f"{inner}/")}
        if inside:
            assert {document.id for document in read_documents(folder / inner, gitignore=True)} == inside


def test_it_is_asked_for_counted_and_named(tmp_path, monkeypatch):
    for name in ("a.txt", "b.log.txt", "out/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Text.")
    (tmp_path / ".gitignore").write_text("*.log.txt\nout/\n")
    assert len(list(read_documents(tmp_path))) == 3
    documents = read_documents(tmp_path, gitignore=True)
    assert [document.id for document in documents] == ["a.txt"]
    left_out = {left_out.kind: left_out.examples for left_out in documents.report.left_out}
    assert left_out == {"hidden": (f"{tmp_path}/.gitignore",), "ignored": (f"{tmp_path}/b.log.txt", f"{tmp_path}/out/")}
    (tmp_path / ".gitignore").write_bytes(b"a\xff.txt\n!\n")
    with pytest.raises(SourceError, match=r"\.gitignore cannot be read: .*; mend it, or leave out gitignore"):
        read_documents(tmp_path, gitignore=True)
    monkeypatch.setitem(sys.modules, "pathspec", None)
    with pytest.raises(ArgumentError, match=r"gitignore=True needs pathspec: pip install 'bicross\[files\]'"):
        read_documents(Path(tmp_path), gitignore=True)
