"""Makes the golden indexes: small ones as this version of bicross writes them, for later versions to open.

    python tests/index/make_golden.py FOLDER

writes ``exact-FORMAT``, ``trained-FORMAT``, ``tokens-FORMAT``, ``terms-FORMAT`` and ``vectors-FORMAT``, each with what
opening and searching it must give, into FOLDER; those that are checked in lie in ``golden/`` beside this file. Run it
once for a new FORMAT_VERSION; never change the indexes of an older one: that they can still be read, or are refused by
name, is what they are for.
Documents, vectors, token ids and names are the same in every run; only the times of the commits differ.
"""

import itertools
import json
import sys
import uuid
from pathlib import Path
from unittest import mock

import numpy as np
from bicross.index import Document, EmbeddedBatch, Index, ModelFingerprint, Passage, VectorLayout
from bicross.index.manifest import FORMAT_VERSION
from numpy.typing import NDArray

DIMENSION = 16
MODEL = ModelFingerprint(
    id="golden/encoder",
    revision="1",
    weights_sha256="0123456789abcdef" * 4,
    tokenizer_sha256="fedcba9876543210" * 4,
    dimension=DIMENSION,
    pooling="mean",
    normalised=True,
    query_prompt="query: ",
    document_prompt="",
    max_length=256,
)
TOKENIZER = "0f1e2d3c4b5a6978" * 4
ANALYZER = "golden-1"
LATE_INTERACTION = "8796a5b4c3d2e1f0" * 4
SETTINGS = {"blend": 0.25, "curve": [[0.0, 0.5], [1.0, None]], "name": "é"}
TRAINED = "PQ8x4fs,Refine(SQ8)"
WORDS = ["plain", "ünïcödé", "漢字", "🎉", "tab\tand\nnewline", '"quoted"', "\\", "\u202etfel", "é", "e\u0301"]
FILTERS = [None, "year >= 2010", "source == 'b' and score < 0.5", "'x' in tags", "note is None"]


def vectors(rows: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors around eight centres."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(8).standard_normal((8, DIMENSION))
    scattered = centres[rng.integers(8, size=rows)] + 0.4 * rng.standard_normal((rows, DIMENSION))
    return (scattered / np.linalg.norm(scattered, axis=1, keepdims=True)).astype(np.float32)


def document(number: int, version: int = 0) -> Document:
    words = [WORDS[(number + i) % len(WORDS)] for i in range(4)]
    metadata = {
        "year": 2000 + number % 20,
        "score": number / 100,
        "source": "abc"[number % 3],
        "even": number % 2 == 0,
        "tags": ["x", "y"][: number % 3],
        "nested": {"list": [1, None, {"deep": words[0]}]},
        "version": version,
    }
    if number % 4 == 0:
        metadata["note"] = words[1]
    return Document(f"doc-{number:03}", " ".join(words), f"title {number}" if number % 5 else "", metadata)


def batch(
    numbers: range, version: int = 0, *, tokens: bool = False, terms: bool = False, token_vectors: bool = False
) -> EmbeddedBatch:
    """Documents of one passage or two; code points are token ids and vectors, and words are terms."""
    documents = [document(number, version) for number in numbers]
    passages: list[list[Passage]] = []
    for made in documents:
        middle = len(made.text) // 2
        spans = [(0, middle), (middle, len(made.text))] if made.metadata["year"] % 3 == 0 else [(0, len(made.text))]
        passages.append([Passage(made.text[start:end], start, end) for start, end in spans])
    texts = [passage.text for of_document in passages for passage in of_document]
    ids = [token_ids(text) for text in texts] if tokens else None
    made = vectors(sum(map(len, passages)), seed=numbers.start + 1000 * version)
    words = [text.split() for text in texts] if terms else None
    return EmbeddedBatch(documents, passages, made, ids, words, [*map(vectors_of, texts)] if token_vectors else None)


def token_ids(text: str) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """As narrow as the text allows, so that segments of both kinds come to be."""
    points = np.array([ord(character) for character in text], np.uint32)
    return points.astype(np.uint16) if (points < 2**16).all() else points


def vectors_of(text: str) -> NDArray[np.int8]:
    """Token vectors of three dimensions: the bytes of the code points. A text of one character or none has none."""
    points = np.array([ord(character) for character in text[1:]], np.uint32).astype("<u4")
    return points.view(np.int8).reshape(-1, 4)[:, :3]


def exact(path: Path) -> None:
    """Two segments, both with deletions, an upsert, and four older generations."""
    index = Index.create(path, MODEL, batches=[batch(range(30))])
    index.add([batch(range(30, 50))])
    index.upsert([batch(range(4, 6), version=1)])
    index.delete(["doc-007", "doc-031"])
    index.delete(where="year == 2013")


def trained(path: Path) -> None:
    """A quantiser, a segment of 120 documents with deletions, and one that was added with that quantiser."""
    index = Index.create(path, MODEL, layout=VectorLayout(TRAINED), batches=[batch(range(120))])
    index.delete(["doc-010", "doc-020"])
    index.add([batch(range(120, 140))])


def tokens(path: Path) -> None:
    """As ``exact``, with token ids, in segments of both types."""
    index = Index.create(path, MODEL, tokenizer_fingerprint=TOKENIZER, batches=[batch(range(1, 3), tokens=True)])
    index.add([batch(range(3, 30), tokens=True)])
    index.upsert([batch(range(4, 6), version=1, tokens=True)])
    index.delete(["doc-007"])


def terms(path: Path) -> None:
    """As ``exact``, with terms and with settings."""
    index = Index.create(path, MODEL, analyzer=ANALYZER, batches=[batch(range(30), terms=True)])
    index.add([batch(range(30, 50), terms=True)])
    index.upsert([batch(range(4, 6), version=1, terms=True)])
    index.set_settings(SETTINGS)
    index.delete(["doc-007", "doc-031"])


def vectors_too(path: Path) -> None:
    """As ``exact``, with token ids, terms and token vectors."""
    stored = {
        "tokenizer_fingerprint": TOKENIZER,
        "analyzer": ANALYZER,
        "late_interaction_fingerprint": LATE_INTERACTION,
    }
    columns = {"tokens": True, "terms": True, "token_vectors": True}
    index = Index.create(path, MODEL, batches=[batch(range(30), **columns)], **stored)
    index.add([batch(range(30, 50), **columns)])
    index.upsert([batch(range(4, 6), version=1, **columns)])
    index.delete(["doc-007"])


def observed(index: Index) -> dict[str, object]:
    """Everything that a reader sees of an index, as JSON."""
    answers = [
        [
            [(hit.document.id, hit.passage.start, hit.passage.end, hit.score) for hit in line]
            for line in index.search(vectors(4, seed=77), 10, where=where)
        ]
        for where in FILTERS
    ]
    documents = [(d.id, d.title, d.text, dict(d.metadata)) for d in index.documents()]
    observations = {"documents": documents, "generation": index.generation, "found": answers}
    if index.tokenizer_fingerprint:
        hits = [hit for line in index.search(vectors(4, seed=77), 10) for hit in line]
        observations["tokens"] = [hit.tokens.tolist() for hit in hits if hit.tokens is not None]
    if index.late_interaction_fingerprint:
        hits = [hit for line in index.search(vectors(4, seed=77), 10) for hit in line]
        observations["token vectors"] = [hit.token_vectors.tolist() for hit in hits if hit.token_vectors is not None]
    if index.analyzer:
        queries = [[word] for word in WORDS]
        lines = index.search_terms(queries, 10)
        observations["terms"] = [
            [(h.document.id, h.passage.start, h.passage.end, h.score) for h in line] for line in lines
        ]
        observations["settings"] = index.settings
    return json.loads(json.dumps(observations))


INDEXES = {"exact": exact, "trained": trained, "tokens": tokens, "terms": terms, "vectors": vectors_too}


def make(folder: Path) -> None:
    for name, make_index in INDEXES.items():
        path = folder / f"{name}-{FORMAT_VERSION}"
        names = (uuid.UUID(int=number) for number in itertools.count(1))
        with mock.patch("uuid.uuid4", lambda names=names: next(names)):
            make_index(path)
        text = json.dumps(observed(Index.open(path)), sort_keys=True)
        (folder / f"{path.name}.json").write_text(text + "\n", "utf-8")
        for lock in ("LOCK", "COMPACTING"):
            (path / lock).unlink(missing_ok=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
