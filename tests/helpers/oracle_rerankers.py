"""A small collection with judged queries, and rerankers that know the judgments, or pretend to."""

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from bicross.index import Document
from bicross.pipelines import Judged
from numpy.typing import NDArray

from helpers.fakes import HashEncoder

VOCABULARY = [f"word{number}" for number in range(60)]
ENCODER = HashEncoder(dimension=32)
DOCUMENTS = 80


def documents(seed: int = 0) -> list[Document]:
    """Each text begins with the id of its document, so that a reranker can read the id."""
    random = np.random.default_rng(seed)
    return [
        Document(f"doc{number:02}", f"doc{number:02} " + " ".join(random.choice(VOCABULARY, 6)))
        for number in range(DOCUMENTS)
    ]


def judged(queries: int = 60, *, seed: int = 1, grades: int = 1) -> Judged:
    """Queries made of three words of a relevant document; further documents are relevant too."""
    random, texts, qrels = np.random.default_rng(seed), {}, {}
    collection = documents()
    for number in range(queries):
        own = collection[int(random.integers(DOCUMENTS))]
        words = random.choice(own.text.split()[1:], 3)
        texts[f"q{number}"] = f"query{number} " + " ".join(words)
        others = random.choice(DOCUMENTS, 3, replace=False)
        qrels[f"q{number}"] = {f"doc{other:02}": int(random.integers(0, grades + 1)) for other in others}
        qrels[f"q{number}"][own.id] = grades
    return Judged("words", texts, qrels)


class KnowingReranker:
    """The logit is what ``judge`` says of the text of a query and the id of a document."""

    def __init__(self, judge: Callable[[str, str], float], *, fingerprint: str, blend: float = 1.0) -> None:
        self.judge, self.fingerprint, self.blend = judge, fingerprint, blend
        self.model_fingerprint = fingerprint
        self.pairs = 0

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        self.pairs += len(pairs)
        return np.array([self.judge(query, passage.split()[0]) for query, passage in pairs], np.float32)


def noise(query: str, document: str) -> float:
    """Noise: a number that is the same at each call."""
    return float(np.random.default_rng(zlib.crc32(f"{query}|{document}".encode())).normal())


def oracle(judged: Judged, *, sign: float = 1.0, strength: float = 4.0) -> KnowingReranker:
    """Scores relevant documents high, or low with ``sign=-1``, with some noise."""
    grades = {judged.queries[query_id]: grades_of_query for query_id, grades_of_query in judged.qrels.items()}

    def judge(query: str, document: str) -> float:
        return sign * strength * grades.get(query, {}).get(document, 0) + noise(query, document)

    return KnowingReranker(judge, fingerprint=f"oracle {sign} {strength}")


def guesser() -> KnowingReranker:
    """Scores by noise alone."""
    return KnowingReranker(noise, fingerprint="guesser")
