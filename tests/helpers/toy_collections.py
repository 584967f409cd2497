"""Small documents with vectors and all stored columns, and an oracle that holds them: what an index must match."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import bm25s
import numpy as np
from bicross.index import Document, EmbeddedBatch, Passage, passage_text
from numpy.typing import DTypeLike, NDArray

from helpers.fakes import HashEncoder

DIMENSION = 16
TOKENIZER = "0123456789abcdef" * 4
ANALYZER = "words-1"
LATE_INTERACTION = "fedcba9876543210" * 4
STORED = {"tokenizer_fingerprint": TOKENIZER, "analyzer": ANALYZER, "late_interaction_fingerprint": LATE_INTERACTION}
"""What an index is made with that stores all columns."""
COLUMNS = {"tokens": np.uint16, "terms": True, "token_vectors": True}
"""What ``batch`` is given for such an index."""
TOKEN_DIM = 6
FINGERPRINT = HashEncoder(dimension=DIMENSION).fingerprint


def unit_vectors(rows: int, seed: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True)
class Record:
    """A document with the vectors of its passages, one character each."""

    document: Document
    vectors: NDArray[np.float32]


def record(number: int, version: int = 0, passages: int = 1) -> Record:
    metadata = {"number": number, "version": version, "even": number % 2 == 0}
    document = Document(f"d{number}", "abc"[:passages], f"title {number}.{version}", metadata)
    return Record(document, unit_vectors(passages, seed=1000 * number + version))


def ids_of(text: str) -> NDArray[np.uint16]:
    """Token ids: none, or a few."""
    rng = np.random.default_rng(zlib.crc32(text.encode()))
    return rng.integers(2**16, size=rng.integers(7), dtype=np.uint16)


def tokens_of(document: Document, passage: Passage) -> NDArray[np.uint16]:
    return ids_of(passage_text(document.title, passage.text))


def token_vectors_of_text(text: str, dim: int = TOKEN_DIM) -> NDArray[np.int8]:
    """Token vectors: none, or a few."""
    rng = np.random.default_rng(zlib.crc32(text.encode()))
    return rng.integers(-128, 128, size=(rng.integers(5), dim), dtype=np.int8)


def token_vectors_of(document: Document, passage: Passage) -> NDArray[np.int8]:
    return token_vectors_of_text(passage_text(document.title, passage.text))


def terms_of_text(text: str) -> list[str]:
    """Terms: none, or a few, some more common than others."""
    rng = np.random.default_rng(zlib.crc32(text.encode()))
    return [f"t{int(n)}" for n in rng.geometric(0.3, size=rng.integers(12))]


def terms_of(document: Document, passage: Passage) -> list[str]:
    return terms_of_text(passage_text(document.title, passage.text))


def batch(
    records: Iterable[Record],
    *,
    tokens: DTypeLike | None = None,
    terms: bool = False,
    token_vectors: bool = False,
) -> EmbeddedBatch:
    """With ``tokens``, the type of token ids, these too; and with the others, the terms and vectors of each passage."""
    records = list(records)
    passages = [[Passage(c, i, i + 1) for i, c in enumerate(r.document.text)] for r in records]
    vectors = [r.vectors for r in records]
    places = [(r.document, passage) for r, spans in zip(records, passages, strict=True) for passage in spans]
    return EmbeddedBatch(
        [r.document for r in records],
        passages,
        np.concatenate([*vectors, np.empty((0, DIMENSION), np.float32)]),
        None if tokens is None else [tokens_of(*place).astype(tokens) for place in places],
        [terms_of(*place) for place in places] if terms else None,
        [token_vectors_of(*place) for place in places] if token_vectors else None,
    )


class Oracle(dict[str, Record]):
    """What an index holds, and what it must find, by brute force."""

    def search(
        self, query: NDArray[np.float32], k: int, where: Callable[[Document], bool] = lambda document: True
    ) -> list[tuple[str, float]]:
        scores = {id_: float((r.vectors @ query).max()) for id_, r in self.items() if where(r.document)}
        return sorted(scores.items(), key=lambda result: -result[1])[:k]

    def passages(self) -> list[tuple[str, list[str]]]:
        """The id and the terms of every passage."""
        return [
            (id_, terms_of(r.document, Passage(c, i, i + 1)))
            for id_, r in self.items()
            for i, c in enumerate(r.document.text)
        ]

    def search_terms(
        self, query: list[str], where: Callable[[Document], bool] = lambda document: True
    ) -> dict[str, float]:
        """What bm25s says of the passages that are there; of each document with a term of the query the best."""
        passages = self.passages()
        if not any(terms for _, terms in passages):
            return {}
        oracle = bm25s.BM25(method="lucene", k1=0.9, b=0.4)
        oracle.index([terms for _, terms in passages], show_progress=False)
        indexed_terms = [term for term in query if term in oracle.vocab_dict]
        scores = oracle.get_scores(indexed_terms).tolist() if indexed_terms else [0.0] * len(passages)
        best: dict[str, float] = {}
        for (id_, terms), score in zip(passages, scores, strict=True):
            if where(self[id_].document) and set(terms) & set(query):
                best[id_] = max(score, best.get(id_, 0.0))
        return best


def oracle_of(records: Iterable[Record]) -> Oracle:
    return Oracle({record_.document.id: record_ for record_ in records})


TERM_QUERIES = [["t1"], ["t2", "t5", "t2", "nobody"], ["t9", "t1", "t3"], [], ["nobody"]]


def assert_same(index, oracle: Oracle, *, k: int = 5, seed: int = 0) -> None:
    """The index holds what the oracle holds, and finds the same for a few queries, with and without a filter."""
    assert len(index) == len(oracle)
    assert {document.id: document for document in index.documents()} == {i: r.document for i, r in oracle.items()}
    queries = unit_vectors(2, seed=seed + 777)
    for where, matches in [(None, lambda d: True), ("even and number < 8", even_below_eight)]:
        if where is not None and not oracle:
            continue  # an index without documents knows no field
        for query, hits in zip(queries, index.search(queries, k, where=where), strict=True):
            expected = oracle.search(query, k, matches)
            assert [hit.document.id for hit in hits] == [id_ for id_, _ in expected]
            np.testing.assert_allclose([hit.score for hit in hits], [score for _, score in expected], atol=1e-5)
            assert_tokens(index, hits)
        if index.analyzer:
            assert_terms(index, oracle, where, matches, k=k)


def assert_terms(index, oracle: Oracle, where=None, matches=lambda document: True, *, k: int = 5) -> None:
    """The same documents by their terms, with the scores that bm25s has in float32; ties may go either way there."""
    for query, hits in zip(TERM_QUERIES, index.search_terms(TERM_QUERIES, k, where=where), strict=True):
        expected = oracle.search_terms(query, matches)
        assert len(hits) == min(k, len(expected))
        scores = {hit.document.id: hit.score for hit in hits}
        np.testing.assert_allclose(list(scores.values()), [expected.pop(id_) for id_ in scores], atol=1e-5)
        assert max(expected.values(), default=0.0) <= min(scores.values(), default=np.inf) + 1e-5
        assert list(scores) == sorted(scores, key=lambda id_: (-scores[id_], id_))
        assert all((hit.lexical_score, hit.dense_score) == (hit.score, None) for hit in hits)
        assert all(set(query) & set(terms_of(hit.document, hit.passage)) for hit in hits)
        assert_tokens(index, hits)


def assert_tokens(index, hits) -> None:
    """Each hit has the token ids and token vectors of its passage, or none has any."""
    for hit in hits:
        if index.tokenizer_fingerprint:
            assert hit.tokens.tolist() == tokens_of(hit.document, hit.passage).tolist()
        else:
            assert hit.tokens is None
        if index.late_interaction_fingerprint:
            assert hit.token_vectors.dtype == np.int8
            assert hit.token_vectors.tolist() == token_vectors_of(hit.document, hit.passage).tolist()
        else:
            assert hit.token_vectors is None


def seen(index) -> object:
    """Everything that a reader sees of an index."""
    queries = unit_vectors(3, seed=5)
    hits = [*index.search(queries, 6), *index.search(queries, 4, where="even")]
    dense = [
        [(h.document.id, h.passage, h.score, _listed(h.tokens), _listed(h.token_vectors)) for h in line]
        for line in hits
    ]
    terms = index.search_terms(TERM_QUERIES, 6) if index.analyzer else []
    lexical = [[(hit.document.id, hit.passage, hit.score) for hit in line] for line in terms]
    return list(index.documents()), dense, len(index), lexical


def _listed(values: NDArray[np.generic] | None) -> object:
    return None if values is None else values.tolist()


def even_below_eight(document: Document) -> bool:
    return bool(document.metadata["even"]) and document.metadata["number"] < 8
