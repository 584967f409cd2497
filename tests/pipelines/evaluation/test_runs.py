import gzip
import os
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from bicross.errors import ArgumentError, EvaluationError
from bicross.pipelines import read_run, write_run
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

SCORES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-9, 0.1, -3.5, 1e-45, 1e30]), st.floats(-1e38, 1e38, allow_nan=False)
)


@settings(max_examples=examples(150), deadline=None)
@given(scores=st.lists(SCORES, min_size=1, max_size=30), seed=st.integers(0, 99))
def test_whoever_sorts_a_saved_run_gets_its_order(tmp_path_factory, scores, seed):
    path = tmp_path_factory.mktemp("run") / "run.txt"
    ids = [f"d{number}" for number in np.random.default_rng(seed).permutation(len(scores))]
    ranked = list(zip(ids, sorted(scores, reverse=True), strict=True))
    write_run(path, {"q": ranked})
    lines = [line.split() for line in path.read_text().splitlines()]
    assert [(line[0], line[1], line[2], int(line[3]), line[5]) for line in lines] == [
        ("q", "Q0", id_, rank, "bicross") for rank, id_ in enumerate(ids, start=1)
    ]
    for kind in (np.float32, np.float64):
        written = np.array([line[4] for line in lines], kind)
        assert (np.diff(written) < 0).all(), "no ties, in 32 bits as in 64"
    assert [id_ for id_, _ in read_run(path)["q"]] == ids
    is_unchanged = [
        float(line[4]) == float(str(np.float32(score))) for line, (_, score) in zip(lines, ranked, strict=True)
    ]
    assert is_unchanged[0]
    distinct = np.diff(np.array([score for _, score in ranked], np.float32)) < 0
    if distinct.all():
        assert all(is_unchanged), "a score that needs no lowering is not changed"


def test_an_order_that_is_not_that_of_the_scores_is_kept(tmp_path):
    write_run(tmp_path / "run.txt", {"q2": [("a", 1.0), ("b", 2.0), ("c", 0.5)], "q1": []})
    assert [id_ for id_, _ in read_run(tmp_path / "run.txt")["q2"]] == ["a", "b", "c"]
    assert (tmp_path / "run.txt").read_text().splitlines()[2] == "q2 Q0 c 3 0.5 bicross"


def test_a_foreign_run_is_ordered_as_trec_eval_orders_it(tmp_path):
    path = tmp_path / "run.txt"
    path.write_text("q Q0 b 1 2 x\nq Q0 a 9 1e0 x\n\nq\tQ0\tc\t2\t2.0000000001\tx\nq Q0 d 4 3 x\n")
    assert [id_ for id_, _ in read_run(path)["q"]] == ["d", "c", "b", "a"]
    for document, rank in {"d": 1, "c": 2, "b": 3, "a": 4}.items():
        [metric] = ir_measures.iter_calc([ir_measures.RR], {"q": {document: 1}}, ir_measures.read_trec_run(str(path)))
        assert metric.value == 1 / rank


def test_runs_as_other_programs_write_them(tmp_path):
    """Ranks from 0, commas in ids, small numbers, ends of lines as on Windows, and a mark of the byte order."""
    path = tmp_path / "run.txt"
    path.write_bytes("\ufeffq Q0 a,b 0 3 x\r\nq\tQ0\tc\t1\t2\tx\r\nq Q0 d 2 1e-05 x\r\n".encode())
    assert read_run(path) == {"q": [("a,b", 3.0), ("c", 2.0), ("d", 1e-05)]}


def test_a_run_may_be_packed(tmp_path):
    for name in ("run.txt.gz", "run.txt"):  # whatever its name
        (tmp_path / name).write_bytes(gzip.compress(b"q Q0 a 1 2 x\nq Q0 b 2 1 x\n"))
        assert read_run(tmp_path / name) == {"q": [("a", 2.0), ("b", 1.0)]}


BAD_RUNS = {
    "q Q0 a 1 0.5\n": "line 1: has 5 columns in place of 6: query, Q0, document, rank, score, tag",
    "q Q0 a 1 0.5 tag\nq Q0 b 2 nan tag\n": "line 2: the score 'nan' is not a finite number",
    "q Q0 a 1 inf tag\n": "line 1: the score 'inf' is not a finite number",
    "q Q0 a 1 -1e99 tag\n": "line 1: the score '-1e99' is not a finite number of 32 bits",
    "q Q0 a 1 high tag\n": "line 1: the score 'high' is not a finite number",
    "q Q0 a 1 2 tag\nr Q0 a 1 2 tag\nq Q0 a 2 1 tag\n": "line 3: has document 'a' for query 'q' again",
    b"q Q0 \xff 1 2 tag\n": "line 1: not UTF-8 text",
}


@pytest.mark.parametrize("content", BAD_RUNS)
def test_bad_runs_are_named_by_file_and_line(tmp_path, content):
    path = tmp_path / "bad.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(EvaluationError) as raised:
        read_run(path)
    assert str(raised.value).startswith(f"{path}, {BAD_RUNS[content]}")


def test_a_run_without_results_or_without_a_file(tmp_path):
    (tmp_path / "empty.txt").touch()
    with pytest.raises(EvaluationError, match=r"empty\.txt: holds no results"):
        read_run(tmp_path / "empty.txt")
    with pytest.raises(EvaluationError, match=r"no such file: .*missing\.txt"):
        read_run(tmp_path / "missing.txt")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"q": [("a b", 1.0)]}, "the document id 'a b' is empty or has white space"),
        ({"q": [("a\u00a0b", 1.0)]}, "the document id 'a\\\\xa0b' is empty or has white space"),
        ({"": [("a", 1.0)]}, "the query id '' is empty or has white space"),
        ({"q": [("a", float("nan"))]}, "the run has the score nan for query 'q'; it must be a finite number"),
        ({"q": [("a", 1.0), ("a", 0.5)]}, "the run has a document twice for query 'q'"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_and_nothing_is_written(tmp_path, run, message):
    path = tmp_path / "run.txt"
    path.write_text("before")
    with pytest.raises(ArgumentError, match=message):
        write_run(path, run)
    assert path.read_text() == "before"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, step):
    path = tmp_path / "run.txt"
    path.write_text("before")

    def fail(*_):
        raise OSError("no space")

    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
    with pytest.raises(OSError, match="no space"):
        write_run(path, {"q": [("a", 1.0)]})
    assert path.read_text() == "before"
    assert [*tmp_path.iterdir()] == [path]
