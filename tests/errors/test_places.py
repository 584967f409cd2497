"""Where a file or a folder can be written is known before anything slow."""

import os

import pytest
from bicross.errors import ArgumentError
from bicross.errors.arguments import require_file_place, require_folder_place


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ["new", "file", "folder/new"])
def test_a_file_can_be_written_in_a_folder_that_is_there(folder, name, monkeypatch):
    monkeypatch.chdir(folder)
    require_file_place(folder / name, "a run")
    require_file_place((folder / name).relative_to(folder), "a run")
    assert sorted(path.name for path in folder.iterdir()) == ["file", "folder"], "nothing is made"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "it is a folder; name a file"),
        ("nowhere/new", "there is no folder .*nowhere; make it, or name another"),
        ("file/new", "there is no folder .*file; make it"),
    ],
)
def test_a_file_that_cannot_be_written(folder, name, reason):
    with pytest.raises(ArgumentError, match=f"cannot write a run to .*{name}: {reason}"):
        require_file_place(folder / name, "a run")


@pytest.mark.parametrize("name", ["new", "folder", "folder/new", "nowhere/new", "nowhere/deep/new"])
def test_a_folder_can_be_made_with_those_above_it(folder, name):
    require_folder_place(folder / name, "an index")
    assert sorted(path.name for path in folder.iterdir()) == ["file", "folder"], "nothing is made"


@pytest.mark.parametrize("name", ["file", "file/new", "file/deep/new"])
def test_no_folder_can_be_made_in_a_file(folder, name):
    with pytest.raises(
        ArgumentError, match=f"cannot write an index to .*{name}: .*file is a file; name another folder"
    ):
        require_folder_place(folder / name, "an index")


@pytest.mark.parametrize("require", [require_file_place, require_folder_place])
def test_nothing_can_be_written_where_that_is_not_allowed(folder, require, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(folder / "folder"))
    with pytest.raises(ArgumentError, match=r"nothing may be written in .*folder; name another one"):
        require(folder / "folder" / "new", "scores")
