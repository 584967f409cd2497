"""The analyzer, BM25 and the hybrid over texts: what bm25s and numpy say of a toy collection, by brute force."""

from concurrent.futures import ThreadPoolExecutor

import bm25s
import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexModelMismatch
from bicross.index import BM25, Document, Index
from bicross.pipelines import build_index, index_terms
from bicross.retrieval import (
    ANALYZER,
    DenseRetriever,
    HybridRetriever,
    LexicalRetriever,
    NormalisedSum,
    ReciprocalRank,
    Retriever,
    TermShare,
    TokenRetriever,
    analyse,
    fusion_of_query,
)
from helpers.fakes import HashEncoder

ENCODER = HashEncoder()
SUBJECTS = ["Volcanoes", "Vaccines", "Glaciers", "The stock market", "Bridges", "Running shoes"]
VERBS = ["were studied", "are running out", "run", "erupted", "were measured twice", "will surely collapse"]
PLACES = ["in Iceland", "near the sea", "by running engineers", "of the last century", "and nowhere else"]
DOCUMENTS = [
    Document(f"d{n:02}", f"{VERBS[n % 6]} {PLACES[n % 5]}. " * (1 + n % 3), SUBJECTS[n * 7 % 6], {"even": n % 2 == 0})
    for n in range(40)
]
QUERIES = [
    "Do volcanoes run?",
    "measured bridges",
    "the sea near Iceland",
    "engineer",
    "and the of",
    "unheard-of words",
]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_index(
        DOCUMENTS, tmp_path_factory.mktemp("lexical") / "i", encoder=ENCODER, reranker=None, lexical=True
    )


def ids(hits):
    return [hit.document.id for hit in hits]


def brute_force(query, documents=DOCUMENTS):
    """Dense and lexical score of each document."""
    texts = [document.passage for document in DOCUMENTS]
    oracle = bm25s.BM25(method="lucene", k1=0.9, b=0.4)
    oracle.index(analyse(texts), show_progress=False)
    terms = [term for term in analyse([query])[0] if term in oracle.vocab_dict]
    lexical = oracle.get_scores(terms) if terms else np.zeros(len(texts))
    dense = ENCODER.encode_documents(texts) @ ENCODER.encode_queries([query])[0]
    return {d.id: (float(a), float(b)) for d, a, b in zip(DOCUMENTS, dense, lexical, strict=True) if d in documents}


# The analyzer


def test_what_the_analyzer_makes_of_text_is_bound_to_its_name():
    """Where this test fails, indexes that were built before no longer match: give the analyzer another name."""
    assert ANALYZER == "bm25s-english-3"
    text = "The COVID-19 vaccines' studies weren't running; naïve Café 2021, state-of-the-art: a I x 漢字 e\u0301tude"
    assert [sorted(set(analyse([text])[0]))] == [
        [
            "19",
            "2021",
            "art",
            "café",
            "covid",
            "naïv",
            "run",
            "state",
            "studi",
            "vaccin",
            "weren",
            "étude",
            "漢字",
        ]
    ]
    assert analyse(["run ran running runs", "", "and the", "b"]) == [["run", "ran", "run", "run"], [], [], []]
    assert analyse([]) == []


def test_each_text_has_the_terms_that_it_has_alone_in_any_thread():
    texts = [document.passage for document in DOCUMENTS]
    together = analyse(texts)
    assert together == [analyse([text])[0] for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(analyse, [texts] * 8)) == [together] * 8


# Retrievers


@pytest.mark.parametrize("k", [1, 7, 100])
def test_the_lexical_retriever_is_bm25s(index, k):
    for query, hits in zip(QUERIES, LexicalRetriever(index).retrieve(QUERIES, k), strict=True):
        expected = {id_: score for id_, (_, score) in brute_force(query).items() if score > 0}
        assert len(hits) == min(k, len(expected))
        assert [hit.score for hit in hits] == pytest.approx(sorted(expected.values(), reverse=True)[:k], abs=1e-5)
        assert [hit.score for hit in hits] == pytest.approx([expected[id_] for id_ in ids(hits)], abs=1e-5)
    assert ids(LexicalRetriever(index).retrieve(["and the of"], k)[0]) == []


@pytest.mark.parametrize("weights", [BM25(), BM25(k1=0.0), BM25(k1=3.0, b=1.0)])
def test_a_hit_of_both_searches_knows_the_limit_of_its_query(index, weights):
    """The score of a passage with every term countless times, which is the sum of the rarities of the terms."""
    passages, queries = [set(analyse([d.passage])[0]) for d in DOCUMENTS], [*QUERIES, "the unknown unknown word", "of"]
    lines = HybridRetriever(index, ENCODER, weights=weights).candidates(queries, 6)
    for query, hits in zip(queries, lines, strict=True):
        having = [sum(term in passage for passage in passages) for term in analyse([query])[0]]
        limit = sum(np.log1p((len(passages) - n + 0.5) / (n + 0.5)) for n in having)
        assert [hit.lexical_limit for hit in hits] == pytest.approx([limit] * len(hits))
        assert all(hit.lexical_score <= limit for hit in hits)


def test_weights_are_used(index):
    [hits] = LexicalRetriever(index, weights=BM25(k1=0.0)).retrieve(["engineer"], 50)
    assert len({hit.score for hit in hits}) == 1


@pytest.mark.parametrize("where", [None, "even"])
@pytest.mark.parametrize("fusion", [NormalisedSum(), NormalisedSum(0.7), ReciprocalRank(), TermShare()], ids=repr)
def test_the_hybrid_is_a_fusion_of_complete_scores(index, fusion, where):
    k = 6
    documents = [d for d in DOCUMENTS if where is None or d.metadata["even"]]
    retriever = HybridRetriever(index, ENCODER, fusion=fusion)
    for query, hits, hybrid_hits in zip(
        QUERIES,
        retriever.candidates(QUERIES, k, where=where),
        retriever.retrieve(QUERIES, k, where=where),
        strict=True,
    ):
        scores = brute_force(query, documents)
        dense = sorted(scores, key=lambda id_: -scores[id_][0])[:k]
        least = sorted((score for _, score in scores.values()), reverse=True)[k - 1]
        certain = {id_ for id_, (_, score) in scores.items() if score > max(0.0, least + 1e-5)}
        assert {*dense, *certain} <= {*ids(hits)}
        assert len(hits) <= 2 * k
        assert all(id_ in dense or scores[id_][1] >= max(1e-9, least - 1e-5) for id_ in ids(hits))
        for hit in hits:
            assert (hit.dense_score, hit.lexical_score) == pytest.approx(scores[hit.document.id], abs=1e-5)
        of_this_query = fusion_of_query(fusion, hits[0].lexical_limit)
        fused = of_this_query.fuse(*np.array([(hit.dense_score, hit.lexical_score) for hit in hits], np.float64).T)
        expected = sorted(
            zip(fused.tolist(), hits, strict=True),
            key=lambda scored: (-scored[0], -scored[1].dense_score, scored[1].document.id),
        )
        assert ids(hybrid_hits) == ids(hit for _, hit in expected[:k])
        assert [hit.score for hit in hybrid_hits] == [score for score, _ in expected[:k]]


@pytest.mark.parametrize("k", [3, 50])
def test_without_lexical_weight_it_is_the_dense_retriever(index, k):
    dense = DenseRetriever(index, ENCODER).retrieve(QUERIES, k)
    hybrid = HybridRetriever(index, ENCODER, fusion=NormalisedSum(0.0)).retrieve(QUERIES, k)
    assert [ids(hits) for hits in hybrid] == [ids(hits) for hits in dense]


@pytest.mark.parametrize("k", [3, 50])
def test_with_all_weight_it_is_the_lexical_retriever_and_then_the_dense_one(index, k):
    dense, lexical = DenseRetriever(index, ENCODER), LexicalRetriever(index)
    hybrid = HybridRetriever(index, ENCODER, fusion=NormalisedSum(1.0)).retrieve(QUERIES, k)
    for hits, first, dense_hits in zip(hybrid, lexical.retrieve(QUERIES, k), dense.retrieve(QUERIES, k), strict=True):
        assert [hit.lexical_score for hit in hits][: len(first)] == [hit.score for hit in first]
        remaining = [id_ for id_ in ids(dense_hits) if id_ not in ids(first)][: k - len(first)]
        assert ids(hits)[len(first) :] == remaining


def test_all_are_retrievers_with_token_ids(index):
    for retriever in (LexicalRetriever(index), HybridRetriever(index, ENCODER), DenseRetriever(index, ENCODER)):
        typed: Retriever = retriever
        assert isinstance(typed, TokenRetriever)
        assert typed.tokenizer == index.tokenizer_fingerprint
        assert typed.retrieve([], 3) == []


def test_hits_may_have_several_passages(tmp_path):
    long = [Document(f"d{n}", f"Volcano number {n} erupts. " * 30) for n in range(4)]
    index = build_index(long, tmp_path / "i", encoder=ENCODER, reranker=None, lexical=True)
    for retriever in (DenseRetriever(index, ENCODER, passages=3), HybridRetriever(index, ENCODER, passages=3)):
        [hits] = retriever.retrieve(["a volcano"], 4)
        assert [len({hit.passage, *(other.passage for other in hit.others)}) for hit in hits] == [3] * 4


def test_an_empty_index(tmp_path):
    empty = build_index([], tmp_path / "i", encoder=ENCODER, reranker=None, lexical=True)
    for retriever in (LexicalRetriever(empty), HybridRetriever(empty, ENCODER)):
        assert retriever.retrieve(["a query"], 3) == [[]]


def test_an_index_without_terms_is_an_error_that_says_what_to_do(tmp_path):
    plain = build_index(DOCUMENTS[:3], tmp_path / "i", encoder=ENCODER, reranker=None, lexical=False)
    for retriever in (LexicalRetriever(plain), HybridRetriever(plain, ENCODER)):
        with pytest.raises(ArgumentError, match="keeps no terms to search for; make them with `bicross index-terms"):
            retriever.retrieve(["sea"], 3)


def test_an_analyzer_that_is_unknown_is_an_error_when_it_is_needed(tmp_path):
    path = tmp_path / "i"
    build_index(DOCUMENTS[:3], path, encoder=ENCODER, reranker=None)
    Index.open(path).index_terms("bm25s-klingon-1", analyse)
    opened = Index.open(path)
    assert len(DenseRetriever(opened, ENCODER).retrieve(["sea"], 3)[0]) == 3
    for retriever in (LexicalRetriever(opened), HybridRetriever(opened, ENCODER)):
        with pytest.raises(IndexModelMismatch, match=r"analyzer 'bm25s-klingon-1', which .*index-terms .* --language"):
            retriever.retrieve(["sea"], 3)
    opened.index_terms(ANALYZER, analyse)
    assert LexicalRetriever(opened).retrieve(["Iceland"], 3)[0]


def test_the_hybrid_takes_no_other_encoder(index):
    with pytest.raises(IndexModelMismatch):
        HybridRetriever(index, HashEncoder(name="another"))


def test_queries_are_analysed_as_the_generation_was_also_after_a_rollback(tmp_path):
    documents = [Document("a", "Die Häuser stehen leer"), Document("b", "houses are standing")]
    build_index(documents, tmp_path / "i", encoder=ENCODER, reranker=None, lexical="snowball-german-1")
    index_terms(tmp_path / "i", analyzer="unicode-1")
    index = Index.open(tmp_path / "i")
    for retriever in (LexicalRetriever(index), HybridRetriever(index, ENCODER, fusion=NormalisedSum(1.0))):
        [hits] = retriever.retrieve(["Haus"], 1)
        assert not hits or not hits[0].lexical_score
    retrievers = LexicalRetriever(index), HybridRetriever(index, ENCODER, fusion=NormalisedSum(1.0))
    index.rollback(1)
    assert index.analyzer == "snowball-german-1"
    for retriever in retrievers:
        [[hit]] = retriever.retrieve(["Haus"], 1)
        assert (hit.document.id, hit.lexical_score > 0) == ("a", True)
