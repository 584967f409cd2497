"""The options that say how a source is read."""

from dataclasses import fields
from pathlib import Path

import pytest
from bicross.errors import ArgumentError, SourceError
from bicross.index import Document
from bicross.pipelines.commands.sources import Source
from bicross.pipelines.commands.terminal import with_option_records


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(content, name="a.csv", **options):
    Path(name).write_text(content, "utf-8")
    return list(Source(source=[Path(name)], **options).read())


@pytest.mark.parametrize("delimiter", ["tab", "\\t", "\t"])
def test_a_tab_can_be_named(delimiter):
    assert read("id\ttext\n1\tt\n", delimiter=delimiter) == [Document("1", "t")]


def test_lists_of_columns():
    content = "1\tt\t7\t8\t9\n"
    options = {"columns": "id, text,a,b,c", "types": "a=float", "text_columns": "b,", "leave_out": "c"}
    assert read(content, "a.tsv", **options) == [Document("1", "t", metadata={"a": 7.0, "b": "8"})]
    assert read(content, "a.tsv", columns="id,text,a,b,c", metadata_columns="c") == [
        Document("1", "t", metadata={"c": 9})
    ]


@pytest.mark.parametrize("types", ["a", "a=number", "=", "a=float,b"])
def test_types_that_are_none(types):
    with pytest.raises(
        ArgumentError, match=r"--types must be like price=float,when=date, not '.*'; the types are text, "
    ):
        read("id,text,a\n1,t,2\n", types=types)


def test_a_type_of_a_column_that_is_not_there():
    with pytest.raises(SourceError, match=r"a\.csv has no column 'b', whose type is given, only id, text, a"):
        read("id,text,a\n1,t,2\n", types="b=float")


def test_a_command_gets_every_option_in_place_of_its_source():
    @with_option_records
    def command(*, before: int, source: Source, after: int) -> None:
        assert (before, source, after) == (1, Source(source=[Path("a.csv")], encoding="gbk"), 2)

    options = {field.name: field.default for field in fields(Source)} | {"source": [Path("a.csv")], "encoding": "gbk"}
    command(before=1, after=2, **options)
