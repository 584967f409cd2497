"""Results as tables of Arrow and of pandas."""

import json

import pandas as pd
import pyarrow as pa
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index, to_arrow, to_pandas
from helpers.fakes import HashEncoder, OverlapReranker

DOCUMENTS = [
    Document("a", "the sea rises", "Tides", {"year": 2020, "tags": ["x"]}),
    Document("b", "bread is baked", metadata={"year": "old", "at": {"place": "oven"}}),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "i"
    build_index(DOCUMENTS, path, encoder=HashEncoder(), reranker=None)
    pipeline = SearchPipeline.open(path, encoder=HashEncoder(), reranker=OverlapReranker(), rerank_k=1)
    return pipeline.search_batch(["the sea", "bread"])


def test_a_table_has_every_result_and_every_field(answers):
    table = to_arrow(answers)
    results = [result for line in answers for result in line]
    assert table["query"].to_pylist() == [0, 0, 1, 1]
    for name in (
        "rank",
        "score",
        "relevance",
        "logit",
        "retrieval_score",
        "retrieval_rank",
        "dense_score",
        "generation",
    ):
        assert table[name].to_pylist() == [getattr(result, name) for result in results], name
    for name in ("id", "title", "text"):
        assert table[name].to_pylist() == [getattr(result.document, name) for result in results]
    assert list(map(json.loads, table["metadata"].to_pylist())) == [dict(r.document.metadata) for r in results]
    places = zip(table["text"].to_pylist(), table["start"].to_pylist(), table["end"].to_pylist(), strict=True)
    assert table["passage"].to_pylist() == [text[start:end] for text, start, end in places]
    assert table["logit"].null_count == 2


def test_a_frame_is_the_table_with_dicts(answers):
    frame = to_pandas(answers[0])
    assert frame["metadata"].tolist() == [dict(result.document.metadata) for result in answers[0]]
    without = [name for name in frame.columns if name != "metadata"]
    pd.testing.assert_frame_equal(frame[without], to_arrow(answers[0]).select(without).to_pandas())


def test_no_results_give_the_same_columns(answers):
    assert to_arrow([]).schema == to_arrow([[]]).schema == to_arrow(answers).schema
    assert isinstance(to_arrow([]), pa.Table)
    assert to_pandas([]).columns.tolist() == to_arrow([]).column_names


@pytest.mark.parametrize("given", [5, "text", ["text"], [5], [[5]], [None]])
def test_what_is_no_result_is_refused(given):
    with pytest.raises(ArgumentError, match="results must be"):
        to_arrow(given)
