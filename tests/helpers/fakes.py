"""Deterministic stand-ins for models: the same text always gives the same vector or score. They load in no time."""

import hashlib
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from bicross.index import ModelFingerprint
from bicross.rerank import run_cascade
from numpy.typing import NDArray


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@lru_cache(maxsize=1 << 14)
def direction(word: str, dimension: int) -> NDArray[np.float64]:
    """The direction of a word. To draw it takes longer than all the rest of an encoding."""
    return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(dimension)


class HashEncoder:
    """Adds a pseudo-random direction for each word, so texts that share words have similar vectors."""

    def __init__(self, dimension: int = 64, *, max_tokens: int = 32, name: str = "hash-encoder") -> None:
        self.max_tokens = max_tokens
        self.fingerprint = ModelFingerprint(
            id=name,
            revision="",
            weights_sha256=f"weights of {name}",
            tokenizer_sha256="words",
            dimension=dimension,
            pooling="sum",
            normalised=True,
            query_prompt="",
            document_prompt="",
            max_length=max_tokens,
            settings_sha256="words",
        )
        self.encoded: list[str] = []

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(queries)

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += passages
        return self._encode(passages)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(words(text)) for text in texts]

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.fingerprint.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in words(text)[: self.max_tokens] or [""]:
                vectors[row] += direction(word, vectors.shape[1])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class OverlapReranker:
    """The logit of a pair is the share of the query's words in the passage, minus a little for each other word."""

    def __init__(self, blend: float = 1.0) -> None:
        self.blend = blend
        self.calls: list[list[tuple[str, str]]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        self.calls.append(list(pairs))
        return np.array([self.logit(query, passage) for query, passage in pairs], np.float32)

    @staticmethod
    def logit(query: str, passage: str) -> float:
        query_words, passage_words = set(words(query)), words(passage)
        return 4.0 * len(query_words & set(passage_words)) / max(1, len(query_words)) - 0.01 * len(passage_words)


class WordVectorReranker:
    """Late interaction over words: a word has one vector, and a query word scores its best product in the passage."""

    def __init__(self, name: str = "word-vectors", *, blend: float = 0.5, dim: int = 16) -> None:
        self.name, self.blend, self.dim = name, blend, dim
        self.late_interaction_fingerprint = hashlib.sha256(f"{name} {dim}".encode()).hexdigest()
        self.computed: list[str] = []
        self.scored = 0

    def token_vectors(self, passages: Sequence[str]) -> list[NDArray[np.int8]]:
        self.computed += passages
        return [self._vectors(passage) for passage in passages]

    def score_token_vectors(self, pairs: Sequence[tuple[str, NDArray[np.int8]]]) -> NDArray[np.float32]:
        self.scored += len(pairs)
        return np.array([self.logit(query, vectors) for query, vectors in pairs], np.float32)

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        vectors = self.token_vectors([passage for _, passage in pairs])
        return self.score_token_vectors([(query, own) for (query, _), own in zip(pairs, vectors, strict=True)])

    def logit(self, query: str, vectors: NDArray[np.int8]) -> float:
        if not len(vectors):
            return -1.0
        products = self._vectors(query).astype(np.int64) @ vectors.astype(np.int64).T
        return float(products.max(axis=1).mean()) / 127**2 if len(products) else 0.0

    def _vectors(self, text: str) -> NDArray[np.int8]:
        drawn = [direction(word, self.dim) for word in words(text)]
        rows = [np.rint(127 * vector / np.linalg.norm(vector)).astype(np.int8) for vector in drawn]
        return np.array(rows, np.int8).reshape(-1, self.dim)


class ExitingReranker(OverlapReranker):
    """An ``OverlapReranker`` with exits, whose logits are the closer to its own the later the exit is."""

    exit_layers = (2, 4)
    exits_fingerprint = "exits"
    fingerprint = model_fingerprint = "overlap"

    def exit(self, layer: int, query: str, passage: str) -> float:
        noise = np.random.default_rng(zlib.crc32(f"{layer} {query} {passage}".encode())).normal()
        return self.logit(query, passage) + noise / layer

    def score_cascade(self, pairs, cascade, *, ranking_key=None):
        self.calls.append(list(pairs))

        def read(layer, rows):
            logits = [self.exit(layer, *pairs[row]) if layer else self.logit(*pairs[row]) for row in rows]
            return np.array(logits, np.float32)

        return run_cascade([query for query, _ in pairs], cascade, read, ranking_key=ranking_key)

    def score_cascade_tokens(self, pairs, cascade, *, ranking_key=None):
        raise AssertionError("it reads texts alone")


class ShortQueryReranker(OverlapReranker):
    """An ``OverlapReranker`` whose queries have at most ``limit`` words."""

    fingerprint = model_fingerprint = "short queries"

    def __init__(self, limit: int, *, cuts: bool = False) -> None:
        super().__init__()
        self.limit, self.cuts = limit, cuts

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        if self.cuts:
            pairs = [(" ".join(query.split()[: self.limit]), passage) for query, passage in pairs]
        assert not self.long_queries([query for query, _ in pairs])
        return super().score(pairs)

    def long_queries(self, queries: Sequence[str]) -> dict[int, str]:
        lengths = [len(query.split()) for query in queries]
        return {position: f"has {length} words" for position, length in enumerate(lengths) if length > self.limit}

    def cutting_queries(self) -> "ShortQueryReranker":
        return ShortQueryReranker(self.limit, cuts=True)
