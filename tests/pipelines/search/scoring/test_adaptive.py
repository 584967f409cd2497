"""Adaptive reading against the algorithm of the paper, written down plainly, and its budget."""

from itertools import pairwise

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document, Hit, Passage
from bicross.pipelines import SearchPipeline, StopRule, Timings, build_index, evaluate
from bicross.pipelines.search.scoring import Deadline, score_adaptively
from bicross.pipelines.search.scoring.adaptive import BATCH
from bicross.retrieval import DenseRetriever, LexicalRetriever
from helpers.fakes import HashEncoder
from hypothesis import given
from hypothesis import strategies as st

DOCUMENTS = 80
ENCODER = HashEncoder()


def hit(number):
    """Scores of stage one fall with the number."""
    return Hit(Document(f"{number:03}", "text"), Passage("text", 0, 4), 1.0 - number / 100)


class Graph:
    """The neighbours of each document, by number; the same for every query."""

    def __init__(self, edges):
        self.edges = edges
        self.asked = []

    def neighbours(self, query, ids, k):
        self.asked.append((query, list(ids)))
        return [[hit(n) for n in self.edges.get(int(id_), [])[:k]] for id_ in ids]


def scorer(logits, calls=None):
    def score(pairs):
        if calls is not None:
            calls.append([(query, int(hit_.document.id)) for query, hit_ in pairs])
        return np.array([logits[int(hit_.document.id)] for _, hit_ in pairs], np.float32), len(pairs)

    return score


def as_in_the_paper(candidates, logits, edges, depth):
    """The numbers that algorithm 1 reads, in its order."""
    initial, frontier, read, pool_is_frontier = list(candidates), {}, [], False
    while len(read) < depth and (initial or frontier):
        if (pool_is_frontier and frontier) or not initial:
            batch = sorted(frontier, key=lambda n: (-frontier[n], n))
        else:
            batch, pool_is_frontier = initial, False
        batch = batch[: min(BATCH, depth - len(read))]
        pool_is_frontier = not (pool_is_frontier or not initial)
        read += batch
        initial = [n for n in initial if n not in batch]
        for n in batch:
            for other in edges.get(n, [])[:16]:
                frontier[other] = max(frontier.get(other, -np.inf), logits[n])
        frontier = {n: value for n, value in frontier.items() if n not in read}
    return read


@given(
    st.sets(st.integers(0, DOCUMENTS - 1), max_size=60),
    st.lists(st.integers(-5, 5), min_size=DOCUMENTS, max_size=DOCUMENTS),
    st.dictionaries(st.integers(0, DOCUMENTS - 1), st.lists(st.integers(0, DOCUMENTS - 1), max_size=20)),
    st.integers(1, 70),
)
def test_what_is_read_is_what_the_paper_reads(candidates, logits, edges, depth):
    candidates = sorted(candidates)
    [result] = score_adaptively(["q"], [[hit(n) for n in candidates]], scorer(logits), Graph(edges), depth=depth)
    expected = as_in_the_paper(candidates, logits, edges, depth)
    read = [int(hit_.document.id) for hit_ in result.hits[: len(result.logits)]]
    assert read == sorted(expected)
    assert result.logits.tolist() == [logits[n] for n in read]
    unread = [int(hit_.document.id) for hit_ in result.hits[len(read) :]]
    assert unread == [n for n in candidates if n not in expected]
    ranked = sorted([*read, *unread])
    assert [ranked[rank - 1] for rank in result.ranks] == [*read, *unread]


def test_queries_advance_together_each_with_its_own_frontier():
    calls, graph = [], Graph({0: [70], 1: [71]})
    candidates = [[hit(n) for n in range(0, 40, 2)], [hit(n) for n in range(1, 40, 2)], []]
    results = score_adaptively(
        ["even", "odd", "none"], candidates, scorer([0.0] * DOCUMENTS, calls), graph, depth=BATCH + 1
    )
    assert [len(result.logits) for result in results] == [BATCH + 1, BATCH + 1, 0]
    assert calls[1] == [("even", 70), ("odd", 71)]
    assert [query for query, _ in graph.asked] == [0, 1]  # nothing is asked for that cannot be read any more


def test_a_neighbour_that_stage_one_found_stays_its_hit():
    own = [hit(0), Hit(Document("001", "text"), Passage("te", 0, 2), 0.99)]
    candidates = [own + [hit(n) for n in range(2, 20)]]
    graph = Graph({0: [19, 18]})
    [result] = score_adaptively(["q"], candidates, scorer([0.0] * DOCUMENTS), graph, depth=18)
    assert [hit_ for hit_ in result.hits if hit_.document.id == "019"] == [hit(19)]
    assert len({hit_.document.id for hit_ in result.hits}) == len(result.hits) == 20


@pytest.mark.parametrize(("budget", "read"), [(0, 0), (1, BATCH), (2, 2 * BATCH)])
def test_a_deadline_ends_it_between_two_batches(budget, read):
    calls = []
    deadline = Deadline(budget - 0.5, lambda: len(calls) + (0.0 if budget else 1.0))
    candidates = [[hit(n) for n in range(60)]]
    [result] = score_adaptively(
        ["q"], candidates, scorer([0.0] * DOCUMENTS, calls), Graph({}), depth=60, deadline=deadline
    )
    assert len(result.logits) == read
    assert [int(hit_.document.id) for hit_ in result.hits] == list(range(60))


class Favourite:
    """Likes one document, the others by what they share with it."""

    blend = 1.0

    def score(self, pairs):
        return np.array([len(set(passage.split()) & {"gold", "silver", "metal"}) for _, passage in pairs], np.float32)


@pytest.fixture
def index(tmp_path):
    near = [Document(f"near{n}", f"query words filler{n} more{n} yet{n}") for n in range(30)]
    chain = [Document("a", "query words gold metal"), Document("b", "gold metal silver"), Document("c", "silver moon")]
    return build_index([*near, *chain], tmp_path / "index", encoder=ENCODER, reranker=None, chunking=None)


def test_a_pipeline_finds_what_stage_one_does_not(index):
    plain = SearchPipeline(DenseRetriever(index, ENCODER), Favourite(), retrieve_k=31, rerank_k=31, top_k=31)
    adaptive = SearchPipeline.open(
        index.path, encoder=ENCODER, reranker=Favourite(), adaptive=True, retrieve_k=31, rerank_k=31
    )
    retrieved = [hit.document.id for hit in adaptive.retriever.retrieve(["query words"], 31)[0]]
    assert "b" not in retrieved
    assert "b" not in [result.document.id for result in plain.search("query words")]
    timings = Timings()
    [results] = adaptive.search_batch(["query words"], timings=timings)
    assert [result.document.id for result in results[:2]] == ["b", "a"]
    assert timings.pairs == 31
    all_results = adaptive.search("query words", top_k=31)
    vector = ENCODER.encode_queries(["query words"])
    scores = {hit.document.id: hit.score for hit in index.search(vector, 33)[0]}
    for result in all_results:
        assert result.retrieval_score == pytest.approx(scores[result.document.id], abs=1e-6)
    assert all(a.score >= b.score for a, b in pairwise(all_results))


def test_an_evaluation_knows_what_stage_one_found(index):
    pipeline = SearchPipeline(
        DenseRetriever(index, ENCODER), Favourite(), adaptive=True, retrieve_k=20, rerank_k=20, top_k=10
    )
    evaluation = evaluate(pipeline, {"q": "query words"}, {"q": {"b": 1}}, measures=["R@20"])
    run = [id_ for id_, _ in evaluation.system("first stage").run["q"]]
    assert run == [hit.document.id for hit in pipeline.retriever.retrieve(["query words"], 20)[0]]
    assert len(evaluation.system("reranked").run["q"]) == 20


def test_filters_hold_for_neighbours(tmp_path):
    documents = [Document(f"{n}", f"gold word{n}", metadata={"year": n}) for n in range(20)]
    index = build_index(documents, tmp_path / "i", encoder=ENCODER, reranker=None)
    pipeline = SearchPipeline(
        DenseRetriever(index, ENCODER), Favourite(), adaptive=True, retrieve_k=2, rerank_k=2, top_k=2
    )
    assert {r.document.metadata["year"] for r in pipeline.search("gold", where="year < 2")} == {0, 1}


def test_what_cannot_be_adaptive(index):
    with pytest.raises(ArgumentError, match="adaptive needs a retriever that knows neighbours, not LexicalRetriever"):
        SearchPipeline(LexicalRetriever(index), Favourite(), adaptive=True)
    rule = StopRule(0.0, 1.0, 1.0, 1.0, 0.1, 0.05, 1.0, 10)
    with pytest.raises(ArgumentError, match="with adaptive give a number"):
        SearchPipeline(DenseRetriever(index, ENCODER), Favourite(), adaptive=True, rerank_k="auto", stop_rule=rule)
