"""Documents that a vector store of another project holds, and the index of bicross that must find the same."""

from bicross.index import Document
from bicross.pipelines import Judged, SearchPipeline, build_index
from bicross.retrieval import DenseRetriever
from hypothesis import strategies as st

from helpers.fakes import HashEncoder, OverlapReranker

ENCODER = HashEncoder()
DIMENSION = 64
QUERIES = ["word3 sea", "word7 and word2", "nothing of this"]
COUNT = 40


def metadata(number):
    """Values that every store takes; each document lacks some of them."""
    values = {
        "year": 2000 + number % 9,
        "score": number / 4,
        "kind": f"kind{number % 4}",
        "flag": number % 2 == 0,
        "day": f"2024-{1 + number % 12:02}-{1 + number % 28:02}",
        "tags": [f"tag{number % 3}", "it's"],
        "author": {"name": f"Ann {number % 5}"},
    }
    missing = [name for place, name in enumerate(values) if (number + place) % 6 == 0]
    return {name: value for name, value in values.items() if name not in missing}


DOCUMENTS = [
    Document(f"d{number:02}", f"word{number} and word{number % 10} of the sea", f"title {number}", metadata(number))
    for number in range(COUNT)
]
VECTORS = ENCODER.encode_documents([document.passage for document in DOCUMENTS])


def index_of(path):
    return build_index(DOCUMENTS, path, encoder=ENCODER, reranker=None, lexical=False, chunking=None)


def ids_of(retriever, where, k=COUNT):
    [hits] = retriever.retrieve(["sea"], k, where=where)
    return {hit.document.id for hit in hits}


def assert_same_as_index(retriever, index, *, where=None, k=COUNT, queries=QUERIES):
    """The same documents with the same metadata, in the same order but for scores that are equal up to rounding."""
    expected = DenseRetriever(index, ENCODER).retrieve(queries, k, where=where)
    found = retriever.retrieve(queries, k, where=where)
    for ours, theirs in zip(found, expected, strict=True):
        assert [hit.score for hit in ours] == [hit.score for hit in ours if hit.dense_score == hit.score]
        scores = [hit.score for hit in theirs]
        assert len(ours) == len(theirs)
        assert all(abs(hit.score - score) < 1e-5 for hit, score in zip(ours, scores, strict=True))
        by_id = {hit.document.id: hit for hit in ours}
        for hit in theirs:
            if hit.document.id in by_id:
                other = by_id[hit.document.id]
                assert other.document == hit.document
                assert other.passage.text == hit.passage.text
            else:  # a tie with the last one
                assert abs(hit.score - scores[-1]) < 1e-5


def assert_pipelines_agree(retriever, index):
    """Both stages over a store return what they return over the index."""
    cutoffs = {"retrieve_k": 20, "rerank_k": 10, "top_k": 5}
    ours = SearchPipeline(retriever, OverlapReranker(), **cutoffs)
    theirs = SearchPipeline.open(index, encoder=ENCODER, reranker=OverlapReranker(), **cutoffs)
    for where in (None, "year >= 2003"):
        found, expected = (pipeline.search_batch(QUERIES, where=where) for pipeline in (ours, theirs))
        assert [[result.document for result in results] for results in found] == [
            [result.document for result in results] for results in expected
        ]
    return ours, theirs


def judged(count=24):
    """Queries of which each has two relevant documents."""
    queries = {f"q{number}": f"word{number} sea" for number in range(count)}
    qrels = {f"q{number}": {f"d{number:02}": 2, f"d{(number + 10) % COUNT:02}": 1} for number in range(count)}
    return Judged("toy", queries, qrels)


LEAVES = [
    "year >= 2004",
    "year != 2003",
    "year == 2001",
    "year < 2002.5",
    "year in [2001, 2003.0, 2003.5]",
    "2001 <= year < 2006",
    "score > 3.25",
    "score == 2.5",
    "kind == 'kind1'",
    "kind != 'kind1'",
    "kind in ['kind0', 'kind3']",
    "kind not in ['kind0']",
    "kind in []",
    "kind not in []",
    "flag",
    "flag == False",
    "day >= '2024-05'",
    "day < '2024-03-02'",
    "day == '2024-07'",
    "day != '2024-07'",
    "day > '2024-07'",
    "day <= '2024-07'",
    "day in ['2024-02', '2024-03-15']",
    "'tag1' in tags",
    '"it\'s" in tags',
    "author.name == 'Ann 3'",
    "author.name in ['Ann 1', 'Ann 2']",
    "year is null",
    "day is not null",
    "id in ['d01', 'd07', 'd30']",
    "id == 'd03'",
    "id != 'd03'",
]
"""Tests that every store can say."""


def conditions(leaves=LEAVES):
    """Random conditions of some tests."""
    return st.recursive(
        st.sampled_from(leaves),
        lambda parts: st.one_of(
            parts.map(lambda part: f"not ({part})"),
            st.tuples(parts, st.sampled_from(["and", "or"]), parts).map(lambda joined: "({}) {} ({})".format(*joined)),
        ),
        max_leaves=5,
    )
