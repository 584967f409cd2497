import csv
import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from bicross.errors import ArgumentError, BicrossError, TrainingError
from bicross.pipelines.training.pair_files import PairColumns, text_pairs

ROWS = [
    {"sentence1": 'a "quoted", text', "sentence2": "another\ttext", "score": "4.5"},
    {"sentence1": "ein Text, größer", "sentence2": "two\nlines", "score": "0"},
]


def separated(rows, delimiter, *, header=True):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerows([*([rows[0].keys()] if header else []), *(row.values() for row in rows)])
    return text.getvalue()


def texts(path, columns=None, **options):
    return [(pair.first, pair.second, pair.label) for pair in text_pairs(path, columns or PairColumns(), **options)]


EXPECTED = [(row["sentence1"], row["sentence2"], row["score"]) for row in ROWS]
LABELLED = PairColumns(labels=("score", "label"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pairs.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS)),
        ("array.jsonl", json.dumps(ROWS)),
        ("pairs.json", json.dumps(ROWS, indent=1)),
        ("pairs.csv", separated(ROWS, ",")),
        ("bare.csv", separated(ROWS, ",", header=False)),
    ],
)
def test_pairs_are_read_from_each_kind_of_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert texts(path, LABELLED) == EXPECTED
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(content.encode()))
    assert texts(packed, LABELLED) == EXPECTED


def test_tab_separated_pairs_keep_the_whole_row(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("id\tPremise\thypothesis\n7\ta cat\tan animal\n")
    [pair] = text_pairs(path, PairColumns())
    assert (pair.line, pair.first, pair.second, pair.label) == (2, "a cat", "an animal", None)
    assert pair.row == {"id": "7", "Premise": "a cat", "hypothesis": "an animal"}
    path.write_text("a cat\tan animal\n")
    assert texts(path) == [("a cat", "an animal", None)]


def test_standard_input_is_read_as_it_comes(monkeypatch):
    class Endless(io.BytesIO):
        def read(self, *_):
            raise AssertionError("a line at a time")

    for content, kind in [('{"text1": "a", "text2": "b"}\n' * 2, None), ("a\tb\n" * 2, "tsv"), ("a,b\n" * 2, "csv")]:
        monkeypatch.setattr(sys, "stdin", type("Input", (), {"buffer": Endless(content.encode())}))
        assert texts(Path("-"), kind=kind) == [("a", "b", None)] * 2


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("left,right,sentence1,sentence2,grade\na,b,c,d,1\n")
    assert texts(path) == [("c", "d", None)]
    assert texts(path, PairColumns("left", "right", "grade")) == [("a", "b", "1")]


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("x.jsonl", '{"sentence1": "a", "sentence2": ""}', PairColumns(), r"x.jsonl, line 1: the sentence2 is empty"),
        ("x.jsonl", '{"sentence1": "a", "sentence2": 3}', PairColumns(), "the sentence2 is not text: 3"),
        ("x.jsonl", '{"sentence1": "a"}', PairColumns(), "has sentence1 in place of two texts, such as sentence1 and"),
        (
            "x.jsonl",
            "[1]",
            PairColumns(),
            "no object with two texts, such as sentence1 and sentence2, but 1: write each",
        ),
        (
            "x.json",
            '[["a", "b"]]',
            PairColumns(),
            r"but an array: write each row as \{\"sentence1\": \"...\", \"sentence2",
        ),
        ("x.jsonl", '["a", "b"]', PairColumns(), 'but "a": write each row as .*, or as CSV or TSV'),
        ("x.jsonl", '{"sentence1": "a", "sentence2": "b"}', LABELLED, "has no column score or label, only sentence1, "),
        (
            "x.jsonl",
            '{"sentence1": "a", "sentence2": "b", "score": 1, "label": 2}',
            LABELLED,
            "has both score and label; name the column of the label with label_column",
        ),
        ("x.csv", "text1,text2,premise,hypothesis\na,b,c,d", PairColumns(), "has both text2 and hypothesis; name the"),
        ("x.csv", "text1,text2\na,b", PairColumns("left", "right"), "line 1: has no column 'left', only text1, text2"),
        ("x.csv", "text1,text2\na,b,c", PairColumns(), "line 2: has 3 columns in place of 2: text1, text2"),
        ("x.csv", "a,b,c,d\n", PairColumns(), "has 4 columns and no names of columns: write names in the first line"),
        ("x.csv", "a b,b c\n", LABELLED, "leave only two texts and a label"),
        ("x.csv", "text1,text2,text1\na,b,c", PairColumns(), "names a column twice"),
        ("x.tsv", "sentence1\tscore\na\t1", PairColumns(), "has sentence1, score in place of two texts"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_line(tmp_path, name, content, columns, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(TrainingError, match=message):
        texts(tmp_path / name, columns)


def test_unknown_kinds_missing_files_and_half_named_columns_are_refused(tmp_path):
    with pytest.raises(
        ArgumentError, match="has no ending that says how it is read: let its name end in one of jsonl, json, tsv, csv"
    ):
        texts(tmp_path / "pairs.txt")
    with pytest.raises(ArgumentError, match="format must be one of jsonl, json, tsv, csv, not 'xml'"):
        texts(tmp_path / "pairs.csv", kind="xml")
    with pytest.raises(BicrossError, match="no such file"):
        texts(tmp_path / "pairs.csv")
    with pytest.raises(ArgumentError, match="first_column is 'a' and second_column None: name both, or neither"):
        PairColumns("a")
