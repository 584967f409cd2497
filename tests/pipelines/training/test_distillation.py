import pytest
from bicross.errors import ArgumentError, EvaluationError, QueryError
from bicross.index import Document
from bicross.pipelines import build_index
from bicross.pipelines.search import MAX_QUERY_CHARACTERS
from bicross.pipelines.training import distilled_lists, read_queries
from bicross.retrieval import DenseRetriever
from helpers.fakes import HashEncoder, OverlapReranker

DOCUMENTS = [
    Document("cat", "the cat sleeps all day on the warm sofa", "cats"),
    Document("dog", "the dog runs in the park", "dogs"),
    Document("owl", "the owl hunts at night in the field", "owls"),
]


def retriever(tmp_path, documents=DOCUMENTS):
    encoder = HashEncoder()
    return DenseRetriever(build_index(documents, tmp_path / "index", encoder=encoder, reranker=None), encoder)


def test_lists_are_what_the_reranker_says_of_the_candidates(tmp_path):
    queries = ["who hunts at night ?", "the warm sofa", "what runs in the park ?"]
    reported = []
    lists = distilled_lists(
        queries,
        retriever(tmp_path),
        OverlapReranker(),
        depth=3,
        on_progress=lambda done, of: reported.append((done, of)),
    )
    assert [ranking.query for ranking in lists] == queries
    assert [ranking.passages[0].split()[0] for ranking in lists] == ["owls", "cats", "dogs"]
    for ranking in lists:
        assert set(ranking.passages) == {document.passage for document in DOCUMENTS}
        assert list(ranking.labels) == sorted(ranking.labels, reverse=True)
        logits = [OverlapReranker.logit(ranking.query, passage) for passage in ranking.passages]
        assert list(ranking.labels) == pytest.approx(logits)
    assert reported == [(3, 3)]


def test_only_as_deep_as_was_asked_for_and_queries_by_the_batch(tmp_path):
    queries = [f"the dog number {n}" for n in range(70)]
    reranker, reported = OverlapReranker(), []
    lists = distilled_lists(
        queries, retriever(tmp_path), reranker, depth=2, on_progress=lambda done, of: reported.append((done, of))
    )
    assert {len(ranking.passages) for ranking in lists} == {2}
    assert [ranking.query for ranking in lists] == queries
    assert reported == [(32, 70), (64, 70), (70, 70)]
    assert [len(pairs) for pairs in reranker.calls] == [64, 64, 12]


def test_one_document_has_no_order(tmp_path):
    with pytest.raises(ArgumentError, match="less than two documents for each of the 1 queries"):
        distilled_lists(["the cat"], retriever(tmp_path, DOCUMENTS[:1]), OverlapReranker(), depth=5)
    with pytest.raises(ArgumentError, match="depth must be at least 2, not 1"):
        distilled_lists(["the cat"], retriever(tmp_path / "again"), OverlapReranker(), depth=1)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("queries.txt", "first query\n\n  second\tquery \nfirst query\n"),
        ("queries.tsv", "1\tfirst query\n2\tsecond\tquery\n".replace("second\t", "second ")),
        ("queries.jsonl", '{"_id": "1", "text": "first query"}\n{"_id": "2", "text": " second query"}\n'),
        ("topics", "<top>\n<num> 1\n<title> first query\n</top>\n<top>\n<num> 2\n<title> second query\n</top>\n"),
    ],
)
def test_queries_are_read_from_every_kind_of_file(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert [" ".join(query.split()) for query in read_queries(tmp_path / name)] == ["first query", "second query"]


def test_a_query_that_no_search_takes_is_cut(tmp_path):
    (tmp_path / "queries.txt").write_text("cat " * 3000 + "\ndog\n", encoding="utf-8")
    assert read_queries(tmp_path / "queries.txt") == [("cat " * 3000)[:MAX_QUERY_CHARACTERS].strip(), "dog"]


def test_queries_that_cannot_be_used(tmp_path):
    path = tmp_path / "queries.txt"
    with pytest.raises(EvaluationError, match="no such file"):
        read_queries(path)
    path.write_text("\n  \n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"queries.txt: holds no queries"):
        read_queries(path)
    path.write_text("fine\nnot \0 fine\n", encoding="utf-8")
    with pytest.raises(QueryError, match="query 1 has a NUL character"):
        read_queries(path)
