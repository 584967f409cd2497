"""Adaptive reading against the algorithm of the paper, written down plainly, and its budget."""

from itertools import pairwise

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Chunking, Document, Hit, Passage
from bicross.pipelines import SearchPipeline, StopRule, Timings, add_documents, build_index, evaluate
from bicross.pipelines.search.scoring import Deadline, score_adaptively
from bicross.pipelines.search.scoring.adaptive import BATCH
from bicross.retrieval import DenseRetriever, HybridRetriever, LexicalRetriever, NormalisedSum, ReciprocalRank
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker
from hypothesis import given, settings
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
    return build_index(
        [*near, *chain], tmp_path / "index", encoder=ENCODER, reranker=None, chunking=None, lexical=False
    )


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
    with pytest.raises(
        ArgumentError,
        match="adaptive=True needs a retriever that finds the neighbours of documents, not LexicalRetriever",
    ):
        SearchPipeline(LexicalRetriever(index), Favourite(), adaptive=True)
    rule = StopRule(0.0, 1.0, 1.0, 1.0, 0.1, 0.05, 1.0, 10)
    with pytest.raises(ArgumentError, match="cannot be combined with adaptive=True: give a number"):
        SearchPipeline(DenseRetriever(index, ENCODER), Favourite(), adaptive=True, rerank_k="auto", stop_rule=rule)


# With vectors and words


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Documents of one to three passages, some alike, in two segments, some deleted."""
    random = np.random.default_rng(4)
    words = [f"word{number}" for number in range(25)]
    texts = [". ".join(" ".join(random.choice(words, 7)) for _ in range(1 + number % 3)) for number in range(50)]
    texts[7] = texts[31] = texts[4]
    documents = [
        Document(f"d{number:02}", f"{text}.", metadata={"even": number % 2 == 0}) for number, text in enumerate(texts)
    ]
    chunking = Chunking(max_tokens=10, overlap=0)
    path = tmp_path_factory.mktemp("both") / "index"
    options = {"encoder": ENCODER, "reranker": None}
    index = build_index(documents[:30], path, chunking=chunking, lexical=True, **options)
    add_documents(path, documents[30:], encoder=ENCODER)
    index.refresh()
    index.delete(["d03", "d41"])
    return index


def scored_beside(candidates, dense, lexical, fusion):
    """What a fusion says of one more document beside the candidates, each given as (dense score, BM25)."""
    columns = np.array([*candidates, (dense, lexical)], np.float64).T
    return fusion.fuse(*columns)[-1]


@settings(max_examples=examples(60), deadline=None)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 20),
    fusion=st.sampled_from([NormalisedSum(0.3), NormalisedSum(0.0), NormalisedSum(1.0), ReciprocalRank()]),
    where=st.sampled_from([None, "even == true"]),
)
def test_neighbours_have_both_scores_and_that_of_the_fusion_beside_the_candidates(both, seed, k, fusion, where):
    random = np.random.default_rng(seed)
    query = " ".join(random.choice([f"word{number}" for number in range(30)], 3))
    retriever = HybridRetriever(both, ENCODER, fusion=fusion)
    hits, explorer = retriever.retrieve_and_explore(["word1", query], k, where=where)
    assert hits == retriever.retrieve(["word1", query], k, where=where)
    [everything] = retriever.candidates([query], 99, where=where)
    exact = {hit.document.id: (hit.dense_score, hit.lexical_score) for hit in everything}
    [candidates] = retriever.candidates([query], k, where=where)
    of_candidates = {hit.document.id: (hit.dense_score, hit.lexical_score) for hit in candidates}
    scores = dict(zip(of_candidates, fusion.fuse(*np.array(list(of_candidates.values())).T), strict=True))
    ids = [hit.document.id for hit in hits[1][:3]]
    for line, expected in zip(explorer.neighbours(1, ids, 5), both.neighbours(ids, 5, where=where), strict=True):
        assert [hit.document.id for hit in line] == [hit.document.id for hit in expected]
        for hit in line:
            id_ = hit.document.id
            assert (hit.dense_score, hit.lexical_score) == pytest.approx(exact[id_], abs=1e-6)
            beside = scored_beside(of_candidates.values(), hit.dense_score, hit.lexical_score, fusion)
            assert hit.score == pytest.approx(scores.get(id_, beside), abs=1e-12)
            assert id_ not in ("d03", "d41")
            assert where is None or hit.document.metadata["even"]


@pytest.mark.parametrize("deadline_ms", [None, 600_000, 0])
def test_an_adaptive_hybrid_search_reads_what_the_paper_reads(both, deadline_ms):
    """The whole search by hand: candidates of both lists, neighbours by vectors, their places among the candidates."""
    retriever, reranker, query = HybridRetriever(both, ENCODER), OverlapReranker(), "word3 word8 word12"
    pipeline = SearchPipeline(retriever, reranker, adaptive=True, blend=1.0, retrieve_k=25, rerank_k=25, top_k=25)
    results = pipeline.search(query, deadline_ms=deadline_ms)
    [hits], explorer = retriever.retrieve_and_explore([query], 25)
    everything = [hit.document.id for hit in retriever.candidates([query], 99)[0]]
    lines = dict(zip(everything, explorer.neighbours(0, everything, 16), strict=True))
    scored = {hit.document.id: hit for line in lines.values() for hit in line} | {h.document.id: h for h in hits}
    ranked = sorted(scored.values(), key=lambda hit: (-hit.score, -hit.dense_score, hit.document.id))
    number = {hit.document.id: number for number, hit in enumerate(ranked)}
    logits = {number[id_]: float(reranker.score([(query, hit.passage.text)])[0]) for id_, hit in scored.items()}
    edges = {number[id_]: [number[hit.document.id] for hit in line] for id_, line in lines.items() if id_ in number}
    read = as_in_the_paper([number[hit.document.id] for hit in hits], logits, edges, 0 if deadline_ms == 0 else 25)
    expected = sorted(read, key=lambda number: (-logits[number], number))
    reranked = [result for result in results if result.logit is not None]
    assert [number[result.document.id] for result in reranked] == expected
    assert [result.logit for result in reranked] == pytest.approx([logits[number] for number in expected])
    for result in results:
        hit = scored[result.document.id]
        assert (result.retrieval_score, result.dense_score, result.lexical_score) == pytest.approx(
            (hit.score, hit.dense_score, hit.lexical_score)
        )


def test_an_adaptive_hybrid_search_of_nothing(both, tmp_path):
    retriever = HybridRetriever(both, ENCODER)
    assert retriever.retrieve_and_explore([], 3)[0] == []
    empty = build_index([], tmp_path / "empty", encoder=ENCODER, reranker=None, lexical=True)
    pipeline = SearchPipeline(HybridRetriever(empty, ENCODER), Favourite(), adaptive=True)
    assert pipeline.search("query words") == []
    alone = build_index([Document("a", "query")], tmp_path / "alone", encoder=ENCODER, reranker=None, lexical=True)
    [result] = SearchPipeline(HybridRetriever(alone, ENCODER), Favourite(), adaptive=True).search("query words")
    assert (result.document.id, result.rank) == ("a", 1)
