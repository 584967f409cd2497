import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document
from bicross.pipelines import Judged, SearchPipeline, build_index
from bicross.pipelines.evaluation import per_query
from bicross.pipelines.training.hard_negatives import HardNegativeOptions, hard_negative_lists, judged_candidates
from bicross.pipelines.training.lists import TrainingLists, read_lists, write_lists
from bicross.pipelines.training.reranker_evaluation import BLENDS, evaluate_blends
from bicross.retrieval import DenseRetriever, HybridRetriever
from bicross.training import RankingList
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.random_judgments import DOCUMENTS, QUERIES

ENCODER = HashEncoder()
JUDGED = Judged(
    "words", QUERIES, {"q0": {"d1": 2, "d2": 1, "d3": 0}, "q1": {"d4": 1}, "q2": {"d5": 0}, "q3": {"d6": 1}}
)
TEXTS = {document.id: document.passage for document in DOCUMENTS}
COPY = Document("copy", TEXTS["d4"])


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "words"
    index = build_index([*DOCUMENTS, COPY], path, encoder=ENCODER, reranker=None, lexical=True)
    return HybridRetriever(index, ENCODER)


def mined(retriever, **options):
    return {item.query: item for item in hard_negative_lists(JUDGED, TEXTS, retriever, HardNegativeOptions(**options))}


def test_a_list_has_the_relevant_then_candidates_in_their_order_without_copies(retriever):
    lists = mined(retriever, depth=12)
    assert set(lists) == {QUERIES["q0"], QUERIES["q1"], QUERIES["q3"]}  # q2 has nothing relevant
    item = lists[QUERIES["q0"]]
    assert item.passages[:2] == (TEXTS["d1"], TEXTS["d2"])
    assert item.labels[:2] == (2.0, 1.0)
    assert not any(item.labels[2:])
    candidates = [hit.document for hit in retriever.retrieve([item.query], 12)[0]]
    negatives = [document.passage for document in candidates if document.id not in ("d1", "d2")]
    assert list(item.passages[2 : 2 + len(negatives)]) == negatives
    # What somebody judged not relevant counts, whether it is a candidate or not.
    assert TEXTS["d3"] in item.passages
    assert TEXTS["d4"] not in lists[QUERIES["q1"]].passages[1:]


def test_the_prior_is_standardised_among_the_candidates_and_lowest_for_others(retriever):
    for item in mined(retriever, depth=10).values():
        hits = retriever.retrieve([item.query], 10)[0]
        scores = np.array([hit.score for hit in hits])
        expected = dict(
            zip((hit.document.passage for hit in hits), (scores - scores.mean()) / scores.std(), strict=True)
        )
        for passage, prior in zip(item.passages, item.prior, strict=True):
            assert prior == pytest.approx(expected.get(passage, min(expected.values())))


def test_margin_and_reranker_leave_out_what_is_likely_to_be_relevant(retriever):
    plain, near, filtered = (
        mined(retriever, depth=20, **options) for options in ({}, {"margin": 0.9}, {"filter_with": OverlapReranker()})
    )
    for query, item in plain.items():
        positives = [passage for passage, label in zip(item.passages, item.labels, strict=True) if label]
        judged = {TEXTS["d3"]} if query == QUERIES["q0"] else set()
        vector = ENCODER.encode_queries([query])[0]
        cosines = {passage: float(ENCODER.encode_documents([passage])[0] @ vector) for passage in item.passages}
        best = max(cosines[passage] for passage in positives)
        limit = best - 0.1 * abs(best) + 1e-6  # the margin
        expected = [p for p in item.passages if p in positives or p in judged or cosines[p] <= limit]
        assert sorted(near[query].passages) == sorted(expected)
        top = max(OverlapReranker.logit(query, passage) for passage in positives)
        expected = [p for p in item.passages if p in positives or p in judged or OverlapReranker.logit(query, p) <= top]
        assert sorted(filtered[query].passages) == sorted(expected)
    assert sum(len(item.passages) for item in near.values()) < sum(len(item.passages) for item in plain.values())
    assert sum(len(item.passages) for item in filtered.values()) < sum(len(item.passages) for item in plain.values())


def test_an_index_without_terms_serves_too(tmp_path):
    index = build_index(DOCUMENTS, tmp_path / "index", encoder=ENCODER, reranker=None)
    retriever = DenseRetriever(index, ENCODER)
    of_all, of_near = (
        hard_negative_lists(JUDGED, TEXTS, retriever, HardNegativeOptions(depth=8, margin=margin))
        for margin in (None, 1.0)
    )
    assert all(len(item.passages) > 4 for item in of_all)
    assert sum(len(item.passages) for item in of_near) < sum(len(item.passages) for item in of_all)


@pytest.mark.parametrize(("options", "message"), [({"depth": 0}, "depth must be"), ({"margin": 0.0}, "margin mult")])
def test_mining_that_cannot_be_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        HardNegativeOptions(**options)


def test_held_out_quality_is_that_of_a_search_measured_by_ir_measures(retriever):
    """Against the pipeline itself, for every blend."""
    reranker = OverlapReranker()
    queries = judged_candidates(JUDGED, retriever, 15)
    quality = evaluate_blends(queries, reranker.score)
    ids = list(JUDGED.judged_ids)
    means = []
    for blend in BLENDS:
        with SearchPipeline(retriever, reranker, retrieve_k=15, rerank_k=15, top_k=15, blend=blend) as pipeline:
            answers = pipeline.search_batch([QUERIES[id_] for id_ in ids])
        run = {id_: [(r.document.id, r.score) for r in answer] for id_, answer in zip(ids, answers, strict=True)}
        qrels = {id_: JUDGED.qrels[id_] for id_ in ids}
        means.append(np.mean(list(per_query(("nDCG@10",), qrels, run)["nDCG@10"].values())))
    assert quality["stage_one"] == pytest.approx(means[0])
    assert quality["alone"] == pytest.approx(means[-1])
    assert quality["quality"] == pytest.approx(max(means))
    assert quality["blend"] == BLENDS[int(np.argmax(means))]


def test_lists_come_back_as_they_were_written(tmp_path):
    lists = TrainingLists(
        (RankingList("q", ("a", "b\u2028c"), (1.0, 0.0), (0.25, -0.1)), RankingList("r", ("b\u2028c",), (2.0,))),
        (RankingList("s", ("a",), (0.0,), (0.125,), (1, 2)), RankingList("t", (), ())),
    )
    write_lists(tmp_path / "folder" / "lists.jsonl", lists)
    assert read_lists(tmp_path / "folder" / "lists.jsonl") == lists
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["lists.jsonl"]
